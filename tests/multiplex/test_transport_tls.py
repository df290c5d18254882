"""Transports that speak TLS: all that a transport promises holds, and what TLS adds to it."""

import contextlib
import errno
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from multiplex.tls_helpers import ROLES, VERSIONS, Peer, beginning, speaking, spoken
from multiplex.transport_helpers import Failure, Recorder, failures_of, run_until, settle
from support.backends import wanted_backends
from support.certificates import Certificates
from support.leaks import open_descriptors
from support.peers import receive_exactly
from support.timing import PATIENCE

from trunkline import (
    Blocks,
    ConnectionReset,
    EventBase,
    FileTransfer,
    Frames,
    Hangup,
    NotTLS,
    TimedOut,
    TLSCertificateError,
    TLSError,
    TLSMismatch,
    TLSTruncated,
    Transport,
    TransportProtocol,
)
from trunkline.testing.clock import ManualClock


@pytest.fixture
def backend() -> str:
    """The best one: for what is tested here, it does not matter which."""
    return wanted_backends()[0]


each_way = [
    pytest.mark.parametrize("role", ROLES),
    pytest.mark.parametrize("version", VERSIONS),
]


def both(test: Callable[..., None]) -> Callable[..., None]:
    """Run a test for both roles and versions."""
    for mark in each_way:
        test = mark(test)
    return test


# ---- What was agreed on ----


@both
def test_a_connection_tells_what_was_agreed_on(
    base: EventBase, certificates: Certificates, role: str, version: str
) -> None:
    protocol = Recorder()
    tls = spoken(certificates, role, alpn=["tea", "coffee"])
    context = (
        certificates.server_context(version)
        if role == "client"
        else certificates.client_context(version)
    )
    context.set_alpn_protocols(["coffee"])
    with beginning(base, protocol, certificates, role, version, tls=tls, context=context) as (
        transport,
        peer,
    ):
        assert (transport.is_connected, transport.speaks_tls) == (False, False)
        assert (transport.tls_version, transport.cipher, transport.alpn_protocol) == (None,) * 3
        assert transport.remote_certificate is None
        peer.shake_hands()
        peer.until(lambda: protocol.calls)
        assert protocol.names == ["connection_made"]
        assert transport.is_connected
        assert transport.speaks_tls
        assert transport.tls_version == f"TLSv{version}" == peer.object.version()
        cipher = peer.object.cipher()
        assert cipher is not None
        assert (transport.cipher, transport.alpn_protocol) == (cipher[0], "coffee")
        assert (transport.remote_certificate is None) == (role == "server")
        assert transport.remote_certificate != b""
        assert not transport.session_reused


def test_without_tls_there_is_nothing_to_tell(base: EventBase) -> None:
    transport = Transport(base, TransportProtocol())
    assert not transport.speaks_tls
    assert not transport.session_reused
    for told in (transport.tls_version, transport.cipher, transport.alpn_protocol):
        assert told is None
    assert transport.remote_certificate is None


# ---- Delivery ----


@both
@pytest.mark.parametrize("piece", [None, 1, 1000])
def test_bytes_go_both_ways(
    base: EventBase, certificates: Certificates, role: str, version: str, piece: int | None
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates, role, version) as (transport, peer):
        peer.piece = piece
        data = bytes(range(256)) * 4
        peer.write(data)
        peer.until(lambda: len(protocol.data) >= len(data))
        assert protocol.data == data
        transport.write(data)
        assert peer.read_exactly(len(data)) == data
        assert transport.bytes_received == transport.bytes_sent == len(data)


FORMS: list[tuple[Any, str, list[Any]]] = [
    ("text", "text_received", ["one\ntwo\n"]),
    ("lines", "line_received", ["one", "two"]),
    ("bytes", "data_received", [b"one\ntwo\n"]),
    ("buffer", "buffer_updated", [b"one\ntwo\n"]),
    (Blocks(4), "block_received", [b"one\n", b"two\n"]),
]


