"""ex12: one server for IPv6 and IPv4, and clients of either family."""

import re
from collections.abc import Iterator

import pytest
from support.peers import connect, has_ipv6, receive_all, reset
from support.processes import Program, example

pytestmark = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")

TIME = r"\d+/\d+/\d{4} \d+:\d+:\d+"


@pytest.fixture
def served() -> Iterator[tuple[Program, int]]:
    with example("ex12_server", "--port", "0") as server:
        found = server.wait_for_line(r"^Listening on socket bound to: \[::\]:(\d+)$")
        yield server, int(found[1])
        server.interrupt()
        assert server.wait() == 130, server.transcript


@pytest.mark.parametrize(
    ("host", "family", "how"),
    [
        ("::1", "ipv6", "::1, which came by IPv6,"),
        ("::1", "internet", "::1, which came by IPv6,"),
        ("127.0.0.1", "ipv4", r"127\.0\.0\.1, which came by IPv4,"),
        ("127.0.0.1", "internet", r"127\.0\.0\.1, which came by IPv4,"),
    ],
)
def test_whoever_comes_learns_the_time(
    served: tuple[Program, int], host: str, family: str, how: str
) -> None:
    server, port = served
    arguments = ("--host", host, "--port", str(port), "--family", family)
    with example("ex12_client", *arguments) as client:
        assert client.wait() == 0, client.transcript
    by = "ipv6" if host == "::1" else "ipv4"
    name = re.escape(f"[{host}]:{port}" if by == "ipv6" else f"{host}:{port}")
    assert re.fullmatch(rf"Connected by {by} to {name}\.\n{TIME}\n", client.output)
    server.read_until(f"Telling {how} the time\\.\n")


def test_others_learn_it_and_whoever_leaves_ends_nothing(served: tuple[Program, int]) -> None:
    _, port = served
    for host in ("::1", "127.0.0.1"):
        with connect((host, port)) as client:
            reset(client)
        with connect((host, port)) as client:
            assert re.fullmatch(TIME + "\r\n", receive_all(client).decode())
