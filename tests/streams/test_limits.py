"""Limits of size and of time, after which nothing is lost."""

import contextlib
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from sockets.helpers import Call, stream_and_peer
from support.peers import receive_exactly
from support.timing import MS, PATIENCE

from trunkline import (
    DEFAULT_LIMIT,
    DecodingError,
    EndOfFile,
    LineTooLong,
    Stream,
    TimedOut,
)
from trunkline._core.deadline import Deadline

READS: dict[str, Callable[..., Any]] = {
    "read_line": lambda stream, **options: stream.read_line(**options),
    "skip_line": lambda stream, **options: stream.skip_line(**options),
    "read_char": lambda stream, **options: stream.read_char(**options),
    "peek_char": lambda stream, **options: stream.peek_char(**options),
    "read_text": lambda stream, **options: stream.read_text(5, **options),
    "read": lambda stream, **options: stream.read(5, **options),
    "read_exactly": lambda stream, **options: stream.read_exactly(5, **options),
    "read_until": lambda stream, **options: stream.read_until(b"|", **options),
    "read_into": lambda stream, **options: stream.read_into(bytearray(5), **options),
}
NEED_MORE = sorted(READS.keys() - {"read_char", "peek_char", "read", "skip_line"})


def has_output(stream: Stream) -> bool:
    return stream.has_buffered_output  # by itself, or a type checker believes that it stays so


# -- limits of size -------------------------------------------------------------------------------


@pytest.mark.parametrize("external_format", ["utf-8/lf", "utf-8/crlf", "utf-16-le/crlf"])
def test_a_line_may_be_as_long_as_its_limit_and_no_longer(external_format: str) -> None:
    encoding, _, eol = external_format.partition("/")
    newline = {"lf": "\n", "crlf": "\r\n"}[eol]
    width = 2 if encoding == "utf-16-le" else 1
    with stream_and_peer(external_format=external_format) as (stream, peer):
        peer.sendall(f"12345{newline}123456{newline}".encode(encoding))
        assert stream.read_line(limit=5 * width, timeout=PATIENCE) == "12345"
        for _ in range(2):
            with pytest.raises(LineTooLong, match=r"^read_line .* limit of") as caught:
                stream.read_line(limit=5 * width, timeout=PATIENCE)
        assert caught.value.limit == 5 * width
        assert stream.read_line(limit=6 * width, timeout=PATIENCE) == "123456"


def test_the_limit_is_64_kilobytes_unless_told_otherwise() -> None:
    assert DEFAULT_LIMIT == 65_536
    line = "x" * (DEFAULT_LIMIT + 1)
    with stream_and_peer() as (stream, peer), Call(peer.sendall, (line + "\n").encode()):
        with pytest.raises(LineTooLong):
            stream.read_line(timeout=PATIENCE)
        assert stream.read_line(limit=None, timeout=PATIENCE) == line


def test_no_newline_is_waited_for_once_the_limit_has_passed() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"123456")
        with pytest.raises(LineTooLong):
            stream.read_line(limit=5, timeout=PATIENCE)
        assert stream.read_exactly(6, timeout=PATIENCE) == b"123456"


def test_the_last_line_has_a_limit_too() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"123456")
        peer.close()
        with pytest.raises(LineTooLong):
            stream.read_line(limit=5, timeout=PATIENCE)
        assert stream.read_line(limit=6, timeout=PATIENCE) == "123456"


def test_the_limit_is_in_bytes() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall("日本\n".encode())
        with pytest.raises(LineTooLong):
            stream.read_line(limit=5, timeout=PATIENCE)
        assert stream.read_line(limit=6, timeout=PATIENCE) == "日本"


def test_a_line_that_is_too_long_can_be_skipped() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"x" * 1000 + b"\nnext\n")
        with pytest.raises(LineTooLong):
            stream.read_line(limit=10, timeout=PATIENCE)
        while not stream.read_until(b"\n", limit=None, timeout=PATIENCE).endswith(b"\n"):
            pass
        assert stream.read_line(limit=10, timeout=PATIENCE) == "next"


def test_the_separator_is_not_counted() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"12345--123456--")
        assert stream.read_until(b"--", limit=5, timeout=PATIENCE) == b"12345--"
        with pytest.raises(LineTooLong, match=r"^read_until ") as caught:
            stream.read_until(b"--", limit=5, timeout=PATIENCE)
        assert caught.value.limit == 5
        assert stream.read_until(b"--", limit=6, timeout=PATIENCE) == b"123456--"


