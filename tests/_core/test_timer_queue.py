"""The queue of timers against a sorted list, and what adding and removing cost."""

import random
from collections.abc import Callable
from math import log2
from weakref import WeakSet

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trunkline._core.timer_queue import AnyTimer, Timer, TimerQueue


def timer_at(deadline: float, interval: float | None = None) -> Timer:
    return Timer(lambda: None, deadline, interval)


def due(queue: TimerQueue, now: float) -> list[AnyTimer]:
    """Take all that is due."""
    mark = queue.begin_round()
    return list(iter(lambda: queue.take_due(now, mark), None))


def test_an_empty_queue_has_no_deadline() -> None:
    queue = TimerQueue()
    assert len(queue) == 0
    assert queue.next_deadline() is None
    assert due(queue, 1e9) == []


def test_timers_are_taken_in_order_and_ties_as_they_were_added() -> None:
    queue = TimerQueue()
    timers = [timer_at(deadline) for deadline in (3, 1, 2, 1, 3, 1)]
    for timer in timers:
        queue.add(timer)
    assert queue.next_deadline() == 1
    expected = [timers[index] for index in (1, 3, 5, 2, 0, 4)]
    assert due(queue, 3) == expected
    assert len(queue) == 0


def test_a_timer_is_due_at_its_deadline_and_not_before() -> None:
    queue = TimerQueue()
    queue.add(timer := timer_at(5.0))
    assert due(queue, 4.999) == []
    assert due(queue, 5.0) == [timer]


def test_a_timer_knows_whether_it_is_pending() -> None:
    queue = TimerQueue()
    seen = [(timer := timer_at(5)).is_pending]
    queue.add(timer)
    seen.append(timer.is_pending)
    due(queue, 5)
    seen.append(timer.is_pending)
    assert seen == [False, True, False]


def test_a_periodic_timer_is_put_back_before_it_is_taken() -> None:
    queue = TimerQueue()
    queue.add(timer := timer_at(5, 2))
    assert due(queue, 5) == [timer]
    assert timer.is_pending
    assert (timer.deadline, queue.next_deadline()) == (7, 7)


@pytest.mark.parametrize(
    ("now", "following"), [(5, 7), (6.5, 7), (7, 9), (8, 9), (11, 13), (1001.5, 1003)]
)
def test_a_periodic_timer_keeps_its_phase_and_skips_what_it_missed(
    now: float, following: float
) -> None:
    queue = TimerQueue()
    queue.add(timer := timer_at(5, 2))
    assert due(queue, now) == [timer]
    assert timer.deadline == following


@pytest.mark.parametrize("interval", [5e-324, 1e-300, 1e-12, 0.1, 1 / 3, 7.7, 1e9, 1e308])
@pytest.mark.parametrize("late", [0.0, 1e-9, 0.7, 12345.678, 1e15])
def test_the_next_deadline_is_after_now_if_the_clock_can_show_it(
    interval: float, late: float
) -> None:
    queue = TimerQueue()
    queue.add(timer := timer_at(1000.1, interval))
    now = 1000.1 + late
    assert due(queue, now) == [timer]
    assert timer.deadline > now or timer.deadline == now == now + interval
    assert timer.deadline <= now + interval * (1 + 1e-9)


def test_a_timer_without_an_interval_to_speak_of_is_due_once_a_round() -> None:
    queue = TimerQueue()
    queue.add(timer := timer_at(5, 0.0))
    assert [due(queue, now) for now in (5, 5, 9)] == [[timer]] * 3


def test_a_removed_timer_is_not_taken() -> None:
    queue = TimerQueue()
    queue.add(timer := timer_at(1))
    queue.add(other := timer_at(2))
    assert queue.remove(timer) is True
    assert queue.remove(timer) is False
    assert (timer.is_pending, len(queue), queue.next_deadline()) == (False, 1, 2)
    assert due(queue, 3) == [other]


def test_a_timer_that_was_removed_may_be_added_again() -> None:
    queue = TimerQueue()
    queue.add(timer := timer_at(1))
    queue.remove(timer)
    timer.deadline = 5
    queue.add(timer)
    assert (len(queue), queue.next_deadline()) == (1, 5)
    assert due(queue, 9) == [timer]
    assert len(queue) == 0


