"""Deferred calls: in their order, in the next iteration, from any thread and signal handler."""

import signal
import threading
from typing import Any

import pytest
from multiplex.helpers import Channel, Failure, Noting, at_once, fail
from sockets.helpers import Call
from support.timing import MS, PATIENCE

from trunkline import EventBase, SocketClosed


def test_calls_are_made_in_the_order_in_which_they_were_deferred(base: EventBase) -> None:
    called: list[int] = []
    for number in range(10):
        base.call_soon(called.append, number)
    assert not called
    base.dispatch(timeout=0)
    assert called == list(range(10))
    base.dispatch(timeout=0)
    assert len(called) == 10


def test_a_call_is_made_with_its_arguments(base: EventBase) -> None:
    called: list[tuple[object, ...]] = []
    base.call_soon(lambda *arguments: called.append(arguments))
    base.call_soon(lambda *arguments: called.append(arguments), 1, "two", None)
    base.call_soon_threadsafe(lambda *arguments: called.append(arguments), [3])
    base.dispatch(timeout=0)
    assert called == [(), (1, "two", None), ([3],)]


def test_what_a_deferred_call_defers_waits_for_the_next_iteration(base: EventBase) -> None:
    called: list[int] = []

    def again(number: int) -> None:
        called.append(number)
        base.call_soon(again, number + 1)

    again(0)
    for count in (2, 3, 4):
        base.dispatch(timeout=0)
        assert called == list(range(count))
    assert base.statistics().deferred == 1


@pytest.mark.parametrize("where", ["handler", "timer"])
def test_what_the_iteration_itself_defers_waits_for_the_next_one(
    base: EventBase, pair: Channel, where: str
) -> None:
    called: list[int] = []

    def defer() -> None:
        base.call_soon(called.append, 1)

    if where == "timer":
        base.add_timer(defer, 0, one_shot=True)
    else:
        base.set_io_handler(pair.reader, "read", Noting(defer), one_shot=True)
        pair.send()
    base.dispatch(one_shot=True)
    assert not called
    base.dispatch(timeout=0)
    assert called == [1]


def test_deferred_calls_leave_room_for_descriptors_and_timers(
    base: EventBase, pair: Channel
) -> None:
    """However fast they come."""
    called: list[str] = []

    def again() -> None:
        base.call_soon(again)
        if len(called) == 2:
            base.exit()

    base.set_io_handler(pair.reader, "read", Noting(lambda: called.append("io")), one_shot=True)
    base.add_timer(lambda: called.append("timer"), 1 * MS, one_shot=True)
    pair.send()
    again()
    base.dispatch(timeout=PATIENCE)
    assert sorted(called) == ["io", "timer"]


def test_a_deferred_call_that_fails_does_not_take_the_others_along(base: EventBase) -> None:
    called: list[int] = []
    base.call_soon(called.append, 1)
    base.call_soon(fail)
    base.call_soon(called.append, 2)
    with pytest.raises(Failure):
        base.dispatch(timeout=0)
    assert called == [1]
    assert base.statistics().deferred == 1
    base.dispatch(timeout=0)
    assert called == [1, 2]


def test_a_deferred_call_may_close_the_event_base(base: EventBase) -> None:
    called: list[int] = []
    base.call_soon(called.append, 1)
    base.call_soon(base.close)
    base.call_soon(called.append, 2)
    base.dispatch(timeout=PATIENCE)
    assert called == [1]
    assert base.closed


def test_another_thread_ends_a_wait_by_deferring_a_call(base: EventBase) -> None:
    for _ in range(20):  # Whether it comes before the wait or in it is a matter of luck.
        with at_once(), Call(base.call_soon_threadsafe, base.exit):
            base.dispatch(timeout=600)


def test_calls_from_many_threads_all_arrive_in_the_order_of_each(base: EventBase) -> None:
    threads, calls = 8, 500
    received: list[tuple[int, int]] = []
    ended: list[int] = []
    start = threading.Event()

    def defer(thread: int) -> None:
        start.wait(PATIENCE)
        for number in range(calls):
            base.call_soon_threadsafe(received.append, (thread, number))
        base.call_soon_threadsafe(end)

    def end() -> None:
        ended.append(1)
        if len(ended) == threads:
            base.exit()

    workers = [Call(defer, thread) for thread in range(threads)]
    for worker in workers:
        worker.__enter__()
    try:
        base.call_soon(start.set)
        base.dispatch(timeout=PATIENCE)
    finally:
        for worker in workers:
            worker.__exit__(None, None, None)
    assert len(received) == threads * calls
    for thread in range(threads):
        assert [number for which, number in received if which == thread] == list(range(calls))


def test_a_signal_handler_may_defer_calls_whatever_it_interrupts(base: EventBase) -> None:
    """Also while others are being deferred, made, or waited for."""
    from_signals: list[int] = []
    sent = 0
    counts = {"loop": 0}

    def handle(number: int, frame: object) -> None:
        nonlocal sent
        sent += 1
        base.call_soon_threadsafe(from_signals.append, sent)

    def again() -> None:
        counts["loop"] += 1
        if len(from_signals) >= 20:
            base.exit()
        base.call_soon(again)

    before = signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 1 * MS, 1 * MS)
    try:
        again()
        base.dispatch(timeout=PATIENCE)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    base.dispatch(timeout=0)
    # A signal may interrupt the handler of another one, and be first.
    assert sorted(from_signals) == list(range(1, sent + 1))
    assert counts["loop"] > 1


def test_many_wakes_are_one_wake(base: EventBase) -> None:
    """More than its pipe can hold, before anybody looks."""
    called: list[int] = []
    for number in range(2000):
        base.call_soon_threadsafe(called.append, number)
    before = base.statistics().iterations
    base.dispatch(timeout=20 * MS)
    assert called == list(range(2000))
    assert base.statistics().iterations - before <= 8


@pytest.mark.parametrize("callback", [None, 1, "call me"])
def test_a_deferred_call_must_be_callable(base: EventBase, callback: Any) -> None:
    for call in (base.call_soon, base.call_soon_threadsafe):
        with pytest.raises(TypeError, match="callable"):
            call(callback)
    assert base.is_empty


def test_nothing_is_deferred_on_a_closed_event_base(base: EventBase) -> None:
    base.call_soon(fail)
    base.close()
    for call in (base.call_soon, base.call_soon_threadsafe):
        with pytest.raises(SocketClosed, match="closed"):
            call(fail)
    assert base.is_empty
