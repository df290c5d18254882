"""`trunkline serve`: a service of one's own, or one to try things with."""

import os
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import click

from .as_usual import SERVE
from .checked_tls import checked_tls
from .command import Command, Example, Section
from .completing import service_words, services
from .options import Count, Seconds
from .starting import say
from .tables import goes_to_terminal
from .target import PLACES, Target, parse_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..servers import Supervisor
    from ..sockets.datagrams import DatagramSocket
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
        ("http DIR", "A directory by HTTP, at localhost:8000 if nothing is said; to be read only."),
        (
            "proxy TARGET",
            "Hands everything on to TARGET, written as for trunkline connect; "
            "datagrams if it is udp:host:port.",
        ),
        ("exec COMMAND", "A process for each connection, which reads and writes there."),
        ("repl", "Python, for whoever is on this machine; a local socket is for you alone."),
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
    Example("trunkline serve http .", "Look at this directory at http://localhost:8000/."),
    Example("trunkline serve http public '*:80' --workers 2", "Show another one to everybody."),
    Example(
        "trunkline serve proxy tls:example.org:443 8080", "Speak TLS for those who cannot do that."
    ),
    Example(
        "trunkline serve proxy localhost:8000 '*:443' --tls-cert server.pem",
        "And for a server that cannot.",
    ),
    Example("trunkline serve proxy udp:9.9.9.9:53 5353", "Hand datagrams on."),
    Example(
        "trunkline serve exec 'sh -c \"ls -l; df -h\"' 9999", "Let a program answer each client."
    ),
    Example("trunkline serve repl unix:/tmp/python", "Have Python wait for you."),
    Example("trunkline serve chat:handle 7000 --stats 2> log", "Show what it does meanwhile."),
    Example("trunkline serve discard unix:/tmp/hole", "Take everything at a local socket."),
    Example("trunkline serve chat:handle 7000 --reload", "Serve what you are writing."),
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


@click.command(
    cls=Command,
    sections=(SERVICES, Section("Addresses", PLACES)),
    examples=EXAMPLES,
    hints=SERVE,
)
@click.argument("service", shell_complete=services)
@click.argument(
    "words",
    nargs=-1,
    metavar="[DIR|TARGET|COMMAND] [ADDRESS]...",
    shell_complete=service_words,
)
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
@click.option("--hidden", is_flag=True, help="http: names that begin with a dot, too.")
@click.option(
    "--proxy-header",
    type=click.Choice(["1", "2"]),
    help="proxy: tell the target who the client is, by that version of the PROXY protocol.",
)
@click.option("--ca", type=click.Path(), help="proxy: certificates to believe of a target of tls:.")
@click.option("--server-name", help="proxy: whom to expect there. Default: the host.")
@click.option("--insecure", is_flag=True, help="proxy: believe any certificate.")
@click.option(
    "--allow-remote",
    is_flag=True,
    help="repl: listen where others can reach it, who can then do all that you can.",
)
@click.option(
    "--reload", is_flag=True, help="Replace the workers when files of your modules change."
)
@click.option("--activate", is_flag=True, help="Take the sockets that a service manager opened.")
@click.option("--stats", is_flag=True, help="Show what it does, as `trunkline top`.")
@click.option("--metrics", metavar="ADDRESS", help="Let Prometheus scrape /metrics there.")
@click.option(
    "--log", type=click.Choice(["text", "json"]), help="Tell all that happens, not only what fails."
)
def serve(service: str, words: tuple[str, ...], **options: Any) -> None:
    """Serve SERVICE at ADDRESS, which is printed.

    Ctrl-C, or SIGTERM, lets the clients finish, and ends it with status 0; a second one cuts them
    off. A worker process that dies is replaced, and SIGHUP replaces all of them. `trunkline top`
    shows what it does.
    """
    from .serve.log import start_logging
    from .serve.plan import Plan, make_supervisor
    from .serve.reloading import keep_nothing_compiled
    from .serve.stats import showing_stats

    if options["reload"]:
        keep_nothing_compiled()
    try:
        found, addresses = _find(service, words, options)
        places = [parse_place(each) for each in addresses]
        _check(found, places, options)
        if found.kind == "datagrams":
            _forward(found, places, options)
            return
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
            reload=options["reload"],
        )
        supervisor = make_supervisor(plan)
        if service == "repl" and not options["allow_remote"]:
            _check_reach(supervisor)
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


