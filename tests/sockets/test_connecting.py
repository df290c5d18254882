"""Connecting to a name: its addresses race, and whoever loses is closed.

See `sockets.hosts` for the host that they belong to.
"""

import sys
import time
from ipaddress import IPv4Address
from typing import Any

import pytest
from sockets.helpers import full_listener, no_descriptors_left
from sockets.hosts import MULTICAST, ONE, SIX, THREE, TWO, Names, hosts
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    AddressNotAvailable,
    ConnectFailed,
    ConnectionRefused,
    Endpoint,
    IPAddress,
    NetworkUnreachable,
    NoName,
    Resolution,
    TimedOut,
    TooManyOpenFiles,
    make_socket,
)
from trunkline._sys.clock import monotonic
from trunkline.sockets import ATTEMPT_DELAY, connecting


def connect(
    names: Names, port: int, *, timeout: float | None = PATIENCE, **options: Any
) -> ActiveSocket:
    sock: ActiveSocket = make_socket(
        remote_host="host.example", remote_port=port, resolver=names, timeout=timeout, **options
    )
    return sock


# -- who wins -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusing", "answering"), [(SIX, ONE), (ONE, SIX), (TWO, ONE)], ids=["6 4", "4 6", "4 4"]
)
def test_when_the_first_address_refuses_the_second_is_tried_at_once(
    refusing: IPAddress, answering: IPAddress
) -> None:
    with (
        hosts(answering=[answering]) as at,
        connect(Names(refusing, answering), at.port, attempt_delay=PATIENCE) as sock,
    ):
        assert sock.is_connected
        assert sock.remote_name == Endpoint(answering, at.port)
        assert sock.address_family == f"ipv{answering.version}"


def test_a_delay_that_no_clock_can_reckon_with_is_for_ever() -> None:
    with (
        hosts(answering=[ONE]) as at,
        connect(Names(TWO, ONE), at.port, attempt_delay=10**400) as sock,
    ):
        assert sock.remote_name == Endpoint(ONE, at.port)


@pytest.mark.parametrize(
    ("hanging", "answering"), [(SIX, ONE), (ONE, SIX), (TWO, ONE)], ids=["6 4", "4 6", "4 4"]
)
def test_when_the_first_address_does_not_answer_the_second_is_tried_beside_it(
    hanging: IPAddress, answering: IPAddress
) -> None:
    with hosts(answering=[answering], hanging=[hanging]) as at:
        start = time.monotonic()
        names = Names(hanging, answering)
        with connect(names, at.port, attempt_delay=20 * MS) as sock:
            assert sock.remote_name == Endpoint(answering, at.port)
        assert 20 * MS <= time.monotonic() - start < PATIENCE


@pytest.mark.exact_io("an injected EINTR looks as if nobody had come")
def test_when_the_first_address_answers_no_other_is_tried() -> None:
    with hosts(answering=[ONE, TWO]) as at, connect(Names(ONE, TWO), at.port) as sock:
        assert sock.remote_host == ONE
        assert (at.accepted(ONE), at.accepted(TWO)) == (1, 0)


def test_one_at_a_time_if_that_is_wanted() -> None:
    with hosts(answering=[ONE], hanging=[TWO]) as at:
        with pytest.raises(TimedOut):
            connect(Names(TWO, ONE), at.port, attempt_delay=None, timeout=30 * MS)
        assert at.accepted(ONE) == 0
        with connect(Names(THREE, ONE), at.port, attempt_delay=None) as sock:
            assert sock.remote_host == ONE


def test_without_a_delay_all_are_tried_at_once() -> None:
    with hosts(answering=[ONE], hanging=[SIX, TWO]) as at:
        start = time.monotonic()
        with connect(Names(SIX, TWO, ONE), at.port, attempt_delay=0) as sock:
            assert sock.remote_host == ONE
        assert time.monotonic() - start < 2 * ATTEMPT_DELAY  # when it would be its turn


