"""The end of a connection: closing, aborting, being reset, and the one callback that says so."""

import contextlib
import select
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from multiplex.helpers import UNDER_FAULTS, wait_for
from multiplex.transport_helpers import (
    Recorder,
    both_families,
    connected,
    counting,
    failures_of,
    fill,
    receive_while,
    run_until,
    settle,
    then,
    wait_for_input,
)
from support.peers import receive_all, receive_exactly, reset, socket_pair
from support.timing import PATIENCE

from trunkline import (
    BrokenPipe,
    ConnectionReset,
    EventBase,
    NotConnected,
    SocketClosed,
    SocketError,
    TooManyOpenFiles,
    TransportProtocol,
)
from trunkline._sys.registration import Registration
from trunkline._sys.socket_descriptor import SocketDescriptor
from trunkline.multiplex.transport import Transport
from trunkline.testing.clock import ManualClock

BODY = bytes(range(256)) * 40  # so much is sent at once

# ---- Closing ----


@both_families
@pytest.mark.slow
def test_close_sends_megabytes_to_a_slow_reader_first(
    base: EventBase, family: socket.AddressFamily
) -> None:
    protocol = Recorder()
    with connected(base, protocol, family) as (transport, peer):
        data = fill(transport, 3_000_000)
        transport.write(b"the end")
        transport.close()
        transport.close()
        assert transport.is_closing
        assert not transport.is_connected
        settle(base)
        assert not protocol.is_lost
        assert receive_while(base, peer) == data + b"the end"
        run_until(base, lambda: protocol.is_lost)
        assert protocol.loss is None
        assert protocol.names == ["connection_made", "pause_writing", "connection_lost"]


def test_nothing_is_delivered_while_it_is_closing(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, peer):
        data = fill(transport)
        transport.close()
        peer.sendall(b"too late")
        peer.shutdown(socket.SHUT_WR)
        assert receive_while(base, peer, len(data)) == data
        run_until(base, lambda: protocol.is_lost)
        if not UNDER_FAULTS:  # an injected EAGAIN looks as if nothing were unread: it is a reset
            assert peer.recv(1) == b""
        assert "data_received" not in protocol.names
        assert "eof_received" not in protocol.names


def test_lost_is_called_a_little_later_and_once(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, _):
        transport.close()
        transport.close()
        transport.abort()
        assert protocol.names == ["connection_made"]
        settle(base)
        assert protocol.names == ["connection_made", "connection_lost"]


@both_families
def test_abort_drops_what_is_queued(base: EventBase, family: socket.AddressFamily) -> None:
    protocol = Recorder()
    with connected(base, protocol, family) as (transport, peer):
        data = fill(transport)
        transport.abort()
        assert transport.buffered_output == 0
        with contextlib.suppress(ConnectionError):
            assert len(receive_all(peer)) < len(data)
        settle(base)
        assert protocol.loss is None
        assert base.is_empty


def test_abort_ends_a_close_that_takes_too_long(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, _):
        fill(transport)
        transport.close()
        settle(base)
        assert not protocol.is_lost
        transport.abort()
        settle(base)
        assert protocol.loss is None


@pytest.mark.parametrize("is_closing", [False, True])
def test_abort_may_reset(base: EventBase, is_closing: bool) -> None:
    protocol = Recorder()
    with connected(base, protocol, socket.AF_INET) as (transport, peer):
        if is_closing:
            fill(transport)
            transport.close()
        transport.abort(reset=True)
        with pytest.raises(ConnectionResetError):
            receive_all(peer)
        settle(base)
        assert protocol.loss is None
        assert protocol.names.count("connection_lost") == 1


def test_before_there_is_a_connection_closing_gives_up(base: EventBase) -> None:
    """Unless something is to be sent, for which only aborting does."""
    for end, data in ((Transport.close, b""), (Transport.abort, b""), (Transport.abort, b"x")):
        protocol = Recorder()
        transport = Transport(base, protocol)
        given_up: list[str] = []
        cancel: Callable[[], None] = partial(given_up.append, "x")
        transport._begin_connecting(cancel, "the server")
        transport.write(data)
        end(transport)
        end(transport)
        assert (given_up, protocol.names) == (["x"], [])
        settle(base)
        assert protocol.names == ["connection_lost"]


def test_a_connection_that_fails_is_lost(base: EventBase) -> None:
    protocol = Recorder()
    transport = Transport(base, protocol)
    error = SocketError(operation="connect")
    transport._lose(error)
    assert protocol.names == []
    settle(base)
    assert protocol.loss is error
    assert "closed" in repr(transport)


# ---- The peer's doing ----


