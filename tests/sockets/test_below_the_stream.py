"""`send_to` and `receive_from`: past the stream's buffers, and without waiting unless told to."""

import array
import socket
import sys
import time
from functools import partial
from typing import Any

import pytest
from sockets.helpers import Call, full_listener, stream_and_peer
from support.peers import receive_exactly, reset
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    BrokenPipe,
    ConnectionReset,
    EndpointShutdown,
    LocalAddress,
    NotConnected,
    SocketClosed,
    TimedOut,
    WouldBlock,
    make_socket,
)


def fill(stream: ActiveSocket) -> int:
    """Send until the system takes no more, and return how much that was."""
    count = 0
    while True:
        try:
            count += stream.send_to(bytes(65_536), timeout=10 * MS)
        except TimedOut:
            return count


# -- sending --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, b"0123456789"),
        ({"start": 4}, b"456789"),
        ({"end": 4}, b"0123"),
        ({"start": 3, "end": 5}, b"34"),
        ({"start": 10}, b""),
        ({"start": 5, "end": 5}, b""),
        ({"end": 10}, b"0123456789"),
    ],
)
@pytest.mark.exact_io("sends a few bytes in one call")
def test_a_part_of_the_data_is_sent(bounds: dict[str, Any], expected: bytes) -> None:
    with stream_and_peer() as (stream, peer):
        assert stream.send_to(b"0123456789", **bounds) == len(expected)
        stream.close()
        assert receive_exactly(peer, 100) == expected


@pytest.mark.parametrize(
    "bounds", [{"start": -1}, {"end": 11}, {"start": 11}, {"start": 5, "end": 4}, {"end": -1}]
)
def test_bounds_outside_the_data_are_an_error(bounds: dict[str, Any]) -> None:
    with stream_and_peer() as (stream, peer):
        with pytest.raises(ValueError, match="bounds"):
            stream.send_to(b"0123456789", **bounds)
        with pytest.raises(ValueError, match="bounds"):
            stream.receive_from(bytearray(10), **bounds)
        stream.close()
        assert peer.recv(1) == b""


@pytest.mark.parametrize(
    "data", [b"abcd", bytearray(b"abcd"), memoryview(b"abcd"), array.array("H", [25185, 25699])]
)
def test_anything_that_has_bytes_is_sent(data: Any) -> None:
    with stream_and_peer() as (stream, peer):
        assert stream.send_to(data, timeout=PATIENCE) <= 4
        stream.close()
        assert b"abcd".startswith(receive_exactly(peer, 4))


@pytest.mark.parametrize("data", ["text", 4, None])
def test_what_has_no_bytes_is_not_sent(data: Any) -> None:
    with stream_and_peer() as (stream, _), pytest.raises(TypeError):
        stream.send_to(data)


def test_a_buffer_is_free_again_after_sending() -> None:
    with stream_and_peer() as (stream, _):
        data = bytearray(b"abcd")
        stream.send_to(data, timeout=PATIENCE)
        data.clear()


@pytest.mark.exact_io("what an injected EAGAIN looks like is not yet full")
def test_sending_does_not_wait_unless_told_to() -> None:
    with stream_and_peer() as (stream, peer):
        sent = fill(stream)
        assert sent > 0
        with pytest.raises(WouldBlock, match=r"^send ") as caught:
            stream.send_to(b"x")
        assert isinstance(caught.value, BlockingIOError)
        start = time.monotonic()
        with pytest.raises(TimedOut, match=r"^send .*time limit") as late:
            stream.send_to(b"x", timeout=20 * MS)
        assert late.value.deadline
        assert time.monotonic() - start >= 20 * MS
        with Call(stream.send_to, b"!", timeout=None) as call:
            assert len(receive_exactly(peer, sent)) == sent
            assert call.result() == 1
            assert receive_exactly(peer, 1) == b"!"


def test_a_send_takes_what_fits() -> None:
    with stream_and_peer() as (stream, _):
        assert 0 < stream.send_to(bytes(10_000_000), timeout=PATIENCE) < 10_000_000


