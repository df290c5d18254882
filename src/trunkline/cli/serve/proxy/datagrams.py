"""Forwarding datagrams: each client has a socket of its own towards the target, while it uses it.

Datagrams have neither a beginning nor an end. So a client is new when nothing is remembered of it,
and is forgotten when nothing has gone either way for `SILENCE` seconds.
"""

import signal
from collections.abc import Sequence

from ...._core.accept_policy import ShortageEpisodes
from ....errors import SocketError, TimedOut
from ....multiplex import EventBase
from ....multiplex.datagrams import (
    DatagramEndpoint,
    DatagramProtocol,
    adopt_datagrams,
    open_datagrams,
)
from ....sockets.datagrams import DatagramSocket, Sender
from ...connect.settings import Settings
from ...sizes import amount
from ..connection_log import note

__all__ = ("SILENCE", "DatagramProxy", "forward_datagrams")

SILENCE = 60.0
"""Seconds without a datagram, after which a client is forgotten."""


class DatagramProxy(DatagramProtocol):
    """Receives from clients, and has for each of them what goes to the target.

    Args:
        event_base: Who does it.
        settings: What the target is.
        max_clients: How many clients there are at once; what comes from others is dropped.
    """

    def __init__(self, event_base: EventBase, settings: Settings, max_clients: int) -> None:
        self._event_base = event_base
        self._settings = settings
        self._max_clients = max_clients
        self._clients: dict[Sender, _ForClient] = {}
        self._refusals = ShortageEpisodes()
        self.endpoint: DatagramEndpoint

    def connection_made(self, endpoint: DatagramEndpoint) -> None:
        """It is there."""
        self.endpoint = endpoint

    def datagram_received(self, data: bytes, sender: Sender) -> None:
        """Hand it on."""
        client = self._clients.get(sender)
        if client is None:
            if len(self._clients) >= self._max_clients:
                self._refuse(sender)
                return
            client = self._clients[sender] = _ForClient(self, sender)
            client.connect(self._event_base, self._settings)
        client.send(data)

    def _refuse(self, sender: Sender) -> None:
        if self._refusals.begins(self._event_base.now()):
            note("is dropped: there are enough clients", server="proxy", peer=sender.name)

    def error_received(self, error: SocketError) -> None:
        """A client is not there any more, which is its own business."""

    def forget(self, sender: Sender) -> None:
        """A client is silent."""
        self._clients.pop(sender, None)

    def close(self) -> None:
        """End it for all."""
        self.endpoint.close()
        for client in tuple(self._clients.values()):
            client.close()


class _ForClient(DatagramProtocol):
    """What goes to the target for one client, and comes back."""

    def __init__(self, proxy: DatagramProxy, sender: Sender) -> None:
        self._proxy = proxy
        self._sender = sender
        self._sent = self._received = 0
        self._error: Exception | None = None
        self._endpoint: DatagramEndpoint

    def connect(self, event_base: EventBase, settings: Settings) -> None:
        """Begin to look for the target."""
        self._target = target = settings.target
        self._endpoint = open_datagrams(
            event_base,
            self,
            remote_host=target.host,
            remote_port=target.port,
            connect_timeout=settings.timeout,
            idle_timeout=SILENCE,
        )

    def send(self, data: bytes) -> None:
        """Send to the target."""
        self._sent += len(data)
        self._endpoint.send_to(data)

    def close(self) -> None:
        """End it."""
        self._endpoint.close()

    def datagram_received(self, data: bytes, sender: Sender) -> None:
        """Send to the client what the target says."""
        self._received += len(data)
        self._proxy.endpoint.send_to(data, self._sender)

    def error_received(self, error: SocketError) -> None:
        """Nobody receives at the target, say: the client finds out as it would without us."""
        self._error = error

    def connection_lost(self, error: Exception | None) -> None:
        """Tell the log, and forget the client."""
        self._proxy.forget(self._sender)
        failure = self._error if error is None or isinstance(error, TimedOut) else error
        note(
            f"to {self._target}: {amount(self._sent)} sent, {amount(self._received)} received"
            + (f": {failure}" if failure is not None else ""),
            server="proxy",
            peer=self._sender.name,
            error=failure,
            target=str(self._target),
            sent=self._sent,
            received=self._received,
        )


def forward_datagrams(
    sockets: Sequence[DatagramSocket], settings: Settings, max_clients: int
) -> None:
    """Forward what comes, until a signal ends it: SIGTERM, or that of Ctrl-C.

    Args:
        sockets: Where to receive; they are ours from now on.
        settings: What the target is.
        max_clients: How many clients there are at once, at each of the sockets.
    """
    with EventBase() as event_base:
        proxies = [DatagramProxy(event_base, settings, max_clients) for _ in sockets]
        for proxy, socket in zip(proxies, sockets, strict=True):
            adopt_datagrams(event_base, proxy, socket)

        def end(number: int) -> None:
            for proxy in proxies:
                proxy.close()
            event_base.call_soon(event_base.exit)  # after the log was told

        for number in (signal.SIGINT, signal.SIGTERM):
            event_base.set_signal_handler(number, end)
        event_base.dispatch()