def test_a_reset_is_the_error_that_lost_is_called_with(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, socket.AF_INET) as (transport, peer):
        name = transport.remote_name
        reset(peer)
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, ConnectionReset)
        assert protocol.loss.address == name
        assert protocol.names == ["connection_made", "connection_lost"]


@pytest.mark.parametrize("name", ["write", "writelines", "write_eof"])
def test_writing_to_a_peer_that_is_gone_is_told_to_lost_alone(base: EventBase, name: str) -> None:
    protocol = Recorder()
    with connected(base, protocol, socket.AF_INET) as (transport, peer):
        transport.pause_reading()  # so that only writing can find out
        reset(peer)
        wait_for_input(transport)
        arguments: dict[str, list[Any]] = {"write": [b"x"], "writelines": [[b"x"]], "write_eof": []}
        getattr(transport, name)(*arguments[name])
        assert protocol.names == ["connection_made"]
        assert transport.is_closing or (UNDER_FAULTS and transport.buffered_output)
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, SocketError)


class Answering(Recorder):
    """Writes for all that it receives."""

    def _called(self, name: str, args: tuple[Any, ...]) -> Any:
        if name in ("data_received", "line_received", "buffer_updated"):
            self.transport.write(b"and another thing")
        return super()._called(name, args)


@pytest.mark.exact_io("what is written at once has to arrive")
@pytest.mark.parametrize("make", [Recorder, Answering])
@pytest.mark.parametrize("delivery", ["bytes", "lines", "buffer"])
def test_what_a_peer_has_said_is_delivered_though_it_takes_no_more(
    base: EventBase, make: Callable[[], Recorder], delivery: Any
) -> None:
    protocol = make()
    with connected(base, protocol, socket.AF_INET, delivery=delivery) as (transport, peer):
        transport.write(b"a question that nobody reads")
        assert peer.recv(1, socket.MSG_PEEK)
        peer.sendall(b"an answer\n" * 1000)
        peer.close()  # with that unread, it is a reset
        wait_for_input(transport)
        transport.write(b"?")
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, ConnectionReset | BrokenPipe)
        assert protocol.everything == b"an answer\n" * 1000
        assert "eof_received" not in protocol.names


def say_and_go(transport: Transport, peer: socket.socket, data: bytes) -> None:
    """Have the peer say something, and reset the connection."""
    transport.write(b"a question that nobody reads")
    assert peer.recv(1, socket.MSG_PEEK)
    peer.sendall(data)
    peer.close()
    wait_for_input(transport)


@pytest.mark.exact_io("what is written at once has to arrive")
@pytest.mark.parametrize(
    "find_out",
    [
        lambda transport: transport.write(b"?"),
        Transport.write_eof,
        lambda transport: (transport.write(b"?"), transport.write_eof()),
        lambda transport: (transport.write(b"?"), transport.release_output()),
    ],
)
def test_it_is_delivered_whatever_finds_out(base: EventBase, find_out: Any) -> None:
    protocol = Recorder()
    with connected(base, protocol, socket.AF_INET) as (transport, peer):
        say_and_go(transport, peer, b"an answer")
        find_out(transport)
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, SocketError)
        assert protocol.data == b"an answer"


@pytest.mark.exact_io("what is written at once has to arrive")
def test_it_is_delivered_in_another_form_from_the_middle_on(base: EventBase) -> None:
    def line_received(line: str) -> None:
        if not line:
            protocol.transport.set_delivery("bytes")

    protocol = Recorder(line_received=line_received)
    with connected(base, protocol, socket.AF_INET, delivery="lines") as (transport, peer):
        say_and_go(transport, peer, b"head\n\n" + BODY)
        transport.write(b"?")
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, ConnectionReset | BrokenPipe)
        assert protocol.lines == ["head", ""]
        assert protocol.data == BODY


@pytest.mark.exact_io("what is written at once has to arrive")
def test_it_is_delivered_though_each_line_interrupts_that(base: EventBase) -> None:
    def line_received(line: str) -> None:
        protocol.transport.pause_reading()
        protocol.transport.resume_reading()

    protocol = Recorder(line_received=line_received)
    with connected(base, protocol, socket.AF_INET, delivery="lines") as (transport, peer):
        say_and_go(transport, peer, b"a\nb\nc\n")
        transport.write(b"?")
        run_until(base, lambda: protocol.is_lost)
        assert protocol.lines == ["a", "b", "c"]


@pytest.mark.exact_io("what is written at once has to arrive")
def test_it_is_delivered_after_what_was_there_before(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, socket.AF_INET, unread=b"an ") as (transport, peer):
        say_and_go(transport, peer, b"answer")
        transport.write(b"?")
        run_until(base, lambda: protocol.is_lost)
        assert protocol.data == b"an answer"


