"""The system's name service: its answers, its errors, and its taking too long."""

import socket
import threading
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from support.timing import MS, PATIENCE

from trunkline import (
    NoName,
    OutOfMemory,
    ResolverError,
    ServerFailure,
    TimedOut,
    TryAgain,
)
from trunkline._sys.host_names import addresses_of, name_of

STREAM = (socket.SOCK_STREAM, socket.IPPROTO_TCP)


def answers(monkeypatch: pytest.MonkeyPatch, entries: list[Any]) -> list[tuple[Any, ...]]:
    """Let getaddrinfo return these entries, and return what it is asked."""
    asked: list[tuple[Any, ...]] = []

    def getaddrinfo(*arguments: Any) -> list[Any]:
        asked.append(arguments)
        return entries

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def fails(monkeypatch: pytest.MonkeyPatch, name: str, error: BaseException) -> None:
    """Let one of the system's functions raise an error."""

    def function(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(socket, name, function)


def test_the_addresses_keep_their_order_and_come_once_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = answers(
        monkeypatch,
        [
            (socket.AF_INET6, *STREAM, "real.example", ("2001:db8::1", 0, 0, 0)),
            (socket.AF_INET, *STREAM, "", ("192.0.2.1", 0)),
            (socket.AF_INET6, *STREAM, "", ("2001:db8::1", 0, 0, 0)),
        ],
    )
    found = addresses_of("host.example", socket.AF_UNSPEC, None)
    assert found == ("real.example", [IPv6Address("2001:db8::1"), IPv4Address("192.0.2.1")])
    assert asked[0][0] == "host.example"
    assert asked[0][2] == socket.AF_UNSPEC


def test_families_that_nobody_asked_for_are_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, [(socket.AF_UNIX, *STREAM, "", "/run/x")])
    assert addresses_of("host.example", socket.AF_UNSPEC, None) == (None, [])


def test_a_scope_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, [(socket.AF_INET6, *STREAM, "", ("fe80::1", 0, 0, 424242))])
    assert addresses_of("host.example", 0, None)[1] == [IPv6Address("fe80::1%424242")]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (socket.EAI_AGAIN, TryAgain),
        (socket.EAI_NONAME, NoName),
        (socket.EAI_NODATA, NoName),
        (socket.EAI_FAIL, ServerFailure),
        (socket.EAI_MEMORY, ResolverError),
    ],
)
@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_each_failure_has_its_class(
    monkeypatch: pytest.MonkeyPatch, code: int, kind: type, timeout: float | None
) -> None:
    fails(monkeypatch, "getaddrinfo", socket.gaierror(code, "so it is"))
    with pytest.raises(ResolverError, match=r"^resolve host.example: so it is$") as caught:
        addresses_of("host.example", 0, timeout)
    assert type(caught.value) is kind
    assert caught.value.errno == code
    assert caught.value.host == "host.example"


def test_other_system_errors_are_ours_too(monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, "getaddrinfo", OSError(12, "no memory"))
    with pytest.raises(OutOfMemory, match=r"^resolve host\.example: "):
        addresses_of("host.example", 0, None)


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_a_name_that_cannot_be_one_is_a_value_error(timeout: float | None) -> None:
    with pytest.raises(ValueError, match="not the name of a host"):
        addresses_of("a" * 64 + ".example", 0, timeout)


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_what_else_goes_wrong_in_the_thread_comes_out_of_it(
    monkeypatch: pytest.MonkeyPatch, timeout: float | None
) -> None:
    fails(monkeypatch, "getaddrinfo", ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        addresses_of("host.example", 0, timeout)


@pytest.mark.parametrize(
    ("function", "argument", "call"),
    [
        ("getaddrinfo", "host.example", addresses_of),
        ("getnameinfo", IPv4Address("192.0.2.1"), name_of),
    ],
)
def test_the_time_limit_holds_though_the_system_cannot_be_stopped(
    monkeypatch: pytest.MonkeyPatch, function: str, argument: Any, call: Callable[..., object]
) -> None:
    finish = threading.Event()

    def never(*arguments: object) -> None:
        finish.wait(PATIENCE)

    monkeypatch.setattr(socket, function, never)
    arguments = (argument, 0, 20 * MS) if call is addresses_of else (argument, 20 * MS)
    with pytest.raises(TimedOut, match="time limit passed") as caught:
        call(*arguments)
    assert caught.value.deadline
    assert caught.value.address == argument
    finish.set()


def test_within_the_time_limit_the_answer_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, [(socket.AF_INET, *STREAM, "", ("192.0.2.1", 0))])
    assert addresses_of("h", 0, PATIENCE) == addresses_of("h", 0, None)


def test_localhost_is_a_loopback_address() -> None:
    _, addresses = addresses_of("localhost", socket.AF_UNSPEC, None)
    assert addresses
    assert all(address.is_loopback for address in addresses)


def test_an_address_with_a_name_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def getnameinfo(*arguments: object) -> tuple[str, str]:
        asked.extend(arguments)
        return "host.example", "0"

    monkeypatch.setattr(socket, "getnameinfo", getnameinfo)
    assert name_of(IPv6Address("2001:db8::1"), None) == "host.example"
    assert asked == [("2001:db8::1", 0), socket.NI_NAMEREQD]


def test_an_address_without_a_name_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    fails(monkeypatch, "getnameinfo", socket.gaierror(socket.EAI_NONAME, "no name"))
    with pytest.raises(NoName, match=r"^reverse 192\.0\.2\.1: no name$"):
        name_of(IPv4Address("192.0.2.1"), None)