@pytest.mark.exact_io("a record may come in two parts")
@pytest.mark.parametrize("form", FORMS, ids=lambda form: str(form[0]))
def test_what_has_come_is_delivered_in_each_form(
    base: EventBase, certificates: Certificates, form: tuple[Any, str, list[Any]]
) -> None:
    delivery, name, expected = form
    protocol = Recorder()
    with speaking(base, protocol, certificates, delivery=delivery) as (_, peer):
        peer.write(b"one\ntwo\n")
        peer.until(lambda: len(protocol.got(name)) >= len(expected))
        assert protocol.got(name) == expected


def test_frames_are_delivered(base: EventBase, certificates: Certificates) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates, delivery=Frames()) as (_, peer):
        peer.write(b"\0\0\0\3one\0\0\0\3two")
        peer.until(lambda: len(protocol.got("frame_received")) == 2)
        assert protocol.got("frame_received") == [b"one", b"two"]


@pytest.mark.parametrize("size", [1, 7, 64, 100_000])
@pytest.mark.slow
def test_what_has_no_room_in_a_buffer_comes_in_the_next_one(
    base: EventBase, certificates: Certificates, size: int
) -> None:
    protocol = Recorder()
    protocol.buffer = bytearray(size)
    with speaking(base, protocol, certificates, delivery="buffer") as (_, peer):
        data = bytes(range(256)) * 8
        peer.write(data)
        peer.end()  # all comes at once, and nothing more
        peer.flush()
        peer.until(lambda: protocol.is_lost)
        assert protocol.data == data
        assert protocol.names[-2:] == ["eof_received", "connection_lost"]
        assert protocol.loss is None


@pytest.mark.parametrize("buffer", [b"readonly", bytearray(), 5])
def test_a_buffer_that_is_none_ends_the_connection(
    base: EventBase, certificates: Certificates, buffer: Any
) -> None:
    failures = failures_of(base)
    protocol = Recorder(get_buffer=lambda _: buffer)
    with speaking(base, protocol, certificates, delivery="buffer") as (_, peer):
        peer.write(b"something")
        peer.until(lambda: protocol.is_lost)
        assert len(failures) == 1


@both
def test_much_goes_both_ways_at_once(
    base: EventBase, certificates: Certificates, role: str, version: str
) -> None:
    much = bytes(range(256)) * 8_000
    received = bytearray()
    protocol = Recorder(data_received=received.extend)
    with speaking(base, protocol, certificates, role, version) as (transport, peer):
        transport.write(much)
        peer.object.write(much)
        peer.until(lambda: len(received) == len(much) == len(peer.read()))
        assert received == much == peer.received
        assert transport.buffered_output == 0


# ---- Pausing, limits, water marks ----


def test_nothing_is_delivered_while_reading_is_paused(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates) as (transport, peer):
        transport.pause_reading()
        peer.write(b"something")
        peer.end()
        peer.flush()
        settle(base)
        assert protocol.names == ["connection_made"]
        transport.resume_reading()
        peer.until(lambda: protocol.is_lost)
        assert protocol.data == b"something"
        assert protocol.loss is None


@pytest.mark.parametrize("delivery", ["bytes", "lines", "buffer"])
def test_pausing_in_a_callback_holds_back_what_is_decrypted(
    base: EventBase, certificates: Certificates, delivery: Any
) -> None:
    protocol = Recorder()

    def pause(*_: object) -> None:
        protocol.transport.pause_reading()

    protocol.then = dict.fromkeys(("data_received", "line_received", "buffer_updated"), pause)
    protocol.buffer = bytearray(2)
    with speaking(base, protocol, certificates, delivery=delivery) as (transport, peer):
        peer.write(b"a\nb\n")
        peer.end()
        peer.flush()
        while not protocol.is_lost:
            before = len(protocol.everything)
            transport.resume_reading()
            peer.pump()
            settle(base)
            assert len(protocol.everything) - before <= (4 if delivery == "bytes" else 2)
        assert protocol.everything == b"a\nb\n"
        assert protocol.loss is None


