"""What a datagram endpoint receives, and whom it tells."""

import contextvars
import errno
import itertools
import os
import pickle
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from multiplex.datagram_helpers import (
    FAMILIES,
    NEEDS_IPV6,
    Noting,
    local_peer,
    opened,
    peer_of,
    receive,
    send,
)
from multiplex.helpers import UNDER_FAULTS, dispatch_quietly
from multiplex.transport_helpers import failures_of, run_until, settle
from sockets.datagrams import name_of
from support.peers import LOOPBACK
from support.timing import PATIENCE

from trunkline import (
    RECEIVES_AT_ONCE,
    DatagramProtocol,
    EventBase,
    IPv4Address,
    Sender,
    SocketClosed,
    TimedOut,
    adopt_datagrams,
    make_socket,
    make_socket_pair,
    open_datagrams,
)
from trunkline.testing.clock import ManualClock


def echoing(**then: Callable[..., Any]) -> Noting:
    def echo(data: bytes, sender: Sender) -> None:
        protocol.endpoint.send_to(data, sender)

    protocol = Noting(datagram_received=echo, **then)
    return protocol


@FAMILIES
def test_it_answers_whoever_asks(base: EventBase, family: socket.AddressFamily) -> None:
    protocol = echoing()
    with (
        opened(base, protocol, local_host=LOOPBACK[family]) as endpoint,
        peer_of(endpoint, family) as one,
        peer_of(endpoint, family) as other,
    ):
        assert protocol.calls == [("connection_made", (endpoint,))]
        send(one, b"one", b"")
        send(other, b"other")
        assert receive(base, one, 2) == [b"one", b""]
        assert receive(base, other) == [b"other"]
        senders = {args[1] for name, args in protocol.calls if name == "datagram_received"}
        assert senders == {name_of(one), name_of(other)}
        assert all(isinstance(each, Sender) for each in senders)
        assert (endpoint.received, endpoint.sent) == (3, 3)
        assert (endpoint.dropped, endpoint.failed, endpoint.buffered_output) == (0, 0, 0)


def test_many_are_delivered_in_one(base: EventBase) -> None:
    protocol = Noting(datagrams_received=lambda them: protocol.endpoint.send_many(them))
    with (
        opened(base, protocol, delivery="many") as endpoint,
        peer_of(endpoint) as one,
        peer_of(endpoint) as other,
    ):
        send(one, b"1", b"2")
        send(other, b"3")
        assert receive(base, one, 2) == [b"1", b"2"]
        assert receive(base, other) == [b"3"]
        assert sorted(protocol.data) == [b"1", b"2", b"3"]
        if not UNDER_FAULTS:
            assert protocol.names == ["connection_made", "datagrams_received"]
        [first, *_] = protocol.got("datagrams_received")[0]
        assert (first.data, first.sender, first.truncated) == (b"1", name_of(one), False)
        assert endpoint.received == 3


@pytest.mark.parametrize("delivery", ["one", "many"])
@pytest.mark.parametrize("size", [None, 9])
@pytest.mark.exact_io("how many come at a time is what is counted")
def test_a_turn_has_an_end(base: EventBase, delivery: Any, size: int | None) -> None:
    protocol = Noting()
    with (
        opened(base, protocol, delivery=delivery, size=size) as endpoint,
        peer_of(endpoint) as peer,
    ):
        send(peer, *(b"%d" % number for number in range(100)))
        base.dispatch(timeout=0)
        assert len(protocol.data) == RECEIVES_AT_ONCE
        base.dispatch(timeout=0)
        assert protocol.data == [b"%d" % number for number in range(100)]


