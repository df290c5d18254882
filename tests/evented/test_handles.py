"""Handles: they keep a loop alive or do not, are counted, and are closed with it."""

import gc
import os
import signal
import weakref

import pytest
from evented.helpers import Box, Failure, Start, fail, in_turn, unwanted

from trunkline.evented import (
    EventLoop,
    HandleFreed,
    LoopStatistics,
    current_event_loop,
    delay,
    exit_event_loop,
    interval,
    notifier,
    poll,
    signal_handler,
)


def test_handles_are_closed_at_the_end_the_last_one_first(start: Start) -> None:
    closed: list[str] = []

    def main() -> None:
        Box(lambda: closed.append("a"))
        Box(lambda: closed.append("b")).unref()
        exit_event_loop()

    start(main)
    assert closed == ["b", "a"]


def test_a_handle_that_fails_to_close_does_not_keep_the_others_open(start: Start) -> None:
    boxes: list[Box] = []

    def main() -> None:
        boxes.append(Box())
        Box(fail)
        exit_event_loop()

    with pytest.raises(Failure):
        start(main)
    assert not boxes[0].is_open


def test_a_handle_that_is_interrupted_does_not_keep_the_others_open(start: Start) -> None:
    boxes: list[Box] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    def main() -> None:
        boxes.append(Box())
        Box(interrupt)
        exit_event_loop()

    with pytest.raises(KeyboardInterrupt):
        start(main)
    assert not boxes[0].is_open
    assert boxes[0].loop.event_base.closed


def test_a_handle_keeps_the_loop_alive_until_it_is_closed(start_simulated: Start) -> None:
    calls: list[str] = []

    def main() -> None:
        box = Box()
        timer = delay(in_turn(lambda: calls.append("closed"), lambda: box.close()), 3)
        timer.unref()
        delay(unwanted, 4).unref()

    start_simulated(main)
    assert calls == ["closed"]


def test_a_handle_without_reference_does_not_keep_the_loop_alive(start: Start) -> None:
    boxes: list[Box] = []

    def main() -> None:
        boxes.append(Box())
        assert boxes[0].is_referenced
        boxes[0].unref()
        boxes[0].unref()
        assert not boxes[0].is_referenced

    start(main)
    assert not boxes[0].is_open


def test_a_reference_can_be_taken_back(start_simulated: Start) -> None:
    calls: list[str] = []

    def main() -> None:
        box = Box()
        box.unref()
        box.ref()
        box.ref()
        timer = delay(in_turn(lambda: calls.append("here"), lambda: box.close()), 3)
        timer.unref()

    start_simulated(main)
    assert calls == ["here"]


def test_a_handle_that_is_not_adopted_yet_has_references_for_later(start_simulated: Start) -> None:
    calls: list[str] = []

    def main() -> None:
        later, never = Box(adopt=False), Box(adopt=False)
        for box in (later, never):
            box.unref()
        later.ref()
        for box in (later, never):
            box.loop._adopt(box)
        delay(in_turn(lambda: calls.append("here"), later.close), 3).unref()

    start_simulated(main)
    assert calls == ["here"]


def test_a_closed_handle_has_no_references(start: Start) -> None:
    def main() -> None:
        box = Box()
        box.close()
        for operation in (box.ref, box.unref):
            with pytest.raises(HandleFreed, match="the box is closed"):
                operation()
        box.loop._release(box)  # it is not known any more
        delay(lambda: None)

    start(main)


def test_references_are_counted_rightly_when_handles_come_and_go(start_simulated: Start) -> None:
    """An account that is wrong by one ends the loop too early, or never."""
    calls: list[int] = []

    def again(left: int) -> None:
        calls.append(left)
        boxes = [Box() for _ in range(3)]
        boxes[0].unref()
        boxes[1].unref()
        boxes[1].ref()
        for box in boxes:
            box.close()
        if left:
            delay(lambda: again(left - 1), 0.1)

    start_simulated(lambda: again(5))
    assert calls == [5, 4, 3, 2, 1, 0]


def test_the_statistics_count_handles_by_kind(start: Start) -> None:
    seen: list[LoopStatistics] = []

    def main() -> None:
        loop = current_event_loop()
        seen.append(loop.statistics())
        for kind in ("incoming tcp", "incoming tcp", "outgoing tcp"):
            Box()._kind = kind  # type: ignore[misc]
        interval(unwanted, 1000)
        seen.append(loop.statistics())
        exit_event_loop()

    start(main)
    assert seen[0] == LoopStatistics(0, 0, 0, {})
    assert seen[1] == LoopStatistics(
        open_lookups=0,
        incoming_tcp_connections=2,
        outgoing_tcp_connections=1,
        handles={"incoming tcp": 2, "outgoing tcp": 1, "interval": 1},
    )


def test_nothing_is_left_on_the_event_base_when_handles_are_freed(start: Start) -> None:
    reader, writer = os.pipe()

    def main() -> None:
        base = current_event_loop().event_base
        before = base.statistics()
        handles = [
            delay(unwanted, 1000),
            interval(unwanted, 1000),
            notifier(unwanted),
            poll(reader, unwanted),
            signal_handler(signal.SIGUSR1, unwanted),
        ]
        assert base.statistics().handlers == before.handlers + 1
        assert base.statistics().timers == before.timers + 2
        for handle in handles:
            handle.free()
        after = base.statistics()
        assert (after.handlers, after.timers) == (before.handlers, before.timers)
        assert current_event_loop().statistics().handles == {}

    start(main)
    os.close(reader)
    os.close(writer)


def test_a_loop_that_has_ended_is_not_kept_in_memory(backend: str) -> None:
    def run() -> "weakref.ref[EventLoop]":
        loop = EventLoop(backend=backend)
        delay(unwanted, 1000, loop=loop)
        with pytest.raises(Failure):
            loop.run(fail)
        return weakref.ref(loop)

    remembered = run()
    gc.collect()
    assert remembered() is None


def test_the_repr_says_how_far_it_has_come(backend: str) -> None:
    with EventLoop(backend=backend) as loop:
        assert repr(loop) == "<EventLoop, not started: 0 handles>"
        seen: list[str] = []
        loop.run(in_turn(lambda: Box().unref(), lambda: seen.append(repr(loop))))
    assert seen == ["<EventLoop, running: 1 handles>"]
    assert repr(loop) == "<EventLoop, ended>"
