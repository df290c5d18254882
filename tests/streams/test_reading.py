"""Reading text and bytes from a real peer: what each call returns, and what it leaves."""

import array
import socket
from typing import Any

import pytest
from sockets.helpers import Call, stream_and_peer
from support.peers import receive_exactly
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    DecodingError,
    EndOfFile,
    ExternalFormat,
    SocketClosed,
    StreamError,
)
from trunkline._sys.socket_descriptor import SocketDescriptor


def all_has_arrived(stream: ActiveSocket, expected: bytes) -> None:
    """Wait until so much has arrived, without reading any of it."""
    while len(stream.receive_from(len(expected), timeout=PATIENCE, peek=True)[0]) < len(expected):
        pass


def has_input(stream: ActiveSocket) -> bool:
    return stream.has_buffered_input  # by itself, or a type checker believes that it stays so


def lacked_newline(stream: ActiveSocket) -> bool:
    return stream.missing_newline


# -- lines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("external_format", "data", "lines"),
    [
        ("utf-8/lf", b"one\ntwo\r\n\nthree\rfour\n", ["one", "two\r", "", "three\rfour"]),
        ("utf-8/crlf", b"one\r\ntwo\n\r\nthree\rfour\r\n", ["one", "two", "", "three\rfour"]),
        ("utf-8/cr", b"one\rtwo\n\rthree\r", ["one", "two", "", "three"]),
        ("utf-8/lf", "привет\n👋\n".encode(), ["привет", "👋"]),
        ("utf-16/crlf", "один\r\nдва\r\n".encode("utf-16"), ["один", "два"]),
        ("shift_jis", "日本\n".encode("shift_jis"), ["日本"]),
        ("latin-1", b"\xe9\x85\n", ["é\x85"]),
    ],
)
def test_lines_are_read_without_their_newlines(
    external_format: str, data: bytes, lines: list[str]
) -> None:
    with stream_and_peer(external_format=external_format) as (stream, peer):
        peer.sendall(data)
        peer.close()
        assert [stream.read_line(timeout=PATIENCE) for _ in lines] == lines
        assert not lacked_newline(stream)
        with pytest.raises(EndOfFile):
            stream.read_line(timeout=PATIENCE)


@pytest.mark.parametrize("cut", range(1, 12))
def test_it_does_not_matter_how_a_line_is_cut(cut: int) -> None:
    data = "é\r\n日本\r\n".encode()
    with stream_and_peer(external_format="utf-8/crlf") as (stream, peer):
        peer.sendall(data[:cut])
        all_has_arrived(stream, data[:cut])
        with Call(lambda: [stream.read_line(timeout=PATIENCE) for _ in range(2)]) as reading:
            peer.sendall(data[cut:])
            assert reading.result() == ["é", "日本"]


def test_a_last_line_without_a_newline_is_a_line_and_is_flagged() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"first\nlast")
        peer.close()
        assert stream.read_line(timeout=PATIENCE) == "first"
        assert not lacked_newline(stream)
        assert stream.read_line(timeout=PATIENCE) == "last"
        assert lacked_newline(stream)
        for _ in range(2):
            with pytest.raises(EndOfFile, match=r"^read_line \(unnamed\): end of file$") as caught:
                stream.read_line(timeout=PATIENCE)
        assert isinstance(caught.value, EOFError)
        assert caught.value.operation == "read_line"


@pytest.mark.parametrize(
    ("external_format", "data", "line"),
    [("utf-8/crlf", b"half\r", "half\r"), ("utf-8/cr", b"half", "half")],
)
def test_half_a_newline_at_the_end_is_text(external_format: str, data: bytes, line: str) -> None:
    with stream_and_peer(external_format=external_format) as (stream, peer):
        peer.sendall(data)
        peer.close()
        assert stream.read_line(timeout=PATIENCE) == line
        assert lacked_newline(stream)


def test_iterating_ends_with_the_peer() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"one\ntwo\nthree")
        peer.close()
        assert list(stream) == ["one", "two", "three"]
        assert list(stream) == []


def test_iterating_over_a_closed_stream_is_an_error() -> None:
    with stream_and_peer() as (stream, _):
        stream.close()
        with pytest.raises(SocketClosed):
            next(stream)


def test_lines_are_read_one_after_the_other_while_the_peer_waits() -> None:
    with stream_and_peer() as (stream, peer):
        for number in range(5):
            peer.sendall(f"question {number}\n".encode())
            assert stream.read_line(timeout=PATIENCE) == f"question {number}"
            stream.write_line(f"answer {number}")
            stream.finish_output()
            assert receive_exactly(peer, 9) == f"answer {number}\n".encode()


