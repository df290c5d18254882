"""Looking names up with await: by any resolver, on any loop.

On a loop of ours, which is an event base, a resolver that works there takes no thread. On others it
is called in a thread, as all other resolvers are.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from .._core.deadline import Deadline
from .._sys.late_import import late_import
from ..addresses import AddressLike, IPAddress
from ..errors import NoName, TimedOut
from ..multiplex.resolving import Answered, Came, Failed, resolve_by_family, resolve_on, reverse_on
from ..sockets.families import InternetFamily
from ..sockets.resolving import (
    HostEntry,
    Resolution,
    Resolver,
    ask_for_addresses,
    ask_for_name,
    check_family,
    check_resolver,
    entry_of,
    literal_address,
    plain_error,
)
from .loop import EventLoop
from .settling import answer_of

if TYPE_CHECKING:
    from .._core.dns_exchange import DNSAnswer
    from .._core.dns_records import RecordType
    from ..names.dns_resolver import DNSResolver

__all__ = ("begin_to_resolve", "dns_query", "find_addresses", "lookup_hostname", "own_resolver")

T = TypeVar("T")

_GiveUp: TypeAlias = Callable[[], object]
_Begin: TypeAlias = Callable[[Callable[[T], object], Failed], _GiveUp]


async def lookup_hostname(
    host: AddressLike,
    *,
    family: InternetFamily = "internet",
    resolver: Resolver | None = None,
    timeout: float | None = None,
) -> HostEntry:
    """Look up the addresses of a host; or, given an address, the name of the host.

    It is `trunkline.lookup_hostname` with await. On an `EventLoop`, a `DNSResolver` takes no thread
    for it.

    Args:
        host: A name, or an address in any form that `ensure_address` takes.
        family: Which addresses are wanted: ``"internet"`` for both families, ``"ipv4"``,
            ``"ipv6"``.
        resolver: Who looks it up. Default: the resolver of an `EventLoop` that was given one, and
            else the system's.
        timeout: Seconds for all of it.

    Raises:
        Everything that `trunkline.lookup_hostname` raises.
        RuntimeError: No loop is running.
    """
    loop = asyncio.get_running_loop()
    deadline = Deadline(timeout, loop.time)
    resolver = check_resolver(own_resolver(loop) if resolver is None else resolver)
    address = literal_address(host)
    if address is None:
        assert isinstance(host, str)
        found = await find_addresses(resolver, host, family, deadline)
        return entry_of((found.canonical_name, host), *found)
    check_family(address, family)
    name = None
    with suppress(NoName):
        name = await _find_name(resolver, address, deadline)
    return entry_of((name,), (address,), name)


async def dns_query(
    name: str,
    record_type: "RecordType | str | int" = "A",
    *,
    resolver: "DNSResolver | None" = None,
    timeout: float | None = None,
) -> "DNSAnswer":
    """Return the records of a name; it is `trunkline.names.dns_query` with await.

    On an `EventLoop` it takes no thread.

    Args:
        name: Whose, as it stands: no domain is searched.
        record_type: Of which type: a `RecordType`, or its name or number.
        resolver: Who asks. Default: `machine_resolver`.
        timeout: Seconds for all of it; None is as long as the servers have.

    Raises:
        Everything that `DNSResolver.query` raises.
        RuntimeError: No loop is running.
    """
    loop = asyncio.get_running_loop()
    with late_import("query"):
        from ..names.dns_query import check_dns_resolver
    asking = check_dns_resolver(resolver)
    deadline = Deadline(timeout, loop.time)

    def begin(answered: Callable[["DNSAnswer"], object], failed: Failed) -> _GiveUp:
        if isinstance(loop, EventLoop):
            return asking.query_on(loop, name, answered, failed, record_type=record_type).cancel
        ask = partial(asking.query, name, record_type, timeout=deadline.remaining())
        return _call_beside(loop, ask, answered, failed, "query", name)

    return await _answer_of(loop, begin, deadline, "query", name)


def own_resolver(loop: asyncio.AbstractEventLoop) -> Resolver | None:
    """Return the resolver that a loop of ours was given, if it was."""
    return loop._resolver if isinstance(loop, EventLoop) else None


async def find_addresses(
    resolver: Resolver,
    host: str,
    family: InternetFamily,
    deadline: Deadline,
    operation: str = "resolve",
) -> Resolution:
    """Have a resolver find the addresses of a host, and wait for them.

    Raises:
        ResolverError: As the resolver says.
        TimedOut: The time was up before.
    """
    loop = asyncio.get_running_loop()

    def begin(answered: Answered, failed: Failed) -> _GiveUp:
        return begin_to_resolve(loop, resolver, host, family, deadline, answered, failed)

    return await _answer_of(loop, begin, deadline, operation, host)


def begin_to_resolve(
    loop: asyncio.AbstractEventLoop,
    resolver: Resolver,
    host: str,
    family: InternetFamily,
    deadline: Deadline,
    answered: Answered,
    failed: Failed,
    *,
    came: Came | None = None,
) -> _GiveUp:
    """Have a resolver look a host up; see `multiplex.resolving.resolve_on`.

    Args:
        loop: Who calls back.
        resolver: Who looks it up.
        host: The name.
        family: Which addresses are wanted.
        deadline: When a thread may stop: nobody waits for it any more.
        answered: Called with what was found.
        failed: Called with the error.
        came: Called before, with addresses that are there while others are looked for.

    Returns:
        What gives it up.
    """
    if isinstance(loop, EventLoop):
        return resolve_on(loop, resolver, host, family, answered, failed, came=came)

    def resolve(family: InternetFamily, answered: Answered, failed: Failed) -> _GiveUp:
        remaining = deadline.remaining()
        ask = partial(ask_for_addresses, resolver, host, family=family, timeout=remaining)
        return _call_beside(loop, ask, answered, failed, "resolve", host)

    if came is not None and family == "internet" and getattr(resolver, "by_family", False):
        return resolve_by_family(resolve, host, answered, failed, came)
    return resolve(family, answered, failed)


async def _find_name(resolver: Resolver, address: IPAddress, deadline: Deadline) -> str:
    loop = asyncio.get_running_loop()

    def begin(answered: Callable[[str], object], failed: Failed) -> _GiveUp:
        if isinstance(loop, EventLoop):
            return reverse_on(loop, resolver, address, answered, failed)
        ask = partial(ask_for_name, resolver, address, timeout=deadline.remaining())
        return _call_beside(loop, ask, answered, failed, "reverse", address)

    return await _answer_of(loop, begin, deadline, "reverse", address)


def _call_beside(
    loop: asyncio.AbstractEventLoop,
    function: Callable[[], T],
    answered: Callable[[T], object],
    failed: Failed,
    operation: str,
    host: object,
) -> _GiveUp:
    """Call what blocks in a thread of the loop's, and one of two callbacks on the loop."""

    def done(future: "asyncio.Future[T]") -> None:
        if future.cancelled():
            return
        error = future.exception()
        if error is None:
            answered(future.result())
        else:
            failed(plain_error(error, operation, host))

    future = loop.run_in_executor(None, function)
    future.add_done_callback(done)
    return future.cancel


async def _answer_of(
    loop: asyncio.AbstractEventLoop,
    begin: "_Begin[T]",
    deadline: Deadline,
    operation: str,
    host: object,
) -> T:
    """Begin a look-up, and wait for its answer until the deadline; see `answer_of`."""
    try:
        async with asyncio.timeout(deadline.remaining()):
            return await answer_of(loop, begin)
    except TimedOut:
        raise
    except TimeoutError:
        raise TimedOut.expired(operation, host) from None
