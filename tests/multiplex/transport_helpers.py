"""What the tests of the transport have in common: a protocol that notes, and connections for it.

One end of each connection is a transport, the other one a plain blocking socket of the standard
library, so that nothing in a test depends on the code under test twice.

The tests run under the fault injector, too: then a receive or a send may be short or in vain, and a
wait may be interrupted. So they dispatch until something has come about, or until nothing happens
any more, and not a number of times.
"""

import contextlib
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from multiplex.helpers import UNDER_FAULTS
from multiplex.noting import NotingProtocol
from support.peers import socket_pair
from support.timing import PATIENCE

from trunkline import EventBase
from trunkline._sys.socket_descriptor import SocketDescriptor
from trunkline.multiplex.transport import Transport

FAMILIES = {"tcp": socket.AF_INET, "local": socket.AF_UNIX}
both_families = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)

CALLBACKS = (
    "connection_made",
    "tls_started",
    "data_received",
    "text_received",
    "line_received",
    "block_received",
    "frame_received",
    "get_buffer",
    "buffer_updated",
    "input_failed",
    "eof_received",
    "pause_writing",
    "resume_writing",
    "timed_out",
    "stop_requested",
    "connection_lost",
)


class Failure(Exception):
    """What callbacks raise that are to fail."""


class Recorder(NotingProtocol):
    """The same for a transport; of each call, the last argument is noted, and there is no other.

    Args:
        keep_open: What `eof_received` returns.
        **then: As for `NotingProtocol`.
    """

    CALLBACKS = CALLBACKS
    transport: Transport

    def __init__(self, keep_open: bool = False, **then: Callable[..., Any]) -> None:
        super().__init__(**then)
        self.keep_open = keep_open
        self.buffer = bytearray(64)

    def _noted(self, name: str, args: tuple[Any, ...]) -> Any:
        if name == "connection_made":
            self.transport = args[0]
        argument = args[-1] if args else None
        return bytes(self.buffer[:argument]) if name == "buffer_updated" else argument

    def _returned(self, name: str, result: Any) -> Any:
        if name == "get_buffer" and result is None:
            return self.buffer
        return self.keep_open if name == "eof_received" and result is None else result

    def got(self, name: str) -> list[Any]:
        """The arguments of all calls of one callback."""
        return [argument for called, argument in self.calls if called == name]

    @property
    def lines(self) -> list[str]:
        """The lines that were delivered."""
        return self.got("line_received")

    @property
    def data(self) -> bytes:
        """The bytes that were delivered, in whichever form that has bytes."""
        return b"".join(self.got("data_received") + self.got("buffer_updated"))

    @property
    def everything(self) -> bytes:
        """All that was delivered, in whatever forms, one after the other."""
        parts = []
        for name, argument in self.calls:
            if name in ("data_received", "buffer_updated"):
                parts.append(argument)
            elif name in ("text_received", "line_received"):
                parts.append((argument + "\n" * (name == "line_received")).encode())
        return b"".join(parts)

    @property
    def loss(self) -> Any:
        """What the one `connection_lost` was called with."""
        return self.last


def then(name: str, call: Callable[..., Any]) -> Any:
    """Return the keyword for `Recorder` that has a callback do something."""
    return {name: call}


class CountingDescriptor(SocketDescriptor):
    """A descriptor that notes each send, and has only so much room if that is set.

    Attributes:
        sent: What each send has taken.
        pieces: What was to be sent in one piece. The sends that only go on with the rest of one are
            not counted again.
        rest: What the last send has left.
        room: How many bytes there is room for; None for as many as the system takes. As long as it
            is set, the test says how much a send takes, and no injected fault does.
    """

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.sent: list[bytes] = []
        self.pieces: list[bytes] = []
        self.rest = b""
        self.room: int | None = None

    @property
    def bare_send(self) -> Callable[[Any, int], int]:
        return self.send

    def send(self, data: Any, flags: int = 0) -> int:
        whole = bytes(data)
        if whole != self.rest:
            self.pieces.append(whole)
        self.rest = whole
        if self.room is None:
            count = self._socket.send(whole, flags)
        else:
            count = self._send_all(whole[: self.room], flags)
            self.room -= count
        self.rest = whole[count:]
        self.sent.append(whole[:count])
        return count

    def _send_all(self, data: bytes, flags: int) -> int:
        """Send what there is room for, though an injected fault may take several sends for it."""
        if not data:
            raise BlockingIOError
        rest = data
        while rest:
            with contextlib.suppress(BlockingIOError):
                rest = rest[self._socket.send(rest, flags) :]
        return len(data)


