"""One answer of two: for IPv6 and for IPv4."""

from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from trunkline import NoName, Resolution, ServerFailure, TimedOut
from trunkline._core.family_answers import FamilyAnswers

FOUR, SIX = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")
NONE = NoName(strerror="no", operation="resolve", host="host")
FAILED = ServerFailure(strerror="no", operation="resolve", host="host")


def answers(host: str = "Host.test") -> FamilyAnswers[Any]:
    return FamilyAnswers(host)


@pytest.mark.parametrize("canonical", ["host.test", "host.test.", "HOST.test"])
def test_an_answer_under_the_very_name_is_the_hosts(canonical: str) -> None:
    asked = answers()
    assert asked.take("ipv4", Resolution((FOUR,), canonical))
    assert asked.take("ipv6", Resolution((SIX,), canonical))
    assert asked.are_all
    assert asked.are_of_one_host
    assert asked.result() == ((SIX, FOUR), canonical)


@pytest.mark.parametrize("canonical", ["host.test.example", None])
def test_one_under_another_name_may_not_be(canonical: str | None) -> None:
    asked = answers()
    assert not asked.take("ipv6", Resolution((SIX,), canonical))
    assert not asked.take("ipv4", Resolution((FOUR,), canonical))
    assert asked.are_of_one_host  # as both have it
    assert asked.result() == ((SIX, FOUR), canonical)


@pytest.mark.parametrize("family", ["ipv4", "ipv6"])
def test_one_answer_is_not_all(family: Any) -> None:
    asked = answers()
    asked.take(family, NONE)
    assert not asked.are_all


def test_two_names_are_two_hosts() -> None:
    asked = answers()
    asked.take("ipv6", Resolution((SIX,), "host.test.one"))
    asked.take("ipv4", Resolution((FOUR,), "host.test.two"))
    assert not asked.are_of_one_host


def test_a_name_that_ends_in_a_dot_is_searched_nowhere() -> None:
    asked = answers("host.test.")
    assert asked.take("ipv6", Resolution((SIX,), "web.test"))
    assert asked.take("ipv4", Resolution((FOUR,), "mail.test"))
    assert asked.are_of_one_host


@pytest.mark.parametrize("error", [NONE, FAILED, TimedOut()])
def test_one_answer_is_enough(error: Exception) -> None:
    asked = answers()
    assert not asked.take("ipv6", error)
    assert asked.take("ipv4", Resolution((FOUR,), "host.test"))
    assert asked.are_of_one_host
    assert asked.result() == ((FOUR,), "host.test")


@pytest.mark.parametrize(
    ("six", "four", "told"), [(NONE, FAILED, FAILED), (FAILED, NONE, FAILED), (NONE, NONE, NONE)]
)
def test_an_error_that_leaves_something_open_says_more(
    six: Exception, four: Exception, told: Exception
) -> None:
    asked = answers()
    asked.take("ipv6", six)
    asked.take("ipv4", four)
    with pytest.raises(type(told)) as caught:
        asked.result()
    assert caught.value is told
