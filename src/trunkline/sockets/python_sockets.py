"""Taking over a socket of Python's; `Socket.to_socket` is the way back."""

from typing import TYPE_CHECKING, Literal, Unpack, overload

from .._sys.python_socket import PythonSocket, check_python_socket, detaching, listens
from .active_socket import ActiveSocket
from .from_descriptor import borrow, check_made_of, wrap_borrowed
from .keywords import StreamOptions
from .passive_socket import PassiveSocket

if TYPE_CHECKING:
    from .datagrams import DatagramSocket

__all__ = ("from_socket",)


@overload
def from_socket(
    python_socket: PythonSocket,
    *,
    type: Literal["stream"] = ...,
    **options: Unpack[StreamOptions],
) -> ActiveSocket | PassiveSocket: ...
@overload
def from_socket(python_socket: PythonSocket, *, type: Literal["datagram"]) -> "DatagramSocket": ...
def from_socket(
    python_socket: PythonSocket,
    *,
    type: Literal["stream", "datagram"] = "stream",  # noqa: A002 - as for `make_socket`
    **options: Unpack[StreamOptions],
) -> "ActiveSocket | PassiveSocket | DatagramSocket":
    """Make a socket of one of Python's, which has none of it any more then.

    You would want it where a library, or code of yours, has opened the connection already. What a
    file object of `socket.socket.makefile` has read ahead stays there, so make none before.

    Args:
        python_socket: A socket. It is detached, as by `socket.socket.detach`.
        type: ``"stream"`` or ``"datagram"``.
        **options: Of streams: `external_format`, `input_buffer_size`, `output_buffer_size` and
            `timeout`, as for `make_socket`. By default, the limit of time is the socket's own.

    Returns:
        A `PassiveSocket` if it listens, and an `ActiveSocket` if not; or a `DatagramSocket`.

    Raises:
        TypeError: It is none of Python's sockets, or one with TLS on it; or an option is of the
            wrong type.
        SocketClosed: It is closed.
        ValueError: It is not such a socket, of a family that Trunkline knows. It stays as it was.
    """
    check_python_socket(python_socket)
    timeout = python_socket.gettimeout()
    if timeout and type == "stream":  # 0 is that it never waits, which each call says here
        options.setdefault("timeout", timeout)
    check_made_of("Python's", "active", type, options)
    descriptor = borrow(python_socket.fileno(), type)
    try:
        connect = "passive" if listens(python_socket) else "active"
        made = wrap_borrowed(descriptor, connect, type, options)
        descriptor.own(detaching(python_socket))
        python_socket.detach()  # it takes note of that now
    except BaseException:
        descriptor.close()
        raise
    return made
