"""Waiting for the same time each, with one timer for all."""

from collections.abc import Callable, Iterator

import pytest

from trunkline import EventBase
from trunkline.names.patience import Patience
from trunkline.testing.clock import ManualClock


class Somebody:
    """Waits, and notes when the time is up."""

    def __init__(self, expired: Callable[["Somebody"], object]) -> None:
        self._expired = expired

    def _expire(self) -> None:
        self._expired(self)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def base(clock: ManualClock) -> Iterator[EventBase]:
    with EventBase(clock=clock) as base:
        yield base


def go_to(seconds: float, clock: ManualClock, base: EventBase) -> None:
    clock.advance(seconds - clock())
    base.dispatch(timeout=0)


def test_each_is_told_when_its_own_time_is_up(base: EventBase, clock: ManualClock) -> None:
    expired: list[Somebody] = []
    one, two, three = (Somebody(expired.append) for _ in range(3))
    patience = Patience(base, 5.0)
    for who in (one, two, three):
        patience.begin(who)
        clock.advance(1)
    assert base.statistics().timers == 1
    patience.end(two)
    for seconds, known in ((4.9, []), (5, [one]), (6.9, [one]), (7, [one, three])):
        go_to(seconds, clock, base)
        assert expired == known
    assert base.is_empty


def test_who_begins_anew_waits_as_long_as_all_others(base: EventBase, clock: ManualClock) -> None:
    expired: list[Somebody] = []
    one, two = (Somebody(expired.append) for _ in range(2))
    patience = Patience(base, 5.0)
    patience.begin(one)
    clock.advance(1)
    patience.begin(two)
    clock.advance(1)
    patience.begin(one)
    for seconds, known in ((5.9, []), (6, [two]), (6.9, [two]), (7, [two, one])):
        go_to(seconds, clock, base)
        assert expired == known
    assert base.is_empty


def test_where_nobody_waits_there_is_no_timer(base: EventBase) -> None:
    patience = Patience(base, 5.0)
    who = Somebody(lambda who: None)
    for _ in range(2):
        patience.begin(who)
        assert base.statistics().timers == 1
        for _ in range(2):
            patience.end(who)
            assert base.is_empty


def test_who_begins_anew_delays_nobody(base: EventBase, clock: ManualClock) -> None:
    expired: list[Somebody] = []

    def expire(who: Somebody) -> None:
        expired.append(who)
        if len(expired) == 1:
            patience.begin(who)

    one, two = Somebody(expire), Somebody(expire)
    patience = Patience(base, 5.0)
    patience.begin(one)
    clock.advance(1)
    patience.begin(two)
    for seconds, known in ((5, [one]), (6, [one, two]), (9, [one, two]), (10, [one, two, one])):
        go_to(seconds, clock, base)
        assert expired == known
    assert base.is_empty


def test_who_ends_it_for_the_others_and_begins_anew_is_told(
    base: EventBase, clock: ManualClock
) -> None:
    expired: list[Somebody] = []

    def end_all(who: Somebody) -> None:
        patience.end(last)
        patience.begin(last)

    first, last = Somebody(end_all), Somebody(expired.append)
    patience = Patience(base, 5.0)
    patience.begin(first)
    patience.begin(last)
    go_to(5, clock, base)
    assert expired == []
    go_to(10, clock, base)
    assert expired == [last]
    assert base.is_empty


def test_what_is_interrupted_goes_on(base: EventBase, clock: ManualClock) -> None:
    expired: list[Somebody] = []

    def interrupt(who: Somebody) -> None:
        raise KeyboardInterrupt

    patience = Patience(base, 5.0)
    patience.begin(Somebody(interrupt))
    other = Somebody(expired.append)
    patience.begin(other)
    with pytest.raises(KeyboardInterrupt):
        go_to(5, clock, base)
    go_to(5, clock, base)
    assert expired == [other]
    assert base.is_empty