def test_a_limit_of_nothing_allows_empty_lines() -> None:
    with stream_and_peer(external_format="utf-8/crlf") as (stream, peer):
        peer.sendall(b"\r\n\n")
        assert stream.read_line(limit=0, timeout=PATIENCE) == ""
        assert stream.read_until(b"\n", limit=0, timeout=PATIENCE) == b"\n"


# -- lines that are skipped -----------------------------------------------------------------------


@pytest.mark.parametrize("external_format", ["utf-8/lf", "utf-8/crlf", "latin-1/cr", "utf-16/crlf"])
def test_after_a_line_that_is_too_long_the_reader_goes_on_with_the_next(
    external_format: str,
) -> None:
    encoding, _, eol = external_format.partition("/")
    newline = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}[eol]
    long_line = ("x" * 200_000 + newline).encode(encoding)
    raw = long_line + f"next{newline}last".encode(encoding.replace("utf-16", "utf-16-le"))
    with (
        stream_and_peer(external_format=external_format, timeout=PATIENCE) as (stream, peer),
        Call(peer.sendall, raw) as sending,
    ):
        with pytest.raises(LineTooLong):
            stream.read_line()
        assert stream.skip_line() == len(long_line)
        assert stream.read_line() == "next"
        sending.result()
        peer.close()
        flags = [stream.missing_newline]
        assert stream.skip_line() == len("last") * (2 if encoding == "utf-16" else 1)
        assert [*flags, stream.missing_newline] == [False, True]
        with pytest.raises(EndOfFile, match=r"^skip_line \("):
            stream.skip_line()


@pytest.mark.slow
@pytest.mark.alone
def test_a_line_of_whatever_size_is_skipped_in_the_room_of_the_buffer() -> None:
    count = 3000

    class Huge(Endless):
        left = count

        def receive_into(self, buffer: memoryview) -> int:
            super().receive_into(buffer)
            self.left -= 1
            if self.left < 0:
                buffer[-1:] = b"\n"
            return len(buffer)

    stream = Stream(Huge(), input_buffer_size=10_000)
    tracemalloc.start()
    try:
        assert stream.skip_line() == (count + 1) * 10_000
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    assert not stream.has_buffered_input


def test_a_skip_that_runs_out_of_time_goes_on_in_the_same_line() -> None:
    with stream_and_peer() as (stream, peer):
        for piece in (b"1234", b"5678"):
            peer.sendall(piece)
            with pytest.raises(TimedOut):
                stream.skip_line(timeout=10 * MS)
            assert not stream.has_buffered_input
        peer.sendall(b"9\nnext\n")
        assert stream.skip_line(timeout=PATIENCE) == 10
        assert stream.read_line(timeout=PATIENCE) == "next"


def test_the_rest_of_a_line_can_be_skipped_among_lines_that_are_iterated_over() -> None:
    with stream_and_peer(timeout=PATIENCE) as (stream, peer):
        peer.sendall(b"".join(b"%d\nno\n" % number for number in range(300)))
        peer.close()
        kept = []
        for line in stream:
            kept.append(int(line))
            assert stream.skip_line() == 3
        assert kept == list(range(300))


def test_a_line_that_is_no_text_can_be_skipped() -> None:
    with stream_and_peer(timeout=PATIENCE) as (stream, peer):
        peer.sendall(b"caf\xe9\nnext\n")
        with pytest.raises(DecodingError):
            stream.read_line()
        assert stream.skip_line() == 5
        assert stream.read_line() == "next"


# -- limits of time -------------------------------------------------------------------------------


@pytest.mark.parametrize("call", READS)
def test_every_read_has_a_limit_of_time(call: str) -> None:
    with stream_and_peer() as (stream, _):
        start = time.monotonic()
        with pytest.raises(TimedOut, match=rf"^{call} \(unnamed\): time limit passed") as caught:
            READS[call](stream, timeout=20 * MS)
        assert 19 * MS <= time.monotonic() - start < PATIENCE  # uvloop counts whole ones
        assert caught.value.deadline
        assert isinstance(caught.value, TimeoutError)
        assert caught.value.operation == call


@pytest.mark.parametrize("call", READS)
def test_the_limit_is_the_streams_unless_the_call_has_its_own(call: str) -> None:
    with stream_and_peer(timeout=10 * MS) as (stream, peer):
        with pytest.raises(TimedOut):
            READS[call](stream)
        stream.timeout = None
        assert stream.timeout is None
        with pytest.raises(TimedOut):
            READS[call](stream, timeout=10 * MS)
        stream.timeout = 10 * MS
        with Call(READS[call], stream, timeout=None) as reading:
            peer.sendall(b"1234|\n")
            assert reading.result()


