"""A peer that is talked to by datagrams, as if there were a connection.

What is read of the input at once is a datagram: a line that somebody types, or as much as a program
has written at a time. Datagrams have no end, so that after that of the input the answers are waited
for, as long as there are any. Who waits for a client is there to receive, and waits for ever.
"""

from typing import TYPE_CHECKING

from ...errors import SocketError, TimedOut
from ...multiplex import EventBase, Timer
from ...multiplex.datagrams import (
    DatagramEndpoint,
    DatagramProtocol,
    adopt_datagrams,
    open_datagrams,
)
from ..binding import bind_datagrams
from .session import Session
from .settings import Settings
from .telling import Teller

if TYPE_CHECKING:
    from ...multiplex.datagrams.options import InternetEndpointOptions
    from ...sockets.datagrams import Sender

__all__ = ("LARGEST", "DatagramClient", "DatagramListening", "DatagramServer")

LARGEST = 16_384
"""The most bytes of the input that become one datagram."""

ANSWER_TIME = 1.0
"""Seconds without an answer after which there is none, if nothing else was said."""


class DatagramPeer(DatagramProtocol):
    """Sends and receives for a session.

    Args:
        session: Who is told what comes.
        silence: Seconds without an answer that end it, after the input has; None is for ever.
    """

    _endpoint: DatagramEndpoint
    _peer: "Sender | None" = None  # the endpoint may have one itself

    def __init__(self, session: Session, silence: float | None) -> None:
        self._session = session
        self._silence = silence
        self._input_is_over = False

    # -- what a session does with it -------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send something, in one datagram or in several."""
        for start in range(0, len(data), LARGEST):
            self._endpoint.send_to(data[start : start + LARGEST], self._peer)

    def write_eof(self) -> None:
        """Wait for the answers."""
        self._input_is_over = True
        self._endpoint.set_timeouts(idle=self._silence)

    def pause_reading(self) -> None:
        """Receive nothing; what comes meanwhile may be lost."""
        self._endpoint.pause_reading()

    def resume_reading(self) -> None:
        """Undo that."""
        self._endpoint.resume_reading()

    def close(self) -> None:
        """End it, after what is queued."""
        self._endpoint.close()

    def abort(self) -> None:
        """End it now."""
        self._endpoint.abort()

    # -- what the endpoint tells -----------------------------------------------------------------

    def datagram_received(self, data: bytes, sender: "Sender") -> None:
        """Tell the session."""
        if self._peer is None or self._peer == sender:
            self._session.peer_received(data)

    def error_received(self, error: SocketError) -> None:
        """End: nobody is there, say."""
        self._session.fail(error)

    def pause_writing(self) -> None:
        """Tell the session."""
        self._session.peer_full()

    def resume_writing(self) -> None:
        """Tell the session."""
        self._session.peer_has_room()

    def connection_lost(self, error: Exception | None) -> None:
        """End; after the input has, that no answer comes any more is a good end."""
        if self._input_is_over and isinstance(error, TimedOut):
            error = None
        self._session.peer_lost(error)


class DatagramServer(DatagramPeer):
    """Who receives at the target.

    Args:
        event_base: Who does it.
        settings: What the user has said.
        teller: Who is told how it goes.
        session: Who is told what comes.
    """

    def __init__(
        self, event_base: EventBase, settings: Settings, teller: Teller, session: Session
    ) -> None:
        super().__init__(session, ANSWER_TIME if settings.idle is None else settings.idle)
        self._teller = teller
        self._idle = settings.idle
        target, source = settings.target, settings.source
        teller.begin(target)
        options: InternetEndpointOptions = {
            "remote_host": target.host,
            "remote_port": target.port,
            "connect_timeout": settings.timeout,
        }
        if source is not None:
            options |= {"local_host": source.host, "local_port": source.port}
        self._endpoint = open_datagrams(event_base, self, address_family=settings.family, **options)

    def connection_made(self, endpoint: DatagramEndpoint) -> None:
        """Begin."""
        self._endpoint = endpoint
        self._teller.connected(endpoint.remote_name, endpoint.local_name)
        endpoint.set_timeouts(idle=self._idle)
        endpoint.event_base.call_soon(self._session.begin, self)


class DatagramClient(DatagramPeer):
    """Who has sent something to us.

    Args:
        session: Who is told what comes.
        silence: As for `DatagramPeer`.
        endpoint: Where we receive.
        sender: The client.
    """

    def __init__(
        self, session: Session, silence: float | None, endpoint: DatagramEndpoint, sender: "Sender"
    ) -> None:
        super().__init__(session, silence)
        self._endpoint = endpoint
        self._peer = sender


class DatagramListening:
    """Waits for a datagram, and has a session with whom it is from; nobody else is listened to.

    Args:
        event_base: Who does it.
        settings: What the user has said; the target is where to listen.
        teller: Who is told how it goes.
        session: Who is told what comes.

    Raises:
        AddressInUse, PermissionDenied, SocketError, ResolverError: It cannot listen there.
    """

    def __init__(
        self, event_base: EventBase, settings: Settings, teller: Teller, session: Session
    ) -> None:
        self._event_base = event_base
        self._settings = settings
        self._teller = teller
        self._session = session
        self._endpoints: list[DatagramEndpoint] = []
        for socket in bind_datagrams([settings.target]):
            endpoint = adopt_datagrams(event_base, _FirstDatagram(self), socket)
            self._endpoints.append(endpoint)
            teller.listening(endpoint.local_name)
        self._limit: Timer | None = None
        if settings.timeout is not None:
            self._limit = event_base.add_timer(self._time_is_up, settings.timeout, one_shot=True)

    def take(self, endpoint: DatagramEndpoint, data: bytes, sender: "Sender") -> None:
        """Begin the session, with the first datagram that has come."""
        if self._limit is not None:
            self._event_base.remove_timer(self._limit)
        self._endpoints.remove(endpoint)
        self._close_all()
        self._teller.accepted(sender.name)
        client = DatagramClient(self._session, self._settings.idle, endpoint, sender)
        endpoint.set_protocol(client)
        endpoint.set_timeouts(idle=self._settings.idle)
        self._session.begin(client)
        client.datagram_received(data, sender)

    def _time_is_up(self) -> None:
        self._close_all()
        self._session.fail(TimedOut.expired("receive", str(self._settings.target)))

    def _close_all(self) -> None:
        while self._endpoints:
            self._endpoints.pop().close()


class _FirstDatagram(DatagramProtocol):
    """Tells of the first datagram at one address."""

    def __init__(self, listening: DatagramListening) -> None:
        self._listening = listening

    def connection_made(self, endpoint: DatagramEndpoint) -> None:
        self._endpoint = endpoint

    def datagram_received(self, data: bytes, sender: "Sender") -> None:
        self._listening.take(self._endpoint, data, sender)