@pytest.mark.slow
def test_who_reads_nothing_holds_up_only_what_is_for_him(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates, high_water=100_000, low_water=1000) as (
        transport,
        peer,
    ):
        peer.reads = False
        data = bytes(1_000_000)
        while transport.buffered_output < 1_000_000:
            transport.write(data)
            settle(base)
        assert "pause_writing" in protocol.names
        before = base.statistics().iterations
        base.dispatch(timeout=0.05)
        assert base.statistics().iterations - before < 20, "it spins"
        peer.write(b"something")  # the other way is free
        peer.until(lambda: protocol.data == b"something")
        peer.reads = True
        peer.until(lambda: peer.read() is not None and transport.buffered_output <= 1000)
        assert protocol.names[-1] == "resume_writing"
        transport.close()
        assert set(peer.read_to_end()) == {0}
        assert transport.bytes_sent == len(peer.received)


def test_held_output_is_sent_when_it_is_released(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates) as (transport, peer):
        transport.hold_output()
        transport.write(b"something")
        peer.pump()
        settle(base)
        peer.pump()
        assert peer.read() == b""
        transport.close()
        peer.pump()
        assert transport.buffered_output == 9
        transport.release_output()
        assert peer.read_to_end() == b"something"


@pytest.mark.parametrize("which", ["idle", "read", "write"])
def test_time_limits_hold(
    timed_base: EventBase, clock: ManualClock, certificates: Certificates, which: str
) -> None:
    protocol = Recorder()
    with speaking(timed_base, protocol, certificates) as (transport, peer):
        peer.reads = False
        transport.set_timeouts(**{which: 5})
        if which == "write":
            transport.write(bytes(20_000_000))
        clock.advance(4)
        settle(timed_base)
        assert "timed_out" not in protocol.names

        def time_passes() -> bool:
            clock.advance(2)
            return bool(protocol.is_lost)

        peer.until(time_passes)
        assert protocol.got("timed_out") == [which]
        assert isinstance(protocol.loss, TimedOut)


@pytest.mark.exact_io("what a fault holds back does not move in time")
def test_what_moves_slowly_is_no_matter_for_the_limit_on_writing(
    timed_base: EventBase, clock: ManualClock, certificates: Certificates
) -> None:
    protocol = Recorder()
    with speaking(timed_base, protocol, certificates, write_timeout=5) as (transport, peer):
        assert transport.descriptor is not None
        transport.descriptor.set_option(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        peer.reads = False
        transport.write(bytes(60_000))  # less than the machine takes at once
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        settle(timed_base)
        while transport.buffered_output:
            peer.reads = True
            for _ in range(3):
                peer.pump()
            peer.reads = False
            clock.advance(3)
            settle(timed_base)
            assert not protocol.is_lost


# ---- The end ----


@both
@pytest.mark.parametrize("is_cut", [False, True], ids=["ended", "cut"])
def test_an_end_is_told_from_a_cut(
    base: EventBase, certificates: Certificates, role: str, version: str, is_cut: bool
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates, role, version) as (_, peer):
        peer.write(b"something")
        peer.flush()
        if is_cut:
            peer.socket.shutdown(socket.SHUT_WR)
        else:
            peer.end()
        peer.until(lambda: protocol.is_lost)
        assert protocol.data == b"something"
        assert ("eof_received" in protocol.names) != is_cut
        if is_cut:
            assert isinstance(protocol.loss, TLSTruncated)
            assert "127.0.0.1" in str(protocol.loss)
        else:
            assert protocol.loss is None


@both
def test_either_half_may_end_before_the_other(
    base: EventBase, certificates: Certificates, role: str, version: str
) -> None:
    protocol = Recorder(keep_open=True)
    with speaking(base, protocol, certificates, role, version) as (transport, peer):
        if version == "1.3":
            transport.write(b"all that I have")
            transport.write_eof()
            assert peer.read_to_end() == b"all that I have"
            with pytest.raises(ValueError, match="write_eof"):
                transport.write(b"more")
            peer.object.write(bytes(100_000))
            peer.until(lambda: len(protocol.data) == 100_000)
            peer.end()
            peer.until(lambda: protocol.is_lost)
            assert protocol.loss is None
        else:
            peer.end()
            peer.until(lambda: "eof_received" in protocol.names)
            transport.close()
            peer.until(lambda: protocol.is_lost)


def test_what_follows_the_peers_end_can_be_sent(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder(keep_open=True)
    with speaking(base, protocol, certificates) as (transport, peer):
        peer.end()
        peer.until(lambda: "eof_received" in protocol.names)
        transport.write(bytes(1_000_000))
        assert peer.read_exactly(1_000_000) == bytes(1_000_000)
        transport.write_eof()
        peer.read_to_end()
        peer.until(lambda: protocol.is_lost)
        assert protocol.loss is None


def test_closing_sends_what_is_queued_and_says_so(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates) as (transport, peer):
        transport.write(bytes(3_000_000))
        transport.close()
        assert len(peer.read_to_end()) == 3_000_000
        assert protocol.loss is None


def test_closing_waits_for_nobody_and_destroys_nothing(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates) as (transport, peer):
        transport.write(b"answer")
        transport.close()
        settle(base)
        assert protocol.loss is None
        peer.object.write(bytes(10_000))  # which nobody reads any more
        peer.flush()
        assert peer.read_to_end() == b"answer"


def test_aborting_drops_what_is_queued(base: EventBase, certificates: Certificates) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates) as (transport, peer):
        peer.reads = False
        transport.write(bytes(20_000_000))
        transport.abort(reset=True)
        settle(base)
        assert protocol.loss is None
        peer.socket.settimeout(PATIENCE)
        with pytest.raises(ConnectionResetError):
            receive_exactly(peer.socket, 30_000_000)


def test_a_peer_that_resets_is_told(base: EventBase, certificates: Certificates) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates) as (_, peer):
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.socket.close()
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, ConnectionReset)


