"""Writing: what leaves when, in how many pieces, and what the caller may rely on meanwhile."""

import array
import contextlib
import socket
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from multiplex.transport_helpers import (
    CountingDescriptor,
    Recorder,
    assert_sent,
    both_families,
    connected,
    counting,
    failures_of,
    fill,
    receive_while,
    run_until,
    settle,
    wait_for_input,
)
from support.peers import receive_exactly, reset

from trunkline import EventBase, ExternalFormat, TransportProtocol, ensure_external_format
from trunkline.multiplex.transport import DEFAULT_HIGH_WATER, Transport

Write = Callable[[Transport], object]

# ---- How many sends ----


@both_families
def test_outside_of_callbacks_a_write_is_tried_at_once(
    base: EventBase, family: socket.AddressFamily
) -> None:
    with connected(base, Recorder(), family) as (transport, peer):
        transport.write(b"one")
        assert_sent(transport, b"one")  # and nothing was dispatched
        assert receive_while(base, peer, 3) == b"one"
        transport.write(b"two")
        assert_sent(transport, b"one", b"two")
        assert receive_while(base, peer, 3) == b"two"


def answer_three_times(transport: Transport) -> None:
    for part in (b"a", bytearray(b"b"), "c"):
        transport.write(part)
    assert counting(transport).pieces == []


RECEIVING = [
    ("bytes", "data_received"),
    ("text", "text_received"),
    ("lines", "line_received"),
    ("buffer", "get_buffer"),
    ("buffer", "buffer_updated"),
]


@pytest.mark.parametrize(("delivery", "name"), RECEIVING[:3] + RECEIVING[4:])
def test_what_a_read_callback_writes_leaves_in_one_send_when_it_returns(
    base: EventBase, delivery: Any, name: str
) -> None:
    protocol = Recorder()
    protocol.then[name] = lambda argument: answer_three_times(protocol.transport)
    with connected(base, protocol, delivery=delivery) as (transport, peer):
        peer.sendall(b"\n")
        run_until(base, lambda: name in protocol.names)
        assert_sent(transport, b"abc")  # in the very iteration of the callback
        assert receive_while(base, peer, 3) == b"abc"


@pytest.mark.parametrize(
    "is_received_before",
    [True, pytest.param(False, marks=pytest.mark.exact_io("a segment is received at once"))],
)
def test_the_answers_to_all_lines_of_a_segment_leave_in_one_send(
    base: EventBase, is_received_before: bool
) -> None:
    protocol = Recorder(line_received=lambda line: protocol.transport.write(f"{line}!\n"))
    segment = b"".join(b"%d\n" % number for number in range(100))
    unread = segment if is_received_before else b""
    with connected(base, protocol, delivery="lines", unread=unread) as (transport, peer):
        if not is_received_before:
            peer.sendall(segment)
        run_until(base, lambda: len(protocol.lines) == 100)
        assert_sent(transport, b"".join(b"%d!\n" % number for number in range(100)))


def test_the_answer_to_the_last_half_line_leaves_too(base: EventBase) -> None:
    protocol = Recorder(
        keep_open=True, line_received=lambda line: answer_three_times(protocol.transport)
    )
    with connected(base, protocol, delivery="lines") as (transport, peer):
        peer.sendall(b"half")
        peer.shutdown(socket.SHUT_WR)
        run_until(base, lambda: "eof_received" in protocol.names)
        assert_sent(transport, b"abc")


def test_what_another_connections_callback_writes_is_tried_at_once(base: EventBase) -> None:
    def forward(data: bytes) -> None:
        transport.write(data)
        assert counting(transport).sent == [b"x"]

    with (
        connected(base, Recorder()) as (transport, peer),
        connected(base, Recorder(data_received=forward)) as (_, other_peer),
    ):
        other_peer.sendall(b"x")
        assert receive_while(base, peer, 1) == b"x"


def test_writelines_leaves_in_one_send(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, high_water=2) as (transport, peer):
        counting(transport).room = 100
        transport.writelines(piece for piece in (b"one", bytearray(b" two"), " three"))
        assert counting(transport).sent == [b"one two three"]
        assert receive_exactly(peer, 13) == b"one two three"
        transport.writelines([])
        assert protocol.names == ["connection_made"]  # nothing was queued


