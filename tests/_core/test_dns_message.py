"""Messages of the domain name system: whatever is packed is unpacked, and nothing else hangs."""

import contextlib
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import BadDNSMessage
from trunkline._core.dns_message import (
    DNSMessage,
    DNSQuestion,
    pack_message,
    pack_question,
    unpack_message,
)
from trunkline._core.dns_names import key_of_name, labels_of_name, name_from_labels
from trunkline._core.dns_packed_names import pack_name, unpack_name
from trunkline.names import (
    AAAARecord,
    ARecord,
    CAARecord,
    CNAMERecord,
    DNSRecord,
    HTTPSRecord,
    MXRecord,
    NAPTRRecord,
    NSRecord,
    PTRRecord,
    SOARecord,
    SRVRecord,
    SVCBRecord,
    TLSARecord,
    TXTRecord,
    UnknownRecord,
)

LABELS = st.lists(st.binary(min_size=1, max_size=63), max_size=4).filter(
    lambda labels: sum(len(label) + 1 for label in labels) < 255
)
SOME_NAMES = (
    ".",
    "test",
    "www.test",
    "a.www.test",
    "WWW.test",
    "other",
    r"a\.b.test",
    r"\000.test",
)
# Names that come again, as a whole or in their ends, are what compression is about.
NAMES = st.one_of(
    st.sampled_from(SOME_NAMES),
    st.sampled_from(SOME_NAMES),
    LABELS.map(lambda labels: name_from_labels(tuple(labels))),
)
TTLS = st.integers(0, 2**31 - 1)
BYTES = st.integers(0, 255)
SHORTS = st.integers(0, 65_535)
LONGS = st.integers(0, 2**32 - 1)
STRINGS = st.binary(max_size=255)
PARAMS = st.dictionaries(SHORTS, st.binary(max_size=20), max_size=4).map(
    lambda params: tuple(sorted(params.items()))
)
KNOWN_TYPES = (1, 2, 5, 6, 12, 15, 16, 28, 33, 35, 41, 52, 64, 65, 257)
RECORDS: st.SearchStrategy[DNSRecord] = st.one_of(
    st.builds(ARecord, NAMES, TTLS, st.builds(IPv4Address, LONGS)),
    st.builds(AAAARecord, NAMES, TTLS, st.builds(IPv6Address, st.integers(0, 2**128 - 1))),
    st.builds(NSRecord, NAMES, TTLS, NAMES),
    st.builds(CNAMERecord, NAMES, TTLS, NAMES),
    st.builds(PTRRecord, NAMES, TTLS, NAMES),
    st.builds(SOARecord, NAMES, TTLS, NAMES, NAMES, LONGS, LONGS, LONGS, LONGS, LONGS),
    st.builds(MXRecord, NAMES, TTLS, SHORTS, NAMES),
    st.builds(TXTRecord, NAMES, TTLS, st.lists(STRINGS, min_size=1, max_size=3).map(tuple)),
    st.builds(SRVRecord, NAMES, TTLS, SHORTS, SHORTS, SHORTS, NAMES),
    st.builds(NAPTRRecord, NAMES, TTLS, SHORTS, SHORTS, STRINGS, STRINGS, STRINGS, NAMES),
    st.builds(TLSARecord, NAMES, TTLS, BYTES, BYTES, BYTES, st.binary()),
    st.builds(SVCBRecord, NAMES, TTLS, SHORTS, NAMES, PARAMS),
    st.builds(HTTPSRecord, NAMES, TTLS, SHORTS, NAMES, PARAMS),
    st.builds(CAARecord, NAMES, TTLS, BYTES, st.just("issue"), st.binary()),
    st.builds(
        UnknownRecord, NAMES, TTLS, SHORTS.filter(lambda n: n not in KNOWN_TYPES), st.binary()
    ),
)
SECTIONS = st.lists(RECORDS, max_size=3).map(tuple)
MESSAGES = st.builds(
    DNSMessage,
    id=SHORTS,
    is_response=st.booleans(),
    opcode=st.integers(0, 15),
    authoritative=st.booleans(),
    truncated=st.booleans(),
    recursion_desired=st.booleans(),
    recursion_available=st.booleans(),
    rcode=st.integers(0, 4095),
    payload_size=st.integers(512, 65_535),
    questions=st.lists(st.builds(DNSQuestion, NAMES, SHORTS, SHORTS), max_size=2).map(tuple),
    answers=SECTIONS,
    authority=SECTIONS,
    additional=SECTIONS,
)

