"""The PROXY protocol without a connection: headers in pieces, malformed ones, and building them."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline._core.proxy_protocol import (
    MAX_HEADER_SIZE,
    ProxyHeader,
    ProxyHeaderParser,
    ProxyTLV,
    crc32c,
)
from trunkline.addresses import Endpoint, IPv4Address, IPv6Address, LocalAddress
from trunkline.errors import BadProxyHeader, StreamError

V4 = (Endpoint(IPv4Address("192.0.2.7"), 56324), Endpoint(IPv4Address("198.51.100.1"), 443))
V6 = (Endpoint(IPv6Address("2001:db8::7"), 1), Endpoint(IPv6Address("2001:db8:1::1"), 65535))
LOCAL = (LocalAddress("/run/client"), LocalAddress("server", abstract=True))

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
# As the specification lays it out, byte by byte: version and command, family, length, addresses.
V4_BINARY = (
    SIGNATURE + b"\x21\x11\x00\x0c" + bytes([192, 0, 2, 7, 198, 51, 100, 1]) + b"\xdc\x04\x01\xbb"
)


def parse(data: bytes, **options: int) -> tuple[ProxyHeader | None, int]:
    parser = ProxyHeaderParser(**options)
    count = parser.feed(data)
    return parser.header, count


def parse_all(pieces: Iterable[bytes]) -> tuple[ProxyHeader | None, bytes]:
    """Feed pieces; return the header, and what is behind it."""
    parser = ProxyHeaderParser()
    rest = b""
    for piece in pieces:
        rest += piece[parser.feed(piece) :]
    return parser.header, rest


def single_bytes(data: bytes) -> list[bytes]:
    return [data[i : i + 1] for i in range(len(data))]


def binary(command: int, family: int, block: bytes, length: int | None = None) -> bytes:
    size = len(block) if length is None else length
    return SIGNATURE + bytes([command, family]) + size.to_bytes(2) + block


def tlv(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + len(value).to_bytes(2) + value


# ---- What is in a header ----


def test_a_line_of_version_1() -> None:
    data = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"
    assert parse(data) == (ProxyHeader(*V4, version=1), len(data))


@pytest.mark.parametrize(
    ("source", "host"),
    [
        (b"2001:db8::7", "2001:db8::7"),
        (b"2001:DB8:0:0:0:0:0:7", "2001:db8::7"),
        (b"::ffff:192.0.2.1", "::ffff:192.0.2.1"),
    ],
)
def test_a_line_with_ipv6_addresses(source: bytes, host: str) -> None:
    header, _ = parse(b"PROXY TCP6 " + source + b" 2001:db8:1::1 1 65535\r\n")
    assert header == ProxyHeader(Endpoint(IPv6Address(host), 1), V6[1], version=1)


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
        b"PROXY UNKNOWN \xff\x00 anything, up to the newline\n\r\r\n",
        b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n",
    ],
)
def test_an_unknown_protocol_is_accepted_and_the_rest_of_the_line_ignored(line: bytes) -> None:
    assert parse(line + b"\r\n") == (ProxyHeader(None, None, version=1), len(line))


def test_a_block_of_version_2() -> None:
    assert parse(V4_BINARY) == (ProxyHeader(*V4), len(V4_BINARY))


def test_a_block_with_ipv6_addresses() -> None:
    block = V6[0].host.packed + V6[1].host.packed + b"\x00\x01\xff\xff"
    assert parse(binary(0x21, 0x21, block))[0] == ProxyHeader(*V6)


def test_a_block_with_local_addresses() -> None:
    block = b"/run/client".ljust(108, b"\0") + b"\0server".ljust(108, b"\0")
    assert parse(binary(0x21, 0x31, block))[0] == ProxyHeader(*LOCAL)


def test_a_path_ends_with_its_first_nul_and_a_nameless_socket_has_none() -> None:
    block = b"/a\0/b\0c".ljust(108, b"x") + bytes(108)
    header, _ = parse(binary(0x21, 0x31, block))
    assert header == ProxyHeader(LocalAddress("/a"), LocalAddress("", abstract=True))


@pytest.mark.parametrize(("family", "size"), [(0x12, 12), (0x22, 36), (0x32, 216)])
def test_datagrams_are_told_from_streams(family: int, size: int) -> None:
    header, _ = parse(binary(0x21, family, bytes(size)))
    assert header is not None
    assert header.transport == "datagram"


@pytest.mark.parametrize("family", [0x00, 0x11, 0x31, 0xFF])
@pytest.mark.parametrize("block", [b"", b"anything" * 30])
def test_what_a_proxy_says_of_itself_is_skipped(family: int, block: bytes) -> None:
    data = binary(0x20, family, block)
    assert parse(data + b"more") == (ProxyHeader(None, None, local=True), len(data))


def test_addresses_of_no_family_are_skipped() -> None:
    data = binary(0x21, 0x00, b"anything")
    assert parse(data + b"more") == (ProxyHeader(None, None), len(data))


def test_what_else_is_said_is_kept_as_it_is() -> None:
    said = ((ProxyTLV.ALPN, b"h2"), (0xE0, b""), (ProxyTLV.AUTHORITY, b"example.org"), (0xE0, b"2"))
    block = V4_BINARY[16:] + b"".join(tlv(kind, value) for kind, value in said)
    header, _ = parse(binary(0x21, 0x11, block))
    assert header == ProxyHeader(*V4, tlvs=said)
    assert header is not None
    assert header.get(ProxyTLV.AUTHORITY) == b"example.org"
    assert header.get(0xE0) == b""
    assert header.get(ProxyTLV.UNIQUE_ID) is None


def test_the_checksum_is_the_standard_one() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the value that every table of checksums gives
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


def test_a_checksum_may_stand_anywhere_among_the_rest() -> None:
    block = V4_BINARY[16:] + tlv(4, b"..") + tlv(3, bytes(4)) + tlv(1, b"h2")
    data = binary(0x21, 0x11, block)
    place = data.index(tlv(3, bytes(4))) + 3
    good = data[:place] + crc32c(data).to_bytes(4) + data[place + 4 :]
    assert parse(good)[0] == ProxyHeader(*V4, tlvs=((4, b".."), (1, b"h2")))
    for position in {*range(16, len(data))} - {place - 3}:  # which makes it no checksum at all
        flipped = bytes([good[position] ^ 1])
        with pytest.raises(BadProxyHeader):
            parse(good[:position] + flipped + good[position + 1 :])


# ---- What is no header ----

MALFORMED = {
    "another protocol": b"GET / HTTP/1.0\r\n",
    "another start": b"PROXX TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
    "small letters": b"proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
    "a blank before it": b" PROXY UNKNOWN\r\n",
    "no protocol": b"PROXY \r\n",
    "another protocol of the internet": b"PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n",
    "more than unknown": b"PROXY UNKNOWNS\r\n",
    "two blanks": b"PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n",
    "a tab": b"PROXY TCP4 192.0.2.7\t198.51.100.1 1 2\r\n",
    "a blank at the end": b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n",
    "nothing at all": b"PROXY TCP4\r\n",
    "a port too few": b"PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
    "a port too many": b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 3\r\n",
    "a port too large": b"PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n",
    "a negative port": b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 2\r\n",
    "a port with a sign": b"PROXY TCP4 192.0.2.7 198.51.100.1 +1 2\r\n",
    "a port with zeros": b"PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n",
    "a port with an underscore": b"PROXY TCP4 192.0.2.7 198.51.100.1 1_0 2\r\n",
    "an empty port": b"PROXY TCP4 192.0.2.7 198.51.100.1  2\r\n",
    "a hexadecimal port": b"PROXY TCP4 192.0.2.7 198.51.100.1 0x1 2\r\n",
    "shorthand": b"PROXY TCP4 127.1 198.51.100.1 1 2\r\n",
    "zeros in an address": b"PROXY TCP4 192.000.2.7 198.51.100.1 1 2\r\n",
    "a name": b"PROXY TCP4 localhost 198.51.100.1 1 2\r\n",
    "the wrong family": b"PROXY TCP4 ::1 ::1 1 2\r\n",
    "the other wrong family": b"PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
    "two families": b"PROXY TCP6 ::1 198.51.100.1 1 2\r\n",
    "a scope": b"PROXY TCP6 fe80::1%1 ::1 1 2\r\n",
    "digits of another script": "PROXY TCP4 192.0.2.7 198.51.100.1 ١ 2\r\n".encode(),
    "a newline of its own": b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n\r\n",
    "a line too long": b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
    "a line without end": b"PROXY UNKNOWN " + b"x" * 200,
    "a line that ends in a newline only": b"PROXY UNKNOWN\n" + b"x" * 100,
    "another signature": SIGNATURE[:-1] + b"\r" + V4_BINARY[12:],
    "version 1 in binary": binary(0x11, 0x11, V4_BINARY[16:]),
    "version 3": binary(0x31, 0x11, V4_BINARY[16:]),
    "a command that is none": binary(0x22, 0x11, V4_BINARY[16:]),
    "a family that is none": binary(0x21, 0x41, V4_BINARY[16:]),
    "a transport that is none": binary(0x21, 0x13, V4_BINARY[16:]),
    "a family without a transport": binary(0x21, 0x10, V4_BINARY[16:]),
    "a transport without a family": binary(0x21, 0x01, V4_BINARY[16:]),
    "addresses cut off": binary(0x21, 0x11, V4_BINARY[16:-1]),
    "no addresses": binary(0x21, 0x11, b""),
    "IPv6 addresses cut off": binary(0x21, 0x21, bytes(35)),
    "local addresses cut off": binary(0x21, 0x31, bytes(215)),
    "a path without end": binary(0x21, 0x31, b"x" * 108 + bytes(108)),
    "a type alone": binary(0x21, 0x11, V4_BINARY[16:] + b"\x04"),
    "half a length": binary(0x21, 0x11, V4_BINARY[16:] + b"\x04\x00"),
    "a value cut off": binary(0x21, 0x11, V4_BINARY[16:] + b"\x04\x00\x03.."),
    "a wrong checksum": binary(0x21, 0x11, V4_BINARY[16:] + tlv(3, b"abcd")),
    "a short checksum": binary(0x21, 0x11, V4_BINARY[16:] + tlv(3, b"abc")),
    "a long unique id": binary(0x21, 0x11, V4_BINARY[16:] + tlv(5, bytes(129))),
    "more than is allowed": binary(0x21, 0x11, V4_BINARY[16:], MAX_HEADER_SIZE - 15),
    "more than that": binary(0x20, 0x00, b"", 65_535),
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_is_an_error(data: bytes) -> None:
    with pytest.raises(BadProxyHeader) as error:
        parse(data)
    assert isinstance(error.value, StreamError)
    assert str(error.value).isprintable()
    assert str(error.value).isascii()


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_it_is_one_in_pieces_too(data: bytes) -> None:
    with pytest.raises(BadProxyHeader):
        parse_all(single_bytes(data))


def test_two_checksums_are_one_too_many() -> None:
    data = ProxyHeader(*V4).encode(checksum=True)
    doubled = data[:14] + b"\x00\x1a" + data[16:-7] + tlv(3, bytes(4)) * 2
    with pytest.raises(BadProxyHeader, match="there is one"):
        parse(doubled[:31] + crc32c(doubled).to_bytes(4) + doubled[35:])


@pytest.mark.parametrize("data", [b"Q", b"PRO ", b"\r\n\r\n\r", SIGNATURE + b"\x11"])
def test_a_wrong_start_is_noticed_at_once(data: bytes) -> None:
    with pytest.raises(BadProxyHeader):
        parse(data)


def test_the_limit_of_the_second_version_is_a_parameter() -> None:
    assert parse(V4_BINARY, max_size=28)[0] == ProxyHeader(*V4)
    with pytest.raises(BadProxyHeader, match="28 bytes, where 27 are allowed"):
        parse(V4_BINARY[:16], max_size=27)
    large = binary(0x20, 0, b"x" * (MAX_HEADER_SIZE - 16))
    assert parse(large) == (ProxyHeader(None, None, local=True), MAX_HEADER_SIZE)


def test_it_can_be_told_whether_a_header_has_begun() -> None:
    starts = {
        b"": None,
        b"PROXY ": None,
        b"PROXY TCP4": None,
        b"PROXY UNKNOWN\r": None,
        SIGNATURE[:-1]: None,
        b"PROXY TCP6 ": True,
        b"PROXY UNKNOWN ": True,
        SIGNATURE: True,
    }
    for start, is_header in starts.items():
        parser = ProxyHeaderParser()
        parser.feed(start)
        assert parser.is_header is is_header
    for start, is_header in {
        b"PROXY:": False,
        b"PROXY bad": False,
        b"PROXY TCP4 bad\r\n": True,
    }.items():
        parser = ProxyHeaderParser()
        with pytest.raises(BadProxyHeader):
            parser.feed(start)
        assert parser.is_header is is_header


# ---- What is no header to build ----


@pytest.mark.parametrize(
    "arguments",
    [
        {"version": 3},
        {"version": 0},
        {"transport": "raw"},
        {"destination": None},
        {"destination": V6[1]},
        {"local": True},
        {"source": Endpoint(V4[0].host, 65536)},
        {"source": Endpoint(V4[0].host, -1)},
        {"tlvs": ((256, b""),)},
        {"tlvs": ((-1, b""),)},
        {"tlvs": ((ProxyTLV.CRC32C, bytes(4)),)},
        {"tlvs": ((ProxyTLV.NOOP, bytes(65_536)),)},
        {"source": None, "destination": None, "tlvs": ((ProxyTLV.NOOP, b""),)},
        {"version": 1, "transport": "datagram"},
        {"version": 1, "tlvs": ((ProxyTLV.NOOP, b""),)},
        {"version": 1, "source": None, "destination": None, "local": True},
        {"version": 1, "source": LOCAL[0], "destination": LOCAL[1]},
    ],
    ids=str,
)
def test_arguments_that_do_not_fit(arguments: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own text
        ProxyHeader(**{"source": V4[0], "destination": V4[1], **arguments})  # type: ignore[arg-type]


def test_a_name_is_an_endpoint() -> None:
    with pytest.raises(TypeError, match="not tuple"):
        ProxyHeader(("192.0.2.7", 1), V4[1])  # type: ignore[arg-type]


def test_headers_without_a_place_for_a_checksum() -> None:
    for header in (ProxyHeader(*V4, version=1), ProxyHeader(None, None)):
        with pytest.raises(ValueError, match="checksum"):
            header.encode(checksum=True)


def test_all_together_may_be_too_long() -> None:
    header = ProxyHeader(*V4, tlvs=((4, bytes(40_000)), (4, bytes(30_000))))
    with pytest.raises(ValueError, match="65,535"):
        header.encode()


# ---- The two directions agree ----


def test_the_bytes_of_a_header_are_those_of_the_specification() -> None:
    assert ProxyHeader(*V4).encode() == V4_BINARY
    text = ProxyHeader(*V6, version=1).encode()
    assert text == b"PROXY TCP6 2001:db8::7 2001:db8:1::1 1 65535\r\n"
    assert ProxyHeader(None, None, version=1).encode() == b"PROXY UNKNOWN\r\n"
    assert ProxyHeader(None, None, local=True).encode() == binary(0x20, 0, b"")
    assert ProxyHeader(None, None).encode() == binary(0x21, 0, b"")


def test_a_scope_stays_at_home() -> None:
    scoped = Endpoint(IPv6Address("fe80::1%1"), 1)
    plain = Endpoint(IPv6Address("fe80::1"), 1)
    for version in (1, 2):
        data = ProxyHeader(scoped, V6[1], version=version).encode()
        assert parse(data)[0] == ProxyHeader(plain, V6[1], version=version)


ports = st.integers(0, 65535)
endpoints = {
    4: st.builds(Endpoint, st.ip_addresses(v=4), ports),
    6: st.builds(Endpoint, st.ip_addresses(v=6), ports),
}
names = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=26)
local_addresses = st.builds(LocalAddress, names.filter(bool)) | names.map(
    lambda name: LocalAddress(name, abstract=True)
)
pairs = st.one_of(
    st.tuples(endpoints[4], endpoints[4]),
    st.tuples(endpoints[6], endpoints[6]),
)
tlvs = st.lists(
    st.tuples(st.integers(0, 255).filter(lambda kind: kind != 3), st.binary(max_size=128)),
    max_size=5,
).map(tuple)
headers = st.one_of(
    st.builds(lambda pair: ProxyHeader(pair[0], pair[1], version=1), pairs),
    st.builds(
        lambda pair, transport, said: ProxyHeader(pair[0], pair[1], transport=transport, tlvs=said),
        pairs | st.tuples(local_addresses, local_addresses),
        st.sampled_from(["stream", "datagram"]),
        tlvs,
    ),
    st.sampled_from(
        [
            ProxyHeader(None, None, version=1),
            ProxyHeader(None, None),
            ProxyHeader(None, None, local=True),
        ]
    ),
)


@given(header=headers, checksum=st.booleans(), rest=st.binary(max_size=50), data=st.data())
@pytest.mark.slow
def test_what_was_built_is_parsed_from_any_pieces_and_not_a_byte_more(
    header: ProxyHeader, checksum: bool, rest: bytes, data: st.DataObject
) -> None:
    checksum = checksum and header.version == 2 and header.source is not None
    encoded = header.encode(checksum=checksum)
    whole = encoded + rest
    cuts = sorted(data.draw(st.sets(st.integers(0, len(whole)), max_size=8)))
    pieces = [whole[i:j] for i, j in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert parse_all([whole]) == (header, rest)
    assert parse_all(pieces) == (header, rest)
    assert parse_all(single_bytes(whole)) == (header, rest)
    for end in (0, len(encoded) - 1):
        assert parse(encoded[:end]) == (None, end)


@given(
    start=st.sampled_from([b"", b"PROXY ", b"PROXY TCP4 ", SIGNATURE, V4_BINARY]), data=st.data()
)
def test_no_bytes_do_anything_but_parse_or_raise(start: bytes, data: st.DataObject) -> None:
    junk = start[:14] + data.draw(st.binary(max_size=300)) + start[14:]
    outcomes = []
    for pieces in ([junk], single_bytes(junk)):
        try:
            outcomes.append(parse_all(pieces))
        except BadProxyHeader:
            outcomes.append((None, b"malformed"))
    assert outcomes[0] == outcomes[1]
