"""The ends of pipes and terminals, below the streams."""

import errno
import os
from collections.abc import Iterator
from contextlib import closing

import pytest

from trunkline import BrokenPipe, OperationNotSupported, SocketClosed, SocketError
from trunkline._sys.owned_number import OwnedNumber
from trunkline._sys.pipe_descriptor import PipeDescriptor


@pytest.fixture
def ends() -> Iterator[tuple[PipeDescriptor, PipeDescriptor]]:
    """The end of a pipe to read from, and the one to write to."""
    reader, writer = map(PipeDescriptor, OwnedNumber.several(os.pipe, ("r", "w")))
    with closing(reader), closing(writer):
        yield reader, writer


def test_bytes_go_through_and_end(ends: tuple[PipeDescriptor, PipeDescriptor]) -> None:
    reader, writer = ends
    buffer = bytearray(10)
    assert reader.receive_into(buffer) is None
    assert writer.send(b"hello") == 5
    assert reader.receive_into(buffer) == 5
    assert buffer[:5] == b"hello"
    writer.close()
    assert reader.receive_into(buffer) == 0


def test_a_full_pipe_takes_no_more(ends: tuple[PipeDescriptor, PipeDescriptor]) -> None:
    _, writer = ends
    while writer.send(bytes(65_536)) is not None:
        pass
    with pytest.raises(BlockingIOError):
        writer.bare_send(b"x", 0)


def test_nobody_reads_is_told_to_who_writes(ends: tuple[PipeDescriptor, PipeDescriptor]) -> None:
    reader, writer = ends
    with pytest.raises(BlockingIOError):
        writer.bare_receive(10)
    reader.close()
    assert writer.bare_receive(10) == b""
    with pytest.raises(BrokenPipe):
        writer.send(b"x")


def test_what_is_closed_says_so(ends: tuple[PipeDescriptor, PipeDescriptor]) -> None:
    for end in ends:
        end.close()
    reader, writer = ends
    for call in (
        lambda: reader.receive_into(bytearray(1)),
        lambda: reader.bare_receive(1),
        lambda: writer.send(b"x"),
        lambda: writer.bare_send(b"x", 0),
        lambda: writer.bare_receive(1),
    ):
        with pytest.raises(SocketClosed):
            call()


def test_a_transfer_closes_the_one_and_not_the_file(
    ends: tuple[PipeDescriptor, PipeDescriptor],
) -> None:
    reader, writer = ends
    number = reader.number
    with reader.reading, reader.writing:
        heir = reader.transfer()
    with closing(heir):
        assert (reader.number, heir.number) == (-1, number)
        writer.send(b"x")
        assert heir.bare_receive(10) == b"x"


def test_a_terminal_ends_with_an_error_that_is_none() -> None:
    master, side = OwnedNumber.several(os.openpty, ("r+", "r+"))
    with closing(PipeDescriptor(master)) as terminal:
        assert not terminal.is_one_way
        side.close()
        assert terminal.receive_into(bytearray(10)) == 0
        assert terminal.bare_receive(10) == b""
        with pytest.raises(OperationNotSupported):
            terminal.shutdown(write=True)


def test_an_input_or_output_error_is_one_except_for_a_terminal_that_is_gone(
    ends: tuple[PipeDescriptor, PipeDescriptor],
) -> None:
    reader, writer = ends
    assert type(reader.failure(OSError(errno.EIO, ""), "receive")) is SocketError
    assert isinstance(writer.failure(OSError(errno.EIO, ""), "send"), BrokenPipe)


def test_a_number_that_is_forgotten_is_closed() -> None:
    one, other = OwnedNumber.several(os.pipe, ("r", "w"))
    number = one.fileno()
    del one
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)
    other.close()
