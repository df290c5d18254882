"""Pausing and resuming reading, and the end of the input."""

import socket
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from multiplex.helpers import UNDER_FAULTS, quiet
from multiplex.transport_helpers import (
    Recorder,
    both_families,
    connected,
    counting,
    fill,
    receive_while,
    run_until,
    settle,
    then,
    wait_for_input,
)
from support.peers import receive_exactly, reset, socket_pair
from support.timing import MS

from trunkline import ConnectionReset, EventBase
from trunkline._sys.socket_descriptor import SocketDescriptor
from trunkline.multiplex.transport import Transport

FORMS = ("bytes", "text", "lines", "buffer")

# ---- Pausing ----


@pytest.mark.parametrize("delivery", FORMS)
def test_nothing_is_delivered_while_reading_is_paused(base: EventBase, delivery: Any) -> None:
    protocol = Recorder()
    with connected(base, protocol, delivery=delivery) as (transport, peer):
        transport.pause_reading()
        transport.pause_reading()
        peer.sendall(b"later\n")
        wait_for_input(transport)
        with quiet(base):
            base.dispatch(timeout=10 * MS)
        assert protocol.names == ["connection_made"]
        transport.resume_reading()
        transport.resume_reading()
        assert protocol.names == ["connection_made"]  # not from inside of it
        run_until(base, lambda: protocol.everything == b"later\n")


def test_it_may_be_paused_before_there_is_a_connection(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, attach=False) as (transport, _):
        transport.pause_reading()
        with connected(base, Recorder()) as (donor, peer):
            descriptor = counting(donor)
            donor.pause_reading()
            transport._attach(descriptor, descriptor.remote_name())
            peer.sendall(b"x")
            settle(base)
            assert protocol.names == ["connection_made"]
            transport.resume_reading()
            run_until(base, lambda: protocol.data == b"x")
            transport.abort()


def has_more_than(protocol: Recorder, size: int) -> bool:
    return len(protocol.everything) > size or protocol.is_lost


@pytest.mark.parametrize("delivery", FORMS)
def test_pausing_in_a_callback_holds_back_the_rest(base: EventBase, delivery: Any) -> None:
    def pause(*args: Any) -> None:
        protocol.transport.pause_reading()

    names = ("data_received", "text_received", "line_received", "buffer_updated")
    protocol = Recorder()
    protocol.then = dict.fromkeys(names, pause)
    protocol.buffer = bytearray(4)
    with connected(base, protocol, delivery=delivery, unread=b"a\nb\n") as (transport, peer):
        peer.sendall(b"c\nd\nhalf")
        peer.shutdown(socket.SHUT_WR)
        while not protocol.is_lost:
            before = len(protocol.everything)
            run_until(base, partial(has_more_than, protocol, before))
            if not protocol.is_lost:
                count = len(protocol.calls)
                settle(base)
                assert len(protocol.calls) == count  # as long as it is paused
                transport.resume_reading()
        assert protocol.everything == b"a\nb\nc\nd\nhalf" + b"\n" * (delivery == "lines")
        assert protocol.names.count("eof_received") == 1


@pytest.mark.parametrize("external_format", ["utf-8", "utf-16", "iso2022_jp", "utf-7"])
def test_pausing_at_each_line_loses_none_in_any_encoding(
    base: EventBase, external_format: str
) -> None:
    protocol = Recorder(line_received=lambda line: protocol.transport.pause_reading())
    lines = ["日本", "", "語", "plain", "end 日"]
    with connected(base, protocol, delivery="lines", external_format=external_format) as (
        transport,
        peer,
    ):
        peer.sendall("\n".join(lines).encode(external_format))
        peer.shutdown(socket.SHUT_WR)
        for count in range(1, 6):
            settle(base)
            assert protocol.lines == lines[:count]
            transport.resume_reading()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.loss is None


@pytest.mark.parametrize("external_format", ["utf-8", "utf-16", "iso2022_jp"])
def test_pausing_at_a_piece_of_text_loses_no_state(base: EventBase, external_format: str) -> None:
    def pause(text: str) -> None:
        protocol.transport.pause_reading()

    protocol = Recorder(text_received=pause)
    with connected(base, protocol, delivery="text", external_format=external_format) as (
        transport,
        peer,
    ):
        data = "日本".encode(external_format)
        for byte in data:
            peer.sendall(bytes((byte,)))
            wait_for_input(transport)
            settle(base)
            transport.resume_reading()
        settle(base)
        assert "".join(protocol.got("text_received")) == "日本"


def test_pausing_and_resuming_in_one_callback_changes_nothing(base: EventBase) -> None:
    def blink(line: str) -> None:
        protocol.transport.pause_reading()
        protocol.transport.resume_reading()
        assert protocol.lines[-1] == line

    protocol = Recorder(line_received=blink)
    with connected(base, protocol, delivery="lines") as (_, peer):
        peer.sendall(b"1\n2\n3\n")
        run_until(base, lambda: protocol.lines == ["1", "2", "3"])
        peer.sendall(b"4\n")
        run_until(base, lambda: protocol.lines == ["1", "2", "3", "4"])
        assert protocol.nested == []


