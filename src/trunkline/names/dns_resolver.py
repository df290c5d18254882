"""Looking names up by asking name servers: as blocking calls, and on an event base."""

import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import count
from typing import Any, TypeAlias

from .._core.address_order import AddressOrder
from .._core.callbacks import call_plainly
from .._core.deadline import Deadline, check_timeout
from .._core.dns_exchange import DNSAnswer, Exchange
from .._core.dns_names import key_of_name, reverse_name
from .._core.dns_records import DNSRecord, PTRRecord, RecordType
from .._core.host_search import ADDRESS_TYPES, HostSearch, addresses_in
from .._core.host_text import to_ascii
from .._core.hosts_table import HostsTable
from .._core.resolver_config import ResolverConfig, parse_resolver_config
from .._sys.clock import Clock, monotonic
from .._sys.source_address import source_address
from .._sys.watched_file import WatchedFile
from ..addresses import (
    IPV4_LOOPBACK,
    IPV6_LOOPBACK,
    AddressLike,
    IPAddress,
    ensure_address,
)
from ..errors import NoName, ResolverError
from ..multiplex.argument_check import check_event_base
from ..multiplex.event_base import EventBase
from ..multiplex.resolving import Answered, Came, Failed
from ..sockets.arriving import Arrivals
from ..sockets.families import InternetFamily, family_number
from ..sockets.resolving import Resolution, literal_address
from .arguments import (
    ANY_TYPE,
    Key,
    check_config,
    check_path,
    domains_of,
    endpoints_of,
    key_of_question,
)
from .arrivals import EventBaseArrivals
from .asking import Asking
from .lookups import Lookup, ask_for, begin_lookup, wait_for
from .question_ids import new_id
from .questions import DEFAULT_CACHE_SIZE, Questions

__all__ = ("DNSResolver",)

_Moment: TypeAlias = tuple[Callable[[], EventBase | None], int]
"""An event base, referred to weakly, and the number of its iteration."""


