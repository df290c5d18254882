"""What the tests of the event base have in common: channels of all kinds, and handlers that note.

The descriptors are the system's own and blocking, unless a test says otherwise, so that nothing in
a test depends on the sockets of Trunkline. What is left open is closed at the end of the block.
"""

import contextlib
import os
import select
import socket
import time
import tty
from collections.abc import Callable, Iterator

import pytest
from support.peers import socket_pair
from support.timing import MS, PATIENCE

from trunkline import Cause, EventBase
from trunkline.multiplex.handlers import Event

UNDER_FAULTS = "TRUNKLINE_FAULTS" in os.environ

# The fault injector may interrupt a wait of no time, which has none left to go on.
looks_once = pytest.mark.skipif(UNDER_FAULTS, reason="an interrupted look sees nothing")

KINDS = ("socket pair", "tcp", "pipe", "terminal", "other side of a terminal")

Called = tuple[int, Event, Cause | None]


class Channel:
    """Two descriptors: what is written to one can be read from the other.

    Attributes:
        kind: One of `KINDS`.
        reader: The number of the one to read from, or -1 once it is closed.
        writer: The number of the one to write to.
    """

    def __init__(self, kind: str, reader: int, writer: int) -> None:
        self.kind = kind
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes = b"x") -> None:
        """Write all data, and wait until it has arrived."""
        while data:
            data = data[os.write(self.writer, data) :]
        if self.reader >= 0:
            wait_for(self.reader, select.POLLIN, PATIENCE)

    def receive(self) -> bytes:
        """Read what is there, perhaps not all of it, or wait for something."""
        return os.read(self.reader, 65536)

    def receive_exactly(self, size: int) -> bytes:
        """Read so many bytes, however they are cut."""
        data = b""
        while len(data) < size:
            data += os.read(self.reader, size - len(data))
        return data

    def fill(self) -> None:
        """Write until no more fits."""
        was_blocking = os.get_blocking(self.writer)
        os.set_blocking(self.writer, False)
        while self._has_room():
            with contextlib.suppress(BlockingIOError):
                os.write(self.writer, bytes(65536))
        os.set_blocking(self.writer, was_blocking)

    def _has_room(self) -> bool:
        """Say whether there is room, or soon will be."""
        return wait_for(self.writer, select.POLLOUT, self._delay)

    @property
    def _delay(self) -> float:
        """How long it may take until what was written has moved along, and been acknowledged.

        It is the kernel's work, some of it that of a thread that has to wait for its turn.
        """
        return 0 if self.kind in ("socket pair", "pipe") else 100 * MS

    def drain(self) -> None:
        """Read until nothing is left."""
        while wait_for(self.reader, select.POLLIN, self._delay):
            os.read(self.reader, 1 << 20)

    def close_reader(self) -> None:
        """Close the end that reads, if it is open."""
        if self.reader >= 0:
            self.reader, number = -1, self.reader
            os.close(number)

    def close_writer(self) -> None:
        """Close the end that writes, if it is open."""
        if self.writer >= 0:
            self.writer, number = -1, self.writer
            os.close(number)


def wait_for(number: int, events: int, timeout: float) -> bool:
    """Ask poll(2) about one descriptor; an interrupted look is made again."""
    poll = select.poll()
    poll.register(number, events)
    return any(poll.poll(timeout * 1000) for _ in range(1 if timeout else 4))


@contextlib.contextmanager
def open_channel(kind: str = "socket pair") -> Iterator[Channel]:
    """Yield a channel of one of the `KINDS`."""
    channel = Channel(kind, *_open(kind))
    try:
        yield channel
    finally:
        channel.close_reader()
        channel.close_writer()


def _open(kind: str) -> tuple[int, int]:
    if kind == "pipe":
        return os.pipe()
    if "terminal" in kind:
        master, slave = os.openpty()
        tty.setraw(slave)
        return (master, slave) if kind == "terminal" else (slave, master)
    with socket_pair(socket.AF_INET if kind == "tcp" else socket.AF_UNIX) as sockets:
        for each in sockets:
            each.settimeout(None)
            # Buffers that do not grow by themselves: what is full stays full.
            each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
        return sockets[0].detach(), sockets[1].detach()


class Noting:
    """A handler that notes how it is called, and then does what the test wants.

    Args:
        then: Called without arguments after each note.
    """

    def __init__(self, then: Callable[[], object] = lambda: None) -> None:
        self.calls: list[Called] = []
        self.then = then

    def __call__(self, number: int, event: Event, cause: Cause | None) -> None:
        self.calls.append((number, event, cause))
        self.then()

    @property
    def causes(self) -> list[Cause | None]:
        """The causes of the calls."""
        return [cause for _, _, cause in self.calls]


class Failure(Exception):
    """What handlers raise that are to fail."""


def fail() -> None:
    """Raise `Failure`."""
    raise Failure


def one_round(base: EventBase) -> None:
    """Make the iteration in which all that is ready is called; something is."""
    base.dispatch(one_shot=True, timeout=PATIENCE)


@contextlib.contextmanager
def at_once() -> Iterator[None]:
    """Check that the block takes much less time than anything in it might wait."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start < PATIENCE / 2


@contextlib.contextmanager
def quiet(base: EventBase, iterations: int = 4) -> Iterator[None]:
    """Check that the event base hardly ever wakes up in the block.

    The fault injector may have what woke it up read in vain, up to three times in a row.
    """
    before = base.statistics().iterations
    yield
    made = base.statistics().iterations - before
    assert made <= iterations * (4 if UNDER_FAULTS else 1), f"{made} iterations"


def dispatch_quietly(base: EventBase, iterations: int = 4) -> None:
    """Dispatch for a while, and check that the event base hardly ever wakes up meanwhile."""
    with quiet(base, iterations):
        base.dispatch(timeout=15 * MS)
