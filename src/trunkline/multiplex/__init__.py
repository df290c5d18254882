"""The multiplexer: an event base with its handlers and timers, and waiting for one descriptor."""

from .._core.timer_queue import Timer
from .._sys.backends import available_backends
from .event_base import EventBase
from .handlers import Cause, IOHandler
from .statistics import Statistics
from .waits import Readiness, fd_readable, fd_writable, wait_until_fd_ready

__all__ = (
    "Cause",
    "EventBase",
    "IOHandler",
    "Readiness",
    "Statistics",
    "Timer",
    "available_backends",
    "fd_readable",
    "fd_writable",
    "wait_until_fd_ready",
)
