"""What becomes of a stream when its connection does not end in order."""

import contextlib
import errno
import socket

import pytest
from sockets.helpers import stream_and_peer
from support.peers import reset
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    BrokenPipe,
    ConnectionReset,
    EndOfFile,
    Hangup,
    Stream,
    TimedOut,
    WouldBlock,
)


def write_until_it_fails(stream: ActiveSocket) -> None:
    while True:
        stream.write("is anybody there?")
        stream.finish_output(timeout=PATIENCE)


def wait_for_the_reset(stream: ActiveSocket) -> None:
    """Wait until a reset has arrived, without taking note of it."""
    with stream._descriptor.reading:
        stream._descriptor.wait_readable(stream._deadline(PATIENCE), "wait")


# -- hanging up -----------------------------------------------------------------------------------


@pytest.mark.exact_io("counts sends")
def test_the_first_write_to_a_peer_that_has_closed_succeeds_and_a_later_one_does_not() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.close()
        with pytest.raises(EndOfFile):
            stream.read_line(timeout=PATIENCE)
        stream.write("into the void")
        stream.finish_output()
        with pytest.raises(Hangup, match=r"^finish_output 127\.0\.0\.1:\d+: Broken pipe") as caught:
            write_until_it_fails(stream)
        assert isinstance(caught.value, BrokenPipe)
        assert isinstance(caught.value, BrokenPipeError)
        assert caught.value.errno == errno.EPIPE
        assert caught.value.address == stream.remote_name


def test_a_local_peer_that_has_closed_is_noticed_at_once() -> None:
    with stream_and_peer() as (stream, peer):
        peer.close()
        stream.write("x")
        with pytest.raises(Hangup, match=r"^finish_output \(unnamed\): "):
            stream.finish_output()
        stream.write("x")
        with pytest.raises(Hangup, match=r"^force_output \(unnamed\): "):
            stream.force_output()
        with pytest.raises(Hangup, match=r"^write \(unnamed\): "):
            stream.write(bytes(100_000))


def test_what_was_queued_for_a_peer_that_is_gone_is_dropped() -> None:
    with stream_and_peer() as (stream, peer):
        peer.close()
        stream.write("queued")
        with pytest.raises(Hangup):
            stream.finish_output()
        assert not stream.has_buffered_output
        stream.finish_output()
        stream.close()


def test_what_the_peer_has_sent_before_it_hung_up_can_still_be_read() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"last words\nand more")
        peer.close()
        with pytest.raises(Hangup):
            write_until_it_fails(stream)
        assert list(stream) == ["last words", "and more"]


# -- resets ---------------------------------------------------------------------------------------


def test_a_reset_is_noticed_on_reading_and_stays() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        reset(peer)
        for _ in range(2):
            with pytest.raises(ConnectionReset, match=r"^read_line 127\.0\.0\.1:\d+: Connection"):
                stream.read_line(timeout=PATIENCE)
        with pytest.raises(ConnectionReset, match=r"^read_char_no_hang "):
            stream.read_char_no_hang()
        with pytest.raises(ConnectionReset, match=r"^write "):
            stream.write("x")
        with pytest.raises(ConnectionReset, match=r"^finish_output "):
            stream.finish_output()
        with pytest.raises(ConnectionReset, match=r"^force_output "):
            stream.force_output()
        with pytest.raises(ConnectionReset, match=r"^shutdown "):
            stream.shutdown(write=True)
        with pytest.raises(ConnectionReset):
            next(stream)


def test_a_reset_is_noticed_on_writing_and_stays() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        stream.write("queued")
        reset(peer)
        wait_for_the_reset(stream)
        with pytest.raises(ConnectionReset, match=r"^finish_output ") as caught:
            stream.finish_output()
        assert isinstance(caught.value, ConnectionResetError)
        assert caught.value.errno == errno.ECONNRESET
        assert not stream.has_buffered_output
        with pytest.raises(ConnectionReset, match=r"^read "):
            stream.read(timeout=PATIENCE)


