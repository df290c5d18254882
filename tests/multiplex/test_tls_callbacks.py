"""What a protocol does in its callbacks where the connection speaks TLS: as it begins, and later.

What has come behind the handshake is there when the connection is, and several records may have
been decrypted at once. Whatever a callback does, or raises, each byte is delivered once.
"""

import contextlib
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from multiplex.tls_helpers import ROLES, Peer, beginning, speaking
from multiplex.transport_helpers import Recorder, settle
from support.certificates import Certificates

from trunkline import EventBase, Transport
from trunkline._sys.socket_descriptor import SocketDescriptor

DELIVERIES = ["bytes", "text", "lines", "buffer"]
INTERRUPTED = (
    "connection_made",
    "data_received",
    "text_received",
    "line_received",
    "buffer_updated",
)


@contextlib.contextmanager
def about_to_begin(
    base: EventBase, protocol: Recorder, certificates: Certificates, behind: bytes, **options: Any
) -> Iterator[tuple[Transport, Peer]]:
    """Yield a server's transport, and its client when it is about to end the handshake.

    Args:
        behind: What it says behind that.
    """
    with beginning(base, protocol, certificates, **options) as (transport, peer):
        peer.shake_hands()
        for start in range(0, len(behind), 2):
            peer.object.write(behind[start : start + 2])  # a record for each
        yield transport, peer


def echoing() -> Recorder:
    """Return a protocol that sends back what it gets."""
    protocol = Recorder(data_received=lambda data: protocol.transport.write(data))
    return protocol


@pytest.mark.exact_io("all comes in one piece")
def test_what_has_come_behind_the_handshake_is_answered_together_with_it(
    base: EventBase, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    bare_send: Any = vars(SocketDescriptor)["bare_send"]

    def counting(descriptor: SocketDescriptor) -> Callable[[Any, int], int]:
        def send(data: Any, flags: int) -> int:
            sent.append(len(data))
            return int(given(data, flags))

        given = bare_send.fget(descriptor)
        return send

    monkeypatch.setattr(SocketDescriptor, "bare_send", property(counting))
    with about_to_begin(base, echoing(), certificates, b"something") as (_, peer):
        sent.clear()
        peer.pump()
        peer.pump()
        assert peer.read() == b"something"
        assert len(sent) == 1


@pytest.mark.parametrize("role", ROLES)
def test_a_handshake_is_ended_though_nothing_is_written(
    base: EventBase, certificates: Certificates, role: str
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates, role) as (_, peer):
        peer.write(b"something")
        peer.until(lambda: protocol.data)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("role", ROLES)
def test_what_is_written_as_it_begins_follows_the_handshake(
    base: EventBase, certificates: Certificates, role: str, version: str
) -> None:
    protocol = Recorder(connection_made=lambda transport: transport.write(b"welcome"))
    with beginning(base, protocol, certificates, role, version) as (_, peer):
        peer.shake_hands()
        assert peer.read_exactly(7) == b"welcome"


def pause(transport: Transport) -> None:
    transport.pause_reading()


def close_held(transport: Transport) -> None:
    transport.hold_output()
    transport.write(b"x")
    transport.close()


@pytest.mark.parametrize("make_quiet", [pause, close_held])
def test_who_does_not_read_from_the_beginning_is_not_called(
    base: EventBase, certificates: Certificates, make_quiet: Callable[[Transport], None]
) -> None:
    protocol = Recorder(connection_made=make_quiet)
    with about_to_begin(base, protocol, certificates, b"something") as (transport, peer):
        peer.until(lambda: protocol.names)
        peer.write(b"more")
        settle(base)
        before = base.statistics().callbacks
        base.dispatch(timeout=0)
        assert base.statistics().callbacks == before
        assert protocol.names == ["connection_made"]
        if transport.is_connected:
            transport.resume_reading()
            peer.until(lambda: protocol.data == b"somethingmore")
        else:
            transport.release_output()
            assert peer.read_to_end() == b"x"


@pytest.mark.parametrize("way", ["close", "abort"])
def test_who_closes_as_it_begins_gets_nothing(
    base: EventBase, certificates: Certificates, way: str
) -> None:
    protocol = Recorder(connection_made=lambda transport: getattr(transport, way)())
    with about_to_begin(base, protocol, certificates, b"something") as (_, peer):
        peer.until(lambda: protocol.is_lost)
        assert protocol.names == ["connection_made", "connection_lost"]
        assert protocol.loss is None


@pytest.mark.parametrize("role", ROLES)
def test_a_handshake_may_be_over_while_output_is_held(
    base: EventBase, certificates: Certificates, role: str
) -> None:
    protocol = Recorder(data_received=lambda _: protocol.transport.release_output())
    with beginning(base, protocol, certificates, role) as (transport, peer):
        transport.hold_output()
        transport.write(b"held")
        peer.shake_hands()
        peer.write(b"now")
        assert peer.read_exactly(4) == b"held"
        assert protocol.data == b"now"


@pytest.mark.parametrize("delivery", DELIVERIES)
def test_ctrl_c_in_callbacks_loses_nothing_and_doubles_nothing(
    base: EventBase, certificates: Certificates, delivery: Any
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    protocol = Recorder()
    protocol.then = dict.fromkeys(INTERRUPTED, interrupt)
    protocol.buffer = bytearray(3)
    options = {"delivery": delivery}
    with about_to_begin(base, protocol, certificates, b"a\nb\nc\nd\n", **options) as (_, peer):
        for part in (b"e\nf\n", b"g\n"):
            peer.object.write(part)
        peer.unsent += peer.outgoing.read()
        peer.object.write(b"h\n")
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.object.unwrap()
        while not protocol.is_lost:
            with contextlib.suppress(KeyboardInterrupt):
                peer.until(lambda: protocol.is_lost)
        assert protocol.everything == b"a\nb\nc\nd\ne\nf\ng\nh\n"
        assert protocol.loss is None
        assert protocol.names.count("eof_received") == 1


def test_it_may_be_moved_to_another_protocol_as_it_begins(
    base: EventBase, certificates: Certificates
) -> None:
    heir = Recorder()
    protocol = Recorder(connection_made=lambda transport: transport.set_protocol(heir))
    with about_to_begin(base, protocol, certificates, b"something") as (_, peer):
        peer.until(lambda: heir.data == b"something")
        assert protocol.names == ["connection_made"]
