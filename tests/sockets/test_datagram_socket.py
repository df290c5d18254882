"""Datagrams between two sockets: what arrives, from whom, and how calls are made."""

import pickle
import socket
from collections.abc import Callable
from typing import Any

import pytest
from sockets.datagrams import (
    FAMILIES,
    NEEDS_IPV6,
    connected_to,
    datagrams,
    free_name,
    name_of,
    pythons,
    receive,
)
from support.peers import LOOPBACK
from support.timing import MS, PATIENCE

from trunkline import (
    LARGEST_DATAGRAM,
    AddressInUse,
    DatagramSocket,
    DestinationRequired,
    Endpoint,
    EventBase,
    IPv4Address,
    MessageTooLong,
    NotConnected,
    PermissionDenied,
    Received,
    Sender,
    SocketClosed,
    TimedOut,
    TransportProtocol,
    WouldBlock,
    adopt,
    create_async_io_state,
    listen,
    make_socket,
    make_socket_pair,
    map_ipv4_address_to_ipv6,
    wait_until_any_ready,
    wait_until_fd_ready,
)

LARGEST_PAYLOAD = 65_507  # bytes, of UDP by IPv4


# -- to and fro -----------------------------------------------------------------------------------


@FAMILIES
def test_a_connected_socket_exchanges_datagrams_with_its_peer(family: socket.AddressFamily) -> None:
    with datagrams(family) as server, connected_to(server) as client:
        assert client.send_to(bytes([1, 2, 3, 4, 5]), timeout=PATIENCE) == 5
        data, sender = receive(server, 200)
        assert data == bytes([1, 2, 3, 4, 5])
        assert sender == client.local_name
        server.send_to(data, sender, timeout=PATIENCE)
        assert receive(client, 200).data == data


@FAMILIES
def test_a_socket_that_is_not_connected_names_the_receiver(family: socket.AddressFamily) -> None:
    with datagrams(family) as server, datagrams(family) as client:
        host, port = server.local_name
        client.send_to(b"one", remote_host=host, remote_port=port, timeout=PATIENCE)
        client.send_to(b"two", str(host), port, timeout=PATIENCE)
        client.send_to(b"three", server.local_name, timeout=PATIENCE)
        got = [receive(server) for _ in range(3)]
        assert [data for data, _ in got] == [b"one", b"two", b"three"]
        assert {sender.name for _, sender in got} == {client.local_name}


@FAMILIES
def test_the_standard_library_is_a_peer(family: socket.AddressFamily) -> None:
    with pythons(family) as peer, datagrams(family) as ours:
        peer.sendto(b"hello", (str(ours.local_host), ours.local_port))
        data, sender = receive(ours)
        assert (data, sender.name) == (b"hello", name_of(peer))
        ours.send_to(b"hello yourself", sender, timeout=PATIENCE)
        answer, name = peer.recvfrom(100)
        assert answer == b"hello yourself"
        assert name[:2] == (str(ours.local_host), ours.local_port)


def test_a_datagram_without_bytes_is_one() -> None:
    with datagrams() as server, connected_to(server) as client:
        assert client.send_to(b"", timeout=PATIENCE) == 0
        client.send_to(b"after it", timeout=PATIENCE)
        assert receive(server) == (b"", client.local_name)
        assert receive(server, bytearray(9)) == (8, client.local_name)


def test_a_part_of_the_data_is_sent() -> None:
    with datagrams() as server, connected_to(server) as client:
        assert client.send_to(b"0123456789", start=2, end=5, timeout=PATIENCE) == 3
        client.send_to(memoryview(b"0123456789")[::2], start=1, timeout=PATIENCE)
        assert [receive(server).data for _ in range(2)] == [b"234", b"2468"]
        for bounds in ({"start": 11}, {"end": 11}, {"start": 3, "end": 2}, {"start": -1}):
            options: Any = bounds
            with pytest.raises(ValueError, match="bounds"):
                client.send_to(b"0123456789", **options)


