"""`start_up_server`: a server in a thread of its own, which a function makes what it is."""

import logging
import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple, TextIO, TypeAlias

from ..._core.back_off import BackOff
from ..._core.callbacks import call_plainly, check_callback, check_callback_or_none
from ..._core.log_record import about
from ..._sys.latch import Latch
from ...addresses import AddressLike
from ...errors import SocketError
from ...servers import JOIN_TIMEOUT, Server
from ...servers.listening import IPv6Choice, ListeningPlace
from ...sockets import ActiveSocket, PassiveSocket, Resolver
from ...streams import Stream
from .listener import make_stream_and_run_listener
from .streams import make_socket_stream

__all__ = ("ServerProcess", "StartedServer", "server_terminate", "start_up_server")

logger: logging.Logger = logging.getLogger("trunkline.dialects")

AnnounceFunction: TypeAlias = Callable[[PassiveSocket | None, BaseException | None], object]


class StartedServer(NamedTuple):
    """What `start_up_server` returns.

    Attributes:
        process: The server, or None if it was waited for and could not be started.
        startup_condition: Why it could not, or None.
    """

    process: "ServerProcess | None"
    startup_condition: BaseException | None


def start_up_server(
    *,
    function: Callable[[ActiveSocket], object] | None = None,
    announce: AnnounceFunction | TextIO | Stream | bool | None = None,
    service: int | str | None = None,
    backlog: int = 5,
    address: AddressLike | None = None,
    local_address: AddressLike | None = None,
    local_port: int | str | None = None,
    nodelay: bool = True,
    keepalive: bool = False,
    process_name: str | None = None,
    wait: bool = False,
    create_stream: bool = False,
    ipv6: IPv6Choice = "any",
    error: bool | None = None,
    reuseport: bool = False,
    allow_remote_listener: bool = False,
    resolver: Resolver | None = None,
) -> StartedServer:
    """Start a TCP server in a thread of its own.

    The thread accepts a connection, calls `function` with it, and accepts the next one when that
    returns: as a rule it makes a thread, or gives the connection to one. The connection is then the
    function's, and whoever it gives it to closes it.

    An exception that the function raises ends the server, as `error` says. But what befalls the
    connection while the function is using it, a reset for instance, only costs that connection.

    Args:
        function: Called with each connection. Default: the listener, a read-eval-print loop in a
            thread for each client, see `make_stream_and_run_listener`.
        announce: Told when the server starts. A stream, or True for the standard output, gets a
            message. A function is called with the socket that listens, and None: when the server
            has started, and again if the socket had to be opened again. It is called with None and
            an exception, if `error` is false, when that has kept the server from starting, or has
            ended it; and with None twice when a server ends that had started.
        service: The port, or the name of a service. Default: None, a free port that the system
            chooses. (LispWorks' own default is the service ``"lispworks"``.)
        backlog: How many connections may wait to be accepted.
        address: The same as `local_address`.
        local_address: The address, or name, of this machine to listen at. Default: None, all of its
            addresses; for the listener, the loopback address. It counts if `address` is given too.
        local_port: The same as `service`. It counts if both are given.
        nodelay: Send small pieces at once rather than gather them (TCP_NODELAY).
        keepalive: Let the system find out whether a client still exists (SO_KEEPALIVE).
        process_name: What the thread is called. Default: ``"10243 server"`` for the service 10243.
        wait: Return when the server has started, or has failed to. Default: return at once.
        create_stream: Call `function` with a stream, whose text is UTF-8. Default: with a handle,
            of which `make_socket_stream` makes a stream.
        ipv6: The family of the address, if it is text or None. False or None is IPv4. True is IPv6
            and takes IPv6 connections only. ``"any"``, the default, is the first of the two that
            this machine has, or in which the name has an address. ``"both"`` is IPv6, and takes
            connections in IPv4 as well.
        error: What becomes of an exception in the thread. True: it is raised there, and goes to
            `threading.excepthook`. False: it is announced. The thread ends in either case. Default:
            the opposite of `wait`.
        reuseport: Let other servers of this user listen at the same port (SO_REUSEPORT).
        allow_remote_listener: Let the listener be reached from other machines. Whoever can connect
            to it can run any code in this process.
        resolver: Who looks a name up. Default: the system's resolver.

    Returns:
        The server, and None. With `wait`, if it could not be started, None and the exception.

    Raises:
        TypeError, ValueError: An argument is none of those that it can be; or the listener could be
            reached from other machines.
        RuntimeError: No thread can be started.
    """
    check_callback_or_none(function, "connection", what="function")
    port = service if local_port is None else local_port
    place = ListeningPlace(
        port,
        address if local_address is None else local_address,
        ipv6,
        loopback_only=function is None and not allow_remote_listener,
        resolver=resolver,
        backlog=backlog,
        nodelay=bool(nodelay),
        keepalive=bool(keepalive),
        reuse_port=bool(reuseport),
        external_format="latin-1",  # a handle has no format of its own: bytes are characters
    )
    name = f"{port!r} server" if process_name is None else str(process_name)
    process = ServerProcess(
        name,
        place,
        make_stream_and_run_listener if function is None else function,
        _announce_function(announce, name),
        create_stream=bool(create_stream),
        raises=not wait if error is None else bool(error),
        reports_failures=callable(announce),
        is_awaited=bool(wait),
    )
    process._start()
    if not wait:
        return StartedServer(process, None)
    try:
        condition = process._wait_for_start()
    except BaseException:  # Ctrl-C: nobody will know of the server
        process._terminate()
        raise
    return StartedServer(process if condition is None else None, condition)


