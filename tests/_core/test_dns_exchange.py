"""Asking name servers one question, without a network: whom, how, and what of it is believed."""

from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import count
from typing import Any

import pytest

from trunkline import (
    Endpoint,
    NoName,
    NoRecord,
    QueryRefused,
    ResolverError,
    ServerFailure,
    TryAgain,
)
from trunkline._core.dns_exchange import Ask, DNSAnswer, Exchange
from trunkline._core.dns_message import DNSMessage, DNSQuestion, pack_message, unpack_message
from trunkline._core.resolver_config import ResolverConfig
from trunkline.names import ARecord, CNAMERecord, DNSRecord, MXRecord, RecordType, SOARecord

ONE, TWO = (Endpoint(IPv4Address(f"192.0.2.{number}"), 53) for number in (1, 2))
CONFIG = ResolverConfig(servers=(ONE, TWO), attempts=2, timeout=3.0)
WWW = ARecord("www.test", 60, IPv4Address("192.0.2.80"))
ALIAS = CNAMERecord("alias.test", 30, "www.test")
SOA = SOARecord("test", 500, "ns.test", "me.test", 1, 2, 3, 4, 100)
NO_ANSWER = "no answer"


def exchange(name: str = "www.test", kind: int = RecordType.A, **options: Any) -> Exchange:
    config = options.pop("config", CONFIG)
    return Exchange(name, kind, config, make_id=count(7).__next__, **options)


def reply_to(ask: Ask, *answers: DNSRecord, **options: Any) -> bytes:
    question = unpack_message(ask.message)
    options = {"questions": question.questions, "is_response": True, **options}
    return pack_message(DNSMessage(id=question.id, answers=answers, **options))


def asked(step: object) -> Ask:
    assert isinstance(step, Ask)
    return step


def answer_all(doing: Exchange, answer: Callable[[Ask, str], bytes]) -> None:
    """Answer whatever is asked, until an error ends that, or it has been too often."""
    step: object = doing.ask()
    for _ in range(50):
        name = unpack_message(asked(step).message).questions[0].name
        step = doing.received(answer(asked(step), name))


# -- the question ---------------------------------------------------------------------------------


def test_the_first_server_is_asked_by_a_datagram() -> None:
    ask = exchange().ask()
    assert (ask.server, ask.transport, ask.timeout) == (ONE, "udp", 3.0)
    message = unpack_message(ask.message)
    assert (message.id, message.recursion_desired, message.is_response) == (7, True, False)
    assert message.questions == (DNSQuestion("www.test", 1),)
    assert message.payload_size == 1232


def test_all_servers_are_asked_as_often_as_is_said_each_with_another_id() -> None:
    doing = exchange(first=1)
    asks = [doing.ask(), *(doing.failed(NO_ANSWER) for _ in range(3))]
    assert [ask.server for ask in asks] == [TWO, ONE, TWO, ONE]
    assert len({ask.message[:2] for ask in asks}) == 4
    with pytest.raises(TryAgain, match="no answer"):
        doing.failed(NO_ANSWER)


def test_a_connection_may_be_wanted_from_the_beginning() -> None:
    doing = exchange(config=replace(CONFIG, use_tcp=True))
    assert doing.ask().transport == doing.failed(NO_ANSWER).transport == "tcp"


def test_what_is_no_name_is_not_asked_for() -> None:
    with pytest.raises(ValueError, match="name"):
        exchange("a..b")


# -- the answer -----------------------------------------------------------------------------------


def test_the_records_that_were_asked_for_are_the_answer() -> None:
    doing = exchange("WWW.test")
    assert doing.received(reply_to(doing.ask(), WWW, replace(WWW, ttl=20))) == DNSAnswer(
        "WWW.test", 1, (WWW, replace(WWW, ttl=20)), "www.test", 20, ONE
    )


