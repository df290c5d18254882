"""`trunkline connect`: talk to whatever listens."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import click

from .as_usual import AS_NC, CONNECT
from .checked_tls import checked_tls
from .command import Command, Example, Section
from .options import Seconds, Times
from .target import FORMS, BadTarget, Target, parse_place, parse_target

if TYPE_CHECKING:
    from ..addresses import Endpoint
    from ..tls import TLS

__all__ = ("connect",)

PROTOCOLS = ("smtp", "imap", "pop3", "ftp", "xmpp", "ldap", "postgres")

EXAMPLES = (
    Example("trunkline connect localhost:25 --crlf", "Type to a mail server."),
    Example("trunkline connect localhost 25 --crlf", "The same, as one is used to it from nc."),
    Example(
        r"printf 'GET / HTTP/1.0\r\n\r\n' | trunkline connect tls:example.org:443",
        "Send a request, and print the whole answer.",
    ),
    Example(
        "trunkline connect localhost:9999 < backup.tar > answer",
        "Send a file, and keep what comes back.",
    ),
    Example(
        "trunkline connect --starttls smtp --verbose mail.example.org:25 < /dev/null",
        "See which certificate a mail server shows, and how long each step takes.",
    ),
    Example("trunkline connect --hex unix:/run/service.sock", "Watch each byte go by."),
    Example("echo 'hits:1|c' | trunkline connect udp:localhost:8125", "Send a datagram."),
    Example("trunkline connect --retry 20 localhost:5432 < /dev/null", "Wait for a server."),
    Example("trunkline connect -l '*:9999' > backup.tar", "Be the server for one client."),
    Example("trunkline connect -lu 8125", "See which datagrams somebody sends."),
    Example("trunkline connect -zv localhost 22", "See whether somebody listens."),
)


@click.command(
    cls=Command, sections=(Section("Targets", FORMS), AS_NC), examples=EXAMPLES, hints=CONNECT
)
@click.argument("target", required=False, metavar="TARGET")
@click.argument("port", required=False)
@click.option(
    "-l", "--listen", is_flag=True, help="Wait for one client there; a port alone is localhost's."
)
@click.option("-z", "--probe", is_flag=True, help="End it when there is a connection.")
@click.option("-4", "--ipv4", is_flag=True, help="Take a name's IPv4 addresses only.")
@click.option("-6", "--ipv6", is_flag=True, help="Take a name's IPv6 addresses only.")
@click.option("-u", "datagrams", is_flag=True, hidden=True)
@click.option("-U", "local", is_flag=True, hidden=True)
@click.option("-n", "numeric", is_flag=True, hidden=True)
@click.option("-p", "port_to_listen", hidden=True)
@click.option("-N", "ends", is_flag=True, hidden=True, expose_value=False)
@click.option("-w", "wait", type=Seconds(), hidden=True)
@click.option("-C", "--crlf", is_flag=True, help="End each line that is sent by CR LF.")
@click.option("--encoding", help="Of text on the network. Default: bytes stay as they are.")
@click.option("--hex", "hex_", is_flag=True, help="Show what goes both ways, byte by byte.")
@click.option(
    "--starttls", type=click.Choice(PROTOCOLS), help="Ask for TLS in that protocol first."
)
@click.option(
    "--cert", type=click.Path(), help="A file (PEM) with a certificate of ours, and its key."
)
@click.option("--key", type=click.Path(), help="The key, if it is in a file of its own.")
@click.option("--ca", type=click.Path(), help="Certificates to believe, instead of the system's.")
@click.option("--alpn", help="What to speak inside of TLS, as h2,http/1.1; the best first.")
@click.option("--server-name", help="Whom to ask for and to expect. Default: the host.")
@click.option("--insecure", is_flag=True, help="Believe any certificate.")
@click.option("--timeout", type=Seconds(), help="For all until the connection can be used.")
@click.option("--idle", type=Seconds(), help="End it when nothing goes either way for so long.")
@click.option("--keep-open", is_flag=True, help="Do not tell the server of the end of the input.")
@click.option("-s", "--source", metavar="ADDRESS[:PORT]", help="Where to connect from.")
@click.option(
    "--proxy-header",
    type=click.Choice(["1", "2"]),
    help="Begin with a header of the PROXY protocol, of that version.",
)
@click.option(
    "--retry",
    type=Times(),
    default=0,
    help="Try again so many times while there is no connection.",
)
@click.option("--no-history", is_flag=True, help="Do not remember what is typed on a terminal.")
@click.option("-v", "--verbose", is_flag=True, help="Tell each step, and how long it takes.")
def connect(target: str | None, port: str | None, **options: Any) -> None:
    """Connect to TARGET, send the input, print what comes.

    The end of the input ends our half of the connection, and the rest of the answer is still
    printed. On a terminal, control characters from the network are shown as escapes; a pipe gets
    what has come. TARGET and PORT may be two words, as for nc.
    """
    from ..errors import TrunklineError
    from .connect.run import converse
    from .connect.settings import Settings
    from .connect.telling import BriefTelling, Telling, say_on_errors

    where = _target(*_words(target, port, options), options)
    _check(where, options)
    version: Literal[1, 2] | None = {"1": 1, "2": 2, None: None}[options["proxy_header"]]
    settings = Settings(
        target=where,
        tls=_tls(where, options),
        starttls=options["starttls"],
        server_name=options["server_name"],
        proxy_header=version,
        source=_source(options["source"]),
        timeout=options["timeout"] or options["wait"],
        idle=options["idle"] or options["wait"],
        retries=options["retry"],
        encoding=_encoding(options["encoding"]),
        crlf=options["crlf"],
        keep_open=options["keep_open"],
        hex=options["hex_"],
        family=_family(options),
        listens=options["listen"],
        probes=options["probe"],
        history=not options["no_history"],
    )
    teller = BriefTelling(say_on_errors)
    if options["verbose"]:
        teller = Telling(say_on_errors, is_believed=not options["insecure"])
    try:
        converse(settings, teller)
    except ValueError as error:
        if isinstance(error, TrunklineError):  # a certificate that is refused is a value, too
            raise
        raise click.UsageError(str(error)) from None


def _words(target: str | None, port: str | None, options: dict[str, Any]) -> tuple[str, str | None]:
    """Return the words that say where; ``-p`` may stand for one of them."""
    listening = options["port_to_listen"]
    if listening is not None:
        if not options["listen"] or port is not None:
            raise click.UsageError("-p is where to --listen; else say --source ADDRESS:PORT")
        target, port = (listening, None) if target is None else (target, listening)
    if target is None:
        raise click.UsageError("Missing argument 'TARGET'.")
    return target, port


def _target(text: str, port: str | None, options: dict[str, Any]) -> Target:
    if options["local"] and options["datagrams"]:
        raise click.UsageError("-u is for UDP: datagrams of local sockets are not sent")
    for given, prefix in (("local", "unix:"), ("datagrams", "udp:")):
        if options[given] and not text.startswith(prefix):
            text = f"{prefix}{text}"
    try:
        if not options["listen"]:
            return parse_target(text, port)
        if text.startswith("udp:"):
            place = parse_place(_place(text.removeprefix("udp:"), port))
            if place.kind == "local":
                raise BadTarget("-u is for UDP: datagrams of local sockets are not received")
            return replace(place, kind="udp")
        if options["cert"]:
            text = text.removeprefix("tls:")
        elif text.startswith("tls:"):
            raise BadTarget(f"{text!r}: to speak TLS, say which certificate: --cert")
        return parse_place(_place(text, port))
    except BadTarget as error:
        raise click.UsageError(str(error)) from None


def _place(host: str, port: str | None) -> str:
    """Return one word for where to listen."""
    if port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _family(options: dict[str, Any]) -> Literal["internet", "ipv4", "ipv6"]:
    if options["ipv4"] and options["ipv6"]:
        raise click.UsageError("-4 and -6: choose one, or say neither for both")
    return "ipv4" if options["ipv4"] else "ipv6" if options["ipv6"] else "internet"


_NOT_FOR_LISTENING = (
    *("ca", "server_name", "insecure", "starttls"),
    *("source", "proxy_header", "retry", "probe", "ipv4", "ipv6"),
)
_FOR_TLS = ("cert", "key", "ca", "alpn", "server_name", "insecure")


def _check(target: Target, options: dict[str, Any]) -> None:
    """Refuse options that do not go together, or not with that target."""
    starttls, source = options["starttls"], options["source"]
    if options["listen"]:
        _check_listening(target, options)
        return
    if options["numeric"] and isinstance(target.host, str) and target.kind != "local":
        raise click.UsageError(f"-n is for addresses, and {target.host} is a name")
    if target.kind == "udp" and options["probe"]:
        raise click.UsageError("--probe is for connections: who gets a datagram says nothing")
    if target.kind == "local" and (options["ipv4"] or options["ipv6"]):
        raise click.UsageError("-4 and -6 are for internet addresses")
    if target.kind == "udp" and (starttls or options["proxy_header"] or options["retry"]):
        raise click.UsageError("--starttls, --proxy-header and --retry are for connections")
    if target.tls and starttls:
        raise click.UsageError("tls: begins with TLS, and --starttls asks for it later: choose one")
    if target.kind == "local" and source:
        raise click.UsageError("--source is for internet addresses")
    given = [name.replace("_", "-") for name in _FOR_TLS if options[name]]
    if given and not (target.tls or starttls):
        raise click.UsageError(f"--{given[0]} is for TLS: write tls:{target}, or say --starttls")
    if options["key"] and not options["cert"]:
        raise click.UsageError("--key belongs to a certificate: say --cert")
    is_known = target.kind != "local" or options["insecure"] or options["server_name"]
    if (target.tls or starttls) and not is_known:
        raise click.UsageError("whom to expect at a local socket is not known: --server-name")


def _check_listening(target: Target, options: dict[str, Any]) -> None:
    for name in _NOT_FOR_LISTENING:
        if options[name]:
            raise click.UsageError(f"--{name.replace('_', '-')} is for who connects")
    if target.kind == "udp" and options["cert"]:
        raise click.UsageError("--cert is for connections, and datagrams have none")
    if (options["key"] or options["alpn"]) and not options["cert"]:
        raise click.UsageError("to speak TLS, say which certificate: --cert")


def _tls(target: Target, options: dict[str, Any]) -> "TLS | None":
    own = {"certificate": options["cert"], "key": options["key"], "alpn": _alpn(options)}
    if options["listen"]:
        return checked_tls(server_side=True, **own) if options["cert"] else None
    if not (target.tls or options["starttls"]):
        return None
    name = options["server_name"]
    if name is None and target.kind == "service":
        name = target.host  # and not whichever host the domain's records name
    return checked_tls(
        server_side=False,
        **own,
        authorities=options["ca"],
        server_name=name,
        verify=not options["insecure"],
        resume=False,
    )


def _alpn(options: dict[str, Any]) -> tuple[str, ...]:
    return tuple(filter(None, (options["alpn"] or "").split(",")))


def _source(text: str | None) -> "Endpoint | None":
    """Take an address, or an address and a port, to connect from."""
    if text is None:
        return None
    from ..addresses import Endpoint, ensure_address

    try:
        return Endpoint(ensure_address(text.removeprefix("[").removesuffix("]")), 0)
    except ValueError:
        pass
    host, _, port = text.rpartition(":")
    try:
        if not port.isdecimal() or int(port) > 65_535:
            raise ValueError(f"{port!r} is no port")
        return Endpoint(ensure_address(host.removeprefix("[").removesuffix("]")), int(port))
    except ValueError as error:
        raise click.UsageError(f"--source is ADDRESS or ADDRESS:PORT: {error}") from None


def _encoding(name: str | None) -> str | None:
    if name is None:
        return None
    from ..streams import ensure_external_format

    try:
        return ensure_external_format(name).encoding
    except (LookupError, ValueError) as error:
        raise click.UsageError(str(error)) from None