def test_sending_to_a_peer_that_is_gone_is_noticed_the_second_time() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.close()
        assert stream.receive_from(1, timeout=PATIENCE)[0] == b""
        # The first one provokes the reset that one of the next ones notices.
        outcome: type[Exception] | None = None
        while outcome is None:
            try:
                stream.send_to(b"x", timeout=PATIENCE)
            except (BrokenPipe, ConnectionReset) as error:
                outcome = type(error)
        assert outcome in (BrokenPipe, ConnectionReset)  # and not what a stream makes of it


def test_nothing_goes_past_the_stream_in_a_direction_that_has_ended() -> None:
    with stream_and_peer() as (stream, peer):
        stream.shutdown(write=True)
        for options in ({}, {"timeout": PATIENCE}, {"more": True}):
            with pytest.raises(EndpointShutdown, match="has ended its writing"):
                stream.send_to(b"x", **options)
        peer.sendall(b"xy")
        assert stream.receive_from(1, timeout=PATIENCE)[0] == b"x"
        stream.shutdown(read=True)
        for receive in (stream.receive_from, lambda size: stream.receive_from(bytearray(size))):
            with pytest.raises(EndpointShutdown, match="has ended its reading"):
                receive(1)


def test_sending_past_output_that_is_queued_is_an_error() -> None:
    with stream_and_peer() as (stream, peer):
        stream.write("first")
        with pytest.raises(ValueError, match=r"finish_output\(\) first"):
            stream.send_to(b"second")
        stream.finish_output()
        stream.send_to(b"!", timeout=PATIENCE)
        assert receive_exactly(peer, 6) == b"first!"


def test_more_is_held_back_until_there_is_no_more() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        stream.set_option("nodelay", False)
        stream.send_to(b"head", timeout=PATIENCE, more=True)
        stream.send_to(b"tail", timeout=PATIENCE)
        stream.close()
        assert b"headtail".startswith(receive_exactly(peer, 8)[:1])


def test_to_a_network_that_is_not_ours_nothing_is_routed() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        assert stream.send_to(b"x", timeout=PATIENCE, dont_route=True) == 1
        assert receive_exactly(peer, 1) == b"x"


# -- receiving ------------------------------------------------------------------------------------


def test_receiving_by_size_returns_the_bytes_and_the_sender() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"hello")
        data, sender = stream.receive_from(100, timeout=PATIENCE)
        assert b"hello".startswith(data)
        assert data
        assert sender == stream.remote_name


def test_no_more_is_received_than_wanted() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"hello")
        assert stream.receive_from(1, timeout=PATIENCE) == (b"h", LocalAddress("", abstract=True))


@pytest.mark.parametrize(
    ("bounds", "limit"), [({}, 6), ({"start": 2}, 4), ({"end": 3}, 3), ({"start": 2, "end": 5}, 3)]
)
def test_receiving_into_a_buffer_returns_how_much_there_was(
    bounds: dict[str, Any], limit: int
) -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"0123456789")
        buffer = bytearray(b"......")
        count, _ = stream.receive_from(buffer, timeout=PATIENCE, **bounds)
        assert 0 < count <= limit
        start = bounds.get("start", 0)
        assert buffer == b"." * start + b"0123456789"[:count] + b"." * (6 - start - count)
        buffer.clear()  # nobody holds it


def test_a_size_has_no_bounds() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"hello")
        receive_from: Any = stream.receive_from
        for bounds in ({"start": 1}, {"end": 3}):
            with pytest.raises(TypeError, match="buffer"):
                receive_from(5, timeout=PATIENCE, **bounds)


@pytest.mark.parametrize("wrong", ["text", None, b"constant", 1.5])
def test_what_cannot_be_received_into(wrong: Any) -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"x")
        with pytest.raises(TypeError):
            stream.receive_from(wrong)
        assert stream.receive_from(1, timeout=PATIENCE)[0] == b"x"


def test_a_negative_size_is_an_error() -> None:
    with stream_and_peer() as (stream, _), pytest.raises(ValueError, match="a size is"):
        stream.receive_from(-1)


