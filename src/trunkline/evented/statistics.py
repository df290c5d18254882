"""What a loop tells about itself."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ("LoopStatistics",)


@dataclass(frozen=True, slots=True)
class LoopStatistics:
    """Numbers about a loop.

    Attributes:
        open_lookups: Lookups of names that have not been answered.
        incoming_tcp_connections: Connections that servers have accepted, and that are open.
        outgoing_tcp_connections: Connections that are open, or being made.
        handles: How many handles there are of each kind, these three among them.
    """

    open_lookups: int
    incoming_tcp_connections: int
    outgoing_tcp_connections: int
    handles: Mapping[str, int]
