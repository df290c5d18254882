"""Text that somebody else has chosen, wherever it is printed."""

import logging
import socket
from pathlib import Path

import pytest
from support.peers import receive_all
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    DecodingError,
    Endpoint,
    IPv6Address,
    LocalAddress,
    NoName,
    PathNotFound,
    Server,
    StreamError,
    ensure_address,
    make_socket,
)
from trunkline._printable import printable
from trunkline.evented import Event, EventKind

HOSTILE = "a\nb\r\x1b[31m\x85\u2028\u2029\u202e\u2066\udcff\x00\x7f\u200b\ufeff"


def is_harmless(text: str) -> bool:
    """Say whether text is one line, that every file takes and that does nothing to a terminal."""
    return text.isprintable()


def test_what_is_printable_stays_as_it_is() -> None:
    for text in ("", "/run/é ü", "日本", r"a\n", 'it\'s "so"'):
        assert printable(text) == text


def test_everything_else_is_escaped_and_only_once() -> None:
    shown = printable(HOSTILE)
    assert shown == (r"a\nb\r\x1b[31m\x85\u2028\u2029\u202e\u2066\udcff\x00\x7f\u200b\ufeff")
    assert printable(shown) == shown
    assert printable(b"\n") == r"b'\n'"


ADDRESSES = [
    LocalAddress(HOSTILE, abstract=True),
    LocalAddress(HOSTILE.replace("\0", "")),
    Endpoint(IPv6Address("fe80::1%\x1b[31m"), 80),
]


@pytest.mark.parametrize("address", ADDRESSES, ids=["abstract", "path", "scope"])
def test_addresses_and_errors_with_them(address: LocalAddress | Endpoint) -> None:
    for text in (str(address), str(PathNotFound(operation="connect", address=address))):
        assert r"\x1b[31m" in text
        assert is_harmless(text)


def test_an_attribute_has_it_as_it_is() -> None:
    assert LocalAddress(HOSTILE, abstract=True).path == HOSTILE
    assert NoName(0, HOSTILE, host=HOSTILE).strerror == HOSTILE


@pytest.mark.parametrize(
    "error",
    [
        NoName(0, HOSTILE, operation="resolve", host=HOSTILE),
        PathNotFound(2, HOSTILE, attempts=(PathNotFound(2, HOSTILE), PathNotFound(2, HOSTILE))),
        StreamError(HOSTILE, operation="read_line", address=HOSTILE),
        DecodingError(HOSTILE[:4], b"x", 0, 1, HOSTILE),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors(error: Exception) -> None:
    assert is_harmless(str(error))
    assert is_harmless(str(Event(EventKind.ERROR, None, error)))


def test_an_error_that_is_not_ours_in_an_event() -> None:
    assert is_harmless(str(Event(EventKind.ERROR, None, RuntimeError(HOSTILE))))


def test_a_scope_in_the_text_of_a_mistake() -> None:
    with pytest.raises(ValueError, match="not an IPv4 address") as raised:
        ensure_address("fe80::1%\x1b[31m", "ipv4")
    assert is_harmless(str(raised.value))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Return a file that everything is logged to."""
    return tmp_path / "log"


@pytest.mark.parametrize("prefix", [b"\0", b""], ids=["abstract", "path"])
def test_a_peer_s_name_in_the_log_of_a_server(
    prefix: bytes, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    name = prefix + b"x\nERROR forged \x1b[2J\xff\xe2\x80\xae"
    failures: list[logging.LogRecord] = []

    def fail(connection: ActiveSocket) -> None:
        assert "\nERROR forged" in str(connection.remote_filename.path)
        raise RuntimeError("of the handler")

    handler = logging.FileHandler(log, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(levelname)s %(threadName)s %(message)s"))
    monkeypatch.setattr(handler, "handleError", failures.append)
    logger = logging.getLogger("trunkline")
    logger.addHandler(handler)
    try:
        with (
            Server(fail, path=str(tmp_path / "server")).start(),
            socket.socket(socket.AF_UNIX) as client,
        ):
            client.settimeout(PATIENCE)
            client.bind(name)
            client.connect(str(tmp_path / "server"))
            assert receive_all(client) == b""
    finally:
        logger.removeHandler(handler)
        handler.close()
    assert not failures
    written = log.read_text()
    assert r"x\nERROR forged \x1b[2J" in written
    assert "\nERROR forged" not in written
    assert "\x1b" not in written
    assert "\u202e" not in written


def test_the_name_that_a_socket_prints(tmp_path: Path) -> None:
    path = tmp_path / "one\nline"
    with make_socket(connect="passive", address_family="local", local_filename=path) as listener:
        assert r"one\nline" in repr(listener)
        assert is_harmless(repr(listener))
