"""The table of hosts, asked in both directions."""

from hypothesis import given
from hypothesis import strategies as st

from trunkline import ensure_address
from trunkline._core.hosts_table import HostsTable

TABLE = HostsTable(
    """
127.0.0.1\tlocalhost
::1 localhost ip6-localhost   # a comment
192.0.2.1 www.example.test www WWW2
192.0.2.2 other.test www
192.0.2.1 late.test
fe80::1%eth0 router
# 192.0.2.9 commented.out
192.0.2.300 no.address
192.0.2.3
127.1 short.hand
192.0.2.4 a..b good.test
"""
)


def texts(name: str) -> list[str]:
    return [str(address) for address in TABLE.addresses(name)]


def test_names_have_addresses_in_the_order_of_the_table() -> None:
    assert texts("localhost") == ["127.0.0.1", "::1"]
    assert texts("WWW") == ["192.0.2.1", "192.0.2.2"]
    assert texts("www2.") == ["192.0.2.1"]
    assert texts("router") == ["fe80::1%eth0"]
    assert texts("good.test") == ["192.0.2.4"]
    for name in ("nowhere", "commented.out", "no.address", "short.hand"):
        assert texts(name) == []


def test_the_first_name_of_a_line_is_the_official_one() -> None:
    assert TABLE.canonical_name("www") == "www.example.test"
    assert TABLE.canonical_name("ip6-localhost") == "localhost"
    assert TABLE.canonical_name("nowhere") is None


def test_addresses_have_names() -> None:
    assert TABLE.names(ensure_address("192.0.2.1")) == ("www.example.test", "www", "WWW2")
    assert TABLE.names(ensure_address("::1")) == ("localhost", "ip6-localhost")
    assert TABLE.names(ensure_address("192.0.2.9")) == ()


def test_names_may_be_in_any_script() -> None:
    table = HostsTable("192.0.2.1 Bücher.test ☕.test a.test\n")
    assert table.addresses("xn--bcher-kva.test") == (ensure_address("192.0.2.1"),)
    assert table.names(ensure_address("192.0.2.1")) == ("xn--bcher-kva.test", "a.test")


def test_what_is_no_name_is_left_out_wherever_it_is() -> None:
    table = HostsTable("192.0.2.1 a..b good.test c\\\n192.0.2.2 a..b\n")
    assert table.names(ensure_address("192.0.2.1")) == ("good.test",)
    assert table.canonical_name("good.test") == "good.test"
    assert table.names(ensure_address("192.0.2.2")) == ()


@given(st.text())
def test_no_table_is_too_strange(text: str) -> None:
    HostsTable(text)
