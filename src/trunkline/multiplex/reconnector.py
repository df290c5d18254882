"""A client that connects again, whenever it has failed to, and whenever its connection is over.

Between attempts it waits, longer each time. How long exactly is left to chance, anywhere between
nothing and that: when a server comes back, the clients that it has lost at one moment must not all
return at one moment. That is exponential back-off with what is known as full jitter. Simulations
published on the AWS Architecture Blog ("Exponential Backoff And Jitter", 2015) found it to need
fewer calls, and less time, than delays without chance, or with only a part left to it.
"""

from collections.abc import Callable
from random import random as random_number
from types import TracebackType
from typing import Any, Literal, Never, Self, TypedDict, Unpack, overload

from .._core.back_off import BackOff
from .._core.callbacks import call_plainly, check_callback, check_callback_or_none
from .._core.counts import check_count
from .._core.deadline import check_timeout
from .._core.timer_queue import Timer
from .._core.uncopied import Uncopied
from ..errors import ConnectionAborted
from ..sockets.families import AddressFamily, InternetFamily
from .argument_check import check_connecting
from .connector import ConnectOptions, LocalConnectOptions, check_connect_names, connect_for
from .event_base import EventBase
from .protocol import ProtocolLike
from .protocol_check import check_factory
from .python_names import PythonReconnectorNames
from .transport import Transport

__all__ = ("Reconnector", "reconnect")

_LARGEST_FACTOR = 1_000_000  # a delay grows to its longest at once


class _BackOffOptions(TypedDict, total=False):
    first_delay: float
    factor: float
    longest_delay: float
    reset_after: float
    max_attempts: int | None
    failed: Callable[[Exception, float | None], object] | None
    random: Callable[[], float]


class _InternetOptions(_BackOffOptions, ConnectOptions, total=False):
    pass


class _LocalOptions(_BackOffOptions, LocalConnectOptions, total=False):
    pass


class Reconnector(Uncopied, PythonReconnectorNames):
    """Connects again and again, until it is closed or gives up; `reconnect` makes it.

    It belongs to its event base's thread. It is a context manager: leaving the ``with`` block
    closes it.
    """

    def __init__(
        self,
        event_base: EventBase,
        protocol_factory: Callable[[], ProtocolLike],
        address_family: AddressFamily,
        options: dict[str, Any],
        *,
        back_off: BackOff,
        reset_after: float,
        max_attempts: int | None,
        failed: Callable[[Exception, float | None], object] | None,
        random: Callable[[], float],
    ) -> None:
        self._event_base = event_base
        self._protocol_factory = protocol_factory
        self._address_family: AddressFamily = address_family
        self._options = options
        self._back_off = back_off
        self._reset_after = reset_after
        self._max_attempts = max_attempts
        self._failed = failed
        self._random = random
        self._failures = 0  # attempts that have failed since there was a connection
        self._transport: Transport | None = None
        self._timer: Timer | None = None
        self._is_closed = False
        self._connect()

    @property
    def transport(self) -> Transport | None:
        """The transport that is connected, or connecting; None while it waits, and in the end."""
        return self._transport

    @property
    def closed(self) -> bool:
        """Whether it was closed, or has given up: there are no more attempts."""
        return self._is_closed

    def close(self, *, abort: bool = False) -> None:
        """Connect no more. May be repeated, at any time.

        A connection is closed, after what is queued has been sent. An attempt is given up, unless
        something is queued for it. Either way its protocol is told by `connection_lost`.

        Args:
            abort: Drop what is queued, and close the connection now.
        """
        self._is_closed = True
        self._stop_waiting()
        if self._transport is not None:
            if abort:
                self._transport.abort()
            else:
                self._transport.close()

    # -- attempts --------------------------------------------------------------------------------

    def _connect(self) -> None:
        protocol = self._protocol_factory()
        if self._is_closed:  # by the factory
            return
        transport = connect_for(
            self, self._event_base, protocol, self._address_family, dict(self._options)
        )
        if not transport.is_closing:  # it may have failed at once
            self._transport = transport

    def _connect_again(self) -> None:
        self._timer = None
        try:
            self._connect()
        except Exception as error:  # of the factory, mostly
            self._event_base._tell_exception(error, self)
            self._attempt_failed(error)
        except BaseException:
            if not self._is_closed:
                self._wait()
            raise

    def _connection_ended(self, transport: Transport) -> None:
        """A connection has ended, or an attempt has; this may be inside of anybody's call."""
        self._transport = None
        if not (self._is_closed or self._event_base.closed):
            self._event_base.call_soon(self._go_on, transport)

    def _go_on(self, transport: Transport) -> None:
        """See to the next attempt, the protocol of the last one having been told."""
        if self._is_closed:
            return
        if transport._began_at is None:
            # There is no error where the transport was closed before it was connected.
            given_up = ConnectionAborted(operation="connect", address=transport._where)
            self._attempt_failed(transport._error or given_up)
            return
        self._failures = 0
        if transport.duration >= self._reset_after:
            self._back_off.reset()
        self._wait()

    def _attempt_failed(self, error: Exception) -> None:
        if self._is_closed:
            return
        self._failures += 1
        if self._failures == self._max_attempts:
            self._is_closed = True
            if self._failed is None:
                self._event_base._tell_exception(error, self)
        delay = None if self._is_closed else self._wait()
        if self._failed is not None:
            try:
                call_plainly(self._failed, error, delay)
            except Exception as failure:
                self._event_base._tell_exception(failure, self)

    def _wait(self) -> float:
        delay = self._back_off.next_delay() * call_plainly(self._random)
        self._timer = self._event_base.add_timer(self._connect_again, delay, one_shot=True)
        return delay

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._event_base.remove_timer(self._timer)
            self._timer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close(abort=kind is not None)

    def __repr__(self) -> str:
        if self._is_closed:
            return "<Reconnector, closed>"
        return f"<Reconnector, {self._transport or 'waiting'}>"


