"""Passive stream sockets: those that listen, and accept connections."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar, overload

from .._core.deadline import Deadline, check_timeout
from .._core.external_format import ExternalFormat, ExternalFormatLike, ensure_external_format
from .._sys.clock import monotonic
from .._sys.sockaddr import Name
from .._sys.socket_descriptor import SocketDescriptor
from ..errors import SocketClosed
from ..streams.stream import DEFAULT_BUFFER_SIZE, check_buffer_size
from .active_socket import ActiveSocket
from .listening_socket import ListeningSocket
from .secured import ready_tls

if TYPE_CHECKING:
    from ..tls.description import TLSLike

S = TypeVar("S", bound=ActiveSocket)

__all__ = ("PassiveSocket",)


class PassiveSocket(ListeningSocket):
    """A socket that listens for connections, and makes an `ActiveSocket` of each; see
    `make_socket`.

    The settings of the streams are those of the accepted sockets.
    """

    def __init__(
        self,
        descriptor: SocketDescriptor,
        *,
        external_format: ExternalFormatLike = "utf-8",
        input_buffer_size: int = DEFAULT_BUFFER_SIZE,
        output_buffer_size: int = DEFAULT_BUFFER_SIZE,
        timeout: float | None = None,
        tls: "TLSLike | None" = None,
    ) -> None:
        super().__init__(descriptor)
        self._tls = ready_tls(tls, server_side=True, operation="listen")
        self._external_format = ensure_external_format(external_format)
        self._input_buffer_size = check_buffer_size(input_buffer_size)
        self._output_buffer_size = check_buffer_size(output_buffer_size)
        self._timeout = check_timeout(timeout)

    @property
    def external_format(self) -> ExternalFormat:
        """The external format that accepted sockets begin with."""
        return self._external_format

    @external_format.setter
    def external_format(self, value: ExternalFormatLike) -> None:
        self._external_format = ensure_external_format(value)

    @property
    def speaks_tls(self) -> bool:
        """Whether accepted sockets speak TLS."""
        return self._tls is not None

    def _take_tls(self, tls: "TLSLike") -> None:
        """Have accepted sockets speak TLS in this way, from now on; see `ready_tls`."""
        self._tls = ready_tls(tls, server_side=True, operation="listen")

    # -- accepting -------------------------------------------------------------------------------

    @overload
    def accept(
        self,
        *,
        timeout: None = None,
        external_format: ExternalFormatLike | None = ...,
        input_buffer_size: int | None = ...,
        output_buffer_size: int | None = ...,
    ) -> ActiveSocket: ...
    @overload
    def accept(
        self,
        *,
        timeout: float | None,
        external_format: ExternalFormatLike | None = ...,
        input_buffer_size: int | None = ...,
        output_buffer_size: int | None = ...,
    ) -> ActiveSocket | None: ...
    def accept(
        self,
        *,
        timeout: float | None = None,
        external_format: ExternalFormatLike | None = None,
        input_buffer_size: int | None = None,
        output_buffer_size: int | None = None,
    ) -> ActiveSocket | None:
        """Wait for a connection, and accept it.

        If it speaks TLS, that begins when it is first read from or written to: a client who does
        not begin keeps nobody waiting here. See `ActiveSocket.handshake`.

        A client that is gone before it was accepted is passed over. When the process has run out of
        descriptors, that is logged once and the call goes on waiting until there is one. Once
        means once a minute at most, for a server at its limit is short again and again.

        Args:
            timeout: Seconds to wait; None is for ever, 0 does not wait.
            external_format: The stream's external format; by default this socket's.
            input_buffer_size: The stream's, in bytes; by default this socket's.
            output_buffer_size: The stream's, in bytes; by default this socket's.

        Returns:
            The socket of the connection, or None when the time is up.

        Raises:
            TooManyOpenFiles, NoBufferSpace, OutOfMemory: `timeout` is 0 and one of these things
                is short. The connection goes on waiting.
            SocketClosed: The socket is closed, or is being closed by another thread.
            Busy: Another thread is accepting.
            ValueError: The socket does not listen.
            SocketError: The system says no.
        """
        deadline = Deadline(timeout, monotonic)
        if external_format is None:
            external_format = self._external_format
        if input_buffer_size is None:
            input_buffer_size = self._input_buffer_size
        if output_buffer_size is None:
            output_buffer_size = self._output_buffer_size
        # A mistake in them must not cost a connection.
        external_format = ensure_external_format(external_format)
        check_buffer_size(input_buffer_size)
        check_buffer_size(output_buffer_size)
        self._descriptor.check_open("accept")
        with self._descriptor.reading:
            accepted = self._accept(deadline)
        if accepted is None:
            return None
        return self._wrap_accepted(
            ActiveSocket,
            *accepted,
            external_format=external_format,
            input_buffer_size=input_buffer_size,
            output_buffer_size=output_buffer_size,
        )

    def _wrap_accepted(
        self,
        make: Callable[..., S],
        descriptor: SocketDescriptor,
        name: Name,
        *,
        external_format: ExternalFormatLike | None = None,
        input_buffer_size: int | None = None,
        output_buffer_size: int | None = None,
        begin_tls: bool = True,
    ) -> S:
        """Return the socket of a connection that `accept_descriptor` has accepted; see `accept`.

        It is what `make` returns, which is called like `ActiveSocket`. If `begin_tls` is False, who
        calls this is to begin with TLS.
        """
        try:
            made = make(
                descriptor,
                remote_name=name,
                external_format=external_format or self._external_format,
                input_buffer_size=input_buffer_size or self._input_buffer_size,
                output_buffer_size=output_buffer_size or self._output_buffer_size,
                timeout=self._timeout,
            )
            if begin_tls and self._tls is not None:
                made._begin_tls(self._tls, server_side=True)
            return made
        except BaseException:
            descriptor.close()
            raise

    def __iter__(self) -> Iterator[ActiveSocket]:
        """Accept connections until the socket is closed."""
        while True:
            try:
                connection = self.accept()
            except SocketClosed:
                return
            yield connection