class DNSResolver:
    """Asks name servers, and remembers what they say for as long as they say.

    You would want it for a program that looks up many names: on an event base it takes no threads,
    a look-up can be given up, and what is known is not asked again. Any call that takes a
    `resolver` takes this one. It may be used by any number of threads and event bases; those that
    want to know the same at the same time ask once.

    It knows what resolv.conf(5) and hosts(5) say, also when they change, but nothing of what else
    getaddrinfo(3) may be set up for (nsswitch.conf, multicast DNS, LDAP).

    Args:
        servers: Whom to ask: addresses, or pairs of an address and a port. Default: as
            `config_file` says, and the loopback address if it says nothing.
        search: The domains in which short names are looked for. Default, also of the next five: as
            `config_file` and the environment's ``LOCALDOMAIN`` and ``RES_OPTIONS`` say.
        ndots: From how many dots on a name is looked up as it is at first.
        server_timeout: Seconds that a server has for an answer; 5 if nothing is said anywhere.
        attempts: How many times all servers are asked before that is an error; else 2.
        rotate: Whether to begin with another server each time.
        use_tcp: Whether to ask by TCP at once, and not only what does not fit into a datagram.
        sort_addresses: Whether the addresses of a host are put in the order in which they are
            likely to be reached best (RFC 6724, section 6), by which a name server's own order only
            counts for what is alike. Those of IPv6 come first otherwise.
        config_file: The file that says all of that; None for none. On an event base, whether it has
            changed is looked at once in an iteration, as for the next one.
        hosts_file: The table of hosts, asked before the servers; None for none.
        cache_size: How many answers and errors are remembered at most; 0 for none.
        clock: The clock that the cache goes by.

    Raises:
        TypeError, ValueError: An argument is none of what it can be.
    """

    def __init__(
        self,
        servers: Iterable[AddressLike | tuple[AddressLike, int]] | None = None,
        *,
        search: Iterable[str] | None = None,
        ndots: int | None = None,
        server_timeout: float | None = None,
        attempts: int | None = None,
        rotate: bool | None = None,
        use_tcp: bool | None = None,
        sort_addresses: bool = True,
        config_file: str | os.PathLike[str] | None = "/etc/resolv.conf",
        hosts_file: str | os.PathLike[str] | None = "/etc/hosts",
        cache_size: int = DEFAULT_CACHE_SIZE,
        clock: Clock = monotonic,
    ) -> None:
        said = {
            "servers": None if servers is None else endpoints_of(servers),
            "search": None if search is None else domains_of(search),
            "ndots": ndots,
            "timeout": check_timeout(server_timeout, "server_timeout"),
            "attempts": attempts,
            "rotate": rotate,
            "use_tcp": use_tcp,
        }
        if not isinstance(sort_addresses, bool):
            raise TypeError(f"sort_addresses is True or False, not {sort_addresses!r}")
        self._said: dict[str, Any] = {key: what for key, what in said.items() if what is not None}
        check_config(self._said)
        self._order = AddressOrder(source_address, monotonic) if sort_addresses else None
        self._config_file = WatchedFile(check_path("config_file", config_file), self._parse_config)
        self._hosts_file = WatchedFile(check_path("hosts_file", hosts_file), HostsTable)
        self._config: ResolverConfig = self._config_file.get()
        self._hosts = self._hosts_file.get()
        self._looked: _Moment = lambda: None, -1
        self._turns: Iterator[int] = count()
        self._questions: Questions[Key, DNSAnswer, ResolverError] = Questions(
            self._begin, _ttl_of, cache_size, clock, wider=_of_any_type, is_of_all=_is_of_any_type
        )

    def _parse_config(self, text: str) -> ResolverConfig:
        environment = os.environ.get
        config = parse_resolver_config(
            text, local_domain=environment("LOCALDOMAIN"), options=environment("RES_OPTIONS")
        )
        return replace(config, **self._said)

    @property
    def config(self) -> ResolverConfig:
        """Whom it asks just now, and how often: what it was told, and what the files say."""
        self._look_at_files()
        return self._config

    def _look_at_files(self, event_base: EventBase | None = None) -> None:
        """Take note of what the files say now."""
        if event_base is not None:
            of_whom, iteration = self._looked
            if iteration == event_base._iterations and of_whom() is event_base:
                return
            self._looked = weakref.ref(event_base), event_base._iterations
        self._hosts = self._hosts_file.get()
        config = self._config_file.get()
        if config is not self._config and config != self._config:
            self._questions.clear()  # other servers may say something else
            self._config = config

    # -- addresses -------------------------------------------------------------------------------

    def resolve(
        self, host: str, *, family: InternetFamily = "internet", timeout: float | None = None
    ) -> Resolution:
        """Return the addresses of a host.

        A short name is looked for in the domains to search, too. Of `localhost`, and of any name in
        that domain, the addresses are known (RFC 6761).

        Args:
            host: Its name.
            family: Which addresses are wanted: ``"internet"``, ``"ipv4"`` or ``"ipv6"``.
            timeout: Seconds for all of it; None is as long as the servers have.

        Raises:
            NoName: There is no such name.
            NoRecord: It has no addresses of the family.
            TryAgain: No server has answered.
            ServerFailure, QueryRefused: The last one that was asked could not answer, or would not.
            TimedOut: The time is up.
            TooManyOpenFiles: There are no descriptors left to wait with.
            ValueError: The text cannot be the name of a host.
        """
        deadline = Deadline(timeout, monotonic)
        self._look_at_files()
        at_once = self._known_addresses(host, family)
        if at_once is not None:
            return at_once
        search = self._search(host, family)
        if self._search_what_is_known(search):
            return self._found(search)
        search = self._search(host, family)

        def begin(lookup: Lookup) -> None:
            _HostLookup(self, lookup, search, True).ask()

        wait_for(begin, "resolve", host, deadline)
        return self._found(search)

    def resolve_on(
        self,
        event_base: EventBase,
        host: str,
        answered: Callable[[Resolution], object],
        failed: Callable[[Exception], object],
        *,
        family: InternetFamily = "internet",
        timeout: float | None = None,
        came: Came | None = None,
    ) -> Lookup:
        """Find the addresses of a host on an event base; see `resolve`.

        Args:
            event_base: Who calls back.
            host: The name.
            answered: Called with the `Resolution`.
            failed: Called with the error, one of those that `resolve` raises.
            family: Which addresses are wanted.
            timeout: Seconds for all of it.
            came: Called before with the addresses of one family, if those of the other are still
                asked for: whoever connects need not wait for them (RFC 8305, section 3).

        Returns:
            What gives it up.

        Raises:
            SocketClosed: The event base is closed.
            ValueError, TypeError: An argument is none of what it can be.
        """
        check_event_base(event_base)
        self._look_at_files(event_base)
        at_once = self._known_addresses(host, family)
        lookup = begin_lookup(event_base, answered, failed, timeout, "resolve", host, came)
        if at_once is not None:
            lookup._soon(lookup._succeed, at_once)
        else:
            search = self._search(host, family)
            _HostLookup(self, lookup, search, False, came).ask()
        return lookup

    def _arrivals(self, host: str) -> Resolution | Arrivals:
        """Return the addresses of a host, or a look-up that whoever connects waits for."""
        self._look_at_files()
        known = self._known_addresses(host, "internet")
        if known is not None:
            return known
        search = self._search(host, "internet")
        if self._search_what_is_known(search):
            return self._found(search)

        def begin(event_base: EventBase, answered: Answered, failed: Failed, came: Came) -> None:
            lookup = Lookup(event_base, answered, failed, None, "resolve", host)
            search = self._search(host, "internet")
            _HostLookup(self, lookup, search, True, came).ask()

        return EventBaseArrivals(begin)

    def _known_addresses(self, host: str, family: InternetFamily) -> Resolution | None:
        """Return the addresses for which nobody has to be asked."""
        family_number(family)
        address = literal_address(host)
        found, name = ((address,), None) if address else self._addresses_here(host)
        if not found:
            return None
        wanted = tuple(each for each in found if family in ("internet", f"ipv{each.version}"))
        if wanted:
            return Resolution(self._in_order(wanted), name)
        if address is not None or _is_localhost(host):
            raise NoName(strerror="no address", operation="resolve", host=host)
        return None

    def _addresses_here(self, host: str) -> tuple[tuple[IPAddress, ...], str | None]:
        name = to_ascii(host)
        found = self._hosts.addresses(name)
        if found:
            return found, self._hosts.canonical_name(name)
        if _is_localhost(name):
            return (IPV6_LOOPBACK, IPV4_LOOPBACK), "localhost"
        return (), None

    def _found(self, search: HostSearch) -> Resolution:
        return Resolution(self._in_order(search.addresses), search.canonical_name)

    def _in_order(self, addresses: tuple[IPAddress, ...]) -> tuple[IPAddress, ...]:
        return addresses if self._order is None else self._order.put(addresses)

    def _search(self, host: str, family: InternetFamily) -> HostSearch:
        return HostSearch(host, ADDRESS_TYPES[family], self._config.candidates(to_ascii(host)))

    def _search_what_is_known(self, search: HostSearch) -> bool:
        """Search without asking anybody; return whether that was enough."""
        while True:
            for key in search.next_questions():
                known = self._questions.known(key)
                if known is None:
                    return False
                search.take(key[1], known[0])
            if search.is_over():
                return True

    # -- names -----------------------------------------------------------------------------------

    def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
        """Return the name of the host with an address; see `resolve` for the errors.

        Args:
            address: An IPv4 or an IPv6 address.
            timeout: Seconds for all of it.
        """
        address = ensure_address(address)
        self._look_at_files()
        names = self._hosts.names(address)
        if names:
            return names[0]
        try:
            answer = self.query(reverse_name(address), RecordType.PTR, timeout=timeout)
            return _host_in(answer, address)
        except ResolverError as error:
            raise error._told_of("reverse", address, RecordType.PTR) from None

    def reverse_on(
        self,
        event_base: EventBase,
        address: IPAddress,
        answered: Callable[[str], object],
        failed: Callable[[Exception], object],
        *,
        timeout: float | None = None,
    ) -> Lookup:
        """Find the name of the host with an address on an event base; see `resolve_on`."""
        address = ensure_address(address)
        lookup = begin_lookup(event_base, answered, failed, timeout, "reverse", address)
        self._look_at_files(event_base)
        names = self._hosts.names(address)
        if names:
            lookup._soon(lookup._succeed, names[0])
            return lookup

        def told(_: Key, outcome: DNSAnswer | ResolverError) -> None:
            if isinstance(outcome, ResolverError):
                lookup._fail(outcome._told_of("reverse", address, RecordType.PTR))
                return
            try:
                name = _host_in(outcome, address)
            except NoName as error:
                lookup._fail(error)
            else:
                lookup._succeed(name)

        key = key_of_name(reverse_name(address)), int(RecordType.PTR)
        ask_for(lookup, self._questions, (key,), told, is_waited_for=False)
        return lookup

    # -- records ---------------------------------------------------------------------------------

    def query(
        self, name: str, record_type: RecordType | str | int = "A", *, timeout: float | None = None
    ) -> DNSAnswer:
        """Return the records of a name, as it stands: no domain is searched.

        Args:
            name: Whose.
            record_type: Of which type: a `RecordType`, or its name or number.
            timeout: Seconds for all of it; None is as long as the servers have.

        Returns:
            The records with the seconds for which they are still good, and who has said so.

        Raises:
            NoName: There is no such name.
            NoRecord: It has no records of the type.
            TryAgain, ServerFailure, QueryRefused, TimedOut, TooManyOpenFiles: As for `resolve`.
            ValueError, TypeError: It can be no name, or there is no such type.
        """
        deadline = Deadline(timeout, monotonic)
        key = key_of_question(name, record_type)
        self._look_at_files()
        known = self._questions.known(key)
        if known is not None:
            return _in_time(name, key[1], *known)

        def begin(lookup: Lookup) -> None:
            ask_for(lookup, self._questions, (key,), lookup._end, is_waited_for=True)

        answer: DNSAnswer = wait_for(begin, "query", name, deadline)
        return _called(answer, name)

    def query_on(
        self,
        event_base: EventBase,
        name: str,
        answered: Callable[[DNSAnswer], object],
        failed: Callable[[Exception], object],
        *,
        record_type: RecordType | str | int = "A",
        timeout: float | None = None,
    ) -> Lookup:
        """Ask for the records of a name on an event base; see `query` and `resolve_on`."""
        key = key_of_question(name, record_type)
        lookup = begin_lookup(event_base, answered, failed, timeout, "query", name)
        self._look_at_files(event_base)
        known = self._questions.known(key)
        if known is None:

            def told(key: Key, outcome: DNSAnswer | ResolverError) -> None:
                if isinstance(outcome, DNSAnswer):
                    outcome = _called(outcome, name)
                lookup._end(key, outcome)

            ask_for(lookup, self._questions, (key,), told, is_waited_for=False)
            return lookup
        try:
            lookup._soon(lookup._succeed, _in_time(name, key[1], *known))
        except ResolverError as error:
            lookup._soon(lookup._fail, error)
        return lookup

    # -- what is known ---------------------------------------------------------------------------

    def known(self) -> list[tuple[str, int, DNSAnswer | ResolverError, float]]:
        """Return what it remembers: names, types, answers or errors, and the seconds they are good.

        A name is in lower case. The type 0 is all of them: there is no such name.
        """
        return [(*key, outcome, left) for key, outcome, left in self._questions]

    def forget(self) -> None:
        """Forget all that it remembers. Answers to what was asked before are not remembered."""
        self._questions.clear()

    # -- asking ----------------------------------------------------------------------------------

    def _begin(
        self,
        event_base: EventBase,
        key: Key,
        told: Callable[[DNSAnswer | ResolverError], object],
        some_told: object,  # there are no parts of an answer
    ) -> Callable[[], object]:
        """Ask the servers; see `Questions`."""
        name, record_type = key
        config = self._config  # which whoever wants to know has just looked at
        first = next(self._turns) if config.rotate else 0
        exchange = Exchange(name, record_type, config, new_id, first)
        asking = Asking(event_base, exchange, told)
        asking.start()
        return asking.give_up


