"""Closing a connection whose peer is still sending, on its event base.

`_sys.lingering` says why that takes a while, and does the same without an event base, in a thread.
"""

from collections.abc import Callable

from .._core.timer_queue import Timer
from .._sys.readiness import READABLE, WRITABLE
from .._sys.registration import Registration
from .._sys.socket_descriptor import SocketDescriptor
from ..sockets.active_socket import LINGER_TIMEOUT
from .event_base import EventBase

__all__ = ("linger",)


def linger(
    event_base: EventBase,
    descriptor: SocketDescriptor,
    *,
    is_open: bool = False,
    flush: Callable[[], bool] | None = None,
) -> None:
    """Close a connection, at once if its peer has sent nothing that was not received.

    Args:
        event_base: Who waits.
        descriptor: The connection.
        is_open: Whether the peer is known to send something yet.
        flush: Sends what is left to be sent, as far as that goes at once; returns whether that was
            all, and raises `OSError` if the system says no.
    """
    # Who has closed it, or the event base, has left nobody to wait.
    if event_base.closed or descriptor.is_closed:
        descriptor.close()
        return
    try:
        if flush is not None and flush():
            flush = None
        if flush is None:
            if not (is_open or descriptor.has_unread()):
                descriptor.close()
                return
            descriptor.shutdown(write=True)
        _Lingerer(event_base, descriptor, flush)
    except OSError:  # nobody is there, or it cannot be waited for
        descriptor.close()


class _Lingerer(Registration):
    __slots__ = ("_descriptor", "_event_base", "_flush", "_has_ended", "_timer")

    def __init__(
        self,
        event_base: EventBase,
        descriptor: SocketDescriptor,
        flush: Callable[[], bool] | None,
    ) -> None:
        super().__init__(descriptor.number)
        self._event_base = event_base
        self._descriptor = descriptor
        self._flush = flush
        self._has_ended = False  # the peer has
        self._watch()
        event_base._lingering.add(self)
        event_base._call_at_close(self._end)
        self._timer: Timer = event_base.add_timer(self._end, LINGER_TIMEOUT, one_shot=True)

    def _watch(self) -> None:
        wanted = (0 if self._has_ended else READABLE) | (WRITABLE if self._flush else 0)
        self._event_base._watch(self, wanted)

    def _handle_ready(self) -> None:
        """Send what is left, and throw away what has come."""
        self._event_base._note_call()
        try:
            if not self._has_ended:
                self._has_ended = self._descriptor.receive_into(self._event_base._scratch) == 0
            if self._flush is not None and self._flush():
                self._flush = None
                self._descriptor.shutdown(write=True)
            is_over = self._has_ended and self._flush is None
            if not is_over:
                self._watch()
        except OSError:
            is_over = True
        if is_over:
            self._end()

    def _end(self) -> None:
        self._event_base._lingering.discard(self)
        self._event_base._do_not_call_at_close(self._end)
        self._event_base.remove_timer(self._timer)
        self._event_base._unwatch(self)
        self._descriptor.close()
        self._flush = None  # whoever keeps this object does not keep the connection