@pytest.mark.exact_io("what is written at once has to arrive")
@both_families
def test_who_writes_and_closes_is_told_that_nobody_took_it(
    base: EventBase, family: socket.AddressFamily
) -> None:
    protocol = Recorder()
    with connected(base, protocol, family) as (transport, peer):
        say_and_go(transport, peer, b"an answer")
        transport.write(b"?")
        transport.close()
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, ConnectionReset | BrokenPipe)


def test_a_peer_that_is_gone_is_no_error_on_a_closed_event_base(backend: str) -> None:
    with EventBase(backend=backend) as base, connected(base, Recorder()) as (transport, peer):
        peer.close()
        base.close()
        transport.write(b"x")
        transport.close()
        assert transport.fileno() == -1


def pause_and_resume(transport: Transport) -> None:
    transport.pause_reading()
    transport.resume_reading()


def hold_and_release(transport: Transport) -> None:
    transport.hold_output()
    transport.release_output()


CALLS: dict[str, Callable[[Transport], object]] = {
    "write": lambda transport: transport.write(b"x"),
    "write_eof": Transport.write_eof,
    "close": Transport.close,
    "abort": lambda transport: transport.abort(reset=True),
    "pause and resume": pause_and_resume,
    "hold and release": hold_and_release,
    "set_delivery": lambda transport: transport.set_delivery("lines"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_no_call_minds_that_somebody_else_has_closed_the_descriptor(
    base: EventBase, call: Callable[[Transport], object]
) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, peer):
        peer.sendall(b"x")
        counting(transport).close()
        call(transport)
        with pytest.raises(NotConnected):
            transport.detach()
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, SocketClosed | None)
        assert protocol.names == ["connection_made", "connection_lost"]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nor_while_something_is_queued(
    base: EventBase, call: Callable[[Transport], object]
) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, _):
        fill(transport)
        number = transport.fileno()
        counting(transport).close()
        left, right = socket.socketpair()
        with left, right:
            assert number in (left.fileno(), right.fileno())
            call(transport)
            assert base.statistics().handlers == 0  # the number is another file's now
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, SocketClosed | None)


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nor_does_one_mind_a_closed_event_base_while_something_is_queued(
    backend: str, call: Callable[[Transport], object]
) -> None:
    protocol = Recorder()
    with EventBase(backend=backend) as base, connected(base, protocol) as (transport, _):
        fill(transport)
        base.close()
        call(transport)
        transport.close()
        assert transport.fileno() == -1
        assert protocol.names == ["connection_made", "pause_writing"]


def test_on_a_closed_event_base_nothing_waits_to_be_sent(backend: str) -> None:
    with EventBase(backend=backend) as base, connected(base, Recorder()) as (transport, _):
        transport.pause_reading()
        fill(transport)
        base.close()
        transport.close()
        assert transport.fileno() == -1


@pytest.mark.exact_io("what is written at once has to arrive")
def test_what_a_protocol_does_not_want_to_hear_keeps_it_from_no_end(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, socket.AF_INET) as (transport, peer):
        transport.pause_reading()
        transport.write(b"a question that nobody reads")
        assert peer.recv(1, socket.MSG_PEEK)
        peer.sendall(b"an answer")
        peer.close()
        wait_for_input(transport)
        transport.write(b"?")
        run_until(base, lambda: protocol.is_lost)
        assert "data_received" not in protocol.names


def test_a_peer_that_is_gone_is_found_out_while_something_is_queued(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, socket.AF_INET) as (transport, peer):
        transport.pause_reading()
        fill(transport)
        transport.close()
        reset(peer)
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, SocketError)


# ---- Ending it in each callback ----

OCCASIONS = [
    ("connection_made", "bytes"),
    ("data_received", "bytes"),
    ("text_received", "text"),
    ("line_received", "lines"),
    ("get_buffer", "buffer"),
    ("buffer_updated", "buffer"),
    ("input_failed", "lines"),
    ("eof_received", "bytes"),
    ("pause_writing", "bytes"),
    ("resume_writing", "bytes"),
    ("timed_out", "bytes"),
    ("connection_lost", "bytes"),
]


def write_and_close(transport: Transport) -> None:
    transport.write(b"last words")
    transport.close()


ENDINGS: dict[str, Callable[[Transport], object]] = {
    "close": Transport.close,
    "write and close": write_and_close,
    "abort": Transport.abort,
    "reset": lambda transport: transport.abort(reset=True),
}