def test_receiving_does_not_wait_unless_told_to() -> None:
    with stream_and_peer() as (stream, peer):
        for target in (1, bytearray(1)):
            with pytest.raises(WouldBlock, match=r"^receive "):
                stream.receive_from(target)
            with pytest.raises(TimedOut, match=r"^receive .*time limit") as caught:
                stream.receive_from(target, timeout=10 * MS)
            assert caught.value.deadline
        with Call(stream.receive_from, 1, timeout=None) as call:
            peer.sendall(b"x")
            assert call.result()[0] == b"x"


def test_no_bytes_mean_that_the_peer_has_finished() -> None:
    with stream_and_peer() as (stream, peer):
        peer.shutdown(socket.SHUT_WR)
        assert stream.receive_from(10, timeout=PATIENCE)[0] == b""
        assert stream.receive_from(bytearray(10), timeout=PATIENCE)[0] == 0


def test_a_reset_is_a_reset() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        reset(peer)
        with pytest.raises(ConnectionReset, match=r"^receive 127\.0\.0\.1:"):
            stream.receive_from(10, timeout=PATIENCE)


def test_what_is_peeked_at_is_received_again() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"x")
        for _ in range(2):
            assert stream.receive_from(5, timeout=PATIENCE, peek=True)[0] == b"x"
        assert stream.receive_from(5, timeout=PATIENCE)[0] == b"x"


def test_receiving_past_input_that_is_buffered_is_an_error() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"line\nrest")
        assert stream.read_line(timeout=PATIENCE) == "line"
        while not stream.has_buffered_input:  # the rest may come later
            assert stream.peek_char(timeout=PATIENCE) == "r"
        for target in (10, bytearray(10)):
            with pytest.raises(ValueError, match="read it first"):
                stream.receive_from(target)
        assert stream.read_exactly(4, timeout=PATIENCE) == b"rest"
        peer.sendall(b"!")
        assert stream.receive_from(10, timeout=PATIENCE)[0] == b"!"


def test_bytes_that_were_received_below_are_not_in_the_stream() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"1")
        assert stream.receive_from(1, timeout=PATIENCE)[0] == b"1"
        peer.sendall(b"2\n")
        assert stream.read_line(timeout=PATIENCE) == "2"


# -- urgent data ----------------------------------------------------------------------------------


def test_an_urgent_byte_overtakes_the_others() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"slow")
        peer.send(b"!", socket.MSG_OOB)
        peer.sendall(b"ly")
        assert stream.receive_from(1, out_of_band=True, timeout=PATIENCE)[0] == b"!"
        assert stream.read_exactly(6, timeout=PATIENCE) == b"slowly"


def test_an_urgent_byte_overtakes_what_the_stream_has_already() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"one\ntwo\n")
        assert stream.read_line(timeout=PATIENCE) == "one"
        peer.send(b"!", socket.MSG_OOB)
        target = bytearray(1)
        assert stream.receive_from(target, out_of_band=True, timeout=PATIENCE)[0] == 1
        assert target == b"!"
        assert stream.read_line(timeout=PATIENCE) == "two"


def test_an_urgent_byte_that_is_not_there_is_waited_for() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        with pytest.raises(WouldBlock):
            stream.receive_from(1, out_of_band=True)
        peer.sendall(b"this is not urgent")
        with pytest.raises(TimedOut):
            stream.receive_from(1, out_of_band=True, timeout=20 * MS)
        with Call(stream.receive_from, 1, out_of_band=True, timeout=PATIENCE) as receiving:
            peer.send(b"!", socket.MSG_OOB)
            assert receiving.result()[0] == b"!"
        with pytest.raises(TimedOut):  # it is read once
            stream.receive_from(1, out_of_band=True, timeout=20 * MS)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the end is not told from afar")
@pytest.mark.parametrize("size_or_buffer", [1, bytearray(1)])
def test_who_waits_for_an_urgent_byte_is_told_that_there_will_be_none(size_or_buffer: Any) -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        receive = partial(stream.receive_from, size_or_buffer, out_of_band=True, timeout=PATIENCE)
        with Call(receive) as receiving:
            peer.shutdown(socket.SHUT_WR)
            assert not receiving.result()[0]
        stream.write_line("the other direction lives", flush=True)