def test_aliases_are_followed_within_an_answer() -> None:
    doing = exchange("alias.test")
    answer = doing.received(reply_to(doing.ask(), WWW, ALIAS))
    assert answer == DNSAnswer("alias.test", 1, (ALIAS, WWW), "www.test", 30, ONE)


def test_an_alias_that_leads_out_of_the_answer_is_asked_for() -> None:
    doing = exchange("alias.test")
    ask = asked(doing.received(reply_to(doing.ask(), ALIAS)))
    assert unpack_message(ask.message).questions == (DNSQuestion("www.test", 1),)
    answer = doing.received(reply_to(ask, WWW))
    assert answer == DNSAnswer("alias.test", 1, (ALIAS, WWW), "www.test", 30, ONE)


def test_aliases_that_lead_round_in_a_circle_lead_nowhere() -> None:
    doing = exchange("a.test")
    circle = CNAMERecord("a.test", 1, "b.test"), CNAMERecord("b.test", 1, "a.test")
    with pytest.raises(NoRecord):
        doing.received(reply_to(doing.ask(), *circle))
    doing = exchange("a.test")
    with pytest.raises(NoRecord):
        answer_all(doing, lambda ask, here: reply_to(ask, CNAMERecord(here, 1, f"x{here}")))


def test_an_alias_itself_may_be_asked_for_and_everything() -> None:
    doing = exchange("alias.test", RecordType.CNAME)
    assert getattr(doing.received(reply_to(doing.ask(), ALIAS)), "records", None) == (ALIAS,)
    doing = exchange(kind=RecordType.ANY)
    mail = MXRecord("www.test", 5, 1, "mail.test")
    assert getattr(doing.received(reply_to(doing.ask(), WWW, mail)), "records", None) == (WWW, mail)


@pytest.mark.parametrize(("rcode", "kind"), [(0, NoRecord), (3, NoName)])
def test_that_there_is_nothing_is_an_answer_too(rcode: int, kind: type[NoName]) -> None:
    doing = exchange()
    with pytest.raises(NoName) as caught:
        doing.received(reply_to(doing.ask(), rcode=rcode, authority=(SOA,)))
    error = caught.value
    assert type(error) is kind
    assert (error.host, error.record_type, error.server, error.ttl) == ("www.test", 1, ONE, 100)


@pytest.mark.parametrize(
    ("authority", "ttl"),
    [
        ((), 0),
        ((replace(SOA, ttl=50),), 50),
        ((replace(SOA, name="."),), 100),
        ((replace(SOA, name="other"),), 0),
        ((replace(SOA, name="st"),), 0),
        ((replace(SOA, ttl=10**6, minimum=10**6),), 10_800),
    ],
)
def test_how_long_that_may_be_remembered(authority: Any, ttl: int) -> None:
    doing = exchange()
    with pytest.raises(NoName) as caught:
        doing.received(reply_to(doing.ask(), rcode=3, authority=authority))
    assert caught.value.ttl == ttl


@pytest.mark.parametrize("rcode", [0, 3])
def test_that_an_alias_leads_nowhere_is_so_for_as_long_as_it_is_one(rcode: int) -> None:
    doing = exchange("alias.test")
    end = {"rcode": rcode, "authority": (SOA,)}
    with pytest.raises(NoName) as caught:
        answer_all(doing, lambda ask, here: reply_to(ask, *[ALIAS][here == "www.test" :], **end))
    assert caught.value.ttl == ALIAS.ttl


def test_an_answer_that_was_cut_off_is_asked_for_in_a_connection() -> None:
    doing = exchange()
    ask = asked(doing.received(reply_to(doing.ask(), truncated=True)))
    assert (ask.server, ask.transport) == (ONE, "tcp")
    assert isinstance(doing.received(reply_to(ask, WWW, truncated=True)), DNSAnswer)


def test_so_is_one_that_was_cut_off_within_a_record() -> None:
    doing = exchange()
    cut = reply_to(doing.ask(), WWW, truncated=True)[:-3]
    assert asked(doing.received(cut)).transport == "tcp"


