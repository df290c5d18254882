"""What all sockets have in common: a descriptor, names, options, a state, and how they end."""

import sys
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Literal, Self, TypeVar, cast

from .._core.deadline import Deadline
from .._core.origin import origin
from .._core.uncopied import Uncopied
from .._sys.python_socket import PythonSocket
from .._sys.sockaddr import AnyName, Name
from .._sys.socket_descriptor import SocketDescriptor
from ..addresses import IPAddress, LocalAddress
from ..errors import SocketError
from .families import family_label
from .names import endpoint_of, local_address_of
from .options.with_options import WithOptions
from .python_names import PythonSocketNames

__all__ = ("Socket",)

T = TypeVar("T")


class Socket(Uncopied, WithOptions, PythonSocketNames):
    """The base of all socket classes; `make_socket` makes them.

    A socket owns its descriptor: closing the socket closes it. All sockets are context managers:
    leaving the ``with`` block closes, and leaving it by an exception closes with ``abort=True``.

    A socket that is forgotten closes itself, and a `ResourceWarning` says so; in Python's
    development mode (``python -X dev``) it also says where the socket was made.
    """

    _descriptor: SocketDescriptor
    _local_name: Name | None = None
    _remote_name: Name | None = None

    def __init__(self, descriptor: SocketDescriptor) -> None:
        self._descriptor = descriptor
        self._origin = origin()

    # -- life and death --------------------------------------------------------------------------

    def close(self, *, abort: bool = False) -> None:
        """Close the socket. May be repeated, and called from any thread.

        Whoever waits in another thread for this socket gets `SocketClosed`.

        Args:
            abort: Drop what is queued, and close now.
        """
        self._descriptor.close()

    @property
    def closed(self) -> bool:
        """Whether the socket has been closed."""
        return self._descriptor.is_closed

    def fileno(self) -> int:
        """Return the number of the descriptor, or -1 when the socket is closed.

        It is for `select` and its like. The descriptor is non-blocking and stays the socket's.
        """
        return self._descriptor.number

    def watch_closing(self, callback: Callable[[int], None]) -> None:
        """Have `callback` called with the descriptor's number when it is about to be given back.

        It is what a multiplexer needs: afterwards the number may be another file's.

        Raises:
            SocketClosed: The socket is closed, or is being closed just now.
            TypeError: It cannot be called.
        """
        if not callable(callback):
            raise TypeError(f"what watches the closing is callable, not {type(callback).__name__}")
        self._descriptor.watch_closing(callback)

    def unwatch_closing(self, callback: Callable[[int], None]) -> None:
        """Undo `watch_closing`, if that was done."""
        self._descriptor.unwatch_closing(callback)

    def _wait_within_limits(
        self, wait: Callable[[Deadline, str], T], deadline: Deadline, operation: str
    ) -> T:
        """Wait as `wait` does, which raises `TimedOut`; for no longer than the socket may."""
        return wait(deadline, operation)

    def to_socket(self) -> PythonSocket:
        """Give this socket to Python: return a `socket.socket`, and close this one.

        You would want it to hand on what Trunkline has made to a library that takes Python's
        sockets; `from_socket` is the way back. The new one owns the descriptor, and waits for as
        long as a stream's `timeout` was, or for ever. If this one was bound to a path, the file is
        left to you.

        Raises:
            ValueError: There is input that was not read, or output that was not sent: it would be
                lost. The socket is as it was.
            Busy: Another thread is using the socket.
            SocketClosed: The socket is closed.
            TooManyOpenFiles: No descriptor is left, of which one more is needed for a moment.
        """
        with self._descriptor.reading, self._descriptor.writing:
            self._check_nothing_queued()
            made = self._descriptor.empty_socket()
            self._descriptor.transfer_to(made)
        made.setblocking(True)
        return made

    def _check_nothing_queued(self) -> None:
        """Raise if anything would be lost with this object."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(abort=kind is not None)

    def __del__(self) -> None:
        descriptor = getattr(self, "_descriptor", None)
        if descriptor is None or descriptor.is_closed or sys.is_finalizing():
            return
        text = f"unclosed {self!r}{self._origin}"
        warnings.warn(text, ResourceWarning, source=self, stacklevel=2)
        descriptor.close()

    # -- names -----------------------------------------------------------------------------------

    @property
    def address_family(self) -> Literal["ipv4", "ipv6", "local", "netlink"]:
        """The family of the socket's addresses: ``"ipv4"``, ``"ipv6"``, ``"local"`` or
        ``"netlink"``.
        """
        return cast(
            "Literal['ipv4', 'ipv6', 'local', 'netlink']",
            family_label(self._descriptor.family).lower(),
        )

    @property
    def local_name(self) -> AnyName:
        """The name this end is bound to: an `Endpoint` (address, port), or a `LocalAddress`.

        It is remembered, so that it can be asked for after the connection is lost, and the socket
        closed.

        Raises:
            SocketClosed: The socket was closed before its name was known.
        """
        if self._local_name is not None:
            return self._local_name
        return self._descriptor.local_name()

    @property
    def local_host(self) -> IPAddress:
        """The address that this end is bound to.

        Raises:
            TypeError: The socket is a local one.
            SocketClosed: As for `local_name`.
        """
        return endpoint_of(self.local_name).host

    @property
    def local_port(self) -> int:
        """The port that this end is bound to; see `local_host`."""
        return endpoint_of(self.local_name).port

    @property
    def local_filename(self) -> LocalAddress:
        """The local address that this end is bound to.

        Raises:
            TypeError: The socket is not a local one.
            SocketClosed: As for `local_name`.
        """
        return local_address_of(self.local_name)

    def _remember_local_name(self) -> None:
        """Ask for the local name once, now that it will not change."""
        try:
            self._local_name = self._descriptor.local_name()
        except SocketError:
            # It was reset, or closed by another thread: who asks for the name will be told.
            return
        if self._descriptor.where is None:
            self._descriptor.where = self._local_name

    def _descriptor_with_options(self, operation: str) -> SocketDescriptor:
        return self._descriptor

    # -- for people ------------------------------------------------------------------------------

    def _state_text(self) -> str:
        """Return the end of the `repr`."""
        raise NotImplementedError

    def _kind_text(self) -> str:
        """Return the start of the `repr`."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<{self._kind_text()}{', closed' if self.closed else self._state_text()}>"


def name_text(name: Name) -> str:
    """Return a name as the `repr` of a socket shows it."""
    is_path = isinstance(name, LocalAddress) and name.path
    return f'"{name}"' if is_path else str(name)
