"""The names and the indices of the machine's network interfaces."""

import socket

from ..errors import NoSuchDevice, SocketError

__all__ = ("interface_index", "interface_name", "interface_names")


def interface_names(operation: str) -> list[tuple[int, str]]:
    """Return the index and the name of each interface; see if_nameindex(3).

    Raises:
        SocketError: The system cannot tell.
    """
    try:
        return socket.if_nameindex()
    except OSError as error:
        raise SocketError.from_errno(error.errno or 0, operation=operation) from None


def interface_index(name: str, operation: str, asked: object) -> int:
    """Return the index of an interface, also of one of its other names; see if_nametoindex(3).

    Args:
        name: The name.
        operation: What needs it, and `asked` for what: for the error's text.
        asked: See there.

    Raises:
        NoSuchDevice: There is none.
        SocketError: The system cannot tell.
    """
    try:
        return socket.if_nametoindex(name)
    except (OSError, ValueError):
        raise _not_found(operation, asked) from None


def interface_name(index: int, operation: str, asked: object) -> str:
    """Return the name of an interface; see `interface_index`, and if_indextoname(3)."""
    try:
        return socket.if_indextoname(index)
    except OSError:
        raise _not_found(operation, asked) from None


def _not_found(operation: str, asked: object) -> NoSuchDevice:
    # The reason is not told, which may also be that there is no descriptor to ask with. Who lists
    # them is told that.
    interface_names(operation)
    return NoSuchDevice(operation=operation, address=asked)
