"""Making datagram sockets, as far as the arguments of `make_socket` go."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from ..._core.deadline import Deadline
from ..._sys.clock import monotonic
from ..._sys.datagram_descriptor import PACKETS, DatagramDescriptor
from ..._sys.late_import import late_import
from ..._sys.raw_descriptor import RAW, RawDescriptor
from ..._sys.sockaddr import AF_INET, AF_INET6, family_of
from ..._sys.socket_descriptor import DATAGRAM, SocketDescriptor
from ...addresses import Endpoint, LocalAddress, NetlinkAddress, ensure_address
from ...errors import ConnectFailed, OperationNotSupported, PermissionDenied, SocketError
from ..connect_plan import ConnectPlan, Route, bind_address, family_to_open
from ..families import InternetFamily
from ..from_descriptor import peer_of
from ..keywords import check_choice
from ..names import check_port
from ..resolving import Resolver, ask_for_addresses
from .datagram_socket import DatagramSocket
from .netlink_socket import NetlinkSocket
from .packet_socket import PacketSocket, PassivePacketSocket
from .protocols import icmp_of, internet_protocol, netlink_protocol
from .raw_socket import RawSocket

__all__ = (
    "datagram_descriptors",
    "make_datagram_pair",
    "make_internet_datagram_socket",
    "make_local_datagram_socket",
    "make_netlink_socket",
    "make_packet_pair",
    "make_packet_socket",
    "make_passive_packet_socket",
    "make_raw_socket",
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
            made._descriptor.report_errors()


def make_internet_datagram_socket(
    family: InternetFamily,
    *,
    local_host: Any = None,
    local_port: int | str | None = None,
    remote_host: Any = None,
    remote_port: int | str | None = None,
    protocol: str = "udp",
    **options: Any,
) -> DatagramSocket:
    """Return a socket of UDP, or of ICMP without a privilege; see `make_socket`."""
    check_choice("protocol", protocol, ("udp", "icmp"))
    if protocol == "icmp" and remote_host is not None and remote_port is None:
        remote_port = 0
    plan = ConnectPlan(
        family,
        local_host=local_host,
        local_port=None if local_port is None else check_port(local_port, "udp"),
        remote_host=remote_host,
        remote_port=None if remote_port is None else check_port(remote_port, "udp"),
    )
    source = local_host, check_port(local_port or 0, "udp")
    make = _open_datagrams if protocol == "udp" else _open_icmp
    return _make_internet_socket(make, plan, source, **options)


def make_raw_socket(
    family: InternetFamily,
    *,
    protocol: int | str | None = None,
    include_headers: bool = False,
    local_host: Any = None,
    remote_host: Any = None,
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
                descriptor.include_headers()
            return RawSocket(descriptor)
        except BaseException:
            descriptor.close()
            raise

    if protocol is not None:
        internet_protocol(protocol, AF_INET)  # a mistake in it is told before any name is looked up
    port = None if remote_host is None else 0
    plan = ConnectPlan(family, local_host=local_host, remote_host=remote_host, remote_port=port)
    return _make_internet_socket(make, plan, (local_host, 0), **options)


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


def _make_internet_socket(
    make: Callable[[int, object], D],
    plan: ConnectPlan,
    local: tuple[Any, int],
    *,
    connect_timeout: float | None = None,
    resolver: Resolver | None = None,
    **settings: Any,
) -> D:
    """Return a socket of what `make` makes of a family, bound and connected as it is planned.

    Args:
        make: Called with the family, and the address for the text of an error.
        plan: Whom to connect to.
        local: The host and the port to bind to.
        connect_timeout: As for `make_socket`, like all that follow.
        resolver: See there.
        **settings: See there.
    """
    family = plan.family
    to_set = _Settings(**settings)
    if family == "ipv4" and to_set.v6_only is not None:
        raise TypeError("an IPv4 datagram socket does not take v6_only")
    deadline = Deadline(connect_timeout, monotonic)
    host = bind_address(local[0], family, resolver, deadline)
    if host is None and (to_set.reuse_address or to_set.reuse_port):
        raise TypeError("reuse_address and reuse_port need a local_host to bind to")
    source = None if host is None else Endpoint(host, local[1])
    route = plan.route(host)
    targets = _targets(route, resolver, deadline)
    hosts = [host] if host is not None or targets is None else [each.host for each in targets]
    numbers = {family_to_open(family, each) for each in hosts}
    if to_set.v6_only is not None and numbers != {AF_INET6}:
        raise TypeError("an IPv4 datagram socket does not take v6_only")
    if targets is None:
        return to_set.open(make, numbers.pop(), source, None)

    def open_to(target: Endpoint) -> D:
        number = family_to_open(family, target.host if source is None else source.host)
        return to_set.open(make, number, source, target)

    return _connect_to_first(open_to, targets, str(route))


def _targets(
    route: Route, resolver: Resolver | None, deadline: Deadline
) -> tuple[Endpoint, ...] | None:
    """Return whom to connect to, the best first, or None for nobody."""
    name = route.name_to_look_up
    if name is None:
        return None if route.target is None else (route.target,)
    found = ask_for_addresses(
        resolver, name, family=route.wanted_family, timeout=deadline.remaining()
    )
    return route.names_of(found.addresses)


def _connect_to_first(
    open_to: Callable[[Endpoint], D], targets: tuple[Endpoint, ...], address: str
) -> D:
    """Return a socket connected to the first address of a host to which there is a way.

    Whether anybody is there is told by nobody, so that there is nothing to race for.
    """
    errors: list[SocketError] = []
    for target in targets:
        try:
            return open_to(target)
        except SocketError as error:
            errors.append(error)
    raise ConnectFailed.from_attempts(tuple(errors), address=address)


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
