"""Opening datagram endpoints: at once, or when the names that it takes have been looked up."""

from collections.abc import Callable
from typing import Any, Literal, Never, Unpack, overload

from ..._core.deadline import check_timeout
from ..._core.option_names import check_names_for, meant_option
from ..._core.timer_queue import Timer
from ...addresses import IPAddress
from ...errors import SocketClosed, TimedOut
from ...sockets.datagrams import DatagramSocket
from ...sockets.datagrams.make_datagram_socket import (
    InternetDatagramPlan,
    make_local_datagram_socket,
    plan_internet_datagram_socket,
)
from ...sockets.families import AddressFamily, InternetFamily
from ...sockets.keywords import check_keywords
from ...sockets.resolving import Resolution
from ..argument_check import check_event_base
from ..event_base import EventBase
from ..resolving import resolve_on
from .endpoint import DatagramEndpoint
from .options import (
    EndpointOptions,
    InternetEndpointOptions,
    LocalEndpointOptions,
    split_endpoint_options,
)
from .protocol import DatagramProtocolLike

__all__ = ("check_base_is_open", "open_datagrams")


@overload
def open_datagrams(
    event_base: EventBase,
    protocol: DatagramProtocolLike,
    *,
    address_family: InternetFamily = ...,
    **options: Unpack[InternetEndpointOptions],
) -> DatagramEndpoint: ...
@overload
def open_datagrams(
    event_base: EventBase,
    protocol: DatagramProtocolLike,
    *,
    address_family: Literal["local"],
    **options: Unpack[LocalEndpointOptions],
) -> DatagramEndpoint: ...
def open_datagrams(
    event_base: EventBase,
    protocol: DatagramProtocolLike,
    *misplaced: Never,
    address_family: AddressFamily = "internet",
    **options: Any,
) -> DatagramEndpoint:
    """Open a datagram socket on an event base, bound, connected, or both.

    Where no name has to be looked up, the endpoint is open when this returns: `connection_made` has
    been called, and what is wrong is raised. Otherwise it returns at once; `connection_made` is
    called when the endpoint is open, or `connection_lost` with the error when that has failed, and
    what is sent to the peer before is queued. Of a peer's addresses the first is taken to which
    there is a way.

    Args:
        event_base: Who does it.
        protocol: Whom the endpoint calls, see `DatagramProtocol`.
        *misplaced: Nothing: all else is said by name.
        address_family: ``"internet"``, ``"ipv4"``, ``"ipv6"`` or ``"local"``.
        **options: As for `make_socket`: `local_host`, `local_port`, `remote_host`, `remote_port`,
            `broadcast`, `packet_info`, `report_errors`, `reuse_address`, `reuse_port`, `v6_only`,
            `interface`, `resolver`; or `local_filename`, `remote_filename`, `credentials` and
            `file_descriptors`, of which ``delivery="many"`` tells those that have come.
            `connect_timeout` is the seconds for looking names up, None for no limit. And those of
            `DatagramEndpoint`: `delivery`, `size`, `high_water`, `low_water`, `queue_limit`,
            `idle_timeout`, `context`.

    Raises:
        AddressInUse, AddressNotAvailable, PermissionDenied, SocketError: Binding failed, or there
            is no way to the peer; see `DatagramSocket.bind` and `DatagramSocket.connect`.
        TypeError: The kind of datagrams does not take an option; or the protocol lacks the method
            that datagrams are delivered to, or has one that cannot be called.
        ValueError: An option is none of those that it can be.
        SocketClosed: The event base is closed.
        TooManyOpenFiles: No descriptor is left.
    """
    check_event_base(event_base)
    if misplaced:
        raise TypeError(
            "open_datagrams() takes by name where to: "
            "open_datagrams(…, local_host='127.0.0.1', local_port=7777)"
        )
    check_base_is_open(event_base)
    for_endpoint, for_socket = split_endpoint_options(options)
    for name in for_socket:
        if meant_option(name, EndpointOptions.__annotations__):
            check_names_for(open_datagrams, [name], EndpointOptions.__annotations__)
    check_keywords("active", address_family, "datagram", for_socket)
    if address_family == "local":
        endpoint = DatagramEndpoint(event_base, protocol, **for_endpoint)
        _open_now(endpoint, lambda: make_local_datagram_socket(**for_socket))
        return endpoint
    timeout = check_timeout(for_socket.pop("connect_timeout", None), "connect_timeout")
    plan = plan_internet_datagram_socket(address_family, **for_socket)
    endpoint = DatagramEndpoint(event_base, protocol, **for_endpoint)
    opener = _Opener(endpoint, plan)
    if opener.has_names:
        opener.start(timeout)
    else:
        _open_now(endpoint, lambda: plan.open(plan.address_to_bind_to))
    return endpoint


