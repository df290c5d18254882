"""Servers: a handler for each connection, in threads, with limits and an orderly end."""

from .._core.proxy_protocol import ProxyHeader, ProxyTLV
from ..multiplex.listener import DEFAULT_DRAIN_TIMEOUT
from .activation import activated_sockets
from .async_states import (
    AsyncIOState,
    accept_tcp_connections_creating_async_io_states,
    create_async_io_state,
)
from .ending import JOIN_TIMEOUT
from .inquiry import WorkerReport
from .proxy import proxy_header, proxy_protocol
from .server import (
    DEFAULT_IDLE_TIMEOUT,
    DEFAULT_MAX_CONNECTIONS,
    Server,
)
from .server_connection import ServerConnection
from .signals import shutdown_on_signals
from .statistics import ServerStatistics
from .supervisor import Supervisor, SupervisorStatistics
from .traffic import OpenConnection, Traffic
from .worker import Supervised, WorkerStatus

__all__ = (
    "DEFAULT_DRAIN_TIMEOUT",
    "DEFAULT_IDLE_TIMEOUT",
    "DEFAULT_MAX_CONNECTIONS",
    "JOIN_TIMEOUT",
    "AsyncIOState",
    "OpenConnection",
    "ProxyHeader",
    "ProxyTLV",
    "Server",
    "ServerConnection",
    "ServerStatistics",
    "Supervised",
    "Supervisor",
    "SupervisorStatistics",
    "Traffic",
    "WorkerReport",
    "WorkerStatus",
    "accept_tcp_connections_creating_async_io_states",
    "activated_sockets",
    "create_async_io_state",
    "proxy_header",
    "proxy_protocol",
    "shutdown_on_signals",
)
