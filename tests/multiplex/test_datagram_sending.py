"""Sending from a datagram endpoint: back-pressure, errors of each peer, and what is queued."""

import contextlib
import errno
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from multiplex.datagram_helpers import (
    Noting,
    address_of,
    local_peer,
    opened,
    peer_of,
    receive,
    send,
)
from multiplex.helpers import dispatch_quietly
from multiplex.transport_helpers import failures_of, run_until, settle
from sockets.datagrams import free_name, name_of
from support import icmp

from trunkline import (
    ConnectionRefused,
    DatagramEndpoint,
    DestinationRequired,
    EventBase,
    HostUnreachable,
    LocalAddress,
    MessageTooLong,
    PathNotFound,
    PermissionDenied,
    TimedOut,
)
from trunkline._sys.datagram_descriptor import DatagramDescriptor
from trunkline.testing.clock import ManualClock

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the queue")


class Room:
    """How many datagrams the system takes, where a test says it; and what it says otherwise."""

    def __init__(self) -> None:
        self.left = 1_000_000
        self.code = errno.EAGAIN

    def send(self, send: Callable[[], int]) -> int:
        if not self.left:
            raise OSError(self.code, "there is no room")  # of the class that goes with the errno
        while True:
            with contextlib.suppress(BlockingIOError):  # an injected fault
                sent = send()
                self.left -= 1
                return sent


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Room:
    """Decides how many datagrams leave. Loopback always has room, and other networks rarely not."""
    room = Room()

    def bare_send_message(descriptor: DatagramDescriptor, *arguments: Any) -> int:
        return room.send(lambda: real(descriptor, *arguments))

    def bare_send_to(descriptor: DatagramDescriptor) -> Any:
        real = real_getter(descriptor)
        return lambda *arguments: room.send(lambda: real(*arguments))

    real = DatagramDescriptor.bare_send_message
    real_getter: Any = vars(DatagramDescriptor)["bare_send_to"].fget
    monkeypatch.setattr(DatagramDescriptor, "bare_send_message", bare_send_message)
    monkeypatch.setattr(DatagramDescriptor, "bare_send_to", property(bare_send_to))
    return room


# -- to whom ---------------------------------------------------------------------------------------


def test_receivers_are_named_in_all_ways(base: EventBase) -> None:
    with opened(base, Noting()) as endpoint, peer_of(endpoint) as peer:
        host, port = peer.getsockname()
        buffer = bytearray(b"3")
        endpoint.send_to(b"1", host, port)
        endpoint.send_to(b"2", name_of(peer))
        endpoint.send_to(buffer, name_of(peer).host, str(port))
        buffer[:] = b"x"
        endpoint.send_many([(b"4", name_of(peer)), (memoryview(b"5"), name_of(peer))])
        assert receive(base, peer, 5) == [b"1", b"2", b"3", b"4", b"5"]
        with opened(base, Noting(), remote_host=host, remote_port=port) as connected:
            peer.connect(address_of(connected))
            connected.send_to(b"6")
            connected.send_many([b"7", b"8"])
            assert receive(base, peer, 3) == [b"6", b"7", b"8"]
            assert connected.remote_name == name_of(peer)


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((b"x",), {}, DestinationRequired),
        (("x", "127.0.0.1", 9), {}, TypeError),
        ((b"x", "127.0.0.1"), {}, TypeError),
        ((b"x", "host.test", 9), {}, ValueError),
        ((b"x",), {"remote_filename": "x"}, TypeError),
        ((b"x", LocalAddress("x")), {}, TypeError),
        ((b"x", "127.0.0.1", 70_000), {}, ValueError),
    ],
)
def test_whoever_cannot_be_sent_to_is_refused(
    base: EventBase, arguments: Any, options: Any, error: type[Exception]
) -> None:
    with opened(base, Noting()) as endpoint:
        with pytest.raises(error):
            endpoint.send_to(*arguments, **options)
        assert (endpoint.sent, endpoint.failed, endpoint.buffered_output) == (0, 0, 0)


