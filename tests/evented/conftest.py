"""Loops on one backend after the other, in real time or in a time that only passes with the loop.

`TRUNKLINE_TEST_BACKENDS` names those that are wanted, see `wanted_backends`.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from evented.helpers import STEP, Start
from evented.socket_helpers import KINDS, Place
from support.backends import each_backend

from trunkline.evented import EventLoop, current_event_loop, idle, start_event_loop
from trunkline.testing.clock import ManualClock


@pytest.fixture(params=each_backend())
def backend(request: pytest.FixtureRequest) -> str:
    """The name of a backend."""
    name: str = request.param
    return name


@pytest.fixture
def clock() -> ManualClock:
    """The clock of `start_simulated`; it does not begin at a round number, as real ones do not."""
    return ManualClock(1234.567)


@pytest.fixture
def start(backend: str) -> Start:
    """`start_event_loop`, on that backend; it returns the loop, which has ended."""

    def run(main: Callable[[], object], **options: object) -> EventLoop:
        loops: list[EventLoop] = []

        def begin() -> None:
            loops.append(current_event_loop())
            main()

        start_event_loop(begin, backend=backend, **options)  # type: ignore[arg-type]
        return loops[0]

    return run


@pytest.fixture
def start_simulated(start: Start, clock: ManualClock) -> Start:
    """The same by `clock`, on which `STEP` seconds pass in each iteration, and at no other time."""

    def run(main: Callable[[], object], **options: object) -> EventLoop:
        def begin() -> None:
            idle(lambda: clock.advance(STEP)).unref()
            main()

        return start(begin, clock=clock, **options)

    return run


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Somewhere to listen and to connect to: by TCP, and at a local address."""
    return Place(request.param, tmp_path)


@pytest.fixture
def tcp_place(tmp_path: Path) -> Place:
    """Somewhere to listen and to connect to, by TCP only."""
    return Place("tcp", tmp_path)
