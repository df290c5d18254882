"""The services that have more to be told: of what, as of a directory, or how."""

import shlex
import shutil
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from ...errors import SocketError
from ..checked_tls import checked_tls
from ..target import Target, parse_target
from .handlers import BadHandler, Found

if TYPE_CHECKING:
    from ...tls import TLS

__all__ = ("CONNECT_TIMEOUT", "SUBJECTS", "Subject")

CONNECT_TIMEOUT = 10.0
"""Seconds that the target of a proxy has to accept a connection, and to shake hands."""

_VERSIONS: dict[str | None, Literal[1, 2] | None] = {None: None, "1": 1, "2": 2}


class Subject(NamedTuple):
    """What such a service has to be told of.

    Attributes:
        what: What it is, as the help calls it; nothing if it is enough to say where to listen.
        make: Called with what the user has said, and with the options; returns what serves.
        place: Where to listen if nothing is said.
        options: The names of options that are for this service alone.
    """

    what: str
    make: Callable[[str, dict[str, Any]], Found]
    place: str | None = None
    options: tuple[str, ...] = ()


def _http(directory: str, options: dict[str, Any]) -> Found:
    from .http.protocol import HTTPProtocol
    from .http.site import Site

    try:
        site = Site(directory, hidden=options["hidden"])
    except SocketError as error:
        hint = f"; say trunkline serve http . {directory}" if directory.isdecimal() else ""
        raise BadHandler(
            f"{directory!r} is no directory to serve: {error.strerror}{hint}"
        ) from None
    return Found("http", lambda: HTTPProtocol(site), "callbacks")


def _proxy(text: str, options: dict[str, Any]) -> Found:
    from ..connect.settings import Settings

    target = parse_target(text)
    if target.kind == "service":
        raise BadHandler(f"{text!r} is several hosts, and a proxy has one target: host:port")
    if target.kind == "udp" and options["proxy_header"]:
        raise BadHandler("--proxy-header is for connections, and datagrams have none")
    settings = Settings(
        target=target,
        tls=_tls(target, options),
        server_name=options["server_name"],
        proxy_header=_VERSIONS[options["proxy_header"]],
        timeout=CONNECT_TIMEOUT,
    )
    if target.kind == "udp":
        return Found("proxy", settings, "datagrams")
    from .proxy.connections import ProxyProtocol
    from .unfinished import Unfinished

    open_ones = Unfinished()
    return Found(
        "proxy",
        lambda: ProxyProtocol(settings, open_ones),
        "callbacks",
        finish=open_ones.when_gone,
    )


def _tls(target: Target, options: dict[str, Any]) -> "TLS | None":
    given = [name for name in ("ca", "insecure", "server_name") if options[name]]
    if not target.tls:
        if given:
            option = given[0].replace("_", "-")
            raise BadHandler(f"--{option} is for TLS towards the target: write tls:{target}")
        return None
    if target.kind == "local" and not given:
        raise BadHandler("whom to expect at a local socket is not known: --server-name")
    return checked_tls(
        server_side=False,
        authorities=options["ca"],
        server_name=options["server_name"],
        verify=not options["insecure"],
    )


def _exec(text: str, options: dict[str, Any]) -> Found:
    from .exec.protocol import ExecProtocol
    from .unfinished import Unfinished

    try:
        command = shlex.split(text)
    except ValueError as error:
        raise BadHandler(f"{text!r} is no command: {error}") from None
    if not command:
        raise BadHandler("the command is empty")
    if shutil.which(command[0]) is None:
        raise BadHandler(f"there is no program {command[0]!r}")
    processes = Unfinished()
    return Found(
        "exec", lambda: ExecProtocol(command, processes), "callbacks", finish=processes.when_gone
    )


def _repl(text: str, options: dict[str, Any]) -> Found:
    from .repl import converse

    return Found("repl", converse, "threads")


SUBJECTS: dict[str, Subject] = {
    "http": Subject("DIR", _http, "8000", ("hidden",)),
    "proxy": Subject("TARGET", _proxy, None, ("proxy_header", "ca", "server_name", "insecure")),
    "exec": Subject("COMMAND", _exec),
    "repl": Subject("", _repl, None, ("allow_remote",)),
}
"""The services by their names."""
