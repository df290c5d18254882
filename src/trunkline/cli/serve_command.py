"""`trunkline serve`: a service of one's own, or one to try things with."""

from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from .command import Command, Example, Section
from .options import Count, Seconds
from .starting import say
from .tables import goes_to_terminal
from .target import PLACES, Target, parse_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..servers import Supervisor
    from ..sockets.passive_socket import PassiveSocket
    from ..tls import TLS
    from .control.serving import Control
    from .serve.handlers import Found

__all__ = ("serve",)

SERVICES = Section(
    "Services",
    (
        ("echo", "Sends back what it gets."),
        ("discard", "Takes everything, and says nothing."),
        ("daytime", "Says what time it is."),
        ("chargen", "Sends lines for as long as somebody takes them."),
        ("module:function", "A handler of yours, called with each connection, in a thread."),
        ("", "An async function is awaited in a task."),
        ("module:Class", "A protocol of yours: its callbacks are called."),
    ),
)

EXAMPLES = (
    Example("trunkline serve echo 9999", "Send back what comes, to this machine only."),
    Example(
        "trunkline serve chat:handle '*:7000' --workers 4 --max-connections 500",
        "Serve everybody by `handle` in chat.py, in four processes.",
    ),
    Example(
        "trunkline serve chat:handle '*:7001' --tls-cert server.pem",
        "The same by TLS, with a certificate and its key.",
    ),
    Example("trunkline serve chat:handle 7000 --stats 2> log", "Show what it does meanwhile."),
    Example("trunkline serve discard unix:/tmp/hole", "Take everything at a local socket."),
    Example("trunkline serve chat:handle --activate", "Serve where systemd listens."),
    Example(
        "trunkline serve chat:handle '*:7000' --metrics 9100",
        "Have Prometheus scrape http://localhost:9100/metrics.",
    ),
    Example(
        "trunkline serve chat:handle 7000 --log json 2> log",
        "Log each connection that does not end well, for programs.",
    ),
)


@click.command(cls=Command, sections=(SERVICES, Section("Addresses", PLACES)), examples=EXAMPLES)
@click.argument("service")
@click.argument("addresses", nargs=-1, metavar="[ADDRESS]...")
@click.option("--workers", type=Count(), default=1, help="How many processes. Default: 1.")
@click.option("--threads", type=Count(), help="At most so many in a process, used again.")
@click.option(
    "--max-connections", type=Count(), default=1000, help="At once in a process. Default: 1000."
)
@click.option(
    "--drain", type=Seconds(), default=10.0, help="For the clients in the end. Default: 10."
)
@click.option("--tls-cert", type=click.Path(), help="Speak TLS, with that certificate (PEM).")
@click.option("--tls-key", type=click.Path(), help="The key, if it is in a file of its own.")
@click.option(
    "--proxy-protocol",
    "proxies",
    multiple=True,
    metavar="NETWORK",
    help="Believe proxies there who say for whom they connect, as 10.0.0.0/8.",
)
@click.option("--activate", is_flag=True, help="Take the sockets that a service manager opened.")
@click.option("--stats", is_flag=True, help="Show what it does, as `trunkline top`.")
@click.option("--metrics", metavar="ADDRESS", help="Let Prometheus scrape /metrics there.")
@click.option(
    "--log", type=click.Choice(["text", "json"]), help="Tell all that happens, not only what fails."
)
def serve(service: str, addresses: tuple[str, ...], **options: Any) -> None:
    """Serve SERVICE at ADDRESS, which is printed.

    Ctrl-C, or SIGTERM, lets the clients finish, and ends it with status 0; a second one cuts them
    off. A worker process that dies is replaced, and SIGHUP replaces all of them. `trunkline top`
    shows what it does.
    """
    from .serve.handlers import find_handler
    from .serve.log import start_logging
    from .serve.plan import Plan, make_supervisor
    from .serve.stats import showing_stats

    try:
        places = [parse_place(each) for each in addresses]
        found = find_handler(service)
        _check(found, places, options)
        plan = Plan(
            found=found,
            places=places,
            activate=options["activate"],
            workers=options["workers"],
            threads=options["threads"],
            max_connections=options["max_connections"],
            drain=options["drain"],
            tls=_tls(options),
            proxies=options["proxies"],
        )
        supervisor = make_supervisor(plan)
    except (TypeError, ValueError) as error:
        raise click.UsageError(str(error)) from None
    start_logging(options["log"])
    with supervisor:
        metrics = _serve_metrics(supervisor, found.name, options["metrics"])
        _announce(supervisor.sockets)
        for socket in metrics:
            click.echo(f"metrics at {socket.local_name}")
        control = _open_control(supervisor, found.name)
        with showing_stats(supervisor, control) if options["stats"] else nullcontext():
            supervisor.run()


def _check(found: "Found", places: list[Target], options: dict[str, Any]) -> None:
    """Refuse options that do not go together, or not with such a handler."""
    if not (places or options["activate"]):
        raise click.UsageError("where to listen? Say a port, like 9999, or another address.")
    if options["threads"] and found.kind != "threads":
        raise click.UsageError(f"--threads is for handlers of threads, and {found.name} is none")
    if options["proxies"] and found.kind == "callbacks":
        raise click.UsageError(f"--proxy-protocol is for functions, and {found.name} is a class")
    if options["stats"] and not goes_to_terminal():
        raise click.UsageError("--stats is for a terminal: `trunkline top` looks from elsewhere")
    if options["tls_key"] and not options["tls_cert"]:
        raise click.UsageError("--tls-key belongs to a certificate: say --tls-cert")


def _tls(options: dict[str, Any]) -> "TLS | None":
    if options["tls_cert"] is None:
        return None
    from ..tls import TLS

    tls = TLS(certificate=options["tls_cert"], key=options["tls_key"])
    tls.context(server_side=True)  # what is wrong with its files is told before anything else
    return tls


def _open_control(supervisor: "Supervisor", name: str) -> "Control":
    from .control.serving import Control

    control = Control(supervisor, name)
    try:
        control.listen()
    except OSError as error:
        say(f"`trunkline top` cannot look at this: {error}")
    return control


def _serve_metrics(
    supervisor: "Supervisor", name: str, address: str | None
) -> "Sequence[PassiveSocket]":
    if address is None:
        return ()
    from ..metrics import serve_metrics

    try:
        place = parse_place(address)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    if place.kind == "local":
        return serve_metrics(supervisor, name=name, path=place.address)
    return serve_metrics(supervisor, name=name, host=str(place.host), port=place.port)


def _announce(sockets: "Sequence[PassiveSocket]") -> None:
    for socket in sockets:
        click.echo(f"listening at {socket.local_name}")
