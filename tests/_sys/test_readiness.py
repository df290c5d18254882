"""Waiting for descriptors with the system's poll."""

import errno
import os
import resource
import select
import socket
import time
from collections.abc import Iterator

import pytest
from sockets.helpers import raising, signals
from support.peers import socket_pair
from support.timing import MS, PATIENCE

from trunkline import SocketError
from trunkline._sys.readiness import READABLE, WRITABLE, wait_for_any, wait_for_one


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket_pair() as sockets:
        yield sockets


def test_what_has_input_is_readable(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    right.sendall(b"x")
    assert wait_for_one(left.fileno(), READABLE, PATIENCE)
    assert not wait_for_one(right.fileno(), READABLE, 0)


def test_what_has_room_is_writable(pair: tuple[socket.socket, socket.socket]) -> None:
    left, _ = pair
    assert wait_for_one(left.fileno(), WRITABLE, PATIENCE)
    assert wait_for_one(left.fileno(), READABLE | WRITABLE, PATIENCE)


def test_the_end_of_file_is_readable(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    right.shutdown(socket.SHUT_WR)
    assert wait_for_one(left.fileno(), READABLE, PATIENCE)


def test_a_hang_up_is_noticed_whatever_is_waited_for(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    left, right = pair
    right.close()
    assert wait_for_any([(left.fileno(), 0)], PATIENCE)


def test_those_that_are_ready_are_named_and_no_others(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    left, right = pair
    right.sendall(b"x")
    interests = [(left.fileno(), READABLE), (right.fileno(), READABLE)]
    assert [number for number, _ in wait_for_any(interests, PATIENCE)] == [left.fileno()]
    assert wait_for_any([], 0) == []


def test_a_short_wait_is_not_a_busy_one(pair: tuple[socket.socket, socket.socket]) -> None:
    left, _ = pair
    start = time.monotonic()
    assert not wait_for_one(left.fileno(), READABLE, 0.0004)
    assert time.monotonic() - start >= 0.0004


def test_a_wait_lasts_its_time(pair: tuple[socket.socket, socket.socket]) -> None:
    left, _ = pair
    start = time.monotonic()
    assert not wait_for_one(left.fileno(), READABLE, 50 * MS)
    assert 50 * MS <= time.monotonic() - start < PATIENCE


@pytest.mark.parametrize("timeout", [1e6, 1e300])
def test_a_very_long_wait_is_cut_to_what_the_system_takes(
    pair: tuple[socket.socket, socket.socket], timeout: float
) -> None:
    left, right = pair
    right.sendall(b"x")
    assert wait_for_one(left.fileno(), READABLE, timeout)


def test_a_signal_does_not_shorten_a_wait(pair: tuple[socket.socket, socket.socket]) -> None:
    left, _ = pair
    calls: list[None] = []
    start = time.monotonic()
    with signals(5 * MS, lambda: calls.append(None)):
        assert not wait_for_one(left.fileno(), READABLE, 100 * MS)
    assert 100 * MS <= time.monotonic() - start < PATIENCE
    assert len(calls) > 1


def test_a_handler_that_raises_ends_a_wait(pair: tuple[socket.socket, socket.socket]) -> None:
    left, _ = pair
    with pytest.raises(KeyboardInterrupt), raising(5 * MS, KeyboardInterrupt):
        wait_for_one(left.fileno(), READABLE, None)


@pytest.mark.skipif(not hasattr(select, "poll"), reason="no poll here")
def test_more_descriptors_than_the_process_may_have_is_our_error() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # See poll(2): EINVAL where there are more descriptors to look at than may be open.
    numbers = [(number, READABLE) for number in range(64)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, hard))
    try:
        with pytest.raises(SocketError, match=r"^wait: ") as caught:
            wait_for_any(numbers, 0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert caught.value.errno == errno.EINVAL


def test_a_closed_descriptor_does_not_make_it_wait_for_ever() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    assert wait_for_one(reading, READABLE, None)
