"""What is called when a descriptor is ready, and why."""

from collections.abc import Callable
from enum import Enum
from typing import Literal, TypeAlias

from .._core.timer_queue import Timer
from .._core.uncopied import Uncopied

__all__ = ("EVENTS", "Cause", "Event", "HandlerCallback", "IOHandler")

Event: TypeAlias = Literal["urgent", "read", "write", "error"]

EVENTS: tuple[Event, ...] = ("urgent", "read", "write", "error")
"""All events, in the order in which their handlers are called.

What is urgent comes first: who reads past it has lost it.
"""


class Cause(Enum):
    """Why a handler is called, if it is not for readiness; that is None."""

    ERROR = "error"
    """The descriptor has an error: the next operation on it will raise it."""
    TIMEOUT = "timeout"
    """Nothing has happened for as long as the handler's timeout."""


HandlerCallback: TypeAlias = Callable[[int, Event, Cause | None], object]
"""Called with the descriptor, the event, and the cause."""


class IOHandler(Uncopied):
    """A callback for one event of one descriptor; `EventBase.set_io_handler` makes it.

    Attributes:
        number: The descriptor.
        event: ``"urgent"``, ``"read"``, ``"write"`` or ``"error"``.
        callback: What is called.
        timeout: Seconds without the event after which it is called with `Cause.TIMEOUT`, or None.
        one_shot: Whether it is removed when the event happens.
    """

    __slots__ = (
        "_active_at",
        "_declined",
        "_is_plain",
        "_timer",
        "callback",
        "event",
        "number",
        "one_shot",
        "timeout",
    )

    def __init__(
        self,
        number: int,
        event: Event,
        callback: HandlerCallback,
        timeout: float | None,
        one_shot: bool,
    ) -> None:
        self.number: int = number
        self.event: Event = event
        self.callback: HandlerCallback = callback
        self.timeout: float | None = timeout
        self.one_shot: bool = one_shot
        self._is_plain: bool = timeout is None and not one_shot  # nothing to be done but to call it
        # How many in a row were replaced and had taken nothing, see `note_progress`.
        self._declined: int = 0
        self._active_at: float = 0.0  # when the event was last seen, for the timeout
        self._timer: Timer | None = None

    def __repr__(self) -> str:
        return f"<IOHandler for {self.event} on descriptor {self.number}, {self.callback!r}>"
