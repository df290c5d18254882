"""The table of services, as services(5) describes it."""

import socket
from pathlib import Path

from trunkline._sys.services import Service, read_services

TABLE = """\
# a comment, and a blank line

echo    7/tcp
www     80/tcp  http worldwide  # a comment behind it
domain  53/udp
nothing
broken  x/tcp
half    80
"""


def test_each_line_is_a_service(tmp_path: Path) -> None:
    path = tmp_path / "services"
    path.write_text(TABLE)
    assert list(read_services(path)) == [
        Service("echo", (), 7, "tcp"),
        Service("www", ("http", "worldwide"), 80, "tcp"),
        Service("domain", (), 53, "udp"),
    ]


def test_bytes_that_are_no_text_cost_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "services"
    path.write_bytes(b"# caf\xe9\necho 7/tcp\n")
    assert list(read_services(path)) == [Service("echo", (), 7, "tcp")]


def test_a_system_without_a_table_has_no_services(tmp_path: Path) -> None:
    assert list(read_services(tmp_path / "none")) == []


def test_the_system_finds_what_its_own_table_has() -> None:
    for service in list(read_services())[:20]:
        found = socket.getservbyname(service.name, service.protocol)
        assert found == service.port
