"""Callbacks on whole connections, timers, names and signals, on a loop."""

from .async_socket import AsyncSocket
from .events import Event, EventKind, HandleFreed, default_event_handler
from .file_monitors import FsMonitor, TemporaryDirectory, fs_watch, mkdtemp
from .handle import FreeableHandle, Handle
from .handles import (
    Delay,
    Idler,
    Interval,
    Notifier,
    delay,
    idle,
    interval,
    notifier,
)
from .local import LocalServer, local_connect, local_server
from .loop import (
    EventLoop,
    current_event_loop,
    exit_event_loop,
    start_event_loop,
)
from .names import Lookup, dns_lookup, reverse_dns_lookup
from .pollers import Poller, poll
from .secured import SSLSocket, tcp_ssl_connect, tcp_ssl_server
from .server import SocketServer, TcpServer, tcp_server
from .signals import SignalHandler, signal_handler
from .spawning import Piped, SpawnedProcess, spawn
from .statistics import LoopStatistics
from .stream import SocketStream
from .tcp import close_socket, connect_tcp_socket, init_tcp_socket, tcp_connect

__all__ = (
    "AsyncSocket",
    "Delay",
    "Event",
    "EventKind",
    "EventLoop",
    "FreeableHandle",
    "FsMonitor",
    "Handle",
    "HandleFreed",
    "Idler",
    "Interval",
    "LocalServer",
    "Lookup",
    "LoopStatistics",
    "Notifier",
    "Piped",
    "Poller",
    "SSLSocket",
    "SignalHandler",
    "SocketServer",
    "SocketStream",
    "SpawnedProcess",
    "TcpServer",
    "TemporaryDirectory",
    "close_socket",
    "connect_tcp_socket",
    "current_event_loop",
    "default_event_handler",
    "delay",
    "dns_lookup",
    "exit_event_loop",
    "fs_watch",
    "idle",
    "init_tcp_socket",
    "interval",
    "local_connect",
    "local_server",
    "mkdtemp",
    "notifier",
    "poll",
    "reverse_dns_lookup",
    "signal_handler",
    "spawn",
    "start_event_loop",
    "tcp_connect",
    "tcp_server",
    "tcp_ssl_connect",
    "tcp_ssl_server",
)
