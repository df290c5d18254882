"""What happens to text on its way, whole and byte by byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import DecodingError, TrunklineError
from trunkline.cli.connect.text_filters import Filter, Incoming, Outgoing, unchanged


def whole(text_filter: Filter, data: bytes) -> bytes:
    return text_filter.feed(data) + text_filter.finish()


def by_bytes(text_filter: Filter, data: bytes) -> bytes:
    pieces = [text_filter.feed(data[at : at + 1]) for at in range(len(data))]
    return b"".join([*pieces, text_filter.finish()])


WAYS = pytest.mark.parametrize("through", [whole, by_bytes])


def on_terminal(encoding: str | None = None, shown_in: str = "utf-8") -> Incoming:
    return Incoming(encoding, shown_in=shown_in, on_terminal=True)


SHOWN = {
    b"a\tb\n": b"a\tb\n",
    b"one\r\ntwo\r\n": b"one\ntwo\n",
    "Grüße, 世界!".encode(): "Grüße, 世界!".encode(),
    b"\x1b[2J\x1b]0;title\x07": rb"\x1b[2J\x1b]0;title\x07",
    b"over\rwritten": rb"over\rwritten",
    b"last\r": rb"last\r",
    b"\r\r\n": b"\\r\n",
    b"\x00\x7f\x08": rb"\x00\x7f\x08",
    b"\x9b2J": rb"\x9b2J",  # no text, and in Latin-1 the beginning of a command
    b"\xc2\x9b": rb"\x9b",  # the same character in UTF-8
    "\u202eback".encode(): rb"\u202eback",
    b"cut \xe4\xb8": rb"cut \xe4\xb8",
}


@WAYS
@pytest.mark.parametrize("data", SHOWN)
def test_a_terminal_is_shown(through: object, data: bytes) -> None:
    assert through(on_terminal(), data) == SHOWN[data]  # type: ignore[operator]


@given(st.binary(), st.integers(0, 300))
def test_a_terminal_gets_nothing_that_it_would_obey(data: bytes, cut: int) -> None:
    text_filter = on_terminal()
    shown = text_filter.feed(data[:cut]) + text_filter.feed(data[cut:]) + text_filter.finish()
    assert all(char.isprintable() or char in "\n\t" for char in shown.decode())
    assert shown == whole(on_terminal(), data)


def test_what_a_terminal_has_no_characters_for_is_escaped() -> None:
    assert whole(on_terminal(shown_in="ascii"), "ü".encode()) == rb"\xfc"


@WAYS
def test_another_encoding_is_translated(through: object) -> None:
    data = "Grüße\r\n".encode("utf-16")
    assert through(on_terminal("utf-16"), data) == "Grüße\n".encode()  # type: ignore[operator]
    piped = Incoming("utf-16", shown_in="utf-8", on_terminal=False)
    assert through(piped, data) == "Grüße\r\n".encode()  # type: ignore[operator]


@WAYS
def test_a_pipe_is_not_given_what_is_no_text(through: object) -> None:
    with pytest.raises(DecodingError):
        through(Incoming("utf-8", shown_in="utf-8", on_terminal=False), b"a\xff")  # type: ignore[operator]
    with pytest.raises(DecodingError):
        through(Incoming("utf-8", shown_in="utf-8", on_terminal=False), b"cut \xe4")  # type: ignore[operator]


SENT = {
    (None, False): b"a\nb\r\nc\rd\n\xff",
    (None, True): b"a\r\nb\r\nc\rd\r\n\xff",
}


@WAYS
@pytest.mark.parametrize("crlf", [False, True])
def test_newlines_on_their_way_out(through: object, crlf: bool) -> None:
    outgoing = Outgoing(None, typed_in="utf-8", crlf=crlf)
    assert through(outgoing, b"a\nb\r\nc\rd\n\xff") == SENT[None, crlf]  # type: ignore[operator]


@WAYS
def test_an_encoding_on_the_way_out(through: object) -> None:
    outgoing = Outgoing("utf-16", typed_in="utf-8", crlf=True)
    assert through(outgoing, "ü\n".encode()) == "ü\r\n".encode("utf-16")  # type: ignore[operator]


@pytest.mark.parametrize("data", [b"\xff", "ś".encode(), b"cut \xc3"])
def test_what_cannot_be_sent_is_told(data: bytes) -> None:
    with pytest.raises(TrunklineError, match="not text in that encoding"):
        whole(Outgoing("latin-1", typed_in="utf-8", crlf=False), data)


def test_what_is_not_to_be_changed_is_not() -> None:
    assert whole(unchanged, b"\r\n\xff") == b"\r\n\xff"
