"""Interfaces and their addresses, beside what iproute2 says of them."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.programs import require
from support.timing import PATIENCE

from trunkline import NoSuchDevice
from trunkline.names import (
    Interface,
    InterfaceAddress,
    if_addresses,
    list_interfaces,
    lookup_interface,
)

SRC = Path(__file__).resolve().parents[2] / "src"
OTHERS = pytest.mark.exact_io("iproute2 is not made for faults")
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")


def test_every_machine_has_interfaces() -> None:
    found = list_interfaces()
    assert found
    for each in found:
        assert lookup_interface(each.name) == lookup_interface(each.index) == each
        assert lookup_interface(str(each.index)).index == each.index
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("asked", ["nonesuch0", 2**31 - 1, str(2**31 - 1), "x" * 300, "\udcff"])
def test_an_interface_that_there_is_not(asked: str | int) -> None:
    with pytest.raises(NoSuchDevice, match=r"^lookup_interface ") as caught:
        lookup_interface(asked)
    assert caught.value.address == asked


@pytest.mark.parametrize("asked", ["", "l\0o", 0, -1, 2**31, pytest.param(10**5000, id="endless")])
def test_what_can_be_no_interface(asked: str | int) -> None:
    with pytest.raises(ValueError, match="interface"):
        lookup_interface(asked)


@pytest.mark.parametrize("asked", [True, None, b"lo", 1.0, Interface("lo", 1)])
def test_what_is_of_the_wrong_type(asked: Any) -> None:
    with pytest.raises(TypeError, match="an interface is its name or its index, not "):
        lookup_interface(asked)


# -- addresses, beside what `ip` says -------------------------------------------------------------


def told_by_ip() -> list[list[object]]:
    """Return the addresses as iproute2 has them, in the form of `summary`."""
    output = subprocess.run(
        [require("ip"), "-json", "address"], stdout=subprocess.PIPE, check=True, timeout=PATIENCE
    ).stdout
    return of_ip(json.loads(output))


def of_ip(links: list[dict[str, Any]]) -> list[list[object]]:
    return sorted(
        [
            link["ifindex"],
            link["ifname"],
            each["local"],
            each["prefixlen"],
            each.get("broadcast"),
            each.get("address"),
            *(flag in link["flags"] for flag in ("UP", "LOOPBACK", "MULTICAST")),
        ]
        for link in links
        for each in link["addr_info"]
        if each["family"] in ("inet", "inet6")
    )


def summary(found: tuple[InterfaceAddress, ...]) -> list[list[object]]:
    """Return addresses as lists without zones, in some order."""
    return sorted(
        [
            each.interface.index,
            each.interface.name,
            str(each.address).partition("%")[0],
            each.prefix_length,
            None if each.broadcast is None else str(each.broadcast),
            None if each.peer is None else str(each.peer).partition("%")[0],
            each.is_up,
            each.is_loopback,
            each.is_multicast,
        ]
        for each in found
    )


@LINUX
@OTHERS
@pytest.mark.needs_program("ip")
def test_the_addresses_are_those_that_ip_shows() -> None:
    before = told_by_ip()
    found = if_addresses()
    assert summary(found) in (before, told_by_ip())  # one may come or go just now
    assert list(found) == sorted(found, key=lambda each: each.interface.index)
    for each in found:
        zone = getattr(each.address, "scope_id", None)
        assert zone == (each.interface.name if each.address.is_link_local and zone else None)
        assert each.netmask.version == each.address.version


# Interfaces that lead nowhere, with one of each kind of address; and a great many of one kind.
SET_UP = """
link set lo up
link add v0 type veth peer name v1
link add 4242 type veth peer name v2
link property add dev v0 altname second-name
address add 192.0.2.7/24 broadcast 192.0.2.255 dev v0
address add 192.0.2.8/24 dev v0
address add 198.51.100.1 peer 198.51.100.2/32 dev v1
address add 2001:db8::7/64 dev v0 nodad
address add fe80::7/64 dev v0 nodad
address add fe80::7/64 dev v1 nodad
address add 2001:db8::1 peer 2001:db8::2/128 dev v1 nodad
link set v0 up
link set v1 up multicast off
"""
MANY = "".join(f"address add 10.0.{n // 250}.{n % 250 + 1}/32 dev lo\n" for n in range(2000))

PROGRAM = """
import json, subprocess, sys
from trunkline.names import if_addresses, list_interfaces, lookup_interface

