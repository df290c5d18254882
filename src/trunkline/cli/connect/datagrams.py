"""A peer that is talked to by datagrams, as if there were a connection.

What is read of the input at once is a datagram: a line that somebody types, or as much as a program
has written at a time. Datagrams have no end, so that after that of the input the answers are waited
for, as long as there are any.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...errors import SocketError, TimedOut
from ...multiplex import EventBase
from ...multiplex.datagrams import DatagramEndpoint, DatagramProtocol, open_datagrams
from .session import Session
from .settings import Settings
from .telling import Teller

if TYPE_CHECKING:
    from ...multiplex.datagrams.options import InternetEndpointOptions
    from ...sockets.datagrams import Sender

__all__ = ("LARGEST", "DatagramPeer")

LARGEST = 16_384
"""The most bytes of the input that become one datagram."""

ANSWER_TIME = 1.0
"""Seconds without an answer after which there is none, if nothing else was said."""


class DatagramPeer(DatagramProtocol):
    """Sends and receives for a session.

    Args:
        event_base: Who does it.
        settings: What the user has said.
        teller: Who is told how it goes.
        session: Who is told what comes.
    """

    def __init__(
        self, event_base: EventBase, settings: Settings, teller: Teller, session: Session
    ) -> None:
        self._session = session
        self._teller = teller
        self._idle = settings.idle
        self._input_is_over = False
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
        endpoint = self._endpoint
        self.pause_reading: Callable[[], object] = endpoint.pause_reading
        self.resume_reading: Callable[[], object] = endpoint.resume_reading
        self.close: Callable[[], object] = endpoint.close
        self.abort: Callable[[], object] = endpoint.abort

    # -- what a session does with it -------------------------------------------------------------

    def write(self, data: bytes) -> None:
        """Send something, in one datagram or in several."""
        for start in range(0, len(data), LARGEST):
            self._endpoint.send_to(data[start : start + LARGEST])

    def write_eof(self) -> None:
        """Wait for the answers."""
        self._input_is_over = True
        self._endpoint.set_timeouts(idle=ANSWER_TIME if self._idle is None else self._idle)

    # -- what the endpoint tells -----------------------------------------------------------------

    def connection_made(self, endpoint: DatagramEndpoint) -> None:
        """Begin."""
        self._endpoint = endpoint
        self._teller.connected(endpoint.remote_name, endpoint.local_name)
        endpoint.set_timeouts(idle=self._idle)
        endpoint.event_base.call_soon(self._session.begin, self)

    def datagram_received(self, data: bytes, sender: "Sender") -> None:
        """Tell the session."""
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
