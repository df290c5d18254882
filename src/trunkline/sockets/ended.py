"""One direction of a connection that this end has ended."""

from types import TracebackType
from typing import Literal

from .._sys.descriptor import Descriptor
from ..errors import EndpointShutdown

__all__ = ("Ended",)

_WHAT = {"read": "this end has ended its reading", "write": "this end has ended its writing"}


class Ended:
    """Stands where the right to read, or to write, was: whoever wants it is told that it is gone.

    Whatever a stream does in a direction begins with that right, so that nothing else has to ask.
    """

    is_told: bool = True  # whether the system knows: it does not before TLS has told the peer

    def __init__(self, descriptor: Descriptor, operation: Literal["read", "write"]) -> None:
        self._descriptor = descriptor
        self._operation = operation

    def __enter__(self) -> None:
        self._descriptor.check_open(self._operation)
        raise EndpointShutdown(
            strerror=_WHAT[self._operation],
            operation=self._operation,
            address=self._descriptor.where,
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Nobody has entered."""
