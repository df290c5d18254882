"""The standard streams of a process, opened once more: what others have open stays as it was."""

import os
import pty
import select
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from trunkline._sys.standard_streams import (
    can_be_waited_for,
    is_pipe,
    standard_stream,
)


@pytest.fixture(params=["pipe", "terminal"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[int, int]]:
    """What can be opened once more: an end to read from, and one to write to."""
    reading, writing = os.pipe() if request.param == "pipe" else pty.openpty()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_it_is_opened_once_more(ends: tuple[int, int]) -> None:
    _, writing = ends
    with standard_stream(writing, "w") as file:
        assert file.fileno() != writing
        os.set_blocking(file.fileno(), False)
        assert os.get_blocking(writing)
        assert file.write(b"hello\n") == 6
    assert os.read(ends[0], 100).rstrip() == b"hello"


def test_what_cannot_be_opened_again_gets_its_property_back() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        with standard_stream(theirs.fileno(), "r") as file:
            os.set_blocking(file.fileno(), False)
            assert not os.get_blocking(theirs.fileno())
        assert os.get_blocking(theirs.fileno())


def test_a_pipe_that_nobody_reads_does_not_make_anybody_wait() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        with standard_stream(writing, "w") as file, pytest.raises(BrokenPipeError):
            file.write(b"x")
    finally:
        os.close(writing)


@pytest.mark.parametrize("is_named", [False, True])
def test_that_all_writers_have_gone_is_told_of_a_pipe(is_named: bool, tmp_path: Path) -> None:
    """Linux tells it of a pipe with a name only to those who were there at the same time."""
    if is_named:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writing = os.open(path, os.O_WRONLY)
    else:
        reading, writing = os.pipe()
    try:
        os.write(writing, b"last words")
        os.close(writing)
        with standard_stream(reading, "r") as file:
            assert file.read(100) == b"last words"
            poller = select.poll()
            poller.register(file.fileno(), select.POLLIN)
            assert poller.poll(0) == [(file.fileno(), select.POLLHUP)]
    finally:
        os.close(reading)


def test_a_file_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    number = os.open(path, os.O_RDONLY)
    try:
        os.read(number, 4)
        with standard_stream(number, "r") as file:
            assert not can_be_waited_for(file.fileno())
            assert file.read() == b"456789"
        assert os.read(number, 1) == b""
    finally:
        os.close(number)


def test_what_is_closed_is_told() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    os.close(writing)
    with pytest.raises(OSError, match="Bad file descriptor"), standard_stream(writing, "w"):
        pass


def test_what_can_be_waited_for(ends: tuple[int, int]) -> None:
    assert can_be_waited_for(ends[0])
    nothing = os.open(os.devnull, os.O_RDWR)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        try:
            assert not can_be_waited_for(nothing)
            assert can_be_waited_for(ours.fileno())
            assert not is_pipe(ours.fileno())
            assert is_pipe(ends[0]) == (not os.isatty(ends[0]))
        finally:
            os.close(nothing)
