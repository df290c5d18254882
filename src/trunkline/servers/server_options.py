"""What a server takes, and what to say of what it does not take."""

from collections.abc import Iterable
from typing import Any, Literal, TypeAlias

from .._core.callbacks import check_callback
from .._core.counts import check_count
from .._core.external_format import ExternalFormat, ExternalFormatLike, ensure_external_format
from .._core.option_names import check_names
from .binding import ServerSocketOptions

__all__ = (
    "AtLimit",
    "check_at_limit",
    "check_bytes",
    "check_handler",
    "check_per_address",
    "check_server_names",
    "format_or_none",
)

AtLimit: TypeAlias = Literal["wait", "refuse"]


def check_server_names(options: Iterable[str], own: Iterable[str] | None) -> None:
    """Raise `TypeError` for an option that a server does not take; see `check_names`."""
    taken = ServerSocketOptions.__annotations__
    check_names("a server", options, taken, ["handler", *(own or ())])


def check_handler(handler: Any, misplaced: tuple[object, ...]) -> None:
    """Raise `TypeError` unless a handler is one, and nothing was given besides without a name."""
    if misplaced or isinstance(handler, tuple):
        raise TypeError(
            "a server takes its handler first, and says by name where it listens: "
            "Server(handler, host='127.0.0.1', port=7777)"
        )
    check_callback(handler, "connection", what="handler")


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
