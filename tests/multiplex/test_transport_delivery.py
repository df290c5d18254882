"""Delivery: as bytes, as text, line by line and into a buffer, and from one form to another."""

import contextlib
import socket
from collections.abc import Callable, Iterable
from itertools import groupby
from time import thread_time
from typing import Any

import pytest
from multiplex.helpers import UNDER_FAULTS
from multiplex.transport_helpers import (
    Failure,
    Recorder,
    both_families,
    connected,
    failures_of,
    run_until,
    settle,
    wait_for_input,
)
from support.memory import memory_held
from support.peers import receive_all

from trunkline import (
    DecodingError,
    EventBase,
    ExternalFormat,
    LineTooLong,
    StreamError,
    TransportProtocol,
)
from trunkline.multiplex.delivery import make_delivery
from trunkline.multiplex.transport import Transport

FORMS = ("bytes", "text", "lines", "buffer")


def send_in_pieces(
    base: EventBase, transport: Transport, peer: socket.socket, pieces: Iterable[bytes]
) -> None:
    """Let each piece arrive, and be delivered, before the next one is sent."""
    for piece in pieces:
        peer.sendall(piece)
        wait_for_input(transport)
        settle(base)


def byte_by_byte(data: bytes) -> list[bytes]:
    return [bytes((byte,)) for byte in data]


# ---- Bytes ----


@both_families
def test_bytes_are_delivered_as_they_come(base: EventBase, family: socket.AddressFamily) -> None:
    protocol = Recorder()
    with connected(base, protocol, family) as (_, peer):
        peer.sendall(b"hello")
        run_until(base, lambda: len(protocol.data) == 5)
        peer.sendall(b" world")
        run_until(base, lambda: protocol.data == b"hello world")


def test_each_time_it_is_a_fresh_bytes_of_the_exact_size(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, peer):
        send_in_pieces(base, transport, peer, [b"first", b"second!"])
        received = protocol.got("data_received")
        assert b"".join(received) == b"firstsecond!"  # the buffer has been used again since
        for data in received:
            assert type(data) is bytes
            assert data.__sizeof__() == bytes(len(data)).__sizeof__()
        if not UNDER_FAULTS:
            assert received == [b"first", b"second!"]


# ---- Text ----

TEXT = "aé\r\n日本😀\r\r\n\nend"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "utf-7"])
@pytest.mark.parametrize("eol", ["lf", "crlf", "cr"])
def test_text_is_delivered_however_it_is_cut(base: EventBase, encoding: str, eol: str) -> None:
    protocol = Recorder()
    external_format = f"{encoding}/{eol}"
    newline = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}[eol]
    with connected(base, protocol, delivery="text", external_format=external_format) as (
        transport,
        peer,
    ):
        send_in_pieces(base, transport, peer, byte_by_byte(TEXT.encode(encoding)))
        peer.close()
        run_until(base, lambda: protocol.is_lost)
        assert "".join(protocol.got("text_received")) == TEXT.replace(newline, "\n")
        assert "" not in protocol.got("text_received")


def test_half_a_character_waits_for_the_other_half(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, delivery="text") as (transport, peer):
        send_in_pieces(base, transport, peer, [b"a\xc3"])
        assert protocol.got("text_received") == ["a"]
        send_in_pieces(base, transport, peer, [b"\xa9b"])
        assert "".join(protocol.got("text_received")) == "aéb"
        if not UNDER_FAULTS:
            assert protocol.got("text_received") == ["a", "éb"]


def test_a_carriage_return_at_the_very_end_is_delivered_there(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, delivery="text", external_format="utf-8/crlf") as (_, peer):
        peer.sendall(b"a\r")
        peer.close()
        run_until(base, lambda: protocol.is_lost)
        assert "".join(protocol.got("text_received")) == "a\r"
        assert protocol.names[-2:] == ["eof_received", "connection_lost"]