@pytest.mark.parametrize("delivery", ["bytes", "buffer"])
@pytest.mark.parametrize(
    ("code", "expected"),
    [(errno.ECONNRESET, ConnectionReset), (errno.ETIMEDOUT, TimedOut), (errno.EPIPE, TLSTruncated)],
)
def test_what_the_system_told_while_tls_answered_is_not_taken_for_a_cut(
    base: EventBase, certificates: Certificates, delivery: str, code: int, expected: type[OSError]
) -> None:
    # The system tells such a thing once, and then says "end of file".
    def fail(data: object, flags: int) -> int:
        raise OSError(code, "told once")

    protocol = Recorder()
    with speaking(base, protocol, certificates, delivery=delivery) as (transport, peer):
        layer: Any = transport._layer
        layer._send = fail
        layer.machine.send_first(b"what TLS has to say by itself")
        peer.write(b"data")
        peer.until(lambda: protocol.data == b"data")
        peer.socket.shutdown(socket.SHUT_WR)
        run_until(base, lambda: protocol.is_lost)
        assert type(protocol.loss) is expected


def test_a_peer_that_takes_no_more_is_told(base: EventBase, certificates: Certificates) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates) as (transport, peer):
        transport.pause_reading()
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.socket.close()
        settle(base)
        transport.write(bytes(100_000))
        transport.write(bytes(100_000))
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, (ConnectionReset, Hangup, ConnectionError))