def test_urgent_bytes_that_come_inline_are_not_to_be_had_otherwise() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        stream.set_option("oob_inline", True)
        peer.send(b"!", socket.MSG_OOB)
        assert stream.read_exactly(1, timeout=PATIENCE) == b"!"
        with pytest.raises(ValueError, match="inline"):
            stream.receive_from(1, out_of_band=True, timeout=PATIENCE)


def test_an_urgent_byte_is_sent() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        assert stream.send_to(b"!", timeout=PATIENCE, out_of_band=True) == 1
        assert receive_exactly(peer, 1) == b"!"


def test_the_mark_is_where_the_urgent_byte_was() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"before")
        peer.send(b"!", socket.MSG_OOB)
        peer.sendall(b"after")
        stream.receive_from(1, out_of_band=True, peek=True, timeout=PATIENCE)
        found: list[tuple[bytes, bool]] = []
        while sum(len(data) for data, _ in found) < len(b"beforeafter"):
            data = stream.receive_from(100, timeout=PATIENCE)[0]
            found.append((data, stream.at_mark))
        marks = [data for data, at_mark in found if at_mark]
        assert len(marks) == 1
        assert b"".join(data for data, _ in found[: found.index((marks[0], True)) + 1]) == b"before"


def test_who_has_input_does_not_know_where_the_mark_is() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"one\ntwo\n")
        stream.receive_from(8, peek=True, timeout=PATIENCE)
        assert stream.read_line() == "one"
        if stream.read_char() == "t":
            stream.unread_char()
        with pytest.raises(ValueError, match="input that was not read"):
            assert stream.at_mark
    with pytest.raises(SocketClosed):
        assert stream.at_mark


def test_an_urgent_byte_does_not_make_a_waiting_reader_spin() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.send(b"!", socket.MSG_OOB)
        before = time.process_time()
        with pytest.raises(TimedOut):
            stream.read(timeout=200 * MS)
        assert time.process_time() - before < 100 * MS


# -- mistakes and other states --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("timeout", "error"), [(-1, ValueError), ("1", TypeError), (float("nan"), ValueError)]
)
def test_a_time_limit_that_is_none_sends_and_receives_nothing(
    timeout: Any, error: type[Exception]
) -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"x")
        with pytest.raises(error):
            stream.send_to(b"x", timeout=timeout)
        with pytest.raises(error):
            stream.receive_from(1, timeout=timeout)
        assert stream.receive_from(1, timeout=PATIENCE)[0] == b"x"
        stream.close()
        assert peer.recv(1) == b""


def test_a_socket_without_a_peer_sends_and_receives_nothing() -> None:
    with make_socket() as sock:
        for options in ({}, {"timeout": PATIENCE}, {"more": True}):
            with pytest.raises(NotConnected):
                sock.send_to(b"x", **options)
        with pytest.raises(NotConnected):
            sock.receive_from(1, timeout=PATIENCE)


def test_a_size_that_no_buffer_has_is_told() -> None:
    with (
        stream_and_peer() as (stream, _),
        pytest.raises(ValueError, match="a buffer's size is from 1"),
    ):
        stream.receive_from(2**70)


def test_a_closed_socket_sends_and_receives_nothing() -> None:
    with stream_and_peer() as (stream, _):
        stream.close()
        with pytest.raises(SocketClosed):
            stream.send_to(b"x")
        with pytest.raises(SocketClosed):
            stream.receive_from(1)


@pytest.mark.parametrize("ends", [{"read": True}, {"write": True}, {"read": True, "write": True}])
@pytest.mark.slow
def test_a_connection_that_is_not_there_yet_cannot_be_ended(ends: dict[str, bool]) -> None:
    with full_listener() as listener, make_socket() as stream:
        stream.connect(*listener.getsockname(), timeout=0)
        with pytest.raises(NotConnected, match=r"^shutdown "):
            stream.shutdown(**ends)
        assert (stream.is_input_open, stream.is_output_open) == (True, True)
        listener.accept()[0].close()
        peer, _ = listener.accept()
        with peer:
            stream.wait_connected(timeout=PATIENCE)
            stream.shutdown(**ends)
