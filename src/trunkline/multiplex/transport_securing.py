"""The beginning of a transport, with TLS or without, and of TLS later on.

What does the work of TLS is in `tls_layer` and `handshake`, which are imported when the first
connection asks for it.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

from .._core.deadline import check_timeout
from .._sys.late_import import late_import
from .._sys.pipe_descriptor import PipeDescriptor
from .._sys.sockaddr import Name
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import IPAddress
from ..errors import NotConnected, SocketError
from ..sockets.secured import ready_tls
from ..sockets.tls_facts import TLSFacts
from .lingering import linger
from .transport_core import CLOSED, CLOSING, CONNECTING, OPEN
from .transport_reading import ReadingTransport

if TYPE_CHECKING:
    from ..tls.description import TLSLike
    from ..tls.errors import NotTLS
    from ..tls.machine import Machine
    from .handshake import Handshake
    from .tls_layer import TLSLayer

__all__ = ("DEFAULT_HANDSHAKE_TIMEOUT", "SecuringTransport")

DEFAULT_HANDSHAKE_TIMEOUT = 60.0
"""Seconds for a handshake, unless told otherwise."""


class _PartsOfTLS(NamedTuple):
    """What it takes, and is imported late."""

    make_machine: "Callable[..., Machine]"
    plaintext_ahead: "Callable[..., NotTLS | None]"
    TLSLayer: "type[TLSLayer]"
    Handshake: "type[Handshake]"


@cache
def _parts_of_tls() -> _PartsOfTLS:
    with late_import("start_tls"):
        from ..tls.description import make_machine
        from ..tls.machine import plaintext_ahead
        from .handshake import Handshake
        from .tls_layer import TLSLayer
    return _PartsOfTLS(make_machine, plaintext_ahead, TLSLayer, Handshake)


class SecuringTransport(ReadingTransport, TLSFacts):
    """The part of a transport that begins, with TLS or without."""

    __slots__ = ()

    _nests_tls = False  # or else TLS may begin within TLS, where it is most often a mistake

    # Once more, for type checkers that want it in each class.
    _interrupted: bool
    bytes_received: int

    # -- the beginning ---------------------------------------------------------------------------

    def _begin_connecting(self, cancel: Callable[[], None], address: object) -> None:
        """Take note of how to give up connecting, should the transport be closed before.

        Args:
            cancel: Called without arguments, once at most.
            address: What errors call the peer that is not there yet.
        """
        self._cancel_connecting = cancel
        self._where = address

    def _attach(
        self,
        descriptor: SocketDescriptor | PipeDescriptor,
        remote_name: Name | None,
        *,
        local_name: Name | None = None,
        unread: bytes = b"",
        unsent: bytes = b"",
        layer: "TLSLayer | None" = None,
    ) -> None:
        """Begin, on a connected descriptor, which the transport owns from now on.

        Or go on, after a handshake, if it has begun before.

        Args:
            descriptor: The connection.
            remote_name: The peer's name; None if it has none, as a pipe.
            local_name: This end's, if it is known; else the system is asked when it is wanted.
            unread: Bytes that were received, and are to be delivered first.
            unsent: Bytes that are to be sent, after what is queued.
            layer: What speaks TLS on it, if anything does.
        """
        if self._state == CLOSED:  # meanwhile
            descriptor.close()
            return
        if unsent:
            self._queue.append(unsent)
        self._cancel_connecting = None
        if isinstance(descriptor, PipeDescriptor):
            self._pipe = descriptor
        self._take_descriptor(cast("SocketDescriptor", descriptor))
        self.remote_name = remote_name
        if remote_name is not None:
            descriptor.where = remote_name
        self._where = descriptor.where
        self._local_name = local_name
        self._layer = layer
        self._receive = descriptor.bare_receive if layer is None else layer.receive
        self._choose_send()
        self._received_at = self._sent_at = self.event_base.now()
        is_new = self._began_at is None
        if is_new:
            self._began_at = self._received_at
        if self._state == CLOSING:  # there is only something to be sent
            self._flush()
            return
        self._state = OPEN
        self._unread = unread
        # Since before there was a connection, or during the handshake.
        has_to_flush = self._eof_wanted or self._writing_is_paused
        if self._pipe is not None and not self._pipe.writes:
            self._eof_wanted = self._is_refusing = True  # there is no writing half
        try:
            self._call("connection_made" if is_new else "tls_started", self)
        finally:
            if self._queue.size or has_to_flush:
                self._flush()
            self._start_reading()
            self._deliver_soon()

    # -- TLS ------------------------------------------------------------------------------------

    def start_tls(
        self,
        tls: "TLSLike" = True,
        *,
        server_side: bool = False,
        server_name: str | IPAddress | None = None,
        timeout: float | None = DEFAULT_HANDSHAKE_TIMEOUT,
    ) -> None:
        """Speak TLS from now on, on a connection that has begun without: what is called STARTTLS.

        What is queued is sent first, as it is; what is written from now on waits for the handshake.
        `TransportProtocol.tls_started` is called when that is over, or `connection_lost` if it has
        failed. Meanwhile, the transport is as one that is connecting: nothing is delivered, and
        closing it gives the handshake up unless something was written since.

        If a server has received something that was not delivered, it has to be the client's
        handshake; if a client has, it cannot be anything good. Somebody in between may have put it
        there, to be taken for what the peer has sent safely: so the connection ends, with `NotTLS`.
        So take the line that asks for it by delivery as ``"lines"``, which knows what comes behind.

        Args:
            tls: How to speak: a `TLS`, a context of Python's, or True for a client's defaults.
            server_side: Whether this end is the server, who waits for the other one to begin.
            server_name: For a client: whom to ask for and to expect. Default: that of the `TLS`, or
                the host that it was told to connect to.
            timeout: Seconds for the queue and the handshake; None for no limit.

        Raises:
            NotConnected: There is no connection, or it is being closed.
            TypeError, ValueError: `tls` is none, or for the other side; whom to expect is not
                known; it speaks TLS already, or is a pipe; the writing half has been ended; a file
                waits to be sent, or output is held; or text has been decoded and not been
                delivered, in a format that does not mix with bytes.
            TLSError, SocketError: A file of the `TLS` is not as it should be.
        """
        ready = ready_tls(tls, server_side=server_side, operation="start_tls")
        if ready is None:
            raise TypeError(f"tls is a TLS, a context of Python's, or True, not {tls!r}")
        seconds = check_timeout(timeout)
        below = self._layer
        if below is not None and not self._nests_tls:
            raise ValueError("the connection speaks TLS already")
        if self._state != OPEN or self.descriptor is None or self.descriptor.is_closed:
            raise NotConnected(operation="start_tls", address=self._where)
        if self._eof_wanted:
            raise ValueError("the writing half of the connection has been ended by write_eof()")
        if self._pipe is not None:
            raise TypeError(f"only connections speak TLS, and {self._where} is none")
        if self._files:
            raise ValueError("a file is being sent: wait until it is done")
        if self._is_held and self._queue.size:
            raise ValueError("what is queued is held: release_output() first")
        machine = self._make_machine(
            ready,
            server_side=server_side,
            server_name=server_name,
            below=None if below is None else below.machine,
        )
        unread = self._take_back()
        self._unread, self._has_more, self._interrupted = b"", False, True
        unsent = self._queue.take_all() + self._take_text_end()
        if below is not None:
            unsent = below.make_way(unsent)
        descriptor = self._release_descriptor()
        assert descriptor is not None
        self._eof_seen = False  # it will be seen again
        self._state = CONNECTING
        self._shake_hands(
            descriptor,
            ready,
            machine,
            server_side=server_side,
            timeout=seconds,
            unread=unread,
            unsent=unsent,
        )

    def _make_machine(
        self,
        tls: "TLSLike",
        *,
        server_side: bool,
        server_name: str | IPAddress | None,
        below: "Machine | None" = None,
    ) -> "Machine":
        """Return the machine for the connection.

        Args:
            tls: How to speak, see `ready_tls`.
            server_side: Whether this end waits for the other one to begin.
            server_name: Whom a client expects, if the user has said so just now.
            below: The machine of the connection that it is to be within, if it is.

        Raises:
            ValueError: Whom to expect is not known.
            TLSError, SocketError: A file of the `TLS` is not as it should be.
        """
        return _parts_of_tls().make_machine(
            tls,
            server_side=server_side,
            server_name=server_name,
            host=self._host,
            remote_name=self.remote_name,
            below=below,
        )

    def _attach_with_tls(
        self,
        descriptor: SocketDescriptor,
        remote_name: Name,
        tls: "TLSLike",
        *,
        server_side: bool,
        timeout: float | None,
        local_name: Name | None = None,
        server_name: str | IPAddress | None = None,
        unread: bytes = b"",
        unsent: bytes = b"",
    ) -> None:
        """Shake hands on a connected descriptor, and begin when that is over; see `_attach`.

        Args:
            descriptor: The connection.
            remote_name: The peer's name.
            tls: How to speak, see `ready_tls`.
            server_side: Whether this end waits for the other one to begin.
            timeout: Seconds for the handshake.
            local_name: This end's name, if it is known.
            server_name: Whom a client expects, if the user has said so.
            unread: Bytes that were received, which have to belong to the handshake.
            unsent: Bytes to be sent before it.
        """
        if self._state == CLOSED:  # meanwhile
            descriptor.close()
            return
        self.remote_name = self._where = descriptor.where = remote_name
        self._local_name = local_name
        try:
            machine = self._make_machine(tls, server_side=server_side, server_name=server_name)
        except (SocketError, ValueError) as error:
            descriptor.close()
            self._lose(error)
            return
        self._shake_hands(
            descriptor,
            tls,
            machine,
            server_side=server_side,
            timeout=timeout,
            unread=unread,
            unsent=unsent,
        )

    def _shake_hands(
        self,
        descriptor: SocketDescriptor,
        tls: "TLSLike",
        machine: "Machine",
        *,
        server_side: bool,
        timeout: float | None,
        unread: bytes,
        unsent: bytes,
    ) -> None:
        """Have the handshake begin, and the transport with it when that is over."""
        parts = _parts_of_tls()
        error = parts.plaintext_ahead(unread, server_side=server_side)
        if error is not None:
            error.address = descriptor.where
            linger(self.event_base, descriptor)
            self._cancel_connecting = None
            self._lose(error)
            return
        machine.feed(unread)
        layer = parts.TLSLayer(self, descriptor, machine, tls, unsent)
        handshake = parts.Handshake(self.event_base, self, descriptor, layer, timeout)
        self._cancel_connecting = handshake.cancel
        handshake.start()

    def _begin_with_tls(self, descriptor: SocketDescriptor, layer: "TLSLayer") -> None:
        """Begin, or go on, after a handshake, which has passed on that it was watched."""
        try:
            self._attach(descriptor, self.remote_name, local_name=self._local_name, layer=layer)
        finally:
            if self._interest is not None:
                self._update_interest()

    def _receive_again(self) -> None:
        """Receive what there is to tell without the descriptor's being ready."""
        if self._is_reading:
            self._receive_once()

    # -- what was agreed on ----------------------------------------------------------------------

    @property
    def speaks_tls(self) -> bool:
        """Whether the connection speaks TLS, the handshake being over."""
        return self._layer is not None

    @property
    def _machine(self) -> "Machine | None":
        return None if self._layer is None else self._layer.machine