def test_an_empty_write_sends_nothing(base: EventBase) -> None:
    with connected(base, Recorder()) as (transport, _):
        for nothing in (b"", bytearray(), "", memoryview(b"")):
            transport.write(nothing)
        assert counting(transport).sent == []


def test_while_something_is_queued_writes_wait_for_their_turn(base: EventBase) -> None:
    with connected(base, Recorder()) as (transport, peer):
        descriptor = counting(transport)
        descriptor.room = 3
        transport.write(b"12345")
        transport.write(b"678")
        transport.writelines([b"9", b"0"])
        assert descriptor.sent == [b"123"]
        assert transport.buffered_output == 7
        descriptor.room = 7
        run_until(base, lambda: not transport.buffered_output)
        assert descriptor.sent == [b"123", b"4567890"]
        assert receive_exactly(peer, 10) == b"1234567890"


@pytest.mark.exact_io("a peer that cannot send just now has stopped")
@pytest.mark.parametrize("delivery", ["bytes", "lines", "buffer"])
def test_a_peer_that_never_stops_sending_gets_what_is_queued(
    base: EventBase, delivery: Any
) -> None:
    received = bytearray()

    def go_on(*_: object) -> None:
        with contextlib.suppress(BlockingIOError):
            received.extend(peer.recv(65_536))
        peer.send(b"more\n")

    protocol = Recorder(data_received=go_on, line_received=go_on, buffer_updated=go_on)
    with connected(base, protocol, delivery=delivery) as (transport, peer):
        data = fill(transport)
        peer.setblocking(False)
        peer.send(b"more\n")
        run_until(base, lambda: len(received) == len(data))
        assert received == data


def test_an_event_base_does_not_spin_once_everything_is_sent(base: EventBase) -> None:
    with connected(base, Recorder()) as (transport, peer):
        counting(transport).room = 0
        transport.write(b"x")
        counting(transport).room = None
        run_until(base, lambda: not transport.buffered_output)
        assert base.fd_monitored(transport, "write") is None
        assert receive_exactly(peer, 1) == b"x"


# ---- What may be written ----


def overwrite(buffer: Any) -> None:
    view = memoryview(buffer).cast("B")
    view[:] = bytes(len(view))


@pytest.mark.parametrize("is_queued", [False, True])
@pytest.mark.parametrize("make", [bytearray, lambda data: memoryview(bytearray(data))])
def test_a_buffer_may_be_changed_as_soon_as_write_returns(
    base: EventBase, make: Callable[[bytes], Any], is_queued: bool
) -> None:
    with connected(base, Recorder()) as (transport, peer):
        counting(transport).room = 2 if is_queued else 100
        buffer = make(b"precious")
        transport.write(buffer)
        overwrite(buffer)
        others = [make(b"1"), make(b"2")]
        transport.writelines(others)
        for other in others:
            overwrite(other)
        assert (transport.buffered_output > 0) is is_queued
        counting(transport).room = None
        assert receive_while(base, peer, 10) == b"precious12"


def test_a_bytearray_may_grow_afterwards(base: EventBase) -> None:
    with connected(base, Recorder()) as (transport, peer):
        counting(transport).room = 0
        buffer = bytearray(b"abc")
        transport.write(buffer)
        buffer += b"more"  # a view of it would forbid that
        counting(transport).room = None
        assert receive_while(base, peer, 3) == b"abc"


def test_anything_with_bytes_can_be_written(base: EventBase) -> None:
    numbers = array.array("I", [1, 2, 3])
    with connected(base, Recorder()) as (transport, peer):
        transport.write(numbers)
        transport.write(memoryview(b"a-b-c")[::2])
        expected = numbers.tobytes() + b"abc"
        assert receive_while(base, peer, len(expected)) == expected


@pytest.mark.parametrize("nonsense", [None, 5, [b"a"], object()])
def test_what_has_no_bytes_is_refused(base: EventBase, nonsense: Any) -> None:
    with connected(base, Recorder()) as (transport, _):
        with pytest.raises(TypeError):
            transport.write(nonsense)
        with pytest.raises(TypeError):
            transport.writelines([nonsense])
        assert transport.is_connected