@pytest.mark.exact_io("a fault ends a turn")
def test_a_flood_keeps_nobody_waiting(base: EventBase) -> None:
    """Each datagram that comes is sent back by itself, for ever; a timer and a handler go on."""
    turns: list[int] = []

    def again(data: bytes, sender: Sender) -> None:
        flooded.endpoint.send_to(data, flooded.endpoint.local_name)

    flooded, other = Noting(datagram_received=again), echoing()
    with opened(base, flooded) as endpoint, opened(base, other) as calm, peer_of(calm) as peer:
        for _ in range(32):  # so that the turn is never over for lack of any
            endpoint.send_to(b"again", endpoint.local_name)
        base.add_timer(lambda: turns.append(endpoint.received), 0)
        send(peer, b"am I heard?")
        run_until(base, lambda: len(turns) >= 10 and calm.sent, "the others' turn")
        assert receive(base, peer) == [b"am I heard?"]
        counts = [after - before for before, after in itertools.pairwise(turns)]
        assert 0 < max(counts) <= RECEIVES_AT_ONCE


def test_nothing_is_delivered_while_reading_is_paused(base: EventBase) -> None:
    protocol = Noting(datagram_received=lambda *_: protocol.endpoint.pause_reading())
    with opened(base, protocol) as endpoint, peer_of(endpoint) as peer:
        send(peer, b"1", b"2", b"3")
        run_until(base, lambda: protocol.data)
        dispatch_quietly(base)
        assert protocol.data == [b"1"]
        endpoint.pause_reading()
        endpoint.resume_reading()
        endpoint.resume_reading()
        run_until(base, lambda: len(protocol.data) == 2)
        settle(base)
        assert protocol.data == [b"1", b"2"]
        protocol.then.clear()
        endpoint.resume_reading()
        run_until(base, lambda: len(protocol.data) == 3)


def test_what_is_cut_off_is_told_and_not_delivered(base: EventBase) -> None:
    for delivery in ("one", "many"):
        protocol = Noting()
        with (
            opened(base, protocol, size=4, delivery=delivery) as endpoint,
            peer_of(endpoint) as peer,
        ):
            send(peer, b"long story", b"tale")
            run_until(base, lambda: protocol.data)  # noqa: B023 - it is called here
            assert protocol.data == [b"tale"]
            assert protocol.got("truncated_received") == [b"long"]
            assert protocol.calls[1][1][1] == name_of(peer)


def test_what_is_cut_off_is_told_in_its_turn_and_may_end_the_turn(base: EventBase) -> None:
    protocol = Noting(truncated_received=lambda *_: protocol.endpoint.pause_reading())
    with opened(base, protocol, size=4, delivery="many") as endpoint, peer_of(endpoint) as peer:
        send(peer, b"tale", b"long story", b"end")
        run_until(base, lambda: protocol.got("truncated_received"))
        assert protocol.names == ["connection_made", "datagrams_received", "truncated_received"]
        dispatch_quietly(base)
        assert protocol.data == [b"tale"]
        endpoint.resume_reading()
        run_until(base, lambda: protocol.data == [b"tale", b"end"])


def test_who_closes_is_told_nothing_of_what_has_come_with_it(base: EventBase) -> None:
    protocol = Noting(datagrams_received=lambda _: protocol.endpoint.close())

    def receive_and_fail(size: int) -> Any:
        endpoint._receive = fail
        return b"1", ("127.0.0.1", 9)

    def fail(size: int) -> Any:
        raise OSError(errno.EHOSTUNREACH, "no way there")

    with opened(base, protocol, delivery="many") as endpoint, peer_of(endpoint) as peer:
        endpoint._receive = receive_and_fail
        send(peer, b"1")
        run_until(base, lambda: protocol.is_lost)
        assert protocol.names == ["connection_made", "datagrams_received", "connection_lost"]
        assert protocol.loss is None


