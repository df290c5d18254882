"""Connecting to one address, and to a name that has several: the I/O around `ConnectRace`."""

from collections.abc import Callable, Sequence

from .._core.connect_race import ATTEMPT_DELAY, ConnectRace, interleave_families
from .._core.deadline import Deadline
from .._sys.clock import Clock, monotonic
from .._sys.readiness import WRITABLE, wait_for_any
from .._sys.sockaddr import Name
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import Endpoint
from ..errors import ConnectFailed, ConnectionInProgress, Interrupted, SocketError, TimedOut

__all__ = ("ATTEMPT_DELAY", "Attempts", "race_to_connect", "start_to_connect")


MOST_ATTEMPTS = 32
"""How many addresses of a name are tried: each that does not answer keeps a descriptor."""


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
    attempts = Attempts(names, open_descriptor, delay=delay, address=address)
    try:
        while not attempts.is_over:
            attempts.start_due()
            if not attempts.is_over:
                _wait(attempts, deadline)
        return attempts.take_winner()
    finally:
        attempts.close()


def _wait(attempts: "Attempts", deadline: Deadline) -> None:
    """Wait until an attempt ends or the next one is due, and take note of what has ended."""
    remaining = deadline.remaining()
    if remaining == 0:
        raise attempts.timed_out()
    if attempts.next_due is not None:
        until_next = max(0.0, attempts.next_due - monotonic())
        remaining = until_next if remaining is None else min(remaining, until_next)
    by_number = {descriptor.number: name for name, descriptor in attempts.running.items()}
    for number, _ in wait_for_any([(number, WRITABLE) for number in by_number], remaining):
        attempts.finish(by_number[number])


class Attempts:
    """A race and its descriptors. Waiting for them is left to whoever has it.

    Args:
        names: The addresses with their ports, best first; the families are made to take turns.
        open_descriptor: Makes a descriptor, with all its options, for an address.
        delay: Seconds between the starts of two attempts, see `ConnectRace`.
        address: What errors call the whole.
        clock: What tells when the next attempt is due.
    """

    def __init__(
        self,
        names: Sequence[Endpoint],
        open_descriptor: Callable[[Endpoint], SocketDescriptor],
        *,
        delay: float | None,
        address: object,
        clock: Clock = monotonic,
    ) -> None:
        ordered = _take_turns(names)[:MOST_ATTEMPTS]
        self._race: ConnectRace[Endpoint, SocketError] = ConnectRace(ordered, delay=delay)
        self._open_descriptor = open_descriptor
        self._address = address
        self._clock = clock
        self.running: dict[Endpoint, SocketDescriptor] = {}
        """The attempts that have begun: each is over when its descriptor is writable."""

    @property
    def is_over(self) -> bool:
        """Whether one has won, or all have failed."""
        return self._race.is_over

    @property
    def next_due(self) -> float | None:
        """When the next attempt is to be started, or None if there is none to start."""
        return self._race.next_due

    def start_due(self) -> None:
        """Start the attempts that are due by now."""
        race = self._race
        while (name := race.due(self._clock())) is not None:
            try:
                descriptor = self._open_descriptor(name)
                self.running[name] = descriptor
                if start_to_connect(descriptor, name):
                    race.succeeded(name)
            except SocketError as error:
                self._give_up(name, error)

    def finish(self, name: Endpoint) -> None:
        """Take note of how an attempt has ended, whose descriptor is writable."""
        failure = self.running[name].connect_error(name)
        if failure is None:
            self._race.succeeded(name)
        else:
            self._give_up(name, failure)

    def _give_up(self, name: Endpoint, error: SocketError) -> None:
        descriptor = self.running.pop(name, None)
        if descriptor is not None:
            descriptor.close()
        self._race.failed(name, error)

    def take_winner(self) -> tuple[SocketDescriptor, Endpoint]:
        """Return the descriptor that is connected, and to where, once the race is over.

        Raises:
            SocketError: All attempts failed alike, and this is how; `attempts` has each.
            ConnectFailed: They failed differently.
        """
        winner = self._race.winner
        if winner is None:
            raise ConnectFailed.from_attempts(self._race.errors, address=self._address)
        return self.running.pop(winner), winner

    def timed_out(self) -> TimedOut:
        """Return the error for a time limit that passed before the race was over."""
        error = TimedOut.expired("connect", self._address)
        error.attempts = self._race.errors
        return error

    def close(self) -> None:
        """Close what is still running."""
        while self.running:
            self.running.popitem()[1].close()


def _take_turns(names: Sequence[Endpoint]) -> list[Endpoint]:
    ports = {name.host: name.port for name in names}
    return [Endpoint(host, ports[host]) for host in interleave_families(ports)]
