"""Lines that a stream has found ahead: whatever comes between them, it is as if they were bytes."""

import contextlib
import itertools
from collections.abc import Callable, Iterator

import pytest
from sockets.helpers import Call, stream_and_peer
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    Busy,
    DecodingError,
    EndOfFile,
    LineTooLong,
    SocketClosed,
    TimedOut,
)

COUNT = 400
LINES = [f"{number} {'x' * (number % 50)}" for number in range(COUNT)]
BYTES = "".join(line + "\n" for line in LINES).encode()


@contextlib.contextmanager
def reading_lines(data: bytes = BYTES) -> Iterator[ActiveSocket]:
    """Yield a stream to which so many bytes, and then the end, have come."""
    with stream_and_peer() as (stream, peer):
        peer.sendall(data)
        peer.close()
        yield stream


def test_lines_come_one_by_one_by_either_way() -> None:
    with reading_lines() as stream:
        taken = [stream.read_line() for _ in range(10)]
        taken += itertools.islice(stream, 10)
        taken += [next(stream) for _ in range(10)]
        taken += stream
        assert taken == LINES
        assert list(stream) == []
        with pytest.raises(EndOfFile):
            stream.read_line()


def read_and_unread(stream: ActiveSocket) -> bytes:
    stream.read_char()
    stream.unread_char()
    return b""


def change_format(stream: ActiveSocket) -> bytes:
    stream.external_format = "ascii"
    return b""


BETWEEN: dict[str, Callable[[ActiveSocket], bytes]] = {
    "read": lambda stream: stream.read(3),
    "read_exactly": lambda stream: stream.read_exactly(3),
    "read_until": lambda stream: stream.read_until(b"\n"),
    "read_char": lambda stream: stream.read_char().encode(),
    "read_char_no_hang": lambda stream: (stream.read_char_no_hang() or "").encode(),
    "peek_char": lambda stream: stream.peek_char().encode()[:0],
    "read_text": lambda stream: stream.read_text(5).encode(),
    "short lines only": lambda stream: stream.read_line(limit=100).encode() + b"\n",
    "unread_char": read_and_unread,
    "external_format": change_format,
    "has_buffered_input": lambda stream: b"" if stream.has_buffered_input else b"?",
    "len": lambda stream: b"" if len(stream._input_buffer) else b"?",
}


@pytest.mark.parametrize("name", BETWEEN)
@pytest.mark.parametrize("lines_between", [1, 2, 3, 7, 40])
def test_what_comes_between_lines_is_not_missed(name: str, lines_between: int) -> None:
    taken = b""
    with reading_lines() as stream:
        for _ in range(8):
            for line in itertools.islice(stream, lines_between):
                taken += line.encode() + b"\n"
            if stream.has_buffered_input:
                taken += BETWEEN[name](stream)
        for line in stream:
            taken += line.encode() + b"\n"
    assert taken == BYTES


@pytest.mark.parametrize("name", BETWEEN)
def test_what_comes_between_in_the_middle_of_an_iteration_is_not_missed(name: str) -> None:
    taken = b""
    with reading_lines() as stream:
        for line in stream:
            taken += line.encode() + b"\n"
            if len(taken) % 3 == 0 and stream.has_buffered_input:
                taken += BETWEEN[name](stream)
    assert taken == BYTES


def test_a_buffer_is_filled_from_behind_the_line() -> None:
    target = bytearray(10)
    with reading_lines() as stream:
        assert [stream.read_line() for _ in range(3)] == LINES[:3]
        assert stream.read_into(target) == 10
        assert "\n".join(LINES[3:]).encode().startswith(target)


@pytest.mark.exact_io("all that was sent at once is received at once")
def test_input_that_is_cleared_is_gone() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(BYTES[:1000])
        stream.read_line()
        stream.read_line()
        stream.clear_input()
        assert not stream.has_buffered_input
        peer.sendall(b"new\n")
        assert stream.read_line() == "new"


def test_what_arrives_later_comes_later() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"1\n2\n3\n4\nfi")
        assert [stream.read_line() for _ in range(2)] == ["1", "2"]
        peer.sendall(b"ve\n6\n")
        assert [stream.read_line() for _ in range(4)] == ["3", "4", "five", "6"]
        with pytest.raises(TimedOut):
            stream.read_line(timeout=0)
        assert not stream.has_buffered_input