def test_a_datagram_is_received_into_a_buffer() -> None:
    with datagrams() as server, connected_to(server) as client:
        client.send_to(b"hello", timeout=PATIENCE)
        buffer = bytearray(b"." * 10)
        count, sender = receive(server, buffer, start=2, end=8)
        assert (count, sender.name) == (5, client.local_name)
        assert buffer == b"..hello..."


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((-1,), {}, ValueError),
        (("100",), {}, TypeError),
        ((b"read only",), {}, TypeError),
        ((1.5,), {}, TypeError),
        ((True,), {}, TypeError),
        ((10,), {"start": 1}, TypeError),
        ((bytearray(3),), {"end": 4}, ValueError),
        ((), {"timeout": -1}, ValueError),
        ((), {"timeout": True}, TypeError),
        ((), {"timeout": False}, TypeError),
    ],
)
def test_what_cannot_be_received_into(
    arguments: tuple[Any, ...], options: dict[str, Any], error: type[Exception]
) -> None:
    with datagrams() as sock, pytest.raises(error):
        sock.receive_from(*arguments, **options)


def test_to_peek_leaves_the_datagram_there() -> None:
    with datagrams() as server, connected_to(server) as client:
        client.send_to(b"hello", timeout=PATIENCE)
        assert receive(server, 2, peek=True).data == b"he"
        assert receive(server).data == b"hello"


# -- size -----------------------------------------------------------------------------------------


def test_what_does_not_fit_is_cut_off_and_told() -> None:
    with datagrams() as server, connected_to(server) as client:
        for _ in range(4):
            client.send_to(b"hello", timeout=PATIENCE)
        for size, data, truncated in ((4, b"hell", True), (5, b"hello", False), (0, b"", True)):
            received = receive(server, size)
            assert (received.data, received.truncated) == (data, truncated)
        into = receive(server, bytearray(3))
        assert (into.data, into.truncated) == (3, True)
        assert pickle.loads(pickle.dumps(into)).truncated


def test_the_largest_datagram_arrives_and_a_larger_one_is_refused() -> None:
    with datagrams() as server, connected_to(server) as client:
        data = bytes(range(256)) * 256
        assert client.send_to(data[:LARGEST_PAYLOAD], timeout=PATIENCE) == LARGEST_PAYLOAD
        received = receive(server)
        assert received.data == data[:LARGEST_PAYLOAD]
        assert not received.truncated
        for size in (LARGEST_PAYLOAD + 1, LARGEST_DATAGRAM + 1):
            with pytest.raises(MessageTooLong) as caught:
                client.send_to(bytes(size), timeout=PATIENCE)
            assert caught.value.operation == "send"
            assert caught.value.address == server.local_name
        client.send_to(b"next", timeout=PATIENCE)
        assert receive(server).data == b"next"


# -- time -----------------------------------------------------------------------------------------


def test_receiving_waits_only_if_told_to() -> None:
    with datagrams() as sock:
        with pytest.raises(WouldBlock) as caught:
            sock.receive_from()
        assert caught.value.address == sock.local_name
        with pytest.raises(TimedOut) as late:
            sock.receive_from(timeout=MS)
        assert late.value.deadline
        assert (late.value.operation, late.value.address) == ("receive", sock.local_name)


def test_a_multiplexer_takes_it() -> None:
    with datagrams() as server, connected_to(server) as client, EventBase() as event_base:
        got: list[bytes] = []

        def read(fd: int, event: str, cause: object) -> None:
            got.append(receive(server).data)
            event_base.exit()

        event_base.set_io_handler(server, "read", read)
        client.send_to(b"hello", timeout=PATIENCE)
        event_base.dispatch(timeout=PATIENCE)
        assert got == [b"hello"]
        assert not wait_until_fd_ready(server, "read", timeout=0)