@pytest.mark.parametrize("call", READS)
def test_with_no_time_at_all_nothing_is_waited_for(call: str) -> None:
    with stream_and_peer() as (stream, _), pytest.raises(TimedOut):
        READS[call](stream, timeout=0)


@pytest.mark.parametrize("call", READS)
@pytest.mark.exact_io("looks once, and an injected EAGAIN looks as if nothing were there")
def test_with_no_time_at_all_what_has_arrived_is_read(call: str) -> None:
    with stream_and_peer(input_buffer_size=2) as (stream, peer):
        peer.sendall(b"1234|\n")
        assert READS[call](stream, timeout=0) in ("1234|", "1", "1234|", b"1234|", b"12", 5, 6)


@pytest.mark.parametrize("call", NEED_MORE)
@pytest.mark.parametrize("external_format", ["utf-8/lf", "latin-1/crlf"])
def test_when_the_time_is_up_nothing_is_lost(call: str, external_format: str) -> None:
    with stream_and_peer(external_format=external_format) as (stream, peer):
        for piece in (b"1", b"2", b"3"):
            peer.sendall(piece)
            with pytest.raises(TimedOut):
                READS[call](stream, timeout=10 * MS)
        peer.sendall(b"4|\n")
        assert stream.read_line(timeout=PATIENCE) == "1234|"


def test_when_the_time_is_up_half_a_character_is_not_lost() -> None:
    with stream_and_peer(external_format="utf-16/crlf") as (stream, peer):
        data = "日\r\n".encode("utf-16")
        for number in range(len(data)):
            with pytest.raises(TimedOut):
                stream.read_line(timeout=2 * MS)
            peer.sendall(data[number : number + 1])
        assert stream.read_line(timeout=PATIENCE) == "日"


def test_what_was_read_into_a_buffer_in_vain_comes_back_in_order() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"one\ntw")
        assert stream.read_line(timeout=PATIENCE) == "one"
        with pytest.raises(TimedOut):
            stream.read_line(timeout=5 * MS)
        buffer = bytearray(100)
        for piece in (b"o\nth", b"ree\nfo", b"ur\n"):
            peer.sendall(piece)
            with pytest.raises(TimedOut):
                stream.read_into(buffer, timeout=10 * MS)
        peer.close()
        assert list(stream) == ["two", "three", "four"]


@pytest.mark.parametrize("call", ["read_into", "write"])
def test_the_callers_buffer_is_free_again_when_the_time_is_up(call: str) -> None:
    data = bytearray(5_000_000)
    with stream_and_peer() as (stream, _):
        with pytest.raises(TimedOut) as caught:
            getattr(stream, call)(data, timeout=5 * MS)
        # As in an except clause, while the traceback and its frames are still there.
        data.clear()
    assert caught.value.deadline


class Endless:
    """A channel on which there is always something to receive, so that nobody ever waits."""

    where: object = "a peer that never stops"
    reading = writing = contextlib.nullcontext()

    def __init__(self) -> None:
        self._enough = time.monotonic() + PATIENCE

    def receive_into(self, buffer: memoryview) -> int:
        assert time.monotonic() < self._enough, "the limit of time does not hold"
        buffer[:] = b"x" * len(buffer)
        return len(buffer)

    def receive_soon(self, buffer: object, deadline: object) -> None:
        """Never."""

    def send(self, data: object) -> int:
        raise NotImplementedError

    def wait_readable(self, deadline: Deadline, operation: str) -> None:
        raise NotImplementedError

    wait_ready = wait_writable = wait_readable


def test_a_line_that_never_ends_is_skipped_for_no_longer_than_the_time() -> None:
    stream = Stream(Endless())
    with pytest.raises(TimedOut, match=r"^skip_line a peer that never stops: time limit") as caught:
        stream.skip_line(timeout=30 * MS)
    assert caught.value.deadline
    assert not stream.has_buffered_input


@pytest.mark.parametrize("call", ["read_line", "read_exactly", "read_until", "read_text"])
def test_a_peer_that_never_stops_sending_does_not_stretch_the_time(call: str) -> None:
    calls: dict[str, Callable[[Stream], object]] = {
        "read_line": lambda stream: stream.read_line(limit=None, timeout=30 * MS),
        "read_exactly": lambda stream: stream.read_exactly(10**12, timeout=30 * MS),
        "read_until": lambda stream: stream.read_until(b"|", limit=None, timeout=30 * MS),
        "read_text": lambda stream: stream.read_text(10**12, timeout=30 * MS),
    }
    stream = Stream(Endless())
    with pytest.raises(TimedOut, match=rf"^{call} a peer that never stops: time limit") as caught:
        calls[call](stream)
    assert caught.value.deadline
    assert stream.has_buffered_input
    assert stream.read(1) == b"x"


