"""Messages of ICMP and headers of IPv4, byte by byte."""

import struct
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import ICMPMessage, IPv4Header
from trunkline._core.checksum import internet_checksum

# A header whose checksum is known, of a datagram of TCP; and the least request for an echo.
HEADER = bytes.fromhex("4500003c1c4640004006b1e6ac100a63ac100a0c")
REQUEST = bytes.fromhex("0800f7ff00000000")
ONE, OTHER = IPv4Address("172.16.10.99"), IPv4Address("172.16.10.12")

# -- the checksum ---------------------------------------------------------------------------------


def slow_checksum(data: bytes) -> int:
    """Return it as RFC 1071 tells it."""
    data += b"\0" * (len(data) % 2)
    total = 0
    for (word,) in struct.iter_unpack("!H", data):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


@given(st.binary(max_size=70))
def test_the_checksum_is_that_of_the_standard(data: bytes) -> None:
    assert internet_checksum(data) == slow_checksum(data)


@given(st.binary(min_size=2, max_size=70).filter(lambda data: len(data) % 2 == 0))
def test_the_checksum_of_what_has_a_checksum_is_0(data: bytes) -> None:
    assert internet_checksum(data + internet_checksum(data).to_bytes(2)) == 0


# -- headers --------------------------------------------------------------------------------------


def test_a_header_is_taken_apart() -> None:
    parts = IPv4Header.split(HEADER + bytes(40))
    assert parts is not None
    header, payload = parts
    assert header == IPv4Header(ONE, OTHER, 6, 64, 0x1C46, dont_fragment=True)
    assert payload == bytes(40)


def test_a_header_is_made() -> None:
    header = IPv4Header(ONE, OTHER, 6, 64, 0x1C46, dont_fragment=True)
    assert header.join(bytes(40)) == HEADER + bytes(40)


def test_options_are_skipped_and_what_is_behind_the_datagram_is_cut_off() -> None:
    with_options = b"\x46\0\0\x1a" + HEADER[4:] + b"\1\1\1\0" + b"OK" + b"padding"
    parts = IPv4Header.split(with_options)
    assert parts is not None
    assert parts[1] == b"OK"


@given(st.binary(max_size=70))
def test_whatever_comes_has_a_header_or_none(data: bytes) -> None:
    for datagram in (data, b"\x45" + data, b"\x4f" + data):
        parts = IPv4Header.split(datagram)
        assert parts is None or datagram.endswith(parts[1]) or len(parts[1]) < len(datagram)


@given(
    st.ip_addresses(v=4),
    st.ip_addresses(v=4),
    st.integers(0, 255),
    st.integers(0, 255),
    st.integers(0, 65_535),
    st.integers(0, 255),
    st.booleans(),
    st.binary(max_size=40),
)
@pytest.mark.slow
def test_what_is_joined_is_split_again(
    source: Any,
    to: Any,
    protocol: int,
    hops: int,
    number: int,
    kind: int,
    no: bool,
    data: bytes,
) -> None:
    header = IPv4Header(source, to, protocol, hops, number, kind, no)
    datagram = header.join(data)
    assert IPv4Header.split(datagram) == (header, data)
    assert internet_checksum(datagram[:20]) == 0


@pytest.mark.parametrize("wrong", [{"hops": 256}, {"protocol": -1}, {"identification": 65_536}])
def test_a_part_that_is_out_of_range_is_told(wrong: dict[str, int]) -> None:
    parts: dict[str, Any] = {"protocol": 1, **wrong}
    with pytest.raises(ValueError, match="out of range"):
        IPv4Header(ONE, OTHER, **parts).join(b"")


def test_contents_that_are_too_long_are_told() -> None:
    header = IPv4Header(ONE, OTHER, 1)
    assert len(header.join(bytes(65_515))) == 65_535
    with pytest.raises(ValueError, match="at most 65535 bytes"):
        header.join(bytes(65_516))


# -- messages -------------------------------------------------------------------------------------


def test_a_request_is_made() -> None:
    assert ICMPMessage.echo_request(0, 0).encode() == REQUEST
    request = ICMPMessage.echo_request(0x1234, 0x5678, b"abc", version=6)
    assert request.encode() == b"\x80\0\0\0\x12\x34\x56\x78abc"
    assert (request.identifier, request.sequence, request.meaning) == (
        0x1234,
        0x5678,
        "echo request",
    )


