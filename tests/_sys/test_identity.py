"""Which open file a descriptor's number stands for."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.peers import socket_pair

from trunkline import SocketClosed
from trunkline._sys.identity import identify, same_file


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket_pair() as sockets:
        yield sockets


def test_a_descriptor_is_the_same_file_as_itself(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    identity = identify(pair[0].fileno())
    assert same_file(pair[0].fileno(), identity)


def test_two_sockets_are_two_files(pair: tuple[socket.socket, socket.socket]) -> None:
    left, right = pair
    assert not same_file(right.fileno(), identify(left.fileno()))


def test_two_pipes_are_two_files() -> None:
    numbers = [*os.pipe(), *os.pipe()]
    try:
        assert not same_file(numbers[2], identify(numbers[0]))
    finally:
        for number in numbers:
            os.close(number)


def test_a_duplicate_is_the_same_file(pair: tuple[socket.socket, socket.socket]) -> None:
    with pair[0].dup() as duplicate:
        assert same_file(duplicate.fileno(), identify(pair[0].fileno()))


def test_a_closed_descriptor_is_no_file(pair: tuple[socket.socket, socket.socket]) -> None:
    number = pair[0].fileno()
    identity = identify(number)
    pair[0].close()
    assert not same_file(number, identity)
    with pytest.raises(SocketClosed, match=f"^monitor descriptor {number}: "):
        identify(number)


def test_a_number_that_is_used_again_is_another_file(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    left, right = pair
    number = left.fileno()
    identity = identify(number)
    os.dup2(right.fileno(), number)
    assert not same_file(number, identity)


@pytest.mark.parametrize("kind", ["regular file", "directory"])
def test_what_is_always_ready_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").touch()
    number = os.open(tmp_path / "file" if kind == "regular file" else tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(ValueError, match=f"^descriptor {number} is a {kind}"):
            identify(number)
    finally:
        os.close(number)
