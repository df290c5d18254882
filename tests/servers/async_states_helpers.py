"""What the tests of asynchronous states have in common."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.peers import has_ipv6, receive_exactly
from support.timing import MS, PATIENCE

from trunkline import (
    AsyncIOState,
    EventBase,
    create_async_io_state,
    make_socket,
)
from trunkline.testing.clock import ManualClock

HOST = "127.0.0.1"
needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")


class Answers:
    """Callbacks that keep what they are called with, and then do what they are told to."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, Exception | None]] = []

    def read(self, state: AsyncIOState, taken: Any, error: Exception | None) -> None:
        """Keep the answer to a request to read."""
        self.all.append((taken, error))

    def write(self, state: AsyncIOState, error: Exception | None) -> None:
        """Keep the answer to a request to write."""
        self.all.append(("written", error))

    def error(self) -> Exception:
        """Return the error of the only answer, and forget it."""
        ((_, error),) = self.all
        assert error is not None
        self.all.clear()
        return error


def run_until(event_base: EventBase, condition: Callable[[], object]) -> None:
    """Dispatch until something is true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it has not come true"
        event_base.dispatch(one_shot=True, timeout=10 * MS)


def settle(event_base: EventBase) -> None:
    """Dispatch what is there to be done."""
    for _ in range(5):
        event_base.dispatch(one_shot=True, timeout=0)


@contextlib.contextmanager
def raising_base(clock: ManualClock | None = None) -> Iterator[EventBase]:
    """Yield an event base; what goes to its exception handler fails the test."""
    options: dict[str, Any] = {} if clock is None else {"clock": clock}
    failures: list[BaseException] = []
    with EventBase(**options) as event_base:
        event_base.exception_handler = lambda error, source: failures.append(error)
        yield event_base
    assert not failures


@contextlib.contextmanager
def state_and_peer(
    event_base: EventBase, **options: Any
) -> Iterator[tuple[AsyncIOState, socket.socket]]:
    """Yield a state, and the other end of its connection."""
    with socket.create_server((HOST, 0)) as listener:
        active = make_socket(remote_host=HOST, remote_port=listener.getsockname()[1])
        peer, _ = listener.accept()
    with peer:
        peer.settimeout(PATIENCE)
        state = create_async_io_state(event_base, active, **options)
        yield state, peer
        state.close(abort=True)
        settle(event_base)


def receives(peer: socket.socket, expected: bytes) -> bool:
    """Receive as many bytes as are expected, and say whether they are the expected ones."""
    return receive_exactly(peer, len(expected)) == expected
