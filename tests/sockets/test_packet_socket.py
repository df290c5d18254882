"""Connections of whole messages: what gets through, and how they end."""

import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sockets.helpers import Call
from support.timing import MS, PATIENCE

from trunkline import (
    AddressInUse,
    AlreadyConnected,
    BrokenPipe,
    ConnectionRefused,
    ConnectionReset,
    EndOfFile,
    LocalAddress,
    MessageTooLong,
    NotConnected,
    PacketSocket,
    PassivePacketSocket,
    Server,
    SocketClosed,
    TimedOut,
    WouldBlock,
    make_socket,
    make_socket_pair,
    wait_until_any_ready,
)

pytestmark = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has none of them")

ANY = LocalAddress("", abstract=True)


def listening(path: Path, **options: Any) -> PassivePacketSocket:
    made: Any = make_socket(
        type="seqpacket",
        connect="passive",
        address_family="local",
        local_filename=path,
        **options,
    )
    assert isinstance(made, PassivePacketSocket)
    return made


def calling(path: Path | None = None, **options: Any) -> PacketSocket:
    if path is not None:
        options["remote_filename"] = path
    made: Any = make_socket(type="seqpacket", address_family="local", **options)
    assert isinstance(made, PacketSocket)
    return made


@contextlib.contextmanager
def connected(path: Path) -> Iterator[tuple[PacketSocket, PacketSocket]]:
    with listening(path) as listener:
        client, server = calling(path), listener.accept()
    with client, server:
        yield client, server


def receive(sock: PacketSocket, *arguments: Any) -> Any:
    return sock.receive_from(*arguments, timeout=PATIENCE)


def test_messages_come_whole_and_in_order_and_then_the_end(tmp_path: Path) -> None:
    with connected(tmp_path / "x") as (client, server):
        assert server.local_filename == client.remote_filename == LocalAddress(tmp_path / "x")
        client.send_to(b"hello", timeout=PATIENCE)
        client.send_many([b"", b"three"], timeout=PATIENCE)
        assert receive(server).data == b"hello"
        server.send_to(b"welcome", timeout=PATIENCE)
        assert receive(client).data == b"welcome"
        client.close()
        assert receive(server).data == b""
        assert receive(server, bytearray(9)).data == 5
        for _ in range(2):
            with pytest.raises(EndOfFile) as caught:
                receive(server)
            assert caught.value.operation == "receive"


def test_an_empty_message_just_before_the_end_is_one(tmp_path: Path) -> None:
    with connected(tmp_path / "x") as (client, server):
        client.send_many([b"", b""], timeout=PATIENCE)
        client.close()
        assert [each.data for each in server] == [b"", b""]


def test_what_does_not_fit_is_told() -> None:
    one, other = make_socket_pair(type="seqpacket")
    with one, other:
        one.send_many([b"hello"] * 2, timeout=PATIENCE)
        for size, data in ((3, b"hel"), (0, b"")):
            received = receive(other, size)
            assert (received.data, received.truncated) == (data, True)
        with pytest.raises(MessageTooLong):
            one.send_to(bytes(20_000_000), timeout=PATIENCE)


def test_many_are_received_up_to_the_end() -> None:
    one, other = make_socket_pair(type="seqpacket")
    with other:
        with one:
            one.send_many([b"one", b"two"], timeout=PATIENCE)
        got: list[bytes] = []
        while len(got) < 2:
            got += [each.data for each in other.receive_many(9, timeout=PATIENCE)]
        assert got == [b"one", b"two"]
        with pytest.raises(EndOfFile):
            other.receive_many(9, timeout=PATIENCE)


def test_a_peer_that_is_gone_is_told(tmp_path: Path) -> None:
    with connected(tmp_path / "x") as (client, server):
        client.send_to(b"not received", timeout=PATIENCE)
        server.close()
        with pytest.raises(ConnectionReset):
            receive(client)
        with pytest.raises(BrokenPipe):
            client.send_to(b"", timeout=PATIENCE)


def test_a_connection_has_one_receiver_and_one_peer(tmp_path: Path) -> None:
    with connected(tmp_path / "x") as (client, server):
        client.send_to(b"hello", timeout=PATIENCE)
        _, sender = receive(server)
        calls: list[Any] = [
            lambda: server.send_to(b"", sender),
            lambda: server.send_to(b"", remote_filename="x"),
            lambda: server.send_many([(b"", sender)]),
        ]
        for call in calls:
            with pytest.raises(TypeError, match=r"local packet socket does not take a receiver"):
                call()
        with pytest.raises(TypeError, match=r"local packet socket does not disconnect"):
            client.disconnect()
        with pytest.raises(AlreadyConnected):
            client.connect(tmp_path / "x")


