"""Connecting to one address, and to a name that has several: the I/O around `ConnectRace`."""

from collections.abc import Iterable

from .._core.back_off import BackOff
from .._core.connect_race import ConnectRace
from .._core.deadline import Deadline
from .._sys.clock import Clock, monotonic
from .._sys.readiness import WRITABLE, wait_for_any
from .._sys.sockaddr import Name
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import Endpoint, IPAddress
from ..errors import (
    ConnectFailed,
    ConnectionInProgress,
    Interrupted,
    SocketError,
    TimedOut,
    WouldBlock,
)
from .arriving import Arrivals, ThreadArrivals
from .connect_plan import Route
from .resolving import Resolution, Resolver, ask_for_addresses, check_resolver

__all__ = ("Attempts", "connect_by", "start_in_turn", "start_to_connect")


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


def start_in_turn(descriptor: SocketDescriptor, name: Name, deadline: Deadline) -> bool:
    """Start to connect, when the backlog of a local socket has room; see `start_to_connect`.

    Raises:
        TimedOut: It had none in time.
    """
    back_off = BackOff(first=0.005, factor=2.0, last=0.1)
    while True:
        try:
            return start_to_connect(descriptor, name)
        except WouldBlock as error:
            # The system cannot tell when there is room.
            remaining = deadline.remaining()
            if remaining == 0:
                raise TimedOut.expired("connect", name) from error
        delay = back_off.next_delay()
        wait_for_any((), delay if remaining is None else min(delay, remaining))


def connect_by(
    route: Route, resolver: Resolver | None, attempt_delay: float | None, deadline: Deadline
) -> tuple[SocketDescriptor, Endpoint]:
    """Connect to the first of several addresses that answers.

    Args:
        route: Where to; a name is looked up.
        resolver: By whom.
        attempt_delay: Seconds between the starts of two attempts, see `ConnectRace`.
        deadline: The limit for all of it.

    Returns:
        The connected descriptor and the address that it is connected to.

    Raises:
        SocketError: All attempts failed alike, and this is how; `attempts` has each.
        ConnectFailed: They failed differently.
        ResolverError: The name could not be looked up.
        TimedOut: The time was up before one connected.
    """
    attempts = Attempts(route, attempt_delay)
    arrivals = None
    try:
        if route.name_to_look_up is None:
            attempts.complete(())
        else:
            arrivals = _look_up(route, route.name_to_look_up, resolver, deadline, attempts)
        while not attempts.is_over:
            attempts.start_due()
            if not attempts.is_over:
                _wait(attempts, arrivals, deadline)
        return attempts.take_winner()
    finally:
        attempts.close()
        if arrivals is not None:
            arrivals.close()


def _look_up(
    route: Route, host: str, resolver: Resolver | None, deadline: Deadline, attempts: "Attempts"
) -> Arrivals | None:
    """Look a name up, or begin to."""
    resolver = check_resolver(resolver)
    family = route.wanted_family
    if family == "internet":
        begin = getattr(resolver, "_arrivals", None)
        if begin is not None:
            known_or_arriving: Resolution | Arrivals = begin(host)
            if not isinstance(known_or_arriving, Resolution):
                return known_or_arriving
            attempts.complete(known_or_arriving.addresses)
            return None
        if getattr(resolver, "by_family", False):
            return ThreadArrivals(resolver, host)
    found = ask_for_addresses(resolver, host, family=family, timeout=deadline.remaining())
    attempts.complete(found.addresses)
    return None


def _wait(attempts: "Attempts", arrivals: Arrivals | None, deadline: Deadline) -> None:
    """Wait until something happens or the next attempt is due, and take note of what has."""
    remaining = deadline.remaining()
    if remaining == 0:
        raise attempts.timed_out()
    if attempts.next_due is not None:
        until_next = max(0.0, attempts.next_due - monotonic())
        remaining = until_next if remaining is None else min(remaining, until_next)
    by_number = {descriptor.number: name for name, descriptor in attempts.running.items()}
    wait = wait_for_any if arrivals is None else arrivals.wait
    for number, _ in wait([(number, WRITABLE) for number in by_number], remaining):
        attempts.finish(by_number[number])
    for arrival in () if arrivals is None else arrivals.take():
        if arrival.are_all:
            attempts.complete(arrival.addresses)
        else:
            attempts.offer(arrival.addresses)


class Attempts:
    """A race and its descriptors. Waiting for them is left to whoever has it.

    Args:
        route: Where to connect to.
        delay: Seconds between the starts of two attempts, see `ConnectRace`.
        clock: What tells when the next attempt is due.
    """

    def __init__(self, route: Route, delay: float | None, clock: Clock = monotonic) -> None:
        self._race: ConnectRace[Endpoint, SocketError] = ConnectRace(
            delay=delay, family_of=_family_of, most=MOST_ATTEMPTS
        )
        self._route = route
        self._address: object = str(route)
        self._clock = clock
        self.running: dict[Endpoint, SocketDescriptor] = {}
        """The attempts that have begun: each is over when its descriptor is writable."""

    def offer(self, addresses: Iterable[IPAddress]) -> None:
        """Take note of some addresses of the name, while others are looked for."""
        self._race.offer(self._route.names_of(addresses), self._clock())

    def complete(self, addresses: Iterable[IPAddress]) -> None:
        """Take note of all addresses of the name, if there is one.

        Raises:
            NoName: None of them fits the address to connect from.
        """
        target = self._route.target
        names = self._route.names_of(addresses) if target is None else (target,)
        if len(names) == 1:
            (self._address,) = names
        self._race.complete(names)

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
                descriptor = self.running[name] = self._open(name)
                if start_to_connect(descriptor, name):
                    race.succeeded(name)
            except SocketError as error:
                self._give_up(name, error)

    def _open(self, name: Endpoint) -> SocketDescriptor:
        return self._route.open_descriptor(name)

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


def _family_of(name: Endpoint) -> type:
    return type(name.host)
