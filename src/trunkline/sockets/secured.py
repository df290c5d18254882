"""The part of an active socket that speaks TLS: beginning to, and what was agreed on.

What does the work is in `trunkline.tls`, which is imported when the first connection asks for it.
"""

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from .._core.deadline import Deadline
from .._sys.late_import import late_import
from .._sys.sockaddr import Name
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import IPAddress
from ..errors import BrokenPipe, ConnectionReset, SocketError
from ..streams.stream import DEFAULT_TIMEOUT, Stream, Timeout
from .tls_facts import TLSFacts

if TYPE_CHECKING:
    from ..tls.description import TLSLike
    from ..tls.machine import Machine

__all__ = ("SecuredStream", "ready_tls", "reload_tls")

_NOTHING = memoryview(b"")  # to send this takes as long as the handshake


def ready_tls(
    tls: "TLSLike | None", *, server_side: bool, operation: str, has_host: bool = True
) -> "TLSLike | None":
    """Return how to speak TLS, or None if that was not asked for, before anything is done.

    Args:
        tls: What was given.
        server_side: Whether this end waits for the other one to begin.
        operation: What it is for.
        has_host: Whether a client knows to whom it connects.

    Raises:
        TypeError, ValueError, TLSError, SocketError: It cannot be used on that side.
    """
    if tls is None or tls is False:
        return None
    with late_import(operation):
        from ..tls.description import check_tls

    return check_tls(tls, server_side=server_side, has_host=has_host)


def reload_tls(tls: "TLSLike | None") -> None:
    """Read the files again of a way to speak TLS, if it has files; see `TLS.reload`."""
    if tls is None:
        return
    with late_import("reload"):
        from ..tls.description import TLS

    if isinstance(tls, TLS):
        tls.reload()