def test_the_largest_datagrams_are_delivered_whole(base: EventBase, tmp_path: Path) -> None:
    protocol = Noting()
    with opened(base, protocol) as endpoint, peer_of(endpoint) as peer:
        send(peer, bytes(65_507))
        run_until(base, lambda: protocol.data == [bytes(65_507)])
    protocol = Noting()
    options = {"address_family": "local", "local_filename": tmp_path / "server"}
    with (
        opened(base, protocol, **options) as endpoint,
        local_peer(tmp_path / "client", endpoint) as peer,
    ):
        send(peer, bytes(100_000))
        run_until(base, lambda: protocol.data == [bytes(100_000)])


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who has sent it")
def test_a_local_sender_is_known_and_what_comes_along_is_there(
    base: EventBase, tmp_path: Path
) -> None:
    protocol = Noting()
    options: dict[str, Any] = {"address_family": "local", "local_filename": tmp_path / "server"}
    options |= {"credentials": True, "file_descriptors": True, "delivery": "many"}
    with (
        opened(base, protocol, **options),
        make_socket(type="datagram", address_family="local") as client,
    ):
        client.connect(tmp_path / "server")
        with open(os.devnull, "rb") as file:
            client.send_file_descriptors([file], b"take this", timeout=PATIENCE)
        run_until(base, lambda: protocol.data)
        (received,) = protocol.got("datagrams_received")[0]
        assert (received.data, received.sender.credentials.pid) == (b"take this", os.getpid())
        with received.descriptors as taken:
            assert os.readlink(f"/proc/self/fd/{taken[0]}") == os.devnull


@pytest.mark.exact_io("the sender's address is looked at")
@pytest.mark.parametrize("asks_later", [False, True])
def test_answers_leave_from_the_address_that_was_asked(base: EventBase, asks_later: bool) -> None:
    protocol = echoing()
    options = {"local_host": "0.0.0.0", "packet_info": not asks_later}
    with opened(base, protocol, **options) as endpoint, peer_of() as peer:
        if asks_later:
            endpoint.set_option("packet_info", True)
        peer.connect(("127.0.0.9", endpoint.local_name.port))
        send(peer, b"hello")
        assert receive(base, peer) == [b"hello"]
        sender = protocol.calls[1][1][1]
        assert sender.local_host == IPv4Address("127.0.0.9")


def test_groups_are_joined_like_with_sockets(base: EventBase) -> None:
    protocol = Noting()
    options = {"local_host": "0.0.0.0", "reuse_address": True}
    with opened(base, protocol, **options) as member, opened(base, Noting()) as speaker:
        member.join("239.255.0.9", interface="lo")
        speaker.multicast_interface = "lo"
        assert (speaker.multicast_interface, speaker.multicast_hops) == ("lo", 1)
        speaker.send_to(b"to whom it may concern", "239.255.0.9", member.local_name.port)
        run_until(base, lambda: protocol.data)
        member.leave("239.255.0.9", interface="lo")
        member.detach().close()


def test_options_are_those_of_sockets(base: EventBase) -> None:
    with opened(base, Noting(), broadcast=True) as endpoint:
        assert endpoint.get_option("broadcast") is True
        endpoint.set_option("broadcast", False)
        assert endpoint.get_option("broadcast") is False
    for call in (lambda: endpoint.get_option("broadcast"), lambda: endpoint.join("239.255.0.9")):
        with pytest.raises(SocketClosed, match="the endpoint is closed"):
            call()
    with pytest.raises(SocketClosed, match=r"^setsockopt broadcast\b"):
        endpoint.set_option("broadcast", True)


class Failure(Exception):
    """What callbacks raise that are to fail."""


def test_a_callback_that_raises_costs_its_datagram_alone(base: EventBase) -> None:
    failures = failures_of(base)

    def fail(data: bytes, sender: Sender) -> None:
        if data == b"bad":
            raise Failure
        protocol.endpoint.send_to(data, sender)

    protocol = Noting(datagram_received=fail)
    with opened(base, protocol) as endpoint, peer_of(endpoint) as peer:
        send(peer, b"bad", b"good")
        assert receive(base, peer) == [b"good"]
        [(error, source)] = failures
        assert isinstance(error, Failure)
        assert source is endpoint
        assert error.__notes__ == [f"when a datagram had come from {name_of(peer)}"]
        assert endpoint.is_open


