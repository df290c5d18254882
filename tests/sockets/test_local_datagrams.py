"""Local datagrams: by path, in the abstract namespace, and in pairs."""

import socket
import sys
from pathlib import Path

import pytest
from sockets.datagrams import LARGE, receive, receive_what_comes_late
from sockets.helpers import Call
from support.timing import MS, PATIENCE

from trunkline import (
    AddressInUse,
    ConnectionRefused,
    DatagramSocket,
    DestinationRequired,
    LocalAddress,
    MessageTooLong,
    PathNotFound,
    SocketClosed,
    TimedOut,
    WouldBlock,
    make_socket,
    make_socket_pair,
)
from trunkline._sys import datagram_descriptor
from trunkline._sys.readiness import unread_count

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")
ANY = LocalAddress("", abstract=True)


def at(path: Path | LocalAddress) -> DatagramSocket:
    return make_socket(type="datagram", address_family="local", local_filename=path)


def unnamed() -> DatagramSocket:
    return make_socket(type="datagram", address_family="local")


def test_datagrams_go_to_paths_and_back(tmp_path: Path) -> None:
    with at(tmp_path / "server") as server, at(tmp_path / "client") as client:
        client.send_to(b"hello", remote_filename=tmp_path / "server", timeout=PATIENCE)
        data, sender = receive(server)
        assert (data, sender.filename) == (b"hello", client.local_filename)
        assert sender == LocalAddress(tmp_path / "client")
        server.send_to(b"welcome", sender, timeout=PATIENCE)
        server.send_to(b"again", sender.name, timeout=PATIENCE)
        assert [receive(client).data for _ in range(2)] == [b"welcome", b"again"]
        with pytest.raises(TypeError, match="hosts"):
            sender.host  # noqa: B018 - it raises
        assert repr(server) == f'<local datagram socket waiting @ "{tmp_path / "server"}">'


def test_a_peer_is_connected_to(tmp_path: Path) -> None:
    path = tmp_path / "server"
    with at(path) as server:
        client = make_socket(type="datagram", address_family="local", remote_filename=path)
        with client:
            assert client.remote_filename == LocalAddress(path)
            client.send_to(b"hello", timeout=PATIENCE)
            data, sender = receive(server)
            assert (data, sender.name) == (b"hello", ANY)
            with pytest.raises(DestinationRequired, match="no name to answer to"):
                server.send_to(b"", sender)
            client.disconnect()
            with pytest.raises(DestinationRequired):
                client.send_to(b"")


@LINUX
def test_an_empty_abstract_name_is_any_that_is_free() -> None:
    with at(ANY) as one, at(ANY) as other:
        assert one.local_filename != other.local_filename
        assert one.local_filename.abstract
        assert one.local_filename.path
        one.send_to(b"hello", remote_filename=other.local_filename, timeout=PATIENCE)
        assert [*receive(other)] == [b"hello", one.local_filename]


def test_the_file_goes_with_the_socket_and_one_that_nobody_has_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "server"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as killed:
        killed.bind(str(path))
        with pytest.raises(AddressInUse):
            at(path)
    assert path.exists()
    with at(path) as server:
        assert [each.name for each in tmp_path.iterdir()] == ["server"]
        with pytest.raises(AddressInUse):
            at(path)
        with pytest.raises(AddressInUse):
            make_socket(connect="passive", address_family="local", local_filename=path)
        assert server.is_bound
    assert not path.exists()


def test_a_file_that_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("text")
    with pytest.raises(AddressInUse):
        at(path)
    assert path.read_text() == "text"


def test_whether_anybody_is_there_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "server"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as killed:
        killed.bind(str(path))
    with at(tmp_path / "client") as client:
        with pytest.raises(ConnectionRefused) as caught:
            client.send_to(b"", remote_filename=path, timeout=PATIENCE)
        assert (caught.value.operation, caught.value.address) == ("send", LocalAddress(path))
        with pytest.raises(PathNotFound):
            client.send_to(b"", remote_filename=tmp_path / "nobody", timeout=PATIENCE)
        with pytest.raises(ConnectionRefused):
            client.connect(path)
        assert not client.is_connected
    with pytest.raises(PathNotFound):
        make_socket(type="datagram", address_family="local", remote_filename=tmp_path / "nobody")


def test_a_pair_exchanges_datagrams() -> None:
    one, other = make_socket_pair(type="datagram")
    with one, other:
        one.send_many([b"one", b"", b"three"], timeout=PATIENCE)
        assert [receive(other).data for _ in range(3)] == [b"one", b"", b"three"]
        other.send_to(b"back", timeout=PATIENCE)
        assert [*receive(one)] == [b"back", ANY]