def test_the_families_take_turns() -> None:
    with hosts(answering=[SIX], hanging=[ONE, TWO, THREE]) as at:
        names = Names(ONE, TWO, THREE, SIX)
        start = time.monotonic()
        with connect(names, at.port, attempt_delay=200 * MS) as sock:
            assert sock.remote_host == SIX
        # It is the second to be tried and not the fourth.
        assert time.monotonic() - start < 3 * 200 * MS


# -- what each attempt has ------------------------------------------------------------------------


def test_every_attempt_has_all_options() -> None:
    with hosts(answering=[ONE]) as at:
        options: dict[str, Any] = {"keepalive": True, "nodelay": False, "local_host": "127.0.0.7"}
        with connect(Names(TWO, ONE), at.port, external_format="latin-1", **options) as sock:
            assert sock.get_option("keepalive") is True
            assert sock.get_option("nodelay") is False
            assert sock.local_host == IPv4Address("127.0.0.7")
            assert str(sock.external_format) == "iso8859-1/lf"
            assert sock.timeout == PATIENCE


def test_a_source_address_decides_which_addresses_are_tried() -> None:
    with hosts(answering=[SIX, ONE]) as at:
        with connect(Names(SIX, ONE), at.port, local_host="127.0.0.1") as sock:
            assert sock.remote_host == ONE
        with connect(Names(ONE, SIX), at.port, local_host="::1") as sock:
            assert sock.remote_host == SIX


def test_a_source_address_of_another_family_than_all_addresses_is_an_error() -> None:
    with hosts() as at, pytest.raises(NoName, match=r"^resolve host\.example: "):
        connect(Names(ONE), at.port, local_host="::1")


def test_a_source_address_that_is_not_ours_fails_each_attempt() -> None:
    with hosts(answering=[ONE]) as at:
        with pytest.raises(AddressNotAvailable) as caught:
            connect(Names(TWO, ONE), at.port, local_host="203.0.113.1")
        assert len(caught.value.attempts) == 2


def test_the_family_can_be_chosen() -> None:
    names = Names(SIX, ONE)
    with hosts(answering=[SIX, ONE]) as at:
        for family, expected in (("ipv4", ONE), ("ipv6", SIX)):
            with connect(names, at.port, address_family=family) as sock:
                assert sock.remote_host == expected
    assert [family for _, family, _ in names.asked] == ["ipv4", "ipv6"]


def test_the_source_address_may_be_a_name_too() -> None:
    class SourceNames(Names):
        def resolve(
            self, host: str, *, family: str = "internet", timeout: float | None = None
        ) -> Resolution:
            super().resolve(host, family=family, timeout=timeout)
            return Resolution((TWO if host == "source.example" else ONE,), None)

    names = SourceNames(ONE)
    with (
        hosts(answering=[ONE]) as at,
        connect(names, at.port, local_host="source.example") as sock,
    ):
        assert sock.local_host == TWO
    assert [host for host, *_ in names.asked] == ["source.example", "host.example"]


# -- when all fail --------------------------------------------------------------------------------


@pytest.mark.parametrize("addresses", [(SIX, ONE), (ONE, TWO, THREE)])
def test_when_all_refuse_the_connection_is_refused(addresses: tuple[IPAddress, ...]) -> None:
    with (
        hosts() as at,
        pytest.raises(ConnectionRefused, match=rf"^connect host\.example:{at.port}: ") as caught,
    ):
        connect(Names(*addresses), at.port)
    attempts = caught.value.attempts
    assert [attempt.address for attempt in attempts] == [
        Endpoint(address, at.port) for address in addresses
    ]
    assert all(type(attempt) is ConnectionRefused for attempt in attempts)
    for address in addresses:
        assert str(Endpoint(address, at.port)) in str(caught.value)


def test_localhost_refuses_on_both_families() -> None:
    with hosts() as at:
        with pytest.raises(ConnectionRefused) as caught:
            make_socket(remote_host="localhost", remote_port=at.port, resolver=Names(SIX, ONE))
        assert str(caught.value).startswith(f"connect localhost:{at.port}: Connection refused")
        assert len(caught.value.attempts) == 2


