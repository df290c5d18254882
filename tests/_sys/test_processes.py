"""Forked processes, pipes between them, and signals in a pipe."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from support.timing import PATIENCE

from trunkline._sys.processes import (
    PipeEnd,
    Signals,
    fork,
    keep_from_programs,
    kill,
    open_pipe,
    reap,
)
from trunkline._sys.readiness import READABLE, wait_for_one

NUMBERS = (signal.SIGUSR1, signal.SIGUSR2)


@pytest.fixture
def pipe() -> Iterator[tuple[PipeEnd, PipeEnd]]:
    reader, writer = open_pipe()
    yield reader, writer
    reader.close()
    writer.close()


@pytest.fixture
def signals() -> Iterator[Signals]:
    with contextlib.closing(Signals(NUMBERS)) as signals:
        yield signals


def status_of(main: Callable[[], int], prepare: Callable[[], object] = lambda: None) -> int | None:
    return reap(fork(prepare, main), wait=True)


# ---- Pipes ----


def test_a_pipe_tells_nothing_yet_from_the_end(pipe: tuple[PipeEnd, PipeEnd]) -> None:
    reader, writer = pipe
    assert reader.read() is None
    writer.write(b"one")
    writer.write(b"two")
    assert reader.read() == b"onetwo"
    states = [writer.closed]
    for _ in range(2):
        writer.close()
        states.append(writer.closed)
        assert writer.fileno() == -1
    assert states == [False, True, True]
    assert reader.read() == b""


def test_writing_never_waits_and_never_fails(pipe: tuple[PipeEnd, PipeEnd]) -> None:
    reader, writer = pipe
    for _ in range(100):
        writer.write(bytes(10_000))
    reader.close()
    writer.write(b"x")


def test_no_program_inherits_a_pipe(pipe: tuple[PipeEnd, PipeEnd]) -> None:
    assert not any(os.get_inheritable(end.fileno()) for end in pipe)


def test_a_descriptor_can_be_kept_from_programs(pipe: tuple[PipeEnd, PipeEnd]) -> None:
    number = pipe[0].fileno()
    os.set_inheritable(number, True)
    keep_from_programs(number)
    assert not os.get_inheritable(number)


# ---- Signals ----


def test_signals_are_counted_and_do_nothing_else(signals: Signals) -> None:
    assert not signals.take()
    for number in (signal.SIGUSR2, signal.SIGUSR1, signal.SIGUSR2):
        signal.raise_signal(number)
    assert wait_for_one(signals.fileno(), READABLE, PATIENCE)
    assert signals.take() == {signal.SIGUSR2: 2, signal.SIGUSR1: 1}
    assert not signals.take()
    assert not wait_for_one(signals.fileno(), READABLE, 0)


def test_others_signals_are_not_theirs(signals: Signals) -> None:
    heard: list[int] = []
    former = signal.signal(signal.SIGALRM, lambda number, frame: heard.append(number))
    try:
        signal.raise_signal(signal.SIGALRM)
        signal.raise_signal(signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGALRM, former)
    assert signals.take() == {signal.SIGUSR1: 1}
    assert heard == [signal.SIGALRM]


@pytest.mark.slow
def test_a_signal_for_which_the_pipe_has_no_room_is_not_lost(signals: Signals) -> None:
    for _ in range(70_000):
        signal.raise_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR2)
    assert signals.take() == {signal.SIGUSR1: 70_000, signal.SIGUSR2: 1}
    assert not wait_for_one(signals.fileno(), READABLE, 0)


def test_what_was_there_is_put_back(pipe: tuple[PipeEnd, PipeEnd]) -> None:
    def handler(number: int, frame: object) -> None:
        pass

    former_handler = signal.signal(signal.SIGUSR1, handler)
    former_pipe = signal.set_wakeup_fd(pipe[1].fileno())
    try:
        Signals(NUMBERS).close()
        assert signal.getsignal(signal.SIGUSR1) is handler
        assert signal.getsignal(signal.SIGUSR2) == signal.SIG_DFL
        assert signal.set_wakeup_fd(former_pipe) == pipe[1].fileno()
    finally:
        signal.set_wakeup_fd(former_pipe)
        signal.signal(signal.SIGUSR1, former_handler)


def test_only_the_main_thread_has_signals() -> None:
    errors: list[BaseException] = []

    def run() -> None:
        with pytest.raises(ValueError, match="main thread") as raised:
            Signals(NUMBERS)
        errors.append(raised.value)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert errors


# ---- Children ----


def test_a_child_s_status_is_what_its_function_returns() -> None:
    assert status_of(lambda: 0) == 0
    assert status_of(lambda: 7) == 7


def test_a_child_s_exception_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise RuntimeError("in the child")

    assert status_of(fail) == 1
    assert "RuntimeError: in the child" in capfd.readouterr().err
    assert status_of(lambda: 0, fail) == 1


@pytest.mark.parametrize(
    ("code", "status", "printed"),
    [(None, 0, ""), (3, 3, ""), (True, 1, ""), (-1, 255, ""), ("no socket", 1, "no socket\n")],
)
def test_a_child_that_exits_has_the_status_that_it_would_have_elsewhere(
    code: object, status: int, printed: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert status_of(lambda: sys.exit(code)) == status  # type: ignore[arg-type]
    assert capfd.readouterr().err == printed


def test_what_the_parent_has_gathered_is_written_once(capfd: pytest.CaptureFixture[str]) -> None:
    with os.fdopen(os.dup(1), "w") as buffered:
        former, sys.stdout = sys.stdout, buffered
        try:
            print("from the parent")
            assert status_of(lambda: print("from the child") or 0) == 0
        finally:
            sys.stdout = former
    assert capfd.readouterr().out == "from the parent\nfrom the child\n"


def test_a_signal_that_comes_early_is_the_child_s(signals: Signals) -> None:
    """The parent's pipe is the child's, too, until the child has another one."""
    own: list[Signals] = []

    def prepare() -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        signals.close()
        own.append(Signals(NUMBERS))

    def main() -> int:
        assert wait_for_one(own[0].fileno(), READABLE, PATIENCE)
        assert own[0].take() == {signal.SIGUSR1: 1}
        assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])
        return 0

    assert status_of(main, prepare) == 0
    assert not signals.take()
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_child_that_runs_has_no_status_and_one_that_is_killed_has_the_signal(
    pipe: tuple[PipeEnd, PipeEnd],
) -> None:
    reader, _ = pipe
    pid = fork(lambda: None, lambda: wait_for_one(reader.fileno(), READABLE, None))
    assert reap(pid) is None
    kill(pid)
    assert reap(pid, wait=True) == -signal.SIGKILL
    assert reap(pid) == 0  # nobody knows any more
    kill(2**22 + 1)  # no process has that number
