"""Numbers of descriptors that close themselves when nobody has them any more.

A signal handler may raise when a call has returned, and a number that no object has would stay open
for ever. So a number becomes an object's in the very call that makes it, before Python comes in
between: `map` and `starmap` call one thing and then the other. Nor can a handler come between when
it is closed: that is the `io` module's own function.
"""

import io
from collections.abc import Callable, Iterable
from itertools import chain, starmap
from typing import TYPE_CHECKING, Any, Self

__all__ = ("OwnedNumber",)


class OwnedNumber(io.FileIO):
    """A descriptor, and no directory's; closing this closes it, and so does forgetting it.

    It is a file without a buffer: see there for what it reads and writes. There is no warning when
    it is forgotten, for what it belongs to has one.
    """

    __slots__ = ()

    if not TYPE_CHECKING:  # they know that there is such a method
        __del__ = io.FileIO.close

    @classmethod
    def of(cls, opening: Callable[..., int], *args: Any, mode: str = "r") -> Self:
        """Return the descriptor that `opening` returns.

        Args:
            opening: Is called with `args`.
            mode: What the descriptor is for: ``"r"``, ``"w"`` or ``"r+"``.

        Raises:
            OSError: Whatever `opening` raises.
        """
        return next(map(cls, starmap(opening, (args,)), (mode,)))

    @classmethod
    def several(
        cls, opening: Callable[[], Iterable[int]], modes: tuple[str, ...]
    ) -> tuple[Self, ...]:
        """Return the descriptors that `opening` returns, for each of the modes; see `of`."""
        return tuple(map(cls, chain.from_iterable(starmap(opening, ((),))), modes))
