"""Connecting on an event base: a transport that becomes connected later."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    NamedTuple,
    Never,
    Required,
    Self,
    Unpack,
    cast,
    overload,
)

from .._core.back_off import BackOff
from .._core.deadline import check_timeout
from .._core.option_names import check_names_for
from .._core.timer_queue import Timer
from .._sys.sockaddr import Name, family_of
from .._sys.socket_descriptor import STREAM, SocketDescriptor
from ..addresses import AddressLike, Endpoint, IPAddress, LocalAddress, ensure_address
from ..errors import ResolverError, SocketError, TimedOut, WouldBlock
from ..sockets.connect_plan import ConnectPlan
from ..sockets.connecting import Attempts, start_to_connect
from ..sockets.families import AddressFamily, InternetFamily
from ..sockets.keywords import PathLikeName, SourceOptions, check_keywords
from ..sockets.resolving import Resolution
from ..sockets.secured import ready_tls
from .argument_check import check_connecting
from .event_base import EventBase
from .handlers import Cause, Event
from .protocol import ProtocolLike
from .resolving import resolve_on
from .transport import Transport
from .transport_core import CLOSED, Owner
from .transport_options import BeginningOptions, TransportOptions
from .transport_securing import DEFAULT_HANDSHAKE_TIMEOUT

if TYPE_CHECKING:
    from ..sockets.watching import Watcher
    from ..tls.description import TLSLike

__all__ = (
    "ConnectOptions",
    "LocalConnectOptions",
    "check_connect_names",
    "connect",
    "connect_for",
)


class ConnectOptions(TransportOptions, SourceOptions, BeginningOptions, total=False):
    """What `connect` takes for an internet address."""

    remote_host: Required[AddressLike]
    remote_port: Required[int | str]
    attempt_delay: float | None
    connect_timeout: float | None
    fast_open: bool


class LocalConnectOptions(TransportOptions, BeginningOptions, total=False):
    """What `connect` takes for a local address."""

    remote_filename: Required[PathLikeName]
    local_filename: PathLikeName
    connect_timeout: float | None


# By one kind of connection or the other.
_TAKEN = {**ConnectOptions.__annotations__, **LocalConnectOptions.__annotations__}


@overload
def connect(
    event_base: EventBase,
    protocol: ProtocolLike,
    *,
    address_family: InternetFamily = ...,
    **options: Unpack[ConnectOptions],
) -> Transport: ...
@overload
def connect(
    event_base: EventBase,
    protocol: ProtocolLike,
    *,
    address_family: Literal["local"],
    **options: Unpack[LocalConnectOptions],
) -> Transport: ...
def connect(
    event_base: EventBase,
    protocol: ProtocolLike,
    *misplaced: Never,
    address_family: AddressFamily = "internet",
    **options: Any,
) -> Transport:
    """Connect to a server on an event base, and return the transport at once.

    It calls `connection_made` when the connection is there, or `connection_lost` with the error
    when that has failed. What is written before is queued. A name is looked up, in a thread if the
    resolver works in no other way, and all of its addresses are tried, the next one when the one
    before has not answered quickly (RFC 8305). Aborting the transport gives connecting up, and so
    does closing it, unless something is queued.

    Args:
        event_base: Who does it.
        protocol: Whom the transport calls, see `TransportProtocol`.
        *misplaced: Nothing: all else is said by name.
        address_family: ``"internet"``, ``"ipv4"``, ``"ipv6"`` or ``"local"``.
        **options: Where to connect to, and how, as for `make_socket`: `remote_host` and
            `remote_port`, `local_host`, `local_port`, `reuse_address`, `keepalive`, `nodelay`,
            `fast_open`, `interface`, `resolver`, `attempt_delay`; or `remote_filename` and
            `local_filename`.
            `connect_timeout` is the seconds for looking up, connecting and shaking hands, None for
            no limit. `tls` is how to speak TLS: a `TLS`, a context of Python's, or True for a
            client's defaults; then the connection is there when the handshake is over, which takes
            `handshake_timeout` seconds at most (60 by default, None for no limit).
            And those of `Transport`: `delivery`, `external_format`, `line_limit`, `high_water`,
            `low_water`, `idle_timeout`, `read_timeout`, `write_timeout`, `context`. Its time limits
            for being idle and for reading count while connecting, too.

    Raises:
        TypeError: The kind of connection does not take an option, or one is missing; or the
            protocol lacks the method that its input goes to, or has one that cannot be called.
        ValueError: An option is none of those that it can be; or `tls` is a server's, or whom to
            expect is not known.
        SocketClosed: The event base is closed.
        TLSError, SocketError: A file of the `TLS` is not as it should be.
    """
    check_connecting("connect", event_base, misplaced)
    check_connect_names(connect, options)
    return connect_for(None, event_base, protocol, address_family, options)


def check_connect_names(function: Callable[..., Any], options: Iterable[str]) -> None:
    """Raise `TypeError` for an option of a function that no kind of connection takes."""
    check_names_for(function, options, _TAKEN)


def connect_for(
    owner: Owner | None,
    event_base: EventBase,
    protocol: ProtocolLike,
    address_family: AddressFamily,
    options: dict[str, Any],
    *,
    watcher: "Watcher | None" = None,
) -> Transport:
    """Do what `connect` does, and tell somebody when the transport has ended, or will never begin.

    That may be before this returns.

    Args:
        owner: Who is told.
        event_base: See `connect`, as for the next three.
        protocol: Whom the transport calls.
        address_family: Of which family the address is.
        options: Where to connect to, and how; they are taken out.
        watcher: Who is told which internet addresses are tried, and what comes of that.
    """
    for_transport = TransportOptions.__annotations__.keys() & options.keys()
    transport_options = cast(
        "TransportOptions", {name: options.pop(name) for name in for_transport}
    )
    secure = _Security.of(options, has_host=address_family != "local")
    check_keywords("active", address_family, "stream", options)
    timeout = check_timeout(options.pop("connect_timeout", None), "connect_timeout")
    needed = "remote_filename" if address_family == "local" else "remote_host"
    if options.get(needed) is None:
        raise TypeError(f"connect() needs a {needed}")
    if address_family == "local":
        target = ensure_address(options["remote_filename"], "local")
        source = options.get("local_filename")
        source = None if source is None else ensure_address(source, "local")
        transport = Transport(event_base, protocol, **transport_options)
        transport._owner = owner
        _LocalConnector(transport, secure, target, source).start(timeout)
    else:
        plan = ConnectPlan(address_family, **options)
        transport = Transport(event_base, protocol, **transport_options)
        transport._owner = owner
        _InternetConnector(transport, secure, plan, watcher).start(timeout)
    return transport


class _Security(NamedTuple):
    """How to speak TLS, if that is wanted, and how long the handshake may take."""

    tls: "TLSLike | None"
    timeout: float | None

    @classmethod
    def of(cls, options: dict[str, Any], *, has_host: bool) -> Self:
        """Take it out of what `connect` was given."""
        tls = ready_tls(
            options.pop("tls", None), server_side=False, operation="connect", has_host=has_host
        )
        timeout = options.pop("handshake_timeout", DEFAULT_HANDSHAKE_TIMEOUT)
        return cls(tls, check_timeout(timeout, "handshake_timeout"))


class _Connector:
    """What all connecting has in common: a transport that waits for it, and a limit of time."""

    def __init__(self, transport: Transport, secure: _Security, target: object) -> None:
        self._secure = secure
        self._event_base = transport.event_base
        self._transport = transport
        self._target = target
        self._limit: Timer | None = None
        self._ends_at = 0.0  # if there is one
        transport._begin_connecting(self._cancel, target)

    def start(self, timeout: float | None) -> None:
        """Begin, and end it after so many seconds."""
        if timeout is not None:
            self._ends_at = self._event_base.now() + timeout
            self._limit = self._event_base.add_timer(self._expire, timeout, one_shot=True)
        self._begin()

    def _begin(self) -> None:
        raise NotImplementedError

    def _hand_over(self, descriptor: SocketDescriptor, name: Name) -> None:
        """Hand the connection over."""
        tls, timeout = self._secure
        if tls is None:
            self._stop_limit()
            self._transport._attach(descriptor, name)
            return
        remaining = self._stop_limit()
        if remaining is not None:
            timeout = remaining if timeout is None else min(timeout, remaining)
        self._transport._attach_with_tls(descriptor, name, tls, server_side=False, timeout=timeout)

    def _expire(self) -> None:
        self._limit = None
        self._transport._lose(self._timed_out())

    def _timed_out(self) -> TimedOut:
        return TimedOut.expired("connect", self._target)

    def _cancel(self) -> None:
        """Give it up, the transport having been closed, or having failed."""
        self._stop_limit()

    def _stop_limit(self) -> float | None:
        """Return how many seconds were left, or None if there was no limit."""
        if self._limit is None:
            return None
        self._event_base.remove_timer(self._limit)
        self._limit = None
        return max(0.0, self._ends_at - self._event_base.now())


class _InternetConnector(_Connector):
    """Carries a plan out: looks names up, races the addresses, and hands over the winner."""

    def __init__(
        self,
        transport: Transport,
        secure: _Security,
        plan: ConnectPlan,
        watcher: "Watcher | None",
    ) -> None:
        super().__init__(transport, secure, str(plan))
        self._watcher = watcher
        transport._host = plan.target_host
        self._plan = plan
        self._attempts: Attempts | None = None
        self._next_attempt: Timer | None = None
        self._stop_resolving: Callable[[], object] | None = None

    def _begin(self) -> None:
        source = self._plan.source_to_look_up
        if source is None:
            self._begin_from(None)
            return

        def found(resolution: Resolution) -> None:
            self._begin_from(resolution.addresses[0])

        self._stop_resolving = resolve_on(
            self._event_base,
            self._plan.resolver,
            source,
            self._plan.family,
            found,
            self._transport._lose,
        )

    def _begin_from(self, source: IPAddress | None) -> None:
        """Begin, with the address to connect from if that had to be looked up."""
        route = self._plan.route(source)
        delay, clock = self._plan.attempt_delay, self._event_base.now
        if self._watcher is None:
            attempts = Attempts(route, delay, clock)
        else:
            from ..sockets.watching import WatchedAttempts  # only who tells people needs it

            attempts = WatchedAttempts(route, delay, clock, self._watcher)
        self._attempts = attempts
        host = route.name_to_look_up
        if host is None:
            self._event_base.call_soon(self._take, attempts.complete, ())
            return
        self._stop_resolving = resolve_on(
            self._event_base,
            self._plan.resolver,
            host,
            route.wanted_family,
            lambda found: self._take(attempts.complete, found.addresses),
            self._transport._lose,
            came=partial(self._take, attempts.offer),
        )

    def _take(
        self, take: Callable[[Iterable[IPAddress]], object], addresses: Iterable[IPAddress]
    ) -> None:
        """Take note of addresses, and go on."""
        if self._transport._state == CLOSED:
            return
        try:
            take(addresses)
        except ResolverError as error:
            self._transport._lose(error)
        else:
            self._go_on()

    def _go_on(self) -> None:
        """Start what is due, and wait for what goes on; or end it."""
        attempts = self._attempts
        assert attempts is not None
        self._stop_timer()
        try:
            attempts.start_due()
            if attempts.is_over:
                self._finish(attempts)
                return
            for name, descriptor in attempts.running.items():
                if self._event_base.fd_monitored(descriptor, "write") is None:
                    on_writable = partial(self._on_writable, attempts, name)
                    self._event_base.set_io_handler(descriptor, "write", on_writable)
        except Exception as error:  # whatever it is, somebody waits for this connection
            self._transport._lose(error)
            return
        if attempts.next_due is not None:
            delay = max(0.0, attempts.next_due - self._event_base.now())
            self._next_attempt = self._event_base.add_timer(self._go_on, delay, one_shot=True)

    def _on_writable(
        self, attempts: Attempts, name: Endpoint, number: int, event: Event, cause: Cause | None
    ) -> None:
        attempts.finish(name)
        self._go_on()

    def _finish(self, attempts: Attempts) -> None:
        descriptor, name = attempts.take_winner()
        self._stop()
        self._event_base.remove_fd_handlers(descriptor)
        self._hand_over(descriptor, name)

    def _timed_out(self) -> TimedOut:
        return super()._timed_out() if self._attempts is None else self._attempts.timed_out()

    def _cancel(self) -> None:
        super()._cancel()
        self._stop()

    def _stop(self) -> None:
        """End all that goes on."""
        self._stop_timer()
        if self._stop_resolving is not None:
            self._stop_resolving()
            self._stop_resolving = None
        if self._attempts is not None:
            self._attempts.close()

    def _stop_timer(self) -> None:
        if self._next_attempt is not None:
            self._event_base.remove_timer(self._next_attempt)
            self._next_attempt = None


class _LocalConnector(_Connector):
    """Connects to a local address, which succeeds or fails at once, unless the backlog is full."""

    def __init__(
        self,
        transport: Transport,
        secure: _Security,
        target: LocalAddress,
        source: LocalAddress | None,
    ) -> None:
        super().__init__(transport, secure, target)
        self._name = target
        self._source = source
        self._back_off = BackOff(first=0.005, factor=2.0, last=0.1)
        self._retry: Timer | None = None
        self._descriptor: SocketDescriptor | None = None

    def _begin(self) -> None:
        self._event_base.call_soon(self._try)

    def _try(self) -> None:
        self._retry = None
        if self._transport._state == CLOSED:
            return
        try:
            if self._descriptor is None:
                self._descriptor = self._bound_descriptor()
            start_to_connect(self._descriptor, self._name)
        except WouldBlock:
            # The system cannot tell when there is room in the backlog.
            delay = self._back_off.next_delay()
            self._retry = self._event_base.add_timer(self._try, delay, one_shot=True)
        except SocketError as error:
            self._drop_descriptor()
            self._transport._lose(error)
        else:
            descriptor, self._descriptor = self._descriptor, None
            self._hand_over(descriptor, self._name)

    def _bound_descriptor(self) -> SocketDescriptor:
        descriptor = SocketDescriptor.open(family_of(self._name), STREAM, address=self._name)
        try:
            if self._source is not None:
                descriptor.bind(self._source)
        except BaseException:
            descriptor.close()
            raise
        return descriptor

    def _drop_descriptor(self) -> None:
        if self._descriptor is not None:
            self._descriptor.close()
            self._descriptor = None

    def _cancel(self) -> None:
        super()._cancel()
        if self._retry is not None:
            self._event_base.remove_timer(self._retry)
            self._retry = None
        self._drop_descriptor()
