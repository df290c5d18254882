"""`trunkline connect` in one process: what goes where, and how it ends."""

import contextlib
import os
import select
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue

import pytest
from cli.helpers import converse
from support.peers import (
    PeerServer,
    echo_server,
    has_ipv6,
    receive_all,
    receive_exactly,
    refusing_port,
    unused_port,
)
from support.timing import MS, PATIENCE

from trunkline import (
    ConnectionRefused,
    ConnectionReset,
    DecodingError,
    Endpoint,
    EventBase,
    IPv4Address,
    PathNotFound,
    TimedOut,
    TrunklineError,
    connect,
)
from trunkline._sys.owned_number import OwnedNumber
from trunkline.cli.connect.hex_dump import HexDump
from trunkline.cli.connect.run import Connection, converse_on
from trunkline.cli.connect.session import Session, StandardStreams
from trunkline.cli.connect.settings import Settings
from trunkline.cli.connect.telling import Teller
from trunkline.cli.connect.text_filters import unchanged
from trunkline.cli.target import parse_target

MUCH = bytes(range(256)) * 16384  # 4 MiB


def target_of(server: PeerServer) -> str:
    return f"127.0.0.1:{server.address[1]}"


@pytest.fixture
def echo() -> Iterator[str]:
    with echo_server() as server:
        yield target_of(server)


def test_what_is_typed_is_sent_and_what_comes_is_printed(echo: str) -> None:
    ended = converse(echo, b"hello\nthere")
    assert (ended.output, ended.error) == (b"hello\nthere", None)


def test_much_goes_both_ways_at_once(echo: str) -> None:
    ended = converse(echo, MUCH)
    assert ended.output == MUCH
    assert ended.error is None


def test_the_end_of_the_input_is_told_and_the_rest_of_the_answer_is_printed() -> None:
    def count(connection: socket.socket) -> None:
        connection.sendall(b"%d bytes" % len(receive_all(connection)))

    with PeerServer(count) as server:
        ended = converse(target_of(server), MUCH)
    assert (ended.output, ended.error) == (b"%d bytes" % len(MUCH), None)


def test_a_server_that_would_give_up_is_not_told_of_the_end() -> None:
    ends = []

    def answer_late(connection: socket.socket) -> None:
        request = receive_exactly(connection, len(b"request"))
        connection.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            ends.append(connection.recv(1))
        connection.setblocking(True)
        connection.sendall(request.upper())

    with PeerServer(answer_late) as server:
        ended = converse(target_of(server), b"request", keep_open=True)
    assert (ended.output, ended.error, ends) == (b"REQUEST", None, [])


def test_what_is_shown_of_what_is_sent_waits_for_who_reads_it(echo: str) -> None:
    source, theirs = OwnedNumber.several(os.pipe, ("r", "w"))
    unread, output = OwnedNumber.several(os.pipe, ("r", "w"))
    with source, theirs, unread, output:
        os.set_blocking(theirs.fileno(), False)
        with EventBase() as base:
            streams = StandardStreams(source, output, False, None)
            session = Session(base, streams, unchanged, unchanged, HexDump())
            host, port = echo.split(":")
            protocol = Connection(session)
            peer = connect(base, protocol, remote_host=host, remote_port=int(port))
            session.begin(peer)
            taken, idle = 0, 0
            while idle < 20 and taken < 1_000_000:
                count = theirs.write(MUCH) or 0
                taken, idle = taken + count, 0 if count else idle + 1
                base.dispatch(timeout=1 * MS)
            session.close()
    # What is printed is four times as much, and nobody reads it.
    assert 0 < taken < 1_000_000


def test_without_an_input_there_is_its_end_at_once(echo: str) -> None:
    assert converse(echo, None).output == b""


def test_a_pipeline_goes_on_sending_when_the_peer_has_said_all() -> None:
    received: Queue[bytes] = Queue()

    def say_first(connection: socket.socket) -> None:
        connection.sendall(b"that was all")
        connection.shutdown(socket.SHUT_WR)
        received.put(receive_all(connection))

    with PeerServer(say_first) as server:
        ended = converse(target_of(server), MUCH)
        assert (ended.output, ended.error) == (b"that was all", None)
        assert received.get(timeout=PATIENCE) == MUCH


def test_what_is_queued_reaches_a_peer_that_has_said_all() -> None:
    received: Queue[bytes] = Queue()

    def read_late(connection: socket.socket) -> None:
        first = connection.recv(1)
        connection.shutdown(socket.SHUT_WR)
        received.put(first + receive_all(connection))

    with PeerServer(read_late) as server:
        assert converse(target_of(server), MUCH).error is None
        assert received.get(timeout=PATIENCE) == MUCH


