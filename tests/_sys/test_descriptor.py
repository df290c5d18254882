"""A descriptor with users: who may use it, who wakes whom, and when the number is given back."""

import contextlib
import gc
import io
import os
import threading
import weakref
from collections.abc import Iterator
from functools import partial

import pytest
from sockets.helpers import Call
from support.signal_points import FEWEST, interrupted_at, struck_at
from support.timing import MS, PATIENCE

from trunkline import Busy, SocketClosed, TimedOut
from trunkline._core.deadline import Deadline
from trunkline._sys import descriptor as module
from trunkline._sys.clock import monotonic
from trunkline._sys.descriptor import Descriptor
from trunkline._sys.readiness import READABLE, wait_for_one


class Pipe(Descriptor):
    """The reading end of a pipe, which nothing can wake; it notes when its number is closed."""

    __slots__ = ("_file",)

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self._file = io.FileIO(number)
        self.where = "the pipe"

    @property
    def closings(self) -> int:
        return int(self._file.closed)

    def _close_number(self, number: int) -> None:
        self._file.close()


@pytest.fixture
def ends() -> Iterator[tuple[Pipe, int]]:
    reading, writing = os.pipe()
    pipe = Pipe(reading)
    try:
        yield pipe, writing
    finally:
        pipe.close()
        os.close(writing)


