"""A look-up on an event base of its own, which also waits for what somebody else waits for."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from .._sys.readiness import READABLE, WRITABLE
from ..addresses import IPAddress
from ..multiplex.event_base import EventBase
from ..multiplex.handlers import Cause, Event
from ..multiplex.resolving import Answered, Came, Failed
from ..sockets.arriving import Arrival
from ..sockets.resolving import Resolution

__all__ = ("EventBaseArrivals",)

Begin: TypeAlias = Callable[[EventBase, Answered, Failed, Came], object]

_BITS: dict[Event, int] = {"read": READABLE, "write": WRITABLE}


class EventBaseArrivals:
    """The addresses that a look-up on an event base finds; see `Arrivals`.

    Args:
        begin: Begins the look-up. It is given the event base, and what is to be called with all
            addresses, with an error, and with the first addresses.

    Raises:
        TooManyOpenFiles: There are no descriptors left to wait with.
    """

    def __init__(self, begin: Begin) -> None:
        self._event_base = EventBase()
        self._arrived: list[Arrival] = []
        self._error: Exception | None = None
        try:
            begin(self._event_base, self._all_came, self._failed, self._some_came)
        except BaseException:
            self._event_base.close()
            raise

    def _some_came(self, addresses: tuple[IPAddress, ...]) -> None:
        self._arrived.append(Arrival(addresses, are_all=False))
        self._event_base.exit()

    def _all_came(self, found: Resolution) -> None:
        self._arrived.append(Arrival(found.addresses, are_all=True))
        self._event_base.exit()

    def _failed(self, error: Exception) -> None:
        self._error = error
        self._event_base.exit()

    def wait(
        self, interests: Iterable[tuple[int, int]], timeout: float | None
    ) -> list[tuple[int, int]]:
        """See `Arrivals.wait`."""
        ready: list[tuple[int, int]] = []

        def is_ready(number: int, event: Event, cause: Cause | None) -> None:
            ready.append((number, _BITS[event]))
            self._event_base.exit()

        numbers = []
        try:
            for number, interest in interests:
                numbers.append(number)
                for event, bit in _BITS.items():
                    if interest & bit:
                        self._event_base.set_io_handler(number, event, is_ready)
            self._event_base.dispatch(timeout=timeout)
        finally:
            for number in numbers:
                self._event_base.remove_fd_handlers(number)
        return ready

    def take(self) -> list[Arrival]:
        """See `Arrivals.take`."""
        if self._error is not None:
            raise self._error
        arrived, self._arrived = self._arrived, []
        return arrived

    def close(self) -> None:
        """See `Arrivals.close`."""
        self._event_base.close()