LONGEST = ".".join(["a" * 63] * 3 + ["a" * 61])

# -- whole messages -------------------------------------------------------------------------------


@given(MESSAGES)
@pytest.mark.slow
def test_what_is_packed_is_unpacked(message: DNSMessage) -> None:
    assert unpack_message(pack_message(message)) == message


@given(MESSAGES, st.builds(DNSQuestion, NAMES, SHORTS, SHORTS), st.booleans())
@pytest.mark.slow
def test_it_makes_no_difference_which_question_was_asked(
    message: DNSMessage, question: DNSQuestion, is_it: bool
) -> None:
    packed = pack_message(message._replace(questions=(question,)) if is_it else message)
    asked = pack_question(question.name, question.type)
    assert unpack_message(packed, asked) == unpack_message(packed)


@given(MESSAGES, st.data())
@pytest.mark.slow
def test_what_is_cut_off_is_no_message(message: DNSMessage, data: st.DataObject) -> None:
    packed = pack_message(message._replace(truncated=False))
    with pytest.raises(BadDNSMessage):
        unpack_message(packed[: data.draw(st.integers(0, len(packed) - 1))])


@given(st.binary(max_size=300))
def test_garbage_is_a_message_or_an_error_that_says_so(data: bytes) -> None:
    with contextlib.suppress(BadDNSMessage):
        unpack_message(data)


@given(MESSAGES, st.data())
@pytest.mark.slow
def test_so_is_a_message_with_a_wrong_byte(message: DNSMessage, data: st.DataObject) -> None:
    packed = bytearray(pack_message(message))
    packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(BYTES)
    with contextlib.suppress(BadDNSMessage):
        unpack_message(bytes(packed))


def test_names_that_come_again_take_two_bytes() -> None:
    question = DNSQuestion("www.example.test", 1)
    answers = tuple(
        ARecord("www.example.test", 60, IPv4Address(f"192.0.2.{number}")) for number in range(10)
    )
    message = DNSMessage(questions=(question,), answers=answers)
    assert len(pack_message(message)) == 12 + 18 + 4 + 10 * (2 + 10 + 4)


def test_names_within_newer_types_are_never_compressed() -> None:
    record = SRVRecord("a.test", 60, 0, 0, 80, "a.test")
    assert pack_message(DNSMessage(answers=(record,))).count(b"\1a\4test\0") == 2


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\xc0\x00", "does not lead back"),
        (b"\x01a\xc0\x00", "does not lead back"),
        (b"\xc0\x05", "does not lead back"),
        (b"\x01a\xc0", "cut off"),
        (b"\x41a", "unknown kind"),
        (b"\x05a", "cut off"),
        (b"", "cut off"),
    ],
)
def test_a_name_that_is_none_or_has_no_end(data: bytes, said: str) -> None:
    with pytest.raises(BadDNSMessage, match=said):
        unpack_name(data, 0)


def pointers(count: int) -> bytes:
    """Return a name without labels, and pointers each of which leads to the one before."""
    data = b"\0"
    for number in range(count):
        data += (0xC000 | (len(data) - 2 if number else 0)).to_bytes(2)
    return data


def test_pointers_that_lead_ever_further_back_are_followed_to_the_end_only() -> None:
    data = pointers(127)
    assert unpack_name(data, len(data) - 2) == (".", len(data))


def test_a_name_has_no_more_pointers_than_labels_or_it_would_take_for_ever_to_read() -> None:
    data = pointers(128)
    with pytest.raises(BadDNSMessage, match="more pointers"):
        unpack_name(data, len(data) - 2)