@contextlib.contextmanager
def connected(
    base: EventBase,
    protocol: Any,
    family: socket.AddressFamily = socket.AF_UNIX,
    *,
    unread: bytes = b"",
    attach: bool = True,
    **options: Any,
) -> Iterator[tuple[Transport, socket.socket]]:
    """Yield a transport, and the plain socket at the other end of its connection.

    At the end both are closed, whatever has become of them.
    """
    with socket_pair(family) as (near, peer):
        transport = Transport(base, protocol, **options)
        descriptor = CountingDescriptor(near)
        try:
            if attach:
                transport._attach(descriptor, descriptor.remote_name(), unread=unread)
            yield transport, peer
        finally:
            transport.abort()
            descriptor.close()
            if not base.closed:
                settle(base)


def counting(transport: Transport) -> CountingDescriptor:
    """Return the descriptor of a transport that `connected` has made."""
    assert isinstance(transport.descriptor, CountingDescriptor)
    return transport.descriptor


def run_until(base: EventBase, is_done: Callable[[], object], what: str = "it") -> None:
    """Dispatch until something has come about."""
    deadline = time.monotonic() + PATIENCE
    while not is_done():
        assert time.monotonic() < deadline, f"{what} has not happened"
        base.dispatch(timeout=0)


def settle(base: EventBase) -> None:
    """Dispatch until nothing happens any more.

    The fault injector may have an event base look in vain, up to three times in a row. If a
    descriptor is always ready, as one without room is for writing, this ends at some time.
    """
    in_vain = 0
    for number in range(50):
        before = base.statistics().callbacks
        base.dispatch(timeout=0)
        in_vain = in_vain + 1 if base.statistics().callbacks == before else 0
        if in_vain > 3 and number > 6:
            return


def wait_for_input(transport: Transport) -> None:
    """Wait until what the peer has sent, or its end, has arrived."""
    poll = select.poll()
    poll.register(transport.fileno(), select.POLLIN)
    deadline = time.monotonic() + PATIENCE
    while not poll.poll(100):
        assert time.monotonic() < deadline, "nothing has arrived"


def receive_while(base: EventBase, peer: socket.socket, size: int | None = None) -> bytes:
    """Receive so many bytes, or up to the end, while the event base is dispatching."""
    received = bytearray()
    peer.setblocking(False)
    deadline = time.monotonic() + PATIENCE
    while size is None or len(received) < size:
        assert time.monotonic() < deadline, f"only {len(received)} bytes came"
        base.dispatch(timeout=0)
        with contextlib.suppress(BlockingIOError):
            data = peer.recv(65536)
            if not data:
                break
            received += data
    peer.settimeout(PATIENCE)
    return bytes(received)


def failures_of(base: EventBase) -> list[tuple[Exception, Any]]:
    """Return a list to which all goes that has no other place to go to."""
    failures: list[tuple[Exception, Any]] = []
    base.exception_handler = lambda error, where: failures.append((error, where))
    return failures


def fill(transport: Transport, size: int = 1_000_000) -> bytes:
    """Write more than the system takes, and return that."""
    counting(transport).set_option(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)
    data = bytes(range(256)) * (size // 256)
    transport.write(data)
    assert transport.buffered_output > 0
    return data


def assert_sent(transport: Transport, *pieces: bytes) -> None:
    """Check that these were sent, each in one send, and that nothing else is queued.

    Under faults a send may take less than it is given; then the rest of it is queued.
    """
    descriptor = counting(transport)
    assert descriptor.pieces == list(pieces)
    assert transport.buffered_output == len(descriptor.rest)
    if not UNDER_FAULTS:
        assert descriptor.sent == list(pieces)