# ---- Lines ----


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "shift_jis", "utf-16", "iso2022_jp"])
@pytest.mark.parametrize("eol", ["lf", "crlf", "cr"])
@pytest.mark.parametrize("cut", [byte_by_byte, lambda data: [data]], ids=["bytes", "whole"])
def test_one_callback_a_line_however_they_are_cut(
    base: EventBase, encoding: str, eol: str, cut: Callable[[bytes], list[bytes]]
) -> None:
    lines = ["first", "", "third " + ("é" if encoding in ("utf-8", "latin-1") else "x"), "last"]
    newline = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}[eol]
    protocol = Recorder()
    with connected(base, protocol, delivery="lines", external_format=f"{encoding}/{eol}") as (
        transport,
        peer,
    ):
        send_in_pieces(base, transport, peer, cut(newline.join(lines).encode(encoding)))
        assert protocol.lines == lines[:-1]
        peer.close()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.names[1:] == ["line_received"] * 4 + ["eof_received", "connection_lost"]
        assert protocol.lines == lines


def test_without_a_last_half_line_there_is_none(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, delivery="lines") as (_, peer):
        peer.sendall(b"only\n")
        peer.close()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.lines == ["only"]


BAD_LINES: list[tuple[str, bytes, list[str], type[StreamError]]] = [
    ("utf-8", b"good\n\xff\xfe\nlater\n", ["good"], DecodingError),
    ("utf-8", b"good\n" + b"x" * 21 + b"\nlater\n", ["good"], LineTooLong),
    ("utf-8", b"good\n" + b"x" * 21, ["good"], LineTooLong),
    ("utf-16-le", "good\n".encode("utf-16-le") + b"\x00\xd8a\x00\n\x00", ["good"], DecodingError),
    ("utf-16-le", ("good\n" + "x" * 50).encode("utf-16-le"), ["good"], LineTooLong),
    ("utf-16", b"no byte order mark\n", [], DecodingError),
]


@pytest.mark.parametrize("is_cut", [False, True])
@pytest.mark.parametrize(("encoding", "sent", "good", "error"), BAD_LINES)
def test_a_bad_line_ends_the_connection_after_the_good_ones(
    base: EventBase,
    encoding: str,
    sent: bytes,
    good: list[str],
    error: type[StreamError],
    is_cut: bool,
) -> None:
    protocol = Recorder()
    failures = failures_of(base)
    options: dict[str, Any] = {"line_limit": 20, "external_format": encoding}
    with connected(base, protocol, socket.AF_INET, delivery="lines", **options) as (
        transport,
        peer,
    ):
        protocol.then["input_failed"] = transport_closes
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError):
            for piece in byte_by_byte(sent) if is_cut else [sent]:
                peer.sendall(piece)
                settle(base)
        run_until(base, lambda: protocol.is_lost)
        assert protocol.lines == good
        assert isinstance(protocol.loss, error)
        assert protocol.loss.address == transport.remote_name
        assert protocol.names.count("input_failed") == 1
        assert failures == []


def transport_closes(transport: Transport, error: StreamError) -> None:
    transport.close_with(error)


class NoInputFailed:
    """A protocol that does not know what to do about bad input."""

    def __init__(self) -> None:
        self.losses: list[Exception | None] = []

    def text_received(self, text: str) -> None:
        raise AssertionError("it is malformed")

    line_received = text_received

    def connection_lost(self, error: Exception | None) -> None:
        self.losses.append(error)


@pytest.mark.parametrize(("delivery", "sent"), [("text", b"\xff"), ("lines", b"\xff\n")])
def test_by_default_bad_input_ends_the_connection_in_good_order(
    base: EventBase, delivery: Any, sent: bytes
) -> None:
    protocol = NoInputFailed()
    with connected(base, protocol, delivery=delivery) as (transport, peer):
        transport.write(b"sorry")
        peer.sendall(sent)
        run_until(base, lambda: protocol.losses)
        [error] = protocol.losses
        assert isinstance(error, DecodingError)
        assert receive_all(peer) == b"sorry"


def test_a_limit_is_no_matter_for_what_arrives_but_for_each_line(base: EventBase) -> None:
    protocol = Recorder()
    lines = ["x" * 10] * 100
    with connected(
        base, protocol, delivery="lines", external_format="utf-8/crlf", line_limit=10
    ) as (_, peer):
        peer.sendall("\r\n".join([*lines, ""]).encode())
        run_until(base, lambda: len(protocol.lines) == 100)
        assert protocol.lines == lines


def take_as_bytes(transport: Transport, error: Exception) -> None:
    transport.set_delivery("bytes")
    transport.resume_reading()


