"""Targets: what each word means, and what is said to those that mean nothing."""

import contextlib
from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import LocalAddress
from trunkline.cli.target import BadTarget, Target, parse_target

V6 = IPv6Address("2001:db8::1")

GOOD = {
    "example.org:80": Target("tcp", "example.org", 80),
    "tcp:example.org:80": Target("tcp", "example.org", 80),
    "localhost:imaps": Target("tcp", "localhost", "imaps"),
    "192.0.2.1:65535": Target("tcp", IPv4Address("192.0.2.1"), 65535),
    "[2001:db8::1]:22": Target("tcp", V6, 22),
    "[fe80::1%eth0]:http": Target("tcp", IPv6Address("fe80::1%eth0"), "http"),
    "[192.0.2.1]:1": Target("tcp", IPv4Address("192.0.2.1"), 1),
    "bücher.example:80": Target("tcp", "bücher.example", 80),
    "udp:[::1]:53": Target("udp", IPv6Address("::1"), 53),
    "udp:localhost:domain": Target("udp", "localhost", "domain"),
    "tls:example.org:443": Target("tcp", "example.org", 443, tls=True),
    "tls:tcp:example.org:443": Target("tcp", "example.org", 443, tls=True),
    "unix:/run/a b:c": Target("local", address=LocalAddress("/run/a b:c")),
    "unix:relative": Target("local", address=LocalAddress("relative")),
    "abstract:name:1": Target("local", address=LocalAddress("name:1", abstract=True)),
    "tls:unix:/s": Target("local", address=LocalAddress("/s"), tls=True),
    "srv:xmpp-client.example.org": Target("service", "example.org", "xmpp-client"),
    "srv:_imaps._tcp.example.org": Target("service", "example.org", "imaps"),
    "tls:srv:imaps.example.org": Target("service", "example.org", "imaps", tls=True),
}

BAD = {
    "": "empty",
    "tls:": "empty",
    "example.org": "has no port: write example.org:port",
    "/run/socket": "write unix:/run/socket",
    "https://example.org/": "is a URL",
    "/run/socket:1": "write unix:path",
    "example.org:": "not ''",
    "example.org:0": "from 1 to 65535",
    "example.org:65536": "from 1 to 65535",
    "example.org:" + "9" * 5000: "from 1 to 65535",
    "example.org:-1": "a number or the name of a service",
    "example.org:８０": "a number or the name of a service",
    "::1:80": "stands in brackets",
    "2001:db8::1": "stands in brackets",
    "[2001:db8::1]": r"is not \[address\]:port",
    "[2001:db8::1:80": r"is not \[address\]:port",
    "[example.org]x:80": r"is not \[address\]:port",
    "[::1%]:80": "not an internet address",
    ":80": "cannot be empty",
    "127.1:80": "not an internet address",
    "a b:80": "not the name of a host",
    "unix:": "has no path",
    "abstract:": "has no name",
    "unix:" + "x" * 200: "at most 107 bytes",
    "unix:a\0b": "NUL",
    "tls:udp:example.org:443": "TLS is for connections",
    "tls:tls:example.org:443": "TLS is for connections",
    "srv:imaps": "is not srv:service.domain",
    "srv:.example.org": "is not srv:service.domain",
    "srv:_sip._udp.example.org": "over TCP",
    "udp:unix:/s": "a number or the name of a service",
}


@pytest.mark.parametrize("text", GOOD)
def test_a_target_means(text: str) -> None:
    assert parse_target(text) == GOOD[text]


@pytest.mark.parametrize("text", GOOD)
def test_a_target_is_written_as_it_is_read(text: str) -> None:
    target = parse_target(text)
    assert parse_target(str(target)) == target


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:30])
def test_what_is_no_target_is_told_why(text: str) -> None:
    with pytest.raises(BadTarget, match=BAD[text]) as caught:
        parse_target(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "port", "target"),
    [
        ("localhost", "25", Target("tcp", "localhost", 25)),
        ("2001:db8::1", "ssh", Target("tcp", V6, "ssh")),
        ("[2001:db8::1]", "22", Target("tcp", V6, 22)),
        ("udp:localhost", "53", Target("udp", "localhost", 53)),
        ("tls:::1", "443", Target("tcp", IPv6Address("::1"), 443, tls=True)),
    ],
)
def test_a_host_and_its_port_may_be_two_words(host: str, port: str, target: Target) -> None:
    assert parse_target(host, port) == target


@pytest.mark.parametrize(
    ("host", "port"), [("localhost:25", "25"), ("unix:/s", "25"), ("srv:imap.a.b", "1")]
)
def test_a_whole_target_has_no_port_beside_it(host: str, port: str) -> None:
    with pytest.raises(BadTarget):
        parse_target(host, port)


@given(st.text(alphabet="a1:[].%/-_ulnixstp\0 é", max_size=30), st.none() | st.text(max_size=5))
def test_any_text_is_a_target_or_is_told_why_not(text: str, port: str | None) -> None:
    with contextlib.suppress(BadTarget):
        assert str(parse_target(text, port))
