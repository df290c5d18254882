"""`trunkline serve http` over connections, without a process of its own."""

import contextlib
import http.client
import logging
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.helpers import evented, serving
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.peers import connect, exchange, receive_all, reset
from support.timing import PATIENCE

from trunkline import EventBase, TimedOut, adopt, make_socket_pair
from trunkline.cli.serve.http import protocol
from trunkline.cli.serve.http.protocol import HTTPProtocol
from trunkline.cli.serve.http.site import Site
from trunkline.testing.clock import ManualClock

LARGE = os.urandom(3_000_000)

Address = tuple[str, int]


@pytest.fixture(scope="module")
def top(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory to serve."""
    top = tmp_path_factory.mktemp("top")
    (top / "sub").mkdir()
    (top / "file.txt").write_text("0123456789")
    (top / "empty").touch()
    (top / "large").write_bytes(LARGE)
    return top


@pytest.fixture
def address(top: Path) -> Iterator[Address]:
    """Serve it."""
    with (
        contextlib.closing(Site(str(top))) as site,
        serving(evented(lambda: HTTPProtocol(site))) as address,
    ):
        yield address


def statuses(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) [A-Z]", answer)]


def head(target: str = "/file.txt", method: str = "GET", *fields: str) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: x", *fields, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def test_requests_one_after_the_other_by_the_standard_library(address: Address) -> None:
    client = http.client.HTTPConnection(*address, timeout=PATIENCE)
    with contextlib.closing(client):
        for target, content in (("/file.txt", b"0123456789"), ("/empty", b""), ("/large", LARGE)):
            client.request("GET", target)
            answer = client.getresponse()
            assert (answer.status, answer.read()) == (200, content)
        own = client.sock
        client.request("HEAD", "/large")
        answer = client.getresponse()
        assert (answer.getheader("Content-Length"), answer.read()) == (str(len(LARGE)), b"")
        client.request("GET", "/large", headers={"Range": "bytes=1000000-2000000"})
        assert client.getresponse().read() == LARGE[1_000_000:2_000_001]
        client.request("GET", "/file.txt", headers={"If-None-Match": "*"})
        answer = client.getresponse()
        assert (answer.status, answer.read()) == (304, b"")
        client.request("POST", "/file.txt", body=b"x" * 1000)
        assert client.getresponse().read().startswith(b"<!DOCTYPE html>")
        assert client.sock is own


def test_several_requests_at_once(address: Address) -> None:
    answer = exchange(address, head() + head("/none") + head("/large") + head("/file.txt", "HEAD"))
    assert statuses(answer.replace(LARGE, b"")) == [200, 404, 200, 200]
    assert LARGE in answer


def test_who_asks_for_much_and_takes_nothing_keeps_nobody_waiting(address: Address) -> None:
    """No more is read than there is room for answers to."""
    with connect(address) as greedy:
        greedy.sendall(head("/large"))
        greedy.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 50_000_000:
                sent += greedy.send(head("/large") * 1000)
        assert statuses(exchange(address, head())) == [200]
        greedy.settimeout(PATIENCE)
        assert greedy.recv(1) == b"H"
        reset(greedy)


@pytest.mark.exact_io("what was sent comes in these pieces")
def test_a_request_may_come_byte_by_byte(address: Address) -> None:
    with connect(address) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in head("/file.txt", "GET", "Connection: close"):
            client.send(bytes([byte]))
        assert receive_all(client).endswith(b"\r\n\r\n0123456789")


OLD_FASHIONED = [b"GET /file.txt HTTP/1.0\r\n\r\n", head("/file.txt", "GET", "Connection: close")]


@pytest.mark.parametrize("request_", OLD_FASHIONED)
def test_one_request_and_no_more(address: Address, request_: bytes) -> None:
    with connect(address) as client:
        client.sendall(request_)
        answer = receive_all(client)
    assert answer.endswith(b"\r\n\r\n0123456789")
    assert b"Connection: close" in answer


BODY = "Content-Length: 5"

REFUSED: list[tuple[bytes, list[int]]] = [
    (b"nonsense\r\n\r\n", [400]),
    (b"GET /file.txt HTTP/1.1\r\n\r\n", [400]),  # no host
    (b"GET /file.txt\x00 HTTP/1.1\r\nHost: x\r\n\r\n", [400]),
    (b"GET / HTTP/1.1\r\nHost: x\r\nA: b\x00\r\n\r\n", [400]),
    (b"GET / HTTP/1.1\r\nHost: x\r\n folded\r\nA : b\r\n\r\n", [400]),
    (head("/", "POST", BODY, "Transfer-Encoding: chunked") + b"zz\r\n", [400]),
    (head("/", "POST", "Transfer-Encoding: gzip"), [501]),
    (head("/", "POST", "Content-Length: -1"), [400]),
    (head("/", "POST", BODY, "Content-Length: 6"), [400]),
    (head("/", "POST", BODY) + b"1", [400]),  # cut short
    (head() + b"GET / HTTP/1.1\r\n\r\n", [200, 400]),
    (b"\x16\x03\x01 hello, this is TLS\r\n\r\n", [400]),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [505]),
    (head("/", "GET", "A: " + "x" * 70_000), [431]),
    (b"GET /" + b"x" * 70_000, [431]),
    (head("/", "PUT", "Content-Length: 99999999999"), [405]),
    (head("/", "GET", "Content-Length: 99999999999"), [413]),
    (head("/", "PUT", "Transfer-Encoding: chunked") + b"10001\r\n" + b"x" * 0x10001, [405]),
    (head("/", "GET", "Transfer-Encoding: chunked") + b"10001\r\n" + b"x" * 0x10001, [413]),
    (head("/", "GET", "Expect: the unexpected"), [417]),
    (head("/", "PUT", BODY, "Expect: 100-continue"), [405]),
    (head("/file.txt", "GET", BODY, "Expect: 100-Continue"), [200]),
    (head("/", "PUT", BODY) + b"12345" + head(), [405, 200]),
    (head("/", "POST", "Transfer-Encoding: chunked") + b"1\r\nx\r\n0\r\n\r\n" + head(), [405, 200]),
    (head("x:443", "CONNECT") + b"more", [405, 400]),
    (head("/file.txt", "GET", "Upgrade: h2c", "Connection: Upgrade"), [200]),
    (head("*", "OPTIONS"), [204]),
    (b"", []),
]


@pytest.mark.parametrize(("data", "expected"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_request_for_a_file_is_told(
    address: Address, data: bytes, expected: list[int]
) -> None:
    answer = exchange(address, data)
    assert statuses(answer) == expected


PIECES = st.lists(
    st.sampled_from(
        [b"GET ", b"HEAD ", b"POST ", b"/file.txt", b"/", b"*", b" HTTP/1.1", b" HTTP/1.0", b"\r\n",
         b"\n", b"\r", b"Host: x\r\n", b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n",
         b"Range: bytes=0-1,5-\r\n", b"If-Range: \r\n", b"Expect: 100-continue\r\n", b"abc", b"0",
         b"3\r\n", b"\x00", b"\xff", b":", b" ", b"If-Match: W/\"\r\n", b"Connection: close\r\n"]
    )
    | st.binary(max_size=8),
    max_size=20,
)  # fmt: skip


@settings(
    max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(PIECES)
def test_whatever_is_sent_has_an_answer_or_none(address: Address, pieces: list[bytes]) -> None:
    """Nothing that a client sends leads to anything but an answer, and the server lives on."""
    answer = exchange(address, b"".join(pieces))
    assert set(statuses(answer)) <= {
        200,
        204,
        206,
        304,
        400,
        404,
        405,
        412,
        413,
        416,
        417,
        501,
        505,
    }
    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")


def test_a_file_that_becomes_shorter_ends_the_connection(top: Path, address: Address) -> None:
    path = top / "shrinking"
    path.write_bytes(LARGE * 4)
    with connect(address) as client:
        client.sendall(head("/shrinking"))
        assert client.recv(1) == b"H"
        os.truncate(path, 10)
        with contextlib.suppress(ConnectionError):
            assert len(receive_all(client)) < len(LARGE) * 4
    path.unlink()


# -- the log ---------------------------------------------------------------------------------------


def test_each_request_is_a_line_of_the_log(
    address: Address, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "trunkline.serve"):
        exchange(address, head() + head("/none?q=1", "HEAD"))
        exchange(address, head("/large"))
    records = {(each.method, each.target): each for each in caplog.records}  # type: ignore[attr-defined]
    file, large = records["GET", "/file.txt"], records["GET", "/large"]
    assert (file.status, file.size, file.server) == (200, 10, "http")  # type: ignore[attr-defined]
    assert re.fullmatch(
        r'127\.0\.0\.1:\d+ "GET /file\.txt HTTP/1\.1" 200, 10 bytes in [\d.]+ ms', file.message
    )
    assert file.peer.port > 0  # type: ignore[attr-defined]
    assert (large.size, large.error) == (len(LARGE), None)  # type: ignore[attr-defined]
    assert records["HEAD", "/none?q=1"].status == 404  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "data",
    [
        b"GET /\x1b[2J\nforged HTTP/1.1\r\nHost: x\r\n\r\n",
        b'GET /a"200,HTTP/1.1" HTTP/1.1\r\nHost: x\r\n\r\n',
        b"GET /\xe2\x80\xae HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x1b]0;forged\x07\r\n\r\n",
    ],
)
def test_nobody_forges_a_line_of_the_log(
    address: Address, caplog: pytest.LogCaptureFixture, data: bytes
) -> None:
    with caplog.at_level(logging.INFO, "trunkline.serve"):
        exchange(address, data)
    (record,) = caplog.records
    assert record.message.isprintable()
    assert record.message.count('"') == 2


# -- time, and the end -----------------------------------------------------------------------------


TURNS = 50
"""How often something is tried, so that it comes about under injected faults, too."""


class Timed:
    """One connection, by a clock that is moved by hand."""

    def __init__(self, site: Site, base: EventBase, clock: ManualClock) -> None:
        self.base, self.clock = base, clock
        ours, self.client = make_socket_pair()
        self.protocol = HTTPProtocol(site)
        self.transport = adopt(base, self.protocol, ours)

    def turn(self, seconds: float = 0.0) -> None:
        """Let time pass, and what is due happen."""
        self.clock.advance(seconds)
        for _ in range(TURNS):
            self.base.dispatch(timeout=0)

    def say(self, data: bytes) -> None:
        self.client.write(data, flush=True)
        self.turn()

    def hear(self) -> bytes:
        """Return what has come; the end of it is told by `has_ended`."""
        data = b""
        for _ in range(TURNS):  # of which some may be in vain
            with contextlib.suppress(TimedOut):
                data += self.client.read(timeout=0)
        return data

    def has_ended(self) -> bool:
        return not self.transport.is_connected


@pytest.fixture
def timed(top: Path) -> Iterator[Timed]:
    clock = ManualClock()
    with contextlib.closing(Site(str(top))) as site, EventBase(clock=clock) as base:
        timed = Timed(site, base, clock)
        with timed.client:
            yield timed
        timed.transport.abort()
        timed.turn()


def test_who_asks_nothing_is_not_waited_for(timed: Timed) -> None:
    timed.turn(protocol.IDLE_TIMEOUT - 1)
    assert not timed.has_ended()
    timed.say(head())
    assert statuses(timed.hear()) == [200]
    timed.turn(protocol.IDLE_TIMEOUT - 1)
    assert not timed.has_ended()
    timed.turn(2)
    assert timed.has_ended()
    assert timed.hear() == b""


def test_who_asks_slowly_is_told(timed: Timed) -> None:
    request = head()
    timed.say(request[:1])
    for number in range(1, int(protocol.REQUEST_TIMEOUT)):
        timed.turn(1)
        timed.say(request[number : number + 1])
        assert not timed.has_ended()
    timed.turn(2)
    assert statuses(timed.hear()) == [408]
    timed.say(head())  # it is too late
    assert statuses(timed.hear()) == []
    timed.turn(protocol.LINGER_TIMEOUT)
    assert timed.has_ended()


def test_a_body_is_not_waited_for_either(timed: Timed) -> None:
    timed.say(head("/", "POST", "Content-Length: 10") + b"12345")
    timed.turn(protocol.REQUEST_TIMEOUT + 1)
    assert statuses(timed.hear()) == [408]
    timed.client.close()
    timed.turn()
    assert timed.has_ended()


def test_who_is_refused_while_sending_gets_the_answer(timed: Timed) -> None:
    timed.say(head("/", "PUT", "Content-Length: 1000000"))
    for _ in range(10):
        timed.say(b"x" * 1000)
    assert statuses(timed.hear()) == [405]
    timed.say(b"x" * 1000)
    assert timed.hear() == b""
    timed.client.shutdown(write=True)
    timed.turn()
    assert timed.has_ended()


def test_who_takes_nothing_is_cut_off(timed: Timed) -> None:
    timed.say(head("/large"))
    timed.turn(protocol.WRITE_TIMEOUT - 1)
    assert not timed.has_ended()
    timed.turn(2)
    assert timed.has_ended()


def test_who_takes_slowly_is_not(timed: Timed) -> None:
    timed.say(head("/large"))
    received = 0
    while received < len(LARGE):
        assert not timed.has_ended()
        received += len(timed.hear())
        timed.turn(protocol.WRITE_TIMEOUT / 2)


def test_the_end_of_the_server_is_that_of_a_connection_that_has_nothing_to_do(timed: Timed) -> None:
    timed.protocol.stop_requested()
    assert timed.has_ended()


def test_the_end_of_the_server_waits_for_what_is_being_asked(timed: Timed) -> None:
    timed.say(head()[:10])
    timed.protocol.stop_requested()
    assert not timed.has_ended()
    timed.say(head()[10:] + head())
    answer = timed.hear()
    assert statuses(answer) == [200]
    assert b"Connection: close" in answer
    assert timed.has_ended()


def test_the_end_of_the_server_waits_for_what_is_being_sent(timed: Timed) -> None:
    timed.say(head("/large"))
    timed.protocol.stop_requested()
    data = b""
    while not data.endswith(LARGE):
        timed.turn()
        data += timed.hear()
    timed.turn()
    assert timed.has_ended()


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_who_is_gone_is_told_to_the_log(
    timed: Timed, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    send = timed.protocol._send

    def send_to_nobody(event: object) -> None:
        send(event)
        timed.transport.abort()

    if when == "meanwhile":
        monkeypatch.setattr(timed.protocol, "_send", send_to_nobody)
    with caplog.at_level(logging.INFO, "trunkline.serve"):
        timed.client.write(head(), flush=True)
        if when == "before":
            timed.client.close(abort=True)
        timed.turn()
    (record,) = caplog.records
    assert "GET /file.txt" in record.message
    assert record.error is not None  # type: ignore[attr-defined]
