"""Writing text and bytes: what is gathered, what is sent, and what is told of it."""

import array
import socket
from typing import Any

import pytest
from sockets.helpers import Call, stream_and_peer
from support.peers import receive_all, receive_exactly
from support.timing import PATIENCE

from trunkline import DEFAULT_BUFFER_SIZE, ActiveSocket, SocketClosed, TimedOut

MUCH = 4_000_000  # bytes, more than any buffer of the system's


def nothing_has_arrived(peer: socket.socket) -> bool:
    peer.setblocking(False)
    try:
        peer.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return True
    finally:
        peer.settimeout(PATIENCE)
    return False


def has_output(stream: ActiveSocket) -> bool:
    return stream.has_buffered_output  # by itself, or a type checker believes that it stays so


# -- what is written ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("external_format", "text", "data"),
    [
        ("utf-8/lf", "a\nb\r\nc", b"a\nb\r\nc"),
        ("utf-8/crlf", "a\nb\r\nc\n", b"a\r\nb\r\r\nc\r\n"),
        ("utf-8/cr", "a\nb\n", b"a\rb\r"),
        ("latin-1/crlf", "é\x85\n", b"\xe9\x85\r\n"),
        ("utf-8", "日本👋", "日本👋".encode()),
        ("utf-16-be/crlf", "é\n", "é\r\n".encode("utf-16-be")),
    ],
)
def test_text_is_encoded_and_its_newlines_are_the_formats(
    external_format: str, text: str, data: bytes
) -> None:
    with stream_and_peer(external_format=external_format) as (stream, peer):
        stream.write(text)
        stream.close()
        assert receive_all(peer) == data


def test_a_line_is_text_and_a_newline() -> None:
    with stream_and_peer(external_format="utf-8/crlf") as (stream, peer):
        stream.write_line("one")
        stream.write_line()
        stream.write_line("two\nthree")
        stream.close()
        assert receive_all(peer) == b"one\r\n\r\ntwo\r\nthree\r\n"


@pytest.mark.parametrize(
    "data",
    [
        b"abcd",
        bytearray(b"abcd"),
        memoryview(b"abcd"),
        memoryview(b"xabcdx")[1:5],
        array.array("H", [25185, 25699]),
    ],
)
def test_anything_that_has_bytes_is_written_as_it_is(data: Any) -> None:
    with stream_and_peer(external_format="utf-8/crlf") as (stream, peer):
        stream.write(data)
        stream.write(b"\n")
        stream.close()
        assert receive_all(peer) == b"abcd\n"


def test_text_and_bytes_keep_their_order() -> None:
    with stream_and_peer(external_format="utf-8/crlf") as (stream, peer):
        stream.write("Length: 2\n\n")
        stream.write(b"\xff\n")
        stream.write_line("é")
        stream.close()
        assert receive_all(peer) == b"Length: 2\r\n\r\n\xff\n\xc3\xa9\r\n"


@pytest.mark.parametrize("empty", ["", b"", bytearray(), array.array("H")])
def test_writing_nothing_writes_nothing(empty: Any) -> None:
    with stream_and_peer() as (stream, peer):
        stream.write(empty)
        assert not has_output(stream)
        stream.close()
        assert receive_all(peer) == b""


@pytest.mark.parametrize("wrong", [None, 5, 1.5, ["x"], object()])
def test_what_is_neither_text_nor_bytes_is_not_written(wrong: Any) -> None:
    with stream_and_peer() as (stream, peer):
        with pytest.raises(TypeError, match="text or bytes"):
            stream.write(wrong)
        with pytest.raises(TypeError, match="a line is text"):
            stream.write_line(wrong)
        stream.close()
        assert receive_all(peer) == b""


def test_a_line_of_bytes_is_a_mistake() -> None:
    line: Any = b"bytes"
    with stream_and_peer() as (stream, _), pytest.raises(TypeError, match="a line is text"):
        stream.write_line(line)


@pytest.mark.parametrize("external_format", ["latin-1", "iso2022_jp", "ascii/crlf"])
def test_of_text_that_cannot_be_encoded_nothing_is_written(external_format: str) -> None:
    with stream_and_peer(external_format=external_format) as (stream, peer):
        stream.write("before ")
        with pytest.raises(UnicodeEncodeError):
            stream.write("good until 👋 here")
        stream.write("after")
        stream.close()
        assert receive_all(peer) == b"before after"