class SecuredStream(TLSFacts, Stream):
    """A stream that may speak TLS."""

    _descriptor: SocketDescriptor
    _machine: "Machine | None" = None  # once there is TLS
    _host: str | IPAddress | None = None  # to whom it was told to connect, if that was said
    _remote_name: Name | None

    def start_tls(
        self,
        tls: "TLSLike" = True,
        *,
        server_side: bool = False,
        server_name: str | IPAddress | None = None,
        timeout: Timeout = DEFAULT_TIMEOUT,
    ) -> None:
        """Speak TLS from now on, on a connection that has begun without: what is called STARTTLS.

        What is queued is sent first, as it is. If a server has received something that was not
        read, it has to be the client's handshake; if a client has, it cannot be anything good.
        Somebody in between may have put it there, to be taken for what the peer has sent safely:
        so all that is refused, and the connection is of no use any more.

        Args:
            tls: How to speak: a `TLS`, a context of Python's, or True for a client's defaults.
            server_side: Whether this end is the server, who waits for the other one to begin.
            server_name: For a client: whom to ask for and to expect. Default: that of the `TLS`, or
                the host that the socket was told to connect to.
            timeout: Seconds for the queue and the handshake. When they have passed, `handshake`
                goes on with it.

        Raises:
            NotTLS: Something was received that is not TLS, before it has begun or afterwards.
            TLSCertificateError: The peer is not who it shall be.
            TLSMismatch: The two have no version, cipher or protocol in common.
            TLSTruncated, TLSError: It failed otherwise, see there.
            TimedOut: The time is up.
            NotConnected: There is no peer.
            TypeError, ValueError: `tls` is none, or for the other side; whom to expect is not
                known; TLS has begun already; or text has been decoded and not been read.
            Everything that `finish_output` raises.
        """
        deadline = self._deadline(timeout)
        ready = ready_tls(tls, server_side=server_side, operation="start_tls")
        if ready is None:
            raise TypeError(f"tls is a TLS, a context of Python's, or True, not {tls!r}")
        with self._reading, self._writing:
            if self._machine is not None:
                raise ValueError("the connection speaks TLS already")
            self._check_alive("start_tls")
            self._output += self._writer.finish()
            self._flush("start_tls", deadline)
            self._put_in_tls(ready, server_side=server_side, server_name=server_name)
            self._send(_NOTHING, "start_tls", deadline)

    def handshake(self, *, timeout: Timeout = DEFAULT_TIMEOUT) -> None:
        """Wait until the TLS handshake is over.

        An accepted connection begins with its handshake when it is first read from or written to.
        You would want this to do so with a limit of time of its own; or to ask for
        `remote_certificate` before anything else.

        Raises:
            Everything that `start_tls` raises; `ValueError` if there is no TLS.
        """
        deadline = self._deadline(timeout)
        with self._writing:
            if self._machine is None:
                raise ValueError("the connection does not speak TLS: see start_tls()")
            self._check_alive("handshake")
            self._send(_NOTHING, "handshake", deadline)

    def _begin_tls(self, tls: "TLSLike", *, server_side: bool) -> None:
        """Speak TLS on a fresh connection; see `ready_tls`. The handshake comes with the first use.

        Raises:
            ValueError: Whom to expect is not known.
        """
        machine = self._make_machine(tls, server_side=server_side, server_name=None)
        self._go_through_machine(tls, machine)

    def _put_in_tls(
        self, tls: "TLSLike", *, server_side: bool, server_name: str | IPAddress | None = None
    ) -> None:
        """Speak TLS on a connection of which something may have been received already.

        Raises:
            NotTLS: It was, and it may not stand before a handshake.
        """
        machine = self._make_machine(tls, server_side=server_side, server_name=server_name)
        self._check_upgrade(unread := self._input.take_rest(), server_side=server_side)
        machine.feed(unread)
        self._go_through_machine(tls, machine)

    def _handshake_at_once(self) -> bool:
        """Go on with the handshake as far as it goes; return whether it is over, and has left."""
        with self._writing:
            self._check_alive("handshake")
            try:
                return self._channel.send(_NOTHING) is not None
            except SocketError as error:
                raise self._failed(error, "handshake") from None

    def _make_machine(
        self, tls: "TLSLike", *, server_side: bool, server_name: str | IPAddress | None
    ) -> "Machine":
        with late_import("start_tls"):
            from ..tls.description import make_machine

        return make_machine(
            tls,
            server_side=server_side,
            server_name=server_name,
            host=self._host,
            remote_name=self._remote_name,
        )

    def _go_through_machine(self, tls: "TLSLike", machine: "Machine") -> None:
        with late_import("start_tls"):
            from ..tls.channel import TLSChannel
            from ..tls.description import note_session

        below: Any = self._channel
        self._go_through_records(TLSChannel(below, machine, partial(note_session, tls)))
        self._machine = machine

    def _check_upgrade(self, unread: bytes, *, server_side: bool) -> None:
        """Raise if something was received that may not stand before a handshake."""
        with late_import("start_tls"):
            from ..tls.machine import plaintext_ahead

        error = plaintext_ahead(unread, server_side=server_side)
        if error is not None:
            error.address = self._descriptor.where
            raise self._failed(error, "start_tls")

    def _end_records(self, operation: str, deadline: Deadline) -> None:
        """Say by TLS that nothing more will be sent."""
        records = self._records
        if records is not None:
            while not records.end_output():
                records.wait_writable(deadline, operation)

    @property
    def _has_records_to_end(self) -> bool:
        return self._records is not None and self._records.is_established

    def _end_records_to_close(self, deadline: Deadline) -> None:
        """The same, if there is somebody to be told."""
        if self._has_records_to_end:
            with suppress(BrokenPipe, ConnectionReset):
                self._end_records("close", deadline)

    def _send_alert_to_close(self, deadline: Deadline) -> None:
        """Send the rest of the alert by which the peer is told of an error, if it takes it."""
        with suppress(SocketError):
            self._end_records("close", deadline)

    @property
    def _has_failed_tls(self) -> bool:
        """Whether TLS has failed, so that closing has an alert to send, or not to destroy."""
        return self._machine is not None and self._machine.has_failed

    def _check_handed_on(self, operation: str) -> None:
        """Raise if the connection cannot leave this object."""
        if self._machine is not None:
            raise ValueError(
                f"{operation}: a connection that speaks TLS cannot be handed on, for its keys stay"
            )

    def _check_below(self) -> None:
        """Raise if there is something between this stream and the system."""
        if self._machine is not None:
            raise ValueError(
                "the connection speaks TLS, which send_to() and receive_from() would go round: "
                "use write() and read()"
            )

    @property
    def speaks_tls(self) -> bool:
        """Whether the connection speaks TLS; see `handshake` for whether it has begun to."""
        return self._machine is not None
