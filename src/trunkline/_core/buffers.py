"""What callers give us to send, and to receive into: any object that has bytes.

`memoryview` speaks of itself where something is wrong; the errors here speak of what was given.
"""

import sys
from typing import TYPE_CHECKING

__all__ = ("Buffer", "bytes_of", "part_of", "space_in")

# What has bytes. Python itself has a name for it from version 3.12 on.
if TYPE_CHECKING:
    from typing_extensions import Buffer  # it comes with every type checker
elif sys.version_info >= (3, 12):
    from collections.abc import Buffer
else:
    Buffer = bytes | bytearray | memoryview


def bytes_of(data: Buffer, what: str = "what is sent is") -> memoryview:
    """Return a view of the bytes of an object; of a view with gaps, of those that it shows.

    Args:
        data: Any object that has bytes.
        what: What an error calls it.

    Raises:
        TypeError: It has none.
    """
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"{what} bytes, not {type(data).__name__}") from None
    if not view.nbytes:
        return memoryview(b"")
    return view.cast("B") if view.c_contiguous else memoryview(view.tobytes())


def space_in(buffer: Buffer) -> memoryview:
    """Return a view of the bytes of a writable buffer, to receive into.

    Raises:
        TypeError: It is no buffer, or cannot be changed.
        ValueError: Its bytes do not lie one behind the other.
    """
    try:
        view = memoryview(buffer)
    except TypeError:
        raise TypeError(f"bytes are received into a buffer, not {type(buffer).__name__}") from None
    if view.readonly:
        raise TypeError(
            f"bytes are received into a buffer that can be changed, like a bytearray, not "
            f"{type(buffer).__name__}"
        )
    if not view.c_contiguous:
        raise ValueError("bytes cannot be received into a buffer with gaps")
    return view.cast("B") if view.nbytes else memoryview(bytearray())


def part_of(view: memoryview, start: int, end: int | None) -> memoryview:
    """Return what is between two bounds.

    Raises:
        ValueError: The bounds are not within it, or the wrong way round.
    """
    stop = len(view) if end is None else end
    if not 0 <= start <= stop <= len(view):
        raise ValueError(f"the bounds {start} and {end} are not within {len(view)} bytes")
    return view[start:stop]