def provoke(base: EventBase, transport: Transport, peer: socket.socket, is_done: Any) -> None:
    """Let all callbacks be called, one after the other, until the connection is over."""
    descriptor = None if transport.descriptor is None else counting(transport)
    if descriptor is not None:
        descriptor.room = 0
    transport.write(b"to be queued")
    if descriptor is not None:
        descriptor.room = None
    settle(base)
    with contextlib.suppress(OSError):
        peer.sendall(b"one\ntwo\n\xff\n")
        settle(base)
        peer.shutdown(socket.SHUT_WR)
    run_until(base, is_done)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("name", "delivery"), OCCASIONS)
@both_families
def test_it_may_end_in_any_callback(
    base: EventBase, family: socket.AddressFamily, name: str, delivery: Any, ending: str
) -> None:
    failures = failures_of(base)

    def end(*args: Any) -> None:
        ENDINGS[ending](protocol.transport)

    protocol = Recorder(**then(name, end))
    options: dict[str, Any] = {"idle_timeout": 0.0001} if name == "timed_out" else {}
    if name == "text_received":
        options["external_format"] = "latin-1"
    with connected(base, protocol, family, delivery=delivery, high_water=1, **options) as (
        transport,
        peer,
    ):
        if name == "timed_out":
            run_until(base, lambda: protocol.is_lost)
        else:
            provoke(base, transport, peer, lambda: protocol.is_lost)
        settle(base)
        assert protocol.names.count(name) == 1
        assert protocol.loss is None or name in ("timed_out", "input_failed")
        assert transport.fileno() == -1
        assert failures == []
        after = protocol.names[protocol.names.index(name) + 1 :]
        assert set(after) <= {"connection_lost", "pause_writing"}
        assert all(inner == "pause_writing" for _, inner in protocol.nested)


@pytest.mark.parametrize(("name", "delivery"), OCCASIONS)
def test_each_callback_may_end_another_connection_that_is_ready_too(
    base: EventBase, name: str, delivery: Any
) -> None:
    def end(*args: Any) -> None:
        victim.abort()

    protocol, other = Recorder(**then(name, end)), Recorder()
    options: dict[str, Any] = {"idle_timeout": 0.0001} if name == "timed_out" else {}
    if name == "text_received":
        options["external_format"] = "latin-1"
    with (
        connected(base, other) as (victim, victims_peer),
        connected(base, protocol, delivery=delivery, high_water=1, **options) as (transport, peer),
    ):
        victims_peer.close()
        if name == "timed_out":
            run_until(base, lambda: protocol.is_lost)
        else:
            provoke(base, transport, peer, lambda: name in protocol.names)
        settle(base)
        assert other.loss is None
        assert set(other.names) <= {"connection_made", "eof_received", "connection_lost"}


def test_two_that_are_ready_may_end_each_other(base: EventBase) -> None:
    first = Recorder(data_received=lambda data: second.transport.abort())
    second = Recorder(data_received=lambda data: first.transport.abort())
    with (
        connected(base, first) as (_, first_peer),
        connected(base, second) as (_, second_peer),
    ):
        first_peer.sendall(b"x")
        second_peer.sendall(b"x")
        run_until(base, lambda: first.is_lost or second.is_lost)
        settle(base)
        assert first.is_lost is not second.is_lost
        assert first.is_lost is bool(second.data)


# ---- Lingering ----


@pytest.mark.exact_io("an injected EAGAIN looks as if nothing were unread")
@pytest.mark.parametrize("in_callback", [False, True])
def test_an_answer_survives_input_that_is_not_read(base: EventBase, in_callback: bool) -> None:
    def answer(*args: Any) -> None:
        transport.write(b"too long, sorry")
        transport.close()

    protocol = Recorder(**then("data_received", answer if in_callback else lambda data: None))
    with connected(base, protocol, socket.AF_INET) as (transport, peer):
        peer.sendall(bytes(1_000_000 if in_callback else 100))
        wait_for_input(transport)
        if in_callback:
            run_until(base, lambda: protocol.is_lost)
        else:
            answer()
            settle(base)
        assert protocol.is_lost
        assert protocol.loss is None
        assert receive_all(peer) == b"too long, sorry"
        for _ in range(5):
            peer.sendall(b"and more")  # no reset comes
            settle(base)
        before = base.statistics().handlers
        peer.close()
        run_until(base, lambda: base.statistics().handlers < before)
        assert base.statistics().timers == 0


