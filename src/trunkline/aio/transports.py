"""asyncio's transports: they are the event base's own, with asyncio's names.

A transport of the event base has slots, as have asyncio's classes, and nothing can inherit from
both. So `isinstance` is told by `__class__`, which it asks where the type does not say it: such a
transport is a `Transport`, and an `asyncio.Transport`, too.
"""

import logging
from asyncio.trsock import TransportSocket
from collections.abc import Callable
from contextvars import Context
from typing import TYPE_CHECKING, Any

from .._core.buffers import Buffer, bytes_of
from .._core.log_record import about
from .._sys.loop_sockets import python_socket_of, system_name
from .._sys.send_file import FilePart
from .._sys.sockaddr import family_of
from ..multiplex.delivery import Delivery
from ..multiplex.transport import DEFAULT_HIGH_WATER, Transport
from ..multiplex.transport_core import CLOSING
from ..sockets.active_socket import ActiveSocket
from .transport_beginning import BeginningTransport, delivery_to

if TYPE_CHECKING:
    from .calling import CallingLoop

__all__ = ("StreamTransport", "water_marks")

_logger = logging.getLogger("asyncio")


class StreamTransport(BeginningTransport):
    """A connection of an `EventLoop`; see `asyncio.Transport`, and `Transport`.

    Args:
        loop: Who calls it.
        protocol: An asyncio protocol, which takes bytes or has a buffer; any object will do.
        context: The context that the protocol is called in.
    """

    __slots__ = ("_before_file", "_extra", "_file", "_file_ended")

    bytes_sent: int  # once more, for type checkers that want it in each class

    def __init__(self, loop: "CallingLoop", protocol: Any, context: Context | None = None) -> None:
        self._extra: dict[str, Any] | None = None
        self._file: FilePart | None = None
        self._file_ended: Callable[[Exception | None], object] | None = None
        self._before_file = 0
        BeginningTransport.__init__(self, loop, protocol, context)

    # -- what is called --------------------------------------------------------------------------

    def _check_protocol(self, protocol: Any, delivery: Delivery) -> None:
        """Do nothing: asyncio takes any object for a protocol."""

    def _call(self, name: str, *args: Any) -> Any:
        """Call the protocol; what it raises is reported, and only for the end of file ends this."""
        try:
            result = self._caller.nested_method(name)(*args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            try:
                self._report_call(error, name)
            finally:
                if name == "eof_received":
                    self._lose(error)  # type: ignore[arg-type]
            return None
        finally:
            if name == "connection_lost":
                self._forget()
        if result and name == "eof_received" and self._layer is not None:
            _logger.warning(
                "With TLS, a connection ends with its input: what eof_received() returns has no "
                "effect",
                extra=about(peer=self.remote_name),
            )
            return None
        return result

    def _callback_failed(self, error: BaseException) -> None:
        if isinstance(error, SystemExit | KeyboardInterrupt):
            raise
        try:
            name = "buffer_updated" if self._delivery == "buffer" else "data_received"
            self._report_call(error, name)
        finally:
            self._lose(error)  # type: ignore[arg-type]  # asyncio tells of whatever was raised

    def _report_call(self, error: BaseException, name: str) -> None:
        self._report(error, f"Fatal error: protocol.{name}() call failed.")

    # -- asyncio's names -------------------------------------------------------------------------

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return something about the connection, or the default.

        Args:
            name: ``"peername"`` and ``"sockname"`` are the names of both ends, as Python's sockets
                say them; ``"socket"`` is the socket, for its options. With TLS, ``"sslcontext"``,
                ``"ssl_object"``, ``"peercert"``, ``"cipher"`` and ``"compression"`` are as Python's
                `ssl` says them.
            default: What else to return.
        """
        extra = self._extra
        if extra is None:
            extra = self._extra = {}
        if name not in extra:
            found = self._find_info(name)
            if found is None:
                found = self._find_tls_info(name)  # which may be another thing later on
                return default if found is None else found
            extra[name] = found
        return extra[name]

    def _find_info(self, name: str) -> Any:
        descriptor = self.descriptor
        if name == "socket" and descriptor is not None:
            return TransportSocket(python_socket_of(descriptor))
        if name == "peername" and self.remote_name is not None:
            return system_name(self.remote_name, family_of(self.remote_name))
        if name == "sockname" and self.local_name is not None:
            return system_name(self.local_name, family_of(self.local_name))
        return None

    def is_closing(self) -> bool:  # type: ignore[override]  # asyncio's is a method
        """Return whether the connection is closed, or is being closed."""
        return self._state >= CLOSING

    def is_reading(self) -> bool:
        """Return whether input is delivered: neither paused nor at its end."""
        return not self._is_paused and self._state < CLOSING

    def get_protocol(self) -> Any:
        """Return the protocol."""
        return self._caller.protocol

    def set_protocol(self, protocol: Any) -> None:
        """Call another protocol from now on, which may take its input in the other way."""
        self._set_protocol(protocol)
        delivery = delivery_to(protocol)
        if delivery != self._delivery:
            self.set_delivery(delivery)
        else:
            self._choose_intake()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Set the sizes of what is queued at which the protocol is to pause and to resume.

        Args:
            high: In bytes; by default four times `low`, or 64 KiB.
            low: In bytes; by default a quarter of `high`.

        Raises:
            ValueError: They are not ``0 <= low <= high``.
        """
        self.set_water_marks(*water_marks(high, low))
        if self._queue.size > self._high_water and not self._writing_is_paused:
            self._writing_is_paused = True
            self._call("pause_writing")

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Return both sizes, the lower one first."""
        return self._low_water, self._high_water

    def get_write_buffer_size(self) -> int:
        """Return how many bytes are queued."""
        return self._queue.size

    def can_write_eof(self) -> bool:
        """Return whether the writing half can be ended alone, as asyncio has it: not with TLS.

        `write_eof` does it with TLS, too, and TLS 1.3 knows what that is; but asyncio's own peers
        do not.
        """
        return self._layer is None

    def _refuse_to_write(self) -> None:
        if self._eof_wanted:
            raise RuntimeError("Cannot call write() after write_eof()")
        raise RuntimeError("unable to write; sendfile is in progress")

    def _as_bytes(self, data: Buffer | str) -> bytes:
        if isinstance(data, str):
            raise TypeError("data argument must be a bytes-like object, not 'str'")
        return bytes(bytes_of(data, "what is written is"))

    # -- files -----------------------------------------------------------------------------------

    def _send_file(self, file: FilePart, ended: Callable[[Exception | None], object]) -> None:
        """Have a part of a file sent behind what is queued; until it is, nothing can be written.

        Args:
            file: The part.
            ended: Called with None once all of it has left, or with the error that has prevented
                that: the connection lives on, unless it is an `OSError`.
        """
        assert self._file is None
        self._file, self._file_ended = file, ended
        self._before_file = self._queue.size
        self._is_refusing = True
        # What is queued for it is a byte that is never sent.
        self._queue.append(b"\0")
        if not self._is_held:
            self._send = self._send_file_part
        if not self._is_waiting_to_write:
            self._flush()

    def _send_file_part(self, batch: bytes | memoryview, flags: int) -> int:
        """Send what is to go before the file, and then of the file; see `bare_send`."""
        descriptor, file = self.descriptor, self._file
        assert descriptor is not None
        assert file is not None
        if self._before_file:
            sent = descriptor.bare_send(memoryview(batch)[: self._before_file], flags)
            self._before_file -= sent
            return sent
        try:
            moved = file.send_to(descriptor.number)
        except OSError:
            raise
        except Exception as error:
            self._end_file(error)
        else:
            self.bytes_sent += moved
            if moved:
                return 0
            self._end_file(None)
        self.bytes_sent -= 1  # the caller counts what stood for it
        return 1

    def _end_file(self, error: Exception | None) -> None:
        """Let go of the file, and tell."""
        ended = self._file_ended
        assert ended is not None
        self._file = self._file_ended = None
        self._is_refusing = self._eof_wanted
        if self.descriptor is not None:
            self._send = self.descriptor.bare_send
        self.event_base.call_soon(ended, error)

    def release_output(self) -> None:
        """Undo `hold_output`."""
        Transport.release_output(self)
        if self._file is not None and self.descriptor is not None:
            self._send = self._send_file_part

    def detach(self) -> ActiveSocket:
        """Take the connection out of the transport, see `Transport.detach`.

        Raises:
            ValueError: A file is being sent, too.
        """
        if self._file is not None:
            raise ValueError("a file is being sent: wait for that first")
        return Transport.detach(self)

    def _lose(self, error: Exception | None, *, tell: bool = True) -> None:
        if self._file is not None and not self.event_base.closed:
            self._end_file(error or ConnectionError("the connection is closed"))
        BeginningTransport._lose(self, error, tell=tell)


def water_marks(high: int | None, low: int | None) -> tuple[int, int]:
    """Return both sizes where asyncio's users give one, or none; see `set_write_buffer_limits`.

    Raises:
        ValueError: They are not ``0 <= low <= high``.
    """
    if high is None:
        high = DEFAULT_HIGH_WATER if low is None else 4 * low
    if low is None:
        low = high // 4
    if not high >= low >= 0:
        raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
    return high, low
