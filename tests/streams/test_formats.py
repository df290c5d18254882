"""External formats of a stream: those that mix with bytes, those that do not, and changing them."""

import socket
from typing import Any

import pytest
from sockets.helpers import stream_and_peer
from support.peers import receive_all, receive_exactly
from support.timing import PATIENCE

from trunkline import EndOfFile, ExternalFormat, TimedOut

NOT_MIXING = ["utf-16", "utf-16-le/crlf", "utf-32", "iso2022_jp", "utf-7", "utf-8-sig"]


@pytest.mark.parametrize("external_format", NOT_MIXING)
def test_bytes_cannot_be_read_in_the_middle_of_such_text(external_format: str) -> None:
    text = "日本\nещё\n"
    encoding, _, eol = external_format.partition("/")
    data = text.replace("\n", "\r\n" if eol else "\n").encode(encoding)
    with stream_and_peer(external_format=external_format) as (stream, peer):
        peer.sendall(data)
        peer.close()
        for call in (
            stream.read,
            lambda: stream.read_exactly(1),
            lambda: stream.read_until(b"\n"),
            lambda: stream.read_into(bytearray(1)),
            stream.raw_io,
        ):
            with pytest.raises(ValueError, match="change the external format first"):
                call()
        assert list(stream) == ["日本", "ещё"]


@pytest.mark.parametrize("external_format", NOT_MIXING)
def test_bytes_cannot_be_written_in_the_middle_of_such_text(external_format: str) -> None:
    encoding, _, eol = external_format.partition("/")
    newline = "\r\n" if eol else "\n"
    with stream_and_peer(external_format=external_format) as (stream, peer):
        stream.write("日本\n")
        with pytest.raises(ValueError, match="change the external format first"):
            stream.write(b"bytes")
        stream.write("本日\n")
        stream.close()
        assert receive_all(peer) == f"日本{newline}本日{newline}".encode(encoding)


@pytest.mark.parametrize("external_format", NOT_MIXING)
def test_such_text_goes_both_ways(external_format: str) -> None:
    lines = ["日本", "", "плюс + минус -", "x" * 3000]
    with (
        stream_and_peer(external_format=external_format) as (stream, peer),
        stream_and_peer(external_format=external_format) as (other, other_peer),
    ):
        for line in lines:
            stream.write_line(line)
        stream.close()
        other_peer.sendall(receive_all(peer))
        other_peer.close()
        assert list(other) == lines


def test_a_byte_order_mark_is_written_once() -> None:
    with stream_and_peer(external_format="utf-16") as (stream, peer):
        stream.write("a")
        stream.finish_output()
        stream.write("b")
        stream.close()
        assert receive_all(peer) == "ab".encode("utf-16")


def test_no_byte_order_mark_is_written_of_text_that_there_has_not_been() -> None:
    for change in (False, True):
        with stream_and_peer(external_format="utf-16") as (stream, peer):
            if change:
                stream.external_format = "latin-1"
                stream.write("a")
            stream.close()
            assert receive_all(peer) == (b"a" if change else b"")


def test_the_format_says_what_it_is() -> None:
    with stream_and_peer() as (stream, _):
        assert stream.external_format == ExternalFormat("utf-8", eol="lf")
        stream.external_format = "latin-1/crlf"
        assert stream.external_format == ExternalFormat("latin-1", eol="crlf")
        stream.external_format = ExternalFormat("ascii")
        assert str(stream.external_format) == "ascii/lf"


@pytest.mark.parametrize("wrong", ["no-such-encoding", "utf-8/nl", "rot13", 5, None])
def test_a_format_that_there_is_not_changes_nothing(wrong: Any) -> None:
    with stream_and_peer() as (stream, _):
        with pytest.raises((ValueError, TypeError)):
            stream.external_format = wrong
        assert str(stream.external_format) == "utf-8/lf"


def test_the_format_is_changed_between_two_lines() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"charset: koi8-r\n" + "привет\r\n".encode("koi8-r"))
        assert stream.read_line(timeout=PATIENCE) == "charset: koi8-r"
        stream.external_format = "koi8-r/crlf"
        assert stream.read_line(timeout=PATIENCE) == "привет"
        stream.write_line("привет")
        stream.finish_output()
        assert receive_exactly(peer, 8) == "привет\r\n".encode("koi8-r")


def test_after_text_that_does_not_mix_bytes_can_be_read_in_another_format() -> None:
    with stream_and_peer(external_format="utf-16-le") as (stream, peer):
        peer.sendall("size 4\n".encode("utf-16-le") + b"\x00\xff\n\x80" + b"end\n")
        assert stream.read_line(timeout=PATIENCE) == "size 4"
        stream.external_format = "latin-1"
        assert stream.read_exactly(4, timeout=PATIENCE) == b"\x00\xff\n\x80"
        assert stream.read_line(timeout=PATIENCE) == "end"


def test_the_format_is_not_changed_in_the_middle_of_a_character() -> None:
    with stream_and_peer(external_format="utf-16-le") as (stream, peer):
        peer.sendall(b"a\0b")
        assert stream.read_char(timeout=PATIENCE) == "a"
        with pytest.raises(TimedOut):
            stream.read_char(timeout=PATIENCE / 1000)
        with pytest.raises(ValueError, match="the format can only be changed"):
            stream.external_format = "utf-8"
        assert str(stream.external_format) == "utf-16-le/lf"
        peer.sendall(b"\0")
        assert stream.read_char(timeout=PATIENCE) == "b"
        stream.external_format = "utf-8"


def test_what_is_queued_is_ended_in_its_own_format() -> None:
    with stream_and_peer(external_format="iso2022_jp") as (stream, peer):
        stream.write("日本")
        stream.external_format = "utf-8"
        stream.write(b"\xff")
        stream.write("é")
        stream.close()
        assert receive_all(peer) == "日本".encode("iso2022_jp") + b"\xff\xc3\xa9"


def test_ending_the_writing_brings_an_encoding_back_to_its_beginning() -> None:
    with stream_and_peer(external_format="iso2022_jp") as (stream, peer):
        stream.write("日本")
        stream.shutdown(write=True)
        assert receive_all(peer) == "日本".encode("iso2022_jp")


def test_bytes_that_are_buffered_are_read_in_the_new_format() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"one\n\xe9\n")
        assert stream.read_line(timeout=PATIENCE) == "one"
        stream.external_format = "latin-1"
        peer.shutdown(socket.SHUT_WR)
        assert stream.read_line(timeout=PATIENCE) == "é"
        with pytest.raises(EndOfFile):
            stream.read_line(timeout=PATIENCE)