def test_it_is_among_many_that_are_waited_for() -> None:
    with datagrams() as server, datagrams() as other, connected_to(server) as client:
        nothing = wait_until_any_ready([server, (other, "read")], timeout=0)
        assert not any(nothing)
        for data in (b"hello", b""):
            client.send_to(data, timeout=PATIENCE)
            ready, unready = wait_until_any_ready([server, other], timeout=PATIENCE)
            assert (ready.input, ready.end_of_file, ready.error) == (True, False, False)
            assert not unready
            receive(server)
        assert wait_until_any_ready([(client, "write")], timeout=PATIENCE)[0].output
        server.close()
        client.send_to(b"anybody there?", timeout=PATIENCE)
        (told,) = wait_until_any_ready([client], timeout=PATIENCE)
        assert told.error


# -- many at once ---------------------------------------------------------------------------------


def test_many_are_sent_and_received_in_one_call() -> None:
    with datagrams() as server, connected_to(server) as client:
        messages = [b"%d" % number for number in range(20)]
        assert client.send_many(messages, timeout=PATIENCE) == 20
        got: list[Received[bytes]] = []
        while len(got) < 20:
            got += server.receive_many(7, timeout=PATIENCE)
        assert [received.data for received in got] == messages
        assert server.send_many(got, timeout=PATIENCE) == 20
        assert [receive(client).data for _ in range(20)] == messages


def test_as_many_are_received_as_are_there_and_no_more_than_asked_for() -> None:
    with datagrams() as server, connected_to(server) as client:
        client.send_many([b"a", b"bcd", b"e"], timeout=PATIENCE)
        first = server.receive_many(2, size=2, timeout=PATIENCE)
        assert [each.data for each in first] in ([b"a", b"bc"], [b"a"])
        assert [each.truncated for each in first] in ([False, True], [False])
        rest = server.receive_many(9, timeout=PATIENCE)
        assert 1 <= len(first) + len(rest) <= 3
    with datagrams() as server:
        with pytest.raises(WouldBlock):
            server.receive_many(3)
        with pytest.raises(TimedOut):
            server.receive_many(3, timeout=MS)
        for wrong in (0, -1):
            with pytest.raises(ValueError, match="count"):
                server.receive_many(wrong)


def test_an_error_says_how_many_had_been_sent() -> None:
    with datagrams() as server, connected_to(server) as client:
        with pytest.raises(MessageTooLong) as caught:
            client.send_many([b"one", b"two", bytes(100_000), b"four"], timeout=PATIENCE)
        assert caught.value.sent == 2
        assert pickle.loads(pickle.dumps(caught.value)).sent == 2
        assert [receive(server).data for _ in range(2)] == [b"one", b"two"]


def test_a_mistake_among_many_is_found_before_anything_is_sent() -> None:
    with datagrams() as server, datagrams() as client:
        wrong: Any
        for wrong in ("text", (b"data", "127.0.0.1"), (b"data", None, 1)):
            with pytest.raises(TypeError):
                client.send_many([(b"one", server.local_name), wrong])
        with pytest.raises(DestinationRequired):
            client.send_many([(b"one", server.local_name), b"to nobody"])
        with pytest.raises(WouldBlock):
            server.receive_from()


# -- who is the peer ------------------------------------------------------------------------------


def test_without_a_peer_somebody_has_to_be_named() -> None:
    with datagrams() as sock:
        with pytest.raises(DestinationRequired):
            sock.send_to(b"to nobody")
        with pytest.raises(NotConnected):
            sock.remote_name  # noqa: B018 - it raises
        assert not sock.is_connected


def test_a_connected_socket_hears_nobody_but_its_peer() -> None:
    with datagrams() as server, datagrams() as client, datagrams() as other:
        client.connect(*server.local_name)
        assert client.is_connected
        assert (client.remote_name, client.remote_host, client.remote_port) == (
            server.local_name,
            *server.local_name,
        )
        other.send_to(b"psst", client.local_name, timeout=PATIENCE)
        server.send_to(b"hello", client.local_name, timeout=PATIENCE)
        assert receive(client) == (b"hello", server.local_name)