@pytest.mark.parametrize(
    ("delivery", "sent", "before"),
    [
        ("lines", b"good\n\xff\nrest", ["good"]),
        ("lines", b"good\ntoo long for us\nrest", ["good"]),
        ("text", b"good\xff\nrest", []),
    ],
)
def test_bad_input_may_be_taken_in_another_form(
    base: EventBase, delivery: Any, sent: bytes, before: list[str]
) -> None:
    protocol = Recorder(input_failed=take_as_bytes)
    with connected(base, protocol, delivery=delivery, line_limit=8) as (_, peer):
        peer.sendall(sent)
        peer.close()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.loss is None
        assert protocol.lines == before
        good = sum(len(line) + 1 for line in before)
        assert "".join(protocol.got("text_received")).encode() + protocol.data == sent[good:]
        assert protocol.names.count("eof_received") == 1


BAD_TEXTS = [
    ("utf-8", "gr\u00fcn".encode() + b"\xff and more", "gr\u00fcn"),
    ("utf-8", "gr\u00fcn".encode() + b"\xc3", "gr\u00fcn"),  # cut short by the end
    ("utf-8/crlf", b"one\r\ntwo\xff\r\n", "one\ntwo"),
    ("ascii", b"good\xffbad", "good"),
    ("utf-16-le", "good".encode("utf-16-le") + b"\x00\xdc" + b"x\0", "good"),
    ("utf-16", "good".encode("utf-16") + b"\x00\xdc", "good"),
    ("shift_jis", "\u65e5\u672c".encode("shift_jis") + b"\xff\xff", "\u65e5\u672c"),
    ("iso2022_jp", "\u65e5\u672c".encode("iso2022_jp") + b"\xff", "\u65e5\u672c"),
]


@pytest.mark.parametrize("is_cut", [False, True])
@pytest.mark.parametrize(("encoding", "sent", "good"), BAD_TEXTS)
def test_bad_text_ends_the_connection_after_the_good_one(
    base: EventBase, encoding: str, sent: bytes, good: str, is_cut: bool
) -> None:
    """So does a blocking stream."""
    protocol = Recorder(input_failed=transport_closes)
    with connected(base, protocol, delivery="text", external_format=encoding) as (_, peer):
        with contextlib.suppress(OSError):
            for piece in byte_by_byte(sent) if is_cut else [sent]:
                peer.sendall(piece)
                settle(base)
            peer.shutdown(socket.SHUT_WR)
        run_until(base, lambda: protocol.is_lost)
        assert "".join(protocol.got("text_received")) == good
        assert isinstance(protocol.loss, DecodingError)
        assert protocol.names.count("input_failed") == 1


def test_the_good_text_may_change_what_becomes_of_the_bad_one(base: EventBase) -> None:
    protocol = Recorder()
    protocol.then["text_received"] = lambda text: protocol.transport.set_delivery("bytes")
    with connected(base, protocol, delivery="text") as (_, peer):
        peer.sendall(b"good\xffbad")
        run_until(base, lambda: protocol.data.endswith(b"\xffbad"))
        assert protocol.everything == b"good\xffbad"
        assert protocol.names[:2] == ["connection_made", "text_received"]
        assert "input_failed" not in protocol.names


def test_a_pause_at_the_good_text_keeps_the_bad_one(base: EventBase) -> None:
    protocol = Recorder(input_failed=transport_closes)
    protocol.then["text_received"] = lambda text: protocol.transport.pause_reading()
    with connected(base, protocol, delivery="text") as (transport, peer):
        peer.sendall(b"good\xffbad")
        peer.shutdown(socket.SHUT_WR)
        run_until(base, lambda: "text_received" in protocol.names)
        settle(base)
        assert protocol.names == ["connection_made", "text_received"]
        protocol.then.pop("text_received")
        transport.resume_reading()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.everything == b"good"
        assert isinstance(protocol.loss, DecodingError)


@pytest.mark.parametrize("delivery", ["text", "lines"])
def test_bad_input_at_the_very_end_may_be_taken_in_another_form_too(
    base: EventBase, delivery: Any
) -> None:
    protocol = Recorder(input_failed=take_as_bytes)
    with connected(base, protocol, delivery=delivery) as (_, peer):
        peer.sendall(b"\xe6\x97")  # two thirds of a character
        peer.close()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.data == b"\xe6\x97"
        assert protocol.names[1:] == [
            "input_failed",
            "data_received",
            "eof_received",
            "connection_lost",
        ]


