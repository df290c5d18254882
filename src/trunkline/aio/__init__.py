"""Await: asyncio on the event base.

`EventLoop` is a complete loop for asyncio, and an event base. Import from here; nothing else of
Trunkline imports asyncio.
"""

from .loop import EventLoop, run
from .serving import Server
from .transports import StreamTransport

__all__ = ("EventLoop", "Server", "StreamTransport", "run")