@FAMILIES
def test_whoever_disconnects_hears_everybody_again_at_the_same_port(
    family: socket.AddressFamily,
) -> None:
    with datagrams(family) as server, datagrams(family) as client, datagrams(family) as other:
        name = client.local_name
        client.connect(*server.local_name)
        client.disconnect()
        assert not client.is_connected
        assert client.local_name == name
        other.send_to(b"now", name, timeout=PATIENCE)
        assert receive(client) == (b"now", other.local_name)
        client.disconnect()  # once more does nothing
        client.connect(*other.local_name)
        client.send_to(b"to the other", timeout=PATIENCE)
        assert receive(other) == (b"to the other", name)


def test_whoever_was_not_bound_is_not_bound_after_disconnecting() -> None:
    with datagrams() as server, connected_to(server) as client:
        bound = [client.is_bound]
        client.disconnect()
        bound.append(client.is_bound)
        assert client.local_port == 0
        client.bind(LOOPBACK[socket.AF_INET])
        bound.append(client.is_bound)
        assert bound == [True, False, True]


def test_another_peer_takes_the_place_of_the_first() -> None:
    with datagrams() as one, datagrams() as two, make_socket(type="datagram") as client:
        for server in (one, two):
            client.connect(*server.local_name)
            client.send_to(b"hello", timeout=PATIENCE)
            assert receive(server).data == b"hello"


def test_a_socket_is_bound_once_and_a_port_has_one_owner() -> None:
    with datagrams() as one, make_socket(type="datagram") as other:
        assert one.is_bound
        assert not other.is_bound
        with pytest.raises(ValueError, match="bound already"):
            one.bind("127.0.0.1")
        with pytest.raises(AddressInUse):
            other.bind(*one.local_name)


def test_a_port_is_shared_by_those_who_say_so() -> None:
    with datagrams(reuse_port=True) as one:
        port = one.local_port
        with make_socket(
            type="datagram", local_host="127.0.0.1", local_port=port, reuse_port=True
        ) as other:
            assert other.local_name == one.local_name
        with pytest.raises(AddressInUse):
            make_socket(type="datagram", local_host="127.0.0.1", local_port=port)
    with datagrams(reuse_address=True) as one:
        port = one.local_port
        make_socket(
            type="datagram", local_host="127.0.0.1", local_port=port, reuse_address=True
        ).close()


def test_a_service_has_the_port_that_it_has_for_udp() -> None:
    with datagrams() as client:
        with pytest.raises(ValueError, match="no UDP service of the name 'no-such-thing'"):
            client.send_to(b"", "127.0.0.1", "no-such-thing")
        with make_socket("127.0.0.1", "tftp", type="datagram") as sock:  # which TCP has not
            assert sock.remote_port == 69


# -- IPv4 and IPv6 at once ------------------------------------------------------------------------


@NEEDS_IPV6
def test_one_socket_serves_both_families() -> None:
    with make_socket(type="datagram", local_host="::", v6_only=False) as server:
        port = server.local_port
        for family, host in LOOPBACK.items():
            with datagrams(family) as client:
                client.send_to(b"hello", host, port, timeout=PATIENCE)
                _, sender = receive(server)
                expected = client.local_host
                if isinstance(expected, IPv4Address):
                    expected = map_ipv4_address_to_ipv6(expected)
                assert sender == Endpoint(expected, client.local_port)
                server.send_to(b"welcome", sender, timeout=PATIENCE)
                assert receive(client).data == b"welcome"
                server.send_to(b"once more", host, client.local_port, timeout=PATIENCE)
                assert receive(client).data == b"once more"


@NEEDS_IPV6
def test_by_default_ipv6_is_ipv6() -> None:
    with make_socket(type="datagram", local_host="::") as server:
        assert server.get_option("v6_only")
        with datagrams(local_port=0) as client, pytest.raises(TypeError, match="v6_only"):
            make_socket(*client.local_name, type="datagram", v6_only=True)


# -- the sender -----------------------------------------------------------------------------------


