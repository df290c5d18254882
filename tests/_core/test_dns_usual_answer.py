"""Answers as usual: read at once, and as they would be read with care."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from trunkline._core.dns_message import (
    DNSMessage,
    DNSQuestion,
    pack_message,
    pack_question,
    unpack_message,
)
from trunkline._core.dns_usual_answer import usual_answer
from trunkline.names import AAAARecord, ARecord, CNAMERecord, DNSRecord, TXTRecord

NAME = "www.test"
FOUR: tuple[DNSRecord, ...] = tuple(
    ARecord(NAME, 60 + index, IPv4Address(f"192.0.2.{index}")) for index in range(3)
)
SIX: tuple[DNSRecord, ...] = (AAAARecord(NAME, 0, IPv6Address("2001:db8::1")),)
ANSWER = DNSMessage(7, is_response=True, recursion_desired=True, recursion_available=True)
ASKED = DNSQuestion(NAME, 1)


def answer(*records: DNSRecord, **others: Any) -> bytes:
    fields: dict[str, Any] = {"questions": (ASKED,), "answers": records}
    return pack_message(ANSWER._replace(**{**fields, **others}))


@pytest.mark.parametrize("payload_size", [512, 1232], ids=["without options", "with options"])
@pytest.mark.parametrize("records", [FOUR, FOUR[:1], SIX], ids=["three", "one", "IPv6"])
def test_it_is_read_as_with_care(records: tuple[DNSRecord, ...], payload_size: int) -> None:
    asked = DNSQuestion(NAME, records[0].type)
    data = pack_message(
        ANSWER._replace(questions=(asked,), answers=records, payload_size=payload_size)
    )
    assert usual_answer(data, pack_question(*asked[:2])) == [*unpack_message(data).answers]
    assert unpack_message(data).answers == records


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(answer(FOUR[0], is_response=False), id="a question"),
        pytest.param(answer(FOUR[0], opcode=2), id="another service's"),
        pytest.param(answer(FOUR[0], truncated=True), id="truncated"),
        pytest.param(answer(FOUR[0], rcode=2), id="an error"),
        pytest.param(answer(FOUR[0], rcode=16), id="an error with a high number"),
        pytest.param(answer(FOUR[0], questions=()), id="without the question"),
        pytest.param(answer(FOUR[0], questions=(ASKED, ASKED)), id="with two questions"),
        pytest.param(answer(FOUR[0], questions=(ASKED._replace(type=28),)), id="another type's"),
        pytest.param(answer(FOUR[0], questions=(DNSQuestion("a.test", 1),)), id="another name's"),
        pytest.param(
            answer(FOUR[0], questions=(DNSQuestion("WWW.test", 1),)), id="in other letters"
        ),
        pytest.param(answer(FOUR[0], authority=FOUR), id="with whose answer it is"),
        pytest.param(answer(FOUR[0], additional=FOUR), id="with what may be asked next"),
        pytest.param(answer(*FOUR, *SIX), id="of two types"),
        pytest.param(answer(CNAMERecord(NAME, 60, "a.test"), FOUR[0]), id="with an alias"),
        pytest.param(answer(TXTRecord(NAME, 60, (b"abc",))), id="of as many bytes"),
        pytest.param(answer(ARecord("a.test", 60, IPv4Address("192.0.2.7"))), id="of another name"),
        pytest.param(answer(*FOUR)[:-1], id="cut off in a record"),
        pytest.param(answer(*FOUR, payload_size=1232)[:-1], id="cut off in the options"),
        pytest.param(answer(*FOUR, payload_size=1232)[:-11], id="without its options"),
        pytest.param(answer(*FOUR, payload_size=1232) + b"?", id="with something behind it"),
        pytest.param(answer()[:11], id="cut off in the header"),
        pytest.param(answer()[:20], id="cut off in the question"),
        pytest.param(answer(*FOUR).replace(b"\0\1\0\1\0\0\0", b"\0\1\0\3\0\0\0"), id="of a class"),
        pytest.param(answer(*FOUR).replace(b"\0\1\0\0\0\x3d", b"\0\1\x80\0\0\x3d"), id="old"),
        pytest.param(answer(*FOUR).replace(b"\0\4\xc0", b"\0\3\xc0"), id="of another size"),
        pytest.param(answer(*FOUR).replace(b"\0\1\0\3", b"\0\2\0\3", 1), id="that says of two"),
    ],
)
def test_what_is_not_as_usual_is_left(data: bytes) -> None:
    assert usual_answer(data, pack_question(*ASKED[:2])) is None


def test_only_addresses_are_usual() -> None:
    record = TXTRecord(NAME, 60, (b"abc",))
    asked = DNSQuestion(NAME, record.type)
    data = pack_message(ANSWER._replace(questions=(asked,), answers=(record,)))
    assert usual_answer(data, pack_question(*asked[:2])) is None


def test_there_may_be_nothing_in_it() -> None:
    assert usual_answer(answer(), pack_question(*ASKED[:2])) == []
