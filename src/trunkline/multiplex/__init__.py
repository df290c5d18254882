"""The multiplexer: an event base with its handlers and timers, and transports that stand on it."""

from .._core.framing import Blocks, Frames
from .._core.timer_queue import Timer
from .._sys.backends import available_backends
from .adoption import adopt
from .connector import connect
from .delivery import Delivery
from .event_base import EventBase
from .handlers import Cause, IOHandler
from .listener import Listener, listen
from .many_waits import IOStatus, wait_until_any_ready
from .protocol import TransportProtocol
from .reconnector import Reconnector, reconnect
from .statistics import Statistics
from .transport import DEFAULT_HIGH_WATER, Transport
from .waits import Readiness, fd_readable, fd_writable, wait_until_fd_ready

__all__ = (
    "DEFAULT_HIGH_WATER",
    "Blocks",
    "Cause",
    "Delivery",
    "EventBase",
    "Frames",
    "IOHandler",
    "IOStatus",
    "Listener",
    "Readiness",
    "Reconnector",
    "Statistics",
    "Timer",
    "Transport",
    "TransportProtocol",
    "adopt",
    "available_backends",
    "connect",
    "fd_readable",
    "fd_writable",
    "listen",
    "reconnect",
    "wait_until_any_ready",
    "wait_until_fd_ready",
)
