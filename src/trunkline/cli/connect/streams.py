"""The standard streams on an event base: each is a transport, or a file that never has to wait."""

from typing import Protocol

from ..._sys.owned_number import OwnedNumber
from ..._sys.pipe_descriptor import PipeDescriptor
from ..._sys.standard_streams import can_be_waited_for, is_pipe
from ...multiplex import EventBase, Transport, TransportProtocol, adopt
from ...streams.pipe_stream import PipeStream

__all__ = ("Input", "Output", "Reader", "Writer", "open_input", "open_output")

_CHUNK = 65_536  # bytes that are read of a file at once
_HIGH_WATER = 262_144  # bytes that may wait for a slow reader of our output


class Reader(Protocol):
    """Who is told what comes from the standard input."""

    def input_received(self, data: bytes) -> object:
        """Something has come."""

    def input_ended(self, error: Exception | None) -> object:
        """There is no more."""


class Writer(Protocol):
    """Who is told of the standard output."""

    def output_full(self) -> object:
        """Nothing more should be written for now."""

    def output_has_room(self) -> object:
        """It may be again."""

    def output_closed(self, error: Exception | None) -> object:
        """Everything was written, after `Output.finish`; or it cannot be, for nobody reads it."""


class Input(Protocol):
    """The standard input."""

    def pause_reading(self) -> None:
        """Tell nothing, until `resume_reading`."""

    def resume_reading(self) -> None:
        """Undo that."""

    def abort(self) -> None:
        """Tell nothing any more."""


class Output(Protocol):
    """The standard output."""

    def write(self, data: bytes) -> None:
        """Write something, at once or when there is room."""

    def finish(self) -> None:
        """Write what is queued, and tell that this is done."""

    def abort(self) -> None:
        """Drop what is queued."""


def open_input(event_base: EventBase, file: OwnedNumber, reader: Reader) -> Input:
    """Begin to read a file, a pipe or a terminal; it is not owned by what is returned."""
    if can_be_waited_for(file.fileno()):
        return _WaitedInput(event_base, file, reader)
    return _FileInput(event_base, file, reader)


def open_output(
    event_base: EventBase, file: OwnedNumber, writer: Writer, high_water: int = _HIGH_WATER
) -> Output:
    """Return what writes to a file, a pipe or a terminal, which it does not own.

    Args:
        event_base: Who does it.
        file: Where to write.
        writer: Who is told of it.
        high_water: Bytes that may wait for a slow reader; of more, the writer is told.
    """
    if can_be_waited_for(file.fileno()):
        return _WaitedOutput(event_base, file, writer, high_water)
    return _FileOutput(event_base, file, writer)


class _WaitedInput(TransportProtocol):
    def __init__(self, event_base: EventBase, file: OwnedNumber, reader: Reader) -> None:
        self._reader = reader
        self._transport = _adopted(event_base, self, file, "standard input")
        self.pause_reading = self._transport.pause_reading
        self.resume_reading = self._transport.resume_reading
        self.abort = self._transport.abort

    def data_received(self, data: bytes) -> None:
        self._reader.input_received(data)

    def connection_lost(self, error: Exception | None) -> None:
        self._reader.input_ended(error)


class _FileInput:
    def __init__(self, event_base: EventBase, file: OwnedNumber, reader: Reader) -> None:
        self._event_base = event_base
        self._file = file
        self._reader = reader
        self._is_paused = self._is_closed = self._is_due = False
        self.resume_reading()

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        self._is_paused = False
        if not self._is_due:
            self._is_due = True
            self._event_base.call_soon(self._read)

    def abort(self) -> None:
        self._is_closed = True

    def _read(self) -> None:
        self._is_due = False
        if self._is_paused or self._is_closed:
            return
        try:
            data = self._file.read(_CHUNK)
        except OSError as error:
            self._end(error)
            return
        if not data:
            self._end(None)
            return
        self._reader.input_received(data)
        if not (self._is_paused or self._is_closed):
            self.resume_reading()

    def _end(self, error: Exception | None) -> None:
        self._is_closed = True
        self._reader.input_ended(error)


class _WaitedOutput(TransportProtocol):
    def __init__(
        self, event_base: EventBase, file: OwnedNumber, writer: Writer, high_water: int
    ) -> None:
        self._writer = writer
        self._transport = _adopted(event_base, self, file, "standard output")
        self._transport.set_water_marks(high_water)
        if not is_pipe(self._transport.fileno()):
            # A terminal is readable when something was typed, which is not for us.
            self._transport.pause_reading()
        self.write = self._transport.write
        self.finish = self._transport.close
        self.abort = self._transport.abort

    def data_received(self, data: bytes) -> None:
        """Nothing comes of what is only written to."""

    def pause_writing(self) -> None:
        self._writer.output_full()

    def resume_writing(self) -> None:
        self._writer.output_has_room()

    def connection_lost(self, error: Exception | None) -> None:
        self._writer.output_closed(error)


class _FileOutput:
    def __init__(self, event_base: EventBase, file: OwnedNumber, writer: Writer) -> None:
        self._event_base = event_base
        self._file = file
        self._writer = writer

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def finish(self) -> None:
        self._event_base.call_soon(self._writer.output_closed, None)

    def abort(self) -> None:
        """Nothing is queued."""


def _adopted(
    event_base: EventBase, protocol: TransportProtocol, file: OwnedNumber, name: str
) -> Transport:
    return adopt(event_base, protocol, PipeStream(PipeDescriptor(file, where=name)))