def test_a_timer_that_was_removed_may_go_to_another_queue() -> None:
    queue, other = TimerQueue(), TimerQueue()
    timer = timer_at(1)
    queue.add(timer)
    queue.remove(timer)
    other.add(timer)
    queue.clear()
    assert timer.is_pending
    assert (due(queue, 2), due(other, 2)) == ([], [timer])


def test_a_timer_is_removed_from_its_own_queue_only() -> None:
    queue, other = TimerQueue(), TimerQueue()
    queue.add(timer := timer_at(1))
    assert other.remove(timer) is False
    assert (len(queue), len(other)) == (1, 0)
    assert due(queue, 1) == [timer]


def test_what_is_added_in_a_round_waits_for_the_next() -> None:
    queue = TimerQueue()
    queue.add(first := timer_at(1))
    mark = queue.begin_round()
    assert queue.take_due(5, mark) is first
    queue.add(second := timer_at(5))
    assert queue.take_due(5, mark) is None
    assert due(queue, 5) == [second]


def test_clearing_leaves_nothing_pending() -> None:
    queue = TimerQueue()
    timers = [timer_at(number) for number in range(5)]
    for timer in timers:
        queue.add(timer)
    queue.remove(timers[0])
    queue.clear()
    assert len(queue) == 0
    assert not any(timer.is_pending for timer in timers)
    assert queue.next_deadline() is None
    queue.add(timers[1])
    assert due(queue, 9) == [timers[1]]


# -- what it costs ---------------------------------------------------------------------------------


@pytest.mark.slow
def test_removed_timers_do_not_pile_up() -> None:
    """As of timeouts that hardly ever pass: each is added, and soon removed."""
    queue = TimerQueue()
    for number in range(100):
        queue.add(timer_at(1e9 + number))
    called: WeakSet[Callable[[], None]] = WeakSet()
    for number in range(10_000):
        called.add(callback := lambda: None)
        queue.add(timer := Timer(callback, number, None))
        queue.remove(timer)
        assert len(called) <= len(queue) + 66
    assert len(queue) == 100


class CountingFloat(float):
    """A deadline that counts how often it is compared, which is what a heap's work is."""

    comparisons = 0

    def __lt__(self, other: float) -> bool:
        CountingFloat.comparisons += 1
        return float.__lt__(self, other)

    def __eq__(self, other: object) -> bool:
        # Looking for an entry would only ask this; comparing two entries asks it first.
        CountingFloat.comparisons += 1
        return float.__eq__(self, other)

    __hash__ = float.__hash__


def comparisons_of(action: Callable[[], object]) -> int:
    """Return how many comparisons it takes to do something."""
    before = CountingFloat.comparisons
    action()
    return CountingFloat.comparisons - before


ORDERS: dict[str, Callable[[list[Timer]], None]] = {
    "as added": lambda timers: None,
    "backwards": lambda timers: timers.reverse(),
    "shuffled": random.Random(1).shuffle,
    "by deadline": lambda timers: timers.sort(key=lambda timer: float(timer.deadline)),
}


def filled(count: int, order: str) -> tuple[TimerQueue, list[Timer]]:
    """Return a queue to which so many timers were added, in an order, and the timers."""
    dice = random.Random(count)
    timers = [timer_at(CountingFloat(dice.random())) for _ in range(count)]
    ORDERS["by deadline"](timers)
    ORDERS[order](timers)
    queue = TimerQueue()
    for timer in timers:
        queue.add(timer)
    return queue, timers


def comparisons_per_timer(count: int, order: str) -> float:
    """Add so many timers and remove them in some order; return the comparisons for each."""

    def add_and_remove() -> None:
        queue, timers = filled(count, "shuffled")
        ORDERS[order](timers)
        for timer in timers:
            assert queue.remove(timer)
        assert queue.next_deadline() is None

    return comparisons_of(add_and_remove) / count


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_adding_and_removing_grow_like_a_logarithm_at_most(order: str) -> None:
    few, many = (comparisons_per_timer(count, order) for count in (500, 16_000))
    # The logarithm of 16,000 is 1.56 times that of 500; a linear cost would be 32 times as much.
    assert many < few * 2


