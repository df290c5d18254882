"""`trunkline connect --listen`: being the server of one client. And only to see who listens."""

import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from cli.helpers import Conversation, command, converse
from support.certificates import Certificates
from support.peers import PeerServer, connect, exchange, has_ipv6, receive_all, refusing_port
from support.processes import Program
from support.programs import require
from support.timing import MS, PATIENCE

from trunkline import TLS, AddressInUse, ConnectionRefused, TimedOut
from trunkline.cli.exit_status import ExitStatus
from trunkline.cli.target import parse_place

MUCH = bytes(range(256)) * 16384  # 4 MiB


def served(place: str, client: Callable[[str], object], types: bytes, **options: Any) -> Any:
    """Wait for a client at a place, and be one meanwhile.

    Args:
        place: Where to wait.
        client: Called with the name of that place.
        types: The input.
        **options: The settings.

    Returns:
        The conversation, and what the client has returned, which was told where to connect.
    """
    told: Queue[str] = Queue()
    results: Queue[object] = Queue()

    def be_client() -> None:
        line = told.get(timeout=PATIENCE)
        results.put(client(line.removeprefix("listening at ")))

    thread = threading.Thread(target=be_client)
    thread.start()
    try:
        where = parse_place(place.removeprefix("udp:"))
        if place.startswith("udp:"):
            where = replace(where, kind="udp")
        ended = converse(where, types, say=told.put, listens=True, **options)
    finally:
        thread.join(PATIENCE)
    return ended, results.get(timeout=PATIENCE)


def address(name: str) -> tuple[str, int]:
    host, _, port = name.rpartition(":")
    return host.strip("[]"), int(port)


@pytest.mark.parametrize(
    "place",
    [
        "127.0.0.1:0",
        "*:0",
        pytest.param("[::1]:0", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6")),
    ],
)
def test_much_goes_both_ways(place: str) -> None:
    def client(name: str) -> bytes:
        host, port = address(name)
        return exchange((host.replace("0.0.0.0", "127.0.0.1"), port), MUCH)

    ended, received = served(place, client, MUCH[::-1])
    assert (ended.output, ended.error) == (MUCH, None)
    assert received == MUCH[::-1]


def test_at_a_local_socket_which_is_gone_then(tmp_path: Path) -> None:
    path = tmp_path / "socket"

    def client(name: str) -> bytes:
        assert name == str(path)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(name)
            connection.sendall(b"from the client")
            connection.shutdown(socket.SHUT_WR)
            return receive_all(connection)

    ended, received = served(f"unix:{path}", client, b"from the server")
    assert (ended.output, received, ended.error) == (b"from the client", b"from the server", None)
    assert not path.exists()


def test_the_first_one_is_the_only_one() -> None:
    def client(name: str) -> bytes:
        with connect(address(name)) as first:
            first.sendall(b"first")
            assert first.recv(1) == b"x"
            with pytest.raises(ConnectionRefusedError):
                connect(address(name))
            first.shutdown(socket.SHUT_WR)
            return receive_all(first)

    ended, received = served("127.0.0.1:0", client, b"xyz")
    assert (ended.output, received) == (b"first", b"yz")


def test_who_fails_to_shake_hands_is_no_client(certificates: Certificates) -> None:
    paths = certificates.server

    def client(name: str) -> bytes:
        assert exchange(address(name), b"no TLS at all\n" * 100)[:1] != b"x"
        context = ssl.create_default_context(cafile=certificates.authority.certificate)
        with (
            connect(address(name)) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"hello")
            return connection.recv(1)

    tls = TLS(certificate=paths.certificate, key=paths.key)
    ended, received = served("127.0.0.1:0", client, b"x", tls=tls)
    assert (ended.output, received) == (b"hello", b"x")


def test_nobody_comes_in_time() -> None:
    place = parse_place("127.0.0.1:0")
    assert isinstance(converse(place, listens=True, timeout=10 * MS).error, TimedOut)


def test_somebody_else_listens_there() -> None:
    with PeerServer(lambda _: None) as server:
        place = parse_place(f"127.0.0.1:{server.address[1]}")
        assert isinstance(converse(place, listens=True).error, AddressInUse)


@pytest.mark.slow
@pytest.mark.needs_program("nc")
def test_netcat_at_the_other_end() -> None:
    with command("connect", "-l", "127.0.0.1:0", "-v", separate_errors=True) as program:
        port = program.wait_for_line(r"^listening at 127\.0\.0\.1:(\d+)$", errors=True)[1]
        with Program([require("nc"), "-N", "127.0.0.1", port]) as netcat:
            netcat.send("from netcat\n")
            netcat.close_stdin()
            program.wait_for_line("^connected from 127.0.0.1:", errors=True)
            program.read_until("from netcat\n")
            program.send("to netcat\n")
            program.close_stdin()
            assert netcat.read_to_end() == "to netcat\n"
        assert program.wait() == 0


# -- datagrams -------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["udp:127.0.0.1:0", "udp:*:0"])
def test_who_sends_the_first_datagram_is_the_client(place: str) -> None:
    def client(name: str) -> bytes:
        host, port = address(name)
        where = (host.replace("0.0.0.0", "127.0.0.1"), port)
        with (
            socket.socket(type=socket.SOCK_DGRAM) as other,
            socket.socket(type=socket.SOCK_DGRAM) as first,
        ):
            first.settimeout(PATIENCE)
            first.sendto(b"one ", where)
            other.sendto(b"from somebody else ", where)
            first.sendto(b"two ", where)
            first.sendto(b"three", where)
            return first.recv(100)

    ended, answer = served(place, client, b"answer", idle=100 * MS)
    assert (ended.output, answer, ended.error) == (b"one two three", b"answer", None)


def test_no_datagram_comes_in_time() -> None:
    place = replace(parse_place("127.0.0.1:0"), kind="udp")
    assert isinstance(converse(place, listens=True, timeout=10 * MS).error, TimedOut)


@pytest.mark.slow
@pytest.mark.needs_program("nc")
def test_datagrams_of_netcat_until_it_is_interrupted() -> None:
    with command("connect", "-lun", "-p", "0", "-v", separate_errors=True) as program:
        port = program.wait_for_line(r"^listening at 127\.0\.0\.1:(\d+)$", errors=True)[1]
        program.close_stdin()
        with Program([require("nc"), "-u", "127.0.0.1", port]) as netcat:
            netcat.send("from netcat\n")
            program.wait_for_line("^connected from 127.0.0.1:", errors=True)
            program.read_until("from netcat\n")
        program.interrupt()
        assert program.wait() == ExitStatus.INTERRUPTED


# -- only to see who listens -----------------------------------------------------------------------


def test_it_ends_when_there_is_a_connection_and_nothing_is_sent() -> None:
    received: Queue[bytes] = Queue()

    def greet(connection: socket.socket) -> None:
        try:
            connection.sendall(b"welcome")
            received.put(receive_all(connection))
        except ConnectionError:  # what we have said was not read
            received.put(b"")

    with PeerServer(greet) as server:
        ended = converse(f"127.0.0.1:{server.address[1]}", b"typed", probes=True)
        assert (ended.output, ended.error, received.get(timeout=PATIENCE)) == (b"", None, b"")


def test_that_nobody_listens_is_told() -> None:
    with refusing_port() as port:
        ended: Conversation = converse(f"127.0.0.1:{port}", probes=True)
    assert isinstance(ended.error, ConnectionRefused)
