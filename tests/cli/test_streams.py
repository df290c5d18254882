"""The standard streams on an event base: pipes, terminals and files, to be read and written."""

import contextlib
import os
import pty
from collections.abc import Iterator
from pathlib import Path

import pytest

from trunkline import EventBase
from trunkline._sys.owned_number import OwnedNumber
from trunkline.cli.connect.streams import open_input, open_output

MUCH = bytes(range(256)) * 8192  # 2 MiB


class Noting:
    """Notes what streams tell."""

    def __init__(self, base: EventBase) -> None:
        self._base = base
        self.data = b""
        self.told: list[object] = []

    def input_received(self, data: bytes) -> None:
        self.data += data

    def input_ended(self, error: Exception | None) -> None:
        self._end("ended", error)

    def output_full(self) -> None:
        self.told.append("full")

    def output_has_room(self) -> None:
        self.told.append("room")

    def output_closed(self, error: Exception | None) -> None:
        self._end("closed", error)

    def _end(self, what: str, error: Exception | None) -> None:
        self.told.append((what, error))
        self._base.exit()


@pytest.fixture
def base() -> Iterator[EventBase]:
    with EventBase() as base:
        yield base


@pytest.fixture
def noting(base: EventBase) -> Noting:
    return Noting(base)


@pytest.fixture
def pipe() -> Iterator[tuple[OwnedNumber, OwnedNumber]]:
    ends = OwnedNumber.several(os.pipe, ("r", "w"))
    with ends[0], ends[1]:
        yield ends[0], ends[1]


@contextlib.contextmanager
def terminal() -> Iterator[tuple[OwnedNumber, OwnedNumber]]:
    """Yield the two sides of a terminal: that of who types, and that of the program."""
    ends = OwnedNumber.several(pty.openpty, ("r+", "w"))
    with ends[0], ends[1]:
        yield ends[0], ends[1]


def test_a_file_is_read_to_its_end(base: EventBase, noting: Noting, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(MUCH)
    with OwnedNumber(tmp_path / "file") as file:
        source = open_input(base, file, noting)
        source.pause_reading()
        base.dispatch(timeout=0)
        assert noting.data == b""
        source.resume_reading()
        base.dispatch()
    assert (noting.data == MUCH, noting.told) == (True, [("ended", None)])


def test_what_is_given_up_tells_nothing(base: EventBase, noting: Noting, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(MUCH)
    with OwnedNumber(tmp_path / "file") as file:
        open_input(base, file, noting).abort()
        base.dispatch(timeout=0)
        base.dispatch(timeout=0)
    assert (noting.data, noting.told) == (b"", [])


def test_a_pipe_is_read_to_its_end(
    base: EventBase, noting: Noting, pipe: tuple[OwnedNumber, OwnedNumber]
) -> None:
    reading, writing = pipe
    writing.write(b"hello")
    writing.close()
    open_input(base, reading, noting)
    base.dispatch()
    assert (noting.data, noting.told) == (b"hello", [("ended", None)])


def test_a_file_is_written(base: EventBase, noting: Noting, tmp_path: Path) -> None:
    with OwnedNumber(tmp_path / "file", "w") as file:
        output = open_output(base, file, noting)
        output.write(MUCH)
        output.finish()
        base.dispatch()
    assert (tmp_path / "file").read_bytes() == MUCH
    assert noting.told == [("closed", None)]


def test_a_slow_reader_is_waited_for(
    base: EventBase, noting: Noting, pipe: tuple[OwnedNumber, OwnedNumber]
) -> None:
    reading, writing = pipe
    os.set_blocking(reading.fileno(), False)
    output = open_output(base, writing, noting)
    output.write(MUCH)
    assert noting.told == ["full"]
    received = b""
    while "room" not in noting.told:
        received += reading.read(65_536) or b""
        base.dispatch(timeout=0)
    output.finish()
    while len(received) < len(MUCH):
        received += reading.read(65_536) or b""
        base.dispatch(timeout=0)
    assert received == MUCH
    assert noting.told == ["full", "room", ("closed", None)]


def test_that_nobody_reads_is_noticed_though_nothing_is_written(
    base: EventBase, noting: Noting, pipe: tuple[OwnedNumber, OwnedNumber]
) -> None:
    reading, writing = pipe
    open_output(base, writing, noting)
    reading.close()
    base.dispatch()
    assert noting.told == [("closed", None)]


def test_what_is_typed_at_a_terminal_that_is_only_written_to_wakes_nobody(
    base: EventBase, noting: Noting
) -> None:
    with terminal() as (typing, program):
        output = open_output(base, program, noting)
        typing.write(b"typed\n")
        output.write(b"shown\n")
        base.dispatch(timeout=0)
        before = base.statistics().callbacks
        base.dispatch(timeout=0)
        base.dispatch(timeout=0)
        assert base.statistics().callbacks == before
        output.abort()
