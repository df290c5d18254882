"""The queue of calls against one that is known to be right, and what it keeps."""

import gc
from collections import deque
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline._core.call_queue import CallQueue


class Thing:
    """Something that may be forgotten."""


# How many are appended and then taken: more of both than are moved away at a time.
turns = st.lists(st.tuples(st.integers(0, 200), st.integers(0, 200)), max_size=20)


@given(turns)
def test_what_comes_first_is_taken_first(turns: list[tuple[int, int]]) -> None:
    queue, known = CallQueue(), deque[int]()
    number = 0
    for appended, taken in turns:
        for _ in range(appended):
            number += 1
            queue.append(number)
            known.append(number)
        for _ in range(min(taken, len(known))):
            assert queue.popleft() == known.popleft()
        assert len(queue) == len(known)
        assert bool(queue) is bool(known)


def test_of_nothing_nothing_can_be_taken() -> None:
    queue = CallQueue()
    with pytest.raises(IndexError):
        queue.popleft()
    queue.append(1)
    queue.popleft()
    with pytest.raises(IndexError):
        queue.popleft()
    queue.append(2)
    assert queue.popleft() == 2


@pytest.mark.parametrize("way", ["popleft", "clear"])
def test_what_has_left_is_not_kept(way: str) -> None:
    queue = CallQueue()
    queue.append(thing := Thing())
    gone = ref(thing)
    del thing
    getattr(queue, way)()
    assert gone() is None
    assert len(queue) == 0


def test_what_is_forgotten_may_ask_for_another_call() -> None:
    queue = CallQueue()

    class Asking:
        def __del__(self) -> None:
            asked.append(1)
            queue.append("another")

    asked: list[int] = []
    queue.append("taken")
    queue.popleft()
    for _ in range(3):
        queue.append(Asking())
    queue.clear()
    assert len(asked) == len(queue) == 3
    assert queue.popleft() == "another"


def test_a_call_that_has_the_queue_is_collected_with_it() -> None:
    queue, thing = CallQueue(), Thing()
    thing.queue = queue  # type: ignore[attr-defined]
    queue.append((thing, ()))
    gone = ref(thing)
    del queue, thing
    gc.collect()
    assert gone() is None