def test_bad_input_without_an_answer_leaves_the_connection_paused(base: EventBase) -> None:
    protocol = Recorder(input_failed=lambda transport, error: None)
    with connected(base, protocol, delivery="lines", line_limit=3) as (transport, peer):
        peer.sendall(b"too long\nok\n")
        run_until(base, lambda: "input_failed" in protocol.names)
        settle(base)
        assert protocol.names == ["connection_made", "input_failed"]
        transport.set_delivery("lines", line_limit=100)
        transport.resume_reading()
        run_until(base, lambda: protocol.lines == ["too long", "ok"])


# ---- Into a buffer ----


@both_families
def test_input_goes_into_the_protocols_own_buffer(
    base: EventBase, family: socket.AddressFamily
) -> None:
    protocol = Recorder()
    data = bytes(range(256)) * 3
    with connected(base, protocol, family, delivery="buffer") as (_, peer):
        peer.sendall(data)
        run_until(base, lambda: len(protocol.data) == len(data))
        assert protocol.data == data
        names = protocol.names[1:]
        if UNDER_FAULTS:  # a receive may be in vain
            names = [name for name, _ in groupby(names)]
        assert names[:4] == ["get_buffer", "buffer_updated"] * 2
        assert protocol.got("get_buffer")[0] >= 65536


@pytest.mark.parametrize("unread", [b"", b"before"])
@pytest.mark.parametrize("buffer", [b"readonly", bytearray(), memoryview(b""), 5])
def test_a_buffer_that_is_none_ends_the_connection(
    base: EventBase, buffer: Any, unread: bytes
) -> None:
    protocol = Recorder(get_buffer=lambda size: buffer)
    failures = failures_of(base)
    with connected(base, protocol, delivery="buffer", unread=unread) as (transport, peer):
        peer.sendall(b"data")
        run_until(base, lambda: protocol.is_lost)
        [(error, where)] = failures
        assert isinstance(error, (TypeError, ValueError))
        assert where is transport
        assert protocol.loss is error


@pytest.mark.parametrize("unread", [b"", b"before"])
@pytest.mark.parametrize("name", ["pause_reading", "close", "abort"])
def test_nothing_is_received_into_a_buffer_that_was_given_with_a_refusal(
    base: EventBase, name: str, unread: bytes
) -> None:
    protocol = Recorder(get_buffer=lambda size: getattr(transport, name)())
    with connected(base, protocol, delivery="buffer", unread=unread, attach=True) as (
        transport,
        peer,
    ):
        transport.write(b"x")
        peer.sendall(b" after")
        run_until(base, lambda: "get_buffer" in protocol.names)
        settle(base)
        assert "buffer_updated" not in protocol.names
        if name == "pause_reading":
            del protocol.then["get_buffer"]
            transport.resume_reading()
            run_until(base, lambda: protocol.data == unread + b" after")


@pytest.mark.parametrize("unread", [b"", b"before"])
def test_the_delivery_may_change_when_a_buffer_is_asked_for(base: EventBase, unread: bytes) -> None:
    protocol = Recorder(get_buffer=lambda size: protocol.transport.set_delivery("bytes"))
    with connected(base, protocol, delivery="buffer", unread=unread) as (_, peer):
        peer.sendall(b" after")
        run_until(base, lambda: protocol.data == unread + b" after")
        assert protocol.names.count("get_buffer") == 1
        assert "buffer_updated" not in protocol.names


@pytest.mark.parametrize("unread", [b"", b"before"])
def test_another_protocol_may_take_over_when_a_buffer_is_asked_for(
    base: EventBase, unread: bytes
) -> None:
    second = Recorder()
    protocol = Recorder(get_buffer=lambda size: protocol.transport.set_protocol(second))
    with connected(base, protocol, delivery="buffer", unread=unread) as (_, peer):
        peer.sendall(b" after")
        run_until(base, lambda: second.data == unread + b" after")
        assert "buffer_updated" not in protocol.names
        assert set(second.names) == {"get_buffer", "buffer_updated"}


# ---- Bytes that have been read before ----