# -- characters -----------------------------------------------------------------------------------


def test_characters_are_read_one_by_one_and_a_newline_is_one() -> None:
    with stream_and_peer(external_format="utf-8/crlf") as (stream, peer):
        peer.sendall("aé日👋\r\n\n\rb\r".encode())
        peer.close()
        expected = ["a", "é", "日", "👋", "\n", "\n", "\r", "b", "\r"]
        assert [stream.read_char(timeout=PATIENCE) for _ in expected] == expected
        with pytest.raises(EndOfFile):
            stream.read_char(timeout=PATIENCE)


def test_a_character_is_looked_at_and_stays() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall("é\n".encode())
        assert stream.peek_char(timeout=PATIENCE) == "é"
        assert stream.peek_char(timeout=PATIENCE) == "é"
        assert stream.read_line(timeout=PATIENCE) == "é"
        peer.close()
        with pytest.raises(EndOfFile, match=r"^peek_char "):
            stream.peek_char(timeout=PATIENCE)


@pytest.mark.parametrize("external_format", ["utf-8/crlf", "utf-16/crlf", "latin-1/cr"])
def test_a_character_is_put_back_once(external_format: str) -> None:
    encoding, _, eol = external_format.partition("/")
    newline = {"crlf": "\r\n", "cr": "\r"}[eol]
    with stream_and_peer(external_format=external_format) as (stream, peer):
        peer.sendall(f"é{newline}x".encode(encoding))
        peer.close()
        for char in ("é", "\n", "x"):
            assert stream.read_char(timeout=PATIENCE) == char
            stream.unread_char()
            with pytest.raises(ValueError, match="no character to unread"):
                stream.unread_char()
            assert stream.read_char(timeout=PATIENCE) == char


def test_only_what_was_just_read_as_a_character_can_be_put_back() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"ab\ncd\n")
        with pytest.raises(ValueError, match="no character"):
            stream.unread_char()
        stream.read_char(timeout=PATIENCE)
        stream.read_line(timeout=PATIENCE)
        with pytest.raises(ValueError, match="no character"):
            stream.unread_char()
        stream.read_char(timeout=PATIENCE)
        stream.peek_char(timeout=PATIENCE)
        with pytest.raises(ValueError, match="no character"):
            stream.unread_char()
        assert stream.read_line(timeout=PATIENCE) == "d"


# -- without hanging ------------------------------------------------------------------------------


@pytest.mark.exact_io("looks once, and an injected EAGAIN looks as if nothing were there")
def test_without_hanging_there_is_a_character_or_none_or_the_end() -> None:
    with stream_and_peer() as (stream, peer):
        assert stream.read_char_no_hang() is None
        peer.sendall(b"x")
        assert stream.read_char_no_hang() == "x"
        assert stream.read_char_no_hang() is None
        peer.close()
        with pytest.raises(EndOfFile, match=r"^read_char_no_hang "):
            stream.read_char_no_hang()


@pytest.mark.exact_io("looks once, and an injected EAGAIN looks as if nothing were there")
def test_without_hanging_half_a_character_is_none_yet() -> None:
    with stream_and_peer(external_format="utf-8/crlf") as (stream, peer):
        for piece, expected in ((b"\xe6", None), (b"\x97", None), (b"\xa5", "日")):
            peer.sendall(piece)
            assert stream.read_char_no_hang() == expected
        for piece, expected in ((b"\r", None), (b"\n", "\n"), (b"\r", None), (b"x", "\r")):
            peer.sendall(piece)
            assert stream.read_char_no_hang() == expected
        assert stream.read_char_no_hang() == "x"


@pytest.mark.exact_io("looks once, and an injected EAGAIN looks as if nothing were there")
def test_without_hanging_a_character_that_has_arrived_in_pieces_is_read() -> None:
    with stream_and_peer(input_buffer_size=1) as (stream, peer):
        peer.sendall("日".encode())
        assert stream.read_char_no_hang() == "日"
    with stream_and_peer(input_buffer_size=1, external_format="utf-16-le/crlf") as (stream, peer):
        peer.sendall("\r\n".encode("utf-16-le"))
        assert stream.read_char_no_hang() == "\n"


@pytest.mark.exact_io("looks once, and an injected EAGAIN looks as if nothing were there")
def test_without_hanging_what_the_end_completes_is_a_character() -> None:
    with stream_and_peer(external_format="utf-8/crlf") as (stream, peer):
        peer.sendall(b"\r")
        assert stream.read_char_no_hang() is None
        peer.close()
        assert stream.read_char_no_hang() == "\r"
        with pytest.raises(EndOfFile):
            stream.read_char_no_hang()


