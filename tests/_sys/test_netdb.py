"""Services and protocols: what is in the tables, and what only the system knows besides."""

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import pytest

from trunkline._core.netdb_tables import Protocol, ProtocolsTable, Service, ServicesTable
from trunkline._sys.netdb import SERVICES, find_protocol, find_service
from trunkline._sys.watched_file import WatchedFile

K = TypeVar("K")
V = TypeVar("V")

NO_SERVICES = WatchedFile(None, ServicesTable)
NO_PROTOCOLS = WatchedFile(None, ProtocolsTable)

# What only the system knows.
NUMBERS = {("chat", "udp"): 4000, ("talk", "udp"): 4000, ("secret", "tcp"): 4001}
NAMES = {(4000, "udp"): "chat"}


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the system have been told of other services, and of one more protocol."""

    def getservbyname(name: str, protocol: str) -> int:
        return told(NUMBERS, (name, protocol))

    def getservbyport(port: int, protocol: str) -> str:
        return told(NAMES, (port, protocol))

    def getprotobyname(name: str) -> int:
        return told({"carrier": 250}, name)

    for function in (getservbyname, getservbyport, getprotobyname):
        monkeypatch.setattr(socket, function.__name__, function)


def told(table: Mapping[K, V], key: K) -> V:
    if key not in table:
        raise OSError("service/proto not found")
    return table[key]


@pytest.mark.usefixtures("system")
def test_the_table_is_read_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "services"
    table = WatchedFile(path, ServicesTable)
    assert find_service("echo", "tcp", table=table) is None
    path.write_bytes(b"# caf\xe9\necho 7/tcp bounce\n")
    assert find_service("bounce", "any", table=table) == Service(7, "echo", "tcp", ("bounce",))
    path.write_text("echo 70/tcp\n")
    assert find_service("echo", "tcp", table=table) == Service(70, "echo", "tcp")
    path.unlink()
    assert find_service("echo", "tcp", table=table) is None


@pytest.mark.parametrize(
    ("asked", "protocol", "found"),
    [
        ("chat", "udp", Service(4000, "chat", "udp")),
        ("chat", "any", Service(4000, "chat", "udp")),
        ("talk", "udp", Service(4000, "chat", "udp", ("talk",))),
        (4000, "any", Service(4000, "chat", "udp")),
        ("secret", "tcp", Service(4001, "secret", "tcp")),
        ("secret", "udp", None),
        (4001, "tcp", None),
        (4000, "tcp", None),
    ],
)
@pytest.mark.usefixtures("system")
def test_what_is_not_in_the_table_the_system_may_know(
    asked: str | int, protocol: str, found: Service | None
) -> None:
    assert find_service(asked, protocol, table=NO_SERVICES) == found


@pytest.mark.usefixtures("system")
def test_protocols_that_the_system_knows(tmp_path: Path) -> None:
    path = tmp_path / "protocols"
    path.write_text("pigeons 250 carrier\ntcp 6 TCP reliable\n")
    table = WatchedFile(path, ProtocolsTable)
    assert find_protocol("carrier", table=table) == Protocol(250, "pigeons", ("carrier",))
    assert find_protocol("reliable", table=table) == Protocol(6, "tcp", ("TCP", "reliable"))
    assert find_protocol("carrier", table=NO_PROTOCOLS) == Protocol(250, "carrier")
    assert find_protocol(250, table=NO_PROTOCOLS) is None
    assert find_protocol("nonexistent", table=NO_PROTOCOLS) is None


@pytest.mark.parametrize(
    "name", ["IPPROTO_TCP", "IPPROTO_UDP", "IPPROTO_ICMP", "IPPROTO_IPV6", "IPPROTO_SCTP"]
)
def test_the_protocols_of_sockets_are_known_without_a_table(name: str) -> None:
    number = getattr(socket, name)
    found = find_protocol(name.removeprefix("IPPROTO_").lower(), table=NO_PROTOCOLS)
    assert found is not None
    assert found.number == number
    assert find_protocol(number, table=NO_PROTOCOLS) == found


def test_the_system_finds_what_its_own_table_has() -> None:
    for service in SERVICES.get().services[:20]:
        assert socket.getservbyname(service.name, service.protocol) == service.port
        assert find_service(service.port, service.protocol) is not None


@pytest.mark.parametrize("name", ["ss\0h", "\udc80", "", "no such service"])
def test_what_the_system_cannot_be_asked_is_not_there(name: str) -> None:
    assert find_service(name, "any", table=NO_SERVICES) is None
    assert find_protocol(name, table=NO_PROTOCOLS) is None