def test_that_there_is_nothing_left_of_it_in_a_connection_says_nothing_of_the_name() -> None:
    doing = exchange(config=replace(CONFIG, use_tcp=True))
    ask = asked(doing.received(reply_to(doing.ask(), truncated=True)))
    assert ask.server == TWO
    with pytest.raises(ServerFailure, match="cut off"):
        answer_all(doing, lambda ask, name: reply_to(ask, truncated=True))


@pytest.mark.parametrize("options", [{}, {"questions": ()}], ids=["", "does not repeat them"])
def test_a_server_that_knows_no_options_is_asked_without(options: Any) -> None:
    doing = exchange()
    ask = asked(doing.received(reply_to(doing.ask(), rcode=1, **options)))
    assert (ask.server, unpack_message(ask.message).payload_size) == (ONE, 512)
    assert isinstance(doing.received(reply_to(ask, WWW)), DNSAnswer)


@pytest.mark.parametrize(
    ("rcode", "kind", "said"),
    [
        (2, ServerFailure, "the server has failed"),
        (5, QueryRefused, "the server refuses to answer"),
        (9, ServerFailure, "the server has error 9"),
    ],
)
@pytest.mark.parametrize("options", [{}, {"questions": ()}], ids=["", "does not repeat them"])
def test_a_server_that_cannot_tell_is_followed_by_the_next(
    rcode: int, kind: type[ResolverError], said: str, options: Any
) -> None:
    doing = exchange()
    servers = []

    def answer(ask: Ask, name: str) -> bytes:
        servers.append(ask.server)
        return reply_to(ask, rcode=rcode, **options)

    with pytest.raises(kind) as caught:
        answer_all(doing, answer)
    assert servers == [ONE, TWO, ONE, TWO]
    assert str(caught.value) == f"query www.test: {said} [192.0.2.2:53]"
    assert caught.value.ttl == 0


# -- lies -----------------------------------------------------------------------------------------


def test_what_is_no_answer_to_the_question_is_not_believed() -> None:
    doing = exchange()
    ask = doing.ask()
    truth = reply_to(ask, WWW)
    wrong = [
        b"",
        b"\0",
        b"\x12\x34" + truth[2:],
        reply_to(ask, WWW, is_response=False),
        reply_to(ask, WWW, opcode=5),
        reply_to(ask, WWW, questions=()),
        reply_to(ask, rcode=3, questions=()),
        reply_to(ask, rcode=2, questions=(DNSQuestion("other.test", 1),)),
        reply_to(ask, WWW, questions=(DNSQuestion("www.test", 1, 3),)),
        reply_to(ask, WWW, questions=(DNSQuestion("other.test", 1),)),
        reply_to(ask, WWW, questions=(DNSQuestion("www.test", 28),)),
        reply_to(ask, WWW, questions=(DNSQuestion("www.test", 1), DNSQuestion("www.test", 1))),
        ask.message,
    ]
    assert [doing.received(lie) for lie in wrong] == [None] * len(wrong)
    assert isinstance(doing.received(truth), DNSAnswer)


def test_an_answer_to_an_earlier_question_is_not_believed() -> None:
    doing = exchange()
    first = doing.ask()
    doing.failed(NO_ANSWER)
    assert doing.received(reply_to(first, WWW)) is None


def test_records_of_other_names_do_not_count() -> None:
    doing = exchange()
    lies = replace(WWW, name="bank.test"), replace(ALIAS, name="bank.test")
    answer = doing.received(reply_to(doing.ask(), WWW, *lies, authority=lies, additional=lies))
    assert getattr(answer, "records", None) == (WWW,)
    doing = exchange()
    with pytest.raises(NoRecord):
        doing.received(reply_to(doing.ask(), *lies))


def test_garbage_with_the_right_id_is_a_failure_of_the_server() -> None:
    doing = exchange()
    ask = doing.ask()
    assert asked(doing.received(ask.message[:2] + b"garbage")).server == TWO