def test_a_sender_is_as_good_as_its_name() -> None:
    with datagrams() as server, connected_to(server) as client:
        client.send_to(b"hello", timeout=PATIENCE)
        _, sender = receive(server)
        host, port = sender
        assert (host, port) == (sender.host, sender.port) == client.local_name
        assert str(sender) == str(client.local_name)
        known: dict[object, int] = {client.local_name: 1}
        assert known[sender] == 1
        assert {sender} == {client.local_name}
        assert sender == client.local_name == sender  # from either side
        assert sender != Endpoint(host, port + 1)
        assert sender != str(client.local_name)
        assert repr(sender) == f"<sender {client.local_name}>"
        copy = pickle.loads(pickle.dumps(sender))
        assert isinstance(copy, Sender)
        assert copy == sender
        with pytest.raises(TypeError, match="file name"):
            sender.filename  # noqa: B018 - it raises
        assert (sender.local_host, sender.interface) == (None, None)


def test_a_name_is_made_of_a_sender_when_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    from trunkline.sockets.datagrams import received as module

    made: list[object] = []
    monkeypatch.setattr(module, "name_from_sockaddr", lambda *name: made.append(name))
    with datagrams() as server, connected_to(server) as client:
        client.send_to(b"hello", timeout=PATIENCE)
        data, sender = receive(server)
        server.send_to(data, sender, timeout=PATIENCE)
        assert receive(client).data == b"hello"
        assert not made


# -- arguments ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "told"),
    [
        (("127.0.0.1",), {}, "belong together: give both or neither"),
        (("127.0.0.1:80",), {}, "belong together: give them as '127.0.0.1' and 80"),
        ((), {"remote_port": 80}, "belong together"),
        ((Endpoint(IPv4Address("127.0.0.1"), 80), 80), {}, "leave remote_port out"),
        ((), {"remote_filename": "/x"}, "IPv4 datagram socket does not take remote_filename"),
    ],
)
def test_a_receiver_that_is_none_is_told(
    arguments: tuple[Any, ...], options: dict[str, Any], told: str
) -> None:
    with datagrams() as sock, pytest.raises(TypeError, match=told):
        sock.send_to(b"", *arguments, **options)


def test_names_of_hosts_are_for_make_socket() -> None:
    with datagrams() as sock, pytest.raises(ValueError, match=r"but a name.*make_socket"):
        sock.send_to(b"", "localhost", 80)


def test_text_is_no_data() -> None:
    with datagrams() as sock, pytest.raises(TypeError, match="bytes, not str"):
        sock.send_to("text", *free_name())  # type: ignore[call-overload]


STREAM_CALLS = ["read_line", "read", "write", "finish_output", "shutdown", "accept", "listen"]


@pytest.mark.parametrize("name", STREAM_CALLS)
def test_a_call_for_streams_is_a_type_error_that_names_both(name: str) -> None:
    with datagrams() as sock:
        with pytest.raises(
            TypeError, match=rf"DatagramSocket has no {name}, which is for .*sockets: \w"
        ):
            getattr(sock, name)()
        assert not hasattr(sock, name)


@pytest.mark.parametrize("name", ["join", "leave", "disconnect", "send_many", "receive_many"])
def test_a_call_for_datagrams_is_a_type_error_of_a_stream(name: str) -> None:
    with (
        make_socket() as sock,
        pytest.raises(TypeError, match=rf"ActiveSocket has no {name}, which is for datagram"),
    ):
        getattr(sock, name)()


@pytest.mark.parametrize("call", [adopt, listen, create_async_io_state])
def test_what_takes_connections_does_not_take_it(call: Any) -> None:
    arguments: Any = {
        adopt: lambda sock: (TransportProtocol(), sock),
        listen: lambda sock: (sock, TransportProtocol),
        create_async_io_state: lambda sock: (sock,),
    }[call]
    with (
        EventBase() as event_base,
        datagrams() as sock,
        pytest.raises(TypeError, match=rf"{call.__name__}\(\) takes .* and no DatagramSocket"),
    ):
        call(event_base, *arguments(sock))


@pytest.mark.parametrize("name", ["send_to", "receive_from"])
def test_a_listener_neither_sends_nor_receives(name: str) -> None:
    with (
        make_socket(connect="passive") as sock,
        pytest.raises(TypeError, match=f"PassiveSocket has no {name}"),
    ):
        getattr(sock, name)()


