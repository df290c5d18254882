"""`trunkline bench`: load on a service of one's own, and how long its answers take."""

from typing import TYPE_CHECKING, Any

import click

from .checked_tls import checked_tls
from .command import Command, Example, Section
from .exit_status import ExitStatus
from .options import Count, Seconds
from .target import FORMS, BadTarget, Target, parse_target

if TYPE_CHECKING:
    from .bench.load import Counts, Plan

__all__ = ("bench",)

PROTOCOLS = Section(
    "Protocols",
    (
        ("echo", "Bytes are sent, and the same ones come back."),
        ("lines", "A line is sent, and a line comes back."),
        ("http", "A page is asked for, again and again on the same connection."),
    ),
)

TARGETS = Section(
    "Targets", [(form, what) for form, what in FORMS if not form.startswith(("udp:", "srv:"))]
)

EXAMPLES = (
    Example("trunkline bench localhost:9999", "Ask an echo server 1000 times a second."),
    Example(
        "trunkline bench localhost:7000 --protocol lines --rate 5000 --connections 100",
        "Ask a service of lines more often, on more connections.",
    ),
    Example(
        "trunkline bench localhost:8000 --protocol http --path /page --svg page.svg",
        "Ask for a page, and draw a picture of how long that takes.",
    ),
    Example("trunkline bench localhost:9999 --json | jq .latency.p99", "For programs."),
)


@click.command(cls=Command, sections=(PROTOCOLS, TARGETS), examples=EXAMPLES)
@click.argument("target")
@click.argument("port", required=False)
@click.option(
    "--protocol",
    type=click.Choice([name for name, _ in PROTOCOLS.rows]),
    default="echo",
    help="What is said. Default: echo.",
)
@click.option("--connections", type=Count(), default=10, help="How many. Default: 10.")
@click.option("--rate", type=Count(), default=1000, help="Messages a second. Default: 1000.")
@click.option("--duration", type=Seconds(), default=10.0, help="Default: 10.")
@click.option("--size", type=Count(), default=64, help="Bytes of a message. Default: 64.")
@click.option("--path", default="/", help="What to ask for by HTTP. Default: /.")
@click.option("--timeout", type=Seconds(), default=5.0, help="For an answer. Default: 5.")
@click.option("--ca", type=click.Path(), help="Believe the authorities in that file (PEM).")
@click.option("--insecure", is_flag=True, help="Believe any certificate.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the whole histogram.")
@click.option("--svg", "picture", type=click.Path(dir_okay=False), help="Draw it, in that file.")
def bench(
    target: str, port: str | None, as_json: bool, picture: str | None, **options: Any
) -> None:
    """Put load on TARGET, and tell how long its answers take.

    When each message is to go is fixed beforehand, evenly, and its latency counts from then: a
    server that stalls is not asked less, and all who would have waited are counted. Each connection
    waits for an answer before it sends the next message. It ends with status 1 if there were
    errors.
    """
    from .bench.result import Result

    where = _target(target, port)
    plan = _plan(where, options)
    counts, is_interrupted = _run(plan)
    result = Result(
        str(where),
        options["protocol"],
        plan.connections,
        plan.rate,
        plan.duration,
        options["size"],
        counts,
    )
    if as_json:
        import json

        click.echo(json.dumps(result.plain(), indent=2))
    else:
        for line in result.lines():
            click.echo(line)
    if picture is not None:
        from pathlib import Path

        from .bench.svg import svg

        Path(picture).write_text(svg(result), encoding="utf-8")
    if is_interrupted:
        raise click.exceptions.Exit(ExitStatus.INTERRUPTED)
    if counts.errors or not counts.answered:
        raise click.exceptions.Exit(ExitStatus.FAILED)


def _target(text: str, port: str | None) -> Target:
    try:
        target = parse_target(text, port)
    except BadTarget as error:
        raise click.UsageError(str(error)) from None
    if target.kind not in ("tcp", "local"):
        raise click.UsageError(f"{text}: load is put on a connection: host:port, or unix:path")
    return target


def _plan(target: Target, options: dict[str, Any]) -> "Plan":
    from .bench.exchanges import exchange_maker
    from .bench.load import Plan
    from .connect.dialling import connect_options
    from .connect.settings import Settings

    if (options["ca"] or options["insecure"]) and not target.tls:
        raise click.UsageError(f"--ca and --insecure are for TLS: write tls:{target}")
    if target.tls and target.kind == "local" and not options["insecure"]:
        raise click.UsageError("whom to expect at a local socket is not known: --insecure")
    family, where = connect_options(Settings(target=target), target)
    if target.tls:
        where["tls"] = checked_tls(
            server_side=False,
            authorities=options["ca"],
            verify=not options["insecure"],
            resume=False,
        )
    host = "localhost" if target.kind == "local" else str(target).removeprefix("tls:")
    path = options["path"]
    if not (path.startswith("/") and path.isascii() and path.isprintable() and " " not in path):
        raise click.UsageError(f"--path {path!r} is no path, like /index.html")
    return Plan(
        family=family,
        options=where,
        make_exchange=exchange_maker(options["protocol"], options["size"], host, path),
        connections=options["connections"],
        rate=options["rate"],
        duration=options["duration"],
        timeout=options["timeout"],
    )


def _run(plan: "Plan") -> "tuple[Counts, bool]":
    """Put the load on, and return what came of it, and whether Ctrl-C has ended it."""
    from ..multiplex import EventBase
    from .bench.load import Load

    with EventBase() as base:
        load = Load(base, plan, _warn_of_others)
        try:
            load.run()
        except KeyboardInterrupt:
            return load.counts, True
        return load.counts, False


def _warn_of_others(name: Any) -> None:
    """Say that it is somebody else's machine, unless it is ours."""
    from ..addresses import Endpoint
    from .starting import say

    if isinstance(name, Endpoint) and not name.host.is_loopback:
        say(f"{name} is another machine, perhaps somebody else's: this is load for it")
