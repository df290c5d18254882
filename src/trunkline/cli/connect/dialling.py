"""Making a connection that can be used: with all the tries it takes, and what has to be said first.

A header for the server behind a proxy, a conversation that ends with TLS, the handshake: each is a
step of its own on a connection that has begun in plain text. The limit of time is for all of them.
"""

from collections.abc import Callable
from random import random as random_number
from typing import TYPE_CHECKING, Any, Literal

from ..._core.back_off import BackOff
from ..._core.proxy_protocol import ProxyHeader
from ...addresses import Endpoint
from ...errors import ConnectFailed, EndOfFile, NotConnected, SocketError, TimedOut
from ...multiplex import EventBase, Timer, Transport, TransportProtocol
from ...multiplex.connector import connect_for
from ..exit_status import ExitStatus, status_of
from ..target import Target
from .settings import Settings
from .starttls import StartTLS
from .telling import Teller

if TYPE_CHECKING:
    from ..._sys.sockaddr import AnyName

__all__ = ("Dialling", "Hosts")

Hosts = list[Target]
"""Where to connect to, one after the other: the hosts of a service, or one target."""


# What may be otherwise in a moment. A certificate, say, is not.
_WORTH_A_RETRY = frozenset(
    {
        ExitStatus.BROKEN_OFF,
        ExitStatus.NO_SUCH_NAME,
        ExitStatus.NOT_RESOLVED,
        ExitStatus.REFUSED,
        ExitStatus.TIMED_OUT,
        ExitStatus.UNREACHABLE,
    }
)


