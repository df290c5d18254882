"""Clients and servers that talk to each other, as whole conversations."""

import hashlib
import random

import pytest
from evented.helpers import UNDER_FAULTS, Start, unwanted
from evented.socket_helpers import Place, Told, assert_same
from support.peers import has_ipv6
from support.timing import MS

from trunkline import AddressInUse
from trunkline.evented import (
    AsyncSocket,
    Event,
    EventKind,
    SocketStream,
    current_event_loop,
    delay,
    exit_event_loop,
    tcp_connect,
    tcp_server,
)


def test_clients_send_before_they_are_connected_and_are_answered(
    start: Start, place: Place
) -> None:
    got: dict[AsyncSocket, bytes] = {}
    connected: list[AsyncSocket] = []
    replies: dict[AsyncSocket, bytes] = {}

    def main() -> None:
        def read(sock: AsyncSocket, data: bytes) -> None:
            got[sock] = got.get(sock, b"") + data
            if got[sock] == b"hai ":
                sock.write("thxlol ")

        def answered(sock: AsyncSocket, data: bytes) -> None:
            replies[sock] = replies.get(sock, b"") + data
            if list(replies.values()) == [b"thxlol "] * 2:
                exit_event_loop()

        place.serve(read, unwanted, connect_cb=connected.append)
        for _ in range(2):
            client = place.connect(answered, unwanted, data="ha")
            assert not client.is_connected
            client.write(b"i ")

    start(main)
    assert list(got.values()) == [b"hai ", b"hai "]
    assert set(connected) == set(got)
    assert len(connected) == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_all_addresses_are_listened_at_and_names_are_looked_up(start: Start, host: str) -> None:
    told = Told()

    def main() -> None:
        server = tcp_server(None, 0, lambda sock, data: sock.write(data), unwanted)
        port = server.local_name.port
        assert str(server.local_name.host) == "0.0.0.0"

        def read(sock: AsyncSocket, data: bytes) -> None:
            told.read(sock, data)
            if told.data == b"hai":
                exit_event_loop()

        tcp_connect(host, port, read, unwanted, data=b"hai")

    start(main)
    assert told.data == b"hai"


@pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")
def test_ipv6_is_spoken_too(start: Start) -> None:
    told = Told()

    def main() -> None:
        server = tcp_server("::1", 0, lambda sock, data: sock.write(data), unwanted)
        server.unref()

        def read(sock: AsyncSocket, data: bytes) -> None:
            told.read(sock, data)
            assert str(sock.remote_name.host) == "::1"
            if told.data == b"hai":
                exit_event_loop()

        tcp_connect("::1", server.local_name.port, read, unwanted, data=b"hai")

    start(main)
    assert told.data == b"hai"


def test_closing_a_server_leaves_its_connections_open(start: Start, place: Place) -> None:
    told = Told()

    def main() -> None:
        def close_server(sock: AsyncSocket) -> None:
            server.close()
            assert server.closed
            server.close()
            delay(lambda: client.write(b"still there?"), 100 * MS)

        def answered(sock: AsyncSocket, data: bytes) -> None:
            told.read(sock, data)
            assert server.closed
            assert not client.closed
            if told.data == b"still there?":
                late = place.connect(unwanted, told.event)
                assert not late.closed
                client.close()

        server = place.serve(lambda sock, data: sock.write(data), connect_cb=close_server)
        client = place.connect(answered, unwanted)

    start(main)
    assert told.data == b"still there?"
    expected = EventKind.REFUSED if place.kind == "tcp" else EventKind.ERROR  # the file is gone
    assert told.kinds == [expected]


def test_a_server_gives_its_callback_streams(start: Start, place: Place) -> None:
    words: list[str] = []

    def main() -> None:
        def read(sock: AsyncSocket, stream: SocketStream) -> None:
            assert stream is sock.stream
            if len(stream._input_buffer) < 6:
                return
            words.append(stream.read_text(6))
            exit_event_loop()

        place.serve(read, unwanted, stream=True)
        place.connect(unwanted, unwanted, data="HELLO!")

    start(main)
    assert words == ["HELLO!"]