def test_without_a_connection_there_is_nothing_to_do(tmp_path: Path) -> None:
    with calling(local_filename=tmp_path / "mine") as sock:
        assert sock.is_bound
        for call in (sock.receive_from, lambda: sock.send_to(b"")):
            with pytest.raises(NotConnected):
                call()
        with pytest.raises(ConnectionRefused):
            sock.connect(tmp_path / "mine")
    make_any: Any = make_socket
    with pytest.raises(TypeError, match=r"no active internet seqpacket socket: .*'local'"):
        make_any(type="seqpacket")


def test_whoever_listens_accepts_one_after_the_other(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with listening(path) as listener:
        assert repr(listener) == f'<passive local packet socket waiting @ "{path}">'
        assert listener.accept(timeout=0) is None
        assert listener.accept(timeout=MS) is None
        with pytest.raises(AddressInUse):
            listening(path)

        def serve() -> int:
            count = 0
            for connection in listener:
                with connection:
                    for received in connection:
                        connection.send_to(received.data.upper(), timeout=PATIENCE)
                count += 1
            return count

        with Call(serve) as serving:
            for number in range(3):
                with calling(path) as client:
                    assert repr(client) == f'<local packet socket connected to "{path}">'
                    client.send_to(b"hello %d" % number, timeout=PATIENCE)
                    assert receive(client).data == b"HELLO %d" % number
            listener.close()
            assert serving.result() <= 3
    assert not path.exists()


@pytest.mark.exact_io("a fault makes room in the backlog where there is none")
def test_connecting_waits_for_room_in_the_backlog(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with listening(path, backlog=0) as listener, calling(path):
        with pytest.raises(TimedOut) as caught:
            calling(path, connect_timeout=MS)
        assert caught.value.address == LocalAddress(path)
        with Call(calling, path, connect_timeout=PATIENCE) as connecting:
            listener.accept().close()
            connecting.result().close()


def test_many_of_them_are_waited_for(tmp_path: Path) -> None:
    with listening(tmp_path / "x") as listener:
        assert not any(wait_until_any_ready([listener], timeout=0))
        assert not listener.wait_for_connection(timeout=0)
        with calling(tmp_path / "x") as client:
            assert listener.wait_for_connection(timeout=PATIENCE)
            assert wait_until_any_ready([listener], timeout=PATIENCE)[0].input
            with listener.accept() as server:
                client.close()
                (told,) = wait_until_any_ready([server], timeout=PATIENCE)
                assert told.end_of_file


@pytest.mark.parametrize("name", ["accept", "listen"])
def test_who_listens_is_another(name: str) -> None:
    one, other = make_socket_pair(type="seqpacket")
    with one, other, pytest.raises(TypeError, match=rf"PacketSocket has no {name}.*passive"):
        getattr(one, name)


def test_a_server_of_streams_does_not_take_it(tmp_path: Path) -> None:
    with listening(tmp_path / "x") as listener:
        sockets: Any = [listener]
        with pytest.raises(TypeError, match="passive stream sockets, not PassivePacketSocket"):
            Server(print, sockets=sockets)


def test_closing_ends_a_wait() -> None:
    one, other = make_socket_pair(type="seqpacket")
    with other, Call(one.receive_from, timeout=PATIENCE) as receiving:
        with pytest.raises(WouldBlock):
            other.receive_from()
        one.close()
        with pytest.raises(SocketClosed):
            receiving.result()


@pytest.mark.parametrize("kind", [socket.SOCK_SEQPACKET, socket.SOCK_DGRAM])
def test_descriptors_that_nobody_asked_for_do_not_come(kind: int, tmp_path: Path) -> None:
    # The tests' own accounts would find them.
    one: Any
    other: Any
    one, other = make_socket_pair(type="datagram" if kind == socket.SOCK_DGRAM else "seqpacket")
    with other, one.to_socket() as peer:
        for data in (b"take these", b""):
            socket.send_fds(peer, [data], [peer.fileno()] * 20)
            assert other.receive_from(timeout=PATIENCE).data == data
            socket.send_fds(peer, [data], [peer.fileno()])
            assert other.receive_from(timeout=PATIENCE).data == data


def test_the_standard_library_is_a_peer(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with (
        listening(path) as listener,
        socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer,
    ):
        peer.settimeout(PATIENCE)
        peer.connect(str(path))
        with listener.accept() as server:
            peer.send(b"hello")
            data, sender = receive(server)
            assert (data, sender.name) == (b"hello", ANY)
            server.send_to(b"welcome", timeout=PATIENCE)
            assert peer.recv(100) == b"welcome"