def test_what_has_no_bytes_is_refused_in_answers_too(base: EventBase) -> None:
    failures = failures_of(base)
    text: Any = "x"
    protocol = Noting(datagram_received=lambda _, sender: protocol.endpoint.send_to(text, sender))
    with opened(base, protocol) as endpoint, peer_of(endpoint) as peer:
        send(peer, b"hello")
        run_until(base, lambda: failures)
        assert "a datagram is bytes, not str" in str(failures[0][0])
        protocol.then["datagram_received"] = lambda _, sender: endpoint.send_to(
            memoryview(b"a-b-c")[::2], sender
        )
        send(peer, b"hello")
        assert receive(base, peer) == [b"abc"]


def test_none_is_sent_if_one_of_many_cannot_be(base: EventBase) -> None:
    with opened(base, Noting()) as endpoint, peer_of(endpoint) as peer:
        with pytest.raises(TypeError):
            endpoint.send_many([(b"1", name_of(peer)), ("2", name_of(peer))])  # type: ignore[list-item]
        assert endpoint.sent == 0


# -- back-pressure ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENOBUFS])
def test_what_there_is_no_room_for_waits_in_order(base: EventBase, room: Room, code: int) -> None:
    room.code = code
    with opened(base, Noting()) as endpoint, peer_of(endpoint) as peer:
        to = name_of(peer)
        room.left = 1
        for number in range(4):
            endpoint.send_to(b"%d" % number, to)
        assert (endpoint.sent, endpoint.buffered_output) == (1, 3 + 3 * 64)
        settle(base)
        room.left = 2
        assert receive(base, peer, 3) == [b"0", b"1", b"2"]
        endpoint.send_to(b"4", to)  # not before the others
        room.left = 9
        assert receive(base, peer, 2) == [b"3", b"4"]
        assert endpoint.buffered_output == 0


def test_answers_wait_too_and_may_be_changed(base: EventBase, room: Room) -> None:
    buffer = bytearray(b"answer")

    def answer(data: bytes, sender: Any) -> None:
        room.left = 0
        protocol.endpoint.send_to(buffer, sender)
        buffer[:] = b"------"

    protocol = Noting(datagram_received=answer)
    with opened(base, protocol) as endpoint, peer_of(endpoint) as peer:
        send(peer, b"hello")
        run_until(base, lambda: endpoint.buffered_output)
        room.left = 1
        assert receive(base, peer) == [b"answer"]


def test_it_does_not_spin_while_there_is_no_room(base: EventBase, room: Room) -> None:
    with opened(base, Noting()) as endpoint, peer_of(endpoint) as peer:
        room.left = 0
        endpoint.send_to(b"x", name_of(peer))
        dispatch_quietly(base, iterations=12)
        assert endpoint.buffered_output


def test_the_water_marks(base: EventBase, room: Room) -> None:
    protocol = Noting()
    with (
        opened(base, protocol, high_water=200, low_water=66) as endpoint,
        peer_of(endpoint) as peer,
    ):
        to = name_of(peer)
        room.left = 0
        for _ in range(3):
            assert "pause_writing" not in protocol.names
            endpoint.send_to(b"12", to)  # 66 each
        endpoint.send_to(b"12", to)
        assert protocol.names.count("pause_writing") == 1
        room.left = 2
        run_until(base, lambda: endpoint.sent == 2)
        assert "resume_writing" not in protocol.names
        room.left = 1
        run_until(base, lambda: endpoint.sent == 3)
        run_until(base, lambda: "resume_writing" in protocol.names)
        assert endpoint.buffered_output == 66
        endpoint.set_water_marks(10)
        endpoint.send_to(b"12", to)
        assert protocol.names.count("pause_writing") == 2
        with pytest.raises(ValueError, match="water marks"):
            endpoint.set_water_marks(10, 11)


def test_what_is_sent_when_the_queue_is_full_is_dropped(base: EventBase, room: Room) -> None:
    with opened(base, Noting(), queue_limit=200) as endpoint, peer_of(endpoint) as peer:
        to = name_of(peer)
        room.left = 0
        endpoint.send_many([(b"%d" % number, to) for number in range(9)])
        assert (endpoint.dropped, endpoint.buffered_output) == (6, 3 * 65)
        room.left = 9
        assert receive(base, peer, 3) == [b"0", b"1", b"2"]
        endpoint.send_to(b"9", to)
        assert receive(base, peer) == [b"9"]


