"""Await: asyncio on the event base, and streams to await on any loop of asyncio's.

`EventLoop` is a complete loop for asyncio, and an event base. `open_stream` connects, and returns
an `AsyncStream`; `serve` has one for each client. Import from here; nothing else of Trunkline
imports asyncio.
"""

from .async_datagrams import AsyncDatagrams, adopt_datagrams
from .datagrams import DatagramTransport
from .lookups import dns_query, lookup_hostname
from .loop import EventLoop, run, running_loop
from .opening import open_stream
from .opening_datagrams import open_datagrams
from .processes import ProcessTransport
from .serving import Server
from .stream import AsyncStream, adopt
from .supervised import on_loop
from .task_connections import ServerStream
from .task_server import AsyncServer, serve
from .transports import StreamTransport

__all__ = (
    "AsyncDatagrams",
    "AsyncServer",
    "AsyncStream",
    "DatagramTransport",
    "EventLoop",
    "ProcessTransport",
    "Server",
    "ServerStream",
    "StreamTransport",
    "adopt",
    "adopt_datagrams",
    "dns_query",
    "lookup_hostname",
    "on_loop",
    "open_datagrams",
    "open_stream",
    "run",
    "running_loop",
    "serve",
)