@pytest.mark.exact_io("looks once, and an injected EAGAIN looks as if nothing were there")
def test_without_hanging_a_malformed_character_is_an_error() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"\xffx")
        with pytest.raises(DecodingError, match=r"^read_char_no_hang "):
            stream.read_char_no_hang()
        assert stream.read(1) == b"\xff"
        assert stream.read_char_no_hang() == "x"


def test_without_hanging_a_closed_stream_is_an_error() -> None:
    with stream_and_peer() as (stream, _):
        stream.close()
        with pytest.raises(SocketClosed):
            stream.read_char_no_hang()


# -- stretches of text ----------------------------------------------------------------------------


def test_text_is_read_by_characters_and_not_by_bytes() -> None:
    with stream_and_peer(external_format="utf-8/crlf") as (stream, peer):
        peer.sendall("aé日\r\nb👋c".encode())
        peer.close()
        assert stream.read_text(0) == ""
        assert stream.read_text(4, timeout=PATIENCE) == "aé日\n"
        assert stream.read_text(1, timeout=PATIENCE) == "b"
        assert stream.read_text(100, timeout=PATIENCE) == "👋c"
        assert stream.read_text(100, timeout=PATIENCE) == ""


def test_text_that_is_cut_off_in_a_character_is_malformed() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"ab\xe6\x97")
        peer.close()
        for _ in range(2):
            with pytest.raises(DecodingError, match=r"^read_text "):
                stream.read_text(10, timeout=PATIENCE)
        assert stream.read_text(2, timeout=PATIENCE) == "ab"
        with pytest.raises(DecodingError):
            stream.read_line(timeout=PATIENCE)
        assert stream.read(timeout=PATIENCE) == b"\xe6\x97"


def test_a_malformed_line_stays_to_be_read_as_bytes() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"good\nb\xffd\ngood again\n")
        assert stream.read_line(timeout=PATIENCE) == "good"
        for _ in range(2):
            with pytest.raises(
                DecodingError, match=r"^read_line \(unnamed\): 'utf-8' codec can't"
            ) as caught:
                stream.read_line(timeout=PATIENCE)
        error = caught.value
        assert isinstance(error, UnicodeDecodeError)
        assert isinstance(error, StreamError)
        assert error.object[error.start : error.end] == b"\xff"
        assert stream.read_until(b"\n", timeout=PATIENCE) == b"b\xffd\n"
        assert stream.read_line(timeout=PATIENCE) == "good again"


def test_errors_may_be_replaced_instead() -> None:
    with stream_and_peer(external_format=ExternalFormat(errors="replace")) as (stream, peer):
        peer.sendall(b"b\xffd\n\xe6\x97")
        peer.close()
        assert list(stream) == ["b\N{REPLACEMENT CHARACTER}d", "\N{REPLACEMENT CHARACTER}"]


# -- bytes ----------------------------------------------------------------------------------------


def test_whatever_has_arrived_is_read() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"0123456789")
        all_has_arrived(stream, b"0123456789")
        first = stream.read(3, timeout=PATIENCE)
        assert first
        assert b"012".startswith(first)
        peer.close()
        pieces = iter(lambda: stream.read(timeout=PATIENCE), b"")
        assert first + b"".join(pieces) == b"0123456789"
        assert stream.read(timeout=PATIENCE) == b""


def test_reading_nothing_needs_nothing() -> None:
    with stream_and_peer() as (stream, _):
        assert stream.read(0) == b""
        assert stream.read_exactly(0) == b""
        assert stream.read_text(0) == ""
        assert stream.read_into(bytearray()) == 0


def test_so_many_bytes_are_read_and_no_more() -> None:
    data = bytes(range(256)) * 1000
    with stream_and_peer() as (stream, peer), Call(peer.sendall, data + b"!"):
        assert stream.read_exactly(len(data), timeout=PATIENCE) == data
        assert stream.read_exactly(1, timeout=PATIENCE) == b"!"


def test_fewer_bytes_than_wanted_are_an_error_that_has_them() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"only this")
        peer.close()
        with pytest.raises(
            EndOfFile, match=r"^read_exactly \(unnamed\): .* after 9 bytes$"
        ) as caught:
            stream.read_exactly(100, timeout=PATIENCE)
        assert caught.value.partial == b"only this"
        with pytest.raises(EndOfFile) as again:
            stream.read_exactly(1, timeout=PATIENCE)
        assert again.value.partial == b""


