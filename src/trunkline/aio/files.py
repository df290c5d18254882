"""The part of the loop that calls back when a descriptor of somebody else's is ready."""

import asyncio
from collections.abc import Callable
from contextvars import Context
from typing import Any, Literal, TypeAlias, TypeVarTuple

from .._sys.readiness import READABLE, WRITABLE
from .._sys.registration import Registration
from ..multiplex.descriptor_like import DescriptorLike, number_of
from .handles import Call
from .running import RunningLoop

__all__ = ("Direction", "FileLoop")

Arguments = TypeVarTuple("Arguments")

Direction: TypeAlias = Literal["reader", "writer"]


class WatchedDescriptor(Registration):
    """A descriptor that somebody watches by `add_reader` and `add_writer`.

    Attributes:
        reader: What is called when it is readable, if anything is.
        writer: What is called when it is writable.
    """

    __slots__ = ("_loop", "reader", "writer")

    def __init__(self, loop: "FileLoop", number: int) -> None:
        super().__init__(number)
        self._loop = loop
        self.reader: Call | None = None
        self.writer: Call | None = None

    @property
    def wanted(self) -> int:
        """What the backend should watch for, 0 if nothing is left."""
        return (READABLE if self.reader else 0) | (WRITABLE if self.writer else 0)

    def _handle_ready(self) -> None:
        """Call both, for errors and hang-ups, too: what is wrong is found out by trying.

        One that the other takes out is not called any more: that has cancelled it.
        """
        self._loop._note_call()
        events, reader, writer = self._events, self.reader, self.writer
        if reader is not None and events & ~WRITABLE:
            reader._run()
        if writer is not None and events & ~READABLE and not writer._cancelled:
            writer._run()

    def __repr__(self) -> str:
        return f"<WatchedDescriptor {self._number}>"


class FileLoop(RunningLoop):
    """The part of an event loop that watches descriptors; see `EventLoop`."""

    def __init__(self, **options: Any) -> None:
        self._files: dict[int, WatchedDescriptor] = {}
        super().__init__(**options)

    def add_reader(
        self,
        fd: DescriptorLike,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
    ) -> None:
        """Have `callback` called with `args` whenever a descriptor is readable.

        It takes the place of one that was added before. The event base's `set_io_handler` does
        more; a descriptor is watched by one of the two.

        Raises:
            RuntimeError: The loop is closed; or the descriptor is watched otherwise, for instance
                as a transport's.
            ValueError: It is no descriptor.
            OSError: It cannot be watched.
        """
        self._watch_file(self._file_number(fd), "reader", callback, args)

    def remove_reader(self, fd: DescriptorLike) -> bool:
        """Undo `add_reader`; return whether there was anything to undo."""
        return not self._is_closed and self._unwatch_file(self._file_number(fd), "reader")

    def add_writer(
        self,
        fd: DescriptorLike,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
    ) -> None:
        """The same as `add_reader`, for whenever it is writable."""
        self._watch_file(self._file_number(fd), "writer", callback, args)

    def remove_writer(self, fd: DescriptorLike) -> bool:
        """Undo `add_writer`; return whether there was anything to undo."""
        return not self._is_closed and self._unwatch_file(self._file_number(fd), "writer")

    @staticmethod
    def _file_number(fd: DescriptorLike) -> int:
        try:
            return number_of(fd)
        except TypeError:
            raise ValueError(f"Invalid file object: {fd!r}") from None

    def _watch_file(
        self,
        number: int,
        direction: Direction,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: Context | None = None,
    ) -> Call:
        """Have something called, and return the call; see `add_reader`."""
        self._check_open(f"add_{direction}")
        if number < 0:
            raise ValueError(f"Invalid file descriptor: {number}")
        if self._debug:
            self._check_callback(callback, f"add_{direction}")
        file = self._file_for(number)
        former: Call | None = getattr(file, direction)
        call = self._make_call(callback, args, self, context)
        setattr(file, direction, call)
        try:
            if former is None:
                self._watch(file, file.wanted)
            else:  # it may be another file by now that has the number, as only the system knows
                with self._lock:
                    self._backend.modify(file, file.wanted)
        except BaseException:
            setattr(file, direction, former)
            if not file.wanted:
                del self._files[number]
            raise
        if former is not None:
            former.cancel()
        return call

    def _file_for(self, number: int) -> WatchedDescriptor:
        """Return the registration of a descriptor.

        Raises:
            RuntimeError: Somebody else has one.
        """
        watched = self._backend.registered.get(number)
        file = self._files.get(number)
        if watched is None:
            file = self._files[number] = WatchedDescriptor(self, number)
        elif watched is not file:
            raise RuntimeError(f"File descriptor {number} is used by transport {watched!r}")
        return file

    def _unwatch_file(
        self, number: int, direction: Direction, only: asyncio.Handle | None = None
    ) -> bool:
        """Have something called no more, and return whether there was anything.

        Args:
            number: The descriptor.
            direction: Which of the two.
            only: The call that it has to be, if not just any.
        """
        file = self._files.get(number)
        call: Call | None = None if file is None else getattr(file, direction)
        if file is None or call is None or (only is not None and call is not only):
            return False
        setattr(file, direction, None)
        call.cancel()
        if not file.wanted:
            del self._files[number]
            self._unwatch(file)
        elif self._backend.registered.get(number) is file:
            self._watch(file, file.wanted)
        return True