def test_streams_on_both_sides(start: Start, place: Place) -> None:
    asked: list[str] = []
    answered: list[str] = []

    def main() -> None:
        def question(sock: AsyncSocket, stream: SocketStream) -> None:
            if stream._input_buffer and len(stream._input_buffer) >= 21:
                asked.append(stream.read_text(21))
                stream.write("don't say that")

        def answer(sock: AsyncSocket, stream: SocketStream) -> None:
            assert stream is client
            if len(stream._input_buffer) >= 14:
                answered.append(stream.read_text(14))
                exit_event_loop()

        place.serve(question, unwanted, stream=True)
        client = place.connect(answer, unwanted, stream=True)
        assert isinstance(client, SocketStream)
        client.write("can i have your coat?")

    start(main)
    assert (asked, answered) == (["can i have your coat?"], ["don't say that"])


def test_a_second_server_at_the_same_place_is_refused_at_once(start: Start, place: Place) -> None:
    def main() -> None:
        server = place.serve(unwanted)
        with pytest.raises(AddressInUse):
            place.serve(unwanted, unwanted, again=True)
        assert current_event_loop().statistics().handles == {f"{place.kind} server": 1}
        server.close()

    start(main)


def test_what_several_clients_send_does_not_overlap(start: Start, place: Place) -> None:
    count, size = 4, 65_536 + 20_000
    sums: list[bytes] = []
    expected = [hashlib.sha256(bytes([65 + n]) * size).digest() for n in range(count)]

    def main() -> None:
        def read(sock: AsyncSocket, data: bytes) -> None:
            sock.data = (sock.data or b"") + data
            if len(sock.data) == size:
                sums.append(hashlib.sha256(sock.data).digest())
                if len(sums) == count:
                    exit_event_loop()

        place.serve(read, unwanted)
        for number in range(count):
            place.connect(unwanted, unwanted, data=bytes([65 + number]) * size)

    start(main)
    assert sorted(sums) == sorted(expected)


def test_a_part_of_a_buffer_is_written(start: Start, place: Place) -> None:
    told = Told()

    def main() -> None:
        def read(sock: AsyncSocket, data: bytes) -> None:
            told.read(sock, data)
            if len(told.data) == 6:
                exit_event_loop()

        place.serve(read, unwanted)
        client = place.connect(unwanted, unwanted, stream=True)
        client.write(memoryview(b"qqqabcddd")[3:6])
        client.write("def")

    start(main)
    assert told.data == b"abcdef"


def test_order_is_kept_whatever_the_sizes_and_the_moments(start: Start, place: Place) -> None:
    noise = random.Random(42)
    pieces = [noise.randbytes(noise.choice([1, 10, 1000, 100_000])) for _ in range(60)]
    expected = b"".join(pieces)
    received = bytearray()

    def main() -> None:
        def read(sock: AsyncSocket, data: bytes) -> None:
            received.extend(data)
            if len(received) == len(expected):
                exit_event_loop()

        waiting = iter(pieces)

        def write_some() -> None:
            for piece in waiting:
                buffer = bytearray(piece)
                client.write(buffer)
                buffer[:] = bytes(len(buffer))  # it is ours again
                if noise.random() < 0.5:
                    delay(write_some)
                    return

        place.serve(read, unwanted)
        client = place.connect(unwanted, unwanted)
        write_some()

    start(main)
    assert_same(bytes(received), expected)


@pytest.mark.skipif(UNDER_FAULTS, reason="who is still sending then may lose the reply")
def test_a_reply_is_complete_when_the_socket_is_closed_in_the_write_callback(
    start: Start, place: Place
) -> None:
    reply = random.Random(7).randbytes(3_000_000)
    received = bytearray()
    ended: list[Event] = []

    def main() -> None:
        def read(sock: AsyncSocket, data: bytes) -> None:
            if not server.closed:
                server.close()
                sock.write(reply, write_cb=AsyncSocket.close)

        def take(sock: AsyncSocket, data: bytes) -> None:
            received.extend(data)

        server = place.serve(read, unwanted)
        # Not all of what the client says is ever read.
        place.connect(take, ended.append, data=b"hello" * 100_000)

    start(main)
    assert_same(bytes(received), reply)
    assert [event.kind for event in ended] == [EventKind.EOF]
