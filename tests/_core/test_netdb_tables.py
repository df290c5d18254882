"""The tables of services and of protocols, as services(5) and protocols(5) describe them."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline._core.netdb_tables import Protocol, ProtocolsTable, Service, ServicesTable

SERVICES = """\
# a comment, and a blank line

echo    7/tcp
www     80/tcp  http worldwide  # a comment behind it
www     80/udp  http
domain  53/udp
late    80/tcp  www
sctpish 9/sctp
nothing
broken  x/tcp
half    80
arabic  ٨٠/tcp
large   65536/tcp
endless {digits}/tcp
no-protocol 81/
separated 82/tcp\u2028not-a-line 83/tcp
windows 84/tcp win\r
#hidden 85/tcp
""".format(digits="9" * 5000)

PROTOCOLS = """\
ip 0 IP # pseudo
tcp 6 TCP
late 6 tcp
mptcp 262
x y
-1 -1
alone
endless {digits}
""".format(digits="9" * 5000)


def test_each_line_is_a_service() -> None:
    assert ServicesTable(SERVICES).services == (
        Service(7, "echo", "tcp"),
        Service(80, "www", "tcp", ("http", "worldwide")),
        Service(80, "www", "udp", ("http",)),
        Service(53, "domain", "udp"),
        Service(80, "late", "tcp", ("www",)),
        Service(9, "sctpish", "sctp"),
        Service(82, "separated", "tcp", ("not-a-line", "83/tcp")),
        Service(84, "windows", "tcp", ("win",)),
    )


def test_a_service_is_found_by_its_names_and_by_its_port() -> None:
    table = ServicesTable(SERVICES)
    www = Service(80, "www", "tcp", ("http", "worldwide"))
    for asked in ("www", "http", "worldwide", 80):
        assert table.find(asked, "tcp") == table.find(asked, "any") == www
    assert table.find("http", "udp") == Service(80, "www", "udp", ("http",))
    assert table.find("worldwide", "udp") is None
    assert table.find("late", "tcp") == Service(80, "late", "tcp", ("www",))
    assert table.find(9, "any") == Service(9, "sctpish", "sctp")
    assert table.find(9, "tcp") is None
    assert table.find("WWW", "tcp") is None
    assert table.find("80", "tcp") is None


def test_a_protocol_is_found_by_its_names_and_by_its_number() -> None:
    table = ProtocolsTable(PROTOCOLS)
    tcp = Protocol(6, "tcp", ("TCP",))
    assert [table.find(asked) for asked in ("tcp", "TCP", 6)] == [tcp] * 3
    assert table.find("late") == Protocol(6, "late", ("tcp",))
    assert table.find(262) == Protocol(262, "mptcp")
    assert table.find(0) == Protocol(0, "ip", ("IP",))
    assert [table.find(asked) for asked in ("x", "-1", -1, "alone", "endless", "")] == [None] * 6


@given(st.text(alphabet="a1/# \t\n\r\0é\u2028\udc80", max_size=60))
def test_any_text_is_a_table(text: str) -> None:
    for service in ServicesTable(text).services:
        assert ServicesTable(text).find(service.name, service.protocol) is not None
        assert 0 <= service.port <= 65_535
    ProtocolsTable(text)
