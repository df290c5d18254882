"""Moving a live connection from a blocking socket to an event base; `Transport.detach` is back."""

from typing import TYPE_CHECKING, Unpack

from .._core.deadline import check_timeout
from ..addresses import IPAddress
from ..sockets.active_socket import ActiveSocket, Detached
from ..sockets.secured import ready_tls
from ..streams.pipe_stream import PipeStream
from .argument_check import check_event_base, check_socket
from .event_base import EventBase
from .protocol import ProtocolLike
from .transport import Transport
from .transport_options import TransportOptions, check_transport_names
from .transport_securing import DEFAULT_HANDSHAKE_TIMEOUT

if TYPE_CHECKING:
    from ..tls.description import TLSLike

__all__ = ("adopt",)


def adopt(
    event_base: EventBase,
    protocol: ProtocolLike,
    socket: ActiveSocket | PipeStream,
    *,
    tls: "TLSLike | None" = None,
    server_side: bool = False,
    server_name: str | IPAddress | None = None,
    handshake_timeout: float | None = DEFAULT_HANDSHAKE_TIMEOUT,
    **transport_options: Unpack[TransportOptions],
) -> Transport:
    """Make a transport of a connected socket, which is closed then, while the connection lives on.

    Or of a program's pipe or terminal. A pipe goes one way: nothing is delivered of one that is
    written to but its end, when nobody reads it any more; and `Transport.write_eof` closes it.

    You would want it to begin a conversation by blocking, or in a thread, and go on by callbacks.
    What the socket has received and not returned is delivered first, and what it has not sent yet
    is sent first. `connection_made` is called before this returns; but after the handshake, if that
    is to be made.

    Args:
        event_base: Who calls the transport.
        protocol: Whom it calls, see `TransportProtocol`.
        socket: The connection, or the pipe.
        tls: Speak TLS from now on, as `Transport.start_tls` does: a `TLS`, a context of Python's,
            or True for a client's defaults.
        server_side: Whether this end is the server, who waits for the other one to begin.
        server_name: For a client: whom to ask for and to expect. Default: that of the `TLS`, or
            the host that the socket was told to connect to.
        handshake_timeout: Seconds for what is not sent yet and the handshake; None for no limit.
        **transport_options: As for `Transport`: `delivery`, `external_format` (by default that of
            the socket), `line_limit`, `high_water`, `low_water`, `idle_timeout`, `read_timeout`,
            `write_timeout`, `context`.

    Raises:
        NotConnected: The socket has no peer.
        ConnectionReset, SocketError: The connection is over.
        Busy: Another thread is using the socket.
        SocketClosed: The socket, or the event base, is closed.
        TypeError, ValueError: The protocol lacks the method that its input goes to, or has one that
            cannot be called; an option is none of the transport's; text has been decoded and not
            been read, in a format that does not mix with bytes; `tls` is for the other side; whom
            to expect is not known, or it is a pipe; or the socket speaks TLS already, which cannot
            be moved. The socket is as it was.
    """
    check_event_base(event_base)
    if not isinstance(socket, PipeStream):
        check_socket("adopt", socket, ActiveSocket)
    check_transport_names(adopt, event_base, transport_options, connect="active")
    if tls and isinstance(socket, PipeStream):
        raise TypeError("only connections speak TLS, and a pipe is none")
    ready = ready_tls(tls, server_side=server_side, operation="adopt")
    seconds = check_timeout(handshake_timeout, "handshake_timeout")
    transport_options.setdefault("external_format", socket.external_format)
    transport = Transport(event_base, protocol, **transport_options)
    try:
        detached = socket._detach("adopt")
    except BaseException:
        transport._lose(None, tell=False)  # it may have started a timer
        raise
    name = detached.remote_name if isinstance(detached, Detached) else None
    unread, unsent = detached.unread, detached.unsent
    if ready is None or not isinstance(detached, Detached):
        transport._attach(detached.descriptor, name, unread=unread, unsent=unsent)
    else:
        transport._host = socket._host if isinstance(socket, ActiveSocket) else None
        transport._attach_with_tls(
            detached.descriptor,
            detached.remote_name,
            ready,
            server_side=server_side,
            server_name=server_name,
            timeout=seconds,
            unread=unread,
            unsent=unsent,
        )
    return transport
