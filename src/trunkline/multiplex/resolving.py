"""Looking names up on an event base: by a resolver that can do so, and else in a thread."""

from collections.abc import Callable
from typing import Any, Protocol

from ..addresses import IPAddress
from ..errors import ResolverError
from ..sockets.families import InternetFamily
from ..sockets.resolving import (
    Resolution,
    Resolver,
    ask_for_addresses,
    ask_for_name,
    check_name,
    check_resolution,
)
from .background import call_in_background
from .event_base import EventBase

__all__ = ("EventBaseResolver", "resolve_on", "reverse_on")


class _Cancellable(Protocol):
    def cancel(self) -> object:
        """Give it up: none of the callbacks is called any more."""


class EventBaseResolver(Resolver, Protocol):
    """A resolver that also works on an event base, where it takes no threads.

    Its callbacks are called by the event base, one of them and once, and never before the method
    returns.
    """

    def resolve_on(
        self,
        event_base: EventBase,
        host: str,
        answered: Callable[[Resolution], object],
        failed: Callable[[Exception], object],
        *,
        family: InternetFamily = "internet",
        timeout: float | None = None,
    ) -> _Cancellable:
        """Find the addresses of a host; return what gives that up."""

    def reverse_on(
        self,
        event_base: EventBase,
        address: IPAddress,
        answered: Callable[[str], object],
        failed: Callable[[Exception], object],
        *,
        timeout: float | None = None,
    ) -> _Cancellable:
        """Find the name of the host with an address; return what gives that up."""


def resolve_on(
    event_base: EventBase,
    resolver: Resolver | None,
    host: str,
    family: InternetFamily,
    answered: Callable[[Resolution], object],
    failed: Callable[[Exception], object],
) -> Callable[[], object]:
    """Have any resolver, the system's by default, look a host up; return what gives that up."""
    begin = getattr(resolver, "resolve_on", None)
    if begin is None:
        return call_in_background(
            event_base,
            lambda: ask_for_addresses(resolver, host, family=family),
            answered,
            failed,
            host=host,
        )

    def check(answer: object) -> Resolution:
        return check_resolution(answer, host, family)

    return _begin_on(event_base, begin, host, check, answered, failed, family=family)


def reverse_on(
    event_base: EventBase,
    resolver: Resolver | None,
    address: IPAddress,
    answered: Callable[[str], object],
    failed: Callable[[Exception], object],
) -> Callable[[], object]:
    """Have any resolver, the system's by default, look an address up; see `resolve_on`."""
    begin = getattr(resolver, "reverse_on", None)
    if begin is None:
        return call_in_background(
            event_base,
            lambda: ask_for_name(resolver, address),
            answered,
            failed,
            operation="reverse",
            host=address,
        )

    def check(answer: object) -> str:
        return check_name(answer, address)

    return _begin_on(event_base, begin, address, check, answered, failed)


def _begin_on(
    event_base: EventBase,
    begin: Callable[..., Any],
    what: object,
    check: Callable[[object], Any],
    answered: Callable[[Any], object],
    failed: Callable[[Exception], object],
    **options: object,
) -> Callable[[], object]:
    """Begin a look-up of somebody else's making, whatever comes of it."""

    def told(answer: object) -> None:
        try:
            checked = check(answer)
        except ResolverError as error:
            failed(error)
        else:
            answered(checked)

    try:
        cancel: Callable[[], object] = begin(event_base, what, told, failed, **options).cancel
    except Exception as error:
        return _call_later(event_base, failed, error)
    return cancel


def _call_later(
    event_base: EventBase, callback: Callable[[Exception], object], error: Exception
) -> Callable[[], object]:
    """Have something called in the next iteration; return what prevents that."""
    timer = event_base.add_timer(lambda: callback(error), 0, one_shot=True)
    return lambda: event_base.remove_timer(timer)