@pytest.mark.parametrize(
    ("external_format", "expected"),
    [
        ("utf-8", "é\nß\n".encode()),
        ("utf-8/crlf", "é\r\nß\r\n".encode()),
        ("latin-1/cr", "é\rß\r".encode("latin-1")),
        ("utf-16", "é\nß\n".encode("utf-16")),  # with one byte order mark
        ("utf-16-le/crlf", "é\r\nß\r\n".encode("utf-16-le")),
    ],
)
def test_text_is_written_in_the_external_format(
    base: EventBase, external_format: str, expected: bytes
) -> None:
    with connected(base, Recorder(), external_format=external_format) as (transport, peer):
        transport.write("é\n")
        transport.writelines(["ß", "\n"])
        assert receive_while(base, peer, len(expected)) == expected
        assert transport.external_format == ensure_external_format(external_format)


@pytest.mark.parametrize("external_format", ["ascii", "latin-1/crlf", "iso2022_jp", "shift_jis"])
def test_what_cannot_be_encoded_leaves_everything_as_it_was(
    base: EventBase, external_format: str
) -> None:
    with connected(base, Recorder(), external_format=external_format) as (transport, peer):
        counting(transport).room = 0
        transport.write("before ")
        queued = transport.buffered_output
        with pytest.raises(UnicodeEncodeError):
            transport.write("half of this fits 😀")
        assert transport.buffered_output == queued
        transport.write("after")
        counting(transport).room = None
        assert receive_while(base, peer, 12) == b"before after"


@pytest.mark.parametrize("external_format", ["utf-16", "ascii"])
def test_of_several_pieces_those_before_a_bad_one_are_written(
    base: EventBase, external_format: str
) -> None:
    with connected(base, Recorder(), external_format=external_format) as (transport, peer):
        with pytest.raises(UnicodeEncodeError):
            transport.writelines(["a", "\ud800", "never"])
        transport.write("b")
        expected = "ab".encode(external_format)
        assert receive_while(base, peer, len(expected)) == expected


@pytest.mark.parametrize("ending", [Transport.close, Transport.write_eof])
def test_an_encoding_with_state_is_brought_back_at_the_end(
    base: EventBase, ending: Callable[[Transport], None]
) -> None:
    with connected(base, Recorder(), external_format="iso2022_jp") as (transport, peer):
        transport.write("日本")
        ending(transport)
        assert receive_while(base, peer) == "日本".encode("iso2022_jp")


def test_an_encoding_with_state_is_brought_back_when_the_format_changes(base: EventBase) -> None:
    with connected(base, Recorder(), external_format="iso2022_jp") as (transport, peer):
        transport.write("日本")
        transport.set_delivery("bytes", external_format="ascii")
        transport.write("plain")
        expected = "日本".encode("iso2022_jp") + b"plain"
        assert receive_while(base, peer, len(expected)) == expected


def test_the_writers_format_stays_when_only_the_delivery_changes(base: EventBase) -> None:
    with connected(base, Recorder(), external_format="utf-16") as (transport, peer):
        transport.write("a")
        transport.set_delivery("text")
        transport.write("b")
        assert receive_while(base, peer, 6) == "ab".encode("utf-16")
        assert transport.external_format == ExternalFormat("utf-16")


# ---- Marks ----


def test_pause_writing_is_called_by_the_very_write_that_crosses_the_mark(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, high_water=10, low_water=4) as (transport, peer):
        descriptor = counting(transport)
        descriptor.room = 0
        transport.write(b"x" * 10)
        assert "pause_writing" not in protocol.names  # the mark itself may be reached
        transport.write(b"y")
        assert protocol.names[-1] == "pause_writing"
        transport.write(b"z" * 20)
        assert protocol.names.count("pause_writing") == 1
        descriptor.room = 26
        settle(base)
        assert transport.buffered_output == 5
        assert "resume_writing" not in protocol.names
        descriptor.room = 1
        settle(base)
        assert transport.buffered_output == 4
        assert protocol.names[-1] == "resume_writing"
        descriptor.room = None
        assert receive_while(base, peer, 31) == b"x" * 10 + b"y" + b"z" * 20
        assert protocol.names == ["connection_made", "pause_writing", "resume_writing"]