@given(st.integers(0, 65_535), st.integers(0, 65_535), st.binary(max_size=50))
@pytest.mark.parametrize("version", [4, 6])
def test_what_is_encoded_is_decoded_again(version: Any, one: int, other: int, data: bytes) -> None:
    request = ICMPMessage.echo_request(one, other, data, version=version)
    assert ICMPMessage.decode(request.encode(), version=version) == request
    assert request.is_echo_request
    assert not request.is_echo_reply
    assert (request.identifier, request.sequence) == (one, other)


def test_a_checksum_that_is_wrong_makes_it_no_message() -> None:
    assert ICMPMessage.decode(REQUEST) is not None
    assert ICMPMessage.decode(b"\0" + REQUEST[1:]) is None


@given(st.binary(max_size=60))
@pytest.mark.parametrize("version", [4, 6])
def test_whatever_comes_is_a_message_or_none(version: Any, data: bytes) -> None:
    checked = data[:2] + b"\0\0" + data[4:]
    checked = data[:2] + internet_checksum(checked).to_bytes(2) + data[4:]
    for each in (data, checked):
        message = ICMPMessage.decode(each, version=version)
        if message is not None:
            assert message.meaning
            assert message.quoted is None or message.quoted.version == version


def test_a_reply_is_one() -> None:
    reply = ICMPMessage.decode(b"\x81\0\x3a\xe5\0\1\0\2hello", version=6)
    assert reply == ICMPMessage(129, 0, b"\0\1\0\2", b"hello", 6)
    assert reply.is_echo_reply
    assert reply.meaning == "echo reply"


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        (ICMPMessage(3, 1), "destination unreachable: host unreachable"),
        (ICMPMessage(3, 99), "destination unreachable, code 99"),
        (ICMPMessage(11), "time exceeded: on its way"),
        (ICMPMessage(1, 4, version=6), "destination unreachable: port unreachable"),
        (ICMPMessage(2, version=6), "packet too big"),
        (ICMPMessage(13), "type 13"),
        (ICMPMessage(13, 2), "type 13, code 2"),
    ],
)
def test_what_a_message_means_is_said(message: ICMPMessage, meaning: str) -> None:
    assert message.meaning == meaning


def test_an_error_quotes_what_it_is_about() -> None:
    request = ICMPMessage.echo_request(7, 9, b"data").encode()
    datagram = IPv4Header(ONE, OTHER, 1).join(request)
    for quoted in (datagram, datagram[:28]):  # a router need not send more than eight bytes of it
        about = ICMPMessage(3, 1, payload=quoted).quoted
        assert about is not None
        assert about.is_echo_request
        assert (about.identifier, about.sequence) == (7, 9)
    six = bytes([0x60, 0, 0, 0, 0, 8, 58, 64]) + bytes(32) + b"\x80\0\0\0\0\7\0\11"
    about = ICMPMessage(1, 0, payload=six, version=6).quoted
    assert about is not None
    assert (about.identifier, about.sequence) == (7, 9)


@pytest.mark.parametrize(
    "message",
    [
        ICMPMessage.echo_request(1, 1, HEADER + REQUEST),  # no error
        ICMPMessage(3, 3, payload=IPv4Header(ONE, OTHER, 17).join(REQUEST)),  # about another one
        ICMPMessage(3, 3, payload=HEADER[:19]),
        ICMPMessage(3, 3, payload=HEADER + REQUEST),
        ICMPMessage(3, 3, payload=IPv4Header(ONE, OTHER, 1).join(REQUEST[:7])),
        ICMPMessage(1, 0, payload=bytes([0x60, 0, 0, 0, 0, 8, 17]) + bytes(50), version=6),
        ICMPMessage(1, 0, payload=b"", version=6),
    ],
)
def test_what_quotes_nothing_of_icmp_quotes_nothing(message: ICMPMessage) -> None:
    assert message.quoted is None


@pytest.mark.parametrize(
    ("arguments", "options"), [((65_536, 1), {}), ((1, -1), {}), ((1, 1), {"version": 5})]
)
def test_a_number_that_does_not_fit_is_told(arguments: Any, options: Any) -> None:
    with pytest.raises(ValueError, match=r"from 0 to 65535|4 or 6"):
        ICMPMessage.echo_request(*arguments, **options)
