"""Reading from a transport: what has come is received, and delivered in the form that was chosen.

The text of the package says how a byte comes here, and where it goes.
"""

from collections.abc import Callable
from typing import Any

from .._core.callbacks import call_plainly, check_result
from .._sys.readiness import FAULTY, HUNG_UP, NUMBER_CLOSED, READABLE, WRITABLE, unread_count
from ..errors import NotConnected, SocketClosed, StreamError
from .delivery import Delivery, InputFailed
from .event_base import RECEIVE_BYTES
from .protocol_check import check_protocol
from .transport_core import OPEN
from .transport_files import FileSendingTransport

__all__ = ("ReadingTransport",)

# Whatever is wrong is found out by trying.
_TRY_TO_RECEIVE = READABLE | HUNG_UP | FAULTY | NUMBER_CLOSED
_TRY_TO_SEND = WRITABLE | HUNG_UP | FAULTY | NUMBER_CLOSED

# Where a receive comes back full there is more, and asking for it at once costs less than waiting
# again. But others wait, too: that is a mebibyte for each.
_RECEIVES_AT_ONCE = 16

# What sending to, or ending the output for, a peer that is gone may say.
_TAKES_NO_MORE = (BrokenPipeError, ConnectionResetError, NotConnected)

# What a system keeps for a connection at the very most, where it does not tell how much there is.
_LARGEST_INPUT = 1 << 26


