"""The backend on Linux's epoll(7).

An entry of epoll belongs to an open file, not to a number. When a descriptor is closed without
having been taken out, the entry goes with the file; but if the file lives on, as a duplicate or in
another process, the entry lives on too: it reports a number that may stand for something else by
now, and it can no longer be removed. Such a descriptor is remembered as a suspect. If its events
then turn out to be nobody's, the whole set is made anew, which leaves the stale entry behind.
"""

import select
import sys
from operator import itemgetter
from threading import RLock

from ...errors import SocketError
from ..epoll_events import EpollEvents
from ..readiness import LONGEST_WAIT, NUMBER_CLOSED
from ..registration import Registration, ready_ones

__all__ = ("BACKEND", "EpollBackend")

assert sys.platform == "linux"  # tells type checkers that there is an epoll


class EpollBackend:
    """See the package's text."""

    name = "epoll"

    def __init__(self) -> None:
        self.registered: dict[int, Registration] = {}
        self._suspects: set[int] = set()
        # Other threads close descriptors, and tell, while a wait may be about to replace the set.
        self._lock = RLock()
        self._changes = 0
        self._events = EpollEvents()
        self._epoll = self._make()

    @staticmethod
    def _make() -> select.epoll:
        try:
            return select.epoll()
        except OSError as error:
            raise SocketError.from_errno(error.errno or 0, operation="epoll_create") from None

    def register(self, registration: Registration, interest: int) -> None:
        number = registration._number
        with self._lock:
            self._changes += 1
            try:
                self._epoll.register(number, interest)
            except FileExistsError:
                # The number was closed and opened again behind our back, for the same file.
                self._epoll.modify(number, interest)
            except OSError as error:
                raise _typed(error, number) from None
            self.registered[number] = registration
            registration._interest = interest

    def modify(self, registration: Registration, interest: int) -> None:
        number = registration._number
        with self._lock:
            self._changes += 1
            try:
                self._epoll.modify(number, interest)
            except FileNotFoundError:
                # It was closed behind our back, and the number stands for another file now.
                self._suspects.add(number)
                self.register(registration, interest)
            except OSError as error:
                raise _typed(error, number) from None
            registration._interest = interest

    def unregister(self, registration: Registration) -> None:
        number = registration._number
        with self._lock:
            self._changes += 1
            registration._interest = None
            if self.registered.get(number) is not registration:
                return
            del self.registered[number]
            try:
                self._epoll.unregister(number)
            except OSError:
                self._suspects.add(number)

    def wait(self, timeout: float | None) -> list[Registration]:
        if timeout is None or timeout > LONGEST_WAIT:
            timeout = -1 if timeout is None else LONGEST_WAIT
        events = self._events
        try:
            if not events.wait(self._epoll, timeout, self.registered):
                return []
        except OSError as error:
            raise SocketError.from_errno(error.errno or 0, operation="epoll_wait") from None
        if self._suspects and not self._suspects.isdisjoint(map(itemgetter(0), events.pairs())):
            with self._lock:
                return ready_ones(self.registered, self._without_stale_entries(events.pairs()))
        return events.registrations(self.registered)

    def _without_stale_entries(self, ready: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return what the suspects themselves have to say in place of what was said of them."""
        genuine = {number: events for number, events in ready if number not in self._suspects}
        is_stale = False
        for number, events in ready:
            if number in self._suspects:
                own_events = self._events_of_suspect(number)
                is_stale |= bool(events & ~own_events)
                if own_events:
                    genuine[number] = own_events
        if is_stale:
            self._replace_set()
        return list(genuine.items())

    def _events_of_suspect(self, number: int) -> int:
        """Ask poll(2), which goes by numbers."""
        registration = self.registered.get(number)
        if registration is None:
            return 0
        poll = select.poll()
        poll.register(number, registration._interest or 0)
        return sum(events for _, events in poll.poll(0)) & ~NUMBER_CLOSED

    def rebuild(self) -> None:
        """Watch the same descriptors in a new set; those that are closed are left out."""
        self._lock = RLock()  # whoever had it stayed in the process that was forked
        self._replace_set()

    def _replace_set(self) -> None:
        """Do that, with the lock, until no signal handler has come in between."""
        no_suspects: set[int] = set()
        changes = -1
        while changes != self._changes:
            changes = self._changes
            try:
                fresh = self._make()
            except SocketError:
                self._epoll.close()  # which leaves one descriptor, where there is none
                fresh = self._make()
            for number, registration in list(self.registered.items()):
                try:
                    fresh.register(number, registration._interest or 0)
                except OSError:
                    self.registered.pop(number, None)
                    registration._interest = None
        # Nothing was called since, and so nobody has changed anything.
        former, self._epoll, self._suspects = self._epoll, fresh, no_suspects
        former.close()

    def close(self) -> None:
        self._epoll.close()


def _typed(error: OSError, number: int) -> SocketError:
    return SocketError.from_errno(
        error.errno or 0, operation="epoll_ctl", address=f"descriptor {number}"
    )


BACKEND = EpollBackend