@pytest.mark.parametrize("delivery", FORMS)
def test_bytes_that_were_read_before_come_first(base: EventBase, delivery: Any) -> None:
    protocol = Recorder()
    protocol.buffer = bytearray(3)  # so that it takes several
    with connected(base, protocol, delivery=delivery, unread=b"one\ntwo\nth") as (_, peer):
        assert protocol.names == ["connection_made"]  # nothing from inside of attach
        peer.sendall(b"ree\n")
        peer.close()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.everything == b"one\ntwo\nthree\n"


def test_they_wait_while_reading_is_paused(base: EventBase) -> None:
    protocol = Recorder(connection_made=lambda transport: transport.pause_reading())
    with connected(base, protocol, unread=b"early") as (transport, peer):
        peer.sendall(b" late")
        settle(base)
        assert protocol.names == ["connection_made"]
        transport.resume_reading()
        assert protocol.names == ["connection_made"]
        run_until(base, lambda: protocol.data == b"early late")


# ---- From one form to another ----


def switching(after: str, *settings: Any, **options: Any) -> Recorder:
    """Return a protocol that changes the delivery at a certain line."""

    def line_received(line: str) -> None:
        if line == after:
            protocol.transport.set_delivery(*settings, **options)

    protocol = Recorder(line_received=line_received)
    return protocol


@pytest.mark.parametrize("external_format", ["utf-8", "utf-16-le", "latin-1/cr", "iso2022_jp"])
def test_from_the_lines_of_a_header_to_the_bytes_of_a_body(
    base: EventBase, external_format: str
) -> None:
    protocol = switching("", "bytes")
    encoding = external_format.partition("/")[0]
    body = bytes(range(256)) + b"\nmore\n"
    with connected(base, protocol, delivery="lines", external_format=external_format) as (_, peer):
        peer.sendall("a\nb\n\n".encode(encoding) + body)
        run_until(base, lambda: len(protocol.data) == len(body))
        assert protocol.lines == ["a", "b", ""]
        assert protocol.data == body


def test_and_back_to_lines(base: EventBase) -> None:
    protocol = switching("body", "bytes")
    with connected(base, protocol, delivery="lines") as (transport, peer):
        peer.sendall(b"head\nbody\n\xff\n\xfe")
        run_until(base, lambda: protocol.data == b"\xff\n\xfe")
        transport.set_delivery("lines")
        peer.sendall(b"head\nbody\n")
        run_until(base, lambda: protocol.lines == ["head", "body"] * 2)


@pytest.mark.parametrize("delivery", FORMS)
@pytest.mark.parametrize("first", ["lines", "text"])
def test_half_of_something_is_taken_along_into_the_next_form(
    base: EventBase, first: Any, delivery: Any
) -> None:
    protocol = Recorder()
    with connected(base, protocol, delivery=first) as (transport, peer):
        peer.sendall("done\nhalf é".encode()[:-1])
        run_until(base, lambda: protocol.lines or protocol.got("text_received"))
        settle(base)
        before = list(protocol.calls)
        transport.set_delivery(delivery)
        assert protocol.calls == before  # nothing is delivered from inside of it
        peer.sendall("é\n".encode()[1:])
        peer.close()
        run_until(base, lambda: protocol.is_lost)
        assert protocol.everything == "done\nhalf é\n".encode()


def test_what_came_before_is_delivered_before_what_is_ready_now(base: EventBase) -> None:
    protocol = Recorder()
    other = Recorder(data_received=lambda data: transport.set_delivery("bytes"))
    with (
        connected(base, other) as (_, other_peer),
        connected(base, protocol, delivery="lines") as (transport, peer),
    ):
        peer.sendall(b"half")
        wait_for_input(transport)
        settle(base)
        other_peer.sendall(b"now")
        peer.sendall(b"|rest")  # both are ready in the same iteration
        run_until(base, lambda: len(protocol.data) == 9)
        assert protocol.data == b"half|rest"


def test_text_that_does_not_mix_with_bytes_is_not_given_back_half_decoded(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, delivery="lines", external_format="utf-16-le") as (
        transport,
        peer,
    ):
        peer.sendall("half a line".encode("utf-16-le"))
        wait_for_input(transport)
        settle(base)
        with pytest.raises(ValueError, match="utf-16-le"):
            transport.set_delivery("bytes")
        peer.sendall(" and the rest\n".encode("utf-16-le"))  # and nothing has changed
        run_until(base, lambda: protocol.lines == ["half a line and the rest"])


