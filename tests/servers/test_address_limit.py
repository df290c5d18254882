"""A limit on the connections of one client: who is one, and what becomes of more."""

import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest
from servers.serving import (
    HOST,
    Gate,
    ask,
    client_of,
    echo,
    eventually,
    in_threads,
    serving,
    talk,
    visit,
)
from support.peers import receive_all

from trunkline import Endpoint, LocalAddress, Server, ensure_address, proxy_protocol
from trunkline.sockets.address_limit import AddressLimit

# -- who is a client -------------------------------------------------------------------------------


def admitted(limit: AddressLimit, address: str) -> bool:
    return limit.enter(Endpoint(ensure_address(address), 7))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("fe80::1", "fe80::2", False),
        ("fe80::1%1", "fe80::1%1", True),
        ("fe80::1%1", "fe80::1%2", False),
        ("::", "0.0.0.0", False),
        ("::1", "::2", True),
    ],
)
def test_who_is_one_client(one: str, other: str, is_same: bool) -> None:
    limit = AddressLimit(1)
    assert admitted(limit, one)
    assert admitted(limit, other) is not is_same


def test_who_leaves_makes_room() -> None:
    limit = AddressLimit(2)
    name = Endpoint(ensure_address("192.0.2.1"), 7)
    assert [limit.enter(name) for _ in range(3)] == [True, True, False]
    limit.leave(name)
    assert [limit.enter(name) for _ in range(2)] == [True, False]


def test_local_sockets_have_no_address() -> None:
    limit = AddressLimit(1)
    assert all(limit.enter(LocalAddress("/x")) for _ in range(3))


# -- what becomes of more --------------------------------------------------------------------------


@in_threads
def test_a_client_has_so_many_connections_and_others_have_theirs(threads: Any) -> None:
    gate = Gate()
    options: dict[str, Any] = {"host": "0.0.0.0", "threads": threads, "refusal": b"enough"}
    with (
        serving(gate, max_connections_per_address=2, **options) as server,
        client_of(server) as one,
        client_of(server) as two,
    ):
        gate.next()
        gate.next()
        assert visit(server) == b"enough"
        with socket.create_connection(
            (HOST, server.port), source_address=("127.0.0.2", 0)
        ) as other:
            gate.next()
            gate.open(4)
            assert [talk(each, "x") for each in (one, two, other)] == ["x"] * 3
        one.close()
        eventually(lambda: server.statistics().active == 1)
        assert ask(server) == "hello"
    counts = server.statistics()
    assert (counts.accepted, counts.refused, counts.finished) == (5, 1, 4)


def test_behind_a_proxy_it_is_the_proxys_client_that_counts() -> None:
    def header(address: str) -> bytes:
        return f"PROXY TCP4 {address} 198.51.100.1 5000 443\r\n".encode()

    preamble = proxy_protocol([HOST])
    with (
        serving(preamble=preamble, max_connections_per_address=1, refusal=b"enough") as server,
        client_of(server) as one,
        client_of(server) as two,
    ):
        one.sendall(header("192.0.2.1"))
        two.sendall(header("192.0.2.2"))
        assert [talk(each, "x") for each in (one, two)] == ["x", "x"]
        with client_of(server) as three:
            three.sendall(header("192.0.2.1") + b"x" * 100_000)
            assert receive_all(three) == b"enough"
        assert talk(one, "still here") == "still here"
        one.close()
        eventually(lambda: server.statistics().active == 1)
        with client_of(server) as four:
            four.sendall(header("192.0.2.1"))
            assert talk(four, "x") == "x"
    assert server.statistics().refused == 1


def test_local_sockets_are_not_counted(tmp_path: Path) -> None:
    path = str(tmp_path / "server")
    with serving(path=path, max_connections_per_address=1), contextlib.ExitStack() as clients:
        for _ in range(3):
            client = clients.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(path)
            assert talk(client, "x") == "x"


def test_handlers_that_fail_count_no_more() -> None:
    def fail(connection: object) -> None:
        raise RuntimeError

    with serving(
        fail, max_connections_per_address=1, exception_hook=lambda *_: None, refusal=b"enough"
    ) as server:
        for number in range(3):
            assert visit(server) == b""
            eventually(lambda: server.statistics().failed == number + 1)  # noqa: B023


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"max_connections_per_address": 0}, ValueError),
        ({"max_connections_per_address": 1.5}, TypeError),
        ({"max_connections_per_address": 1, "threads": "none"}, ValueError),
    ],
)
def test_a_limit_that_is_none_is_found_at_once(
    options: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind, match="max_connections_per_address"):
        Server(echo, host=HOST, **options)
