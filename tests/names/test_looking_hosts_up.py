"""`lookup_hostname` and `ensure_hostname` by name servers, for which nobody leaves this machine."""

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import pytest
from support.peers import refusing_port
from support.timing import PATIENCE

from trunkline import (
    IPV4_LOOPBACK,
    Endpoint,
    HostEntry,
    NoName,
    NoRecord,
    Resolver,
    ensure_hostname,
    lookup_hostname,
)
from trunkline.names import ARecord, CachingResolver, DNSResolver, PTRRecord
from trunkline.testing.dns import DNSServer

ROOT = IPv4Address("198.41.0.4")
NAME = "a.root-servers.test"
ZONE = (
    ARecord(NAME, 60, ROOT),
    PTRRecord("4.0.41.198.in-addr.arpa", 60, NAME),
    PTRRecord("1.0.0.127.in-addr.arpa", 60, "localhost"),
)


def remembering(resolver: Resolver) -> Resolver:
    return CachingResolver(resolver)


def itself(resolver: Resolver) -> Resolver:
    return resolver


@pytest.fixture(params=[itself, remembering])
def resolver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Resolver]:
    """Who asks two name servers, of which the first one is not there, and has no table of hosts."""
    with DNSServer(*ZONE) as dns, refusing_port() as port:
        yield request.param(
            DNSResolver(
                [Endpoint(IPV4_LOOPBACK, port), dns.endpoint],
                config_file=tmp_path / "resolv.conf",
                hosts_file=tmp_path / "hosts",
                server_timeout=PATIENCE,
            )
        )


def test_a_host_has_an_address_and_its_name(resolver: Resolver) -> None:
    for host in (NAME, NAME.upper(), f"{NAME}."):
        entry = lookup_hostname(host, family="ipv4", resolver=resolver)
        assert (entry.address, entry.addresses) == (ROOT, ())
        assert entry.canonical_name == NAME
        assert entry.names[0] == (NAME, ROOT)
        assert ensure_hostname(host, resolver=resolver) == ROOT


@pytest.mark.parametrize("address", [ROOT, str(ROOT), (198, 41, 0, 4), int(ROOT)])
def test_an_address_has_a_name(resolver: Resolver, address: Any) -> None:
    assert lookup_hostname(address, resolver=resolver) == (ROOT, (), NAME, ((NAME, ROOT),))


def test_and_if_it_has_none_it_is_an_address_all_the_same(resolver: Resolver) -> None:
    nobody = IPv4Address("192.0.2.1")
    assert lookup_hostname(nobody, resolver=resolver) == HostEntry(nobody, (), None, ())


@pytest.mark.parametrize("look_up", [lookup_hostname, ensure_hostname])
def test_what_there_is_not(resolver: Resolver, look_up: Callable[..., object]) -> None:
    with pytest.raises(NoName) as caught:
        look_up("hopefully-nonexistent.test", resolver=resolver)
    assert not isinstance(caught.value, NoRecord)
    with pytest.raises(NoRecord):
        look_up(NAME, family="ipv6", resolver=resolver)


def test_this_machine_is_always_there(resolver: Resolver) -> None:
    assert ensure_hostname((127, 0, 0, 1), resolver=resolver) == IPV4_LOOPBACK
    assert lookup_hostname("localhost", family="ipv4", resolver=resolver).address == IPV4_LOOPBACK
    with pytest.raises(ValueError, match="address"):
        lookup_hostname((127, 0, 0), resolver=resolver)
    with pytest.raises(NoName):
        lookup_hostname((127, 0, 0, 1), family="ipv6", resolver=resolver)


def test_an_address_of_ipv6_keeps_its_zone(resolver: Resolver) -> None:
    address = IPv6Address("fe80::1%lo")
    assert ensure_hostname("fe80::1%lo", resolver=resolver) == address
    assert lookup_hostname("fe80::1%lo", resolver=resolver).address == address
