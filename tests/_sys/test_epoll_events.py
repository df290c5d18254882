"""What epoll(7) tells, and whom it is for, which a build may ask for in its own way."""

import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.timing import PATIENCE

if sys.platform != "linux":
    pytest.skip("epoll is Linux's", allow_module_level=True)

import select

from trunkline._sys.epoll_events import EpollEvents
from trunkline._sys.readiness import HUNG_UP, READABLE, WRITABLE
from trunkline._sys.registration import Registration

Watched = tuple[select.epoll, dict[int, Registration]]
Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.fixture
def watched(pair: Pair) -> Iterator[Watched]:
    """A set in which one of the pair is, for what it can receive."""
    number = pair[0].fileno()
    with select.epoll() as epoll:
        epoll.register(number, READABLE)
        yield epoll, {number: Registration(number)}


def test_what_is_ready_is_told_and_its_registration_learns_for_what(
    pair: Pair, watched: Watched
) -> None:
    epoll, registered = watched
    number = pair[0].fileno()
    events = EpollEvents()
    assert not events.pairs()
    assert not events.registrations(registered)
    assert events.wait(epoll, 0, registered) == 0
    assert not events.pairs()
    assert not events.registrations(registered)
    pair[1].sendall(b"some")
    assert events.wait(epoll, -1, registered) == 1
    assert events.pairs() == [(number, READABLE)]
    assert events.registrations(registered) == [registered[number]]
    assert registered[number]._events == READABLE
    epoll.modify(number, READABLE | WRITABLE)
    pair[1].close()
    events.wait(epoll, PATIENCE, registered)
    assert events.registrations(registered) == [registered[number]]
    assert registered[number]._events == READABLE | WRITABLE | HUNG_UP
    pair[0].recv(10)


def test_what_is_not_known_any_more_is_left_out(pair: Pair, watched: Watched) -> None:
    epoll, registered = watched
    events = EpollEvents()
    pair[1].sendall(b"some")
    events.wait(epoll, -1, registered)
    assert events.registrations({}) == []
    assert events.pairs() == [(pair[0].fileno(), READABLE)]


def test_two_do_not_mix_up_what_they_are_told(pair: Pair, watched: Watched) -> None:
    epoll, registered = watched
    first, second = EpollEvents(), EpollEvents()
    pair[1].sendall(b"some")
    first.wait(epoll, -1, registered)
    pair[0].recv(10)
    second.wait(epoll, 0, registered)
    assert second.pairs() == []
    assert first.registrations(registered) == [*registered.values()]


def test_more_are_told_in_several_turns_and_none_is_forgotten() -> None:
    # As many as there is room for, and one more.
    with select.epoll() as epoll:
        numbers = [os.eventfd(1) for _ in range(1024)]
        try:
            registered = {number: Registration(number) for number in numbers}
            for number in numbers:
                epoll.register(number, READABLE | select.EPOLLONESHOT)
            events = EpollEvents()
            told: list[Registration] = []
            for most in 1023, 1:
                assert events.wait(epoll, PATIENCE, registered) == len(events.pairs()) == most
                told += events.registrations(registered)
            assert {*told} == {*registered.values()}
        finally:
            for number in numbers:
                os.close(number)


def test_a_set_that_is_closed_is_an_error(watched: Watched) -> None:
    epoll, registered = watched
    epoll.close()
    with pytest.raises(ValueError, match="closed epoll"):
        EpollEvents().wait(epoll, 0, registered)


class Fired(Exception):
    """What a signal handler raises."""


@pytest.fixture
def alarm() -> Iterator[Callable[[Callable[[], object]], None]]:
    """A function that has something called by a signal, very soon and again and again."""

    def start(strike: Callable[[], object]) -> None:
        signal.signal(signal.SIGALRM, lambda number, frame: strike())
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)

    before = signal.getsignal(signal.SIGALRM)
    yield start
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def test_a_wait_that_is_interrupted_goes_on(
    pair: Pair, watched: Watched, alarm: Callable[[Callable[[], object]], None]
) -> None:
    epoll, registered = watched
    struck = 0

    def strike() -> None:
        nonlocal struck
        struck += 1
        if struck == 5:
            pair[1].sendall(b"some")

    alarm(strike)
    events = EpollEvents()
    events.wait(epoll, PATIENCE, registered)
    assert struck >= 5
    assert events.registrations(registered) == [*registered.values()]


def test_a_wait_that_is_interrupted_all_the_time_has_an_end(
    watched: Watched, alarm: Callable[[Callable[[], object]], None]
) -> None:
    epoll, registered = watched
    struck = []
    alarm(lambda: struck.append(True))
    events = EpollEvents()
    events.wait(epoll, 0.02, registered)
    assert struck
    assert events.pairs() == []


def test_what_a_signal_handler_raises_ends_the_wait(
    watched: Watched, alarm: Callable[[Callable[[], object]], None]
) -> None:
    def strike() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        raise Fired

    epoll, registered = watched
    events = EpollEvents()

    def wait() -> None:
        alarm(strike)
        events.wait(epoll, PATIENCE, registered)

    with pytest.raises(Fired):
        wait()
    assert events.registrations(registered) == []


def test_a_set_that_a_signal_handler_closes_is_not_taken_for_another_file(
    watched: Watched, alarm: Callable[[Callable[[], object]], None]
) -> None:
    epoll, registered = watched
    alarm(epoll.close)
    # It may have come just before.
    with pytest.raises((OSError, ValueError), match=rf"closed epoll|{os.strerror(errno.EBADF)}"):
        EpollEvents().wait(epoll, PATIENCE, registered)


@pytest.mark.parametrize("wrong", ["text", object(), [], 1e300, float("nan")])
def test_what_is_no_time_is_told(watched: Watched, wrong: Any) -> None:
    with pytest.raises((TypeError, OverflowError, ValueError)):
        EpollEvents().wait(watched[0], wrong, watched[1])


@pytest.mark.parametrize("wrong", [None, object(), 3])
def test_what_is_no_set_is_told(watched: Watched, wrong: Any) -> None:
    with pytest.raises((TypeError, AttributeError)):
        EpollEvents().wait(wrong, 0, watched[1])
    with pytest.raises((TypeError, AttributeError)):
        EpollEvents().wait(watched[0], 0, wrong)


@pytest.mark.parametrize("wrong", [None, object(), 3])
def test_what_has_no_registrations_is_told(pair: Pair, watched: Watched, wrong: Any) -> None:
    epoll, registered = watched
    events = EpollEvents()
    pair[1].sendall(b"some")
    events.wait(epoll, -1, registered)
    with pytest.raises((TypeError, AttributeError)):
        events.registrations(wrong)
    with pytest.raises((TypeError, AttributeError)):
        events.registrations({pair[0].fileno(): wrong})