def test_a_large_buffer_is_not_filled_for_longer_than_its_time() -> None:
    class Trickling(Endless):
        def receive_into(self, buffer: memoryview) -> int:
            return super().receive_into(buffer[:1])

    buffer = bytearray(10**8)
    with pytest.raises(TimedOut):
        Stream(Trickling()).read_into(buffer, timeout=30 * MS)


# -- writing --------------------------------------------------------------------------------------


MUCH = 4_000_000  # bytes, more than any buffer of the system's


def test_writing_to_a_peer_that_does_not_read_has_a_limit_of_time() -> None:
    with stream_and_peer() as (stream, peer):
        start = time.monotonic()
        with pytest.raises(TimedOut, match=r"^write \(unnamed\): time limit passed") as caught:
            stream.write(b"1" * MUCH, timeout=20 * MS)
        assert 19 * MS <= time.monotonic() - start < PATIENCE  # uvloop counts whole ones
        assert caught.value.deadline
        with pytest.raises(TimedOut, match=r"^finish_output \(unnamed\): "):
            stream.finish_output(timeout=10 * MS)
        assert not stream.force_output()
        assert has_output(stream)
        with Call(stream.finish_output) as finishing:
            assert receive_exactly(peer, MUCH) == b"1" * MUCH
            finishing.result()
        assert not has_output(stream)
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):
            peer.recv(1)


def test_what_could_not_be_written_in_time_goes_before_what_is_written_next() -> None:
    with stream_and_peer(timeout=5 * MS) as (stream, peer):
        for digit in (b"1", b"2", b"3"):
            with pytest.raises(TimedOut):
                stream.write(digit * MUCH)
        with Call(stream.finish_output, timeout=None) as finishing:
            for digit in (b"1", b"2", b"3"):
                assert receive_exactly(peer, MUCH) == digit * MUCH
            finishing.result()


def test_writing_without_waiting_keeps_what_does_not_fit() -> None:
    with stream_and_peer() as (stream, peer):
        with pytest.raises(TimedOut):
            stream.write(b"x" * MUCH, timeout=0)
        with Call(stream.finish_output) as finishing:
            assert len(receive_exactly(peer, MUCH)) == MUCH
            finishing.result()


def test_small_writes_do_not_wait() -> None:
    with stream_and_peer() as (stream, _):
        with pytest.raises(TimedOut):
            stream.write(b"x" * MUCH, timeout=0)
        stream.clear_output()
        stream.write("small", timeout=0)


# -- errors that lose nothing ---------------------------------------------------------------------


def test_a_limit_does_not_hide_what_is_malformed() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"\xff234\n")
        with pytest.raises(LineTooLong):
            stream.read_line(limit=2, timeout=PATIENCE)
        with pytest.raises(DecodingError):
            stream.read_line(limit=4, timeout=PATIENCE)
        assert stream.read_exactly(5, timeout=PATIENCE) == b"\xff234\n"


@pytest.mark.parametrize("call", ["read_exactly", "read_until"])
def test_an_end_of_file_that_came_too_early_is_told_once_with_what_there_was(call: str) -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"123")
        peer.close()
        with pytest.raises(EndOfFile) as caught:
            READS[call](stream, timeout=PATIENCE)
        assert caught.value.partial == b"123"
        with pytest.raises(EndOfFile) as caught:
            READS[call](stream, timeout=PATIENCE)
        assert caught.value.partial == b""


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (-1, ValueError),
        (float("nan"), ValueError),
        ("1", TypeError),
        (True, TypeError),
    ],
)
def test_what_a_limit_of_time_cannot_be(wrong: Any, error: type[Exception]) -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"1234|\n")
        for read in READS.values():
            with pytest.raises(error, match="timeout"):
                read(stream, timeout=wrong)
        for write in (stream.write, stream.write_line):
            with pytest.raises(error, match="timeout"):
                write("x", timeout=wrong)
        with pytest.raises(error, match="timeout"):
            stream.finish_output(timeout=wrong)
        with pytest.raises(error, match="timeout"):
            stream.timeout = wrong
        assert stream.read_line(timeout=float("inf")) == "1234|"
        assert not has_output(stream)
