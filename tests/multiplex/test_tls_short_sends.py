"""What becomes of TLS where the system takes only some of what is sent, or nothing for a while."""

import contextlib
import errno
import ssl
from collections.abc import Callable
from typing import Any

import pytest
from multiplex.tls_helpers import ROLES, VERSIONS, beginning, speaking
from multiplex.transport_helpers import Recorder, run_until, settle
from support.backends import wanted_backends
from support.certificates import Certificates

from trunkline import BrokenPipe, EventBase, TimedOut, TLSError, TLSMismatch, Transport
from trunkline._sys.socket_descriptor import SocketDescriptor
from trunkline.sockets.active_socket import LINGER_TIMEOUT
from trunkline.testing.clock import ManualClock
from trunkline.tls.machine import MOST_PLAINTEXT

pytestmark = pytest.mark.exact_io("the faults are those of the tests")


@pytest.fixture
def backend() -> str:
    """The best one: for what is tested here, it does not matter which."""
    return wanted_backends()[0]


class Room:
    """How much of each send the system takes.

    Attributes:
        next: How many bytes of the next ones, one after the other; 0 is that it would block.
        then: How many of those behind them; None is all.
        error: What is wrong with all of them.
    """

    def __init__(self) -> None:
        self.next: list[int] = []
        self.then: int | None = None
        self.error: OSError | None = None

    def limiting(self, send: Callable[[Any, int], int]) -> Callable[[Any, int], int]:
        def send_some(data: Any, flags: int) -> int:
            if self.error is not None:
                raise self.error
            most = self.next.pop(0) if self.next else self.then
            if most == 0:
                raise BlockingIOError
            return send(data if most is None else data[:most], flags)

        return send_some


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    """What transports that are made from now on find."""
    room = Room()
    bare_send: Any = vars(SocketDescriptor)["bare_send"]
    limited = property(lambda descriptor: room.limiting(bare_send.fget(descriptor)))
    monkeypatch.setattr(SocketDescriptor, "bare_send", limited)
    return room


def test_an_alert_leaves_in_pieces_when_a_handshake_has_failed(
    base: EventBase, certificates: Certificates, room: Room
) -> None:
    protocol = Recorder()
    tls = certificates.server.tls(minimum_version="1.3")
    with beginning(base, protocol, certificates, version="1.2", tls=tls) as (_, peer):
        room.next = [3, 0, 1, 0]
        with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
            peer.shake_hands()
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TLSMismatch)
        assert not room.next


def test_so_it_does_when_a_record_was_changed(
    base: EventBase, certificates: Certificates, room: Room
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates) as (_, peer):
        settle(base)
        room.next = [3, 0, 1, 0]
        peer.object.write(b"something")
        record = bytearray(peer.outgoing.read())
        record[-1] ^= 1
        peer.send_plainly(bytes(record) + b"more")
        peer.until(lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TLSError)
        with pytest.raises(ssl.SSLError, match="BAD_RECORD_MAC"):
            peer.until(peer.read)
        assert not room.next


def test_nobody_waits_for_long_for_who_does_not_take_the_alert(
    certificates: Certificates, clock: ManualClock, backend: str, room: Room
) -> None:
    with EventBase(backend=backend, clock=clock) as base:
        protocol = Recorder()
        tls = certificates.server.tls(minimum_version="1.3")
        with beginning(base, protocol, certificates, version="1.2", tls=tls) as (_, peer):
            room.then = 0
            with contextlib.suppress(ssl.SSLWantReadError):
                peer.object.do_handshake()
            peer.until(lambda: protocol.is_lost)
            assert not peer.is_cut
            clock.advance(LINGER_TIMEOUT)
            peer.until(lambda: peer.is_cut)