@pytest.mark.parametrize("name", ["datagrams_received", "truncated_received", "error_received"])
def test_so_does_one_of_the_others(base: EventBase, name: str) -> None:
    def fail(*_: object) -> None:
        raise Failure

    failures = failures_of(base)
    protocol = Noting(**{name: fail})
    options: Any = {"size": 1, "delivery": "many"}
    with opened(base, protocol, **options) as endpoint, peer_of(endpoint) as peer:
        if name == "error_received":
            endpoint.send_to(bytes(70_000), name_of(peer))
        else:
            send(peer, b"xy" if name == "truncated_received" else b"x")
        run_until(base, lambda: failures)
        assert isinstance(failures[0][0], Failure)
        assert endpoint.is_open


def test_one_that_is_not_told_that_it_has_begun_is_ended(base: EventBase) -> None:
    def fail(*_: object) -> None:
        raise Failure

    failures = failures_of(base)
    protocol = Noting(connection_made=fail)
    with opened(base, protocol) as endpoint:
        assert endpoint.is_closing
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, Failure)
        assert len(failures) == 1


def test_what_turns_out_to_be_async_is_told(base: EventBase) -> None:
    async def later(*_: object) -> None: ...

    failures = failures_of(base)
    protocol = Noting(datagram_received=lambda *_: later())
    with opened(base, protocol) as endpoint, peer_of(endpoint) as peer:
        send(peer, b"hello")
        run_until(base, lambda: failures)
        assert "an async one" in str(failures[0][0])


def test_it_is_called_in_its_context(base: EventBase) -> None:
    variable = contextvars.ContextVar("variable", default="outside")
    context = contextvars.copy_context()
    context.run(variable.set, "inside")
    seen: list[str] = []

    def note(*_: object) -> None:
        seen.append(variable.get())

    def overflow(*_: object) -> None:
        note()
        protocol.endpoint.set_water_marks(0)
        while "pause_writing" not in protocol.names:
            protocol.endpoint.send_to(bytes(1000))

    protocol = Noting(
        connection_made=note, datagram_received=overflow, pause_writing=note, connection_lost=note
    )
    one, other = make_socket_pair(type="datagram")
    with other:
        endpoint = adopt_datagrams(base, protocol, one, context=context)
        other.send_to(b"hello", timeout=PATIENCE)
        run_until(base, lambda: "pause_writing" in protocol.names)
        endpoint.abort()
        run_until(base, lambda: protocol.is_lost)
    assert set(seen) == {"inside"}
    assert len(seen) == 4
    assert protocol.nested == [("datagram_received", "pause_writing")]


def test_another_protocol_can_take_over(base: EventBase) -> None:
    second = Noting()
    first = Noting(datagram_received=lambda *_: first.endpoint.set_protocol(second, "many"))
    with opened(base, first) as endpoint, peer_of(endpoint) as peer:
        send(peer, b"1")
        run_until(base, lambda: first.data)
        send(peer, b"2")
        run_until(base, lambda: second.data)
        assert (first.data, second.names) == ([b"1"], ["datagrams_received"])
        assert endpoint.protocol is second
        with pytest.raises(TypeError, match="no datagrams_received"):
            endpoint.set_protocol(object())  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="no delivery as 'lines'"):
            endpoint.set_protocol(first, "lines")  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [None, 4])
def test_another_protocol_is_called_in_its_own_way_for_what_has_come_already(
    base: EventBase, size: int | None
) -> None:
    first = Noting(datagram_received=lambda *_: first.endpoint.set_protocol(second, "many"))
    second = Noting(truncated_received=lambda *_: first.endpoint.set_protocol(third, "one"))
    third = Noting()
    with opened(base, first, size=size) as endpoint, peer_of(endpoint) as peer:
        send(peer, b"1", b"2", b"3")
        run_until(base, lambda: len(second.data) == 2)
        assert (first.data, second.data) == ([b"1"], [b"2", b"3"])
        if size is not None:
            send(peer, b"4", b"long story", b"5")
            run_until(base, lambda: third.data)
            assert (second.data, third.data) == ([b"2", b"3", b"4"], [b"5"])


class Slip(DatagramProtocol):
    def datagram_recieved(self, data: bytes, sender: Sender) -> None: ...