def test_a_held_carriage_return_is_not_given_back_as_something_else(base: EventBase) -> None:
    protocol = Recorder()
    options: dict[str, Any] = {"delivery": "text", "external_format": "utf-16-le/crlf"}
    with connected(base, protocol, **options) as (transport, peer):
        peer.sendall("a\r".encode("utf-16-le"))
        run_until(base, lambda: protocol.got("text_received") == ["a"])
        settle(base)
        with pytest.raises(ValueError, match="decoded"):
            transport.set_delivery("bytes")
        peer.sendall("\nb".encode("utf-16-le"))
        run_until(base, lambda: "".join(protocol.got("text_received")) == "a\nb")


def test_text_may_become_bytes_in_its_own_callback(base: EventBase) -> None:
    protocol = Recorder(text_received=lambda text: protocol.transport.set_delivery("bytes"))
    with connected(base, protocol, delivery="text") as (_, peer):
        peer.sendall(b"t\xe6\x97")
        run_until(base, lambda: protocol.got("text_received") == ["t"])
        peer.sendall(b"\xff")
        run_until(base, lambda: protocol.data == b"\xe6\x97\xff")


@pytest.mark.parametrize("external_format", ["latin-1", "utf-8/crlf"])
def test_the_format_may_change_in_the_middle_of_a_batch(
    base: EventBase, external_format: str
) -> None:
    protocol = switching("now", "lines", external_format=external_format)
    with connected(base, protocol, delivery="lines", external_format="ascii") as (_, peer):
        encoding, _, eol = external_format.partition("/")
        rest = ("é\r\n" if eol else "é\n") + "z\n"
        peer.sendall(b"a\nnow\n" + rest.encode(encoding))
        run_until(base, lambda: len(protocol.lines) == 4)
        assert protocol.lines == ["a", "now", "é", "z"]


def test_no_such_form(base: EventBase) -> None:
    with pytest.raises(ValueError, match="words"):
        Transport(base, None, delivery="words")  # type: ignore[arg-type]
    with connected(base, Recorder(), delivery="lines") as (transport, peer):
        with pytest.raises(ValueError, match="words"):
            transport.set_delivery("words")  # type: ignore[arg-type]
        for nonsense in ("nonsense", ""):
            with pytest.raises(ValueError, match="encoding"):
                transport.set_delivery("bytes", external_format=nonsense)
        peer.sendall(b"still lines\n")
        run_until(base, lambda: transport.protocol.lines == ["still lines"])


# ---- From one protocol to another ----


@pytest.mark.parametrize("delivery", FORMS)
def test_another_protocol_may_take_over(base: EventBase, delivery: Any) -> None:
    first, second = Recorder(), Recorder()
    with connected(base, first, delivery=delivery) as (transport, peer):
        transport.set_protocol(second)
        assert transport.protocol is second
        peer.sendall(b"for you\n")
        peer.close()
        run_until(base, lambda: second.is_lost)
        assert first.names == ["connection_made"]
        assert second.data or second.lines or second.got("text_received")
        assert second.names[-2:] == ["eof_received", "connection_lost"]


def test_also_in_the_middle_of_a_batch_of_lines(base: EventBase) -> None:
    second = Recorder()

    def hand_over(line: str) -> None:
        if line == "2":
            first.transport.set_protocol(second)

    first = Recorder(line_received=hand_over)
    with connected(base, first, delivery="lines") as (_, peer):
        peer.sendall(b"1\n2\n3\n4\n5")
        peer.close()
        run_until(base, lambda: second.is_lost)
        assert (first.lines, second.lines) == (["1", "2"], ["3", "4", "5"])


def test_a_protocol_needs_no_method_that_it_does_not_want(base: EventBase) -> None:
    class Deaf:
        def line_received(self, line: str) -> None:
            """Ignore it."""

    with connected(base, Deaf(), delivery="lines", high_water=0) as (transport, peer):
        peer.sendall(b"ignored\nhalf")
        transport.write(b"x" * 10)
        peer.close()
        run_until(base, lambda: transport.is_closing)
        settle(base)