@pytest.mark.exact_io("an alert is sent at once, or not at all")
def test_a_record_that_was_changed_is_an_error_and_what_was_good_is_delivered(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder()
    with speaking(base, protocol, certificates) as (_, peer):
        peer.object.write(b"good")
        peer.unsent += peer.outgoing.read()
        peer.object.write(b"bad")
        record = peer.outgoing.read()
        peer.unsent += record[:-1] + bytes([record[-1] ^ 1])
        peer.until(lambda: protocol.is_lost)
        assert protocol.data == b"good"
        assert isinstance(protocol.loss, TLSError)
        assert protocol.loss.address is not None
        with pytest.raises(ssl.SSLError, match="ALERT_BAD_RECORD_MAC"):  # it is told why
            peer.until(peer.read)


def test_what_a_callback_raises_ends_the_connection(
    base: EventBase, certificates: Certificates
) -> None:
    failures = failures_of(base)

    def fail(_: object) -> None:
        raise Failure

    protocol = Recorder(data_received=fail)
    with speaking(base, protocol, certificates) as (_, peer):
        peer.write(b"something")
        peer.until(lambda: protocol.is_lost)
        assert isinstance(protocol.loss, Failure)
        assert len(failures) == 1


def test_it_cannot_be_detached(base: EventBase, certificates: Certificates) -> None:
    with speaking(base, Recorder(), certificates) as (transport, _):
        with pytest.raises(ValueError, match="its keys stay"):
            transport.detach()
        with pytest.raises(ValueError, match="speaks TLS already"):
            transport.start_tls(spoken(certificates, "server"), server_side=True)
        assert transport.is_connected


# ---- The handshake ----


@both
@pytest.mark.parametrize("piece", [1, 100])
def test_a_handshake_may_come_in_pieces(
    base: EventBase, certificates: Certificates, role: str, version: str, piece: int
) -> None:
    protocol = Recorder()
    with beginning(base, protocol, certificates, role, version) as (transport, peer):
        transport.write(b"early")
        peer.piece = piece
        peer.shake_hands()
        assert peer.read_exactly(5) == b"early"
        assert protocol.names == ["connection_made"]


@both
@pytest.mark.slow
def test_a_handshake_may_be_cut_off_anywhere(
    base: EventBase, certificates: Certificates, role: str, version: str
) -> None:
    """After each number of bytes, up to where our end has all that it needs."""
    step = count = 0
    while not _is_cut_after_the_handshake(base, certificates, role, version, count):
        step += 1
        count += 1 if step < 8 else 97


def _is_cut_after_the_handshake(
    base: EventBase, certificates: Certificates, role: str, version: str, count: int
) -> bool:
    """Cut it off after so many bytes; return whether our end had all that it needs."""
    protocol = Recorder()
    with beginning(base, protocol, certificates, role, version) as (_, peer):
        while count:
            base.dispatch(timeout=0)
            _take_in(peer)
            sent = peer.outgoing.read(count)
            if not sent and protocol.calls:
                break
            peer.send_plainly(sent)
            count -= len(sent)
        peer.socket.shutdown(socket.SHUT_WR)
        peer.until(lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TLSTruncated)
        if "connection_made" in protocol.names:
            return True
        assert protocol.names == ["connection_lost"]
        assert protocol.loss.operation == "handshake"
    return False


def _take_in(peer: Peer) -> None:
    with contextlib.suppress(BlockingIOError):
        peer.incoming.write(peer.socket.recv(65536))
    with contextlib.suppress(ssl.SSLWantReadError):
        peer.object.do_handshake()


@pytest.mark.parametrize("drips", [False, True], ids=["silent", "dripping"])
def test_a_handshake_has_a_limit_of_time(
    timed_base: EventBase, clock: ManualClock, certificates: Certificates, drips: bool
) -> None:
    protocol = Recorder()
    with beginning(timed_base, protocol, certificates, handshake_timeout=10) as (transport, peer):
        with pytest.raises(ssl.SSLWantReadError):
            peer.object.do_handshake()
        for second in range(10):
            assert not protocol.calls, second
            clock.advance(1)
            if drips:
                peer.send_plainly(peer.outgoing.read(1))
            timed_base.dispatch(timeout=0)
        run_until(timed_base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TimedOut)
        assert protocol.loss.operation == "handshake"
        assert "127.0.0.1" in str(protocol.loss)
        assert transport.is_closing


def test_a_handshake_without_a_limit_takes_its_time(
    timed_base: EventBase, clock: ManualClock, certificates: Certificates
) -> None:
    protocol = Recorder()
    with beginning(timed_base, protocol, certificates, handshake_timeout=None) as (_, peer):
        clock.advance(1_000_000)
        peer.shake_hands()
        peer.until(lambda: protocol.names == ["connection_made"])


@pytest.mark.parametrize(
    ("opening", "speaks"), [(b"GET / HTTP/1.0\r\n\r\n", "HTTP"), (b"\0" * 20, None)]
)
def test_a_peer_may_speak_something_else(
    base: EventBase, certificates: Certificates, opening: bytes, speaks: str | None
) -> None:
    protocol = Recorder()
    with beginning(base, protocol, certificates) as (_, peer):
        peer.send_plainly(opening)
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, NotTLS)
        assert protocol.loss.speaks == speaks
        assert "127.0.0.1" in str(protocol.loss)


