"""What has to come to its end before a server has, besides the connections of its clients."""

from collections.abc import Callable, Hashable

__all__ = ("Unfinished",)


class Unfinished:
    """Things that go on, and who waits for the last of them."""

    def __init__(self) -> None:
        self._things: set[Hashable] = set()
        self._when_gone: list[Callable[[], object]] = []

    def add(self, thing: Hashable) -> None:
        """Remember one."""
        self._things.add(thing)

    def discard(self, thing: Hashable) -> None:
        """Forget one, which has ended."""
        self._things.discard(thing)
        if not self._things:
            waiting, self._when_gone = self._when_gone, []
            for callback in waiting:
                callback()

    def when_gone(self, callback: Callable[[], object]) -> None:
        """Have this called when none is left, which may be now."""
        if self._things:
            self._when_gone.append(callback)
        else:
            callback()
