"""Running a conversation from beginning to end: `converse` is what the command calls."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ..._sys.standard_streams import standard_stream
from ...errors import SocketError
from ...multiplex import EventBase, Transport, TransportProtocol
from ..target import Target
from .dialling import Dialling, Hosts
from .hex_dump import HexDump
from .session import Session, StandardStreams
from .settings import Settings
from .telling import Teller
from .text_filters import Filter, Incoming, Outgoing, unchanged

if TYPE_CHECKING:
    from .history import History

__all__ = ("converse", "converse_on", "opened_streams")


class Connection(TransportProtocol):
    """Tells a session what happens to its connection."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def data_received(self, data: bytes) -> None:
        """Tell it."""
        self._session.peer_received(data)

    def eof_received(self) -> bool:
        """Tell it, and keep our half open."""
        self._session.peer_finished()
        return True

    def pause_writing(self) -> None:
        """Tell it."""
        self._session.peer_full()

    def resume_writing(self) -> None:
        """Tell it."""
        self._session.peer_has_room()

    def connection_lost(self, error: Exception | None) -> None:
        """Tell it."""
        self._session.peer_lost(error)


def converse(settings: Settings, teller: Teller) -> None:
    """Connect, move everything between the standard streams and the peer, and return in the end.

    For the errors see `converse_on`; and:

    Raises:
        OSError: A standard stream cannot be used.
    """
    with opened_streams(remembers=settings.history) as streams:
        converse_on(streams, settings, teller)


def converse_on(streams: StandardStreams, settings: Settings, teller: Teller) -> None:
    """Connect, move everything between some streams and the peer, and return in the end.

    Raises:
        SocketError, ResolverError, StreamError: There is no connection, or it has not ended well.
        OutputGone: Nobody reads the output any more.
        ValueError: The target is none after all: there is no such service, say.
    """
    hosts = hosts_of(settings)
    with EventBase() as event_base:
        event_base.exception_handler = raise_it
        outgoing, incoming = filters(settings)
        session = Session(
            event_base,
            streams,
            outgoing,
            incoming,
            HexDump() if settings.hex else None,
            tells_end=not settings.keep_open,
        )
        try:
            connect(event_base, settings, hosts, teller, session)
            event_base.dispatch()
        finally:
            session.close()
        seconds = event_base.now() - session.began_at
        teller.ended(*session.counts, seconds)
        if session.error is not None:
            raise session.error


def raise_it(error: Exception, source: object) -> None:
    """Let an exception out of a callback end the program: it is our mistake."""
    raise error


def connect(
    event_base: EventBase, settings: Settings, hosts: Hosts, teller: Teller, session: Session
) -> None:
    """Begin to connect, and have the session begin when that is done."""
    if settings.target.kind == "udp":
        from .datagrams import DatagramListening, DatagramServer

        make = DatagramListening if settings.listens else DatagramServer
        make(event_base, settings, teller, session)
        return

    def made(transport: Transport) -> None:
        transport.set_protocol(Connection(session))
        if settings.probes:
            transport.abort()
            return
        transport.set_timeouts(idle=settings.idle)
        session.begin(transport)

    if settings.listens:
        from .listening import Listening

        Listening(event_base, settings, teller, made, session.fail)
        return
    Dialling(event_base, settings, hosts, teller, made, session.fail)


def hosts_of(settings: Settings) -> Hosts:
    """Return where to connect to, which for a service the domain name system knows."""
    target = settings.target
    if target.kind != "service":
        return [target]
    from ...names import service_hosts

    found = service_hosts(str(target.host), str(target.port), timeout=settings.timeout)
    return [Target("tcp", host, port, tls=target.tls) for host, port in found]


def filters(settings: Settings) -> tuple[Filter, Filter]:
    """Return what goes through what on its way out, and on its way in."""
    outgoing = incoming = unchanged
    if settings.encoding is not None or settings.crlf:
        typed_in = getattr(sys.stdin, "encoding", None) or "utf-8"
        outgoing = Outgoing(settings.encoding, typed_in=typed_in, crlf=settings.crlf)
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    if settings.encoding is not None or on_terminal:
        shown_in = getattr(sys.stdout, "encoding", None) or "utf-8"
        incoming = Incoming(settings.encoding, shown_in=shown_in, on_terminal=on_terminal)
    return outgoing, incoming


@contextmanager
def opened_streams(*, remembers: bool) -> Iterator[StandardStreams]:
    """Yield the standard streams; who has closed the input gives none.

    Args:
        remembers: Whether what is typed is remembered for another time.
    """
    with ExitStack() as opened:
        source = None
        if sys.stdin is not None:
            source = opened.enter_context(standard_stream(0, "r"))
        if sys.stdout is None:
            raise SocketError(strerror="the standard output is closed", operation="write")
        output = opened.enter_context(standard_stream(1, "w"))
        is_typed = source is not None and os.isatty(0)
        # Where somebody types and reads, nothing may come in between.
        is_one_terminal = is_typed and os.isatty(1)
        may_show = sys.stderr is not None and sys.stderr.isatty() and not is_one_terminal
        yield StandardStreams(
            source,
            output,
            is_typed,
            show_on_errors if may_show else None,
            typed_history(remembers=remembers) if is_one_terminal else None,
        )


def typed_history(*, remembers: bool) -> "History":
    """Return what was typed earlier; also at earlier times, if that is remembered."""
    from .history import History, history_path

    return History(history_path() if remembers else None)


def show_on_errors(text: str) -> None:
    """Write to the terminal that the error stream is."""
    sys.stderr.write(text)
    sys.stderr.flush()
