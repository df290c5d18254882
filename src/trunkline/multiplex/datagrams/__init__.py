"""Datagrams on an event base: a package of its own, as few programs need it.

The path of a datagram: the event base calls `DatagramEndpoint._handle_ready`, which receives until
nothing is left, or others have to have their turn, and calls the protocol for each, or for all.
What the protocol sends leaves at once (`endpoint_sending`), or goes to a queue, which is looked at
again when there is room.

An endpoint is made of layers: `endpoint_core` (the state, and the end), `endpoint_sending`, and
`endpoint`. Endpoints come from `opening` and `adoption`.
"""

from .adoption import adopt_datagrams
from .endpoint import DEFAULT_QUEUE_LIMIT, RECEIVES_AT_ONCE, DatagramEndpoint
from .opening import open_datagrams
from .protocol import DatagramDelivery, DatagramProtocol

__all__ = (
    "DEFAULT_QUEUE_LIMIT",
    "RECEIVES_AT_ONCE",
    "DatagramDelivery",
    "DatagramEndpoint",
    "DatagramProtocol",
    "adopt_datagrams",
    "open_datagrams",
)