def test_no_single_timer_costs_more_than_a_logarithm_to_add() -> None:
    """Not even one that is due before all others, and climbs to the top of the heap."""
    queue, _ = filled(10_000, "shuffled")
    costs = []
    for number in range(1000):
        timer = timer_at(CountingFloat(-number))
        costs.append(comparisons_of(lambda timer=timer: queue.add(timer)))  # type: ignore[misc]
    assert max(costs) <= 2 * (log2(11_000) + 1)  # two for each level: "equal?", and then "less?"


@pytest.mark.slow
def test_timeouts_that_hardly_ever_pass_cost_a_logarithm() -> None:
    """Each is removed long before it is due, and another one added; sweeping is part of it."""

    def replace_all(queue: TimerQueue, timers: list[Timer], turns: int) -> None:
        for turn in range(turns):
            for timer in timers:
                queue.remove(timer)
                timer.deadline = CountingFloat(turn + 1 + timer.deadline % 1)
                queue.add(timer)
                queue.next_deadline()

    queue, timers = filled(5000, "shuffled")
    cost = comparisons_of(lambda: replace_all(queue, timers, turns=4))
    assert cost / (4 * len(timers)) <= 2 * (log2(2 * len(timers)) + 1)


@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_taking_what_is_due_costs_a_logarithm(order: str) -> None:
    queue, timers = filled(10_000, order)
    cost = comparisons_of(lambda: due(queue, 1))
    assert len(queue) == 0
    assert cost / len(timers) <= 3 * log2(len(timers))


# -- against a model -------------------------------------------------------------------------------


class QueueMachine(RuleBasedStateMachine):
    """A queue and a plain list, to which the same is done."""

    @initialize()
    def begin(self) -> None:
        self.queue = TimerQueue()
        self.model: list[Timer] = []  # in the order of being added
        self.removed: list[Timer] = []
        self.now = 0.0

    @rule(delay=st.sampled_from([0, 0.5, 1, 1, 2, 10]), interval=st.sampled_from([None, 0, 1, 3]))
    def add(self, delay: float, interval: float | None) -> None:
        timer = timer_at(self.now + delay, interval)
        self.queue.add(timer)
        self.model.append(timer)

    @rule(count=st.integers(1, 200))
    def add_many(self, count: int) -> None:
        for number in range(count):
            self.add(number % 7, None)

    @precondition(lambda self: self.model)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        timer = data.draw(st.sampled_from(self.model))
        assert self.queue.remove(timer)
        assert not self.queue.remove(timer)
        self.model.remove(timer)
        self.removed.append(timer)

    @precondition(lambda self: self.removed)
    @rule(data=st.data())
    def add_again(self, data: st.DataObject) -> None:
        timer = data.draw(st.sampled_from(self.removed))
        self.removed.remove(timer)
        timer.deadline = self.now + 1
        self.queue.add(timer)
        self.model.append(timer)

    @rule(seconds=st.sampled_from([0, 0.5, 1, 5, 100]))
    def take(self, seconds: float) -> None:
        self.now += seconds
        expected = sorted(
            (timer for timer in self.model if timer.deadline <= self.now),
            key=lambda timer: timer.deadline,  # stable: ties stay in the order of being added
        )
        for timer in expected:
            self.model.remove(timer)
            if timer.interval is not None:
                self.model.append(timer)
        assert due(self.queue, self.now) == expected
        for timer in expected:
            assert timer.is_pending is (timer.interval is not None)
            if timer.interval:
                assert self.now < timer.deadline <= self.now + timer.interval

    @invariant()
    def agree(self) -> None:
        assert len(self.queue) == len(self.model)
        first = min((timer.deadline for timer in self.model), default=None)
        assert self.queue.next_deadline() == first
        assert all(timer.is_pending for timer in self.model)


TestQueueAgainstAModel = pytest.mark.slow(QueueMachine.TestCase)