def _find(
    service: str, words: tuple[str, ...], options: dict[str, Any]
) -> tuple["Found", tuple[str, ...]]:
    """Return what serves, and what of the words is where to listen."""
    from .serve.handlers import find_handler
    from .serve.subjects import SUBJECTS

    for name, other in SUBJECTS.items():
        for option in other.options:
            if name != service and options[option]:
                given, whole = option.replace("_", "-"), f"{name} {other.what}".rstrip()
                raise click.UsageError(f"--{given} is for trunkline serve {whole}")
    subject = SUBJECTS.get(service)
    if subject is None and ":" not in service:
        _check_service(service)
    if subject is None:
        return find_handler(service, SUBJECTS), words
    if not subject.what:
        return subject.make("", options), words
    if not words:
        raise click.UsageError(f"{service} what? Say trunkline serve {service} {subject.what}.")
    addresses = words[1:]
    if not addresses and subject.place is not None and not options["activate"]:
        addresses = (subject.place,)
    return subject.make(words[0], options), addresses


def _check_service(word: str) -> None:
    """Tell who has said where, or of which directory, before what."""
    if word.isdecimal():
        raise click.UsageError(f"serve what? Say trunkline serve echo {word}, for example.")
    if os.path.isdir(word):
        raise click.UsageError(f"a directory is served by trunkline serve http {word}")


def _check_reach(supervisor: "Supervisor") -> None:
    """Refuse to let other machines in; nobody has been yet."""
    from .serve.repl import within_reach_of_others

    name = within_reach_of_others(socket.local_name for socket in supervisor.sockets)
    if name is not None:
        supervisor.close()
        raise click.UsageError(
            f"whoever reaches {name} could do whatever you can: if that is meant, --allow-remote"
        )


def _forward(found: "Found", places: list[Target], options: dict[str, Any]) -> None:
    """Forward datagrams; that takes no workers, since each client has to stay with one."""
    from .binding import bind_datagrams
    from .serve.log import start_logging
    from .serve.proxy.datagrams import forward_datagrams

    sockets = bind_datagrams(places)
    start_logging(options["log"])
    _announce(sockets)
    forward_datagrams(sockets, found.handler, options["max_connections"])


def _check(found: "Found", places: list[Target], options: dict[str, Any]) -> None:
    """Refuse options that do not go together, or not with such a handler."""
    if not (places or options["activate"]):
        raise click.UsageError("where to listen? Say a port, like 9999, or another address.")
    if options["threads"] and found.kind != "threads":
        raise click.UsageError(f"--threads is for handlers of threads, and {found.name} is none")
    if found.kind == "datagrams":
        for option in ("activate", "metrics", "proxies", "stats", "tls_cert"):
            if options[option]:
                given = {"proxies": "proxy-protocol"}.get(option, option.replace("_", "-"))
                raise click.UsageError(f"--{given} is for connections, and datagrams have none")
        if options["workers"] > 1:
            raise click.UsageError("--workers is for connections; datagrams are forwarded by one")
    if options["reload"] and ":" not in found.name:
        raise click.UsageError(f"--reload is for handlers of yours, and {found.name} is none")
    if options["stats"] and not goes_to_terminal():
        raise click.UsageError("--stats is for a terminal: `trunkline top` looks from elsewhere")
    if options["tls_key"] and not options["tls_cert"]:
        raise click.UsageError("--tls-key belongs to a certificate: say --tls-cert")


def _tls(options: dict[str, Any]) -> "TLS | None":
    if options["tls_cert"] is None:
        return None
    return checked_tls(server_side=True, certificate=options["tls_cert"], key=options["tls_key"])


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


def _announce(sockets: "Sequence[PassiveSocket] | Sequence[DatagramSocket]") -> None:
    for socket in sockets:
        click.echo(f"listening at {socket.local_name}")
