"""Being woken by the closing of sockets that one waits for, without an event base.

Poll does not notice that a descriptor is closed by another thread: it goes on waiting, and a later
look at the same number would be one at another file. So whoever waits asks the sockets to tell.
"""

from collections.abc import Iterable
from types import TracebackType
from typing import Self

from .._sys.waker import Waker
from ..errors import SocketClosed
from ..sockets import Socket

__all__ = ("Alarm",)


class Alarm:
    """Wakes the thread that waits when one of the sockets that it waits for is about to be closed.

    It is a context manager.

    Args:
        sockets: The sockets.

    Attributes:
        waker: What to wait for, too.
        gone: The numbers that are not the sockets' any more.

    Raises:
        TooManyOpenFiles: There are not two descriptors left.
    """

    def __init__(self, sockets: Iterable[Socket]) -> None:
        self._sockets = [*dict.fromkeys(sockets)]
        self.gone: set[int] = set()
        self.waker: Waker = Waker()

    def __enter__(self) -> Self:
        try:
            self.waker.wake_on_signals()
            for each in self._sockets:
                self._watch(each)
        except BaseException:
            self._end()
            raise
        return self

    def _watch(self, each: Socket) -> None:
        try:
            each.watch_closing(self._ring)
        except SocketClosed:
            self.waker.wake()  # whoever asks now is told

    def _ring(self, number: int) -> None:
        self.gone.add(number)
        self.waker.wake()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def _end(self) -> None:
        for each in self._sockets:
            each.unwatch_closing(self._ring)
        self.waker.close()