@pytest.mark.parametrize("eol", ["lf", "crlf", "cr"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_newlines_of_every_style_are_what_they_are_in_any_format(eol: str, newline: str) -> None:
    text = newline.join(LINES) + newline
    data = text.encode()
    with reading_lines(data) as fast, reading_lines(data) as slow:
        fast.external_format = slow.external_format = f"utf-8/{eol}"
        expected = []
        with contextlib.suppress(EndOfFile):
            while True:
                expected.append(slow.read_line(limit=15_000))
        assert list(fast) == expected


def test_a_malformed_line_is_told_in_its_turn_and_stays() -> None:
    with reading_lines(b"one\ntwo\nthree\nb\xe4d\nfive\nsix\nb\xe4d\n") as stream:
        assert [stream.read_line() for _ in range(3)] == ["one", "two", "three"]
        for _ in range(2):
            with pytest.raises(DecodingError):
                stream.read_line()
        assert stream.read_until(b"\n") == b"b\xe4d\n"
        assert [stream.read_line() for _ in range(2)] == ["five", "six"]
        with pytest.raises(DecodingError):
            stream.read_line()


def test_a_line_that_is_too_long_is_told_in_its_turn_and_stays() -> None:
    with reading_lines(b"one\ntwo\nthree\n" + b"y" * 200 + b"\nfive\n") as stream:
        assert stream.read_line() == "one"
        assert stream.read_line() == "two"
        assert stream.read_line(limit=100) == "three"
        with pytest.raises(LineTooLong):
            stream.read_line(limit=100)
        assert stream.read_line() == "y" * 200
        assert stream.read_line() == "five"


def test_a_wrong_time_limit_is_an_error_also_where_nobody_waits() -> None:
    with reading_lines() as stream:
        for _ in range(5):
            stream.read_line()
        with pytest.raises(ValueError, match="negative"):
            stream.read_line(timeout=-1)
        with pytest.raises(TypeError):
            stream.read_line(timeout="soon")  # type: ignore[arg-type]
        assert stream.read_line() == LINES[5]


def test_what_a_closed_stream_has_found_ahead_is_not_given_out() -> None:
    with reading_lines() as stream:
        lines = iter(stream)
        for _ in range(5):
            next(lines)
        stream.close()
        with pytest.raises(SocketClosed):
            stream.read_line()
        with pytest.raises(SocketClosed):
            next(lines)
        with pytest.raises(SocketClosed):
            next(stream)


@pytest.mark.exact_io("that something is left needs a large piece")
def test_a_detached_stream_hands_over_what_it_has_found_ahead() -> None:
    with reading_lines() as stream:
        for _ in range(5):
            stream.read_line()
        detached = stream._detach()
        detached.descriptor.close()
        rest = "".join(line + "\n" for line in LINES[5:]).encode()
        assert rest.startswith(detached.unread)
        assert detached.unread
        with pytest.raises(SocketClosed):
            stream.read_line()


def is_reading(stream: ActiveSocket) -> bool:
    """Return whether another thread has the right to read."""
    try:
        stream.unread_char()
    except ValueError:
        return False
    except Busy:
        return True
    raise AssertionError("there was no character to unread")


def test_a_second_reader_is_told_that_another_thread_reads() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"1\n2\n3\n")
        assert [stream.read_line() for _ in range(2)] == ["1", "2"]
        with Call(stream.read_exactly, 5) as reading:
            while not is_reading(stream):
                assert reading.is_running
            with pytest.raises(Busy):
                stream.read_line()
            peer.sendall(b"456\n")
            assert reading.result() == b"3\n456"


@pytest.mark.slow
def test_many_threads_that_read_lines_get_each_of_them_once() -> None:
    taken: list[str] = []
    count = 50_000

    def read() -> None:
        mine = []
        while True:
            try:
                mine.append(stream.read_line(timeout=PATIENCE))
            except Busy:
                continue
            except EndOfFile:
                break
        taken.extend(mine)

    with stream_and_peer() as (stream, peer), Call(read), Call(read), Call(read):
        peer.sendall(b"".join(b"%d\n" % number for number in range(count)))
        peer.close()
    assert sorted(map(int, taken)) == list(range(count))
