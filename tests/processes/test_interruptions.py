"""Signal handlers that raise while a program is being started or run: nothing is left of it."""

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator

import pytest
from processes.helpers import descriptors
from support.leaks import child_processes
from support.signal_points import collect_what_was_lost, struck_at
from support.timing import PATIENCE

from trunkline import Process, create_process, run_program

SAMPLE = 25  # places of some thousand

# What strikes a method that Python calls when it throws something away is only printed.
pytestmark = [
    pytest.mark.filterwarnings("ignore:unclosed <Process:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


made: list[Process] = []


class Interruption(BaseException):
    """What a signal handler raises, like `KeyboardInterrupt`."""


@pytest.fixture(autouse=True)
def raising_handler() -> Iterator[None]:
    """Let SIGUSR1 raise."""

    def handle(number: int, frame: object) -> None:
        raise Interruption

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def strike() -> None:
    """Be a signal that has come: Python calls its handler before this returns."""
    signal.raise_signal(signal.SIGUSR1)


def interrupted_at(point: int, action: Callable[[], object]) -> bool:
    """Do something with a signal in the middle, and say whether that came, and what it left."""
    numbers, children = descriptors(), child_processes()
    try:
        was_struck = struck_at(point, action, strike)
    except Interruption:
        was_struck = True
    while made:  # it belongs to who has called; one that is forgotten goes on
        made.pop().close(abort=True)
    collect_what_was_lost()
    assert descriptors() == numbers, point
    assert child_processes() == children, point
    handler = signal.getsignal(signal.SIGUSR1)
    assert getattr(handler, "__name__", "") == "handle", point
    return was_struck


def start_and_close() -> None:
    """Start a program with all kinds of streams, and wait for its end."""
    made.append(create_process("true", stdin="pipe", stdout="pty", stderr="null"))
    made[0].close()


def run() -> None:
    """Run a program with input and outputs."""
    run_program("cat", input="x" * 1000, timeout=PATIENCE)


ACTIONS = pytest.mark.parametrize("action", [start_and_close, run])


def count_places(action: Callable[[], object]) -> int:
    """Return how many places a signal can strike at."""
    action()  # what is imported and remembered
    lowest, highest = 0, 64
    while interrupted_at(highest, action):
        lowest, highest = highest, 2 * highest
    while highest - lowest > 16:
        middle = (lowest + highest) // 2
        if interrupted_at(middle, action):
            lowest = middle
        else:
            highest = middle
    return highest


@ACTIONS
@pytest.mark.slow
def test_a_signal_at_some_place_leaves_nothing(action: Callable[[], object]) -> None:
    count = count_places(action)
    assert count > 200
    for point in random.sample(range(count), SAMPLE):
        interrupted_at(point, action)


@ACTIONS
@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_a_signal_at_any_place_leaves_nothing(action: Callable[[], object]) -> None:
    action()
    point = 0
    while interrupted_at(point, action):
        point += 1


def test_a_signal_while_it_starts_is_handled_when_it_has_and_ends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import subprocess

    started: list[int] = []
    popen = subprocess.Popen

    def start(*args: object, **options: object) -> object:
        made = popen(*args, **options)  # type: ignore[call-overload]
        started.append(made.pid)
        strike()
        return made

    monkeypatch.setattr(subprocess, "Popen", start)
    with pytest.raises(Interruption):
        create_process(["sleep", "1000"])
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


def test_a_handler_that_does_not_raise_is_called_once() -> None:
    called: list[int] = []
    signal.signal(signal.SIGUSR1, lambda number, frame: called.append(number))
    try:
        assert struck_at(300, lambda: create_process("true").close(), strike)
        assert called == [signal.SIGUSR1]
    finally:
        signal.signal(signal.SIGUSR1, signal.SIG_DFL)


def test_other_threads_start_programs_without_touching_handlers() -> None:
    handlers: list[object] = []

    def start() -> None:
        create_process("true").close()
        handlers.append(signal.getsignal(signal.SIGUSR1))

    before = signal.getsignal(signal.SIGUSR1)
    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert handlers == [before]