def test_the_error_of_a_single_address_is_its_own() -> None:
    with hosts() as at:
        with pytest.raises(ConnectionRefused) as caught:
            connect(Names(ONE), at.port)
        assert caught.value.address == Endpoint(ONE, at.port)
        assert caught.value.attempts == ()


def test_when_they_fail_differently_the_error_says_what_became_of_each() -> None:
    with (
        hosts() as at,
        pytest.raises(ConnectFailed, match="no address could be connected to") as caught,
    ):
        connect(Names(ONE, MULTICAST), at.port)
    kinds = {attempt.address.host: type(attempt) for attempt in caught.value.attempts}  # type: ignore[attr-defined]
    assert kinds == {ONE: ConnectionRefused, MULTICAST: NetworkUnreachable}
    assert "Connection refused" in str(caught.value)
    assert "unreachable" in str(caught.value)


def test_an_address_that_fails_at_once_is_no_obstacle() -> None:
    with (
        hosts(answering=[ONE]) as at,
        connect(Names(MULTICAST, ONE), at.port, attempt_delay=PATIENCE) as sock,
    ):
        assert sock.remote_host == ONE


def test_a_name_that_does_not_exist_is_no_attempt() -> None:
    with pytest.raises(NoName, match=r"^resolve host\.example: "):
        connect(Names(), 0)


def test_without_descriptors_each_attempt_fails() -> None:
    with hosts(answering=[ONE]) as at, no_descriptors_left(), pytest.raises(TooManyOpenFiles):
        connect(Names(TWO, ONE), at.port)


# -- time -----------------------------------------------------------------------------------------


def test_when_nobody_answers_the_time_runs_out() -> None:
    with hosts(hanging=[SIX, ONE]) as at:
        start = time.monotonic()
        with pytest.raises(
            TimedOut, match=rf"^connect host\.example:{at.port}: time limit passed"
        ) as caught:
            connect(Names(SIX, ONE), at.port, timeout=50 * MS, attempt_delay=10 * MS)
        assert 50 * MS <= time.monotonic() - start < PATIENCE
    assert caught.value.deadline
    assert caught.value.attempts == ()


def test_when_the_time_runs_out_it_is_told_who_has_failed_until_then() -> None:
    with hosts(hanging=[ONE]) as at, pytest.raises(TimedOut) as caught:
        connect(Names(TWO, ONE), at.port, timeout=30 * MS)
    assert [type(attempt) for attempt in caught.value.attempts] == [ConnectionRefused]


def test_the_resolver_is_given_the_time_limit() -> None:
    names = Names(ONE)
    with hosts(answering=[ONE]) as at:
        connect(names, at.port, timeout=7).close()
        connect(names, at.port, timeout=None).close()
    assert names.asked == [("host.example", "internet", 7), ("host.example", "internet", None)]


def test_the_time_that_resolving_takes_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = 0.0

    class SlowNames(Names):
        def resolve(
            self, host: str, *, family: str = "internet", timeout: float | None = None
        ) -> Resolution:
            nonlocal ahead
            ahead += 3600  # as if an hour had passed
            return super().resolve(host, family=family, timeout=timeout)

    module = sys.modules["trunkline.sockets.make_socket"]  # its package has the function there
    monkeypatch.setattr(module, "monotonic", lambda: monotonic() + ahead)
    with hosts(hanging=[ONE]) as at, pytest.raises(TimedOut):
        connect(SlowNames(ONE), at.port, timeout=3600 + 20 * MS)


def test_a_time_limit_of_a_resolver_comes_out_of_it() -> None:
    class HangingNames(Names):
        def resolve(
            self, host: str, *, family: str = "internet", timeout: float | None = None
        ) -> Resolution:
            raise TimedOut.expired("resolve", host)

    with pytest.raises(TimedOut, match=r"^resolve host\.example: "):
        connect(HangingNames(), 0, timeout=1)


def test_an_interruption_leaves_no_attempt_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    with full_listener() as listener:
        monkeypatch.setattr(connecting, "wait_for_any", interrupt)
        with pytest.raises(KeyboardInterrupt):
            connect(Names(TWO, ONE), listener.getsockname()[1])
