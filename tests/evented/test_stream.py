"""Stream mode and undrained mode: what arrives waits until the application takes it."""

import contextlib
import socket
from typing import Any

import pytest
from evented.helpers import Start, unwanted
from evented.socket_helpers import (
    Place,
    Script,
    Told,
    accepted,
    assert_same,
    exactly,
    iterations,
    play,
    taken,
)

from trunkline import DEFAULT_LIMIT, EndOfFile, LineTooLong, SocketClosed, TimedOut
from trunkline.evented import (
    AsyncSocket,
    EventKind,
    SocketStream,
    close_socket,
    connect_tcp_socket,
)
from trunkline.evented import init_tcp_socket as init
from trunkline.multiplex.event_base import RECEIVE_BYTES


def test_reading_never_waits_and_loses_nothing(start: Start, place: Place) -> None:
    told = Told()

    def script() -> Script:
        stream = place.connect(told.read, told.event, stream=True)
        with pytest.raises(TimedOut):
            stream.read_line()
        assert stream.read_available() == b""
        assert stream.read_char_no_hang() is None
        with (yield from accepted(listener)) as connection:
            connection.sendall(b"one\ntw")
            yield lambda: len(stream._input_buffer) == 6
            assert stream.read_line() == "one"
            for read in (stream.read_line, lambda: stream.read_exactly(3)):
                with pytest.raises(TimedOut):
                    read()
            assert stream.read_char() == "t"
            connection.sendall("ö\n".encode())
            yield lambda: len(stream._input_buffer) == 4
            assert stream.read_text(2) == "wö"
            assert stream.read_exactly(1) == b"\n"
            buffer = bytearray(2)
            with pytest.raises(TimedOut):
                stream.read_into(buffer)
            connection.sendall(b"rest")
            yield lambda: len(stream._input_buffer) == 4
            assert stream.read_into(buffer) == 2
            assert bytes(buffer) == b"re"
            assert stream.read_available() == b"st"
            assert not stream.at_eof
        yield lambda: told.kinds

    with place.listener() as listener:
        start(play(script))
    assert told.kinds == [EventKind.EOF]


def test_what_is_left_can_be_read_when_the_peer_has_finished(start: Start, place: Place) -> None:
    lines: list[str] = []

    def script() -> Script:
        def ended(event: Any) -> None:
            assert event.kind is EventKind.EOF
            assert not stream.at_eof
            lines.extend(stream)
            assert stream.at_eof
            with pytest.raises(EndOfFile):
                stream.read_line()

        stream = place.connect(lambda sock, stream: None, ended, stream=True)
        with (yield from accepted(listener)) as connection:
            connection.sendall(b"one\ntwo\nthree")
        yield lambda: stream.closed

    with place.listener() as listener:
        start(play(script))
    assert lines == ["one", "two", "three"]


def test_a_stream_has_an_external_format(start: Start, place: Place) -> None:
    lines: list[str] = []

    def script() -> Script:
        stream = place.connect(unwanted, unwanted, stream=True)
        stream.external_format = "latin-1/crlf"
        stream.write_line("é")
        stream.write(b"\xff")

        def read(sock: AsyncSocket, stream: SocketStream) -> None:
            if len(stream._input_buffer) == 3:
                lines.append(stream.read_line())

        stream.socket.write(b"!", read_cb=read)
        with (yield from accepted(listener)) as connection:
            assert (yield from exactly(connection, 5)) == b"\xe9\r\n\xff!"
            connection.sendall(b"\xe8\r\n")
            yield lambda: lines
            stream.close()

    with place.listener() as listener:
        start(play(script))
    assert lines == ["è"]


def test_a_stream_that_is_not_read_stops_reading(start: Start, place: Place) -> None:
    data = bytes(range(256)) * 40_000
    taken_data = bytearray()

    def script() -> Script:
        ended: list[Any] = []
        sock = place.connect(None, ended.append, drain=False)
        assert isinstance(sock, AsyncSocket)
        stream = sock.stream
        assert isinstance(stream, SocketStream)
        with (yield from accepted(listener)) as connection:
            connection.setblocking(False)
            sent = 0

            def fill() -> bool:
                nonlocal sent
                with contextlib.suppress(BlockingIOError):
                    while sent < len(data):
                        sent += connection.send(data[sent : sent + (1 << 20)])
                return DEFAULT_LIMIT < len(stream._input_buffer) < sent

            yield fill
            yield iterations()
            most = len(stream._input_buffer)
            fill()
            yield iterations()
            assert len(stream._input_buffer) == most
            assert most <= DEFAULT_LIMIT + RECEIVE_BYTES  # and what was received last
            stream.limit = most - 2
            stream.read_exactly(1)
            yield iterations()
            assert len(stream._input_buffer) == most - 1
            stream.limit = sent
            yield lambda: len(stream._input_buffer) == sent - 1
            stream.limit = 0
            connection.close()
            yield iterations()
            assert ended == []  # the end is behind what has to be read first
            taken_data.extend(stream.read_available())
            yield lambda: ended
        assert_same(taken_data, data[1:sent])

    with place.listener() as listener:
        start(play(script))