def cost_of_pausing_at_each_line(count: int) -> float:
    """Return the processor's time that it takes to deliver so many lines one by one."""
    protocol = Recorder(line_received=lambda line: protocol.transport.pause_reading())
    with EventBase() as base:
        unread = b"\n" * count
        with connected(base, protocol, delivery="lines", unread=unread) as (transport, _):
            before = time.process_time()
            while len(protocol.calls) <= count:
                base.dispatch(timeout=0)
                transport.resume_reading()
            return time.process_time() - before


@pytest.mark.alone
@pytest.mark.skipif(UNDER_FAULTS, reason="it is about time")
def test_to_go_on_after_pausing_costs_the_same_for_each_line() -> None:
    """A peer that sends many short lines must not make a careful protocol slow."""
    few = min(cost_of_pausing_at_each_line(2_000) for _ in range(3))
    many = cost_of_pausing_at_each_line(20_000)
    assert many < 40 * few  # if each line cost as much as all that wait, it would be a hundred


def test_another_connection_may_pause_this_one(base: EventBase) -> None:
    protocol = Recorder()
    other = Recorder(data_received=lambda data: transport.pause_reading())
    with (
        connected(base, other) as (_, other_peer),
        connected(base, protocol) as (transport, peer),
    ):
        other_peer.sendall(b"now")
        run_until(base, lambda: other.data)
        peer.sendall(b"x")
        settle(base)
        assert protocol.data == b""
        transport.resume_reading()
        run_until(base, lambda: protocol.data == b"x")


def test_writing_goes_on_while_reading_is_paused(base: EventBase) -> None:
    with connected(base, Recorder()) as (transport, peer):
        transport.pause_reading()
        data = fill(transport)
        assert receive_while(base, peer, len(data)) == data


def test_resuming_after_the_end_does_nothing(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, peer):
        transport.pause_reading()
        peer.sendall(b"never")
        transport.abort()
        transport.resume_reading()
        transport.set_delivery("lines")
        settle(base)
        assert protocol.names == ["connection_made", "connection_lost"]


# ---- The end of the input ----


@both_families
@pytest.mark.parametrize("answer", [None, False, True])
def test_at_the_end_the_answer_says_whether_the_writing_half_stays_open(
    base: EventBase, family: socket.AddressFamily, answer: bool | None
) -> None:
    protocol = Recorder(eof_received=lambda: answer)
    with connected(base, protocol, family) as (transport, peer):
        peer.shutdown(socket.SHUT_WR)
        run_until(base, lambda: "eof_received" in protocol.names)
        settle(base)
        assert protocol.names.count("eof_received") == 1
        if not answer:
            assert protocol.loss is None
            assert peer.recv(1) == b""
            return
        assert not protocol.is_lost
        with quiet(base):  # and the end, which lasts, makes nothing spin
            base.dispatch(timeout=10 * MS)
        transport.write(b"still here")
        assert receive_while(base, peer, 10) == b"still here"
        transport.close()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.loss is None
        assert protocol.names == ["connection_made", "eof_received", "connection_lost"]


def test_what_is_queued_is_sent_after_the_end_of_the_input(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, peer):
        data = fill(transport)
        peer.shutdown(socket.SHUT_WR)
        run_until(base, lambda: "eof_received" in protocol.names)
        assert receive_while(base, peer) == data
        run_until(base, lambda: protocol.is_lost)
        assert protocol.loss is None


def test_eof_received_may_write_a_last_word(base: EventBase) -> None:
    protocol = Recorder(eof_received=lambda: protocol.transport.write(b"goodbye"))
    with connected(base, protocol) as (_, peer):
        peer.shutdown(socket.SHUT_WR)
        assert receive_while(base, peer) == b"goodbye"


def test_the_end_waits_while_reading_is_paused(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, peer):
        transport.pause_reading()
        peer.sendall(b"x")
        peer.shutdown(socket.SHUT_WR)
        with quiet(base):
            base.dispatch(timeout=10 * MS)
        assert protocol.names == ["connection_made"]
        transport.resume_reading()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.names[1:] == ["data_received", "eof_received", "connection_lost"]


@pytest.mark.parametrize("external_format", ["utf-8", "utf-16-le"])
def test_the_end_waits_if_the_last_half_line_has_paused_reading(
    base: EventBase, external_format: str
) -> None:
    protocol = Recorder(line_received=lambda line: protocol.transport.pause_reading())
    with connected(base, protocol, delivery="lines", external_format=external_format) as (
        transport,
        peer,
    ):
        peer.sendall("half".encode(external_format))
        peer.shutdown(socket.SHUT_WR)
        run_until(base, lambda: protocol.lines)
        settle(base)
        assert protocol.names == ["connection_made", "line_received"]
        transport.resume_reading()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.names[1:] == ["line_received", "eof_received", "connection_lost"]


