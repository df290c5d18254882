"""One connection of a server: what happens to it from being accepted until its end."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from threading import Thread, current_thread
from typing import TYPE_CHECKING, Any, TypeAlias

from .._core.callbacks import call_plainly, check_callback_or_none
from .._core.deadline import Deadline
from .._core.log_record import about
from .._printable import printable
from .._sys.sockaddr import AnyName, Name
from .._sys.waker import Waker
from ..errors import SocketClosed, SocketError, StreamError, TimedOut, TrunklineError
from ..streams.stream import DEFAULT_TIMEOUT
from .limits import LimitedChannel, check_limit_of_time
from .server_connection import ServerConnection
from .traffic import OpenConnection

if TYPE_CHECKING:
    from ..tls.description import TLSLike

__all__ = (
    "Connection",
    "ExceptionHook",
    "Handler",
    "Outcome",
    "Preamble",
    "Service",
    "logger",
)

logger: logging.Logger = logging.getLogger("trunkline.servers")

Handler: TypeAlias = Callable[[ServerConnection], object]
"""What a server calls with each connection."""

Preamble: TypeAlias = Callable[[ServerConnection], Name | None]
"""What a server calls before the handler; it may return another name for the peer."""

ExceptionHook: TypeAlias = Callable[[Exception, ServerConnection], object]
"""What a server calls with an exception that has no caller to go to, and its connection."""


class Outcome(Enum):
    """How a connection ended; the names of `ServerStatistics`."""

    FINISHED = "finished"
    FAILED = "failed"
    BROKEN = "broken"
    TIMED_OUT = "timed_out"
    CUT = "cut"
    REJECTED = "rejected"
    REFUSED = "refused"


@dataclass(frozen=True)
class Service:
    """What a server does for each connection; see the arguments of `Server`.

    Raises:
        TypeError, ValueError: One of them is not what it can be.
    """

    name: str
    handler: Handler
    preamble: Preamble | None
    preamble_timeout: float | None
    exception_hook: ExceptionHook | None
    close_connections: bool

    def __post_init__(self) -> None:
        """Check the values."""
        check_callback_or_none(self.preamble, "connection", what="preamble")
        check_callback_or_none(self.exception_hook, "error", "connection", what="exception_hook")
        limit = check_limit_of_time("preamble_timeout", self.preamble_timeout)
        object.__setattr__(self, "preamble_timeout", limit)


class Connection:
    """A connection that is being served.

    There may be many on which nothing happens: so it has no more than what differs between them.

    Args:
        socket: The connection, which knows the server.
        tls: How it shall speak TLS, or None.

    Attributes:
        socket, tls: The arguments.
        thread: The thread that serves it, once there is one.
        error_kind: The class of the error that has ended it, if that was one.
        is_refused: Whether there was no room for its client, and it waits to be told so.
    """

    __slots__ = (
        "_admitted_as",
        "_has_prepared",
        "_is_cut",
        "_was_closed_elsewhere",
        "error_kind",
        "is_refused",
        "socket",
        "thread",
        "tls",
    )

    def __init__(self, socket: ServerConnection, tls: "TLSLike | None") -> None:
        self.socket: ServerConnection = socket
        self.tls: TLSLike | None = tls
        self._admitted_as: Name | None = None
        self._has_prepared = self._service.preamble is None
        self._is_cut = False
        self.thread: Thread | None = None
        self.error_kind: type[BaseException] | None = None
        self._was_closed_elsewhere = False
        self.is_refused: bool = False

    @property
    def channel(self) -> LimitedChannel:
        """What the socket's stream goes through, which knows the limits."""
        return self.socket._limited

    @property
    def _service(self) -> Service:
        return self.socket.server._service

    def admit(self) -> bool:
        """Count the connection as one of its client's; return False if that has enough of them."""
        name = self.socket.remote_name
        if not self.socket.server._addresses.enter(name):
            self.is_refused = True
            return False
        self._admitted_as = name
        return True

    def wait_for_input(self, waker: Waker, deadline: Deadline) -> bool:
        """Wait until there is something to be read, or `waker` was woken; say whether there is."""
        socket = self.socket
        with self.channel.reading:
            while not socket._has_input("wait_for_input"):
                is_sent = not socket.sends_before_waiting or socket.force_output()
                # TLS receives nothing before there is room for what it has to answer.
                is_stuck = socket._records is not None and socket._records.is_stuck
                has_come = self.channel.wait_readable_or(
                    waker,
                    deadline,
                    "wait_for_input",
                    readable=not is_stuck,
                    writable=is_stuck or not is_sent,
                )
                # What has come by TLS may be nothing for a reader.
                if has_come is False or (has_come and not socket.speaks_tls):
                    return has_come
                socket._check_time("wait_for_input", deadline)
            return True

    def leave(self) -> None:
        """Count the connection no more."""
        if self._admitted_as is not None:
            self.socket.server._addresses.leave(self._admitted_as)

    def cut(self) -> None:
        """Close the socket, whatever it is used for; from any thread."""
        if not self.socket.closed:
            self._is_cut = True
            self.socket.close(abort=True)

    def _closing(self, number: int) -> None:
        """Take note of who closes the socket: for what others do the handler is not to blame."""
        if current_thread() is not self.thread:
            self._was_closed_elsewhere = True

    def serve(self) -> None:
        """Do all that there is to do, in the connection's thread.

        If there is a preamble, and TLS behind it, that is only the preamble: the rest is there to
        do when the client has shaken hands.

        Raises:
            KeyboardInterrupt, SystemExit: The handler raised them.
        """
        outcome: Outcome | None = Outcome.FAILED
        self.thread = current_thread()
        self.socket.watch_closing(self._closing)
        try:
            outcome = self._serve()
        except BaseException:
            self.socket.close(abort=True)
            raise
        finally:
            self._count_out(outcome)
        self._hand_on(outcome)

    @property
    def task(self) -> Any:
        """What a runner is to run for it."""
        return self.serve

    def _count_out(self, outcome: Outcome | None) -> None:
        """Count the connection no more, if that was its end."""
        if outcome is not None:
            self.leave()
            if not self.is_refused:
                self.socket.server._connection_ended(self, outcome)

    def _hand_on(self, outcome: Outcome | None) -> None:
        """Have others go on with it, if that was not its end."""
        if outcome is None:
            self.thread = None
            self.socket.server._connection_prepared(self)
        elif self.is_refused:
            self.socket.server._connection_refused(self)

    def _serve(self) -> Outcome | None:
        """Return how the connection has ended; None if it goes on with the handshake."""
        goes_on, outcome = self._prepare()
        if not goes_on:
            return outcome
        try:
            call_plainly(self._service.handler, self.socket)
            if self._service.close_connections:
                self.socket.close()
        except Exception as error:
            return self._end_by(error, self._judge(error))
        return Outcome.CUT if self._is_cut else Outcome.FINISHED

    def _prepare(self) -> tuple[bool, Outcome | None]:
        """Run the preamble, if that is still to be done.

        Returns:
            Whether the handler's turn comes now; and if not, how the connection has ended, or None
            if it goes on with the handshake.
        """
        if not self.has_preamble:
            return True, None
        return self._after_preamble(self._run_preamble())

    def _after_preamble(self, error: Exception | None) -> tuple[bool, Outcome | None]:
        """Go on after the preamble, which may have failed; see `_prepare`."""
        self._has_prepared = True
        if error is not None:
            return False, self._end_by(error, self._judge_preamble(error))
        if not self.admit():
            return False, Outcome.REFUSED
        return self.tls is None, None

    @property
    def has_preamble(self) -> bool:
        """Whether the preamble is still to be run."""
        return not self._has_prepared

    @property
    def can_be_told(self) -> bool:
        """Whether its client understands what it is sent: it waits for no handshake."""
        return self.tls is None or self.socket.tls_version is not None

    def shake_hands(self) -> bool:
        """Go on with the handshake, as far as it goes at once; return whether it is over.

        Raises:
            TLSError, SocketError: It has failed.
        """
        assert self.tls is not None
        return self.socket._shake_hands(self.tls)

    def end_handshake(self, error: Exception, outcome: Outcome) -> None:
        """Close the connection, and say why; a client that has made a mistake is told."""
        self.leave()
        if outcome is Outcome.REJECTED:
            with contextlib.suppress(SocketError):
                self.socket.close(timeout=0)  # which lets the alert arrive
        self._end_by(error, outcome)

    def _run_preamble(self) -> Exception | None:
        """Run the preamble; return the error if it fails."""
        try:
            self._call_preamble()
        except Exception as error:
            return error
        return None

    def _call_preamble(self) -> None:
        preamble = self._service.preamble
        assert preamble is not None
        self.channel.set_end("preamble_timeout", self._service.preamble_timeout)
        name = call_plainly(preamble, self.socket)
        self.channel.set_end("preamble_timeout", None)
        if name is not None:
            text = "%s: %s speaks for %s"
            logger.debug(text, self._service.name, self.peer, name, extra=self._about())
            self.socket._take_names(name, self.socket.local_name)

    @property
    def peer(self) -> AnyName:
        """The peer's name, for people."""
        return self.socket.remote_name

    def look(self) -> OpenConnection:
        """Return how it is just now."""
        return OpenConnection(
            self.peer,
            self.socket.duration,
            self.channel.received,
            self.channel.sent,
            self.channel.receptions,
        )

    # -- the end ---------------------------------------------------------------------------------

    def _judge_preamble(self, error: Exception) -> Outcome:
        if isinstance(error, TrunklineError | ValueError):
            return Outcome.CUT if self._is_cut else Outcome.REJECTED
        return Outcome.FAILED

    def _judge(self, error: Exception) -> Outcome:
        """Say whose fault an exception is.

        That a client resets its connection, or is silent for too long, is part of a server's life.
        The same error of some other connection that the handler has is a fault of the handler, and
        so is a group of errors if one of them is.
        """
        outcomes = [self._outcome_of(each) for each in _errors_in(error)]
        return Outcome.FAILED if Outcome.FAILED in outcomes else outcomes[0]

    def _outcome_of(self, error: Exception) -> Outcome:
        is_ours = getattr(error, "address", None) is self.socket.remote_name
        if not is_ours or not isinstance(error, SocketError | StreamError):
            return Outcome.FAILED
        if self._is_cut:
            return Outcome.CUT
        if isinstance(error, TimedOut) and error.deadline:
            return Outcome.TIMED_OUT
        if isinstance(error, SocketClosed):
            if self.channel.was_overstayed:
                return Outcome.TIMED_OUT
            # Unless somebody else has closed it, the handler uses what it has closed itself.
            return Outcome.CUT if self._was_closed_elsewhere else Outcome.FAILED
        return Outcome.BROKEN

    def _close_after(self, outcome: Outcome) -> None:
        """Close as it suits how the connection ended.

        Where that is the client's doing, what was written for it before is still sent; but nobody
        waits for a client that has let a limit of time pass. A fault of the handler's aborts, since
        it is not known what it has left undone.
        """
        if outcome not in (Outcome.BROKEN, Outcome.TIMED_OUT):
            self.socket.close(abort=True)
            return
        with contextlib.suppress(SocketError):  # one of them is being told of already
            self.socket.close(timeout=0 if outcome is Outcome.TIMED_OUT else DEFAULT_TIMEOUT)

    def _end_by(self, error: Exception, outcome: Outcome) -> Outcome:
        self._close_after(outcome)
        self._tell(error, outcome, self.socket)
        return outcome

    def _tell(self, error: Exception, outcome: Outcome, connection: Any) -> None:
        """Log how the connection has ended; a fault of the handler's goes to the hook.

        Args:
            error: What has ended it.
            outcome: How that counts.
            connection: What the hook is called with.
        """
        first = next(_errors_in(error))
        self.error_kind = type(first)
        if outcome is Outcome.FAILED:
            self._call_hook(error, connection)
        else:
            text = "%s: the connection from %s is %s: %s"
            how = outcome.value.replace("_", " ")
            shown = printable(first)
            extra = self._about(first)
            logger.info(text, self._service.name, self.peer, how, shown, extra=extra)

    def _call_hook(self, error: Exception, connection: Any) -> None:
        hook = self._service.exception_hook
        try:
            if hook is not None:
                call_plainly(hook, error, connection)
                return
        except Exception as failure:
            error = failure
        text = "%s: serving %s has failed"
        extra = self._about(error)
        logger.error(text, self._service.name, self.peer, exc_info=error, extra=extra)

    def _about(self, error: Exception | None = None) -> dict[str, object]:
        return about(server=self._service.name, peer=self.peer, error=error)


def _errors_in(error: Exception) -> Iterator[Exception]:
    """Yield an error, or those that it is a group of."""
    if isinstance(error, ExceptionGroup):
        for each in error.exceptions:
            yield from _errors_in(each)
    else:
        yield error