@pytest.mark.exact_io("an alert is sent at once, or not at all")
def test_a_server_that_is_nobody_known_is_refused_and_told(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder()
    tls = certificates.stranger.client_tls()
    with beginning(base, protocol, certificates, "client", tls=tls) as (_, peer):
        with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
            peer.shake_hands()
        peer.until(lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TLSCertificateError)
        assert protocol.loss.failed == "chain"
        assert protocol.names == ["connection_lost"]


def test_who_has_nothing_in_common_is_told(base: EventBase, certificates: Certificates) -> None:
    protocol = Recorder()
    tls = certificates.server.tls(minimum_version="1.3")
    with beginning(base, protocol, certificates, version="1.2", tls=tls) as (_, peer):
        with pytest.raises(ssl.SSLError):
            peer.shake_hands()
        peer.until(lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TLSMismatch)


def test_an_alert_has_a_name(base: EventBase, certificates: Certificates) -> None:
    protocol = Recorder()
    context = ssl.create_default_context()  # which does not know the authority
    with beginning(base, protocol, certificates, context=context) as (_, peer):
        with pytest.raises(ssl.SSLCertVerificationError):
            peer.shake_hands()
        peer.until(lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TLSError)
        assert protocol.loss.alert == "unknown_ca"


@pytest.mark.parametrize("way", ["abort", "close"])
def test_a_handshake_can_be_given_up(base: EventBase, certificates: Certificates, way: str) -> None:
    protocol = Recorder()
    with beginning(base, protocol, certificates, "client") as (transport, peer):
        getattr(transport, way)()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.names == ["connection_lost"]
        assert protocol.loss is None
        peer.until(lambda: peer.is_cut)


def test_closing_during_the_handshake_sends_what_was_written(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder()
    with beginning(base, protocol, certificates, "client") as (transport, peer):
        transport.write(b"last words")
        transport.close()
        peer.shake_hands()
        assert peer.read_to_end() == b"last words"
        assert protocol.names == ["connection_lost"]


def test_a_half_that_is_ended_during_the_handshake_is_ended_after_it(
    base: EventBase, certificates: Certificates
) -> None:
    protocol = Recorder()
    with beginning(base, protocol, certificates, "client") as (transport, peer):
        transport.write(b"all")
        transport.write_eof()
        peer.shake_hands()
        assert peer.read_to_end() == b"all"
        peer.write(b"answer")
        peer.until(lambda: protocol.data == b"answer")


# ---- What is left ----


@pytest.mark.parametrize("way", ["close", "abort"])
def test_nothing_is_left_open(base: EventBase, certificates: Certificates, way: str) -> None:
    before = open_descriptors()
    protocol = Recorder()
    with speaking(base, protocol, certificates) as (transport, peer):
        getattr(transport, way)()
        peer.socket.close()
        run_until(base, lambda: protocol.is_lost and not base._lingering)
    assert open_descriptors() == before


# ---- Files ----


def test_files_are_encrypted_between_what_is_written(
    base: EventBase, certificates: Certificates, tmp_path: Path
) -> None:
    content = bytes(range(256)) * 3000
    path = tmp_path / "file"
    path.write_bytes(content)
    done: list[FileTransfer] = []
    protocol = Recorder()
    with speaking(base, protocol, certificates) as (transport, peer):
        transport.write(b"before")
        with path.open("rb") as file:
            transport.send_file(file, done=done.append)
        transport.write(b"after")
        transport.close()
        assert peer.read_to_end() == b"before" + content + b"after"
        assert [transfer.error for transfer in done] == [None]
        assert protocol.loss is None