@overload
def reconnect(
    event_base: EventBase,
    protocol_factory: Callable[[], ProtocolLike],
    *,
    address_family: InternetFamily = ...,
    **options: Unpack[_InternetOptions],
) -> Reconnector: ...
@overload
def reconnect(
    event_base: EventBase,
    protocol_factory: Callable[[], ProtocolLike],
    *,
    address_family: Literal["local"],
    **options: Unpack[_LocalOptions],
) -> Reconnector: ...
def reconnect(
    event_base: EventBase,
    protocol_factory: Callable[[], ProtocolLike],
    *misplaced: Never,
    address_family: AddressFamily = "internet",
    first_delay: float = 0.5,
    factor: float = 2.0,
    longest_delay: float = 60.0,
    reset_after: float = 30.0,
    max_attempts: int | None = None,
    failed: Callable[[Exception, float | None], object] | None = None,
    random: Callable[[], float] = random_number,
    **options: Any,
) -> Reconnector:
    """Connect to a server, and again after each failure, and whenever the connection is over.

    You would want it for a client that is to stay connected: it outlives the server's restarts, and
    does not run against a server that is down. The first attempt begins at once. Before each other
    one it waits, for a time that chance chooses: between nothing and a longest time that grows from
    `first_delay` by `factor` up to `longest_delay`.

    Whatever ends a connection, its protocol included, another one follows; `Reconnector.close`
    ends that.

    Args:
        event_base: Who does it.
        protocol_factory: Called without arguments for each attempt; it returns the protocol. What
            it raises, in other attempts than the first, goes to the event base's
            `exception_handler`, and is a failed attempt.
        *misplaced: Nothing: all else is said by name.
        address_family: As for `connect`.
        first_delay: The longest first delay, in seconds.
        factor: How much longer the next one may be.
        longest_delay: How long they may become, in seconds.
        reset_after: Seconds after which a connection has lasted: after its end the delays begin
            anew. They go on growing for a server that accepts connections, and ends them at once.
        max_attempts: After how many failed attempts in a row to give up; None is never.
        failed: Called for each failed attempt with its error, and the seconds until the next one,
            or None when it gives up. By default the error for which it gives up goes to the event
            base's `exception_handler`.
        random: Called without arguments, for a number from 0 to 1 that chance has chosen.
        **options: As for `connect`: `remote_host` and `remote_port`, `local_host`, `local_port`,
            `reuse_address`, `keepalive`, `nodelay`, `fast_open`, `interface`, `resolver`,
            `attempt_delay`; or `remote_filename` and `local_filename`; `connect_timeout`;
            `tls` and `handshake_timeout`; and those of `Transport`:
            `delivery`, `external_format`, `line_limit`, `high_water`, `low_water`, `idle_timeout`,
            `read_timeout`, `write_timeout`, `context`. A name is looked up for each attempt anew.

    Returns:
        A `Reconnector`.

    Raises:
        TypeError, ValueError: An option is none of those that it can be.
        SocketClosed: The event base is closed.
        Whatever `protocol_factory` raises.
    """
    check_connecting("reconnect", event_base, misplaced)
    check_connect_names(reconnect, options)
    check_factory(protocol_factory, options.get("delivery", "bytes"))
    for what, seconds in (("first_delay", first_delay), ("longest_delay", longest_delay)):
        if not check_timeout(seconds, what):
            raise ValueError(f"{what} is a positive number of seconds, not {seconds}")
    if longest_delay < first_delay:
        raise ValueError(f"longest_delay, {longest_delay}, is less than first_delay, {first_delay}")
    if check_timeout(reset_after, "reset_after") is None:
        raise TypeError("reset_after is a number of seconds, not None")
    if isinstance(factor, bool) or not isinstance(factor, int | float):
        raise TypeError(f"factor is a number, not {type(factor).__name__}")
    if not 1 <= factor <= _LARGEST_FACTOR:  # NaN is not, either
        raise ValueError(f"factor is a number from 1 to {_LARGEST_FACTOR:,}")
    check_callback_or_none(failed, "error", "delay", what="failed")
    check_callback(random, what="random")
    return Reconnector(
        event_base,
        protocol_factory,
        address_family,
        options,
        back_off=BackOff(first_delay, factor, longest_delay),
        reset_after=reset_after,
        max_attempts=None if max_attempts is None else check_count("max_attempts", max_attempts),
        failed=failed,
        random=random,
    )
