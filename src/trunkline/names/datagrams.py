"""Asking name servers by datagrams on an event base."""

from typing import Protocol

from .._core.dns_exchange import Ask
from .._sys.readiness import READABLE, WRITABLE
from .._sys.registration import Registration
from .._sys.sockaddr import family_of
from .._sys.socket_descriptor import DATAGRAM, SocketDescriptor
from ..addresses import Endpoint
from ..errors import SocketError
from ..multiplex.event_base import EventBase

__all__ = ("Channel", "Waiter")

_LARGEST_DATAGRAM = 65_535

_MOST_QUESTIONS = 64
"""How many questions leave from one port at the most, whose number a liar has to guess."""

_RECEIVES_AT_ONCE = 64  # others wait, too


class Waiter(Protocol):
    """Who waits for an answer."""

    def take(self, data: bytes, /) -> None:
        """Something has come under the question's number."""

    def not_reached(self, error: SocketError, /) -> None:
        """The system says that the server is not to be reached."""


class Channel(Registration):
    """A socket that is connected to a name server, and those who wait for answers from there.

    As it is connected, the system throws away what others send, and tells at once that nobody
    listens. It is closed as soon as nobody waits.
    """

    __slots__ = ("_descriptor", "_event_base", "_left", "_unsent", "_waiters")

    def __init__(self, event_base: EventBase, server: Endpoint) -> None:
        self._descriptor = SocketDescriptor.open(family_of(server), DATAGRAM, address=server)
        super().__init__(self._descriptor.number)
        self._event_base = event_base
        self._waiters: dict[bytes, Waiter] = {}
        self._unsent: dict[bytes, bytes] = {}  # for which the system had no room
        self._left = _MOST_QUESTIONS
        try:
            self._descriptor.where = server
            self._descriptor.connect(server)
            event_base._watch(self, READABLE)
        except BaseException:
            self._descriptor.close()
            raise

    def has_room_for(self, ask: Ask) -> bool:
        """Return whether a question can leave from here."""
        return self._left > 0 and ask.message[:2] not in self._waiters

    def send(self, ask: Ask, waiter: Waiter) -> None:
        """Send a question, whose number no other one has that waits here."""
        self._left -= 1
        message = ask.message
        number = message[:2]
        self._waiters[number] = waiter
        try:
            if self._unsent or self._descriptor.send(message) is None:
                self._unsent[number] = message
                self._event_base._watch(self, READABLE | WRITABLE)
        except SocketError as error:
            # Not from here: all servers may be out of reach, each of them at once. It may be an
            # earlier question's error, which the system tells once; so it is everybody's.
            self._event_base.call_soon(self._tell_all, error, [*self._waiters.items()])

    def forget(self, ask: Ask) -> None:
        """Wait for the answer to a question no more."""
        number = ask.message[:2]
        self._waiters.pop(number, None)
        self._unsent.pop(number, None)
        if not self._waiters:
            self._left = 0
            self._event_base._unwatch(self)
            self._descriptor.close()

    def _handle_ready(self) -> None:
        self._event_base._note_call()
        try:
            if self._events & WRITABLE:
                self._send_more()
            self._receive()
        except SocketError as error:
            self._tell_all(error, [*self._waiters.items()])

    def _tell_all(self, error: SocketError, waiters: list[tuple[bytes, Waiter]]) -> None:
        """Tell those who have asked, and wait still, that the server is not to be reached."""
        for number, waiter in waiters:
            if self._waiters.get(number) is waiter:
                waiter.not_reached(error)

    def _send_more(self) -> None:
        while self._unsent:
            number, message = next(iter(self._unsent.items()))
            if self._descriptor.send(message) is None:
                return
            del self._unsent[number]
        self._event_base._watch(self, READABLE)

    def _receive(self) -> None:
        for _ in range(_RECEIVES_AT_ONCE):
            data = self._descriptor.receive(_LARGEST_DATAGRAM)
            if data is None:
                return
            waiting = self._waiters.get(data[:2])
            if waiting is not None:
                waiting.take(data)
                if not self._waiters:
                    return
