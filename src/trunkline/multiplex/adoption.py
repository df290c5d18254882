"""Moving a live connection from a blocking socket to an event base; `Transport.detach` is back."""

from typing import Unpack

from ..sockets.active_socket import ActiveSocket, Detached
from ..streams.pipe_stream import PipeStream
from .argument_check import check_event_base, check_socket
from .event_base import EventBase
from .protocol import ProtocolLike
from .transport import Transport
from .transport_options import TransportOptions, check_transport_names

__all__ = ("adopt",)


def adopt(
    event_base: EventBase,
    protocol: ProtocolLike,
    socket: ActiveSocket | PipeStream,
    **transport_options: Unpack[TransportOptions],
) -> Transport:
    """Make a transport of a connected socket, which is closed then, while the connection lives on.

    Or of a program's pipe or terminal. A pipe goes one way: nothing is delivered of one that is
    written to but its end, when nobody reads it any more; and `Transport.write_eof` closes it.

    You would want it to begin a conversation by blocking, or in a thread, and go on by callbacks.
    What the socket has received and not returned is delivered first, and what it has not sent yet
    is sent first. `connection_made` is called before this returns.

    Args:
        event_base: Who calls the transport.
        protocol: Whom it calls, see `TransportProtocol`.
        socket: The connection, or the pipe.
        **transport_options: As for `Transport`: `delivery`, `external_format` (by default that of
            the socket), `line_limit`, `high_water`, `low_water`, `idle_timeout`, `read_timeout`,
            `write_timeout`, `context`.

    Raises:
        NotConnected: The socket has no peer.
        ConnectionReset, SocketError: The connection is over.
        Busy: Another thread is using the socket.
        SocketClosed: The socket, or the event base, is closed.
        TypeError, ValueError: The protocol lacks the method that its input goes to, or has one that
            cannot be called; an option is none of the transport's; or text has been decoded and not
            been read, in a format that does not mix with bytes. The socket is as it was.
    """
    check_event_base(event_base)
    if not isinstance(socket, PipeStream):
        check_socket("adopt", socket, ActiveSocket)
    check_transport_names(adopt, event_base, transport_options, connect="active")
    transport_options.setdefault("external_format", socket.external_format)
    transport = Transport(event_base, protocol, **transport_options)
    try:
        detached = socket._detach("adopt")
    except BaseException:
        transport._lose(None, tell=False)  # it may have started a timer
        raise
    name = detached.remote_name if isinstance(detached, Detached) else None
    transport._attach(detached.descriptor, name, unread=detached.unread, unsent=detached.unsent)
    return transport
