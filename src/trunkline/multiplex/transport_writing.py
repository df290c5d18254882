"""Writing to a transport: at once if that works, and else from a queue when there is room."""

from collections.abc import Callable, Iterable
from typing import Any

from .._core.buffers import Buffer, bytes_of
from .._core.text_writer import make_text_writer
from .._sys.socket_descriptor import NO_SIGNAL
from ..errors import SocketError
from .transport_core import CLOSING, CONNECTING, OPEN, TransportCore

__all__ = ("WritingTransport", "send_nothing")


class WritingTransport(TransportCore):
    """The part of a transport that sends."""

    __slots__ = ()

    _interrupted: bool
    bytes_sent: int

    def write(self, data: Buffer | str) -> None:
        r"""Write bytes, or text; see the contract of `Transport`.

        What is written after the connection is lost, or closed, is dropped.

        Args:
            data: Any object with bytes; or text, in which each ``"\n"`` becomes a newline of the
                external format.

        Raises:
            TypeError: It is neither bytes nor text.
            UnicodeEncodeError: The text cannot be written in the external format.
            ValueError: The writing half has been ended by `write_eof`; or there is none.
        """
        if type(data) is not bytes:
            if self._writes_plainly and type(data) is str:
                text = data
                data = text.encode()
            else:
                data = self._as_bytes(data)
        if self._is_refusing:
            self._refuse_to_write()
        if not data or self._state >= CLOSING:
            return
        queue = self._queue
        if queue.size or self._is_delivering or self._state == CONNECTING:
            queue.pieces.append(data)
            queue.size += len(data)
        else:
            self._write_at_once(data)
        if queue.size > self._high_water and not self._writing_is_paused:
            self._ask_to_pause()

    def _ask_to_pause(self) -> None:
        self._writing_is_paused = True
        self._call("pause_writing")

    def _refuse_to_write(self) -> None:
        """Raise what it is to write when that cannot be."""
        raise ValueError(self._why_not_to_write())

    def _as_bytes(self, data: Buffer | str) -> bytes:
        # A copy, not a view: the caller may change what it has given to us.
        if not isinstance(data, str):
            return bytes(bytes_of(data, "what is written is text or"))
        if self._writer is None:
            self._writer = make_text_writer(self._external_format)
        return self._writer.encode(data)

    def _why_not_to_write(self) -> str:
        if self._pipe is not None and not self._pipe.writes:
            return f"the {self._where} can only be read from"
        return "the writing half of the connection has been ended by write_eof()"

    def _write_at_once(self, data: bytes) -> None:
        try:
            sent = self._send(data, NO_SIGNAL)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._system_call_failed(error, "send")
            return
        self._sent_at = self.event_base.now()
        self.bytes_sent += sent
        if sent < len(data):
            self._queue.append(memoryview(data)[sent:])
            self._start_waiting_to_write()

    def writelines(self, pieces: Iterable[Buffer | str]) -> None:
        """Write several pieces, which leave in one if they can; see `write`.

        If one of them cannot be written, those before it are.
        """
        ready: list[bytes] = []
        try:
            ready.extend(map(self._as_bytes, pieces))
        finally:
            self.write(b"".join(ready))

    def write_eof(self) -> None:
        """End the writing half after what is queued. May be repeated."""
        if self._eof_wanted or self._state >= CLOSING:
            return
        self._end_text()
        self._eof_wanted = self._is_refusing = True
        if self._state == OPEN and not self._queue.size:
            self._on_everything_sent()

    def _end_text(self) -> None:
        """Bring an encoding with state back to where it began."""
        if not self._eof_wanted and (rest := self._take_text_end()):
            self.write(rest)

    def _take_text_end(self) -> bytes:
        return b"" if self._writer is None else self._writer.finish()

    def hold_output(self) -> None:
        """Send nothing until `release_output`: what is written is queued, and waits.

        The limit on writing does not count meanwhile. Closing in good order waits, too. What TLS
        has to say by itself is not held.
        """
        self._is_held = True
        self._choose_send()
        if self._layer is None or not self._layer.is_stuck:
            self._stop_waiting_to_write()

    def release_output(self) -> None:
        """Undo `hold_output`. What is queued is sent a little later."""
        if not self._is_held:
            return
        self._is_held = False
        self._choose_send()
        if self.descriptor is not None and (self._queue.size or self._layer is not None):
            self._stop_waiting_to_write()  # for what TLS has to say; the limit counts from now on
            self._start_waiting_to_write()

    def _choose_send(self) -> None:
        """Find out what sends what is queued, so that not each write has to."""
        if self._is_held:
            self._send = send_nothing
        elif self._files:
            self._send = self._send_piece
        elif self.descriptor is not None:
            self._send = self._own_send

    def _send_piece(self, piece: Any, flags: int) -> int:
        """See `transport_files`."""
        raise NotImplementedError

    @property
    def _own_send(self) -> Callable[[Any, int], int]:
        """What sends bytes."""
        assert self.descriptor is not None
        return self.descriptor.bare_send if self._layer is None else self._layer.send

    def _start_waiting_to_write(self) -> None:
        if not self._is_held:
            self._wait_to_write()

    def _wait_to_write(self) -> None:
        """Wait for room, for what is sent though output is held, too."""
        if not self._is_waiting_to_write:
            self._is_waiting_to_write = True
            if self._update_interest() and self._limits is not None:
                self._limits.restart("write")

    def _stop_waiting_to_write(self) -> None:
        if self._is_waiting_to_write:
            self._is_waiting_to_write = False
            self._update_interest()

    def _flush(self) -> None:
        """Send what is queued, as far as it goes; then do what was waiting for that."""
        if self.descriptor is None:
            return
        queue, base = self._queue, self.event_base
        while queue.size:
            pieces = queue.pieces
            batch = pieces[0] if len(pieces) == 1 else queue.batch()
            try:
                sent = self._send(batch, NO_SIGNAL)
            except BlockingIOError:
                break
            except OSError as error:
                self._system_call_failed(error, "send")
                return
            self._sent_at = base._iteration_time if base._thread is not None else base.now()
            self.bytes_sent += sent
            if sent == queue.size:
                pieces.clear()
                queue.size = 0
                break
            queue.sent(sent)
            if sent < len(batch):
                break
        if queue.size and not self._is_held:
            self._start_waiting_to_write()
        elif self._is_waiting_to_write and (self._layer is None or self._layer.send_answers()):
            self._stop_waiting_to_write()
        try:
            if self._writing_is_paused and queue.size <= self._low_water:
                self._writing_is_paused = False
                if self._state == OPEN:
                    self._call("resume_writing")
        finally:
            if not queue.size and (self._eof_wanted or self._state != OPEN):
                self._on_everything_sent()

    def _on_everything_sent(self) -> None:
        if self._layer is not None and not self._layer.end():
            self._start_waiting_to_write()
        elif self._state == CLOSING:
            self._finish()
        elif self._state == OPEN and self._eof_wanted:
            self._end_writing()

    def _end_writing(self) -> None:
        if self._error is not None:  # the peer takes no more, and the connection is about to end
            return
        assert self.descriptor is not None
        try:
            self.descriptor.shutdown(write=True)
        except SocketError as error:
            self._system_call_failed(error, "shutdown")
            return
        if self._eof_told or self._goes_one_way():
            self.close()  # neither half is left

    def _goes_one_way(self) -> bool:
        return self._pipe is not None and self._pipe.is_one_way

    # -- the end ---------------------------------------------------------------------------------

    def close(self) -> None:
        """Send what is queued, and close. Nothing more is delivered. May be repeated.

        A transport that is connecting goes on with that if something is queued, to send it; its
        limits of time hold, and `connection_made` is not called. Else it gives connecting up.
        """
        self.close_with(None)

    def close_with(self, error: Exception | None) -> None:
        """The same, with an error to give to `connection_lost`."""
        if self._state >= CLOSING:
            return
        if self._state == CONNECTING and not self._queue.size:
            self._lose(error)
            return
        if self._error is not None:  # the peer takes no more: what was written is lost
            self._lose(error or self._error)
            return
        if not self._eof_wanted and (rest := self._take_text_end()):
            self._queue.append(rest)
        self._error = error
        self._state = CLOSING
        self._interrupted = True
        self._unread = b""
        self._stop_reading()
        if self._state != CLOSING:  # the event base could not watch it any more
            return
        if not self._queue.size:
            self._on_everything_sent()
        elif not (self._is_waiting_to_write or self._is_delivering):
            self._flush()
        elif self._is_waiting_to_write and self.event_base.closed:  # nobody calls any more
            self._lose(error)

    def abort(self, *, reset: bool = False) -> None:
        """Drop what is queued, and close now. May be repeated.

        Args:
            reset: Reset the connection, so that the peer notices at once.
        """
        if reset and self.descriptor is not None:
            self.descriptor.reset_on_close()
        self._lose(None)


def send_nothing(data: Buffer, flags: int = 0) -> int:
    """Stands for the descriptor's `send` while output is held."""
    raise BlockingIOError
