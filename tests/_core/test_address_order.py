"""Which address is tried first, on machines that have these addresses or those."""

from collections.abc import Callable, Iterable
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import IPAddress
from trunkline._core.address_order import AddressOrder
from trunkline._sys.source_address import source_address
from trunkline.testing.clock import ManualClock

# As RFC 6724, section 10.2, has them: what the host has, from where each would be reached (or not),
# and in which order they are tried.
CASES: dict[str, tuple[list[str | None], str]] = {
    "a scope that fits": (["2001:db8:1::2", "169.254.13.78"], "2001:db8:1::1 198.51.100.121"),
    "that of IPv4 fits": (["fe80::1", "198.51.100.117"], "198.51.100.121 2001:db8:1::1"),
    "IPv6 otherwise": (["2001:db8:1::2", "10.1.2.4"], "2001:db8:1::1 10.1.2.3"),
    "the smaller scope": (["2001:db8:1::2", "fe80::2"], "fe80::1 2001:db8:1::1"),
    "a label that fits": (["2002:c633:6401::2", None], "2002:c633:6401::1 2001:db8:1::1"),
    "the better label": (["2001:db8:1::2", "2002:c633:6401::2"], "2001:db8:1::1 2002:c633:6401::1"),
    "no private one to others": (["fd00::2", "198.51.100.117"], "198.51.100.121 2001:db8:1::1"),
    "private ones to each other": (["fd00::2", "2001:db8:1::2"], "2001:db8:1::1 fd00::1"),
    "no Teredo": (["2001::1", "198.51.100.117"], "198.51.100.121 2001::2"),
    "no way to IPv6": ([None, "198.51.100.117"], "198.51.100.121 2001:db8:1::1"),
    "no way to IPv4": (["2001:db8:1::2", None], "2001:db8:1::1 198.51.100.121"),
    "no way at all": ([None, None], "2001:db8:1::1 198.51.100.121"),
}


def sources(addresses: list[str | None], wanted: list[IPAddress]) -> dict[IPAddress, IPAddress]:
    """Return from which address each is reached: the one of its kind, or the one that there is."""
    own = [ip_address(each) for each in addresses if each]
    found = {}
    for address in wanted:
        of_family = [each for each in own if each.version == address.version]
        alike = [each for each in of_family if str(each)[:4] == str(address)[:4]]
        if of_family:
            found[address] = (alike or of_family)[0]
    return found


def in_order(
    addresses: Iterable[IPAddress], source_of: Callable[[IPAddress], IPAddress | None]
) -> tuple[IPAddress, ...]:
    return AddressOrder(source_of, ManualClock()).put(addresses)


@pytest.mark.parametrize("case", CASES)
def test_the_best_one_comes_first(case: str) -> None:
    own, expected = CASES[case]
    ordered = [ip_address(each) for each in expected.split()]
    told = sources(own, ordered)
    assert in_order(ordered, told.get) == tuple(ordered)
    if case != "no way at all":
        assert in_order(reversed(ordered), told.get) == tuple(ordered)


def test_what_is_alike_keeps_the_order_of_the_server() -> None:
    asked = []

    def source_of(address: IPAddress) -> IPAddress:
        asked.append(address)
        return ip_address("192.0.2.200" if address.version == 4 else "2001:db8::200")

    addresses = [ip_address(f"192.0.2.{number}") for number in (7, 3, 9)]
    assert in_order(addresses, source_of) == tuple(addresses)
    assert asked == []
    six = ip_address("2001:db8::1")
    assert in_order([*addresses, six], source_of) == (six, *addresses)
    assert len(asked) == 2


def test_what_the_system_has_said_counts_for_a_moment() -> None:
    four, six = ip_address("192.0.2.1"), ip_address("2001:db8::1")
    reachable = {four}
    clock = ManualClock()
    order = AddressOrder(lambda each: each if each in reachable else None, clock)
    assert order.put([six, four]) == (four, six)
    reachable.add(six)
    assert order.put([six, four]) == (four, six)
    clock.advance(1)
    assert order.put([four, six]) == (six, four)


@given(st.lists(st.ip_addresses(), max_size=12), st.lists(st.booleans(), min_size=12, max_size=12))
@pytest.mark.slow
def test_none_is_lost(addresses: list[IPAddress], reachable: list[bool]) -> None:
    usable = dict(zip(addresses, reachable, strict=False))
    ordered = in_order(addresses, lambda each: each if usable[each] else None)
    assert sorted(map(str, ordered)) == sorted(map(str, addresses))


@pytest.mark.parametrize(
    ("address", "source"),
    [("127.0.0.7", "127.0.0.1"), ("::1", "::1"), ("255.255.255.255", None)],
)
def test_the_system_knows_from_where(address: str, source: str | None) -> None:
    assert source_address(ip_address(address)) == (source and ip_address(source))