def test_a_peer_that_breaks_off_is_told_after_what_it_has_said() -> None:
    def break_off(connection: socket.socket) -> None:
        connection.sendall(b"sorry")
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with PeerServer(break_off) as server:
        ended = converse(target_of(server), MUCH)
    # What had not been received yet, the reset destroys.
    assert b"sorry".startswith(ended.output)
    assert isinstance(ended.error, ConnectionReset | BrokenPipeError)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_an_ipv6_address() -> None:
    with echo_server(socket.AF_INET6) as server:
        assert converse(f"[::1]:{server.address[1]}", b"six").output == b"six"


@pytest.mark.parametrize("name", ["unix:{}/s", "abstract:trunkline-test-{}"])
def test_a_local_socket(tmp_path: Path, name: str) -> None:
    target = name.format(tmp_path)
    path = target.removeprefix("unix:")
    address = path if path != target else "\0" + target.removeprefix("abstract:")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(receive_all(connection)[::-1])

        thread = threading.Thread(target=answer)
        thread.start()
        ended = converse(target, b"abc")
        thread.join()
    assert (ended.output, ended.error) == (b"cba", None)


def test_nobody_listens(tmp_path: Path) -> None:
    with refusing_port() as port:
        error = converse(f"127.0.0.1:{port}").error
    assert isinstance(error, ConnectionRefused)
    assert str(port) in str(error)
    assert isinstance(converse(f"unix:{tmp_path}/nobody").error, PathNotFound)


def test_it_is_tried_again_until_somebody_listens() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        ended = converse(f"127.0.0.1:{port}", retries=1)
        assert isinstance(ended.error, ConnectionRefused)
        assert [line for line in ended.told if "once more in 0." in line]
        assert sum(line == f"connecting to 127.0.0.1:{port}" for line in ended.told) == 2