def check_base_is_open(event_base: EventBase) -> None:
    """Raise `SocketClosed` if an event base is closed."""
    if event_base.closed:
        raise SocketClosed(strerror="the event base is closed", operation="endpoint")


def _open_now(endpoint: DatagramEndpoint, make: Callable[[], Any]) -> None:
    try:
        socket = make()
    except BaseException:
        endpoint._lose(None, tell=False)  # it may have started a timer
        raise
    endpoint._attach(socket)


class _Opener:
    """Looks names up for an endpoint, and opens it then."""

    def __init__(
        self, endpoint: DatagramEndpoint, plan: InternetDatagramPlan[DatagramSocket]
    ) -> None:
        self._endpoint = endpoint
        self._plan = plan
        self._limit: Timer | None = None
        self._stop_resolving: Callable[[], object] | None = None

    @property
    def has_names(self) -> bool:
        """Whether there is anything to look up."""
        plan = self._plan
        if plan.source_to_look_up is not None:
            return True
        return plan.route(plan.address_to_bind_to).name_to_look_up is not None

    def start(self, timeout: float | None) -> None:
        """Begin, and end it after so many seconds."""
        endpoint, base = self._endpoint, self._endpoint.event_base
        endpoint._begin_opening(self._stop, str(self._plan), self._plan.has_peer)
        if timeout is not None:
            self._limit = base.add_timer(self._expire, timeout, one_shot=True)
        name = self._plan.source_to_look_up
        if name is None:
            self._find_peer(self._plan.address_to_bind_to)
        else:
            self._look_up(name, self._plan.family, lambda found: self._find_peer(found[0]))

    def _find_peer(self, source: IPAddress | None) -> None:
        route = self._plan.route(source)
        name = route.name_to_look_up
        if name is None:
            self._open(source, None)
        else:
            self._look_up(name, route.wanted_family, lambda found: self._open(source, found))

    def _look_up(
        self,
        name: str,
        family: InternetFamily,
        go_on: Callable[[tuple[IPAddress, ...]], object],
    ) -> None:
        def found(resolution: Resolution) -> None:
            self._stop_resolving = None
            go_on(resolution.addresses)

        endpoint = self._endpoint
        self._stop_resolving = resolve_on(
            endpoint.event_base, self._plan.resolver, name, family, found, endpoint._lose
        )

    def _open(self, source: IPAddress | None, addresses: tuple[IPAddress, ...] | None) -> None:
        self._stop()
        try:
            socket = self._plan.open(source, addresses)
        except Exception as error:  # whatever it is, somebody waits for this endpoint
            self._endpoint._lose(error)
            return
        self._endpoint._attach(socket)

    def _expire(self) -> None:
        self._limit = None
        self._endpoint._lose(TimedOut.expired("connect", self._endpoint._where))

    def _stop(self) -> None:
        """End all that goes on."""
        if self._limit is not None:
            self._endpoint.event_base.remove_timer(self._limit)
            self._limit = None
        if self._stop_resolving is not None:
            self._stop_resolving()
            self._stop_resolving = None