@pytest.mark.exact_io("a fault makes it wait where there is room")
def test_a_local_receiver_that_does_not_receive_holds_up_nobody_else(
    base: EventBase, tmp_path: Path
) -> None:
    options: Any = {"address_family": "local", "local_filename": tmp_path / "server"}
    with (
        opened(base, Noting(), **options) as endpoint,
        local_peer(tmp_path / "stubborn") as stubborn,
        local_peer(tmp_path / "other") as other,
    ):
        count = 0
        while not endpoint.buffered_output:
            endpoint.send_to(b"%d" % count, remote_filename=tmp_path / "stubborn")
            count += 1
        endpoint.send_to(b"%d" % count, remote_filename=tmp_path / "stubborn")
        endpoint.send_to(b"hello", remote_filename=tmp_path / "other")
        assert other.recv(9) == b"hello"
        assert receive(base, stubborn, count + 1) == [b"%d" % each for each in range(count + 1)]
        assert endpoint.buffered_output == 0


@pytest.mark.exact_io("a fault makes it wait where there is room")
def test_a_local_peer_that_does_not_receive_is_waited_for(base: EventBase, tmp_path: Path) -> None:
    with local_peer(tmp_path / "peer") as peer:
        options: Any = {"address_family": "local", "remote_filename": tmp_path / "peer"}
        with opened(base, Noting(), **options) as endpoint:
            count = 0
            while not endpoint.buffered_output:
                endpoint.send_to(b"%d" % count)
                count += 1
            dispatch_quietly(base, iterations=12)
            assert receive(base, peer, count) == [b"%d" % each for each in range(count)]


# -- errors ----------------------------------------------------------------------------------------


def test_what_cannot_be_sent_is_told_later(base: EventBase) -> None:
    protocol = Noting()
    with opened(base, protocol) as endpoint, peer_of(endpoint) as peer:
        endpoint.send_to(bytes(70_000), name_of(peer))
        endpoint.send_to(b"to all", "255.255.255.255", 9)
        assert protocol.errors == []
        run_until(base, lambda: len(protocol.errors) == 2)
        too_long, denied = protocol.errors
        assert isinstance(too_long, MessageTooLong)
        assert (too_long.operation, too_long.address) == ("send", name_of(peer))
        assert isinstance(denied, PermissionDenied)
        assert "broadcast=True" in str(denied)
        assert (endpoint.failed, endpoint.sent) == (2, 0)
        endpoint.send_to(b"ok", name_of(peer))
        assert receive(base, peer) == [b"ok"]


def test_an_error_is_told_from_outside_of_any_callback(base: EventBase) -> None:
    def fail(*_: object) -> None:
        protocol.endpoint.send_to(bytes(70_000), *protocol.endpoint.local_name)

    protocol = Noting(datagram_received=fail, connection_made=fail)
    with opened(base, protocol) as endpoint, peer_of(endpoint) as peer:
        send(peer, b"hello")
        run_until(base, lambda: len(protocol.errors) == 2)
        assert all(inner == "pause_writing" for _, inner in protocol.nested)


def test_a_peer_that_is_gone_does_not_end_it(base: EventBase) -> None:
    protocol = Noting()
    name = free_name()
    with opened(base, protocol, remote_host=name.host, remote_port=name.port) as endpoint:
        endpoint.send_to(b"anybody there?")
        run_until(base, lambda: protocol.errors)
        [error] = protocol.errors
        assert isinstance(error, ConnectionRefused)
        assert error.address == name
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((str(name.host), name.port))
            endpoint.send_to(b"now?")
            assert receive(base, peer) == [b"now?"]


@pytest.mark.exact_io("a fault may hide the error")
def test_the_next_one_is_sent_though_an_earlier_one_was_not_received(base: EventBase) -> None:
    protocol = Noting()
    with opened(base, protocol, remote_host="127.0.0.1", remote_port=free_name().port) as endpoint:
        name = endpoint.remote_name
        endpoint.send_to(b"one")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.bind((str(name.host), name.port))
            endpoint.send_to(b"two")  # which is told that nobody has received the first one
            assert receive(base, peer) == [b"two"]
        settle(base)
        assert [type(each) for each in protocol.errors] == [ConnectionRefused]
        assert (endpoint.sent, endpoint.failed) == (2, 0)