@pytest.fixture
def pipe(ends: tuple[Pipe, int]) -> Pipe:
    return ends[0]


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set as soon as somebody is about to wait for a descriptor."""
    about_to_wait = threading.Event()

    def wait(number: int, interest: int, timeout: float | None) -> int:
        about_to_wait.set()
        return wait_for_one(number, interest, timeout)

    monkeypatch.setattr(module, "wait_for_one", wait)
    return about_to_wait


def wait_readable(pipe: Pipe, timeout: float | None = None) -> None:
    with pipe.reading:
        pipe.wait_readable(Deadline(timeout, monotonic), "read_line")


# -- the rights to read and to write --------------------------------------------------------------


def test_a_second_reader_is_told_that_another_thread_reads(pipe: Pipe) -> None:
    with (
        pipe.reading,
        pytest.raises(Busy, match=r"^read the pipe: another thread is using the socket"),
        pipe.reading,
    ):
        pass


def test_a_second_writer_is_told_that_another_thread_writes(pipe: Pipe) -> None:
    with pipe.writing, pytest.raises(Busy, match=r"^write the pipe: "), pipe.writing:
        pass


def test_one_reads_while_another_writes_and_the_rights_come_back(pipe: Pipe) -> None:
    for _ in range(2):
        with pipe.reading, pipe.writing:
            pass


def test_the_right_comes_back_after_an_exception(pipe: Pipe) -> None:
    with pytest.raises(ZeroDivisionError), pipe.reading:
        raise ZeroDivisionError
    with pipe.reading:
        pass


@pytest.mark.parametrize("name", ["reading", "writing"])
def test_a_closed_descriptor_cannot_be_used(pipe: Pipe, name: str) -> None:
    pipe.close()
    with pytest.raises(SocketClosed, match="the pipe: the socket is closed"), getattr(pipe, name):
        pass


def test_whoever_comes_while_the_last_user_leaves_a_closed_one_is_not_told_busy(
    pipe: Pipe,
) -> None:
    with pipe.reading:
        pipe.close()
        with pytest.raises(SocketClosed), pipe.reading:
            pass
        with pytest.raises(SocketClosed), pipe.writing:
            pass


# -- closing --------------------------------------------------------------------------------------


def test_an_unused_descriptor_is_closed_at_once_and_once_only(pipe: Pipe) -> None:
    number = pipe.number
    pipe.close()
    pipe.close()
    assert pipe.closings == 1
    assert pipe.is_closed
    assert pipe.number == -1
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


def test_the_last_user_gives_the_number_back_and_not_the_one_who_closes(pipe: Pipe) -> None:
    number = pipe.number
    with pipe.writing:
        with pipe.reading:
            pipe.close()
            assert pipe.number == -1
            os.fstat(number)
        assert pipe.closings == 0
        os.fstat(number)
    assert pipe.closings == 1


def test_who_would_watch_a_closing_that_has_begun_is_told(pipe: Pipe) -> None:
    told: list[int] = []

    def watch_too(number: int) -> None:
        with pytest.raises(SocketClosed):
            pipe.watch_closing(told.append)

    pipe.watch_closing(watch_too)
    pipe.close()
    with pytest.raises(SocketClosed):
        pipe.watch_closing(told.append)
    assert told == []


def test_closing_from_many_threads_closes_once(pipe: Pipe) -> None:
    barrier = threading.Barrier(8)

    def close() -> None:
        barrier.wait(PATIENCE)
        pipe.close()

    threads = [threading.Thread(target=close) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert pipe.closings == 1


def test_a_signal_handler_may_close_what_is_being_closed() -> None:
    class Interrupted(Pipe):
        def _close_number(self, number: int) -> None:
            self.close()  # as from a handler, in the middle of closing
            super()._close_number(number)

    reading, writing = os.pipe()
    os.close(writing)
    pipe = Interrupted(reading)
    pipe.close()
    assert pipe.closings == 1


def test_who_comes_just_when_it_is_closed_leaves_nothing_open(ends: tuple[Pipe, int]) -> None:
    def use(one: Pipe) -> None:
        with contextlib.suppress(SocketClosed), one.reading:
            pass

    def close_in_another_thread(one: Pipe) -> None:
        with Call(one.close):
            pass

    for point in range(1000):
        one = Pipe(os.dup(ends[0].number))
        was_struck = struck_at(point, partial(use, one), partial(close_in_another_thread, one))
        one.close()
        assert one.closings == 1
        if not was_struck:
            break
    assert FEWEST <= point < 999


# -- exceptions of signal handlers, at each place where Python runs one ---------------------------


def test_ctrl_c_while_a_right_is_taken_or_given_back_does_not_take_it_for_ever(pipe: Pipe) -> None:
    def use() -> None:
        with pipe.reading, pipe.writing:
            pass

    point = 0
    while interrupted_at(point, use):
        use()
        point += 1
    assert point >= FEWEST
    pipe.close()
    assert pipe.closings == 1


def test_ctrl_c_while_another_thread_has_a_right_leaves_it_to_that(pipe: Pipe) -> None:
    def come_in() -> None:
        with contextlib.suppress(Busy), pipe.reading:
            pass

    having, done = threading.Event(), threading.Event()

    def have() -> None:
        with pipe.reading:
            having.set()
            assert done.wait(PATIENCE)

    with Call(have):
        assert having.wait(PATIENCE)
        point = 0
        while interrupted_at(point, come_in):
            with pytest.raises(Busy), pipe.reading:
                pass
            point += 1
        done.set()
    assert point > 2
    with pipe.reading:
        pass


def test_ctrl_c_while_closing_leaves_something_that_can_be_closed(ends: tuple[Pipe, int]) -> None:
    for point in range(1000):
        one = Pipe(os.dup(ends[0].number))
        with one.reading:
            pass
        was_interrupted = interrupted_at(point, one.close)
        one.close()
        assert one.closings == 1
        if not was_interrupted:
            break
    assert FEWEST <= point < 999


# -- waiting --------------------------------------------------------------------------------------


def test_waiting_ends_when_there_is_something_to_read(ends: tuple[Pipe, int]) -> None:
    pipe, writing = ends
    os.write(writing, b"x")
    wait_readable(pipe, PATIENCE)


def test_a_pipe_with_room_is_writable(ends: tuple[Pipe, int]) -> None:
    _, writing = ends
    other_end = Pipe(os.dup(writing))
    with other_end.writing:
        other_end.wait_writable(Deadline(PATIENCE, monotonic), "write")
    other_end.close()


def test_waiting_ends_with_the_deadline_which_was_ours(pipe: Pipe) -> None:
    with pytest.raises(TimedOut, match="read_line the pipe: time limit passed") as caught:
        wait_readable(pipe, 20 * MS)
    assert caught.value.deadline


def test_no_time_means_no_look(ends: tuple[Pipe, int], waiting: threading.Event) -> None:
    pipe, writing = ends
    os.write(writing, b"x")
    with pytest.raises(TimedOut):
        wait_readable(pipe, 0)
    assert not waiting.is_set()


def test_waiting_for_a_closed_descriptor_does_not_begin(
    pipe: Pipe, waiting: threading.Event
) -> None:
    with pipe.reading:
        pipe.close()
        with pytest.raises(SocketClosed):
            pipe.wait_readable(Deadline(None, monotonic), "read")
    assert not waiting.is_set()


def test_what_cannot_be_woken_looks_up_by_itself_when_closed(
    pipe: Pipe, waiting: threading.Event
) -> None:
    with Call(wait_readable, pipe) as call:
        assert waiting.wait(PATIENCE)
        pipe.close()
        with pytest.raises(SocketClosed, match="read_line the pipe"):
            call.result()
    assert pipe.closings == 1


def test_what_became_readable_because_it_was_closed_is_closed(
    ends: tuple[Pipe, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe, _ = ends

    def close_and_wake(number: int, interest: int, timeout: float | None) -> int:
        pipe.close()
        return interest

    monkeypatch.setattr(module, "wait_for_one", close_and_wake)
    with pytest.raises(SocketClosed):
        wait_readable(pipe, None)


class Name:
    """An address that can tell when it is forgotten, which a string cannot."""


def pipe_with_name() -> tuple[Pipe, "weakref.ref[Name]"]:
    """Return a pipe that is at its end, and what tells whether its address is still there."""
    reading, writing = os.pipe()
    os.close(writing)
    pipe = Pipe(reading)
    pipe.where = name = Name()
    return pipe, weakref.ref(name)


def test_what_was_closed_is_forgotten_without_the_garbage_collector() -> None:
    pipe, is_alive = pipe_with_name()
    with pipe.reading:
        pipe.close()
    with pytest.raises(SocketClosed) as caught, pipe.writing:
        pass
    assert caught.value.address is pipe.where
    assert caught.value.operation == "write"
    caught.value.address = None
    gc.disable()
    try:
        del pipe, caught
        assert is_alive() is None
    finally:
        gc.enable()


def test_rights_that_nobody_has_taken_are_refused_when_it_is_closed() -> None:
    pipe, is_alive = pipe_with_name()
    rights = pipe.reading, pipe.writing  # as a stream has them
    pipe.close()
    assert pipe.closings == 1
    for right in rights:
        with pytest.raises(SocketClosed), right:
            pass
    gc.disable()
    try:
        del pipe, rights, right
        assert is_alive() is None  # they do not keep each other
    finally:
        gc.enable()


def test_a_right_is_had_by_one_though_many_take_it_for_the_first_time(pipe: Pipe) -> None:
    right = pipe.reading
    gate = threading.Barrier(8)
    holders: list[int] = []
    refused: list[int] = []

    def take(number: int) -> None:
        gate.wait(PATIENCE)
        try:
            with right:
                holders.append(number)
                gate.wait(PATIENCE)
        except Busy:
            refused.append(number)
            gate.wait(PATIENCE)

    with contextlib.ExitStack() as calls:
        for number in range(8):
            calls.enter_context(Call(take, number))
    assert (len(holders), len(refused)) == (1, 7)


@pytest.mark.parametrize("in_main_thread", [True, False])
def test_a_signal_that_was_missed_is_noticed_soon(
    pipe: Pipe, in_main_thread: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float | None] = []

    def wait(number: int, interest: int, timeout: float | None) -> int:
        waits.append(timeout)
        return READABLE if len(waits) == 3 else 0

    monkeypatch.setattr(module, "wait_for_one", wait)
    monkeypatch.setattr(Pipe, "close_wakes", True)
    if in_main_thread:
        wait_readable(pipe, None)
    else:
        with Call(wait_readable, pipe, None):
            pass
    assert waits == [1.0 if in_main_thread else None] * 3


@pytest.mark.parametrize("who", ["closes", "reads"])
def test_the_number_is_given_back_when_all_have_been_told(pipe: Pipe, who: str) -> None:
    """Else it could be another file's already while a multiplexer still has it for this one."""
    told, go_on = threading.Event(), threading.Event()
    was_open: list[bool] = []

    def look(number: int) -> None:
        told.set()
        go_on.wait(PATIENCE)
        was_open.append(bool(os.fstat(number)))

    number = pipe.number
    pipe.watch_closing(look)
    with Call(pipe.close):
        assert told.wait(PATIENCE)
        if who == "closes":
            pipe.close()
        else:
            with pytest.raises(SocketClosed), pipe.reading:
                pass
        go_on.set()
    assert was_open == [True]
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)