ip = sys.argv[1]
subprocess.run([ip, "-batch", "-"], check=True)
found = if_addresses()
asked = ["second-name", "4242", list_interfaces()[0].index]
print(json.dumps({
    "addresses": [
        [each.interface.index, each.interface.name, str(each.address), each.prefix_length]
        + [each.broadcast and str(each.broadcast), each.peer and str(each.peer)]
        + [each.is_up, each.is_loopback, each.is_multicast]
        for each in found
    ],
    "ip": json.loads(subprocess.check_output([ip, "-json", "address"])),
    "interfaces": [each.name for each in list_interfaces()],
    "asked": [lookup_interface(each).name for each in asked],
}))
"""


@pytest.fixture(scope="module")
def elsewhere() -> dict[str, Any]:
    """Return what is to be seen in a network namespace of our own."""
    unshare, ip = require("unshare"), require("ip")
    for options in (["--net"], ["--net", "--map-root-user"]):
        into = [unshare, *options]
        if subprocess.run([*into, "true"], capture_output=True, check=False).returncode == 0:
            break
    else:
        pytest.skip("this machine lets us have no network namespace of our own")
    inside = subprocess.run(
        [*into, ip, "-batch", "-"], input=SET_UP, capture_output=True, text=True, check=False
    )
    if inside.returncode != 0:
        pytest.skip(f"this machine lets us make no interfaces: {inside.stderr.strip()}")
    done = subprocess.run(
        [*into, sys.executable, "-c", PROGRAM, ip],
        input=(SET_UP + MANY).encode(),
        env={"PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        timeout=PATIENCE,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def without_zones(addresses: list[list[Any]]) -> list[list[Any]]:
    bare = [
        [text.partition("%")[0] if isinstance(text, str) else text for text in each]
        for each in addresses
    ]
    return sorted(bare, key=str)


@OTHERS
@LINUX
@pytest.mark.slow
def test_in_a_namespace_of_its_own_they_are_those_that_ip_shows(
    elsewhere: dict[str, Any],
) -> None:
    assert len(elsewhere["addresses"]) > 2000
    assert without_zones(elsewhere["addresses"]) == sorted(of_ip(elsewhere["ip"]), key=str)


@OTHERS
@LINUX
def test_one_of_each_kind(elsewhere: dict[str, Any]) -> None:
    found = {(name, text): rest for _, name, text, *rest in elsewhere["addresses"]}
    assert found["v0", "192.0.2.7"] == [24, "192.0.2.255", None, True, False, True]
    assert found["v0", "192.0.2.8"] == [24, None, None, True, False, True]
    assert found["v0", "fe80::7%v0"] == [64, None, None, True, False, True]
    assert found["v1", "fe80::7%v1"] == [64, None, None, True, False, False]
    assert found["v1", "198.51.100.1"] == [32, None, "198.51.100.2", True, False, False]
    assert found["v1", "2001:db8::1"] == [128, None, "2001:db8::2", True, False, False]
    assert found["lo", "127.0.0.1"] == [8, None, None, True, True, False]


@OTHERS
@LINUX
def test_interfaces_by_other_names_and_by_names_like_numbers(elsewhere: dict[str, Any]) -> None:
    assert {"lo", "v0", "v1", "v2", "4242"} <= set(elsewhere["interfaces"])
    assert elsewhere["asked"] == ["v0", "4242", elsewhere["interfaces"][0]]
