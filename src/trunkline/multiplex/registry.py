"""Which descriptors are monitored, with which handlers, and what the backend knows of it.

A number is not an identity: when a descriptor is closed, the next file gets its number. So each
registration has a generation, which grows, and knows which open file it was made for. A socket of
Trunkline's says when it is closed; what else is closed behind our back is found out when its number
turns up again.
"""

from collections.abc import Callable
from typing import Any

from .._core.input_buffer import InputBuffer
from .._sys.backends import Backend
from .._sys.descriptor import Descriptor
from .._sys.identity import Identity, identify, same_file
from .._sys.readiness import READABLE, WRITABLE
from ..sockets.socket import Socket
from ..streams.stream import Stream
from .handlers import Event, IOHandler

__all__ = ("Registration", "Registry", "number_of")


def number_of(source: Any) -> int:
    """Return the number of a descriptor, given as that or as an object with `fileno`.

    Raises:
        TypeError: It is neither.
    """
    if isinstance(source, int) and not isinstance(source, bool):
        return source
    fileno = getattr(source, "fileno", None)
    if fileno is None:
        raise TypeError(
            f"a descriptor is an integer or an object with fileno(), not {type(source).__name__}"
        )
    number = fileno()
    if not isinstance(number, int):
        raise TypeError(f"fileno() of {source!r} does not return an integer")
    return number


class Registration:
    """One monitored descriptor and its handlers."""

    __slots__ = (
        "buffer",
        "error",
        "generation",
        "identity",
        "interest",
        "is_trusted",
        "number",
        "read",
        "source",
        "taken_count",
        "write",
    )

    def __init__(self, number: int, identity: Identity, generation: int) -> None:
        self.number = number
        self.source: Any = None  # what says when it is closed
        self.is_trusted = False  # whether there is such a thing
        self.buffer: InputBuffer | None = None
        self.taken_count = 0  # of the buffer, when it was last looked at
        self.identity = identity
        self.generation = generation
        self.read: IOHandler | None = None
        self.write: IOHandler | None = None
        self.error: IOHandler | None = None
        self.interest: int | None = None  # what the backend watches for; None if it does not

    def take_note_of(self, source: Any) -> bool:
        """Learn what there is to know of what stands for the number, and was perhaps not known.

        Returns:
            Whether its closing has to be watched.
        """
        if self.buffer is None and isinstance(source, Stream):
            self.buffer = source.input_buffer
        if self.is_trusted or not isinstance(source, (Socket, Descriptor)):
            return False
        self.source = source
        self.is_trusted = True
        return True

    @property
    def wanted(self) -> int | None:
        """What the backend should watch for, or None if no handler is left."""
        if self.read is None and self.write is None and self.error is None:
            return None
        return (READABLE if self.read else 0) | (WRITABLE if self.write else 0)

    def is_current(self) -> bool:
        """Whether the number still stands for what was registered."""
        return same_file(self.number, self.identity)


class Registry:
    """All registrations of an event base.

    Args:
        backend: What is told about them.
        forget: Called with each handler that is removed, for whatever reason.
        closing: Called, in any thread, with what belongs to a socket that is being closed.
    """

    def __init__(
        self,
        backend: Backend,
        forget: Callable[[IOHandler], None],
        closing: Callable[["Registration"], None],
    ) -> None:
        self.by_number: dict[int, Registration] = {}
        self.generation = 0
        self.handler_count = 0
        self._backend = backend
        self._forget = forget
        self._closing = closing

    def add(self, source: Any, handler: IOHandler) -> Registration:
        """Take a handler in.

        Raises:
            ValueError: The descriptor has a handler for that event, or is a regular file.
            SocketClosed: There is no such descriptor.
            TooManyOpenFiles: The backend does not take a number that large.
        """
        registration = self._registration_for(handler.number, source)
        if getattr(registration, handler.event) is not None:
            raise ValueError(
                f"descriptor {handler.number} is already monitored for {handler.event}"
            )
        setattr(registration, handler.event, handler)
        try:
            self._update(registration)
        except BaseException:
            setattr(registration, handler.event, None)
            if registration.wanted is None:
                self._discard(registration)
            raise
        self.handler_count += 1
        return registration

    def _registration_for(self, number: int, source: Any) -> Registration:
        registration = self.by_number.get(number)
        if registration is not None:
            if registration.is_current():
                if registration.take_note_of(source):
                    source.watch_closing(self._number_closing)
                return registration
            self.drop(registration)
        identity = identify(number)
        self.generation += 1
        registration = Registration(number, identity, self.generation)
        self.by_number[number] = registration
        if registration.take_note_of(source):
            source.watch_closing(self._number_closing)
        return registration

    def remove(self, registration: Registration, event: Event) -> bool:
        """Take a handler out; return whether there was one."""
        handler: IOHandler | None = getattr(registration, event)
        if handler is None:
            return False
        setattr(registration, event, None)
        self.handler_count -= 1
        self._forget(handler)
        self._update(registration)
        return True

    def drop(self, registration: Registration) -> None:
        """Take all handlers of a descriptor out."""
        for event in ("read", "write", "error"):
            handler: IOHandler | None = getattr(registration, event)
            if handler is not None:
                setattr(registration, event, None)
                self.handler_count -= 1
                self._forget(handler)
        self._update(registration)

    def suspend(self, registration: Registration) -> None:
        """Keep the handlers, but let the backend be silent until one is added or removed."""
        self._backend.unregister(registration.number)
        registration.interest = None

    def _update(self, registration: Registration) -> None:
        """Tell the backend what is wanted now."""
        wanted = registration.wanted
        if wanted is None:
            if registration.interest is not None:
                self._backend.unregister(registration.number)
                registration.interest = None
            self._discard(registration)
        elif registration.interest is None:
            self._backend.register(registration.number, wanted)
            registration.interest = wanted
        elif registration.interest != wanted:
            self._backend.modify(registration.number, wanted)
            registration.interest = wanted

    def _discard(self, registration: Registration) -> None:
        if self.by_number.get(registration.number) is registration:
            del self.by_number[registration.number]
            if registration.is_trusted:
                registration.source.unwatch_closing(self._number_closing)

    def silence(self, registration: Registration) -> None:
        """Let go of a number, in any thread, and leave the handlers to be dropped."""
        self._backend.unregister(registration.number)
        registration.interest = None
        self._discard(registration)

    def _number_closing(self, number: int) -> None:
        """A socket of ours is about to give its number back."""
        registration = self.by_number.get(number)
        if registration is not None:
            self._closing(registration)

    def clear(self) -> None:
        """Take everything out."""
        for registration in list(self.by_number.values()):
            self.drop(registration)