@pytest.mark.exact_io("all that was sent at once is received at once")
def test_what_was_received_before_a_reset_can_still_be_read() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"one\ntwo\nthree")
        assert stream.read_line(timeout=PATIENCE) == "one"
        assert stream.has_buffered_input
        reset(peer)
        wait_for_the_reset(stream)
        assert stream.read_line(timeout=PATIENCE) == "two"
        with pytest.raises(ConnectionReset):
            stream.read_line(timeout=PATIENCE)
        assert stream.read_exactly(5) == b"three"  # an unfinished line is still bytes
        with pytest.raises(ConnectionReset):
            stream.read(timeout=PATIENCE)


def test_a_reset_is_not_an_end_of_file() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        reset(peer)
        with pytest.raises(ConnectionReset):
            stream.read(timeout=PATIENCE)
        with pytest.raises(ConnectionReset):
            list(stream)


def test_closing_with_unread_data_resets_the_peer() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        stream.write("never read")
        stream.finish_output()
        peer.recv(1)
        peer.close()
        with pytest.raises(ConnectionReset):
            stream.read_line(timeout=PATIENCE)


def test_the_error_that_is_raised_again_is_a_new_one() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        reset(peer)
        errors = []
        for _ in range(2):
            with pytest.raises(ConnectionReset) as caught:
                stream.read(timeout=PATIENCE)
            errors.append(caught.value)
        assert errors[0] is not errors[1]
        assert str(errors[0]) == str(errors[1])


# -- the system gives up --------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="no TCP_USER_TIMEOUT here")
@pytest.mark.slow
def test_when_the_system_gives_up_on_the_peer_the_limit_was_not_ours() -> None:
    with stream_and_peer(socket.AF_INET, timeout=PATIENCE) as (stream, _):
        # The peer takes nothing any more, and the system asks it for a while whether it will.
        stream.set_option("tcp_user_timeout", 50)
        with pytest.raises(TimedOut, match=r"^write 127\.0\.0\.1:\d+: Connection timed") as caught:
            stream.write(bytes(50_000_000))
        assert not caught.value.deadline
        assert not stream.has_buffered_output
        with pytest.raises(TimedOut) as again:
            stream.read()
        assert not again.value.deadline


class GivenUp:
    """A channel whose peer the system has given up on."""

    where: object = "a peer"
    reading = writing = contextlib.nullcontext()

    def receive_into(self, buffer: object) -> int:
        raise TimedOut(operation="receive", address=self.where)

    def receive_soon(self, buffer: object, deadline: object) -> None:
        """Never."""

    def send(self, data: object) -> int:
        raise TimedOut(operation="send", address=self.where)

    def wait_readable(self, deadline: object, operation: str) -> None:
        raise NotImplementedError

    wait_ready = wait_writable = wait_readable


@pytest.mark.parametrize("call", ["read_char_no_hang", "force_output", "read", "finish_output"])
def test_a_call_that_does_not_wait_tells_when_the_system_has_given_up(call: str) -> None:
    stream = Stream(GivenUp())
    stream.write("queued")
    for _ in range(2):
        with pytest.raises(TimedOut, match=rf"^{call} a peer: Connection timed out") as caught:
            getattr(stream, call)()
        assert not caught.value.deadline


def test_a_limit_of_ours_does_not_end_the_connection() -> None:
    with stream_and_peer() as (stream, peer):
        with pytest.raises(TimedOut) as caught:
            stream.read(timeout=5 * MS)
        assert caught.value.deadline
        peer.sendall(b"late\n")
        assert stream.read_line(timeout=PATIENCE) == "late"


def test_nothing_that_merely_would_block_comes_out_of_a_stream() -> None:
    with stream_and_peer() as (stream, _):
        for call in (
            lambda: stream.read(timeout=0),
            lambda: stream.write(bytes(10_000_000), timeout=0),
            lambda: stream.finish_output(timeout=0),
        ):
            with pytest.raises(TimedOut) as caught:
                call()
            assert not isinstance(caught.value, WouldBlock)