def test_bytes_are_read_up_to_a_separator() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"Header: 1\r\nOther: 2\r\n\r\nbody\r\n\r")
        peer.close()
        separator = b"\r\n\r\n"
        expected = b"Header: 1\r\nOther: 2\r\n\r\n"
        assert stream.read_until(separator, timeout=PATIENCE) == expected
        with pytest.raises(EndOfFile, match=r"^read_until ") as caught:
            stream.read_until(separator, timeout=PATIENCE)
        assert caught.value.partial == b"body\r\n\r"


@pytest.mark.parametrize("cut", range(1, 9))
def test_a_separator_may_be_cut_anywhere(cut: int) -> None:
    data = b"ababcababd"
    with stream_and_peer() as (stream, peer):
        peer.sendall(data[:cut])
        all_has_arrived(stream, data[:cut])
        with Call(lambda: stream.read_until(b"ababd", timeout=PATIENCE)) as reading:
            peer.sendall(data[cut:])
            assert reading.result() == data


def test_a_separator_is_anything_with_bytes_and_not_empty() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"a|b|")
        separators: list[Any] = [bytearray(b"|"), memoryview(b"|")]
        assert stream.read_until(separators[0], timeout=PATIENCE) == b"a|"
        assert stream.read_until(separators[1], timeout=PATIENCE) == b"b|"
        with pytest.raises(ValueError, match="empty"):
            stream.read_until(b"")


@pytest.mark.parametrize("wrong", ["|", 10, None])
def test_what_is_no_separator(wrong: Any) -> None:
    with stream_and_peer() as (stream, _), pytest.raises(TypeError):
        stream.read_until(wrong)


def test_a_buffer_is_filled() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"line\n0123456789")
        assert stream.read_line(timeout=PATIENCE) == "line"
        buffer = bytearray(8)
        assert stream.read_into(buffer, timeout=PATIENCE) == 8
        assert buffer == b"01234567"
        peer.close()
        numbers = array.array("I", [0, 0])
        assert stream.read_into(numbers, timeout=PATIENCE) == 2
        assert numbers.tobytes()[:2] == b"89"
        assert stream.read_into(buffer, timeout=PATIENCE) == 0


def test_a_large_buffer_is_filled_from_many_pieces() -> None:
    data = bytes(range(250)) * 4000
    buffer = bytearray(len(data))
    with stream_and_peer() as (stream, peer), Call(peer.sendall, data + b"rest"):
        assert stream.read_into(memoryview(buffer), timeout=PATIENCE) == len(data)
        assert buffer == data
        assert stream.read_exactly(4, timeout=PATIENCE) == b"rest"


@pytest.mark.parametrize("wrong", [b"constant", "text", None, 5])
def test_what_cannot_be_filled_takes_nothing(wrong: Any) -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"line\nkept\n")
        stream.read_line(timeout=PATIENCE)
        with pytest.raises(TypeError):
            stream.read_into(wrong, timeout=PATIENCE)
        assert stream.read_line(timeout=PATIENCE) == "kept"


# -- mixing ---------------------------------------------------------------------------------------


def test_text_and_bytes_come_from_one_buffer() -> None:
    with stream_and_peer(external_format="utf-8/crlf") as (stream, peer):
        peer.sendall("5\r\né日\r\nlast é".encode())
        peer.close()
        assert stream.read_line(timeout=PATIENCE) == "5"
        assert stream.read_exactly(5, timeout=PATIENCE) == "é日".encode()
        assert stream.read_char(timeout=PATIENCE) == "\n"
        assert stream.read_text(5, timeout=PATIENCE) == "last "
        assert stream.read(timeout=PATIENCE) == "é".encode()


def test_half_of_a_character_can_be_read_as_bytes() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall("日本".encode())
        assert stream.read_exactly(1, timeout=PATIENCE) == b"\xe6"
        with pytest.raises(DecodingError):
            stream.read_char(timeout=PATIENCE)
        assert stream.read_exactly(2, timeout=PATIENCE) == b"\x97\xa5"
        assert stream.read_char(timeout=PATIENCE) == "本"


def test_a_character_put_back_can_be_read_as_bytes() -> None:
    with stream_and_peer(external_format="utf-8/crlf") as (stream, peer):
        peer.sendall(b"\r\nx")
        assert stream.read_char(timeout=PATIENCE) == "\n"
        stream.unread_char()
        assert stream.read_exactly(3, timeout=PATIENCE) == b"\r\nx"


# -- the input that is buffered -------------------------------------------------------------------