@pytest.mark.parametrize("role", ROLES)
def test_a_handshake_goes_on_though_output_is_held(
    base: EventBase, certificates: Certificates, role: str, room: Room
) -> None:
    protocol = Recorder()
    with beginning(base, protocol, certificates, role) as (transport, peer):
        room.next = [1, 0] * 1000
        transport.hold_output()
        transport.write(b"held")
        peer.shake_hands()
        peer.write(b"now")
        peer.until(lambda: protocol.data == b"now")
        assert peer.read() == b""
        transport.release_output()
        assert peer.read_exactly(4) == b"held"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("version", VERSIONS)
def test_what_left_while_reading_is_not_sent_again(
    base: EventBase, certificates: Certificates, role: str, version: str, room: Room
) -> None:
    """Reading sends what is stuck as well, and then there may be room for that and no more."""
    much = bytes(range(256)) * 1_000
    protocol = Recorder()
    with speaking(base, protocol, certificates, role, version) as (transport, peer):
        room.then = 0
        transport.write(much)
        room.next = [len(much)]  # one piece, which is shorter
        peer.write(b"something")
        peer.until(lambda: protocol.data == b"something")
        settle(base)
        room.then = None
        transport.write(b"the end")
        transport.write_eof()
        assert peer.read_to_end() == much + b"the end"


def fill(transport: Transport) -> None:
    """Have as much wait to be sent as nothing is read with, as by what a peer makes TLS answer."""
    layer: Any = transport._layer
    layer.flush()
    while not layer.machine.is_stuck:
        layer.machine.write(bytes(MOST_PLAINTEXT))
        layer.flush()


@pytest.mark.parametrize("delivery", ["bytes", "buffer"])
@pytest.mark.parametrize("is_waited_for", [False, True])
def test_what_the_peer_will_never_take_does_not_keep_from_reading(
    base: EventBase, certificates: Certificates, delivery: Any, is_waited_for: bool, room: Room
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates, delivery=delivery) as (transport, peer):
        room.then = 0
        fill(transport)
        if is_waited_for:
            peer.write(b"one")
            settle(base)
            assert protocol.data == b""
        room.error = BrokenPipeError(errno.EPIPE, "it takes no more")
        peer.write(b"two")
        peer.until(lambda: protocol.data.endswith(b"two"))
        transport.write(b"for whom?")
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, BrokenPipe)


@pytest.mark.parametrize("delivery", ["bytes", "buffer"])
def test_what_was_not_read_for_want_of_room_is_read_when_there_is_some(
    base: EventBase, certificates: Certificates, delivery: Any, room: Room
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates, delivery=delivery) as (transport, peer):
        room.then = 0
        fill(transport)
        room.then = None
        peer.write(b"something")
        peer.until(lambda: protocol.data == b"something")


@pytest.mark.parametrize("is_held_first", [False, True])
def test_what_tls_has_to_say_is_not_held(
    base: EventBase, certificates: Certificates, is_held_first: bool, room: Room
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates) as (transport, peer):
        if is_held_first:
            transport.hold_output()
        room.then = 0
        fill(transport)
        peer.write(b"something")
        settle(base)
        assert protocol.data == b""
        transport.hold_output()
        transport.write(b"held")
        room.then = None
        peer.until(lambda: protocol.data == b"something")
        settle(base)
        assert not peer.read().endswith(b"held")
        transport.release_output()
        peer.until(lambda: peer.read().endswith(b"held"))


def test_it_has_no_limit_of_time_while_output_is_held(
    certificates: Certificates, clock: ManualClock, backend: str, room: Room
) -> None:
    with EventBase(backend=backend, clock=clock) as base:
        protocol = Recorder()
        with speaking(base, protocol, certificates, write_timeout=5) as (transport, peer):
            transport.hold_output()
            room.then = 0
            fill(transport)
            peer.write(b"something")
            settle(base)
            for _ in range(3):
                clock.advance(4)
                settle(base)
            transport.write(b"held")
            transport.release_output()
            clock.advance(4)
            settle(base)
            assert protocol.names == ["connection_made"]
            clock.advance(2)
            peer.until(lambda: protocol.is_lost)
            assert isinstance(protocol.loss, TimedOut)