def test_a_bad_callback_ends_the_batch(base: EventBase) -> None:
    def fail(line: str) -> None:
        if line == "2":
            raise Failure

    protocol = Recorder(line_received=fail)
    failures = failures_of(base)
    with connected(base, protocol, delivery="lines") as (_, peer):
        peer.sendall(b"1\n2\n3\n")
        run_until(base, lambda: protocol.is_lost)
        assert protocol.lines == ["1", "2"]
        assert isinstance(protocol.loss, Failure)
        assert len(failures) == 1


# ---- What it costs ----


class Counting(TransportProtocol):
    """Counts lines, and does something at each."""

    def __init__(self, then: Callable[["Counting"], object]) -> None:
        self.count = 0
        self._then = then

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport

    def line_received(self, line: str) -> None:
        self.count += 1
        self._then(self)

    def get_buffer(self, size_hint: int) -> bytearray:
        return bytearray(1)

    def buffer_updated(self, count: int) -> None:
        self.transport.set_delivery("lines")


def take_a_byte(protocol: Counting) -> None:
    protocol.transport.set_delivery("buffer")


def set_the_limit(protocol: Counting) -> None:
    protocol.transport.set_delivery("lines", line_limit=1000 + protocol.count % 10)


@pytest.mark.alone
@pytest.mark.skipif(UNDER_FAULTS, reason="it measures")
@pytest.mark.parametrize(("then", "unit"), [(take_a_byte, b"1\nX"), (set_the_limit, b"1\n")])
def test_switching_the_delivery_costs_as_much_as_there_is_to_switch(
    base: EventBase, then: Callable[[Counting], object], unit: bytes
) -> None:
    def cost(units: int) -> float:
        protocol = Counting(then)
        with connected(base, protocol, delivery="lines") as (_, peer):
            peer.sendall(unit * units)
            before = thread_time()
            run_until(base, lambda: protocol.count == units)
            return thread_time() - before

    few = min(cost(2000) for _ in range(3))
    assert cost(16_000) < 3 * 8 * few  # 64 times as much, were each switch to go through the rest


@pytest.mark.skipif(UNDER_FAULTS, reason="it measures")
@pytest.mark.parametrize("line", ["x", "xy", "12345678"])
@pytest.mark.alone
def test_lines_that_wait_take_little_room(base: EventBase, line: str) -> None:
    def pause(protocol: Counting) -> None:
        if protocol.count % 1000 == 0:
            protocol.transport.pause_reading()

    protocol = Counting(pause)
    sent = f"{line}\n".encode() * 6000
    with (
        connected(base, protocol, delivery="lines") as (transport, peer),
        memory_held() as held,
    ):
        peer.sendall(sent)
        for paused in range(1, 6):
            run_until(base, lambda n=paused: protocol.count == 1000 * n)  # type: ignore[misc]
            assert held() < len(sent) + 10_000  # what has come, and hardly anything more
            transport.resume_reading()


class Taking:
    """Takes whatever is delivered, and keeps nothing."""

    _interrupted = False

    def _input_callback(self, name: str) -> Callable[..., Any]:
        return (lambda size: bytearray(5000)) if name == "get_buffer" else (lambda data: None)


@pytest.mark.parametrize("delivery", [form for form in FORMS if form != "bytes"])
@pytest.mark.parametrize("external_format", ["utf-8", "utf-16-le"])
@pytest.mark.alone
def test_what_has_been_delivered_takes_no_room(delivery: Any, external_format: str) -> None:
    form = make_delivery(delivery, Taking(), ExternalFormat(external_format), 1000)
    assert form is not None
    form.deliver("line\n".encode(external_format))  # what is made once, and kept
    with memory_held() as held:
        form.deliver(("line\n" * 5000).encode(external_format))
        assert held() < 3000


@pytest.mark.parametrize(
    ("limit", "error"),
    [
        (0, ValueError),
        (-1, ValueError),
        (1.5, TypeError),
        (float("nan"), TypeError),
        ("5", TypeError),
        ([], TypeError),
        (True, TypeError),
    ],
)
def test_a_limit_of_a_line_is_a_number(base: EventBase, limit: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="line_limit"):
        Transport(base, Recorder(), delivery="lines", line_limit=limit)
    with connected(base, Recorder(), delivery="lines") as (transport, peer):
        with pytest.raises(error, match="line_limit"):
            transport.set_delivery("lines", line_limit=limit)
        peer.sendall(b"still a line\n")
        run_until(base, lambda: transport.protocol.lines == ["still a line"])
