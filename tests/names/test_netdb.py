"""Services and protocols by name and by number, beside what getent(1) says of them."""

import contextlib
import subprocess
from typing import Any

import pytest
from support.programs import require

from trunkline.names import Protocol, Service, lookup_protocol, lookup_service

MOST = 1000
"""How many questions are asked; somebody may have put thousands of lines in a table."""


def getent(database: str, *asked: str) -> list[list[str]]:
    """Return what the system knows, all of it or what was asked for, split into words."""
    command = [require("getent"), database, *asked[:MOST]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        pytest.skip(f"the machine has no {database}")
    return [line.split() for line in done.stdout.splitlines()]


@pytest.mark.needs_program("getent")
def test_services_are_those_that_the_system_finds() -> None:
    asked: dict[tuple[str, Any], None] = {}
    for name, place, *aliases in getent("services"):
        port, _, protocol = place.partition("/")
        if protocol in ("tcp", "udp"):
            asked |= dict.fromkeys((each, protocol) for each in (name, port, *aliases))
    answers = getent("services", *map("/".join, asked))
    for (service, protocol), (name, place, *aliases) in zip(asked, answers, strict=False):
        found = lookup_service(service, protocol)
        assert f"{found.port}/{found.protocol}" == place
        assert (found.name, found.aliases) == (name, tuple(aliases))
        if service == str(found.port):
            assert lookup_service(found.port, protocol) == found


@pytest.mark.needs_program("getent")
def test_any_protocol_is_the_one_that_comes_first() -> None:
    asked = list(dict.fromkeys(name for name, *_ in getent("services")))
    for service, (name, place, *aliases) in zip(asked, getent("services", *asked), strict=False):
        port, _, protocol = place.partition("/")
        expected = Service(int(port), name, protocol, tuple(aliases))
        assert lookup_service(service, "any") == expected


@pytest.mark.needs_program("getent")
def test_protocols_are_those_that_the_system_finds() -> None:
    words = [word for words in getent("protocols") for word in words]
    asked = list(dict.fromkeys(words))
    answers = getent("protocols", *asked)
    for each, (name, number, *aliases) in zip(asked, answers, strict=False):
        expected = Protocol(int(number), name, tuple(aliases))
        assert lookup_protocol(each) == expected
        if each == number:
            assert lookup_protocol(int(number)) == expected


@pytest.mark.parametrize(("name", "number"), [("icmp", 1), ("tcp", 6), ("udp", 17)])
def test_what_is_known_everywhere(name: str, number: int) -> None:
    protocol = lookup_protocol(name)
    assert (protocol.name, protocol.number) == (name, number)
    assert lookup_protocol(number) == lookup_protocol(str(number)) == protocol
    assert lookup_protocol(name.upper()) == protocol


def test_ssh_and_domain() -> None:
    ssh = lookup_service("ssh")
    assert (ssh.port, ssh.name, ssh.protocol) == (22, "ssh", "tcp")
    domain = lookup_service(53, "udp")
    assert (domain.port, domain.name, domain.protocol) == (53, "domain", "udp")
    assert lookup_service("53", "udp") == lookup_service("domain", "udp") == domain


def test_what_is_found_cannot_be_changed() -> None:
    for found in (lookup_service("ssh"), lookup_protocol("tcp")):
        with contextlib.suppress(AttributeError):
            found.name = "other"  # type: ignore[misc]
        assert found.name in ("ssh", "tcp")
        assert found in {found}


@pytest.mark.parametrize(
    ("service", "protocol", "told"),
    [
        (1024, "tcp", "there is no TCP service at port 1024"),
        ("1024", "udp", "there is no UDP service at port 1024"),
        (1024, "any", "there is no service at port 1024"),
        ("no such", "tcp", "there is no TCP service of the name 'no such'"),
        ("", "tcp", "there is no TCP service of the name ''"),
        ("ss\0h", "any", r"there is no service of the name 'ss\\x00h'"),
        ("\udc80", "tcp", r"there is no TCP service of the name '\\udc80'"),
        ("9" * 5000, "tcp", r"there is no TCP service of the name '9+\.\.\.9+'"),
        (65_536, "tcp", "a port is a number from 0 to 65535, not 65536"),
        ("65536", "tcp", "a port is a number from 0 to 65535, not 65536"),
        (-1, "tcp", "a port is a number from 0 to 65535, not -1"),
        (2**100, "tcp", "a port is a number from 0 to 65535, not one of that size"),
        ("ssh", "sctp", "protocol is 'tcp', 'udp' or 'any', not 'sctp'"),
        ("ssh", "TCP", "protocol is 'tcp', 'udp' or 'any', not 'TCP'"),
        ("ssh", None, "protocol is 'tcp', 'udp' or 'any', not None"),
    ],
)
def test_what_is_no_service(service: str | int, protocol: Any, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}$"):
        lookup_service(service, protocol)


@pytest.mark.parametrize(
    ("protocol", "told"),
    [
        ("nonexistent", "there is no protocol of the name 'nonexistent'"),
        ("", "there is no protocol of the name ''"),
        ("tc\0p", r"there is no protocol of the name 'tc\\x00p'"),
        ("\udc80", r"there is no protocol of the name '\\udc80'"),
        (100_000, "there is no protocol of the number 100000"),
        ("100000", "there is no protocol of the number 100000"),
        (-1, "the number of a protocol is from 0 to 2147483647, not -1"),
        (2**31, "the number of a protocol is from 0 to 2147483647, not 2147483648"),
        ("9" * 5000, r"there is no protocol of the name '9+\.\.\.9+'"),
    ],
)
def test_what_is_no_protocol(protocol: str | int, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}$"):
        lookup_protocol(protocol)


@pytest.mark.parametrize("wrong", [True, None, b"ssh", 22.0, ["ssh"]])
def test_what_is_of_the_wrong_type(wrong: Any) -> None:
    with pytest.raises(TypeError, match="a port is an integer or a service's name, not "):
        lookup_service(wrong)
    with pytest.raises(TypeError, match="a protocol is its name or its number, not "):
        lookup_protocol(wrong)