def test_it_is_paused_and_resumed_as_often_as_the_marks_are_crossed(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, high_water=0) as (transport, peer):
        descriptor = counting(transport)
        for turn in range(1, 4):
            descriptor.room = 0
            transport.write(b"ab")
            transport.write(b"c")
            assert protocol.names.count("pause_writing") == turn
            descriptor.room = 2
            settle(base)
            assert protocol.names.count("resume_writing") == turn - 1
            descriptor.room = None
            settle(base)
            assert protocol.names.count("resume_writing") == turn
        assert receive_exactly(peer, 9) == b"abc" * 3
        assert protocol.nested == []


def test_the_marks_hold_for_what_a_read_callback_gathers(base: EventBase) -> None:
    def answer(data: bytes) -> None:
        protocol.transport.write(b"12345")
        assert protocol.names[-1] == "pause_writing"

    protocol = Recorder(data_received=answer)
    with connected(base, protocol, high_water=4) as (_, peer):
        peer.sendall(b"?")
        assert receive_while(base, peer, 5) == b"12345"
        assert protocol.names[-2:] == ["pause_writing", "resume_writing"]
        # That one is called by the write is the contract; nothing else is inside of anything.
        assert protocol.nested == [("data_received", "pause_writing")]


def test_writelines_calls_nothing_but_pause_writing(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, high_water=4) as (transport, peer):
        counting(transport).room = 8
        transport.writelines([b"12345", b"67890"])
        assert protocol.names == ["connection_made"]  # only two were queued
        counting(transport).room = None
        assert receive_while(base, peer, 10) == b"1234567890"
        assert protocol.names == ["connection_made"]


def test_resume_writing_may_write_enough_to_be_paused_again(base: EventBase) -> None:
    rest = [b"2" * 100, b"3" * 100]

    def more() -> None:
        if rest:
            counting(transport).room = 50
            transport.write(rest.pop(0))

    protocol = Recorder(resume_writing=more)
    with connected(base, protocol, high_water=40, low_water=10) as (transport, peer):
        counting(transport).room = 0
        transport.write(b"1" * 100)
        for _ in range(3):
            counting(transport).room = None
            settle(base)
        assert receive_while(base, peer, 300) == b"1" * 100 + b"2" * 100 + b"3" * 100
        assert protocol.names[1:] == ["pause_writing", "resume_writing"] * 3


@pytest.mark.parametrize("name", ["write", "close", "abort"])
def test_pause_writing_may_do_anything(base: EventBase, name: str) -> None:
    def react() -> None:
        getattr(transport, name)(*[b"more"] * (name == "write"))

    protocol = Recorder(pause_writing=react)
    with connected(base, protocol, high_water=1) as (transport, peer):
        counting(transport).room = 0
        transport.write(b"much")
        if name == "write":
            counting(transport).room = None
            assert receive_while(base, peer, 8) == b"muchmore"
            return
        if name == "close":
            counting(transport).room = None
        assert receive_while(base, peer) == (b"much" if name == "close" else b"")
        run_until(base, lambda: protocol.is_lost)
        assert protocol.loss is None


@pytest.mark.parametrize(
    ("high", "low", "error"),
    [
        (-1, None, ValueError),
        (4, 5, ValueError),
        (4, -1, ValueError),
        (1.5, None, TypeError),
        (True, None, TypeError),
        (4, Fraction(1), TypeError),
        (Decimal(4), None, TypeError),
    ],
)
def test_marks_that_are_none_are_refused(
    base: EventBase, high: Any, low: Any, error: type[Exception]
) -> None:
    with pytest.raises(error, match="water"):
        Transport(base, TransportProtocol(), high_water=high, low_water=low)
    with connected(base, Recorder()) as (transport, _):
        with pytest.raises(error, match="water"):
            transport.set_water_marks(high, low)
        counting(transport).room = 0
        transport.write(bytes(DEFAULT_HIGH_WATER))
        assert transport.protocol.names == ["connection_made"]
        transport.write(b"x")
        assert transport.protocol.names == ["connection_made", "pause_writing"]


def test_by_default_it_resumes_at_a_quarter(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, _):
        transport.set_water_marks(100)
        descriptor = counting(transport)
        descriptor.room = 0
        transport.write(bytes(101))
        for room, names in ((75, []), (1, ["resume_writing"])):
            descriptor.room = room
            settle(base)
            assert protocol.names[2:] == names


# ---- Nothing is raised, and nobody is called ----