def test_a_datagram_may_be_larger_than_those_of_udp() -> None:
    one, other = make_socket_pair(type="datagram")
    with one, other:
        data = bytes(range(256)) * 400
        one.send_to(data, timeout=PATIENCE)
        received = receive(other)
        assert received.data == data
        assert not received.truncated
        one.send_to(data, timeout=PATIENCE)
        assert next(iter(other)).data == data
        with pytest.raises(MessageTooLong):
            one.send_to(bytes(20_000_000), timeout=PATIENCE)


def fill(sender: DatagramSocket, *receiver: LocalAddress) -> int:
    """Send until there is no room any more, and return how often."""
    count = 0
    try:
        while True:
            sender.send_to(b"more", *receiver, timeout=20 * MS)
            count += 1
    except TimedOut:
        return count


@pytest.mark.exact_io("there is room, and poll says that there is none, where a fault says so")
@pytest.mark.parametrize("connected", [True, False])
def test_sending_waits_for_room(tmp_path: Path, connected: bool) -> None:
    with at(tmp_path / "server") as server, unnamed() as client:
        receiver = () if connected else (server.local_filename,)
        if connected:
            client.connect(server.local_filename)
        count = fill(client, *receiver)
        with pytest.raises(WouldBlock):
            client.send_to(b"at once", *receiver)
        with Call(client.send_to, b"last", *receiver, timeout=PATIENCE) as sending:
            got = [receive(server).data for _ in range(count + 1)]
            assert sending.result() == 4
        assert got == [b"more"] * count + [b"last"]


@pytest.mark.exact_io("there is room, and poll says that there is none, where a fault says so")
@pytest.mark.parametrize("connected", [True, False])
def test_closing_ends_a_wait_for_room(tmp_path: Path, connected: bool) -> None:
    with at(tmp_path / "server") as server, unnamed() as client:
        receiver = () if connected else (server.local_filename,)
        if connected:
            client.connect(server.local_filename)
        fill(client, *receiver)
        with Call(client.send_to, b"last", *receiver, timeout=PATIENCE) as sending:
            with pytest.raises(TimedOut):
                receive_nothing(client)
            assert sending.is_running
            client.close()
            with pytest.raises(SocketClosed):
                sending.result()


def receive_nothing(sock: DatagramSocket) -> None:
    sock.receive_from(timeout=50 * MS)


@pytest.mark.parametrize("operation", ["join", "leave"])
def test_local_sockets_are_in_no_groups(operation: str) -> None:
    one, other = make_socket_pair(type="datagram")
    with one, other:
        with pytest.raises(TypeError, match=f"local datagram socket does not take {operation}"):
            getattr(one, operation)("224.0.0.1")
        for name, value in (("interface", "lo"), ("loop", True), ("hops", 1)):
            with pytest.raises(TypeError, match=f"multicast_{name}"):
                getattr(one, f"multicast_{name}")
            with pytest.raises(TypeError, match=f"multicast_{name}"):
                setattr(one, f"multicast_{name}", value)


def test_a_receiver_is_of_the_same_family() -> None:
    with at(ANY) as local, make_socket(type="datagram", local_host="127.0.0.1") as internet:
        for arguments in (("127.0.0.1", 80), (internet.local_name,)):
            with pytest.raises(TypeError, match=r"local datagram socket does not .*internet"):
                local.send_to(b"", *arguments)
        with pytest.raises(TypeError, match=r"IPv4 datagram socket does not send to .*local"):
            internet.send_to(b"", local.local_name)
        with pytest.raises(TypeError, match="and not both"):
            local.send_to(b"", "127.0.0.1", 80, remote_filename="x")  # type: ignore[call-overload]


@LINUX
def test_a_large_one_that_comes_while_somebody_looks_is_not_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at(tmp_path / "server") as server, at(tmp_path / "client") as client:
        client.connect(tmp_path / "server")

        def look(number: int) -> int | None:
            there = unread_count(number)
            if there == 0:
                client.send_to(LARGE, timeout=PATIENCE)  # at the worst moment
            return there

        monkeypatch.setattr(datagram_descriptor, "unread_count", look)
        received = server.receive_from(timeout=PATIENCE)
        assert (received.data, received.truncated) == (LARGE, False)


def test_nor_is_one_that_comes_when_none_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at(tmp_path / "server") as server, at(tmp_path / "client") as client:
        client.connect(tmp_path / "server")
        received = receive_what_comes_late(server, client.send_to, monkeypatch)
        assert (received.data, received.truncated) == (LARGE, False)


def test_a_send_that_fails_takes_nothing_of_what_has_come(tmp_path: Path) -> None:
    with at(tmp_path / "server") as server, at(tmp_path / "client") as client:
        client.connect(tmp_path / "server")
        client.send_many([b"one", b"two"], timeout=PATIENCE)
        with pytest.raises(PathNotFound):
            server.send_to(b"x", remote_filename=tmp_path / "nobody", timeout=PATIENCE)
        assert [receive(server).data for _ in range(2)] == [b"one", b"two"]