def server_terminate(process: "ServerProcess | None" = None) -> bool:
    """End a server: its port is closed, its thread ends. May be repeated, from any thread.

    A connection that its function is using at that moment is closed, and its calls raise
    `SocketClosed`. Connections that it has given to others live on.

    Args:
        process: The server. Without one, it is the server whose function, or announce function,
            is calling: that one ends when the function has returned.

    Returns:
        Whether the server was still active. So you can ask again whether it has really ended.

    Raises:
        RuntimeError: No server is given, and none is calling.
    """
    if process is None:
        process = getattr(_this_thread, "process", None)
        if process is None:
            raise RuntimeError("only a server's own function may leave out which server is meant")
    return process._terminate()


_this_thread = threading.local()


class ServerProcess:
    """A server that `start_up_server` has started. `server_terminate` ends it."""

    def __init__(
        self,
        name: str,
        place: ListeningPlace,
        function: Callable[[ActiveSocket], object],
        announce: AnnounceFunction,
        *,
        create_stream: bool,
        raises: bool,
        reports_failures: bool,
        is_awaited: bool,
    ) -> None:
        self._place = place
        self._function = function
        self._announce = announce
        self._create_stream = create_stream
        self._raises = raises
        self._reports_failures = reports_failures
        self._is_awaited = is_awaited
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._lock = threading.Lock()
        self._server: Server | None = None
        self._socket: PassiveSocket | None = None
        self._is_known = Latch()  # whether it has started
        self._has_started = False
        self._failure: BaseException | None = None
        self._is_ending = Latch()  # because somebody has said so
        # Ctrl-C in the midst of a thread's own `join` makes Python take it for one that has ended.
        self._has_ended = Latch()

    # -- for others ------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """What its thread is called."""
        return self._thread.name

    @property
    def socket(self) -> PassiveSocket | None:
        """The socket that listens, or has listened last; None before there is one."""
        return self._socket

    @property
    def is_alive(self) -> bool:
        """Whether it is starting, or serving, or about to end."""
        return not self._has_ended.is_set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until its thread has ended, or some seconds are over."""
        if self._has_ended.wait(timeout):
            self._thread.join(timeout)  # which is about to end, unless the exception hook is slow

    def _start(self) -> None:
        """Start its thread."""
        self._thread.start()

    def _wait_for_start(self) -> BaseException | None:
        """Wait until it has started; or return the exception that has kept it from that."""
        self._is_known.wait()
        return None if self._has_started else self._failure

    def _terminate(self) -> bool:
        """End it; see `server_terminate`."""
        if not self.is_alive:
            return False
        with self._lock:
            self._is_ending.set()
            server = self._server
        is_inside = threading.current_thread() is self._thread
        if server is not None:
            # From inside, the connection that is being served has all the time it needs.
            server.shutdown(None if is_inside else 0, wait=False)
        if not is_inside:
            self.join(JOIN_TIMEOUT)
        return True

    # -- its thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        _this_thread.process = self
        try:
            self._serve_to_the_end()
        except BaseException as error:
            self._failure = error
            if self._raises or not isinstance(error, Exception):
                raise
        finally:
            try:
                self._announce_end()
            finally:
                self._has_ended.set()
                self._is_known.set()

    def _announce_end(self) -> None:
        if self._failure is not None and not self._raises:
            is_returned = self._is_awaited and not self._has_started
            if not self._reports_failures and not is_returned:
                extra = about(server=self.name, error=self._failure)
                logger.error("the %s has failed", self.name, exc_info=self._failure, extra=extra)
            call_plainly(self._announce, None, self._failure)
        elif self._has_started:
            call_plainly(self._announce, None, None)

    def _serve_to_the_end(self) -> None:
        """Serve, and open the port again when the system has broken the socket that listens."""
        back_off = BackOff(first=0.05, factor=2.0, last=10.0)
        port = None
        while True:
            with self._place.open(port) as listener, self._make_server(listener) as server:
                with self._lock:
                    self._server, self._socket = server, listener
                port = listener.local_port
                if self._is_ending.is_set():
                    return
                call_plainly(self._announce, listener, None)
                self._has_started = True
                self._is_known.set()
                try:
                    server.serve_forever()
                except SocketError as error:
                    extra = about(server=self.name, local=error.address, error=error)
                    text = "%s: the port is opened again: %s"
                    logger.warning(text, self.name, error, extra=extra)
                else:
                    break
                if server.statistics().accepted:
                    back_off.reset()
            if self._is_ending.wait(back_off.next_delay()):
                return
        if self._failure is not None:
            raise self._failure

    def _make_server(self, listener: PassiveSocket) -> Server:
        return Server(
            self._serve,
            sockets=[listener],
            threads="none",
            idle_timeout=None,
            close_connections=False,
            exception_hook=self._function_failed,
            name=self.name,
        )

    def _serve(self, handle: ActiveSocket) -> None:
        stream = make_socket_stream(handle) if self._create_stream else handle
        call_plainly(self._function, stream)

    def _function_failed(self, error: Exception, handle: ActiveSocket) -> None:
        self._failure = error
        assert self._server is not None
        self._server.shutdown(None, wait=False)

    def __repr__(self) -> str:
        where = "" if self._socket is None else f" at {self._socket.local_name}"
        return f"<ServerProcess {self.name!r}{where}: {'active' if self.is_alive else 'ended'}>"


def _announce_function(announce: Any, name: str) -> AnnounceFunction:
    """Return a function for whatever announces."""
    if announce is None or announce is False:
        return lambda socket, condition: None
    if callable(announce):
        check_callback(announce, "socket", "condition", what="announce")
        function: AnnounceFunction = announce
        return function
    stream = sys.stdout if announce is True else announce
    if not hasattr(stream, "write"):
        raise TypeError(f"announce is a function, a stream or True, not {type(stream).__name__}")

    def write_message(socket: PassiveSocket | None, condition: BaseException | None) -> None:
        if socket is not None:
            stream.write(f"{name} has started at {socket.local_name}\n")
            for method in ("finish_output", "flush"):  # our streams have the one, files the other
                if hasattr(stream, method):
                    getattr(stream, method)()

    return write_message
