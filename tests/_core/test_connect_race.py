"""The race to connect, on a clock that is nothing but numbers."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trunkline._core.connect_race import (
    ATTEMPT_DELAY,
    RESOLUTION_DELAY,
    ConnectRace,
    interleave_families,
)

NEVER = float("inf")


class Failure(Exception):
    """What became of an attempt."""


def race_of(*addresses: str, delay: float | None = 1) -> ConnectRace[str, Failure]:
    return ConnectRace(addresses, delay=delay)


def start_all(race: ConnectRace[Any, Failure], now: float) -> list[Any]:
    """Start what is due, and return it."""
    started = []
    while (address := race.due(now)) is not None:
        started.append(address)
    return started


# ---- The order of the addresses ----

FOUR = [IPv4Address(f"192.0.2.{number}") for number in range(4)]
SIX = [IPv6Address(f"2001:db8::{number}") for number in range(4)]


@pytest.mark.parametrize(
    ("addresses", "ordered"),
    [
        ([], []),
        ([FOUR[0]], [FOUR[0]]),
        ([SIX[0], SIX[1], FOUR[0], FOUR[1]], [SIX[0], FOUR[0], SIX[1], FOUR[1]]),
        ([FOUR[0], SIX[0], SIX[1]], [FOUR[0], SIX[0], SIX[1]]),
        ([FOUR[0], FOUR[1], FOUR[2], SIX[0]], [FOUR[0], SIX[0], FOUR[1], FOUR[2]]),
        ([SIX[2], FOUR[3], SIX[1], FOUR[0]], [SIX[2], FOUR[3], SIX[1], FOUR[0]]),
        ([FOUR[0], FOUR[0], SIX[0], FOUR[0], SIX[0]], [FOUR[0], SIX[0]]),
        ([FOUR[1], FOUR[0]], [FOUR[1], FOUR[0]]),
    ],
)
def test_families_take_turns_and_the_first_one_begins(
    addresses: Sequence[Any], ordered: Sequence[Any]
) -> None:
    assert interleave_families(addresses) == ordered
    assert interleave_families(iter(addresses)) == ordered


@given(st.lists(st.sampled_from(FOUR + SIX)))
@pytest.mark.slow
def test_taking_turns_keeps_each_address_once_and_the_order_within_a_family(
    addresses: list[Any],
) -> None:
    ordered = interleave_families(addresses)
    assert len(ordered) == len(set(ordered)) == len(set(addresses))
    for family in (IPv4Address, IPv6Address):
        wanted = dict.fromkeys(address for address in addresses if isinstance(address, family))
        assert [address for address in ordered if isinstance(address, family)] == list(wanted)
    # While both are there, no family has two turns.
    turns = [type(address) for address in ordered]
    both = 2 * min(turns.count(IPv4Address), turns.count(IPv6Address))
    assert all(one is not other for one, other in pairwise(turns[:both]))


# ---- What is due, and when ----


def test_the_delay_is_that_of_the_rfc_unless_told_otherwise() -> None:
    assert ATTEMPT_DELAY == 0.25
    race: ConnectRace[str, Failure] = ConnectRace(["a", "b"])
    assert race.due(100.0) == "a"
    assert race.next_due == 100.25


def test_the_first_address_is_due_at_once_and_the_others_one_delay_after_each_other() -> None:
    race = race_of("a", "b", "c", delay=2)
    moments = [race.next_due]
    assert race.due(-5) == "a"
    moments.append(race.next_due)
    assert race.due(-3.001) is None
    assert race.due(-3) == "b"
    assert race.due(-3) is None
    moments.append(race.next_due)
    assert race.due(7) == "c"  # late: the delay counts from the start of the one before
    moments.append(race.next_due)
    assert race.due(NEVER) is None
    assert moments == [-NEVER, -3, -1, None]
    assert race.running == {"a", "b", "c"}
    assert not race.is_over


def test_without_a_delay_all_are_started_together() -> None:
    assert start_all(race_of("a", "b", "c", delay=0), 5) == ["a", "b", "c"]


def test_an_endless_delay_is_one_at_a_time() -> None:
    for delay in (None, NEVER):
        race = race_of("a", "b", "c", delay=delay)
        assert start_all(race, 0) == ["a"]
        assert start_all(race, 1e300) == []
        race.failed("a", Failure())
        assert start_all(race, 1e300) == ["b"]
        race.failed("b", Failure())
        assert start_all(race, 1e300) == ["c"]
        assert not race.is_over
        race.failed("c", Failure())
        assert race.is_over


def test_with_none_there_is_no_moment_to_wait_for_until_an_attempt_fails() -> None:
    race = race_of("a", "b", delay=None)
    start_all(race, 0)
    moments = [race.next_due]
    race.failed("a", Failure())
    moments.append(race.next_due)
    assert race.due(-1e300) == "b"
    assert [*moments, race.next_due] == [None, -NEVER, None]


def test_a_failure_starts_the_next_attempt_at_once_and_the_delay_begins_anew() -> None:
    race = race_of("a", "b", "c", delay=10)
    assert start_all(race, 0) == ["a"]
    race.failed("a", Failure())
    assert start_all(race, 1) == ["b"]
    assert race.next_due == 11
    assert race.running == {"b"}


def test_a_failure_of_an_earlier_attempt_starts_the_next_one_too() -> None:
    race = race_of("a", "b", "c", delay=10)
    start_all(race, 0)
    start_all(race, 10)
    race.failed("a", Failure())
    assert start_all(race, 11) == ["c"]
    assert race.running == {"b", "c"}


def test_an_attempt_may_fail_while_it_is_started() -> None:
    race, started = race_of("a", "b", "c"), []
    while (address := race.due(0)) is not None:
        started.append(address)
        race.failed(address, Failure(address))
    assert started == ["a", "b", "c"]
    assert race.is_over
    assert race.winner is None
    assert [str(error) for error in race.errors] == ["a", "b", "c"]


# ---- How it ends ----


@pytest.mark.parametrize("winner", ["a", "b"])
def test_the_winner_ends_the_race_and_no_other_is_started(winner: str) -> None:
    race = race_of("a", "b", "c")
    start_all(race, 0)
    start_all(race, 1)
    race.succeeded(winner)
    assert race.is_over
    assert race.winner == winner
    assert race.next_due is None
    assert race.due(NEVER) is None
    assert race.running == {"a", "b"} - {winner}  # for the caller to give up


def test_the_first_to_connect_wins_whatever_comes_later() -> None:
    race = race_of("a", "b", "c", delay=0)
    start_all(race, 0)
    race.succeeded("b")
    race.succeeded("a")
    race.failed("c", Failure())
    assert race.winner == "b"
    assert race.is_over
    assert race.running == frozenset()
    assert race.due(NEVER) is None
    assert len(race.errors) == 1


def test_when_all_have_failed_it_is_over_and_the_errors_are_in_their_order() -> None:
    race = race_of("a", "b", "c", delay=0)
    start_all(race, 0)
    errors = [Failure("c"), Failure("a"), Failure("b")]
    for error in errors:
        assert not race.is_over
        race.failed(str(error), error)
    assert race.is_over
    assert race.winner is None
    assert race.errors == tuple(errors)
    assert race.next_due is None


def test_it_is_not_over_while_an_attempt_runs_or_an_address_waits() -> None:
    race = race_of("a", "b", delay=None)
    assert not race.is_over
    start_all(race, 0)
    race.failed("a", Failure())
    assert not race.is_over
    start_all(race, 0)
    assert not race.is_over
    race.succeeded("b")
    assert race.is_over


def test_an_address_that_is_given_twice_is_tried_once() -> None:
    race = race_of("a", "b", "a", "a", "b", delay=0)
    assert start_all(race, 0) == ["a", "b"]
    race.failed("a", Failure())
    race.failed("b", Failure())
    assert race.is_over
    assert len(race.errors) == 2


def test_what_it_tells_of_itself_cannot_be_changed_from_outside() -> None:
    race = race_of("a", delay=0)
    start_all(race, 0)
    assert isinstance(race.running, frozenset)
    assert isinstance(race.errors, tuple)


# ---- Addresses that come one family after the other ----


def late_race(**options: Any) -> ConnectRace[Any, Failure]:
    return ConnectRace(delay=1, **options)


def test_before_any_address_has_come_nothing_is_due_and_nothing_is_over() -> None:
    race = late_race()
    assert race.next_due is None
    assert race.due(NEVER) is None
    assert not race.is_over


def test_the_better_family_does_not_wait_for_the_other() -> None:
    race = late_race()
    race.offer(SIX[:2], 100)
    assert start_all(race, 100) == [SIX[0]]
    race.complete([SIX[0], SIX[1], *FOUR[:2]])
    assert race.next_due == 101
    assert start_all(race, 101) == [FOUR[0]]
    assert start_all(race, 102) == [SIX[1]]
    assert start_all(race, 103) == [FOUR[1]]


def test_the_other_one_waits_for_a_moment() -> None:
    assert RESOLUTION_DELAY == 0.05
    race = late_race()
    race.offer(FOUR[:1], 100)
    assert race.next_due == 100.05
    assert start_all(race, 100.04) == []
    assert start_all(race, 100.05) == [FOUR[0]]


def test_in_which_the_better_one_may_come() -> None:
    race = late_race()
    race.offer(FOUR[:2], 100)
    race.offer(SIX[:1], 100.01)
    assert start_all(race, 100.01) == [SIX[0]]
    race = late_race()
    race.offer(FOUR[:2], 100)
    race.complete([SIX[0], *FOUR[:2]])
    assert start_all(race, 100.01) == [SIX[0]]


def test_or_it_is_known_not_to_be_there() -> None:
    race = late_race()
    race.offer(FOUR[:1], 100)
    race.complete(FOUR[:1])
    assert start_all(race, 100) == [FOUR[0]]


def test_a_race_whose_attempts_have_failed_waits_for_more_addresses() -> None:
    race = late_race()
    race.offer(SIX[:1], 0)
    start_all(race, 0)
    race.failed(SIX[0], Failure())
    assert not race.is_over
    assert race.next_due is None
    race.complete([SIX[0], FOUR[0]])
    assert start_all(race, 0) == [FOUR[0]]
    race.failed(FOUR[0], Failure())
    assert race.is_over


def test_what_was_offered_and_is_not_there_in_the_end_is_not_tried_any_more() -> None:
    race = late_race()
    race.offer(SIX[:2], 0)
    start_all(race, 0)
    race.complete(FOUR[:1])
    assert start_all(race, NEVER) == [FOUR[0]]
    assert race.next_due is None


def test_whoever_has_won_stays_the_winner_whatever_comes() -> None:
    race = late_race()
    race.offer(SIX[:1], 0)
    start_all(race, 0)
    race.succeeded(SIX[0])
    race.complete([SIX[0], *FOUR])
    assert race.is_over
    assert (race.next_due, race.due(NEVER)) == (None, None)


def test_so_many_are_tried_at_most_whenever_they_come() -> None:
    race = late_race(most=3)
    race.offer(SIX, 0)
    assert start_all(race, 0) == [SIX[0]]
    race.complete([*SIX, *FOUR])
    assert start_all(race, 1) == [FOUR[0]]
    assert start_all(race, 2) == [SIX[1]]
    assert race.next_due is None
    for address in (SIX[0], FOUR[0], SIX[1]):
        race.failed(address, Failure())
    assert race.is_over


# ---- What it refuses ----


@pytest.mark.parametrize("delay", [-1, -0.001, float("-inf"), float("nan")])
def test_a_delay_is_not_negative(delay: float) -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        race_of("a", delay=delay)


def test_a_race_has_an_address() -> None:
    with pytest.raises(ValueError, match="no address"):
        race_of()


# ---- Whatever happens ----


class Race(RuleBasedStateMachine):
    """Lets attempts fail and succeed at any time, and looks at what must always hold."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.started: list[int] = []
        self.ended = 0
        self.addresses: list[int] = []
        self.race: ConnectRace[int, Failure] = ConnectRace([0])

    @initialize(
        addresses=st.lists(st.integers(0, 5), min_size=1, max_size=8),
        delay=st.one_of(st.none(), st.integers(0, 5)),
    )
    def start(self, addresses: list[int], delay: float | None) -> None:
        self.addresses = addresses
        self.race = ConnectRace(addresses, delay=delay)

    @rule()
    def start_what_is_due(self) -> None:
        while (address := self.race.due(self.now)) is not None:
            assert self.race.winner is None
            self.started.append(address)

    @rule(seconds=st.integers(0, 4))
    def let_time_pass(self, seconds: int) -> None:
        self.now += seconds

    @precondition(lambda self: self.race.running)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        self.race.failed(data.draw(st.sampled_from(sorted(self.race.running))), Failure())
        self.ended += 1

    @precondition(lambda self: self.race.running)
    @rule(data=st.data())
    def succeed(self, data: st.DataObject) -> None:
        before = self.race.winner
        address = data.draw(st.sampled_from(sorted(self.race.running)))
        self.race.succeeded(address)
        self.ended += 1
        assert self.race.winner == (address if before is None else before)

    @invariant()
    def each_address_is_started_at_most_once_and_in_order(self) -> None:
        wanted = list(dict.fromkeys(self.addresses))
        assert self.started == wanted[: len(self.started)]

    @invariant()
    def what_was_started_runs_or_has_ended(self) -> None:
        assert len(self.race.running) == len(self.started) - self.ended
        assert self.race.running <= {*self.started}

    @invariant()
    def it_is_over_with_a_winner_or_when_all_have_failed(self) -> None:
        all_ended = self.addresses and self.ended == len({*self.addresses})
        assert self.race.is_over is (self.race.winner is not None or bool(all_ended))
        if self.race.is_over:
            assert self.race.next_due is None

    @invariant()
    def while_nothing_runs_something_is_due(self) -> None:
        if not self.race.is_over and not self.race.running:
            assert self.race.next_due is not None
            assert self.race.next_due <= self.now

    def teardown(self) -> None:
        """Whatever happened until now, it ends if everybody fails."""
        for _ in self.addresses * 2:
            self.start_what_is_due()
            for address in self.race.running:
                self.race.failed(address, Failure())
        assert self.race.is_over


TestRace = Race.TestCase
TestRace.settings = settings(stateful_step_count=30)
