"""What a server makes of an error of accept(2)."""

import errno

import pytest

from trunkline._core.accept_policy import (
    EPISODE_GAP,
    AcceptVerdict,
    ShortageEpisodes,
    accept_back_off,
    accept_verdict,
)
from trunkline.errors import SocketError, TimedOut

# accept(2), "Error handling": these are to be treated like EAGAIN, by trying again.
AS_LINUX_ASKS = (
    "EHOSTDOWN",
    "EHOSTUNREACH",
    "ENETDOWN",
    "ENETUNREACH",
    "ENONET",
    "ENOPROTOOPT",
    "EOPNOTSUPP",
    "EPROTO",
)
IGNORED = (*AS_LINUX_ASKS, "ECONNABORTED", "ECONNRESET", "EINTR", "EPERM", "ETIMEDOUT")
SHORTAGES = ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM")


def verdict_of(code: int) -> AcceptVerdict:
    return accept_verdict(SocketError.from_errno(code, operation="accept"))


@pytest.mark.parametrize("name", IGNORED)
def test_a_client_that_is_gone_is_ignored(name: str) -> None:
    assert verdict_of(getattr(errno, name)) is AcceptVerdict.IGNORE


@pytest.mark.parametrize("name", SHORTAGES)
def test_a_shortage_is_waited_for(name: str) -> None:
    assert verdict_of(getattr(errno, name)) is AcceptVerdict.BACK_OFF


def test_everything_else_is_the_fault_of_the_listening_socket() -> None:
    known = {getattr(errno, name) for name in IGNORED + SHORTAGES}
    others = set(errno.errorcode) - known
    assert {verdict_of(code) for code in others} == {AcceptVerdict.RAISE}
    for name in ("EBADF", "EINVAL", "ENOTSOCK", "EFAULT", "EACCES"):
        assert getattr(errno, name) in others


def test_the_number_counts_and_not_the_class() -> None:
    # Both are `PermissionDenied`; only one of them is a firewall's.
    assert verdict_of(errno.EPERM) is AcceptVerdict.IGNORE
    assert verdict_of(errno.EACCES) is AcceptVerdict.RAISE
    assert accept_verdict(SocketError(errno.EMFILE)) is AcceptVerdict.BACK_OFF
    assert accept_verdict(SocketError()) is AcceptVerdict.RAISE
    assert accept_verdict(TimedOut()) is AcceptVerdict.IGNORE


def test_the_delays_begin_short_and_end_at_a_second() -> None:
    back_off = accept_back_off()
    delays = [back_off.next_delay() for _ in range(20)]
    assert delays[0] == 0.01
    assert delays == sorted(delays)
    assert delays[-1] == 1.0
    assert accept_back_off() is not back_off


def test_a_shortage_that_goes_on_is_one_episode() -> None:
    episodes = ShortageEpisodes()
    assert episodes.begins(1000.0)
    assert not any(episodes.begins(1000.0 + tenths / 10) for tenths in range(3000))
    assert not episodes.begins(1300.0 + EPISODE_GAP - 1)
    assert episodes.begins(1300.0 + 3 * EPISODE_GAP)
