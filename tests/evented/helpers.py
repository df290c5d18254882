"""What the tests of the callback shell have in common."""

import os
import threading
from collections.abc import Callable
from typing import Protocol

from support.timing import PATIENCE

from trunkline import IPAddress, Resolution, ensure_address
from trunkline.evented import Event, EventLoop, Handle, HandleFreed

UNDER_FAULTS = "TRUNKLINE_FAULTS" in os.environ

STEP = 1 / 64  # seconds that pass in an iteration of a simulated loop


class Start(Protocol):
    """Starts a loop with keyword arguments of its own, and returns it when it has ended."""

    def __call__(self, main: Callable[[], object], **options: object) -> EventLoop: ...


class Failure(Exception):
    """What callbacks raise that are to fail."""


def fail(*_: object) -> None:
    """Raise `Failure`."""
    raise Failure


def unwanted(*args: object) -> None:
    """Be called where nothing should be."""
    raise AssertionError(f"called with {args}")


def in_turn(*functions: Callable[..., object]) -> Callable[..., None]:
    """Return a callback that calls one function after the other with what it is called with."""

    def call_all(*args: object) -> None:
        for function in functions:
            function(*args)

    return call_all


class Noting(list[Event]):
    """An `event_cb` that keeps what it is told.

    Args:
        then: Called without arguments after each event.
    """

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self._then = then

    def __call__(self, event: Event) -> None:
        self.append(event)
        self._then()


class Box(Handle):
    """A handle of the tests' own, which notes that it was closed."""

    _kind = "box"

    def __init__(self, note: Callable[[], object] = lambda: None, *, adopt: bool = True) -> None:
        super().__init__(None, None)
        self._note = note
        self.is_open = True
        if adopt:
            self.loop._adopt(self)

    def _close_handle(self) -> None:
        self.is_open = False
        self._note()

    def close(self) -> None:
        self._close_handle()
        self.loop._release(self)

    def _check_open(self, operation: str) -> None:
        if not self.is_open:
            raise HandleFreed("the box is closed")


class ScriptedResolver:
    """A resolver that knows a few names, and answers when it is let.

    Attributes:
        asked: What it was asked for, in order.
        most_at_once: How many questions were open at the same time, at most.
        gate: It answers while this is set, which it is at first.
        begun: Released once for each question, when it has been asked.

    Args:
        answers: The address of each name, or the error.
    """

    def __init__(self, answers: dict[str, str | Exception]) -> None:
        self.asked: list[str] = []
        self.most_at_once = 0
        self.gate = threading.Event()
        self.gate.set()
        self.begun = threading.Semaphore(0)
        self._answers = answers
        self._open = 0
        self._lock = threading.Lock()

    def resolve(
        self, host: str, *, family: str = "internet", timeout: float | None = None
    ) -> Resolution:
        """Answer with the address from the script."""
        return Resolution((ensure_address(self._answer(host)),), host.upper())

    def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
        """Answer with the text from the script."""
        return self._answer(str(address))

    def _answer(self, question: str) -> str:
        with self._lock:
            self.asked.append(question)
            self._open += 1
            self.most_at_once = max(self.most_at_once, self._open)
        self.begun.release()
        assert self.gate.wait(PATIENCE)
        with self._lock:
            self._open -= 1
        answer = self._answers[question]
        if isinstance(answer, Exception):
            raise answer
        return answer
