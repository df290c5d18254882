"""A server: it accepts connections, and calls a handler with each of them.

One thread accepts, on an event base: `serve_forever` is it, or `start` starts it. Whatever concerns
the accepting, the limit on connections and the end is done there. The handlers run in threads of
their own, or in that one.
"""

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Never, Self, Unpack

from .._core.callbacks import call_plainly, check_callback_or_none
from .._core.counts import check_count
from .._core.deadline import Deadline, check_timeout
from .._core.external_format import ExternalFormatLike
from .._core.log_record import about
from .._core.timer_queue import Timer
from .._core.uncopied import Uncopied
from .._sys.arrivals import stop_arrivals
from .._sys.clock import monotonic
from .._sys.latch import Latch
from .._sys.waker import Waker
from ..errors import SocketClosed, SocketError
from ..multiplex.event_base import EventBase
from ..multiplex.listener import DEFAULT_DRAIN_TIMEOUT
from ..sockets.active_socket import ActiveSocket
from ..sockets.address_limit import AddressLimit
from ..sockets.passive_socket import PassiveSocket
from ..sockets.secured import ready_tls
from ..streams.stream import DEFAULT_TIMEOUT, Timeout
from .acceptor import Acceptor
from .binding import SERVER_BACKLOG, Hosts, Paths, ServerSocketOptions, bind_all
from .connection import Connection, ExceptionHook, Handler, Outcome, Preamble, Service, logger
from .ending import Ending
from .handshakes import LEAST_AT_ONCE, Handshakes
from .left_behind import name_those_left, watch_handler_in_place
from .limits import TimeLimits, check_limit_of_time
from .places import Places
from .python_names import PythonServerNames
from .refusal import Refusal
from .server_connection import ServerConnection
from .server_options import (
    AtLimit,
    check_at_limit,
    check_bytes,
    check_handler,
    check_per_address,
    check_server_names,
    format_or_none,
)
from .statistics import ServerStatistics
from .threads import Threads, make_runner
from .traffic import Traffic, TrafficCounts

if TYPE_CHECKING:
    from ..tls.description import TLSLike

__all__ = (
    "DEFAULT_IDLE_TIMEOUT",
    "DEFAULT_MAX_CONNECTIONS",
    "Server",
)

DEFAULT_MAX_CONNECTIONS = 1000
"""How many connections a server serves at once, unless told otherwise."""

DEFAULT_IDLE_TIMEOUT = 300.0
"""Seconds for which nothing may move on a connection, unless told otherwise."""

# Seconds for the accepting thread to notice that it should end, and to close what it has.
_ALLOWANCE = 1.0

_FOREVER = float("inf")


