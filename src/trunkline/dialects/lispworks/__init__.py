"""TCP servers and streams as LispWorks has them, in its COMM package.

The functions have LispWorks' names and arguments in snake_case, and their meanings. A handle, for
which LispWorks has a number, is an `ActiveSocket` here. A function that has several values there
returns them in a tuple.
"""

from ...servers import (
    AsyncIOState,
    accept_tcp_connections_creating_async_io_states,
    create_async_io_state,
)
from .listener import make_stream_and_run_listener
from .server import ServerProcess, StartedServer, server_terminate, start_up_server
from .streams import (
    OpenedStream,
    close_socket_handle,
    create_ssl_socket_stream,
    get_socket_address,
    get_socket_peer_address,
    make_socket_stream,
    open_tcp_stream,
)

__all__ = (
    "AsyncIOState",
    "OpenedStream",
    "ServerProcess",
    "StartedServer",
    "accept_tcp_connections_creating_async_io_states",
    "close_socket_handle",
    "create_async_io_state",
    "create_ssl_socket_stream",
    "get_socket_address",
    "get_socket_peer_address",
    "make_socket_stream",
    "make_stream_and_run_listener",
    "open_tcp_stream",
    "server_terminate",
    "start_up_server",
)
