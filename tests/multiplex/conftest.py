"""One event base after the other: the tests here run on all backends that the machine has.

`TRUNKLINE_TEST_BACKENDS` names those that are wanted, see `each_backend`.
"""

import threading
from collections.abc import Iterator

import pytest
from multiplex.helpers import KINDS, Channel, open_channel
from support.backends import each_backend

from trunkline import EventBase
from trunkline._sys.waker import Waker
from trunkline.testing.clock import ManualClock


@pytest.fixture(params=each_backend())
def backend(request: pytest.FixtureRequest) -> str:
    """The name of a backend."""
    name: str = request.param
    return name


@pytest.fixture
def base(backend: str) -> Iterator[EventBase]:
    """An event base on that backend."""
    with EventBase(backend=backend) as base:
        yield base


@pytest.fixture
def clock() -> ManualClock:
    """The clock of `timed_base`; it does not begin at a round number, as real ones do not."""
    return ManualClock(1234.567)


@pytest.fixture
def timed_base(backend: str, clock: ManualClock) -> Iterator[EventBase]:
    """An event base on that backend, whose clock is `clock`."""
    with EventBase(backend=backend, clock=clock) as base:
        yield base


@pytest.fixture(params=KINDS)
def channel(request: pytest.FixtureRequest) -> Iterator[Channel]:
    """A channel of each kind."""
    with open_channel(request.param) as channel:
        yield channel


@pytest.fixture
def pair() -> Iterator[Channel]:
    """A pair of sockets, where the kind does not matter."""
    with open_channel() as channel:
        yield channel


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Is set when somebody is about to wait without an event base, and can be woken."""
    about_to_wait = threading.Event()
    wake_on_signals = Waker.wake_on_signals

    def wake(waker: Waker) -> None:
        wake_on_signals(waker)
        about_to_wait.set()

    monkeypatch.setattr(Waker, "wake_on_signals", wake)
    return about_to_wait
