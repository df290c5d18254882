"""The numbers that questions leave under, which nobody can guess."""

import os
import struct

__all__ = ("new_id",)

_AT_ONCE = struct.Struct("!64H")  # a call of the system's for each would cost more than all else

_left: list[int] = []


def new_id() -> int:
    """Return a number below 65,536."""
    try:
        return _left.pop()
    except IndexError:
        first, *others = _AT_ONCE.unpack(os.urandom(_AT_ONCE.size))
        _left.extend(others)
        return int(first)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_left.clear)  # its parent's next numbers are its parent's
