"""Moving a datagram socket to an event base; `DatagramEndpoint.detach` is the way back."""

from typing import Unpack

from ..._core.option_names import check_names_for
from ...sockets.active_socket import ActiveSocket
from ...sockets.datagrams import DatagramSocket, NetlinkSocket, PacketSocket, RawSocket
from ..argument_check import check_event_base
from ..event_base import EventBase
from .endpoint import DatagramEndpoint
from .opening import check_base_is_open
from .options import EndpointOptions
from .protocol import DatagramProtocolLike

__all__ = ("adopt_datagrams", "check_datagrams")


def adopt_datagrams(
    event_base: EventBase,
    protocol: DatagramProtocolLike,
    socket: DatagramSocket,
    **options: Unpack[EndpointOptions],
) -> DatagramEndpoint:
    """Make an endpoint of a datagram socket, which is closed then, while its port lives on.

    You would want it to set a socket up by blocking, or to get one from elsewhere, and go on by
    callbacks. What has come and was not received is delivered. `connection_made` is called before
    this returns.

    Args:
        event_base: Who calls the endpoint.
        protocol: Whom it calls, see `DatagramProtocol`.
        socket: The socket, with or without a peer: of UDP or ICMP, or a local one.
        **options: As for `DatagramEndpoint`: `delivery`, `size`, `high_water`, `low_water`,
            `queue_limit`, `idle_timeout`, `context`.

    Raises:
        Busy: Another thread is using the socket.
        SocketClosed: The socket, or the event base, is closed.
        TypeError, ValueError: The protocol lacks the method that datagrams are delivered to, or has
            one that cannot be called; or an option is none of the endpoint's. The socket is as it
            was.
    """
    check_event_base(event_base)
    check_datagrams(socket)
    check_names_for(adopt_datagrams, options, EndpointOptions.__annotations__)
    check_base_is_open(event_base)
    endpoint = DatagramEndpoint(event_base, protocol, **options)
    try:
        moved = socket._move("adopt")
    except BaseException:
        endpoint._lose(None, tell=False)  # it may have started a timer
        raise
    endpoint._attach(moved)
    return endpoint


def check_datagrams(socket: object) -> None:
    """Raise `TypeError` for what is no datagram socket that could be moved."""
    if isinstance(socket, DatagramSocket) and not isinstance(socket, PacketSocket | RawSocket):
        return
    hint = ""
    if isinstance(socket, ActiveSocket):
        hint = ": adopt() takes that"
    elif isinstance(socket, PacketSocket | RawSocket | NetlinkSocket):
        hint = ": set_io_handler() tells when something has come to that"
    raise TypeError(
        "adopt_datagrams() takes DatagramSockets, as make_socket(type='datagram', …) makes them, "
        f"and no {type(socket).__name__}{hint}"
    )