class Dialling(TransportProtocol):
    """Connects, and hands over a transport on which everything was said that comes first.

    Args:
        event_base: Who does it.
        settings: What the user has said.
        hosts: Where to connect to, in the order in which to try.
        teller: Who is told how it goes.
        made: Called with the transport, whose protocol is still this one.
        failed: Called with the error, if there is none in the end.
        client: On whose behalf it is, if that is somebody else: whom a header of the PROXY protocol
            names.
    """

    def __init__(
        self,
        event_base: EventBase,
        settings: Settings,
        hosts: Hosts,
        teller: Teller,
        made: Callable[[Transport], object],
        failed: Callable[[Exception], object],
        client: Transport | None = None,
    ) -> None:
        self._client = client
        self._event_base = event_base
        self._settings = settings
        self._hosts = hosts
        self._teller = teller
        self._made = made
        self._failed = failed
        self._back_off = BackOff(first=0.1, factor=2.0, last=10.0)
        self._retries_left = settings.retries
        self._untried: Hosts = []
        self._is_late = False
        self._limit: Timer | None = None
        self._talk: StartTLS | None = None
        self._begin_all()

    # -- attempts --------------------------------------------------------------------------------

    def _begin_all(self) -> None:
        self._untried = [*self._hosts]
        self._failures: list[Exception] = []
        self._is_late = False
        if self._settings.timeout is not None:
            self._limit = self._event_base.add_timer(
                self._time_is_up, self._settings.timeout, one_shot=True
            )
        self._begin()

    def _begin(self) -> None:
        target = self._untried.pop(0)
        self._target = target
        self._talk = None
        self._teller.begin(target)
        self._transport = connect_for(
            None,
            self._event_base,
            self,
            *connect_options(self._settings, target),
            watcher=self._teller,
        )

    def _time_is_up(self) -> None:
        self._limit = None
        self._is_late = True
        self._untried = []  # it has been the limit for all of them
        self._transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Try the next host, or once more, or give up."""
        failure = error or EndOfFile("the server has ended it", address=str(self._target))
        if self._is_late:
            failure = TimedOut.expired("connect", str(self._target))
        self._failures.append(failure)
        if self._untried:
            self._begin()
            return
        self._stop_limit()
        if not self._is_late:
            failure = self._one_failure()
        if not (self._retries_left and status_of(failure) in _WORTH_A_RETRY):
            self._failed(failure)
            return
        self._retries_left -= 1
        delay = self._back_off.next_delay() * (0.5 + random_number() / 2)
        self._teller.retrying(failure, round(delay, 3))
        self._event_base.add_timer(self._begin_all, delay, one_shot=True)

    def _one_failure(self) -> Exception:
        """Return the one error that says what became of all hosts."""
        *others, last = self._failures
        attempts = [each for each in self._failures if isinstance(each, SocketError)]
        if not others or not attempts:
            return last
        each_attempt = tuple(one for each in attempts for one in each.attempts or (each,))
        return ConnectFailed.from_attempts(each_attempt, address=str(self._settings.target))

    def _stop_limit(self) -> None:
        if self._limit is not None:
            self._event_base.remove_timer(self._limit)
            self._limit = None

    # -- what comes first ------------------------------------------------------------------------

    def connection_made(self, transport: Transport) -> None:
        """Say what is to be said before anything else."""
        self._teller.connected(transport.remote_name, transport.local_name)
        settings = self._settings
        if settings.proxy_header is not None:
            transport.write(self._proxy_header(transport, settings.proxy_header))
        if settings.starttls is not None:
            self._talk = StartTLS(settings.starttls, self._server_name())
            transport.write(self._talk.begin())
        elif settings.tls is not None:
            self._start_tls(transport)
        else:
            self._hand_over(transport)

    def data_received(self, data: bytes) -> None:
        """Go on with the conversation that leads to TLS."""
        talk = self._talk
        assert talk is not None, "nothing else is read before the connection is handed over"
        try:
            self._transport.write(talk.feed(data))
        except SocketError as error:
            error.address = str(self._target)
            self._transport.close_with(error)
            return
        if talk.done:
            assert self._settings.starttls is not None
            self._teller.starttls_agreed(self._settings.starttls)
            self._start_tls(self._transport, unread=talk.unread)

    def _start_tls(self, transport: Transport, unread: bytes = b"") -> None:
        from ...tls.machine import plaintext_ahead

        assert self._settings.tls is not None
        error = plaintext_ahead(unread, server_side=False)
        if error is not None:  # somebody in between may have put it there
            error.address = str(self._target)
            transport.close_with(error)
            return
        transport.start_tls(self._settings.tls, timeout=None)

    def tls_started(self, transport: Transport) -> None:
        """Hand it over."""
        self._teller.secured(transport)
        self._hand_over(transport)

    def _hand_over(self, transport: Transport) -> None:
        self._stop_limit()
        self._made(transport)

    def _proxy_header(self, transport: Transport, version: Literal[1, 2]) -> bytes:
        if self._client is None:
            return proxy_header(transport.local_name, transport.remote_name, version)
        return proxy_header(self._client.remote_name, self._client.local_name, version)

    def give_up(self) -> None:
        """End the attempt; nobody is told any more."""
        self._made = self._failed = _nobody
        self._retries_left = 0
        self._untried = []
        self._stop_limit()
        self._transport.abort()

    def _server_name(self) -> str:
        return self._settings.server_name or str(self._settings.target.host or "localhost")


def connect_options(settings: Settings, target: Target) -> tuple[Any, dict[str, Any]]:
    """Return the family of a target, and where that is, as `connect_for` takes it."""
    if target.kind == "local":
        return "local", {"remote_filename": target.address}
    options: dict[str, Any] = {"remote_host": target.host, "remote_port": target.port}
    if settings.source is not None:
        options |= {"local_host": settings.source.host, "local_port": settings.source.port}
    return settings.family, options


def proxy_header(source: "AnyName", destination: "AnyName", version: Literal[1, 2]) -> bytes:
    """Return the header of the PROXY protocol that names who has connected, and to what.

    Raises:
        NotConnected: The connection has ended already, so that its names are not known.
    """
    if isinstance(source, Endpoint) and isinstance(destination, Endpoint):
        return ProxyHeader(source, destination, version=version).encode()
    if source is None:
        raise NotConnected(operation="proxy_header", address=destination)
    return ProxyHeader(None, None, version=version).encode()


def _nobody(*_: object) -> None:
    """Stands for who is not told any more."""
