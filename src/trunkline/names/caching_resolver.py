"""Remembering what a resolver says that does not remember it itself."""

from collections.abc import Callable
from typing import Any, TypeAlias

from .._core.deadline import Deadline, check_seconds
from .._sys.clock import Clock, monotonic
from ..addresses import IPAddress, ensure_address
from ..errors import NoName
from ..multiplex.event_base import EventBase
from ..multiplex.resolving import Answered, Came, Failed, resolve_by_family, resolve_on, reverse_on
from ..sockets.arriving import Arrivals
from ..sockets.families import InternetFamily, family_number
from ..sockets.resolving import Resolution, Resolver, check_resolver, host_as_text
from .arrivals import EventBaseArrivals
from .lookups import Lookup, ask_for, begin_lookup, wait_for
from .questions import DEFAULT_CACHE_SIZE, Questions

__all__ = ("CachingResolver",)

_Key: TypeAlias = tuple[str | IPAddress, InternetFamily | None]
"""A host and which addresses of it, or an address and None."""


class CachingResolver:
    """Asks another resolver, and remembers what it says for a time.

    You would want it above the system's resolver, in a program that connects to the same hosts
    again and again: getaddrinfo(3) remembers nothing, and takes a thread each time where nobody may
    wait. Those that want to know the same at the same time ask once. It may be used by any number
    of threads and event bases. A `DNSResolver` needs none: it remembers by itself, for as long as
    the name servers say.

    Args:
        resolver: Who is asked. Default: a `SystemResolver`.
        ttl: For how many seconds an answer is remembered, as a resolver does not say.
        negative_ttl: For how many seconds it is remembered that there is none, if the error does
            not say. Other errors are not remembered.
        cache_size: How many answers and errors are remembered at most; 0 for none.
        clock: The clock that the cache goes by.

    Raises:
        TypeError, ValueError: An argument is none of what it can be.
    """

    def __init__(
        self,
        resolver: Resolver | None = None,
        *,
        ttl: float = 30.0,
        negative_ttl: float = 5.0,
        cache_size: int = DEFAULT_CACHE_SIZE,
        clock: Clock = monotonic,
    ) -> None:
        self._resolver: Resolver = check_resolver(resolver)
        self._ttl = _seconds(ttl, "ttl")
        self._negative_ttl = _seconds(negative_ttl, "negative_ttl")
        self._questions: Questions[_Key, Any, Exception]
        self._questions = Questions(self._begin, self._ttl_of, cache_size, clock)

    # -- addresses -------------------------------------------------------------------------------

    def resolve(
        self, host: str, *, family: InternetFamily = "internet", timeout: float | None = None
    ) -> Resolution:
        """Return the addresses of a host.

        Args:
            host: Its name.
            family: Which addresses are wanted: ``"internet"``, ``"ipv4"`` or ``"ipv6"``.
            timeout: Seconds for all of it.

        Raises:
            ResolverError: What the resolver has raised, now or when it was asked.
            TimedOut: The time is up.
            TooManyOpenFiles: There are no descriptors left to wait with.
            ValueError: The text cannot be the name of a host.
        """
        found: Resolution = self._find(_host_key(host, family), "resolve", host, timeout)
        return found

    def resolve_on(
        self,
        event_base: EventBase,
        host: str,
        answered: Answered,
        failed: Failed,
        *,
        family: InternetFamily = "internet",
        timeout: float | None = None,
        came: Came | None = None,
    ) -> Lookup:
        """Find the addresses of a host on an event base; see `DNSResolver.resolve_on`."""
        key = _host_key(host, family)
        lookup = begin_lookup(event_base, answered, failed, timeout, "resolve", host, came)
        self._ask_for_host(lookup, key, came, False)
        return lookup

    @property
    def _asks_by_family(self) -> bool:
        return bool(getattr(self._resolver, "by_family", False))

    def _ask_for_host(
        self, lookup: Lookup, key: _Key, came: Came | None, is_waited_for: bool
    ) -> None:
        """Ask for a host's addresses; where that is of use, for each family on its own."""
        host, wanted = key
        if came is None or wanted != "internet" or not self._asks_by_family:
            ask_for(
                lookup, self._questions, (key,), lookup._end, is_waited_for=is_waited_for, came=came
            )
            return

        def ask(family: InternetFamily, answered: Answered, failed: Failed) -> Callable[[], object]:
            def told(_: object, outcome: Any) -> None:
                if isinstance(outcome, Exception):
                    failed(outcome)
                else:
                    answered(outcome)

            key = host, family
            wish = ask_for(lookup, self._questions, (key,), told, is_waited_for=is_waited_for)
            return wish.cancel

        resolve_by_family(ask, str(host), lookup._succeed, lookup._fail, came)

    def _arrivals(self, host: str) -> Resolution | Arrivals:
        """Return the addresses of a host, or a look-up that whoever connects waits for."""
        key = _host_key(host, "internet")
        known = self._questions.known(key)
        if known is not None:
            found: Resolution = _outcome(known[0])
            return found

        def begin(event_base: EventBase, answered: Answered, failed: Failed, came: Came) -> None:
            lookup = Lookup(event_base, answered, failed, None, "resolve", host)
            self._ask_for_host(lookup, key, came, True)

        return EventBaseArrivals(begin)

    # -- names -----------------------------------------------------------------------------------

    def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
        """Return the name of the host with an address; see `resolve` for the errors.

        Args:
            address: An IPv4 or an IPv6 address.
            timeout: Seconds for all of it.
        """
        address = ensure_address(address)
        name: str = self._find((address, None), "reverse", address, timeout)
        return name

    def reverse_on(
        self,
        event_base: EventBase,
        address: IPAddress,
        answered: Callable[[str], object],
        failed: Failed,
        *,
        timeout: float | None = None,
    ) -> Lookup:
        """Find the name of the host with an address on an event base."""
        address = ensure_address(address)
        lookup = begin_lookup(event_base, answered, failed, timeout, "reverse", address)
        ask_for(lookup, self._questions, ((address, None),), lookup._end, is_waited_for=False)
        return lookup

    # -- what is known ---------------------------------------------------------------------------

    def known(self) -> list[tuple[str | IPAddress, Resolution | str | Exception, float]]:
        """Return what it remembers: hosts or addresses, answers or errors, and the seconds left."""
        return [(host, outcome, left) for (host, _), outcome, left in self._questions]

    def forget(self) -> None:
        """Forget all that it remembers. Answers to what was asked before are not remembered."""
        self._questions.clear()

    # -- asking ----------------------------------------------------------------------------------

    def _find(self, key: _Key, operation: str, what: object, timeout: float | None) -> Any:
        deadline = Deadline(timeout, monotonic)
        known = self._questions.known(key)
        if known is not None:
            return _outcome(known[0])

        def begin(lookup: Lookup) -> None:
            ask_for(lookup, self._questions, (key,), lookup._end, is_waited_for=True)

        return wait_for(begin, operation, what, deadline)

    def _begin(
        self,
        event_base: EventBase,
        key: _Key,
        told: Callable[[Any], object],
        some_told: Callable[[Any], object],
    ) -> Callable[[], object]:
        """Ask the resolver; see `Questions`."""

        def failed(error: Exception) -> None:
            if isinstance(error, NoName) and not error.ttl:
                error.ttl = self._negative_ttl
            told(error)

        what, family = key
        if family is None:
            assert not isinstance(what, str)
            return reverse_on(event_base, self._resolver, what, told, failed)
        assert isinstance(what, str)
        came = None if self._asks_by_family else some_told
        return resolve_on(event_base, self._resolver, what, family, told, failed, came=came)

    def _ttl_of(self, outcome: Any) -> float:
        if isinstance(outcome, Exception):
            return getattr(outcome, "ttl", 0)
        return self._ttl


def _seconds(value: float, name: str) -> float:
    seconds = check_seconds(value, name)
    if seconds is None:
        raise TypeError(f"{name} is a number of seconds, not None")
    return seconds


def _host_key(host: str, family: InternetFamily) -> _Key:
    family_number(family)
    return host_as_text(host), family  # what can be no name is told here


def _outcome(known: Any) -> Any:
    if isinstance(known, Exception):
        raise known
    return known