def test_what_has_been_received_and_not_read_is_told() -> None:
    with stream_and_peer() as (stream, peer):
        assert not has_input(stream)
        peer.sendall(b"one\ntwo\n")
        all_has_arrived(stream, b"one\ntwo\n")
        assert not has_input(stream)  # it is the system's yet
        assert stream.read_line(timeout=PATIENCE) == "one"
        if has_input(stream):
            assert stream.read_line(timeout=0) == "two"
        else:  # the rest was received by itself
            assert stream.read_line(timeout=PATIENCE) == "two"
        assert not has_input(stream)


def test_the_end_of_file_is_not_input() -> None:
    with stream_and_peer() as (stream, peer):
        peer.close()
        assert stream.read(timeout=PATIENCE) == b""
        assert not has_input(stream)


def test_input_is_thrown_away() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"one\nold\n")
        assert stream.read_line(timeout=PATIENCE) == "one"
        while not has_input(stream):
            stream.peek_char(timeout=PATIENCE)
        stream.clear_input()
        assert not has_input(stream)
        peer.sendall(b"new\n")
        peer.shutdown(socket.SHUT_WR)
        assert list(stream)[-1] == "new"


def test_half_a_character_is_thrown_away_too() -> None:
    with stream_and_peer(external_format="utf-16-le") as (stream, peer):
        peer.sendall(b"a\0b")
        assert stream.read_char(timeout=PATIENCE) == "a"
        with pytest.raises(TimeoutError):
            stream.read_char(timeout=PATIENCE / 1000)
        assert has_input(stream)
        stream.clear_input()
        assert not has_input(stream)
        peer.sendall("c".encode("utf-16-le"))
        assert stream.read_char(timeout=PATIENCE) == "c"


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["read", "read_exactly", "read_text"])
@pytest.mark.parametrize(
    ("size", "error"),
    [(-1, ValueError), (1.0, TypeError), ("1", TypeError), (True, TypeError), (None, TypeError)],
)
def test_what_a_size_cannot_be(call: str, size: Any, error: type[Exception]) -> None:
    with stream_and_peer() as (stream, _), pytest.raises(error, match="size"):
        getattr(stream, call)(size)


@pytest.mark.parametrize("call", ["read_line", "read_until"])
@pytest.mark.parametrize(
    ("limit", "error"), [(-1, ValueError), (1.0, TypeError), ("1", TypeError), (True, TypeError)]
)
def test_what_a_limit_cannot_be(call: str, limit: Any, error: type[Exception]) -> None:
    with stream_and_peer() as (stream, _):
        arguments = (b"|",) if call == "read_until" else ()
        with pytest.raises(error):
            getattr(stream, call)(*arguments, limit=limit)


def test_every_read_of_a_closed_stream_says_that_it_is_closed() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"line\nnever read\n")
        assert stream.read_line(timeout=PATIENCE) == "line"
        stream.close(abort=True)
        for call in (
            stream.read_line,
            stream.read_char,
            stream.peek_char,
            stream.unread_char,
            stream.read,
            stream.clear_input,
            lambda: stream.read_exactly(1),
            lambda: stream.read_text(1),
            lambda: stream.read_until(b"|"),
            lambda: stream.read_into(bytearray(1)),
        ):
            with pytest.raises(SocketClosed):
                call()


# -- text and bytes on one connection -------------------------------------------------------------


@pytest.mark.exact_io("it counts the receives and sends")
@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
def test_a_header_is_followed_by_bytes_in_the_callers_buffer_and_by_text_again(
    family: socket.AddressFamily, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest of a body that the first receive has not brought comes in one more."""
    data = bytes(range(256)) * 200
    with stream_and_peer(family, external_format="utf-8/crlf", input_buffer_size=4096) as (
        stream,
        peer,
    ):
        counts = {"receive_into": 0, "send": 0}

        def count(name: str) -> None:
            call = getattr(SocketDescriptor, name)

            def counted(*arguments: Any) -> Any:
                counts[name] += 1
                return call(*arguments)

            monkeypatch.setattr(SocketDescriptor, name, counted)

        message = b"Length: %d\r\n\r\n%bth\xc3\xa9 end\r\n" % (len(data), data)
        peer.sendall(message)
        all_has_arrived(stream, message)
        for name in counts:
            count(name)
        assert [stream.read_line(), stream.read_line()] == [f"Length: {len(data)}", ""]
        assert counts["receive_into"] == 1
        body = bytearray(len(data))
        assert stream.read_into(body) == len(data)
        assert body == data
        assert counts["receive_into"] == 2
        assert stream.read_line() == "th\xe9 end"
        stream.write(data, flush=True)
        assert counts["send"] == 1
        assert receive_exactly(peer, len(data)) == data