class Short(DatagramProtocol):
    def datagram_received(self, data: bytes) -> None: ...  # type: ignore[override]


class Many(DatagramProtocol):
    def datagrams_received(self, received: Any) -> None: ...


class Async(DatagramProtocol):
    async def datagram_received(self, data: bytes, sender: Sender) -> None: ...  # type: ignore[override]


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        (Slip(), "called by no datagram endpoint; perhaps datagram_received is meant"),
        (Short(), r"called with \(self, data, sender\), and .* cannot be"),
        (Many(), r"no datagram_received\(\), to which delivery='one' delivers; it has datagrams_"),
        (Async(), "an async one"),
        (Many, "it has datagrams_received|a class of them"),
        (DatagramProtocol, "a class of them"),
        (object(), r"object has no datagram_received\(\)"),
    ],
)
def test_a_protocol_that_cannot_be_called_is_refused(
    base: EventBase, protocol: Any, message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        open_datagrams(base, protocol, local_host="127.0.0.1")
    assert base.is_empty


def test_a_limit_of_idleness(timed_base: EventBase, clock: ManualClock) -> None:
    protocol = Noting()
    with opened(timed_base, protocol, idle_timeout=10) as endpoint, peer_of(endpoint) as peer:
        clock.advance(9)
        send(peer, b"hello")
        run_until(timed_base, lambda: protocol.data)
        clock.advance(9)
        endpoint.send_to(b"hello", name_of(peer))
        run_until(timed_base, lambda: not endpoint.buffered_output)
        clock.advance(9)
        settle(timed_base)
        assert endpoint.is_open
        protocol.then["timed_out"] = lambda which: which == "idle"
        clock.advance(2)
        settle(timed_base)
        assert protocol.got("timed_out") == ["idle"]
        assert endpoint.is_open
        protocol.then.clear()
        clock.advance(11)
        run_until(timed_base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TimedOut)


def test_limits_can_be_set_later(timed_base: EventBase, clock: ManualClock) -> None:
    protocol = Noting()
    with opened(timed_base, protocol, idle_timeout=10) as endpoint:
        endpoint.set_timeouts()
        clock.advance(11)
        settle(timed_base)
        assert endpoint.is_open
        endpoint.set_timeouts(idle=1)
        clock.advance(2)
        run_until(timed_base, lambda: protocol.is_lost)
        with pytest.raises(ValueError, match="cannot be 0"):
            open_datagrams(timed_base, protocol, idle_timeout=0)


@NEEDS_IPV6
def test_how_it_looks(base: EventBase) -> None:
    with opened(base, Noting(), local_host="::1") as endpoint, peer_of(endpoint, socket.AF_INET6):
        name = endpoint.local_name
        assert repr(endpoint) == f"<DatagramEndpoint {name}, open>"
        other = open_datagrams(base, Noting(), remote_host="::1", remote_port=name.port)
        assert repr(other) == f"<DatagramEndpoint {other.local_name} to {name}, open>"
        other.abort()
        assert repr(other) == f"<DatagramEndpoint {other.local_name} to {name}, closed>"
        assert (other.fileno(), other.descriptor) == (-1, None)
        assert endpoint.fileno() >= 0
        with pytest.raises(TypeError, match="cannot be copied"):
            pickle.dumps(endpoint)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sendto", r"DatagramEndpoint has no sendto: send_to\(\)"),
        ("write", "DatagramEndpoint has no write, which is for transports: send_to"),
        ("receive_from", "which is for datagram sockets"),
    ],
)
def test_what_others_have_is_told(base: EventBase, name: str, said: str) -> None:
    with opened(base, Noting()) as endpoint:
        with pytest.raises(AttributeError, match=said):
            getattr(endpoint, name)
        assert not hasattr(endpoint, name)
        assert name not in dir(endpoint)


def test_waiting_costs_nothing(base: EventBase) -> None:
    with opened(base, Noting()) as endpoint, peer_of(endpoint):
        dispatch_quietly(base)
