"""Servers behind proxies: those that we play ourselves, and a real HAProxy."""

import contextlib
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import pytest
from support.peers import connect, has_ipv6, receive_all, unused_port
from support.processes import Program
from support.programs import require
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    Endpoint,
    IPv4Address,
    ProxyHeader,
    ProxyTLV,
    Server,
    proxy_header,
    proxy_protocol,
)

CLIENT = Endpoint(IPv4Address("192.0.2.7"), 56324)
SERVICE = Endpoint(IPv4Address("198.51.100.1"), 443)


def tell(connection: ActiveSocket) -> None:
    """Answer a line with what the handler sees of the connection."""
    line = connection.read_line(timeout=PATIENCE)
    header = proxy_header(connection)
    said = "nothing" if header is None else f"version {header.version}"
    if header is not None and header.local:
        said += " for itself"
    unique = header and header.get(ProxyTLV.UNIQUE_ID)
    if unique:
        said += f" as {unique.decode()}"
    names = f"{connection.remote_name} {connection.local_name}"
    connection.write_line(f"{line}, {names}, {said}")


@contextmanager
def serving(*trusted: str, host: str = "127.0.0.1") -> Iterator[Server]:
    preamble = proxy_protocol(trusted or ["127.0.0.1", "::1"])
    with Server(tell, host=host, preamble=preamble).start() as server:
        yield server


def ask(address: tuple[str, int], data: bytes) -> tuple[str, str]:
    """Send something, and return the answer, and the name from which it was sent."""
    with connect(address) as client:
        host, port = client.getsockname()[:2]
        client.sendall(data)
        return answer(client), f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def answer(client: socket.socket) -> str:
    """Return what comes back, which may be nothing but a reset."""
    with contextlib.suppress(ConnectionResetError):
        return receive_all(client).decode()
    return ""


@pytest.mark.parametrize("version", [1, 2])
def test_a_handler_sees_the_client_and_the_input_behind_the_header(version: int) -> None:
    header = ProxyHeader(CLIENT, SERVICE, version=version)
    with serving() as server:
        heard, _ = ask(("127.0.0.1", server.port), header.encode() + b"hello\n")
    assert heard == f"hello, {CLIENT} {SERVICE}, version {version}\n"


def test_a_header_of_somebody_else_is_input() -> None:
    header = ProxyHeader(CLIENT, SERVICE, version=1).encode().decode().removesuffix("\r\n")
    with serving("192.0.2.0/24") as server:
        heard, name = ask(("127.0.0.1", server.port), header.encode() + b"\n")
    assert heard == f"{header}, {name} 127.0.0.1:{server.port}, nothing\n"


def test_a_proxy_without_a_header_is_dropped_with_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "trunkline")
    with serving() as server, connect(("127.0.0.1", server.port)) as client:
        client.sendall(b"hello\n")
        name = client.getsockname()
        assert answer(client) == ""
    lines = [message for message in caplog.messages if f"{name[0]}:{name[1]}" in message]
    assert len(lines) == 1
    assert "does not begin with a PROXY header" in lines[0]
    assert server.statistics().rejected == 1


# ---- HAProxy ----

CONFIGURATION = """
defaults
    mode tcp
    timeout connect {seconds}s
    timeout client {seconds}s
    timeout server {seconds}s
listen front
    bind {bind}
    unique-id-format request-of-%ci
    server one {server} {options}
"""

needs_haproxy = pytest.mark.needs_program("haproxy")


@contextmanager
def haproxy(
    directory: Path, server: Server, options: str, host: str = "127.0.0.1"
) -> Iterator[tuple[str, int]]:
    """Yield the address of an HAProxy in front of a server."""
    port = unused_port(socket.AF_INET6 if ":" in host else socket.AF_INET)
    configuration = directory / "haproxy.cfg"
    configuration.write_text(
        CONFIGURATION.format(
            seconds=round(PATIENCE),
            bind=f"{host}:{port}",
            server=server.sockets[0].local_name,
            options=options,
        )
    )
    # In this mode it says when it listens.
    with Program([require("haproxy"), "-W", "-db", "-f", configuration]) as program:
        program.wait_for_line("Loading success")
        yield host, port


@needs_haproxy
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("send-proxy", "version 1"),
        ("send-proxy-v2", "version 2"),
        ("send-proxy-v2 proxy-v2-options crc32c", "version 2"),
        (
            "send-proxy-v2 proxy-v2-options unique-id,crc32c",
            "version 2 as request-of-127.0.0.1",
        ),
    ],
)
def test_haproxy_tells_who_its_client_is(tmp_path: Path, options: str, said: str) -> None:
    with serving() as server, haproxy(tmp_path, server, options) as (host, port):
        heard, name = ask((host, port), b"hello\n")
    assert heard == f"hello, {name} {host}:{port}, {said}\n"


@needs_haproxy
@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
@pytest.mark.parametrize(("options", "version"), [("send-proxy", 1), ("send-proxy-v2", 2)])
def test_haproxy_has_ipv6_clients_too(tmp_path: Path, options: str, version: int) -> None:
    with serving() as server, haproxy(tmp_path, server, options, "::1") as (host, port):
        heard, name = ask((host, port), b"hello\n")
    assert heard == f"hello, {name} [{host}]:{port}, version {version}\n"


@needs_haproxy
def test_haproxy_is_not_believed_unless_it_is_trusted(tmp_path: Path) -> None:
    with serving("192.0.2.1") as server, haproxy(tmp_path, server, "send-proxy") as address:
        heard, _ = ask(address, b"hello\n")
    assert heard.startswith("PROXY TCP4 127.0.0.1 127.0.0.1")
    assert heard.endswith(f" 127.0.0.1:{server.port}, nothing\n")


@needs_haproxy
def test_haproxy_without_the_protocol_is_dropped(tmp_path: Path) -> None:
    with serving() as server, haproxy(tmp_path, server, "") as address:
        assert ask(address, b"hello\n")[0] == ""
    assert server.statistics().rejected == 1


@needs_haproxy
def test_haproxy_may_speak_for_itself(tmp_path: Path) -> None:
    headers: SimpleQueue[ProxyHeader | None] = SimpleQueue()
    preamble = proxy_protocol(["127.0.0.1"])
    options = "check inter 100ms send-proxy-v2"
    with (
        Server(
            lambda connection: headers.put(proxy_header(connection)),
            host="127.0.0.1",
            preamble=preamble,
        ).start() as server,
        haproxy(tmp_path, server, options),
    ):
        assert headers.get(timeout=PATIENCE) == ProxyHeader(None, None, local=True)