def test_a_buffer_may_be_changed_when_it_has_been_written() -> None:
    with stream_and_peer() as (stream, peer):
        small, large = bytearray(b"small"), bytearray(b"L" * 100_000)
        stream.write(small)
        small[:] = b"....."
        small.clear()
        with Call(receive_exactly, peer, 100_005) as receiving:
            stream.write(large)
            large.clear()
            stream.finish_output()
            assert receiving.result() == b"small" + b"L" * 100_000


# -- when it is sent ------------------------------------------------------------------------------


def test_small_pieces_are_gathered_until_they_are_finished() -> None:
    with stream_and_peer() as (stream, peer):
        for _ in range(10):
            stream.write("x" * 100)
        assert has_output(stream)
        assert nothing_has_arrived(peer)
        stream.finish_output()
        assert not has_output(stream)
        assert receive_exactly(peer, 1000) == b"x" * 1000


def test_what_does_not_fit_the_buffer_is_sent_with_all_that_came_before() -> None:
    with stream_and_peer() as (stream, peer):
        stream.write("x" * DEFAULT_BUFFER_SIZE)
        assert nothing_has_arrived(peer)
        stream.write("y")
        assert not has_output(stream)
        assert receive_exactly(peer, DEFAULT_BUFFER_SIZE + 1) == b"x" * DEFAULT_BUFFER_SIZE + b"y"


def test_output_larger_than_all_buffers_reaches_a_slow_reader_whole() -> None:
    data = bytes(range(250)) * (MUCH // 250)
    with stream_and_peer() as (stream, peer), Call(stream.write, data) as writing:
        received = bytearray()
        while len(received) < MUCH:
            received += peer.recv(30_000)
        writing.result()
        assert received == data


def test_output_over_the_internet_reaches_a_slow_reader_whole() -> None:
    data = bytes(range(250)) * 2000
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        stream.set_option("send_buffer", 8192)
        with Call(stream.write, data) as writing:
            received = bytearray()
            while len(received) < len(data):
                received += peer.recv(30_000)
            writing.result()
            assert received == data


@pytest.mark.exact_io("tries once, and an injected EAGAIN looks as if there were no room")
def test_forcing_sends_what_it_can_and_says_whether_that_was_all() -> None:
    with stream_and_peer() as (stream, peer):
        assert stream.force_output()
        stream.write("small")
        assert stream.force_output()
        assert receive_exactly(peer, 5) == b"small"


def test_forcing_does_not_wait() -> None:
    with stream_and_peer(output_buffer_size=2 * MUCH) as (stream, peer):
        stream.write(b"x" * MUCH)
        assert not stream.force_output()
        assert has_output(stream)
        assert not stream.force_output()
        received = 0
        while not stream.force_output():
            received += len(peer.recv(1_000_000))
        assert received + len(receive_exactly(peer, MUCH - received)) == MUCH


def test_finishing_nothing_is_quick() -> None:
    with stream_and_peer() as (stream, _):
        stream.finish_output(timeout=0)
        assert stream.force_output()


def test_output_is_thrown_away() -> None:
    with stream_and_peer() as (stream, peer):
        stream.write("never")
        stream.clear_output()
        assert not has_output(stream)
        stream.write("this")
        stream.close()
        assert receive_all(peer) == b"this"


def test_output_that_could_not_be_sent_is_thrown_away() -> None:
    with stream_and_peer() as (stream, peer):
        with pytest.raises(TimedOut):
            stream.write(b"1" * MUCH, timeout=0)
        stream.clear_output()
        stream.write("2")
        with Call(receive_all, peer) as receiving:
            stream.close()
            received = receiving.result()
        assert received.endswith(b"12")
        assert len(received) < MUCH


def test_every_write_to_a_closed_stream_says_that_it_is_closed() -> None:
    with stream_and_peer() as (stream, peer):
        stream.write("dropped")
        stream.close(abort=True)
        for call in (
            lambda: stream.write("x"),
            stream.write_line,
            stream.finish_output,
            stream.force_output,
            stream.clear_output,
        ):
            with pytest.raises(SocketClosed, match=r"^write \(unnamed\): the socket is closed"):
                call()
        assert receive_all(peer) == b""