class _HostLookup:
    """A look-up of a host's addresses that takes questions to name servers.

    Args:
        resolver: Who asks.
        lookup: Who wants them.
        search: What is to be asked.
        is_waited_for: See `Questions.ask`.
        came: See `DNSResolver.resolve_on`.
    """

    __slots__ = ("_came", "_is_waited_for", "_lookup", "_resolver", "_search")

    def __init__(
        self,
        resolver: DNSResolver,
        lookup: Lookup,
        search: HostSearch,
        is_waited_for: bool,
        came: Came | None = None,
    ) -> None:
        self._resolver = resolver
        self._lookup = lookup
        self._search = search
        self._is_waited_for = is_waited_for
        self._came = came

    def ask(self) -> None:
        """Ask what is to be asked next."""
        questions = self._resolver._questions
        keys = self._search.next_questions()
        ask_for(self._lookup, questions, keys, self._take, is_waited_for=self._is_waited_for)

    def _take(self, key: Key, outcome: DNSAnswer | ResolverError) -> None:
        if not self._search.take(key[1], outcome):
            if self._came is not None and isinstance(outcome, DNSAnswer):
                call_plainly(self._came, self._resolver._in_order(addresses_in(outcome)))
            return
        try:
            is_over = self._search.is_over()
            if not is_over:
                self.ask()
        except ResolverError as error:
            self._lookup._fail(error)
        else:
            if is_over:
                self._lookup._succeed(self._resolver._found(self._search))


