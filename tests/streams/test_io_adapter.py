"""A stream as a file of Python's own `io`, for the code of others."""

import io
import pickle
import zipfile
from typing import Any

import pytest
from sockets.helpers import Call, stream_and_peer
from support.peers import receive_all, receive_exactly
from support.timing import MS, PATIENCE

from trunkline import EndOfFile, SocketClosed, StreamIO, TimedOut, make_socket_pair

MUCH = 4_000_000  # bytes, more than any buffer of the system's


def test_it_is_a_raw_file() -> None:
    with stream_and_peer() as (stream, _):
        raw = stream.raw_io()
        assert isinstance(raw, StreamIO)
        assert isinstance(raw, io.RawIOBase)
        assert raw.readable()
        assert raw.writable()
        assert not raw.seekable()
        assert not raw.isatty()
        for unsupported in (raw.fileno, raw.tell, raw.truncate):
            with pytest.raises(io.UnsupportedOperation):
                unsupported()


def test_reading_takes_what_the_stream_has_buffered_first() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"line\nrest of it")
        assert stream.read_line(timeout=PATIENCE) == "line"
        raw = stream.raw_io()
        peer.close()
        assert raw.readall() == b"rest of it"
        assert raw.read(10) == b""


def test_reading_takes_no_more_than_wanted() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"0123456789\n")
        buffer = bytearray(4)
        assert 0 < stream.raw_io().readinto(buffer) <= 4
        assert stream.read_line(timeout=PATIENCE).endswith("789")


def test_writing_goes_behind_what_the_stream_has_queued_and_out_at_once() -> None:
    with stream_and_peer() as (stream, peer):
        stream.write("first ")
        assert stream.raw_io().write(b"second") == 6
        assert not stream.has_buffered_output
        assert receive_exactly(peer, 12) == b"first second"


@pytest.mark.parametrize("size", [0, 3])
def test_any_buffer_will_do(size: int) -> None:
    with stream_and_peer() as (stream, peer):
        raw = stream.raw_io()
        assert raw.write(memoryview(bytes(size))) == size
        peer.sendall(b"abc")
        assert raw.readinto(bytearray(0)) == 0


def test_buffered_both_ways() -> None:
    left, right = make_socket_pair()
    with left, right:
        files = [io.BufferedRWPair(end.raw_io(), end.raw_io()) for end in (left, right)]
        for number in range(100):
            files[0].write(f"question {number}\n".encode())
            files[0].flush()
            assert files[1].readline() == f"question {number}\n".encode()
            files[1].write(b"answer\n")
            files[1].flush()
            assert files[0].readline() == b"answer\n"
        for file in files:
            file.close()
        assert not left.closed  # closing the file leaves the stream
        left.write_line("still here")
        left.finish_output()
        assert right.read_line(timeout=PATIENCE) == "still here"


def test_text_both_ways() -> None:
    with stream_and_peer() as (stream, peer):
        pair: Any = io.BufferedRWPair(stream.raw_io(), stream.raw_io())
        with io.TextIOWrapper(pair, encoding="utf-8", newline="\r\n") as file:
            file.write("привет\n")
            file.flush()
            assert receive_exactly(peer, 14) == "привет\r\n".encode()
            peer.sendall("строка\r\nконец".encode())
            peer.close()
            assert file.readline() == "строка\r\n"
            assert file.read() == "конец"


def test_a_large_write_is_written_whole_while_there_is_time() -> None:
    with stream_and_peer() as (stream, peer), Call(receive_exactly, peer, MUCH) as receiving:
        assert stream.raw_io().write(bytes(MUCH)) == MUCH
        assert len(receiving.result()) == MUCH


def test_objects_are_pickled_through_it() -> None:
    objects: list[Any] = [{"a": [1, 2, 3]}, "x" * 300_000, bytes(range(256)) * 1000, None]
    left, right = make_socket_pair()

    def send() -> None:
        with io.BufferedWriter(left.raw_io()) as file:
            for each in objects:
                pickle.dump(each, file)
        left.close()

    with left, right, Call(send), io.BufferedReader(right.raw_io()) as file:
        assert [pickle.load(file) for _ in objects] == objects
        with pytest.raises(EOFError):
            pickle.load(file)


def test_an_archive_is_written_straight_into_it() -> None:
    with stream_and_peer() as (stream, peer), Call(receive_all, peer) as receiving:
        with io.BufferedWriter(stream.raw_io()) as file, zipfile.ZipFile(file, "w") as archive:
            archive.writestr("hello.txt", "hello " * 10_000)
        stream.close()
        with zipfile.ZipFile(io.BytesIO(receiving.result())) as archive:
            assert archive.read("hello.txt") == b"hello " * 10_000


# -- limits of time and errors --------------------------------------------------------------------


def test_the_streams_timeout_holds() -> None:
    with stream_and_peer(timeout=10 * MS) as (stream, peer):
        file = io.BufferedReader(stream.raw_io())
        with pytest.raises(TimedOut):
            file.read(1)
        peer.sendall(b"late")
        assert file.read(4) == b"late"


def test_what_could_not_be_written_in_time_is_not_written_twice() -> None:
    data = bytes(range(250)) * (MUCH // 250)
    with stream_and_peer(timeout=10 * MS) as (stream, peer):
        file = io.BufferedWriter(stream.raw_io(), buffer_size=MUCH + 1)
        file.write(data)
        with pytest.raises(TimedOut):
            file.flush()  # it keeps what was not written, and will try again
        stream.timeout = PATIENCE
        with Call(receive_all, peer) as receiving:
            file.flush()
            file.close()
            stream.close()
            assert receiving.result() == data


def test_a_raw_write_tells_how_much_it_has_written() -> None:
    with stream_and_peer(timeout=10 * MS) as (stream, peer):
        raw = stream.raw_io()
        written = raw.write(bytes(MUCH))
        assert 0 < written < MUCH
        with pytest.raises(TimedOut):
            raw.write(b"x")
        stream.timeout = PATIENCE
        with Call(receive_all, peer) as receiving:
            stream.close()
            assert len(receiving.result()) == written


def test_a_closed_stream_is_an_error() -> None:
    with stream_and_peer() as (stream, _):
        raw = stream.raw_io()
        stream.close()
        with pytest.raises(SocketClosed):
            raw.read(1)
        with pytest.raises(SocketClosed):
            raw.write(b"x")


def test_the_end_of_file_is_no_error() -> None:
    with stream_and_peer() as (stream, peer):
        peer.close()
        assert stream.raw_io().read(1) == b""
        with pytest.raises(EndOfFile):
            stream.read_line()
