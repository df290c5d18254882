"""`socket_status`: what can be done with sockets without waiting.

In CLISP its argument is one socket, a pair of a socket and a direction, or a list of such; and an
element of the list may be one that is changed in place. Here a pair is a tuple, a list a list, and
what is changed in place is a list, too, of which the last element is the status.
"""

from typing import Any, Literal, TypeAlias, overload

from ...errors import SocketClosed
from ...multiplex import IOStatus, wait_until_any_ready
from ...multiplex.descriptor_like import DescriptorLike
from ...sockets import PassiveSocket, Socket
from .arguments import Seconds, time_limit

__all__ = ("Status", "socket_status")

Direction: TypeAlias = Literal["input", "output", "io"]
Status: TypeAlias = Literal["input", "output", "io", "append", "eof", "error", True] | None
"""What can be done: see `socket_status`."""

Thing: TypeAlias = Socket | DescriptorLike
Element: TypeAlias = Thing | tuple[Thing, Direction]
InPlace: TypeAlias = list[Any]

_EVENTS: dict[str, Literal["read", "write", "read_write"]] = {
    "input": "read",
    "output": "write",
    "io": "read_write",
}


@overload
def socket_status(
    sockets: Element, seconds: Seconds = ..., microseconds: int = ...
) -> tuple[Status, int]: ...
@overload
def socket_status(
    sockets: list[Any], seconds: Seconds = ..., microseconds: int = ...
) -> tuple[list[Any], int]: ...
def socket_status(
    sockets: Element | list[Any], seconds: Seconds = None, microseconds: int = 0
) -> tuple[Status | list[Any], int]:
    """Wait until something can be done with one of some sockets, and tell with which, and what.

    The status of a server is True if a connection waits. That of a stream is

    * in the direction ``"input"``: ``"input"`` if something can be read, ``"eof"`` if all has been
      read and the peer has finished;
    * in the direction ``"output"``: ``"output"`` if something can be written;
    * in the direction ``"io"``: ``"io"`` if there is input and room for output, ``"append"`` if the
      peer has finished and there is room, ``"output"``, ``"input"`` or ``"eof"`` if it is only one
      of these.

    It is None if there is nothing of that, and ``"error"`` if an operation in the direction would
    raise an error. Buffered input counts. A direction that has ended is never ready.

    Args:
        sockets: What is asked about: a server, a stream, or any other socket, terminal or pipe,
            whose direction is then ``"io"``; or a tuple of it and a direction; or a list. Each
            element of a list is one of these; or a list of a stream, a direction and anything, or
            of a server and anything, whose last element is replaced by the status.
        seconds: Seconds to wait, or a pair of seconds and microseconds; None is for ever, 0 only
            looks.
        microseconds: To be added to `seconds`.

    Returns:
        The status, and 1 or 0; or a list of all of them, and how many are not None. A list whose
        elements are all changed in place is returned itself.

    Raises:
        SocketClosed: One of ours is closed.
        ValueError: There is no such direction; or the list is empty; or one is a regular file; or
            the time is negative; or there is no limit, and nothing that could ever be ready.
        TypeError: It is none of all this.
    """
    limit = time_limit(seconds, microseconds)
    asked = sockets if isinstance(sockets, list) else [sockets]
    if not asked:
        raise ValueError("there is no status of nothing")
    pairs = [_pair(each) for each in asked]
    found = wait_until_any_ready(
        [(thing, _EVENTS[direction]) for thing, direction in pairs], timeout=limit
    )
    statuses = [
        _status(thing, direction, status)
        for (thing, direction), status in zip(pairs, found, strict=True)
    ]
    count = sum(status is not None for status in statuses)
    if not isinstance(sockets, list):
        return statuses[0], count
    for element, status in zip(sockets, statuses, strict=True):
        if isinstance(element, list):
            element[-1] = status
    if all(isinstance(element, list) for element in sockets):
        return sockets, count
    return [
        element if isinstance(element, list) else status
        for element, status in zip(sockets, statuses, strict=True)
    ], count


def _pair(element: Any) -> tuple[Thing, Direction]:
    """Return a socket and the direction in which it is asked about."""
    if isinstance(element, list):
        element = _asked_in_place(element)
    if isinstance(element, tuple) and len(element) != 2:
        raise TypeError("a tuple is (stream, direction); what is changed in place is a list")
    thing, direction = element if isinstance(element, tuple) else (element, "io")
    if direction not in _EVENTS:
        raise ValueError(f"a direction is 'input', 'output' or 'io', not {direction!r}")
    if thing is None:
        raise TypeError("None is no socket")
    if isinstance(thing, Socket) and thing.closed:
        raise SocketClosed(operation="socket_status", address=thing._descriptor.where)
    return thing, direction


def _asked_in_place(element: InPlace) -> Any:
    if len(element) == 2 and isinstance(element[0], PassiveSocket):
        return element[0]
    if len(element) == 3:
        return element[0], element[1]
    raise TypeError("in place, it is [stream, direction, status] or [server, status]")


def _status(thing: Thing, direction: Direction, found: IOStatus) -> Status:
    if isinstance(thing, PassiveSocket):
        return "error" if found.error else (found.input or None)
    if found.error and not (direction == "input" and found.input):
        return "error"  # in place of what else there is, since writing raises it
    if found.output:
        return "io" if found.input else "append" if found.end_of_file else "output"
    return "input" if found.input else "eof" if found.end_of_file else None
