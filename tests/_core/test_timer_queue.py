"""The queue of timers against a sorted list and its twin, and what adding and removing cost."""

import gc
import random
import time
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakSet, ref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trunkline import implementation
from trunkline._core import timer_queue
from trunkline._core.timer_queue import Timer, TimerQueue

if TYPE_CHECKING:
    from trunkline._core.timer_queue import AnyTimer


def timer_at(deadline: float, interval: float | None = None) -> Timer:
    return Timer(lambda: None, deadline, interval)


class OtherTimer:
    """What somebody else has for a timer."""

    def __init__(
        self, callback: Callable[[], object], deadline: float, interval: float | None
    ) -> None:
        self.callback = callback
        self.deadline = deadline
        self.interval = interval
        self._queue: TimerQueue | None = None
        self._entry = 0

    @property
    def is_pending(self) -> bool:
        return self._queue is not None


KINDS = [Timer, OtherTimer]


def due(queue: TimerQueue, now: float) -> "list[AnyTimer]":
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


def test_a_timer_can_be_made_by_the_queue_it_is_added_to() -> None:
    queue = TimerQueue()
    timers = [queue.add_new(print, 5, None), queue.add_new(print, 4, 2)]
    assert [timer.is_pending for timer in timers] == [True, True]
    assert (timers[1].callback, timers[1].deadline, timers[1].interval) == (print, 4, 2)
    assert due(queue, 5) == [timers[1], timers[0]]
    assert queue.remove(timers[0]) is False
    assert queue.remove(timers[1]) is True


@pytest.mark.parametrize("entry", [-1, 0, 1, 2, 63, 64, 2**40])
@pytest.mark.parametrize("kind", KINDS)
def test_who_writes_into_a_timer_does_not_lead_out_of_the_queue(kind: Any, entry: int) -> None:
    queue = TimerQueue()
    timers = [kind(print, number, None) for number in range(3)]
    for timer in timers:
        queue.add(timer)
    timers[1]._entry = entry
    queue.remove(timers[1])
    queue.remove(timers[1])
    taken = due(queue, 9)
    assert taken[0] is timers[0]
    assert taken[-1] is timers[2]


@pytest.mark.parametrize("way", ["take", "remove", "clear"])
@pytest.mark.parametrize("kind", KINDS)
def test_what_a_timer_calls_goes_with_it_and_may_change_the_queue(kind: Any, way: str) -> None:
    queue = TimerQueue()

    class Callback:
        def __call__(self) -> None: ...

        def __del__(self) -> None:
            queue.clear()
            for number in range(200):
                queue.add_new(print, number, None)

    queue.add(kind(print, 2, None))
    queue.add(timer := kind(Callback(), 1, None))
    gone = ref(timer.callback)
    if way == "take":
        assert queue.take_due(1, queue.begin_round()) is timer
    elif way == "remove":
        assert queue.remove(timer)
        for number in range(100):  # at the latest when so many have been removed
            queue.remove(queue.add_new(print, number, None))
    del timer
    if way == "clear":
        queue.clear()
    assert gone() is None
    assert len(queue) >= 200


def test_a_timer_that_has_its_queue_is_collected_with_it() -> None:
    class Callback:
        def __call__(self) -> None: ...

        queue: TimerQueue

    queue, callback = TimerQueue(), Callback()
    callback.queue = queue
    queue.add_new(callback, 1, None)
    queue.add(OtherTimer(callback, 2, None))
    gone = ref(callback)
    del queue, callback
    gc.collect()
    assert gone() is None


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


needs_comparisons = pytest.mark.skipif(
    implementation().name == "native", reason="the compiled queue compares numbers of C"
)


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


@needs_comparisons
@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_adding_and_removing_grow_like_a_logarithm_at_most(order: str) -> None:
    few, many = (comparisons_per_timer(count, order) for count in (500, 16_000))
    # The logarithm of 16,000 is 1.56 times that of 500; a linear cost would be 32 times as much.
    assert many < few * 2


@needs_comparisons
def test_no_single_timer_costs_more_than_a_logarithm_to_add() -> None:
    """Not even one that is due before all others, and climbs to the top of the heap."""
    queue, _ = filled(10_000, "shuffled")
    costs = []
    for number in range(1000):
        timer = timer_at(CountingFloat(-number))
        costs.append(comparisons_of(lambda timer=timer: queue.add(timer)))  # type: ignore[misc]
    assert max(costs) <= 2 * (log2(11_000) + 1)  # two for each level: "equal?", and then "less?"


