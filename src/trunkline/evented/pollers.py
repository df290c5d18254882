"""Descriptors that somebody else reads and writes."""

from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, Literal, TypeAlias

from .._core.callbacks import check_callback
from ..errors import SocketClosed
from ..multiplex import Cause, IOHandler
from ..multiplex.descriptor_like import DescriptorLike
from ..multiplex.handlers import Event as IOEvent
from ..sockets.socket import Socket
from .events import EventCallback
from .handle import FreeableHandle
from .loop import EventLoop

__all__ = ("PollCallback", "Poller", "poll")

PollCallback: TypeAlias = Callable[[Literal["read", "write"]], object]
"""Called with what the descriptor is ready for."""


class Poller(FreeableHandle):
    """A callback for when a descriptor is ready; `poll` makes it."""

    _kind: ClassVar[str] = "poller"

    def __init__(
        self,
        descriptor: DescriptorLike,
        callback: PollCallback,
        events: list[Literal["read", "write"]],
        event_cb: EventCallback | None,
        loop: EventLoop | None,
    ) -> None:
        super().__init__(event_cb, loop)
        check_callback(callback, "event")
        self._callback = callback
        self._descriptor = descriptor
        self._handlers: list[IOHandler] = []
        try:
            for event in events:
                self._handlers.append(
                    self._loop.event_base.set_io_handler(descriptor, event, self._ready)
                )
        except BaseException:
            self._remove_handlers()
            raise
        if isinstance(descriptor, Socket):
            descriptor.watch_closing(self._socket_closing)
        self._loop._adopt(self)

    def _ready(self, number: int, event: IOEvent, cause: Cause | None) -> None:
        assert event != "error"
        self._call(self._callback, event)

    def _socket_closing(self, number: int) -> None:
        """A socket of Trunkline's is being closed, perhaps by another thread."""
        with suppress(SocketClosed):  # the loop has ended
            self._loop.event_base.call_soon_threadsafe(self.free)

    def _stop(self) -> None:
        self._remove_handlers()
        if isinstance(self._descriptor, Socket):
            self._descriptor.unwatch_closing(self._socket_closing)

    def _remove_handlers(self) -> None:
        base = self._loop.event_base
        for handler in self._handlers:
            # The number may be another file's by now, and have its handlers.
            if base.fd_monitored(handler.number, handler.event) is handler:
                base.remove_fd_handlers(handler.number, **{handler.event: True})


def poll(
    descriptor: DescriptorLike,
    callback: PollCallback,
    *,
    read: bool = True,
    write: bool = False,
    event_cb: EventCallback | None = None,
    loop: EventLoop | None = None,
) -> Poller:
    """Have `callback` called whenever a descriptor is ready, until the poller is freed.

    You would want it for descriptors that somebody else reads and writes: a library's, a pipe, a
    terminal. The descriptor remains yours: free the poller before you close it. Only where it is a
    socket of Trunkline's, closing that frees the poller, too.

    Args:
        descriptor: A number, or any object with `fileno`. Given a stream, its buffered input counts
            as readable.
        callback: Called with ``"read"`` or ``"write"``; if both are the case, once for each. An
            error counts as both: the next operation on the descriptor will raise it.
        read: Call it when the descriptor can be read.
        write: Call it when the descriptor can be written.
        event_cb: Called with what the callback raises, if the loop catches errors.
        loop: The loop; the current one by default.

    Returns:
        The poller, which can be freed.

    Raises:
        RuntimeError: No loop is running; or it is another thread's, or has ended.
        ValueError: Neither is asked for; or the descriptor is polled for that already, or is a
            regular file or a directory.
        SocketClosed: There is no such descriptor.
        TooManyOpenFiles: The backend is select, and the descriptor's number too large for it.
        TypeError: An argument is of the wrong type.
    """
    wanted: list[tuple[Literal["read", "write"], bool]] = [("read", read), ("write", write)]
    events = [event for event, is_wanted in wanted if is_wanted]
    if not events:
        raise ValueError("a descriptor is polled for reading, for writing, or for both")
    return Poller(descriptor, callback, events, event_cb, loop)
