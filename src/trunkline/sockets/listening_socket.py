"""What passive sockets have in common: listening, and accepting connections whatever happens."""

import errno
import sys
from typing import TYPE_CHECKING

from .._core.accept_policy import (
    AcceptVerdict,
    ShortageEpisodes,
    accept_back_off,
    accept_verdict,
)
from .._core.counts import check_count
from .._core.deadline import Deadline
from .._core.log_record import about
from .._sys.clock import monotonic
from .._sys.shortage import wait_for_descriptor
from .._sys.sockaddr import Name
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import LocalAddress
from ..errors import SocketError, TimedOut
from .families import family_label
from .names import NameLike, ensure_name
from .python_names import PythonListenerNames
from .socket import Socket, name_text

if TYPE_CHECKING:
    from logging import Logger

__all__ = ("DEFAULT_BACKLOG", "ListeningSocket")

DEFAULT_BACKLOG = 128
"""How many connections may wait to be accepted; the system may allow fewer, see listen(2)."""


class ListeningSocket(Socket, PythonListenerNames):
    """A socket that listens for connections."""

    def __init__(self, descriptor: SocketDescriptor) -> None:
        super().__init__(descriptor)
        self._is_listening = False
        self._back_off = accept_back_off()
        self._shortages = ShortageEpisodes()

    # -- binding and listening -------------------------------------------------------------------

    def bind(
        self,
        address: NameLike,
        port: int | str = 0,
        *,
        reuse_address: bool = True,
        reuse_port: bool = False,
    ) -> None:
        """Bind the socket to an address and port, or to a local address.

        Args:
            address: An address of this machine, `IPV4_UNSPECIFIED` or `IPV6_UNSPECIFIED` for all of
                them; for a local socket a path or a `LocalAddress`.
            port: A port, or the name of a service; 0 lets the system choose, see `local_port`.
            reuse_address: Do not wait for old connections of that port to fade away; for a path,
                remove a socket's file that nobody listens to.
            reuse_port: Let other sockets of this user listen at the same port; the system spreads
                the connections.

        Raises:
            AddressInUse: Somebody listens there already.
            AddressNotAvailable, PermissionDenied, SocketError: The system says no.
            OptionNotSupported: The platform has no `reuse_port`.
            SocketClosed: The socket is closed.
            TypeError, ValueError: The address or the port is none, or the socket is bound already.
        """
        name = ensure_name(self._descriptor, address, port)
        if self._local_name is not None:
            raise ValueError(f"{self!r} is bound already")
        is_local = isinstance(name, LocalAddress)
        if reuse_address and not is_local and sys.platform != "win32":
            # On Windows the option means that anybody may take the port away.
            self.set_option("reuse_address", True)
        if reuse_port:
            self.set_option("reuse_port", True)
        self._descriptor.bind(name, replaces_stale=is_local and reuse_address)
        self._remember_local_name()

    def listen(self, backlog: int | None = None) -> None:
        """Begin to listen.

        Args:
            backlog: How many connections may wait to be accepted; None is `DEFAULT_BACKLOG`.

        Raises:
            AddressInUse: Somebody else listens at that port.
            SocketClosed, SocketError: The system says no.
            TypeError, ValueError: The backlog is not a number, or negative.
        """
        if backlog is None:
            backlog = DEFAULT_BACKLOG
        check_count("a backlog", backlog, least=0)
        self._descriptor.listen(backlog)
        self._is_listening = True
        self._remember_local_name()
        _logger()

    def _take_state(self, local_name: Name, *, listens: bool) -> None:
        """Take note of what was done to the descriptor before it was ours."""
        self._is_listening = listens
        is_bound = local_name.path if isinstance(local_name, LocalAddress) else local_name.port
        if listens or is_bound:
            self._local_name = self._descriptor.where = local_name
            _logger()

    @property
    def is_bound(self) -> bool:
        """Whether the socket is open and has been bound."""
        return self._local_name is not None and not self.closed

    @property
    def is_listening(self) -> bool:
        """Whether the socket is open and listens."""
        return self._is_listening and not self.closed

    # -- accepting -------------------------------------------------------------------------------

    def wait_for_connection(self, *, timeout: float | None = None) -> bool:
        """Wait until a connection waits to be accepted, and leave it there.

        You would want it where it is not you who accepts, or not yet. To wait for several things,
        see `wait_until_any_ready`.

        Args:
            timeout: Seconds to wait; None is for ever, 0 only looks.

        Returns:
            True if there is one. `accept` then does not wait, unless the client goes away meanwhile
            or another process is faster.

        Raises:
            SocketClosed: The socket is closed, or is being closed by another thread.
            Busy: Another thread is accepting.
            ValueError: The socket does not listen; or the timeout is negative.
            TypeError: The timeout is not a number.
        """
        deadline = Deadline(timeout, monotonic)
        self._descriptor.check_open("wait_for_connection")
        if not self._is_listening:
            raise ValueError(f"{self!r} does not listen: call listen() first")
        with self._descriptor.reading:
            if not self._descriptor.is_readable():
                try:
                    self._descriptor.wait_readable(deadline, "wait_for_connection")
                except TimedOut:
                    return False
            self._descriptor.check_open("wait_for_connection")  # or closing it has looked like that
            return True

    def _accept(self, deadline: Deadline) -> tuple[SocketDescriptor, Name] | None:
        while True:
            try:
                accepted = self._descriptor.accept()
            except SocketError as error:
                if not self._survive(error, deadline):
                    return None
                continue
            self._back_off.reset()
            if accepted is not None:
                return accepted
            try:
                self._descriptor.wait_readable(deadline, "accept")
            except TimedOut:
                return None

    def _accept_descriptor(self) -> tuple[SocketDescriptor, Name] | None:
        """Accept a connection at once; return its descriptor and its peer's name, or None.

        It is for what makes something else than an `ActiveSocket` of it.

        Raises:
            SocketError: Whatever accept(2) says.
        """
        return self._descriptor.accept()

    def _survive(self, error: SocketError, deadline: Deadline) -> bool:
        """Do what the policy says about an error of accepting; return whether to try again."""
        verdict = accept_verdict(error)
        if verdict is AcceptVerdict.RAISE:
            if error.errno == errno.EINVAL and not self._is_listening:
                raise ValueError(f"{self!r} does not listen: call listen() first") from None
            raise error
        if verdict is AcceptVerdict.BACK_OFF:
            if deadline.is_immediate:
                raise error
            delay = self._back_off.next_delay()
            remaining = deadline.remaining()
            if remaining == 0:
                return False
            self._tell_shortage(error)
            wait_for_descriptor(delay if remaining is None else min(delay, remaining))
            self._descriptor.check_open("accept")
        return True

    def _tell_shortage(self, error: SocketError) -> None:
        """Log that connections have to wait, and why; once for as long as that goes on."""
        if self._shortages.begins(monotonic()):
            _logger().warning(
                "cannot accept connections at %s for now: %s",
                self.local_name,
                error.strerror,
                extra=about(local=self.local_name, error=error),
            )

    # -- the end ---------------------------------------------------------------------------------

    def close(self, *, abort: bool = False) -> None:
        """Stop listening; connections that were accepted live on. May be repeated, from any thread.

        Whoever is accepting in another thread gets `SocketClosed`. The file of a local socket is
        removed.
        """
        super().close(abort=abort)

    # -- for people ------------------------------------------------------------------------------

    def _kind_text(self) -> str:
        return f"passive {family_label(self._descriptor.family)} stream socket"

    def _state_text(self) -> str:
        if self._local_name is None:
            return ", unbound"
        state = "waiting @" if self._is_listening else "bound to"
        return f" {state} {name_text(self._local_name)}"


def _logger() -> "Logger":
    # Clients need not pay for the module, which costs more than all of Trunkline's sockets. But who
    # listens has to have it by then: without a descriptor left, nothing can be imported.
    import logging

    return logging.getLogger("trunkline.sockets")