@needs_comparisons
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


@needs_comparisons
@pytest.mark.slow
@pytest.mark.parametrize("order", ORDERS)
def test_taking_what_is_due_costs_a_logarithm(order: str) -> None:
    queue, timers = filled(10_000, order)
    cost = comparisons_of(lambda: due(queue, 1))
    assert len(queue) == 0
    assert cost / len(timers) <= 3 * log2(len(timers))


def seconds_per_timer(count: int, order: str) -> float:
    """Do as `comparisons_per_timer`; return the processor's time for each, the best of some."""
    dice, spent = random.Random(count), []
    for _ in range(3):
        timers = [timer_at(dice.random()) for _ in range(count)]
        queue, began = TimerQueue(), time.process_time()
        for timer in timers:
            queue.add(timer)
        ORDERS[order](timers)
        for timer in timers:
            queue.remove(timer)
        spent.append(time.process_time() - began)
    return min(spent) / count


@pytest.mark.skipif(implementation().name == "pure", reason="its comparisons are counted")
@pytest.mark.parametrize("order", ORDERS)
def test_many_timers_do_not_take_much_longer_each(order: str) -> None:
    few, many = (seconds_per_timer(count, order) for count in (1000, 32_000))
    assert many < few * 16  # at a linear cost, it would be 32 times as much


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


# -- the twin against the source -------------------------------------------------------------------


def source_of_timer_queue() -> Any:
    """Return the module as it is written in Python, whatever build runs."""
    path = Path(timer_queue.__file__ or "").with_name("timer_queue.py")
    spec = spec_from_file_location("trunkline._core.timer_queue_in_python", path)
    assert spec is not None and spec.loader is not None  # noqa: PT018
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Played:
    """What is done with a queue of either build, by numbers: so it can be compared."""

    def __init__(self, module: Any, kind: Any) -> None:
        self.queue = module.TimerQueue()
        self.kind = kind or module.Timer
        self.timers: list[Any] = []
        self.now = 0.0

    def add(self, delay: float, interval: float | None) -> object:
        self.timers.append(self.kind(print, self.now + delay, interval))
        self.queue.add(self.timers[-1])
        return None

    def add_new(self, delay: float, interval: float | None) -> object:
        self.timers.append(self.queue.add_new(print, self.now + delay, interval))
        return None

    def remove(self, index: float, interval: float | None) -> object:
        if not self.timers:
            return None
        timer = self.timers[int(index * 7) % len(self.timers)]
        removed = self.queue.remove(timer)
        if removed and interval is not None:
            timer.deadline = self.now + interval
            self.queue.add(timer)
        return removed

    def take(self, seconds: float, most: float | None) -> object:
        self.now += seconds
        mark, taken = self.queue.begin_round(), []
        while (timer := self.queue.take_due(self.now, mark)) is not None:
            taken.append((self.timers.index(timer), timer.deadline))
            if most is not None and len(taken) > most:
                break
        return taken

    def clear(self, seconds: float, keep: float | None) -> object:
        if keep is None and seconds > 90:  # seldom
            self.queue.clear()
        return None

    def seen(self) -> object:
        pending = [timer.is_pending for timer in self.timers]
        return len(self.queue), self.queue.next_deadline(), bool(self.queue.entries), pending


@pytest.mark.skipif(implementation().name == "pure", reason="there is nothing to compare it with")
@pytest.mark.parametrize("kind", [None, OtherTimer])
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "add", "add_new", "add_new", "remove", "take", "clear"]),
            st.floats(0, 100) | st.sampled_from([0.0, 1.0, 1.0, 2.0]),
            st.none() | st.sampled_from([0.0, 1.0, 3.0]) | st.floats(1e-6, 100),
        ),
        max_size=300,
    )
)
def test_the_twin_does_what_the_source_does(
    kind: Any, actions: list[tuple[str, float, float | None]]
) -> None:
    twins = [Played(module, kind) for module in (timer_queue, SOURCE)]
    for name, number, other in actions:
        one, two = (getattr(played, name)(number, other) for played in twins)
        assert one == two
        one, two = (played.seen() for played in twins)
        # The source may still have what was removed.
        assert one[:2] + one[3:] == two[:2] + two[3:]  # type: ignore[index]
        assert one[2] is bool(one[0])  # type: ignore[index]


SOURCE = source_of_timer_queue()
