"""Urgent data: where it is among the rest."""

from .._core.input_buffer import InputBuffer
from .._sys.socket_descriptor import SocketDescriptor
from .._sys.urgent import is_at_mark

__all__ = ("UrgentData",)


class UrgentData:
    """The part of a stream socket that tells where urgent data is; see `ActiveSocket`."""

    _descriptor: SocketDescriptor
    _input: InputBuffer

    @property
    def at_mark(self) -> bool:
        """Whether all has been received that was sent before the urgent byte; see sockatmark(3).

        With the option `oob_inline`, the next byte to be received is then the urgent one. No call
        of `ActiveSocket.receive_from` goes past it together with what is before, so that a loop
        that asks each time does not miss it. The stream's own reads do go past.

        Raises:
            ValueError: The stream has input that was not read, with which it is not known.
            Busy: Another thread is reading.
            SocketClosed, SocketError: As the names say.
        """
        with self._descriptor.reading:
            if self._input:
                raise ValueError("the stream has input that was not read: read it first")
            return is_at_mark(self._descriptor)