# -- all of a network -----------------------------------------------------------------------------


def test_sending_to_all_has_to_be_allowed() -> None:
    with make_socket(type="datagram") as sock:
        with pytest.raises(PermissionDenied, match="broadcast=True") as caught:
            sock.send_to(b"", "255.255.255.255", free_name().port, timeout=PATIENCE)
        assert pickle.loads(pickle.dumps(caught.value)).strerror == caught.value.strerror
    with (
        datagrams() as server,
        make_socket(type="datagram", local_host="127.0.0.1", broadcast=True) as sock,
    ):
        assert sock.get_option("broadcast")
        with make_socket(
            type="datagram", local_host="127.255.255.255", local_port=server.local_port
        ) as everybody:
            sock.send_to(b"hello", "127.255.255.255", server.local_port, timeout=PATIENCE)
            assert receive(everybody) == (b"hello", sock.local_name)


# -- the end --------------------------------------------------------------------------------------


def test_a_closed_socket_does_nothing_more() -> None:
    server = datagrams()
    client = connected_to(server)
    name, peer = client.local_name, client.remote_name
    client.close()
    client.close()
    calls: list[Callable[[], object]] = [
        lambda: client.send_to(b""),
        lambda: client.send_to(b"", *peer),
        lambda: client.send_many([b""]),
        client.receive_from,
        lambda: client.receive_many(1),
        client.disconnect,
        lambda: client.connect(*peer),
        lambda: client.join("224.0.0.251"),
    ]
    for call in calls:
        with pytest.raises(SocketClosed):
            call()
    assert list(client) == []
    assert (client.local_name, client.remote_name) == (name, peer)
    assert not client.is_connected
    assert not client.is_bound
    assert repr(client) == "<IPv4 datagram socket, closed>"
    server.close()


def test_it_says_what_it_is() -> None:
    with make_socket(type="datagram") as sock:
        assert repr(sock) == "<IPv4 datagram socket, unbound>"
        sock.bind("127.0.0.1")
        assert repr(sock) == f"<IPv4 datagram socket waiting @ 127.0.0.1:{sock.local_port}>"
        port = free_name().port
        sock.connect("127.0.0.1", port)
        assert repr(sock) == f"<IPv4 datagram socket connected to 127.0.0.1:{port}>"


def test_a_forgotten_one_closes_itself_and_says_so() -> None:
    sock: DatagramSocket | None = datagrams()
    with pytest.warns(ResourceWarning, match="unclosed <IPv4 datagram socket"):
        sock = None
    assert sock is None


def test_python_gets_it() -> None:
    with datagrams() as server:
        client = connected_to(server)
        with client.to_socket() as pythons_own:
            assert client.closed
            assert pythons_own.type == socket.SOCK_DGRAM
            pythons_own.send(b"hello")
            assert receive(server).data == b"hello"


# -- senders of other sockets ---------------------------------------------------------------------


@NEEDS_IPV6
def test_whoever_has_sent_to_another_socket_can_be_answered_from_this_one() -> None:
    with (
        datagrams() as server,
        datagrams() as client,
        make_socket(type="datagram", local_host="::", v6_only=False) as both,
    ):
        client.send_to(b"hello", server.local_name, timeout=PATIENCE)
        _, sender = receive(server)
        both.send_to(b"from elsewhere", sender, timeout=PATIENCE)
        both.send_many([(b"and again", sender)], timeout=PATIENCE)
        assert [receive(client).data for _ in range(2)] == [b"from elsewhere", b"and again"]


def test_a_local_sender_is_not_on_the_internet() -> None:
    one, other = make_socket_pair(type="datagram")
    with one, other, datagrams() as sock:
        one.send_to(b"hello", timeout=PATIENCE)
        _, sender = receive(other)
        with pytest.raises(TypeError, match="IPv4 datagram socket does not send to"):
            sock.send_to(b"", sender)
