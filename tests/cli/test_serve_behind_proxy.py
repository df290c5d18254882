"""Callbacks behind a proxy that says for whom it connects, as `--proxy-protocol` has it."""

import contextlib
import logging
import re
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli.handlers_to_serve import Lines
from cli.helpers import command, evented, serving
from support.certificates import Certificates
from support.peers import connect, exchange, receive_all

from trunkline import (
    TLS,
    Endpoint,
    EventBase,
    Transport,
    TransportProtocol,
    adopt,
    ensure_address,
    make_socket_pair,
    proxy_protocol,
)
from trunkline._core.framing import Blocks
from trunkline._core.proxy_protocol import ProxyHeader
from trunkline.cli.serve.behind_proxy import BehindProxy
from trunkline.cli.serve.services import SERVICES
from trunkline.servers.proxy import Preamble
from trunkline.testing.clock import ManualClock

CLIENT = Endpoint(ensure_address("192.0.2.1"), 1234)
SERVER = Endpoint(ensure_address("192.0.2.2"), 80)
HEADERS = {version: ProxyHeader(CLIENT, SERVER, version=version).encode() for version in (1, 2)}


class Who(TransportProtocol):
    """Says who has connected, and to what."""

    transport: Transport

    def connection_made(self, transport: Transport) -> None:
        transport.write(f"{transport.remote_name} {transport.local_name}\n")
        transport.close()

    def data_received(self, data: bytes) -> None:
        pass


def believing(*networks: str, **options: Any) -> Preamble:
    made = proxy_protocol(networks, **options)
    assert isinstance(made, Preamble)
    return made


@pytest.mark.parametrize("version", HEADERS)
def test_the_client_is_who_the_proxy_says(version: int) -> None:
    with serving(evented(Who, preamble=believing("127.0.0.0/8"))) as address:
        assert exchange(address, HEADERS[version]) == b"192.0.2.1:1234 192.0.2.2:80\n"


@pytest.mark.parametrize("version", HEADERS)
@pytest.mark.parametrize(
    ("factory", "delivery", "answer"),
    [(SERVICES["echo"], "bytes", b"abc\nde\n"), (Lines, "lines", b"cba\ned\n")],
)
def test_what_follows_is_delivered_as_the_protocol_wants_it(
    factory: Callable[[], Any], delivery: str, answer: bytes, version: int
) -> None:
    preamble = believing("127.0.0.1")
    with serving(evented(factory, delivery=delivery, preamble=preamble)) as address:
        assert exchange(address, HEADERS[version] + b"abc\nde\n") == answer


def test_a_proxy_that_looks_after_us_is_itself() -> None:
    header = ProxyHeader(None, None, version=2).encode()
    with serving(evented(Who, preamble=believing("127.0.0.1"))) as address, connect(address) as own:
        own.sendall(header)
        told = receive_all(own).decode()
        assert told == f"127.0.0.1:{own.getsockname()[1]} 127.0.0.1:{address[1]}\n"


def test_who_is_not_believed_is_a_client_like_any_other() -> None:
    with serving(evented(SERVICES["echo"], preamble=believing("192.0.2.0/24"))) as address:
        assert exchange(address, HEADERS[1]) == HEADERS[1]


@pytest.mark.parametrize("data", [b"GET / HTTP/1.1\r\n\r\n", b"PROXY nonsense\r\n", b"PROXY", b""])
def test_who_is_believed_and_sends_no_header_is_dropped(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.INFO, "trunkline.serve"),
        serving(evented(SERVICES["echo"], preamble=believing("127.0.0.1"))) as address,
        connect(address) as client,
        contextlib.suppress(OSError),  # it may be reset at any moment
    ):
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b""
    assert re.match(r"127\.0\.0\.1:\d+ is dropped: ", caplog.records[0].message)


def test_a_header_is_not_waited_for_for_ever() -> None:
    clock = ManualClock()
    ours, theirs = make_socket_pair()
    with EventBase(clock=clock) as base, theirs:
        made = BehindProxy(believing("local", timeout=5.0), Who, "bytes", None)
        transport = adopt(base, made, ours, delivery=Blocks(1))
        clock.advance(4)
        base.dispatch(timeout=0)
        assert transport.is_connected
        clock.advance(2)
        for _ in range(5):
            base.dispatch(timeout=0)
        assert transport.is_closing


def test_tls_begins_behind_the_header(certificates: Certificates) -> None:
    paths = certificates.server
    tls = TLS(certificate=paths.certificate, key=paths.key)
    context = ssl.create_default_context(cafile=str(certificates.authority.certificate))
    make = evented(Who, preamble=believing("127.0.0.1"))
    with serving(make, tls=tls) as address, connect(address) as plain:
        plain.sendall(HEADERS[2])
        with context.wrap_socket(plain, server_hostname="localhost") as client:
            assert client.recv(100) == b"192.0.2.1:1234 192.0.2.2:80\n"


@pytest.mark.slow
def test_the_log_of_http_names_the_client(tmp_path: Path) -> None:
    words = ("serve", "http", str(tmp_path), "127.0.0.1:0", "--proxy-protocol", "127.0.0.1")
    with command(*words) as server:
        port = int(server.wait_for_line(r"^listening at 127\.0\.0\.1:(\d+)$")[1])
        answer = exchange(("127.0.0.1", port), HEADERS[1] + b"GET / HTTP/1.0\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200 OK")
        server.wait_for_line(r" 192\.0\.2\.1:1234 \"GET / HTTP/1\.0\" 200")
        server.terminate()
        assert server.wait() == 0