def test_while_the_stream_is_full_no_time_counts(
    start_simulated: Start, clock: Any, place: Place
) -> None:
    told = Told()

    def script() -> Script:
        stream = place.connect(None, told.event, stream=True, read_timeout=1.0)
        stream.limit = 10
        with (yield from accepted(listener)) as connection:
            connection.sendall(b"x" * 11)
            began = clock()
            yield lambda: clock() > began + 20.0
            assert told == []
            assert stream.read_available() == b"x" * 11
            yield lambda: told

    with place.listener() as listener:
        start_simulated(play(script))
    assert told.kinds == [EventKind.TIMEOUT]


def test_a_line_that_fills_the_stream_is_too_long(start: Start, place: Place) -> None:
    def script() -> Script:
        stream = place.connect(None, lambda event: None, stream=True)
        with (yield from accepted(listener)) as connection:
            connection.sendall(b"x" * (DEFAULT_LIMIT + 1))
            yield lambda: len(stream._input_buffer) > DEFAULT_LIMIT
            with pytest.raises(LineTooLong):
                stream.read_line()
            stream.close()

    with place.listener() as listener:
        start(play(script))


def test_a_line_that_fills_the_stream_can_be_skipped_and_the_next_one_read(
    start: Start, place: Place
) -> None:
    """The socket has stopped reading then, and has to be told that there is room again."""

    def script() -> Script:
        stream = place.connect(None, lambda event: None, stream=True)
        stream.limit = 1000
        line = b"x" * 30_000 + b"\n"
        with (yield from accepted(listener)) as connection:
            connection.sendall(b"x" * 1001)
            yield lambda: len(stream._input_buffer) > 1000
            with pytest.raises(LineTooLong):
                stream.read_line(limit=100)
            skipped = 0
            connection.sendall(line[1001:] + b"next\n")
            while not skipped:
                try:
                    skipped = stream.skip_line()
                except TimedOut:
                    assert not stream.has_buffered_input
                    yield lambda: stream.has_buffered_input
            assert skipped == len(line)
            assert stream.read_line() == "next"
            stream.close()

    with place.listener() as listener:
        start(play(script))


def test_in_stream_mode_bytes_can_be_had_all_the_same(start: Start, place: Place) -> None:
    told = Told()

    def script() -> Script:
        stream = place.connect(told.read, told.event, stream=True, drain=True)
        assert isinstance(stream, SocketStream)
        with (yield from accepted(listener)) as connection:
            connection.sendall(b"hello")

    with place.listener() as listener:
        start(play(script))
    assert told == [("read", b"hello"), ("event", EventKind.EOF)]


def test_a_stream_is_connected_later(start: Start, tcp_place: Place) -> None:
    told = Told()

    def script() -> Script:
        stream = init(told.read, told.event, stream=True)
        stream.write("hello")
        assert connect_tcp_socket(stream, "127.0.0.1", tcp_place.port) is stream
        received = bytearray()
        with (yield from accepted(listener)) as connection:
            connection.shutdown(socket.SHUT_WR)
            yield taken(connection, received)
        assert received == b"hello"

    with tcp_place.listener() as listener:
        start(play(script))
    assert told.kinds == [EventKind.EOF]


def test_a_closed_stream_says_so(start: Start, place: Place) -> None:
    def script() -> Script:
        stream = place.connect(unwanted, unwanted, stream=True)
        yield lambda: stream.socket.is_connected
        assert stream.fileno() == stream.socket.fileno() >= 0
        stream.close()
        assert stream.closed
        assert "closed" in repr(stream)
        operations: list[Any] = [
            stream.read_line,
            stream.read_available,
            stream.clear_input,
            lambda: close_socket(stream),
            lambda: stream.write("x"),
        ]
        for operation in operations:
            with pytest.raises(SocketClosed):
                operation()
        stream.close()
        stream.abort()

    with place.listener():
        start(play(script))