# -- one after the other --------------------------------------------------------------------------


def test_a_right_can_be_waited_for(pipe: Pipe) -> None:
    order: list[str] = []

    def take() -> None:
        with pipe.writing.in_turn(Deadline(PATIENCE, monotonic)):
            order.append("second")

    with pipe.writing, Call(take) as taking:
        order.append("first")
        pipe.writing.release()
        taking.result()
        assert pipe.writing.try_acquire()
    assert order == ["first", "second"]


@pytest.mark.parametrize("timeout", [0, 5 * MS])
def test_it_is_not_waited_for_longer_than_the_deadline(pipe: Pipe, timeout: float) -> None:
    def take() -> None:
        with pipe.writing.in_turn(Deadline(timeout, monotonic)):
            raise AssertionError("another thread has it")

    with pipe.writing, Call(take) as taking, pytest.raises(TimedOut, match="the pipe"):
        taking.result()


def test_whoever_has_it_already_does_not_wait_for_it(pipe: Pipe) -> None:
    with pipe.writing, pytest.raises(Busy), pipe.writing.in_turn(Deadline(None, monotonic)):
        pass


def test_closing_ends_the_wait_for_a_right(pipe: Pipe) -> None:
    def take() -> None:
        with pipe.writing.in_turn(Deadline(None, monotonic)):
            raise AssertionError("it is closed")

    with pipe.writing, Call(take) as taking:
        pipe.close()
        with pytest.raises(SocketClosed):
            taking.result()
    assert pipe.closings == 1