def test_lingering_comes_to_an_end(timed_base: EventBase, clock: ManualClock) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol, socket.AF_INET) as (transport, peer):
        peer.sendall(b"x")
        wait_for_input(transport)
        transport.close()
        for _ in range(3):
            clock.advance(0.9)
            with contextlib.suppress(ConnectionError):
                peer.sendall(b"y")
            settle(timed_base)
        assert timed_base.statistics().handlers == timed_base.statistics().timers == 0
        with pytest.raises(ConnectionError):  # noqa: PT012  # it takes a moment
            while True:
                peer.sendall(b"y")


@contextlib.contextmanager
def lingering(base: EventBase) -> Iterator[tuple[SocketDescriptor, socket.socket]]:
    """Yield the descriptor of a connection that lingers, and its peer."""
    with socket_pair(socket.AF_INET) as (near, peer):
        transport = Transport(base, TransportProtocol())
        descriptor = SocketDescriptor(near)
        transport._attach(descriptor, descriptor.remote_name())
        peer.sendall(b"x")
        wait_for_input(transport)
        transport.close()
        assert base.statistics().timers == 1
        assert not descriptor.is_closed
        yield descriptor, peer


@pytest.mark.exact_io("an injected EAGAIN looks as if nothing were unread")
def test_whoever_lingers_goes_with_the_event_base(base: EventBase) -> None:
    with lingering(base) as (descriptor, _):
        base.close()
        assert descriptor.is_closed


@pytest.mark.exact_io("an injected EAGAIN looks as if nothing were unread")
def test_so_it_does_though_an_error_keeps_all_that_was_ready_with_it(base: EventBase) -> None:
    """An error has its frame, and that all those from which it was called."""
    kept: list[ValueError] = []

    def fail(number: int, event: str, cause: object) -> None:
        receive_exactly(near, 1)
        try:
            raise ValueError
        except ValueError as error:
            kept.append(error)

    with lingering(base) as (descriptor, peer), socket_pair() as (near, far):
        base.set_io_handler(near, "read", fail)
        settle(base)
        peer.sendall(b"y")
        far.sendall(b"z")
        for number in (descriptor.number, near.fileno()):
            assert wait_for(number, select.POLLIN, PATIENCE)
        run_until(base, lambda: kept)
        base.close()
        assert descriptor.is_closed


class FullEventBase(EventBase):
    """Cannot watch anything more, once it is full."""

    is_full = False

    def _watch(self, registration: Registration, interest: int) -> None:
        if self.is_full:
            raise TooManyOpenFiles(operation="epoll_ctl")
        super()._watch(registration, interest)


@pytest.mark.exact_io("an injected EAGAIN looks as if nothing were unread")
def test_what_cannot_be_waited_for_is_closed_at_once(backend: str) -> None:
    protocol = Recorder()
    with FullEventBase(backend=backend) as base, connected(base, protocol) as (transport, peer):
        peer.sendall(b"x")
        wait_for_input(transport)
        descriptor = counting(transport)
        base.is_full = True
        transport.close()
        assert descriptor.is_closed
        run_until(base, lambda: protocol.is_lost)


def test_without_unread_input_nobody_lingers(base: EventBase) -> None:
    with connected(base, Recorder()) as (transport, peer):
        transport.write(b"!")
        transport.close()
        assert base.statistics().handlers == base.statistics().timers == 0
        assert receive_exactly(peer, 2) == b"!"


# -- what a connection was -------------------------------------------------------------------------


@pytest.mark.parametrize("delivery", ["bytes", "lines", "buffer"])
def test_a_transport_knows_how_much_has_moved_and_how_long_it_took(
    timed_base: EventBase, clock: ManualClock, delivery: Any
) -> None:
    base, protocol = timed_base, Recorder()
    with connected(base, protocol, delivery=delivery) as (transport, peer):
        assert (transport.bytes_received, transport.bytes_sent) == (0, 0)
        clock.advance(2)
        peer.sendall(b"five\n")
        run_until(base, lambda: transport.bytes_received == 5)
        transport.write(b"answer")
        assert receive_while(base, peer, 6) == b"answer"
        transport.write(bytes(3_000_000))
        assert len(receive_while(base, peer, 3_000_000)) == 3_000_000
        assert transport.bytes_sent == 3_000_006
        clock.advance(3)
        assert transport.duration == pytest.approx(5)
        transport.close()
        clock.advance(10)
        settle(base)
        assert transport.duration == pytest.approx(5)
        assert (transport.bytes_received, transport.bytes_sent) == (5, 3_000_006)


def test_what_was_never_connected_has_lasted_no_time(base: EventBase) -> None:
    transport = Transport(base, Recorder())
    assert transport.duration == 0
    transport.abort()
    assert transport.duration == 0
    settle(base)