def _is_localhost(host: str) -> bool:
    return f".{host.lower().removesuffix('.')}".endswith(".localhost")


def _called(answer: DNSAnswer, name: str) -> DNSAnswer:
    """Return an answer with the name that was asked for, whose case does not count."""
    return answer if answer.name == name else answer._replace(name=name)


def _ttl_of(outcome: DNSAnswer | ResolverError) -> float:
    return outcome.ttl


def _of_any_type(key: Key) -> Key:
    """Return what stands for a name's records of any type."""
    return key[0], ANY_TYPE


def _is_of_any_type(outcome: DNSAnswer | ResolverError) -> bool:
    return isinstance(outcome, ResolverError) and outcome._of_all_types


def _in_time(
    name: str, record_type: int, outcome: DNSAnswer | ResolverError, age: float, left: float
) -> DNSAnswer:
    """Return an answer that is remembered, with the time that is left of it."""
    if isinstance(outcome, ResolverError):
        outcome.ttl = int(left)
        outcome.record_type = record_type
        raise outcome
    records = tuple(_aged(record, int(age)) for record in outcome.records)
    return outcome._replace(name=name, records=records, ttl=int(left))


def _aged(record: DNSRecord, age: int) -> DNSRecord:
    return replace(record, ttl=max(0, record.ttl - age))


def _host_in(answer: DNSAnswer, address: IPAddress) -> str:
    for record in answer.records:
        if isinstance(record, PTRRecord):
            return record.host
    raise NoName(strerror="no name", operation="reverse", host=address, record_type=RecordType.PTR)
