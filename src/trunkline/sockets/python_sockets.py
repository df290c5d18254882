"""Taking over a socket of Python's; `Socket.to_socket` is the way back."""

from typing import Any, Unpack, cast

from .._sys.python_socket import PythonSocket, check_python_socket, detaching, listens
from .._sys.socket_descriptor import SocketDescriptor
from .active_socket import ActiveSocket
from .keywords import StreamOptions, check_stream_keywords
from .make_socket import wrap_borrowed
from .passive_socket import PassiveSocket

__all__ = ("from_socket",)


def from_socket(
    python_socket: PythonSocket, **options: Unpack[StreamOptions]
) -> ActiveSocket | PassiveSocket:
    """Make a socket of one of Python's, which has none of it any more then.

    You would want it where a library, or code of yours, has opened the connection already. What a
    file object of `socket.socket.makefile` has read ahead stays there, so make none before.

    Args:
        python_socket: A stream socket. It is detached, as by `socket.socket.detach`.
        **options: `external_format`, `input_buffer_size`, `output_buffer_size` and `timeout`, as
            for `make_socket`. By default, the limit of time is the socket's own.

    Returns:
        A `PassiveSocket` if it listens, and an `ActiveSocket` if not.

    Raises:
        TypeError: It is none of Python's sockets, or one with TLS on it; or an option is of the
            wrong type.
        SocketClosed: It is closed.
        ValueError: It is not a stream socket of a family that Trunkline knows. It stays as it was.
    """
    check_python_socket(python_socket)
    timeout = python_socket.gettimeout()
    if timeout:  # 0 is that it never waits, which each call says here
        options.setdefault("timeout", timeout)
    check_stream_keywords("a socket made of Python's", cast("dict[str, Any]", options))
    descriptor = SocketDescriptor.borrow(python_socket.fileno())
    try:
        connect = "passive" if listens(python_socket) else "active"
        made = wrap_borrowed(descriptor, connect, options)
        descriptor.own(detaching(python_socket))
        python_socket.detach()  # it takes note of that now
    except BaseException:
        descriptor.close()
        raise
    return made