def let_go(transport: Transport, peer: socket.socket, how: Callable[[socket.socket], None]) -> None:
    how(peer)
    wait_for_input(transport)


DESTROYED: dict[str, Callable[[Transport, socket.socket], object]] = {
    "closed": lambda transport, peer: transport.close(),
    "aborted": lambda transport, peer: transport.abort(),
    "reset by the peer": lambda transport, peer: let_go(transport, peer, reset),
    "without a peer": lambda transport, peer: let_go(transport, peer, socket.socket.close),
}


@both_families
@pytest.mark.parametrize("destroy", DESTROYED.values(), ids=DESTROYED)
def test_write_close_and_abort_raise_nothing_and_call_nobody(
    base: EventBase,
    family: socket.AddressFamily,
    destroy: Callable[[Transport, socket.socket], object],
) -> None:
    protocol = Recorder()
    failures = failures_of(base)
    with connected(base, protocol, family) as (transport, peer):
        destroy(transport, peer)
        for _ in range(3):
            transport.write(b"x" * 1000)
        transport.writelines([b"y", b"z"])
        transport.write_eof()
        transport.close()
        transport.abort()
        transport.abort(reset=True)
        transport.close()
        assert protocol.names == ["connection_made"]
        assert transport.is_closing
        assert not transport.is_connected
        assert (transport.fileno(), transport.buffered_output) == (-1, 0)
        settle(base)
        assert protocol.names == ["connection_made", "connection_lost"]
        assert failures == []


@pytest.mark.parametrize("is_queued", [False, True])
def test_what_is_written_after_close_is_dropped(base: EventBase, is_queued: bool) -> None:
    with connected(base, Recorder()) as (transport, peer):
        if is_queued:
            counting(transport).room = 1
        transport.write(b"first")
        transport.close()
        size = transport.buffered_output
        transport.write(b"second")
        transport.writelines(["third"])
        assert transport.buffered_output == size
        if is_queued:
            counting(transport).room = None
        assert receive_while(base, peer) == b"first"


def test_writing_after_write_eof_is_a_mistake(base: EventBase) -> None:
    with connected(base, Recorder()) as (transport, peer):
        transport.write(b"all")
        transport.write_eof()
        transport.write_eof()
        with pytest.raises(ValueError, match="write_eof"):
            transport.write(b"more")
        assert receive_while(base, peer) == b"all"
        assert transport.is_connected


@both_families
def test_megabytes_arrive_in_order(base: EventBase, family: socket.AddressFamily) -> None:
    protocol = Recorder()
    with connected(base, protocol, family, high_water=100_000) as (transport, peer):
        data = fill(transport)
        for number in range(1000):
            piece = b"%d," % number
            data += piece
            transport.write(piece)
        assert receive_while(base, peer, len(data)) == data
        assert protocol.names == ["connection_made", "pause_writing", "resume_writing"]


def test_what_is_written_before_there_is_a_connection_is_sent_then(base: EventBase) -> None:
    protocol = Recorder(connection_made=lambda transport: transport.write(b"third"))
    with connected(base, protocol, attach=False) as (transport, _):
        transport.write(b"first ")
        transport.writelines([b"sec", "ond "])
        assert transport.buffered_output == 13
        left, right = socket.socketpair()
        with right:
            descriptor = CountingDescriptor(left)
            transport._attach(descriptor, descriptor.remote_name(), unsent=b"(unsent) ")
            assert_sent(transport, b"first second (unsent) third")
            assert receive_while(base, right, 27) == b"first second (unsent) third"
            transport.abort()


def test_after_the_event_base_is_closed_nothing_is_raised_and_nothing_stays_open(
    backend: str,
) -> None:
    with EventBase(backend=backend) as base, connected(base, Recorder()) as (transport, peer):
        base.close()
        transport.write(b"!")
        assert receive_exactly(peer, 1) == b"!"  # it is still tried
        counting(transport).room = 0
        transport.write(b"nobody can send this")
        transport.close()
        transport.abort()
        assert transport.fileno() == -1
        assert receive_exactly(peer, 1) == b""


def test_closing_after_the_event_base_closes_even_if_something_is_unread(backend: str) -> None:
    with EventBase(backend=backend) as base, connected(base, Recorder()) as (transport, peer):
        peer.sendall(b"unread")
        base.close()
        transport.close()
        assert transport.fileno() == -1