@LINUX
@pytest.mark.exact_io("a fault hides what is in the queue, which has to be counted")
@pytest.mark.parametrize("paused", [False, True])
def test_whose_datagrams_were_not_received_is_told_where_the_system_knows(
    base: EventBase, paused: bool
) -> None:
    protocol = Noting()
    gone = [free_name() for _ in range(5)]
    with opened(base, protocol, report_errors=True) as endpoint, peer_of(endpoint) as peer:
        if paused:
            endpoint.pause_reading()
        for name in gone:
            endpoint.send_to(b"anybody there?", name)
        endpoint.send_to(b"hello", name_of(peer))
        assert receive(base, peer) == [b"hello"]
        endpoint.resume_reading()
        run_until(base, lambda: len(protocol.errors) == 5)
        assert sorted(each.address for each in protocol.errors) == sorted(gone)
        assert {type(each) for each in protocol.errors} == {ConnectionRefused}
        assert (endpoint.sent, endpoint.failed) == (6, 0)
        dispatch_quietly(base)
        assert len(protocol.errors) == 5


@LINUX
@pytest.mark.exact_io("a fault hides what is in the queue, which has to be counted")
def test_so_are_errors_of_different_kinds(base: EventBase) -> None:
    protocol = Noting()
    one, other = free_name(), free_name()
    with (
        opened(base, protocol, report_errors=True) as endpoint,
        icmp.forger() as forger,
        peer_of(endpoint) as peer,
    ):
        endpoint.send_to(b"anybody there?", one)
        for what in (icmp.HOST_UNREACHABLE, icmp.PROTOCOL_UNREACHABLE, icmp.PARAMETER_PROBLEM):
            forger.say(what, endpoint.local_name, other)
        endpoint.send_to(bytes(70_000), other)
        run_until(base, lambda: len(protocol.errors) >= 5)
        told = [(type(each), each.address) for each in protocol.errors]
        assert (ConnectionRefused, one) in told
        assert (HostUnreachable, other) in told
        assert (MessageTooLong, other) in told
        send(peer, b"still there?")
        run_until(base, lambda: protocol.data)
        assert endpoint.is_open


def test_a_local_receiver_that_is_gone_is_told(base: EventBase, tmp_path: Path) -> None:
    protocol = Noting()
    options: Any = {"address_family": "local", "local_filename": tmp_path / "server"}
    with opened(base, protocol, **options) as endpoint:
        with local_peer(tmp_path / "gone", endpoint) as gone:
            send(gone, b"one", b"two")
        endpoint.send_to(b"x", remote_filename=tmp_path / "gone")
        endpoint.send_to(b"x", remote_filename=tmp_path / "never")
        run_until(base, lambda: len(protocol.errors) == 2)
        assert [type(each) for each in protocol.errors] == [ConnectionRefused, PathNotFound]
        assert [each.address.path for each in protocol.errors] == [
            str(tmp_path / "gone"),
            str(tmp_path / "never"),
        ]
        run_until(base, lambda: protocol.data == [b"one", b"two"])


def test_answering_whoever_has_no_name_is_no_mistake(base: EventBase, tmp_path: Path) -> None:
    failures = failures_of(base)
    protocol = Noting(
        datagram_received=lambda data, sender: protocol.endpoint.send_to(data, sender)
    )
    options: Any = {"address_family": "local", "local_filename": tmp_path / "server"}
    with (
        opened(base, protocol, **options),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as peer,
    ):
        peer.connect(str(tmp_path / "server"))
        send(peer, b"hello")
        run_until(base, lambda: protocol.errors)
        assert isinstance(protocol.errors[0], DestinationRequired)
        assert failures == []


# -- the end ---------------------------------------------------------------------------------------


