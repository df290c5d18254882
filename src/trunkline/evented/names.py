"""Looking names up without blocking the loop.

A resolver that can do it on an event base does so; others do in threads, whose number the loop
limits.
"""

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

from .._core.callbacks import check_callback
from .._core.deadline import check_timeout
from .._core.timer_queue import Timer
from .._printable import printable
from ..addresses import AddressLike, ensure_address
from ..errors import ResolverError, TimedOut
from ..multiplex.event_base import EventBase
from ..multiplex.resolving import resolve_on, reverse_on
from ..sockets.families import InternetFamily, family_number
from ..sockets.resolving import (
    Resolution,
    Resolver,
    check_resolver,
    ensure_hostname,
    literal_address,
)
from .events import Event, EventCallback
from .handle import FreeableHandle
from .loop import EventLoop

__all__ = ("Lookup", "dns_lookup", "reverse_dns_lookup")

Told: TypeAlias = Callable[[Any], object]
Begin: TypeAlias = Callable[[EventBase, Told, Told], Callable[[], object]]


class Lookup(FreeableHandle):
    """A question to a resolver; `dns_lookup` and `reverse_dns_lookup` make it.

    It is freed when it is answered. Freeing it before is to cancel it: nothing is called any more.
    A thread that waits for the answer goes on waiting, and then throws it away.
    """

    _kind: ClassVar[str] = "lookup"

    def __init__(
        self,
        begin: Begin,
        callback: Callable[[Any], object],
        operation: str,
        host: object,
        event_cb: EventCallback | None,
        loop: EventLoop | None,
    ) -> None:
        super().__init__(event_cb, loop)
        check_callback(callback, "answer")
        self._begin = begin
        self._callback = callback
        self._operation = operation
        self._host = host
        self._timer: Timer | None = None
        self._stop_asking: Callable[[], object] | None = None

    def _start(self, timeout: float | None) -> None:
        base = self._loop.event_base
        if check_timeout(timeout) is not None:
            assert timeout is not None
            self._timer = base.add_timer(self._expire, timeout, one_shot=True)
        self._loop._adopt(self)
        self._stop_asking = self._begin(base, self._answered, self._failed)

    def _answered(self, answer: Any) -> None:
        self.free()
        self._call(self._callback, answer)

    def _failed(self, error: Exception) -> None:
        self.free()
        self._loop._report(Event._from_error(error, self), self._event_cb)

    def _expire(self) -> None:
        self._failed(TimedOut.expired(self._operation, self._host))

    def _stop(self) -> None:
        if self._stop_asking is not None:
            self._stop_asking()
        if self._timer is not None:
            self._loop.event_base.remove_timer(self._timer)

    def __repr__(self) -> str:
        return f"<Lookup of {printable(self._host)}{', freed' if self._is_freed else ''}>"


def dns_lookup(
    host: AddressLike,
    callback: Callable[[Resolution], object],
    *,
    event_cb: EventCallback | None = None,
    family: InternetFamily = "internet",
    resolver: Resolver | None = None,
    timeout: float | None = None,
    loop: EventLoop | None = None,
) -> Lookup:
    """Look up the addresses of a host, and have `callback` called with them.

    To connect to a host by name, give the name to `tcp_connect`: it tries all addresses.

    Args:
        host: A name; an address is its own answer.
        callback: Called with a `Resolution`: the addresses, the best first, and the canonical name.
            It is never called before this function returns.
        event_cb: Called, once, if there is no answer: with a `ResolverError`, or with `TimedOut`.
        family: Which addresses are wanted: ``"internet"`` for both families, ``"ipv4"``,
            ``"ipv6"``.
        resolver: Who looks it up; the loop's resolver by default.
        timeout: Seconds to wait for the answer.
        loop: The loop; the current one by default.

    Returns:
        The lookup, which can be freed.

    Raises:
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        ValueError, TypeError: `host` is neither a name nor an address; or another argument is
            wrong.
    """
    address = literal_address(host)
    family_number(family)
    check_resolver(resolver)

    def begin(base: EventBase, answered: Told, failed: Told) -> Callable[[], object]:
        if address is None:
            assert isinstance(host, str)
            asked = resolver or lookup.loop.resolver
            return resolve_on(base, asked, host, family, answered, failed)

        def answer() -> None:
            try:
                found = Resolution((ensure_hostname(address, family=family),), None)
            except ResolverError as error:
                failed(error)
            else:
                answered(found)

        timer = base.add_timer(answer, 0, one_shot=True)
        return lambda: base.remove_timer(timer)

    lookup = Lookup(begin, callback, "resolve", host, event_cb, loop)
    lookup._start(timeout)
    return lookup


def reverse_dns_lookup(
    address: AddressLike,
    callback: Callable[[str], object],
    *,
    event_cb: EventCallback | None = None,
    resolver: Resolver | None = None,
    timeout: float | None = None,
    loop: EventLoop | None = None,
) -> Lookup:
    """Look up the name of the host with an address, and have `callback` called with it.

    Args:
        address: The address, in any form that `ensure_address` takes.
        callback: Called with the name. It is never called before this function returns.
        event_cb: Called, once, if there is no answer: with a `ResolverError`, which is `NoName` if
            no name belongs to the address, or with `TimedOut`.
        resolver: Who looks it up; the loop's resolver by default.
        timeout: Seconds to wait for the answer.
        loop: The loop; the current one by default.

    Returns:
        The lookup, which can be freed.

    Raises:
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        ValueError, TypeError: It is not an address; or another argument is wrong.
    """
    wanted = ensure_address(address)
    check_resolver(resolver)

    def begin(base: EventBase, answered: Told, failed: Told) -> Callable[[], object]:
        return reverse_on(base, resolver or lookup.loop.resolver, wanted, answered, failed)

    lookup = Lookup(begin, callback, "reverse", wanted, event_cb, loop)
    lookup._start(timeout)
    return lookup
