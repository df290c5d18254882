"""A descriptor with users: who may use it, who wakes whom, and when the number is given back."""

import gc
import os
import threading
import weakref
from collections.abc import Iterator

import pytest
from sockets.helpers import Call
from support.timing import MS, PATIENCE

from trunkline import Busy, SocketClosed, TimedOut
from trunkline._core.deadline import Deadline
from trunkline._sys import descriptor as module
from trunkline._sys.clock import monotonic
from trunkline._sys.descriptor import Descriptor
from trunkline._sys.readiness import READABLE, wait_for_one


class Pipe(Descriptor):
    """The reading end of a pipe, which nothing can wake; it notes when its number is closed."""

    __slots__ = ("closings",)

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.closings = 0
        self.where = "the pipe"

    def _close_number(self) -> None:
        self.closings += 1
        os.close(self._number)


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
        def _close_number(self) -> None:
            self.close()  # as from a handler, in the middle of closing
            super()._close_number()

    reading, writing = os.pipe()
    os.close(writing)
    pipe = Interrupted(reading)
    pipe.close()
    assert pipe.closings == 1


def test_who_comes_just_when_it_is_closed_leaves_nothing_open(pipe: Pipe) -> None:
    class Unlucky(dict[str, int]):
        """Who has the right to read, which is got while another thread is closing."""

        def setdefault(self, key: str, thread: int) -> int:
            holder = super().setdefault(key, thread)
            if not pipe.is_closed:
                with Call(pipe.close):
                    pass
            return holder

    with pipe.reading:  # the first use makes what is replaced here
        pass
    pipe.reading._holder = Unlucky()
    with pytest.raises(SocketClosed), pipe.reading:
        pass
    assert pipe.closings == 1


def test_ctrl_c_while_a_right_is_taken_does_not_take_it_for_ever(pipe: Pipe) -> None:
    class Interrupted(dict[str, int]):
        """Who has the right to read, which is got just when a signal strikes."""

        def setdefault(self, key: str, thread: int) -> int:
            super().setdefault(key, thread)
            raise KeyboardInterrupt

    with pipe.reading:  # the first use makes what is replaced here
        pass
    pipe.reading._holder = Interrupted()
    with pytest.raises(KeyboardInterrupt), pipe.reading:
        pass
    assert not pipe.reading.locked()
    pipe.reading._holder = {}
    pipe.close()
    assert pipe.closings == 1


def test_ctrl_c_while_another_thread_has_a_right_leaves_it_to_that(pipe: Pipe) -> None:
    class Interrupted(dict[str, int]):
        """Who has the right to read, which another thread has got just before."""

        def setdefault(self, key: str, thread: int) -> int:
            self[key] = -1
            raise KeyboardInterrupt

    with pipe.reading:  # the first use makes what is replaced here
        pass
    pipe.reading._holder = Interrupted()
    with pytest.raises(KeyboardInterrupt), pipe.reading:
        pass
    assert pipe.reading.locked()
    pipe.reading._holder = {}


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


def test_what_was_closed_is_forgotten_without_the_garbage_collector() -> None:
    reading, writing = os.pipe()
    os.close(writing)
    pipe = Pipe(reading)
    pipe.where = Name()
    is_alive = weakref.ref(pipe.where)
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