def test_the_end_waits_if_the_last_of_the_text_has_paused_reading(base: EventBase) -> None:
    protocol = Recorder(text_received=lambda text: protocol.transport.pause_reading())
    with connected(base, protocol, delivery="text", external_format="utf-8/crlf") as (
        transport,
        peer,
    ):
        peer.sendall(b"a\r")
        peer.shutdown(socket.SHUT_WR)
        for texts in (["a"], ["a", "\r"]):  # only the end tells that no newline will follow
            settle(base)
            assert protocol.got("text_received") == texts
            assert "eof_received" not in protocol.names
            transport.resume_reading()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.names[-2:] == ["eof_received", "connection_lost"]


def test_the_end_comes_only_once_whatever_is_done_afterwards(base: EventBase) -> None:
    protocol = Recorder(keep_open=True)
    with connected(base, protocol, delivery="lines") as (transport, peer):
        peer.sendall(b"half")
        peer.shutdown(socket.SHUT_WR)
        run_until(base, lambda: "eof_received" in protocol.names)
        for _ in range(3):
            transport.pause_reading()
            transport.resume_reading()
            transport.set_delivery("bytes")
            transport.set_protocol(protocol)
            settle(base)
        assert protocol.names == ["connection_made", "line_received", "eof_received"]


@pytest.mark.parametrize(
    ("delivery", "name", "last"),
    [("lines", "line_received", b"half"), ("text", "text_received", b"\r")],
)
@pytest.mark.parametrize("act", [Transport.close, Transport.abort, Transport.pause_reading])
def test_the_last_half_line_may_be_the_last_that_somebody_wants(
    base: EventBase, act: Callable[[Transport], None], delivery: Any, name: str, last: bytes
) -> None:
    protocol = Recorder(**then(name, lambda text: act(protocol.transport)))
    with connected(base, protocol, delivery=delivery, external_format="utf-8/crlf") as (_, peer):
        peer.sendall(last)
        peer.shutdown(socket.SHUT_WR)
        run_until(base, lambda: name in protocol.names)
        settle(base)
        assert "eof_received" not in protocol.names
        assert protocol.is_lost is (act is not Transport.pause_reading)


# ---- Half-closing ----


@both_families
def test_write_eof_ends_the_writing_half_after_what_is_queued(
    base: EventBase, family: socket.AddressFamily
) -> None:
    protocol = Recorder()
    with connected(base, protocol, family) as (transport, peer):
        data = fill(transport)
        transport.write_eof()
        assert transport.is_connected
        assert receive_while(base, peer) == data
        settle(base)
        assert transport.is_connected
        peer.sendall(b"answer")
        run_until(base, lambda: protocol.data == b"answer")
        peer.shutdown(socket.SHUT_WR)
        run_until(base, lambda: protocol.is_lost)
        assert protocol.loss is None


def test_write_eof_in_a_read_callback_comes_after_what_it_wrote(base: EventBase) -> None:
    def answer(data: bytes) -> None:
        protocol.transport.write(b"all")
        protocol.transport.write_eof()

    protocol = Recorder(data_received=answer)
    with connected(base, protocol) as (transport, peer):
        peer.sendall(b"?")
        assert receive_while(base, peer) == b"all"
        assert transport.is_connected


@pytest.mark.parametrize("input_ends_first", [False, True])
def test_a_connection_without_either_half_is_over(base: EventBase, input_ends_first: bool) -> None:
    protocol = Recorder(keep_open=True)
    with connected(base, protocol) as (transport, peer):
        if not input_ends_first:
            transport.write_eof()
        peer.shutdown(socket.SHUT_WR)
        run_until(base, lambda: "eof_received" in protocol.names)
        if input_ends_first:
            settle(base)
            assert transport.is_connected
            transport.write(b"x")
            transport.write_eof()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.loss is None
        assert receive_exactly(peer, 2) == b"x" * input_ends_first


def test_write_eof_before_there_is_a_connection(base: EventBase) -> None:
    with (
        connected(base, Recorder(), attach=False) as (transport, _),
        connected(base, Recorder()) as (donor, peer),
    ):
        transport.write(b"?")
        transport.write_eof()
        donor.pause_reading()
        transport._attach(counting(donor), None)
        assert receive_exactly(peer, 100) == b"?"  # and nothing was dispatched
        transport.abort()


def test_write_eof_in_the_first_callback_is_not_made_twice(base: EventBase) -> None:
    """Else a peer that resets the connection meanwhile would be told of in another way."""

    def end_and_be_reset(transport: Transport) -> None:
        transport.write_eof()
        reset(peer)
        wait_for_input(transport)

    protocol = Recorder(connection_made=end_and_be_reset)
    with socket_pair(socket.AF_INET) as (near, peer):
        transport = Transport(base, protocol)
        descriptor = SocketDescriptor(near)
        transport._attach(descriptor, descriptor.remote_name())
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, ConnectionReset)
