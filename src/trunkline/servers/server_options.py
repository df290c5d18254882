"""What a server takes, and what to say of what it does not take."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, TypeAlias

from .._core.counts import check_count
from .._core.external_format import ExternalFormat, ExternalFormatLike, ensure_external_format
from .._core.meant import meant_instead
from .binding import ServerSocketOptions

__all__ = (
    "AtLimit",
    "check_at_limit",
    "check_bytes",
    "check_handler",
    "check_names",
    "check_per_address",
    "check_server_names",
    "format_or_none",
)

AtLimit: TypeAlias = Literal["wait", "refuse"]

# What other servers, and `make_socket`, call it.
_ELSEWHERE = {
    "RequestHandlerClass": "handler",
    "address": "host",
    "allow_reuse_address": "reuse_address",
    "allow_reuse_port": "reuse_port",
    "bind": "host path sockets",
    "client_connected_cb": "handler",
    "daemon": "threads",
    "daemon_threads": "threads",
    "encoding": "external_format",
    "filename": "path",
    "graceful_timeout": "drain_timeout",
    "grace_period": "drain_timeout",
    "handle_error": "exception_hook",
    "hostname": "host",
    "hosts": "host",
    "ipv6_only": "v6_only",
    "keep_alive": "keepalive idle_timeout",
    "keepalives": "keepalive",
    "listeners": "sockets",
    "local_filename": "path",
    "local_host": "host",
    "local_port": "port",
    "max_clients": "max_connections",
    "max_connections_per_ip": "max_connections_per_address",
    "max_threads": "max_connections",
    "max_workers": "max_connections",
    "no_delay": "nodelay",
    "on_error": "exception_hook",
    "paths": "path",
    "request_queue_size": "backlog",
    "reuse_addr": "reuse_address",
    "server_address": "host port",
    "shutdown_timeout": "drain_timeout",
    "sock": "sockets",
    "stop_timeout": "drain_timeout",
    "tcp_nodelay": "nodelay",
    "timeout_graceful_shutdown": "drain_timeout",
    "uds": "path",
    "unix": "path",
}


def check_names(
    who: str,
    options: Iterable[str],
    taken: Collection[str],
    own: Iterable[str],
    elsewhere: Mapping[str, str],
) -> None:
    """Raise `TypeError` for an option that is not taken, and say what may be meant.

    Args:
        who: Who does not take it.
        options: What was given besides its own arguments.
        taken: What it takes besides them.
        own: Their names.
        elsewhere: What is called differently elsewhere, see `meant_instead`.
    """
    for name in options:
        if name not in taken:
            hint = meant_instead(name, [*own, *taken], elsewhere)
            raise TypeError(f"{who} does not take {name}{hint}")


def check_server_names(options: Iterable[str], own: Iterable[str]) -> None:
    """Raise `TypeError` for an option that a server does not take; see `check_names`."""
    taken = ServerSocketOptions.__annotations__
    check_names("a server", options, taken, ["handler", *own], _ELSEWHERE)


def check_handler(handler: Any, misplaced: tuple[object, ...]) -> None:
    """Raise `TypeError` unless a handler is one, and nothing was given besides without a name."""
    if misplaced or isinstance(handler, tuple):
        raise TypeError(
            "a server takes its handler first, and says by name where it listens: "
            "Server(handler, host='127.0.0.1', port=7777)"
        )
    if not callable(handler):
        raise TypeError(f"handler is callable, not {type(handler).__name__}")


def check_bytes(refusal: bytes) -> None:
    """Raise `TypeError` unless a refusal is one."""
    if not isinstance(refusal, bytes):
        raise TypeError(f"refusal is bytes, not {type(refusal).__name__}")


def check_per_address(count: int | None, threads: str) -> int | None:
    """Return a number of connections of one client, if there can be such a limit."""
    if count is None:
        return None
    if threads == "none":
        raise ValueError(
            "while its own thread serves a connection, a server has no other one: "
            "max_connections_per_address needs threads='per_connection' or 'pool'"
        )
    return check_count("max_connections_per_address", count)


def check_at_limit(at_limit: str, threads: str) -> bool:
    """Return whether more connections are refused."""
    if at_limit not in ("wait", "refuse"):
        raise ValueError(f"at_limit is 'wait' or 'refuse', not {at_limit!r}")
    if at_limit == "refuse" and threads == "none":
        raise ValueError("while its own thread serves a connection, a server can refuse nobody")
    return at_limit == "refuse"


def format_or_none(external_format: ExternalFormatLike | None) -> ExternalFormat | None:
    """Return an external format; None stays None."""
    return None if external_format is None else ensure_external_format(external_format)