def busy(endpoint: DatagramEndpoint, room: Room, peer: socket.socket) -> None:
    """Have something queued."""
    room.left = 0
    endpoint.send_many([(b"1", name_of(peer)), (b"2", name_of(peer))])


def test_closing_sends_what_is_queued(base: EventBase, room: Room) -> None:
    protocol = Noting()
    with opened(base, protocol) as endpoint, peer_of(endpoint) as peer:
        busy(endpoint, room, peer)
        send(peer, b"not delivered any more")
        endpoint.close()
        endpoint.close()
        endpoint.send_to(b"3", name_of(peer))
        assert (endpoint.is_open, endpoint.is_closing, protocol.is_lost) == (False, True, False)
        room.left = 9
        assert receive(base, peer, 2) == [b"1", b"2"]
        run_until(base, lambda: protocol.is_lost)
        assert protocol.loss is None
        assert protocol.names == ["connection_made", "connection_lost"]
        assert endpoint.dropped == 0


def test_aborting_drops_it(base: EventBase, room: Room) -> None:
    protocol = Noting()
    with opened(base, protocol) as endpoint, peer_of(endpoint) as peer:
        busy(endpoint, room, peer)
        endpoint.abort()
        assert not protocol.is_lost  # it is told from outside
        room.left = 9
        run_until(base, lambda: protocol.is_lost)
        assert protocol.loss is None
        assert (endpoint.buffered_output, endpoint.sent) == (0, 0)


def test_closing_is_bounded(timed_base: EventBase, clock: ManualClock, room: Room) -> None:
    protocol = Noting()
    with opened(timed_base, protocol) as endpoint, peer_of(endpoint) as peer:
        busy(endpoint, room, peer)
        endpoint.close()
        clock.advance(9)
        settle(timed_base)
        assert not protocol.is_lost
        clock.advance(2)
        run_until(timed_base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TimedOut)
        assert timed_base.is_empty


def test_closing_in_the_midst_of_callbacks(base: EventBase, room: Room) -> None:
    def close(*_: object) -> None:
        protocol.endpoint.close()

    for name in ("datagram_received", "error_received", "pause_writing", "resume_writing"):
        protocol = Noting(**{name: close})
        room.left = 1_000_000
        with opened(base, protocol, high_water=0) as endpoint, peer_of(endpoint) as peer:
            send(peer, b"1", b"2")
            endpoint.send_to(bytes(70_000), name_of(peer))
            room.left = 0
            endpoint.send_to(b"x", name_of(peer))
            settle(base)
            room.left = 9
            run_until(base, lambda: protocol.is_lost)  # noqa: B023 - it is called here
            assert protocol.loss is None
            assert set(protocol.nested) <= {()}


def test_what_happens_on_a_closed_event_base_is_nothing(base: EventBase, room: Room) -> None:
    protocol = Noting()
    with opened(base, protocol) as endpoint, peer_of(endpoint) as peer:
        room.left = 0
        base.close()
        endpoint.send_to(b"1", name_of(peer))
        endpoint.send_to(bytes(70_000), name_of(peer))
        endpoint.close()
        assert endpoint.is_closing
        assert protocol.names == ["connection_made"]


def test_a_socket_that_is_closed_behind_its_back(base: EventBase) -> None:
    protocol = Noting()
    with opened(base, protocol) as endpoint:
        assert endpoint.descriptor is not None
        endpoint.descriptor.close()
        run_until(base, lambda: protocol.is_lost)
        assert type(protocol.loss).__name__ == "SocketClosed"


@LINUX
def test_one_that_is_shut_down_behind_its_back_does_not_make_it_spin(
    base: EventBase, backend: str
) -> None:
    if backend == "select":
        pytest.skip("it cannot tell")
    for delivery in ("one", "many"):
        protocol = Noting()
        options: Any = {"remote_host": "127.0.0.1", "remote_port": free_name().port}
        with opened(base, protocol, delivery=delivery, **options) as endpoint:
            with socket.socket(fileno=socket.dup(endpoint.fileno())) as same:
                same.shutdown(socket.SHUT_RDWR)
            run_until(base, lambda: protocol.is_lost)  # noqa: B023 - it is called here
            assert type(protocol.loss).__name__ == "SocketClosed"