def test_the_hosts_of_a_service_are_tried_in_turn(
    echo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def hosts(name: str, service: str, *, timeout: float | None) -> list[tuple[str, int]]:
        asked.append((name, service))
        return found

    monkeypatch.setattr("trunkline.names.service_hosts", hosts)
    with refusing_port() as port:
        found = [("127.0.0.1", port), ("127.0.0.1", int(echo.rpartition(":")[2]))]
        ended = converse("srv:echo.example.org", b"hello")
        assert (ended.output, ended.error) == (b"hello", None)
        found = [("127.0.0.1", port), ("127.0.0.2", port)]
        error = converse("srv:echo.example.org").error
    assert asked == [("example.org", "echo")] * 2
    assert isinstance(error, ConnectionRefused)
    assert [str(each.address) for each in error.attempts] == [
        f"127.0.0.1:{port}",
        f"127.0.0.2:{port}",
    ]


def test_connecting_has_a_time_limit() -> None:
    def never(connection: socket.socket) -> None:
        receive_all(connection)

    with PeerServer(never) as server:
        ended = converse(target_of(server), None, timeout=20 * MS, starttls="smtp")
    assert isinstance(ended.error, TimedOut)


def test_a_silent_peer_ends_it_if_that_was_asked_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # nobody ever accepts
        ended = converse(f"127.0.0.1:{listener.getsockname()[1]}", b"x", idle=20 * MS)
    assert isinstance(ended.error, TimedOut)


def test_where_to_connect_from() -> None:
    names = []

    def note(connection: socket.socket) -> None:
        names.append(connection.getpeername()[0])

    with PeerServer(note) as server:
        source = Endpoint(IPv4Address("127.0.0.5"), 0)
        assert converse(target_of(server), source=source).error is None
    assert names == ["127.0.0.5"]


@pytest.mark.parametrize("version", [1, 2])
def test_a_header_for_the_server_behind_a_proxy(version: int) -> None:
    ends = []

    def note(connection: socket.socket) -> None:
        ends.append((connection.getpeername(), receive_all(connection)))

    with PeerServer(note) as server:
        assert converse(target_of(server), b"then", proxy_header=version).error is None
    ((peer, received),) = ends
    if version == 1:
        line = f"PROXY TCP4 127.0.0.1 127.0.0.1 {peer[1]} {server.address[1]}\r\n"
        assert received == line.encode() + b"then"
    else:
        assert received.startswith(b"\r\n\r\n\0\r\nQUIT\n\x21\x11")
        assert received.endswith(b"then")


def echo_that_waits(is_time: Callable[[], bool]) -> PeerServer:
    """Return a server that answers when it is time, and then echoes."""

    def answer(connection: socket.socket) -> None:
        while not is_time():
            select.select([], [], [connection], 1 * MS)
        while data := connection.recv(100):
            connection.sendall(data)

    return PeerServer(answer)


def test_each_step_is_told(echo: str) -> None:
    ended = converse(echo.replace("127.0.0.1", "localhost"), b"12345")
    told = "\n".join(ended.told)
    assert f"connecting to localhost:{echo.rpartition(':')[2]}\n" in told
    assert "to be tried: " in told
    assert "127.0.0.1 (" in told or "127.0.0.1," in told
    assert f"trying {echo}\n" in told
    assert f"connected to {echo} from 127.0.0.1:" in told
    assert "5 bytes sent, 5 received, in " in told


def test_an_attempt_that_fails_is_told() -> None:
    with refusing_port() as port:
        told = converse(f"127.0.0.1:{port}").told
    assert any(line.startswith(f"connect 127.0.0.1:{port}: Connection refused") for line in told)


# -- text ------------------------------------------------------------------------------------------


def test_another_encoding_and_other_newlines() -> None:
    received = []

    def note(connection: socket.socket) -> None:
        received.append(receive_all(connection))
        connection.sendall("Grüße".encode("latin-1"))

    with PeerServer(note) as server:
        ended = converse(target_of(server), "für\nalle\r\n".encode(), encoding="latin-1", crlf=True)
    assert received == ["für\r\nalle\r\n".encode("latin-1")]
    assert (ended.output, ended.error) == ("Grüße".encode(), None)


def test_what_cannot_be_written_or_read_in_an_encoding_is_told(echo: str) -> None:
    ended = converse(echo, "ś".encode(), encoding="latin-1")
    assert isinstance(ended.error, TrunklineError)
    assert "latin-1" in str(ended.error)
    with PeerServer(lambda connection: connection.sendall(b"good \xff")) as server:
        ended = converse(target_of(server), encoding="utf-8")
    assert isinstance(ended.error, DecodingError)


def test_a_long_transfer_shows_how_far_it_is(echo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trunkline.cli.connect.progress._FIRST", 0.0)
    shown: list[str] = []
    with echo_that_waits(lambda: any("2 bytes sent" in text for text in shown)) as server:
        source, theirs = OwnedNumber.several(os.pipe, ("r", "w"))
        printed, output = OwnedNumber.several(os.pipe, ("r", "w"))
        with source, printed, output:
            with theirs:
                for letter in (b"h", b"i"):
                    theirs.write(letter)
            streams = StandardStreams(source, output, False, shown.append)
            settings = Settings(target=parse_target(target_of(server)))
            converse_on(streams, settings, Teller())
            received = b""
            while len(received) < 2:
                received += printed.read(10) or b""
            assert received == b"hi"
    assert shown[-1] == "\r\x1b[K"
    assert any(text.startswith("\r\x1b[K2 bytes sent, 0 bytes received, ") for text in shown)


@pytest.mark.exact_io("each piece that comes is shown by itself")
def test_each_byte_is_shown(echo: str) -> None:
    ended = converse(echo, b"GET / HTTP/1.0\r\n\r\n", hex=True)
    lines = ended.output.decode().splitlines()
    rows = [
        "00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 30 0d 0a  |GET / HTTP/1.0..|",
        "00000010  0d 0a                                             |..|",
    ]
    assert lines[1:3] == lines[4:6] == rows
    assert lines[0].startswith("> 18 bytes after 0.")
    assert lines[3].startswith("< 18 bytes after 0.")
    assert all(len(line) <= 80 for line in lines)


# -- datagrams -------------------------------------------------------------------------------------


@pytest.mark.exact_io("what is read of the input is a datagram")
def test_datagrams_are_answered_until_there_is_silence() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            data, name = server.recvfrom(100)
            server.sendto(data.upper(), name)

        thread = threading.Thread(target=answer)
        thread.start()
        ended = converse(f"udp:127.0.0.1:{server.getsockname()[1]}", b"ping", idle=100 * MS)
        thread.join()
    assert (ended.output, ended.error) == (b"PING", None)


def test_nobody_takes_the_datagrams() -> None:
    port = unused_port(kind=socket.SOCK_DGRAM)
    ended = converse(f"udp:127.0.0.1:{port}", b"ping")
    assert isinstance(ended.error, ConnectionRefused)