def test_a_name_of_pointers_and_labels_cannot_be_too_long() -> None:
    data = b"\x3f" + b"a" * 63 + b"\0"
    for _ in range(4):
        start = len(data)
        data += b"\x3f" + b"b" * 63 + (0xC000 | max(0, start - 66 if start > 65 else 0)).to_bytes(2)
    with pytest.raises(BadDNSMessage, match="too long"):
        unpack_name(data, len(data) - 66)


def test_records_of_another_class_are_left_out_whatever_they_are() -> None:
    packed = bytearray(pack_message(DNSMessage(answers=(TXTRecord("a", 0, (b"x",)),))))
    packed[12 + 3 : 12 + 7] = b"\0\1\0\3"  # an address of another network, which has 4 bytes here
    assert unpack_message(bytes(packed)).answers == ()


@pytest.mark.parametrize("cut", [1, 2, 5, 16])
def test_what_says_that_it_is_truncated_may_be_cut_off_anywhere(cut: int) -> None:
    question, record = DNSQuestion("a.test", 16), TXTRecord("b", 0, (b"x",))
    whole = DNSMessage(truncated=True, questions=(question,), answers=(record, record))
    unpacked = unpack_message(pack_message(whole)[:-cut])
    assert unpacked == whole._replace(answers=())


def test_a_ttl_that_is_negative_is_none() -> None:
    packed = bytearray(pack_message(DNSMessage(answers=(TXTRecord("a", 0, (b"x",)),))))
    packed[12 + 3 + 4] = 0x80
    assert unpack_message(bytes(packed)).answers[0].ttl == 0


# -- names ----------------------------------------------------------------------------------------


@given(LABELS)
@pytest.mark.slow
def test_every_label_has_a_text(labels: list[bytes]) -> None:
    name = name_from_labels(tuple(labels))
    assert name.isascii()
    assert labels_of_name(name) == tuple(labels)
    packed = pack_name(name)
    assert unpack_name(b"xx" + packed, 2) == (name, 2 + len(packed))


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        (".", ()),
        ("", ()),
        ("a.b", (b"a", b"b")),
        ("a.b.", (b"a", b"b")),
        (r"a\.b.c", (b"a.b", b"c")),
        (r"\000\255\\", (b"\0\xff\\",)),
        ("_sip._tcp", (b"_sip", b"_tcp")),
        ("a" * 63, (b"a" * 63,)),
        ("a\n", (b"a\n",)),
        (LONGEST, tuple(LONGEST.encode().split(b"."))),
        (f"{LONGEST}.", tuple(LONGEST.encode().split(b"."))),
    ],
)
def test_names_have_labels(name: str, labels: tuple[bytes, ...]) -> None:
    assert labels_of_name(name) == labels


@pytest.mark.parametrize(
    "name",
    ["a..b", ".a", "..", "a" * 64, f"{LONGEST}a", "ä", r"\256", "a\\", r"\1", r"\12"],
)
def test_what_is_no_name_is_an_error(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        labels_of_name(name)


def test_case_does_not_count() -> None:
    assert key_of_name("WWW.Example.") == key_of_name("www.eXample")


# -- mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "record",
    [
        MXRecord("a", 1, 70_000, "b"),
        MXRecord("a", -1, 0, "b"),
        SRVRecord("a", 1, 0, 0, 65_536, "b"),
        TXTRecord("a", 1, (b"x" * 256,)),
        NSRecord("a", 1, "b..c"),
        TLSARecord("a", 1, 256, 0, 0, b""),
        CAARecord("a", 1, 0, "ä", b""),
    ],
)
def test_what_cannot_be_packed_is_an_error(record: Any) -> None:
    with pytest.raises((ValueError, OverflowError)):
        pack_message(DNSMessage(answers=(record,)))


def test_the_keys_of_a_service_ascend() -> None:
    record = SVCBRecord("a", 1, 1, ".", ((2, b""), (1, b"")))
    packed = pack_message(DNSMessage(answers=(record,)))
    assert unpack_message(packed).answers == (replace(record, params=((1, b""), (2, b""))),)
    twice = packed.replace(b"\0\2\0\0", b"\0\1\0\0")
    with pytest.raises(BadDNSMessage, match="ascend"):
        unpack_message(twice)
