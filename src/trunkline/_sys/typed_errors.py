"""Blocks in which what the system says is raised as one of our errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import SocketError

__all__ = ("typed",)


@contextmanager
def typed(operation: str, address: object) -> Iterator[None]:
    """Raise what the system says in the block as one of our errors, and leave those that are.

    Args:
        operation: What errors call it.
        address: What they name; a function, if it is only to be found out for an error.
    """
    try:
        yield
    except SocketError:
        raise
    except OSError as error:
        named = address() if callable(address) else address
        raise SocketError.from_errno(error.errno or 0, operation=operation, address=named) from None
