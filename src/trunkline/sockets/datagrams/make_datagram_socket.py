"""Making datagram sockets, as far as the arguments of `make_socket` go."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Generic, NamedTuple, TypeVar

from ..._core.deadline import Deadline
from ..._sys.clock import monotonic
from ..._sys.datagram_descriptor import PACKETS, DatagramDescriptor
from ..._sys.late_import import late_import
from ..._sys.raw_descriptor import RawDescriptor
from ..._sys.sockaddr import AF_INET, AF_INET6, family_of
from ..._sys.socket_descriptor import DATAGRAM, RAW, SocketDescriptor
from ...addresses import Endpoint, IPAddress, LocalAddress, NetlinkAddress, ensure_address
from ...errors import ConnectFailed, OperationNotSupported, PermissionDenied, SocketError
from ..connect_plan import ConnectPlan, Route, bind_address, family_to_open
from ..families import InternetFamily
from ..from_descriptor import peer_of
from ..keywords import check_choice
from ..names import check_port
from ..options import set_option
from ..resolving import Resolver, ask_for_addresses
from .datagram_socket import DatagramSocket
from .netlink_socket import NetlinkSocket
from .packet_socket import PacketSocket, PassivePacketSocket
from .protocols import icmp_of, internet_protocol, netlink_protocol
from .raw_socket import RawSocket

__all__ = (
    "InternetDatagramPlan",
    "datagram_descriptors",
    "make_datagram_pair",
    "make_internet_datagram_socket",
    "make_local_datagram_socket",
    "make_netlink_socket",
    "make_packet_pair",
    "make_packet_socket",
    "make_passive_packet_socket",
    "make_raw_socket",
    "plan_internet_datagram_socket",
    "wrap_datagrams",
)


D = TypeVar("D", bound=DatagramSocket)


class _Settings(NamedTuple):
    """What is set on an internet socket before it is bound."""

    broadcast: bool = False
    packet_info: bool = False
    report_errors: bool = False
    reuse_address: bool = False
    reuse_port: bool = False
    v6_only: bool | None = None
    interface: str | None = None

    def open(
        self,
        make: Callable[[int, object], D],
        family: int,
        source: Endpoint | None,
        target: Endpoint | None,
    ) -> D:
        """Return a socket that is bound and connected, if there is something to do that to."""
        made = make(family, target or source)
        try:
            self._set_on(made, is_bound=source is not None)
            if source is not None:
                DatagramSocket.bind(
                    made,
                    source.host,
                    source.port,
                    reuse_address=self.reuse_address,
                    reuse_port=self.reuse_port,
                )
            if target is not None:
                DatagramSocket.connect(made, target.host, target.port)
        except BaseException:
            made.close(abort=True)
            raise
        return made

    def _set_on(self, made: DatagramSocket, *, is_bound: bool) -> None:
        # A raw socket is of one family, whatever addresses it is given.
        is_of_both = made.address_family == "ipv6" and not isinstance(made, RawSocket)
        if is_of_both and (self.v6_only is not None or is_bound):
            made.set_option("v6_only", self.v6_only is not False)
        if self.broadcast:
            made.set_option("broadcast", True)
        if self.interface is not None:
            made.set_option("bind_to_device", self.interface)
        if self.packet_info:
            made.set_option("packet_info", True)
        if self.report_errors:
            made.set_option("report_errors", True)


class InternetDatagramPlan(Generic[D]):
    """An internet socket without connections that is to be made: bound, connected, or both.

    `make_socket` carries it out by blocking, and an event base by callbacks.

    Args:
        make: Called with the number of a family, and the address for the text of an error; returns
            a new socket.
        family: Which families it may be of.
        resolver: Who looks names up.
        **others: As for `make_socket`.

    Raises:
        TypeError, ValueError: They do not go together, or one is none of those that it can be.
    """

    def __init__(
        self,
        make: Callable[[int, object], D],
        family: InternetFamily,
        *,
        local_host: Any = None,
        local_port: int | str | None = None,
        remote_host: Any = None,
        remote_port: int | str | None = None,
        resolver: Resolver | None = None,
        **settings: Any,
    ) -> None:
        self._make = make
        self._to_connect = ConnectPlan(
            family,
            local_host=local_host,
            local_port=None if local_port is None else check_port(local_port, "udp"),
            remote_host=remote_host,
            remote_port=None if remote_port is None else check_port(remote_port, "udp"),
            resolver=resolver,
        )
        self.family: InternetFamily = family
        self.resolver: Resolver = self._to_connect.resolver
        self.has_peer: bool = remote_host is not None
        self._settings = _Settings(**settings)
        self._local_host = local_host
        self._local_port = check_port(local_port or 0, "udp")
        if local_host is None and (self._settings.reuse_address or self._settings.reuse_port):
            raise TypeError("reuse_address and reuse_port need a local_host to bind to")
        if family == "ipv4" and self._settings.v6_only is not None:
            raise TypeError("an IPv4 datagram socket does not take v6_only")

    @property
    def source_to_look_up(self) -> str | None:
        """The name of the address to bind to, if it has one."""
        return self._to_connect.source_to_look_up

    @property
    def address_to_bind_to(self) -> IPAddress | None:
        """The address to bind to, if there is one, and it is not a name."""
        source = self.route(None).source
        return None if source is None else source.host

    def find_source(self, deadline: Deadline) -> IPAddress | None:
        """Return the address to bind to; a name is looked up, by blocking."""
        return bind_address(self._local_host, self.family, self.resolver, deadline)

    def __str__(self) -> str:
        return str(self._to_connect)

    def route(self, source: IPAddress | None) -> Route:
        """Return the way to the peer, if there is to be one, given the address to bind to."""
        return self._to_connect.route(source)

    def open(self, source: IPAddress | None, addresses: Iterable[IPAddress] | None = None) -> D:
        """Return the socket, bound and connected to whom it is to be.

        Args:
            source: The address to bind to.
            addresses: Those of the peer's name, if that had to be looked up.
        """
        route = self.route(source)
        targets: tuple[Endpoint, ...] | None = None if route.target is None else (route.target,)
        if addresses is not None:
            targets = route.names_of(addresses)
        hosts = (
            [source] if source is not None or targets is None else [each.host for each in targets]
        )
        numbers = {family_to_open(self.family, each) for each in hosts}
        if self._settings.v6_only is not None and numbers != {AF_INET6}:
            raise TypeError("an IPv4 datagram socket does not take v6_only")
        if targets is None:
            return self._open(numbers.pop(), source, None)
        return self._connect_to_first(source, targets, str(route))

    def _connect_to_first(
        self, source: IPAddress | None, targets: tuple[Endpoint, ...], address: str
    ) -> D:
        """Return a socket connected to the first address of a host to which there is a way.

        Whether anybody is there is told by nobody, so that there is nothing to race for.
        """
        errors: list[SocketError] = []
        for target in targets:
            number = family_to_open(self.family, target.host if source is None else source)
            try:
                return self._open(number, source, target)
            except SocketError as error:
                errors.append(error)
        raise ConnectFailed.from_attempts(tuple(errors), address=address)

    def _open(self, number: int, source: IPAddress | None, target: Endpoint | None) -> D:
        bound_to = None if source is None else Endpoint(source, self._local_port)
        return self._settings.open(self._make, number, bound_to, target)

    def carry_out(self, connect_timeout: float | None) -> D:
        """Look names up by blocking, for so many seconds at most, and return the socket."""
        deadline = Deadline(connect_timeout, monotonic)
        source = self.find_source(deadline)
        route = self.route(source)
        name = route.name_to_look_up
        if name is None:
            return self.open(source)
        found = ask_for_addresses(
            self.resolver, name, family=route.wanted_family, timeout=deadline.remaining()
        )
        return self.open(source, found.addresses)


def plan_internet_datagram_socket(
    family: InternetFamily,
    *,
    remote_host: Any = None,
    remote_port: int | str | None = None,
    protocol: str = "udp",
    **options: Any,
) -> InternetDatagramPlan[DatagramSocket]:
    """Return the plan of a socket of UDP, or of ICMP without a privilege; see `make_socket`."""
    check_choice("protocol", protocol, ("udp", "icmp"))
    if protocol == "icmp" and remote_host is not None and remote_port is None:
        remote_port = 0
    make = _open_datagrams if protocol == "udp" else _open_icmp
    return InternetDatagramPlan(
        make, family, remote_host=remote_host, remote_port=remote_port, **options
    )


def make_internet_datagram_socket(
    family: InternetFamily, *, connect_timeout: float | None = None, **options: Any
) -> DatagramSocket:
    """Return a socket of UDP, or of ICMP without a privilege; see `make_socket`."""
    return plan_internet_datagram_socket(family, **options).carry_out(connect_timeout)


def make_raw_socket(
    family: InternetFamily,
    *,
    protocol: int | str | None = None,
    include_headers: bool = False,
    remote_host: Any = None,
    connect_timeout: float | None = None,
    **options: Any,
) -> RawSocket:
    """Return a raw socket; see `make_socket`."""
    if protocol is None and not include_headers:
        raise TypeError("a raw internet socket needs a protocol: a number, or a name like 'icmp'")

    def make(number: int, address: object) -> RawSocket:
        asked = _ANY_PROTOCOL if protocol is None else internet_protocol(protocol, number)
        with _explaining(_RAW_IS_FOR):
            descriptor = RawDescriptor.open(number, RAW, protocol=asked, address=address)
        try:
            if include_headers:
                set_option(descriptor, "include_headers", True)
            return RawSocket(descriptor)
        except BaseException:
            descriptor.close()
            raise

    if protocol is not None:
        internet_protocol(protocol, AF_INET)  # a mistake in it is told before any name is looked up
    port = None if remote_host is None else 0
    plan = InternetDatagramPlan(make, family, remote_host=remote_host, remote_port=port, **options)
    return plan.carry_out(connect_timeout)


def make_netlink_socket(
    *, protocol: int | str = "route", local_port: int = 0, multicast_groups: int = 0
) -> NetlinkSocket:
    """Return a netlink socket that is bound; see `make_socket`."""
    number = netlink_protocol(protocol)
    family = family_of(NetlinkAddress())
    made = NetlinkSocket(DatagramDescriptor.open(family, RAW, protocol=number))
    try:
        made.bind(local_port, multicast_groups)
    except BaseException:
        made.close(abort=True)
        raise
    return made


_ANY_PROTOCOL = 255  # IPPROTO_RAW: with headers that name the protocol; it receives nothing
_RAW_IS_FOR = "raw sockets are for the superuser, or take CAP_NET_RAW"
_ICMP_IS_FOR = "sockets of ICMP are for the groups in net.ipv4.ping_group_range, see icmp(7)"


@contextlib.contextmanager
def _explaining(reason: str) -> Iterator[None]:
    """Have the error of who may not say what it takes."""
    try:
        yield
    except PermissionDenied as error:
        raise PermissionDenied(
            error.errno, reason, operation=error.operation, address=error.address
        ) from None


def _open_datagrams(family: int, address: object) -> DatagramSocket:
    return DatagramSocket(DatagramDescriptor.open(family, DATAGRAM, address=address))


def _open_icmp(family: int, address: object) -> DatagramSocket:
    with _explaining(_ICMP_IS_FOR):
        descriptor = DatagramDescriptor.open(
            family, DATAGRAM, protocol=icmp_of(family), address=address
        )
    return DatagramSocket(descriptor)


def make_local_datagram_socket(
    *,
    local_filename: Any = None,
    remote_filename: Any = None,
    file_descriptors: bool = False,
    credentials: bool = False,
) -> DatagramSocket:
    """Return a local datagram socket; see `make_socket`."""
    source, target = _local_address(local_filename), _local_address(remote_filename)
    made = DatagramSocket(_open_local(DATAGRAM, target or source, file_descriptors))
    try:
        if credentials:
            made._ask_for_credentials()
        if source is not None:
            made.bind(source)
        if target is not None:
            made.connect(target)
    except BaseException:
        made.close(abort=True)
        raise
    return made


def make_packet_socket(
    *,
    local_filename: Any = None,
    remote_filename: Any = None,
    connect_timeout: float | None = None,
    file_descriptors: bool = False,
) -> PacketSocket:
    """Return a packet socket, connected if somebody is named; see `make_socket`."""
    source, target = _local_address(local_filename), _local_address(remote_filename)
    descriptor = _open_local(PACKETS, target or source, file_descriptors)
    try:
        made = PacketSocket(descriptor)
        if source is not None:
            made.bind(source)
        if target is not None:
            made.connect(target, timeout=connect_timeout)
    except BaseException:
        descriptor.close()
        raise
    return made


def make_passive_packet_socket(
    *,
    local_filename: Any = None,
    backlog: int | None = None,
    reuse_address: bool = True,
    file_descriptors: bool = False,
) -> PassivePacketSocket:
    """Return a packet socket that listens, if it is told where; see `make_socket`."""
    if local_filename is None and backlog is not None:
        raise TypeError("backlog needs a local_filename: without it nothing is bound")
    source = _local_address(local_filename)
    made = PassivePacketSocket(_open_local(PACKETS, source, file_descriptors))
    try:
        if source is not None:
            made.bind(source, reuse_address=reuse_address)
            made.listen(backlog)
    except BaseException:
        made.close(abort=True)
        raise
    return made


def _local_address(filename: Any) -> LocalAddress | None:
    return None if filename is None else ensure_address(filename, "local")


def datagram_descriptors(take_others: bool) -> type[DatagramDescriptor]:
    """Return the class of descriptors of messages, of those that take in others or of all."""
    if not take_others:
        return DatagramDescriptor
    with late_import("socket"):
        from ..._sys.file_descriptors import PassingDatagramDescriptor

    return PassingDatagramDescriptor


def _open_local(
    kind: int, address: LocalAddress | None, file_descriptors: bool
) -> DatagramDescriptor:
    if kind < 0:  # pragma: no cover - everything but Windows has a number for it
        raise OperationNotSupported(operation="socket", address=address)
    family = family_of(address or LocalAddress("", abstract=True))
    return datagram_descriptors(file_descriptors).open(family, kind, address=address)


def wrap_datagrams(descriptor: SocketDescriptor) -> DatagramSocket:
    """Return a socket of a descriptor that is nobody's yet; see `make_socket_from_fd`."""
    assert isinstance(descriptor, DatagramDescriptor)
    local_name = descriptor.check_kind(DATAGRAM)
    made = DatagramSocket(descriptor, remote_name=peer_of(descriptor))
    made._take_state(local_name)
    return made


def make_datagram_pair(file_descriptors: bool) -> tuple[DatagramSocket, DatagramSocket]:
    """Return two local datagram sockets, each of which is the other one's peer."""
    return _make_pair(DATAGRAM, DatagramSocket, file_descriptors)


def make_packet_pair(file_descriptors: bool) -> tuple[PacketSocket, PacketSocket]:
    """Return two packet sockets that are connected to each other."""
    return _make_pair(PACKETS, PacketSocket, file_descriptors)


def _make_pair(kind: int, make: Callable[..., D], file_descriptors: bool) -> tuple[D, D]:
    one, other = datagram_descriptors(file_descriptors).open_pair(kind)
    try:
        return (
            make(one, remote_name=one.remote_name()),
            make(other, remote_name=other.remote_name()),
        )
    except BaseException:
        one.close()
        other.close()
        raise