class Server(Places, PythonServerNames, Uncopied):
    """Listens, accepts connections, and calls a handler with each of them.

    It listens as soon as it is made. `serve_forever` accepts in the calling thread, `start` in one
    in the background. It is a context manager: leaving the ``with`` block shuts it down, and gives
    the clients `drain_timeout`; leaving it by an exception closes it at once::

        def echo(connection):
            for line in connection:
                connection.write_line(line)
                connection.finish_output()

        with Server(echo, host="127.0.0.1", port=7777) as server:
            server.serve_forever()

    The handler's return closes its connection in good order. An exception closes it at once, and
    goes to `exception_hook`, unless it says that the connection itself is over: a reset, an end of
    file, malformed text, a limit cost one line of the log, and what was written before is still
    sent. So does a connection that another thread closes.

    The time limits hold whatever the handler asks for, and for every wait of its stream. They are
    limits on the client: a handler that is busy with something else is not interrupted. Each makes
    the handler's call raise `TimedOut`.

    Args:
        handler: Called with each connection, a `ServerConnection`.
        *misplaced: Nothing: all else is said by name.
        host: The address or name of this machine to listen at, or several of them; ``"*"`` is every
            address, IPv4 and IPv6.
        port: The port, or the name of a service, the same one at all hosts; 0 lets the system
            choose, see `port`.
        path: The path or `LocalAddress` of a local socket to listen at, or several of them.
        sockets: Passive sockets that exist, for instance because another process has made them.
            They are the server's from now on.
        tls: How to speak TLS: a `TLS` with a certificate, or a context of Python's. Default: as the
            `sockets` do, and the others without.
        handshake_timeout: Seconds for the TLS handshake in all; None is for ever.
        external_format: The connections' external format. Default: the listening sockets', which is
            ``"utf-8/lf"`` if the server makes them.
        backlog: How many connections may wait to be accepted. Default: 4096; the system may
            allow fewer, see listen(2).
        reuse_port: Let other sockets of this user listen at the same port.
        threads: Where handlers run. ``"per_connection"``: in a thread for each; ``"pool"``: in
            threads that are used again, at most `max_connections`; ``"none"``: in the accepting
            thread, one after the other.
        max_connections: How many connections are served at once.
        max_connections_per_address: How many of them one client may have, None for no such limit.
            More are refused, whatever `at_limit` says. IPv6 addresses with the same first 64 bits
            are one client. Behind a proxy it is the proxy's client that counts, see `preamble`.
        at_limit: What becomes of more. ``"wait"``: they wait in the backlog; ``"refuse"``: they are
            accepted, sent `refusal`, and closed.
        refusal: Bytes for those that are refused.
        read_timeout: Seconds that one reading call may take in all, for instance `read_line`.
            Default: None, for ever.
        write_timeout: The same for writing calls, and for sending what is queued in the end.
        idle_timeout: Seconds for which nothing may move, in either direction, while the handler
            waits for its client: by the connection's own calls, or by `wait_until_fd_ready`, but
            not by `wait_until_any_ready` or an event base. Default: `DEFAULT_IDLE_TIMEOUT`.
        lifetime: Seconds that a connection may last in all. Default: None.
        drain_timeout: Seconds that the clients get when the server ends; None is for ever.
        preamble: Called with each connection, in its thread, before the handler. It may return
            another name for the peer, and drops the connection by raising an error of Trunkline's
            or a ValueError. The PROXY protocol is one.
        preamble_timeout: Seconds that the preamble may take.
        announce: Called with a tuple of the listening sockets, when the server begins to accept.
        exception_hook: Called with an exception that the handler has raised, and the connection, in
            the connection's thread. By default it is logged, with its traceback.
        close_connections: Close a connection when its handler returns. False leaves that to the
            handler, which may have given it to somebody else; the server then counts it no more.
        name: What threads and log messages call the server.
        **socket_options: Further options of `make_socket`, for sockets that the server makes:
            `keepalive`, `nodelay`, `fast_open`, `interface`, `reuse_address`, `v6_only`,
            `resolver`, `timeout`, `input_buffer_size`, `output_buffer_size`.

    Raises:
        AddressInUse, AddressNotAvailable, PermissionDenied, SocketError: It cannot listen there.
        TooManyOpenFiles: No descriptors are left.
        TypeError, ValueError: An argument is none of those that it can be.
    """

    # What differs where tasks serve, and not threads.
    _check_handler = staticmethod(check_handler)
    _make_runner = staticmethod(make_runner)
    _connection_type: type[Connection] = Connection

    _announcing: int | None = None  # the identity of the thread that calls `announce`

    def __init__(
        self,
        handler: Handler,
        *misplaced: Never,
        host: Hosts = None,
        port: int | str = 0,
        path: Paths = None,
        sockets: Iterable[PassiveSocket] = (),
        tls: "TLSLike | None" = None,
        handshake_timeout: float | None = 10.0,
        external_format: ExternalFormatLike | None = None,
        backlog: int | None = None,
        reuse_port: bool = False,
        threads: Threads = "per_connection",
        max_connections: int = DEFAULT_MAX_CONNECTIONS,
        max_connections_per_address: int | None = None,
        at_limit: AtLimit = "wait",
        refusal: bytes = b"",
        read_timeout: float | None = None,
        write_timeout: float | None = None,
        idle_timeout: float | None = DEFAULT_IDLE_TIMEOUT,
        lifetime: float | None = None,
        drain_timeout: float | None = DEFAULT_DRAIN_TIMEOUT,
        preamble: Preamble | None = None,
        preamble_timeout: float | None = 5.0,
        announce: Callable[[tuple[PassiveSocket, ...]], object] | None = None,
        exception_hook: ExceptionHook | None = None,
        close_connections: bool = True,
        name: str = "server",
        **socket_options: Unpack[ServerSocketOptions],
    ) -> None:
        self._check_handler(handler, misplaced)
        check_server_names(socket_options, Server.__init__.__kwdefaults__)
        self._name = name
        self._limits = TimeLimits(read_timeout, write_timeout, idle_timeout, lifetime)
        self._service = Service(
            name, handler, preamble, preamble_timeout, exception_hook, close_connections
        )
        self._announce = check_callback_or_none(announce, "sockets", what="announce")
        self._drain_timeout = check_timeout(drain_timeout, "drain_timeout")
        self._max_connections = check_count("max_connections", max_connections)
        self._addresses = AddressLimit(check_per_address(max_connections_per_address, threads))
        check_bytes(refusal)
        self._refuses = check_at_limit(at_limit, threads)
        self._runner = self._make_runner(threads, max_connections, name)
        self._runs_in_place = threads == "none"
        self._external_format = format_or_none(external_format)

        self._have_not_begun()
        self._given = tuple(sockets)
        options = {**socket_options, "external_format": self._external_format, "backlog": backlog}
        options["reuse_port"] = reuse_port or None  # local sockets do not even take a False
        options["tls"] = ready_tls(tls, server_side=True, operation="listen")
        patience = check_limit_of_time("handshake_timeout", handshake_timeout)
        self._listen(host, port, path, options)
        self._most_in_the_end = SERVER_BACKLOG if backlog is None else backlog + 1
        self._acceptors: list[Acceptor] = []
        self._refusal = Refusal(self._event_base, refusal, self._exit_if_drained)
        self._handshakes = Handshakes(
            self._event_base,
            patience,
            self._limits,
            max(self._max_connections, LEAST_AT_ONCE),
            self._hands_are_shaken,
            self._handshake_ended,
            self._pause,
        )

    def _have_not_begun(self) -> None:
        self._lock = threading.RLock()  # a signal handler may ask for statistics
        self._connections: dict[ActiveSocket, Connection] = {}
        self._counts: Counter[str] = Counter()
        self._traffic = TrafficCounts()
        self._is_paused = False  # because of the limit
        self._has_begun = False
        self._is_given_up = False  # though a thread may be about to begin
        self._accepting: int | None = None  # the identity of the thread that accepts
        self._thread: threading.Thread | None = None  # that thread, if it is ours
        self._ending = Ending()
        self._has_begun_to_drain = False
        self._cut_timer: Timer | None = None
        self._helpers: list[threading.Thread] = []
        self._is_stuck = False  # in the end: handlers have not returned
        self._failure: SocketError | None = None
        self._ended = Latch()

    def _listen(
        self, host: Hosts, port: int | str, path: Paths, options: Mapping[str, Any]
    ) -> None:
        with contextlib.ExitStack() as undoing:
            self._event_base = self._open_event_base()
            undoing.callback(self._close_event_base)
            self._drain_waker = Waker()  # readable for good from the moment when draining begins
            undoing.callback(self._drain_waker.close)
            self._sockets = tuple(bind_all(host, port, path, self._given, options))
            undoing.pop_all()

    def _open_event_base(self) -> EventBase:
        return EventBase()

    def _close_event_base(self) -> None:
        self._event_base.close()

    def _stop_dispatching(self) -> None:
        """Nobody is accepted any more, and nobody is waited for."""
        self._event_base.exit()

    # -- serving ---------------------------------------------------------------------------------

    def serve_forever(self) -> None:
        """Accept and serve connections in this thread, until the server is shut down.

        An exception that strikes this thread, like KeyboardInterrupt, closes the server at once.

        Raises:
            RuntimeError: The server is serving already, or has been closed.
            SocketError: A listening socket is at fault; the clients were given `drain_timeout`.
            Whatever `announce` raises.
        """
        self._begin()
        try:
            self._call_announce()
            self._accept_until_the_end()
        finally:
            self._finish()
        self._raise_failure()

    def start(self) -> Self:
        """Accept connections in a thread in the background, and return the server.

        Raises:
            RuntimeError: The server is serving already, or has been closed; or no thread can be
                started, and the server is closed now.
            Whatever `announce` raises.
        """
        self._begin()
        try:
            self._call_announce()
            thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            thread.start()
        except BaseException:
            with self._lock:
                self._is_given_up = self._accepting is None
            if self._is_given_up:
                self._finish()
            else:  # a signal handler has raised, and the thread serves: it is to close everything
                self._end_or_hurry(0)
            raise
        self._thread = thread
        return self

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the server has ended, in whatever way; return whether it has.

        Args:
            timeout: Seconds to wait; None is for ever.

        Raises:
            SocketError: A listening socket was at fault.
        """
        has_ended = self._ended.wait(timeout)
        if has_ended:
            self._raise_failure()
        return has_ended

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _begin(self) -> None:
        with self._lock:
            if self._has_begun:
                raise RuntimeError(f"{self!r} cannot be started again")
            self._has_begun = True

    def _call_announce(self) -> None:
        if self._announce is None:
            return
        self._announcing = threading.get_ident()
        try:
            call_plainly(self._announce, self._sockets)
        finally:
            self._announcing = None

    def _run(self) -> None:
        with self._lock:
            if self._is_given_up:
                return
            self._accepting = threading.get_ident()
        try:
            self._accept_until_the_end()
        finally:
            self._finish()

    def _accept_until_the_end(self) -> None:
        self._begin_to_accept()
        self._event_base.dispatch()

    def _begin_to_accept(self) -> None:
        self._accepting = threading.get_ident()
        for socket in self._sockets:
            acceptor = Acceptor(
                self._event_base,
                socket,
                external_format=self._external_format,
                limits=self._limits,
                make=partial(ServerConnection, self),
                welcome=self._welcome,
                failed=self._fail,
                finished=self._exit_if_drained,
            )
            self._acceptors.append(acceptor)
        if self.draining and self._ending.remaining() <= 0:  # nobody is to be accepted any more
            self._drain()

    # -- connections, in the accepting thread ----------------------------------------------------

    def _welcome(self, socket: ServerConnection, tls: "TLSLike | None") -> None:
        """Have a connection served that was just accepted."""
        connection = self._connection_type(socket, tls)
        begins_with_tls = tls is not None and not connection.has_preamble
        is_too_much = self._refuses and self._is_full and not begins_with_tls
        if is_too_much or not (connection.has_preamble or connection.admit()):
            with self._lock:
                self._counts["accepted"] += 1
                self._refuse(connection)
        elif begins_with_tls:
            with self._lock:
                self._counts["accepted"] += 1
                self._handshakes.expect(connection)
            self._handshakes.begin(connection)
        else:
            self._take_up(connection, is_new=True)

    @property
    def _is_full(self) -> bool:
        return len(self._connections) >= self._max_connections

    def _take_up(self, connection: Connection, *, is_new: bool = False) -> None:
        """Have a connection served for which there is room."""
        with self._lock:
            self._counts["accepted"] += is_new
            self._connections[connection.socket] = connection
            active = len(self._connections)
            self._counts["peak"] = max(self._counts["peak"], active)
            if active >= self._max_connections and not self._refuses:
                self._pause()
        if self._runs_in_place and self.draining:
            # Whoever has asked for the end could not yet know of this connection, nor watch it.
            self._turn_away(connection, "draining")
            return
        try:
            self._runner.run(connection.task, f"{self._name}: {connection.peer}")
        except (RuntimeError, MemoryError) as error:
            extra = about(server=self._name, peer=connection.peer, error=error)
            text = "%s: cannot serve %s: %s"
            logger.error(text, self._name, connection.peer, error, extra=extra)
            self._turn_away(connection, "threads")

    def _refuse(self, connection: Connection, why: str = "limit") -> None:
        """Refuse a connection for which there is no room; with the lock."""
        self._counts["refused"] += 1
        self._traffic.note_refusal("address" if connection.is_refused else why)
        self._refusal.refuse(connection.socket, says_so=connection.can_be_told)

    def _turn_away(self, connection: Connection, why: str) -> None:
        """Refuse a connection that there was room for."""
        connection.leave()
        with self._lock:
            del self._connections[connection.socket]
            self._refuse(connection, why)
        self._event_base.call_soon(self._resume)

    # -- handshakes ------------------------------------------------------------------------------

    def _connection_prepared(self, connection: Connection) -> None:
        """Go on with the handshake of a connection that has had its preamble; in its thread."""
        with self._lock:
            del self._connections[connection.socket]
            self._handshakes.expect(connection)
            if self._handshakes.closed:
                self._counts["cut"] += self._handshakes.close()
        self._call_accepting_thread(lambda: self._handshakes.begin(connection))
        self._call_accepting_thread(self._after_end)

    def _hands_are_shaken(self, connection: Connection) -> None:
        if not self._is_full:
            self._take_up(connection)
        elif self._refuses:
            connection.leave()
            with self._lock:
                self._refuse(connection)
        else:
            self._handshakes.wait_for_room(connection)
        self._resume()

    def _handshake_ended(self, connection: Connection, outcome: Outcome) -> None:
        with self._lock:
            self._counts[outcome.value] += 1
            self._traffic.note_end(connection.look(), connection.error_kind, outcome.value)
        self._after_end()

    def _pause(self) -> None:
        self._is_paused = True
        for acceptor in self._acceptors:
            acceptor.pause()

    def _resume(self) -> None:
        """Serve who waits after a handshake, and accept again, as far as there is room."""
        while not self._is_full and (waiting := self._handshakes.next_waiting()) is not None:
            self._take_up(waiting)
        with self._lock:
            is_full = self._is_full and not self._refuses
            if not self._is_paused or is_full or not self._handshakes.have_room:
                return
            self._is_paused = False
        for acceptor in self._acceptors:
            acceptor.resume()

    def _fail(self, error: SocketError) -> None:
        extra = about(server=self._name, local=error.address, error=error)
        text = "%s: cannot accept connections any more: %s"
        logger.error(text, self._name, error, extra=extra)
        self._failure = error
        self.shutdown(wait=False)

    def _connection_ended(self, connection: Connection, outcome: Outcome) -> None:
        """Count a connection that has ended; in its thread."""
        with self._lock:
            del self._connections[connection.socket]
            self._counts[outcome.value] += 1
            self._traffic.note_end(connection.look(), connection.error_kind)
            is_awaited = self._is_paused or self.draining
        if is_awaited:
            self._call_accepting_thread(self._after_end)

    def _connection_refused(self, connection: Connection) -> None:
        """Have a connection turned away of whose client there are enough; in its thread."""
        self._call_accepting_thread(lambda: self._turn_away(connection, "address"))

    def _after_end(self) -> None:
        self._exit_if_drained()
        self._resume()

    def _call_accepting_thread(self, callback: Callable[[], object]) -> None:
        with contextlib.suppress(SocketClosed):  # the server has ended
            self._event_base.call_soon_threadsafe(callback)

    # -- the end ---------------------------------------------------------------------------------

    def shutdown(
        self,
        timeout: Timeout = DEFAULT_TIMEOUT,
        *,
        join_timeout: Timeout = DEFAULT_TIMEOUT,
        wait: bool = True,
    ) -> bool:
        """End the server: accept nobody any more, let the clients finish, and cut the others.

        It may be called from any thread, from handlers, from signal handlers if `wait` is False,
        and any number of times; the end that comes first counts. Connections that wait to be
        accepted are served, as soon as there is room for them; but not if handlers run in the
        accepting thread, nor without room at a socket that was given to the server. A handler
        learns from `draining` that it should come to an end, and `wait_for_input` waits for that
        too. When the time is over, the connections that are left are closed, and their handlers'
        calls raise `SocketClosed`.

        Args:
            timeout: Seconds for the clients; 0 cuts them at once, None is for ever. Default: the
                server's `drain_timeout`.
            join_timeout: Seconds for handlers that go on after that; those that are left then are
                named in the log. The shortest that was ever asked for counts, also while it passes.
                Default: `JOIN_TIMEOUT`.
            wait: Wait until the server has ended. Threads of the server, which would wait for
                themselves, never do.

        Returns:
            Whether the server has ended, with all of its threads.

        Raises:
            TypeError, ValueError: The timeout is none.
        """
        seconds = self._drain_timeout if timeout is DEFAULT_TIMEOUT else check_timeout(timeout)
        if join_timeout is not DEFAULT_TIMEOUT:
            self._ending.ask_to_join(join_timeout)
        # From here on nothing takes a lock that the interrupted thread may have, for the sake of
        # signal handlers.
        self._ending.ask(seconds)
        self._drain_waker.wake()
        self._call_accepting_thread(self._drain)
        if self._runs_in_place and self._connections and self._ending.remaining() < _FOREVER:
            self._helpers += watch_handler_in_place(
                self._name,
                self._ending,
                self._ended,
                self._cut_connections,
                self._leave_handler_behind,
            )
        if not wait or self._is_own_thread():
            return False
        return self._end_unstarted() or self._wait_for_end()

    def close(self) -> None:
        """End the server at once: cut all connections. May be repeated; see `shutdown`."""
        self.shutdown(0)

    def _is_own_thread(self) -> bool:
        return threading.get_ident() == self._accepting or self._runner.runs_this()

    def _end_unstarted(self) -> bool:
        """End a server that has never served; return whether it was one."""
        with self._lock:
            if self._has_begun:
                return False
            self._has_begun = True
        self._finish()
        return True

    def _wait_for_end(self) -> bool:
        remaining = self._ending.remaining()
        # Where the accepting thread is at fault, because a handler in it does not return, it is not
        # waited for without end.
        longest = max(0.0, remaining) + 2 * self._ending.join_timeout() + _ALLOWANCE
        limit = None if longest == _FOREVER else longest
        deadline = Deadline(limit, monotonic)
        if not self._ended.wait(deadline.remaining()):
            return False
        if self._thread is not None:
            self._thread.join(deadline.remaining())
        return not self._is_stuck

    def _drain(self) -> None:
        """Stop accepting, and see to it that the clients have the time they were given."""
        remaining = self._ending.remaining()
        if not self._has_begun_to_drain:
            self._has_begun_to_drain = True
            for acceptor in self._acceptors:
                if remaining > 0 and not self._runs_in_place:
                    self._accept_the_rest(acceptor)
                else:
                    acceptor.close()
        if self._cut_timer is not None:
            self._event_base.remove_timer(self._cut_timer)
            self._cut_timer = None
        if remaining <= 0:
            self._cut()
        elif remaining < _FOREVER:
            self._cut_timer = self._event_base.add_timer(self._cut, remaining, one_shot=True)
        self._exit_if_drained()

    def _accept_the_rest(self, acceptor: Acceptor) -> None:
        """Accept who waits in the backlog: these clients have been told that they are connected."""
        is_ours = acceptor.socket not in self._given
        if is_ours:
            stop_arrivals(acceptor.socket.fileno())
        # Others may have a given socket too, and room for those for whom there is none here.
        acceptor.finish(self._most_in_the_end, waits=is_ours)

    def _exit_if_drained(self) -> None:
        is_accepting = not all(acceptor.closed for acceptor in self._acceptors)
        is_busy = is_accepting or self._connections or self._handshakes or self._refusal.is_busy
        if self._has_begun_to_drain and not is_busy:
            self._stop_dispatching()

    def _cut(self) -> None:
        self._cut_connections()
        self._stop_dispatching()

    def _cut_connections(self) -> None:
        with self._lock:
            connections = list(self._connections.values())
        for connection in connections:
            connection.cut()

    def _leave_handler_behind(self) -> None:
        with self._lock:
            if not self._is_stuck:  # or else it has been named, by another call's helper
                self._note_stuck()
        for socket in self._sockets:
            socket.close()
        self._ended.set()

    def _keeps_this_thread(self) -> bool:
        """Return whether a handler, or `announce`, keeps the calling thread from going on."""
        here = threading.get_ident()
        return here == self._announcing or (self._runs_in_place and here == self._accepting)

    def _wait_until_it_lets_go(self) -> bool:
        """Wait for the end that was asked for; return False if something does not let it come."""
        while not self._ended.wait(self._ending.join_timeout()):
            if self._announcing is not None:
                return False
        return not self._is_stuck

    def _finish(self) -> None:
        """Close everything, and wait for the threads, for a limited time."""
        try:
            self._close_everything()
            began = monotonic()
            self._runner.join(lambda: began + self._ending.join_timeout() - monotonic())
        finally:  # Ctrl-C may end the waiting
            self._end()
        for helper in self._helpers:
            helper.join()

    def _close_everything(self) -> None:
        for acceptor in self._acceptors:
            acceptor.close()
        for socket in self._sockets:  # those that nobody has accepted at, too
            socket.close()
        self._cut_connections()
        with self._lock:
            self._counts["cut"] += self._handshakes.close()
        self._refusal.close()

    def _end(self) -> None:
        """Be over, and tell who has waited for that."""
        try:
            self._note_stuck()
        finally:
            self._ending.ask(0)
            self._close_event_base()
            self._drain_waker.close()
            self._accepting = None  # another thread may get the same identity
            self._ended.set()

    def _note_stuck(self) -> None:
        """Take note of the handlers, and the threads, that have not ended, and name them."""
        with self._lock:
            connections = [each for each in self._connections.values() if not each.is_refused]
        self._is_stuck = name_those_left(self._name, connections, self._runner)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end_or_hurry(DEFAULT_TIMEOUT if kind is None else 0)

    def _end_or_hurry(self, timeout: Timeout) -> None:
        """Shut down, and wait; but for nobody any more if an exception strikes meanwhile."""
        try:
            self.shutdown(timeout)
        except BaseException:
            # Ctrl-C, for the second time perhaps: whoever cannot wait shall not have to.
            self.shutdown(0, join_timeout=0, wait=False)
            self._ended.wait(_ALLOWANCE)
            raise

    # -- for handlers ----------------------------------------------------------------------------

    @property
    def draining(self) -> bool:
        """Whether the server is to end, or has ended: a handler should finish what it is doing."""
        return self._ending.is_asked

    def wait_for_input(self, connection: ActiveSocket, *, timeout: float | None = None) -> bool:
        """Wait, in a handler, until the client sends something, or the server is to end.

        You would want it between two requests of a client: there the connection can end without
        harm. What is queued is sent first, as for a read. The limit on reading does not count here,
        the others do::

            while connection.server.wait_for_input(connection):
                answer(connection.read_line())

        Args:
            connection: The handler's.
            timeout: Seconds to wait; None is for ever.

        Returns:
            Whether something can be read, the end of file included; and False when nothing has come
            and the server is to end.

        Raises:
            TimedOut: The time is up, or a limit has passed.
            SocketClosed: The connection was closed.
            Busy: Another thread is reading.
            ValueError: The server does not serve that connection.
        """
        served = self._connections.get(connection)
        if served is None:
            raise ValueError(f"{self!r} does not serve {connection!r}")
        return served.wait_for_input(self._drain_waker, Deadline(timeout, monotonic))

    # -- looking at it ---------------------------------------------------------------------------

    @property
    def drain_timeout(self) -> float | None:
        """Seconds that the clients get when the server ends; None is for ever."""
        return self._drain_timeout

    @property
    def closed(self) -> bool:
        """Whether the server has ended."""
        return self._ended.is_set()

    def statistics(self) -> ServerStatistics:
        """Return what the server has counted until now."""
        with self._lock:
            return ServerStatistics(
                shaking_hands=len(self._handshakes), active=len(self._connections), **self._counts
            )

    def traffic(self) -> Traffic:
        """Return what has gone through the server until now; it looks at all its connections."""
        with self._lock:
            return self._traffic.with_open(each.look() for each in self._connections.values())

    def __repr__(self) -> str:
        if self.closed:
            state = "closed"
        elif not self._has_begun:
            state = "not started"
        else:
            what = "draining" if self.draining else "serving"
            state = f"{what} {len(self._connections)} of {self._max_connections} connections"
        names = ", ".join(str(name) for name in self.local_names)
        return f"<Server {self._name!r} at {names}: {state}>"