class ReadingTransport(FileSendingTransport):
    """The part of a transport that receives and delivers."""

    __slots__ = ()

    # Once more, for type checkers that want it in each class.
    _interrupted: bool
    bytes_received: int

    def pause_reading(self) -> None:
        """Deliver nothing until `resume_reading`, not even what has been received already."""
        self._is_paused = True
        self._interrupted = True
        self._stop_reading()

    def resume_reading(self) -> None:
        """Undo `pause_reading`."""
        if self._is_paused:
            self._is_paused = False
            self._start_reading()
            self._deliver_soon()

    def _start_reading(self) -> None:
        is_wanted = self._state == OPEN and not (
            self._is_paused or self._eof_seen or self._unread or self._has_more or self._is_reading
        )
        if is_wanted:
            self._is_reading = True
            if self._update_interest() and self._limits is not None:
                self._limits.restart("read")
            if self._layer is not None:
                self._layer.reading_started()

    def _handle_ready(self) -> None:
        """Receive and deliver what has come, as long as there is much; then send what fits.

        A busy server does little else. So what is usual is done here and in `_flush`, without
        calling anything of ours; `_note_call`, `_receive_once` and `_call_for_input` are the same
        for what is not.
        """
        base = self.event_base
        base._fired = True
        base._callbacks += 1
        if self._is_reading and self._events & _TRY_TO_RECEIVE:
            left = _RECEIVES_AT_ONCE
            if self._delivery == "buffer":
                self._receive_into_buffer()
                left = 0
            while left:
                try:
                    data = self._receive(RECEIVE_BYTES)
                except BlockingIOError:
                    break
                except OSError as error:
                    self._system_call_failed(error, "receive")
                    return
                if not data:
                    self._on_eof()
                    break
                count = len(data)
                self.bytes_received += count
                self._received_at = base._iteration_time
                self._is_delivering = True
                try:
                    result = self._take_in(data)
                    if result is not None:
                        check_result(result, self._take_in)
                except BaseException as error:
                    self._callback_failed(error)
                finally:
                    self._is_delivering = False
                    if self._queue.size and not self._is_waiting_to_write:
                        self._flush()
                left -= 1
                if count < RECEIVE_BYTES or not self._is_reading:
                    break
        if self._is_waiting_to_write and self._events & _TRY_TO_SEND:
            self._flush()

    def _input_callback(self, name: str) -> Callable[..., Any]:
        """Return a method of the protocol's that takes input, see `_callback`.

        Raises:
            TypeError: It has none like that: another protocol was set, for another delivery.
        """
        if getattr(self.protocol, name, None) is None:
            self._check_protocol(self.protocol, self._delivery)
        return self._callback(name)

    def _check_protocol(self, protocol: Any, delivery: Delivery) -> None:
        """Raise `TypeError` unless a protocol can be called; see `check_protocol`.

        A shell whose protocols are not only ours overrides it.
        """
        check_protocol(protocol, delivery)

    def _receive_into_buffer(self) -> None:
        """Receive into the protocol's own buffer."""
        receiver = self._layer or self.descriptor
        assert receiver is not None
        caller, form = self._caller, self._form
        try:
            buffer = self._input_callback("get_buffer")(RECEIVE_BYTES)
            if self._is_paused or self._state != OPEN:
                return
            if self._caller is not caller or self._form is not form:
                return  # it is for another protocol now, or in another form
            if not len(buffer):
                raise ValueError("get_buffer() has returned an empty buffer")
            count = receiver.receive_into(buffer)
        except OSError as error:
            self._system_call_failed(error, "receive")
            return
        except BaseException as error:
            self._callback_failed(error)
            return
        if count is None:
            return
        if count:
            self.bytes_received += count
            self._received_at = self.event_base.now()
            self._call_for_input(self._input_callback("buffer_updated"), count)
        else:
            self._on_eof()

    def _deliver_received(self, data: bytes) -> None:
        """Deliver what has been received."""
        self._received_at = self.event_base._iteration_time
        self._call_for_input(self._take_in, data)

    def _call_for_input(self, function: Callable[..., Any], *args: Any) -> None:
        """Call the protocol for something received, and send afterwards what it has written."""
        self._is_delivering = True
        try:
            result = function(*args)
            if result is not None:
                check_result(result, function)
        except BaseException as error:
            self._callback_failed(error)
        finally:
            self._is_delivering = False
            if self._queue.size and not self._is_waiting_to_write:
                self._flush()

    def _system_call_failed(self, error: OSError, operation: str) -> None:
        """End a connection for which a system call has failed.

        A peer that takes no more may have said why. What of that has come is delivered first: a
        little later, since it may be a call of the protocol's that has found out.
        """
        may_deliver = self._state == OPEN and not (self._is_paused or self.event_base.closed)
        if operation == "receive" or not may_deliver or not isinstance(error, _TAKES_NO_MORE):
            super()._system_call_failed(error, operation)
        elif self._error is None:
            if self._eof_told:  # nothing is left to be delivered
                super()._system_call_failed(error, operation)
                return
            assert self.descriptor is not None
            self._error = self._typed(error, operation)
            self._eof_told = True  # that it has ended is told with the error
            self._drop_output()
            unread = unread_count(self._number)
            end = self.bytes_received + (_LARGEST_INPUT if unread is None else unread)
            self.event_base.call_soon(self._take_in_the_rest, end)
        else:  # found out again
            self._drop_output()

    def _drop_output(self) -> None:
        """Send nothing any more."""
        self.hold_output()
        self._queue.clear()

    def _take_in_the_rest(self, end: int) -> None:
        """Receive and deliver what has come, and then end the connection.

        Args:
            end: How many bytes had come in all when the peer was found to take no more.
        """
        tries = _RECEIVES_AT_ONCE  # in vain
        is_interrupted = False
        try:
            while self._is_reading and self.bytes_received < end and tries:
                before = self.bytes_received
                self._receive_once()
                tries -= self.bytes_received == before
            is_interrupted = self._is_delivery_due and self._state == OPEN and not self._is_paused
        finally:
            if not is_interrupted or self.event_base.closed:
                self._lose(self._error)
        if self._state == OPEN:
            self.event_base.call_soon(self._take_in_the_rest, end)

    def _receive_once(self) -> None:
        """Receive and deliver, like `_handle_ready`, where that may take its time."""
        if self._delivery == "buffer":
            self._receive_into_buffer()
            return
        try:
            data = self._receive(RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            self._system_call_failed(error, "receive")
            return
        if data:
            self.bytes_received += len(data)
            self._deliver_received(data)
        else:
            self._on_eof()

    def _deliver(self, data: bytes, final: bool = False) -> None:
        """Deliver in the form that was chosen; the rest, if there is one, comes a little later."""
        self._interrupted = False
        form = self._form
        assert form is not None
        self._has_more = True  # unless we get to know better: a callback may raise anything
        try:
            has_more = form.finish() if final else form.deliver(data)
            self._has_more = has_more and self._form is form
        except InputFailed as failure:
            self._input_failed(failure.error)
        finally:
            if self._has_more or self._unread:
                self._deliver_soon()

    def _take_back(self) -> bytes:
        """Take out what has been received and not been delivered, and return it.

        Raises:
            ValueError: A part of it has been decoded, in a format that does not mix with bytes.
        """
        return self._unread if self._form is None else self._form.take_back() + self._unread

    def _input_failed(self, error: StreamError) -> None:
        error.address = self.remote_name
        self.pause_reading()
        if hasattr(self.protocol, "input_failed"):
            call_plainly(self._callback("input_failed"), self, error)
        else:
            self.close_with(error)

    def _deliver_soon(self) -> None:
        """Have what was received before delivered, outside of any callback, and before all else."""
        self._interrupted = True
        is_due = self._unread or self._has_more or (self._eof_seen and not self._eof_told)
        if not is_due or self._state != OPEN or self.event_base.closed:
            return
        self._stop_reading()
        if not self._is_delivery_due:
            self._is_delivery_due = True
            self.event_base.call_soon(self._deliver_unread)

    def _deliver_unread(self) -> None:
        self._is_delivery_due = False
        if self._is_paused or self._state != OPEN:
            return
        if self._unread or self._has_more:
            data, self._unread = self._unread, b""
            try:
                self._deliver_received(data)
            finally:
                self._start_reading()
                self._deliver_soon()
        elif self._eof_seen:
            self._deliver_eof()
        else:
            self._start_reading()

    def _on_eof(self) -> None:
        if self.descriptor is None or self.descriptor.is_closed:  # it looks the same from here
            self._lose(SocketClosed(operation="receive", address=self._where))
            return
        self._eof_seen = True
        self._stop_reading()
        self._deliver_eof()

    def _deliver_eof(self) -> None:
        """Deliver the last line, or the last of the text, and then the end."""
        if self._form is not None:
            self._call_for_input(self._deliver, b"", True)
        if self._eof_told or self._is_paused or self._unread or self._has_more:
            return
        if self._state != OPEN:
            return
        self._eof_told = True
        stays_open = False
        try:
            stays_open = self._call("eof_received")
        finally:
            if not stays_open or self._eof_wanted:
                self.close()
