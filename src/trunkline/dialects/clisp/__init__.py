"""Sockets as CLISP has them, in its SOCKET package.

The functions have CLISP's names and arguments in snake_case, and its conventions: a keyword like
``:input`` is a string, T and NIL are True and None (False where the answer is yes or no), and a
function with several values returns them in a tuple. A server is a `PassiveSocket`, and a socket
stream a `SocketStream`, so that everything else about them is as it is everywhere.
"""

from .options import socket_options
from .servers import (
    socket_accept,
    socket_server,
    socket_server_close,
    socket_server_host,
    socket_server_port,
    socket_wait,
)
from .status import socket_status
from .streams import (
    SocketStream,
    read_byte,
    read_byte_no_hang,
    socket_connect,
    socket_stream_host,
    socket_stream_local,
    socket_stream_peer,
    socket_stream_port,
    socket_stream_shutdown,
    stream_handles,
    write_byte,
)

__all__ = (
    "SocketStream",
    "read_byte",
    "read_byte_no_hang",
    "socket_accept",
    "socket_connect",
    "socket_options",
    "socket_server",
    "socket_server_close",
    "socket_server_host",
    "socket_server_port",
    "socket_status",
    "socket_stream_host",
    "socket_stream_local",
    "socket_stream_peer",
    "socket_stream_port",
    "socket_stream_shutdown",
    "socket_wait",
    "stream_handles",
    "write_byte",
)
