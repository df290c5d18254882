"""Looking names up on an event base: by a resolver that can do so, and else in a thread."""

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeAlias

from .._core.family_answers import FAMILIES, FamilyAnswers, OneFamily
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
    check_resolver,
)
from .background import call_in_background
from .event_base import EventBase

__all__ = ("Came", "EventBaseResolver", "resolve_by_family", "resolve_on", "reverse_on")

Answered: TypeAlias = Callable[[Resolution], object]
Failed: TypeAlias = Callable[[Exception], object]

Came: TypeAlias = Callable[[tuple[IPAddress, ...]], object]
"""Is called with addresses of one family, while those of the other are still looked for."""


class _Cancellable(Protocol):
    def cancel(self) -> object:
        """Give it up: none of the callbacks is called any more."""


class EventBaseResolver(Resolver, Protocol):
    """A resolver that also works on an event base, where it takes no threads.

    Its callbacks are called by the event base, one of them and once, and never before the method
    returns. Whoever connects may use addresses that come before the others: with these, `came` is
    called before, if they are those that count.
    """

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
    ) -> _Cancellable:
        """Find the addresses of a host; return what gives that up."""

    def reverse_on(
        self,
        event_base: EventBase,
        address: IPAddress,
        answered: Callable[[str], object],
        failed: Failed,
        *,
        timeout: float | None = None,
    ) -> _Cancellable:
        """Find the name of the host with an address; return what gives that up."""


def resolve_on(
    event_base: EventBase,
    resolver: Resolver | None,
    host: str,
    family: InternetFamily,
    answered: Answered,
    failed: Failed,
    *,
    came: Came | None = None,
) -> Callable[[], object]:
    """Have any resolver, the system's by default, look a host up; return what gives that up.

    If `came` is given, it is called with addresses that are there while others are looked for.
    """
    begin = getattr(resolver, "resolve_on", None)
    if begin is not None:

        def check(answer: object) -> Resolution:
            return check_resolution(answer, host, family)

        def some_came(addresses: tuple[IPAddress, ...]) -> None:
            assert came is not None
            came(check_resolution(Resolution(addresses, None), host, family).addresses)

        options = {"family": family, "came": None if came is None else some_came}
        return _begin_on(event_base, begin, host, check, answered, failed, **options)
    resolver = check_resolver(resolver)
    resolve = partial(_resolve_beside, event_base, resolver, host)
    if came is not None and family == "internet" and getattr(resolver, "by_family", False):
        return resolve_by_family(resolve, host, answered, failed, came)
    return resolve(family, answered, failed)


def resolve_by_family(
    resolve: Callable[[InternetFamily, Answered, Failed], Callable[[], object]],
    host: str,
    answered: Answered,
    failed: Failed,
    came: Came,
) -> Callable[[], object]:
    """Ask for the addresses of each family at the same time; return what gives that up.

    Args:
        resolve: Begins to look for those of a family, and returns what gives that up.
        host: Whose addresses are wanted.
        answered: Called with all of them.
        failed: Called with the error.
        came: Called with those of a family while the others are looked for.
    """
    answers: FamilyAnswers[Resolution] = FamilyAnswers(host)

    def told(family: OneFamily, outcome: Resolution | Exception) -> None:
        is_sure = answers.take(family, outcome)
        if not answers.are_all:
            if is_sure and not isinstance(outcome, Exception):
                came(outcome.addresses)
        elif not answers.are_of_one_host:
            begun.append(resolve("internet", answered, failed))
        else:
            try:
                found = Resolution(*answers.result())
            except Exception as error:
                failed(error)
            else:
                answered(found)

    begun = [resolve(family, partial(told, family), partial(told, family)) for family in FAMILIES]

    def give_up() -> None:
        for give_one_up in begun:
            give_one_up()

    return give_up


def _resolve_beside(
    event_base: EventBase,
    resolver: Resolver,
    host: str,
    family: InternetFamily,
    answered: Answered,
    failed: Failed,
) -> Callable[[], object]:
    """Have a resolver that can only be waited for look a host up."""
    return call_in_background(
        event_base,
        lambda: ask_for_addresses(resolver, host, family=family),
        answered,
        failed,
        host=host,
    )


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
