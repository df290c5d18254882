"""Importing what few programs need, when one does: that is a moment like any other.

An import reads files, and so it may find that no descriptor is left.
"""

import contextlib
from collections.abc import Iterator

from ..errors import SocketError

__all__ = ("late_import",)


@contextlib.contextmanager
def late_import(operation: str) -> Iterator[None]:
    """Raise what the system says to an import in the block as one of our errors.

    What could not be imported will be another time.
    """
    try:
        yield
    except OSError as error:
        raise SocketError.from_errno(error.errno or 0, operation=operation) from None
