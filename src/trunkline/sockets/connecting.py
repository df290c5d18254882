"""Connecting to one address, and to a name that has several: the I/O around `ConnectRace`."""

from collections.abc import Callable, Sequence

from .._core.connect_race import ATTEMPT_DELAY, ConnectRace, interleave_families
from .._core.deadline import Deadline
from .._sys.clock import monotonic
from .._sys.readiness import WRITABLE, wait_for_any
from .._sys.sockaddr import Name
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import Endpoint
from ..errors import ConnectFailed, ConnectionInProgress, Interrupted, SocketError, TimedOut

__all__ = ("ATTEMPT_DELAY", "race_to_connect", "start_to_connect")


def start_to_connect(descriptor: SocketDescriptor, name: Name) -> bool:
    """Start to connect; return whether that was all.

    Raises:
        SocketError: It failed at once.
    """
    try:
        descriptor.connect(name)
    except (ConnectionInProgress, Interrupted):
        # What a signal has interrupted goes on by itself, see connect(2).
        return False
    return True


def race_to_connect(
    names: Sequence[Endpoint],
    open_descriptor: Callable[[Endpoint], SocketDescriptor],
    *,
    delay: float | None = ATTEMPT_DELAY,
    deadline: Deadline,
    address: object = None,
) -> tuple[SocketDescriptor, Endpoint]:
    """Connect to the first of several addresses that answers.

    Args:
        names: The addresses with their ports, best first; the families are made to take turns.
        open_descriptor: Makes a descriptor, with all its options, for an address.
        delay: Seconds between the starts of two attempts, see `ConnectRace`.
        deadline: The limit for all of it.
        address: What errors call the whole.

    Returns:
        The connected descriptor and the address that it is connected to.

    Raises:
        SocketError: All attempts failed alike, and this is how; `attempts` has each.
        ConnectFailed: They failed differently.
        TimedOut: The time was up before one connected.
    """
    return _Race(names, open_descriptor, delay).run(deadline, address)


class _Race:
    def __init__(
        self,
        names: Sequence[Endpoint],
        open_descriptor: Callable[[Endpoint], SocketDescriptor],
        delay: float | None,
    ) -> None:
        ordered = _take_turns(names)
        self._race: ConnectRace[Endpoint, SocketError] = ConnectRace(ordered, delay=delay)
        self._open_descriptor = open_descriptor
        self._running: dict[Endpoint, SocketDescriptor] = {}

    def run(self, deadline: Deadline, address: object) -> tuple[SocketDescriptor, Endpoint]:
        race = self._race
        try:
            while not race.is_over:
                self._start_what_is_due()
                if not race.is_over:
                    self._wait(deadline, address)
            winner = race.winner
            if winner is None:
                raise ConnectFailed.from_attempts(race.errors, address=address)
            return self._running.pop(winner), winner
        finally:
            for descriptor in self._running.values():
                descriptor.close()

    def _start_what_is_due(self) -> None:
        race = self._race
        while (name := race.due(monotonic())) is not None:
            try:
                descriptor = self._open_descriptor(name)
                self._running[name] = descriptor
                if start_to_connect(descriptor, name):
                    race.succeeded(name)
            except SocketError as error:
                self._give_up(name, error)

    def _give_up(self, name: Endpoint, error: SocketError) -> None:
        descriptor = self._running.pop(name, None)
        if descriptor is not None:
            descriptor.close()
        self._race.failed(name, error)

    def _wait(self, deadline: Deadline, address: object) -> None:
        """Wait until an attempt ends or the next one is due, and take note of what has ended."""
        race = self._race
        remaining = deadline.remaining()
        if remaining == 0:
            error = TimedOut.expired("connect", address)
            error.attempts = race.errors
            raise error
        if race.next_due is not None:
            until_next = max(0.0, race.next_due - monotonic())
            remaining = until_next if remaining is None else min(remaining, until_next)
        by_number = {descriptor.number: name for name, descriptor in self._running.items()}
        interests = [(number, WRITABLE) for number in by_number]
        for number, _ in wait_for_any(interests, remaining):
            name = by_number[number]
            failure = self._running[name].connect_error(name)
            if failure is None:
                race.succeeded(name)
            else:
                self._give_up(name, failure)


def _take_turns(names: Sequence[Endpoint]) -> list[Endpoint]:
    ports = {name.host: name.port for name in names}
    return [Endpoint(host, ports[host]) for host in interleave_families(ports)]
