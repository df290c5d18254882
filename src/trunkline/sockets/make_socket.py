"""Making sockets: one function that binds, listens or connects as far as its arguments go."""

from typing import TYPE_CHECKING, Any, Literal, Unpack, cast, overload

from .._core.deadline import Deadline
from .._core.option_names import check_names
from .._sys.clock import monotonic
from .._sys.late_import import late_import
from .._sys.sockaddr import AF_INET6, family_of
from .._sys.socket_descriptor import STREAM, SocketDescriptor
from ..addresses import AddressLike, Endpoint, LocalAddress, ensure_address
from ..streams.stream import DEFAULT_TIMEOUT, Timeout
from .active_socket import ActiveSocket
from .connect_plan import ConnectPlan, InternetSettings, bind_address, family_to_open
from .connecting import connect_by
from .families import AddressFamily, InternetFamily
from .keywords import (
    ActiveLocalOptions,
    ActivePacketOptions,
    InternetDatagramOptions,
    LocalDatagramOptions,
    NetlinkOptions,
    PassiveInternetOptions,
    PassiveLocalOptions,
    PassivePacketOptions,
    RawOptions,
    StreamOptions,
    UnaddressedOptions,
    check_choice,
    check_keywords,
    check_stream_keywords,
    check_switch,
    split_stream_options,
)
from .local_stream import stream_descriptors
from .names import check_port
from .passive_socket import PassiveSocket
from .resolving import Resolver
from .secured import ready_tls

if TYPE_CHECKING:
    from ..tls.description import TLSLike
    from .datagrams import (
        DatagramSocket,
        NetlinkSocket,
        PacketSocket,
        PassivePacketSocket,
        RawSocket,
    )


__all__ = ("make_socket", "make_socket_pair")


@overload
def make_socket(
    remote_host: AddressLike = ...,
    remote_port: int | str = ...,
    *,
    connect: Literal["active"] = ...,
    address_family: InternetFamily = ...,
    type: Literal["stream"] = ...,
    **options: Unpack[UnaddressedOptions],
) -> ActiveSocket: ...
@overload
def make_socket(
    *,
    connect: Literal["passive"],
    address_family: InternetFamily = ...,
    type: Literal["stream"] = ...,
    **options: Unpack[PassiveInternetOptions],
) -> PassiveSocket: ...
@overload
def make_socket(
    *,
    connect: Literal["active"] = ...,
    address_family: Literal["local"],
    type: Literal["stream"] = ...,
    **options: Unpack[ActiveLocalOptions],
) -> ActiveSocket: ...
@overload
def make_socket(
    *,
    connect: Literal["passive"],
    address_family: Literal["local"],
    type: Literal["stream"] = ...,
    **options: Unpack[PassiveLocalOptions],
) -> PassiveSocket: ...
@overload
def make_socket(
    remote_host: AddressLike = ...,
    remote_port: int | str = ...,
    *,
    address_family: InternetFamily = ...,
    type: Literal["datagram"],
    **options: Unpack[InternetDatagramOptions],
) -> "DatagramSocket": ...
@overload
def make_socket(
    *,
    address_family: Literal["local"],
    type: Literal["datagram"],
    **options: Unpack[LocalDatagramOptions],
) -> "DatagramSocket": ...
@overload
def make_socket(
    *,
    connect: Literal["active"] = ...,
    address_family: Literal["local"],
    type: Literal["seqpacket"],
    **options: Unpack[ActivePacketOptions],
) -> "PacketSocket": ...
@overload
def make_socket(
    *,
    connect: Literal["passive"],
    address_family: Literal["local"],
    type: Literal["seqpacket"],
    **options: Unpack[PassivePacketOptions],
) -> "PassivePacketSocket": ...
@overload
def make_socket(
    remote_host: AddressLike = ...,
    *,
    address_family: InternetFamily = ...,
    type: Literal["raw"],
    **options: Unpack[RawOptions],
) -> "RawSocket": ...
@overload
def make_socket(
    *,
    address_family: Literal["netlink"],
    type: Literal["raw"],
    **options: Unpack[NetlinkOptions],
) -> "NetlinkSocket": ...
def make_socket(
    remote_host: Any = ...,
    remote_port: Any = ...,
    *,
    connect: Literal["active", "passive"] = "active",
    address_family: AddressFamily | Literal["netlink"] = "internet",
    type: Literal["stream", "datagram", "seqpacket", "raw"] = "stream",  # noqa: A002 - the word that socket(2) has for it
    local_host: Any = ...,
    local_port: Any = ...,
    local_filename: Any = ...,
    remote_filename: Any = ...,
    external_format: Any = ...,
    timeout: Any = ...,
    connect_timeout: Any = ...,
    attempt_delay: Any = ...,
    backlog: Any = ...,
    reuse_address: Any = ...,
    reuse_port: Any = ...,
    v6_only: Any = ...,
    keepalive: Any = ...,
    nodelay: Any = ...,
    fast_open: Any = ...,
    interface: Any = ...,
    resolver: Any = ...,
    input_buffer_size: Any = ...,
    output_buffer_size: Any = ...,
    tls: Any = ...,
    broadcast: Any = ...,
    packet_info: Any = ...,
    report_errors: Any = ...,
    protocol: Any = ...,
    include_headers: Any = ...,
    multicast_groups: Any = ...,
    file_descriptors: Any = ...,
    credentials: Any = ...,
    **others: Any,
) -> "ActiveSocket | PassiveSocket | DatagramSocket | PassivePacketSocket | NetlinkSocket":
    """Make a socket; bind it, let it listen, or connect it, if the arguments are enough for that.

    An active socket connects to a server, a passive one listens for clients; which of the two a
    socket is, is decided here for good. Use it in a ``with`` statement::

        with make_socket("localhost", 9999) as server:
            print(server.read_line())

    Datagram sockets are neither: they send and receive whole messages, by UDP or locally. Nor are
    raw sockets, for protocols below those, and for messages to and from the kernel.

    Args:
        remote_host: Active: the address or the name of the host to connect to. All addresses that
            a name has are tried, the next one when the one before has not answered quickly
            (RFC 8305).
        remote_port: Active: the port, or the service, to connect to.
        connect: ``"active"`` or ``"passive"``; only where there are connections.
        address_family: ``"internet"`` is IPv4 or IPv6, whichever the host has, and IPv4 if no host
            is named; or ``"ipv4"``, ``"ipv6"``, ``"local"``; ``"netlink"`` is Linux's kernel.
        type: ``"stream"``, ``"datagram"``, ``"seqpacket"`` for local connections of whole messages,
            or ``"raw"``, which is for the internet and for netlink.
        local_host: The address, or name, of this machine to bind to. A passive socket that is
            given one listens, too.
        local_port: The port to bind to. Default: 0, which lets the system choose.
        local_filename: Local: the path or `LocalAddress` to bind to; a passive socket listens, too.
        remote_filename: Active, local: the path or `LocalAddress` to connect to.
        external_format: How text looks on the wire, see `ExternalFormat`. Default: ``"utf-8/lf"``.
        timeout: Seconds for each call of the stream that is not given its own: `Stream.timeout`.
            For passive sockets, that of the streams that will be accepted. Default: None, for ever.
        connect_timeout: Active: seconds for looking up and connecting, here. Default: `timeout`.
        attempt_delay: Active: seconds to wait for an address before the next one is tried beside
            it; None tries one at a time. Default: 0.25.
        backlog: Passive: how many connections may wait. Default: `DEFAULT_BACKLOG`.
        reuse_address: See `PassiveSocket.bind`. Default: True; of datagrams False, see
            `DatagramSocket.bind`.
        reuse_port: Passive, or of datagrams: see there. Default: False.
        v6_only: Passive, or of datagrams, IPv6: take what comes by IPv6 only; or by IPv4 too, with
            IPv4-mapped addresses. Default: True.
        keepalive: Let the system find out whether the peer still exists. Default: False.
        nodelay: Send small pieces at once rather than gather them (TCP_NODELAY). Default: True.
        fast_open: Let the first data travel with the connection (RFC 7413; Linux). Active: True has
            connecting to a server that has been spoken to before return at once, and the first
            write make the connection: for whoever speaks first, and only for what may be done
            twice, as data may come again. Passive: how many connections that came with data may
            wait, as many as `backlog` for instance. Default: off.
        interface: Use this network interface only (SO_BINDTODEVICE; Linux). Default: any.
        resolver: Who looks names up. Default: the system's resolver.
        input_buffer_size: How many bytes are received at a time. Default: `DEFAULT_BUFFER_SIZE`.
        output_buffer_size: How many bytes of output are gathered. Default: `DEFAULT_BUFFER_SIZE`.
        tls: Speak TLS: a `TLS`, one of Python's `ssl.SSLContext`, or True for a client's defaults,
            by which the host has to prove that it is who was asked for. A client shakes hands here,
            within `connect_timeout`; an accepted socket when it is first used. Default: None.
        broadcast: Datagrams: may be sent to all hosts of a network. Default: False.
        packet_info: Datagrams: the sender of each knows which address it has sent to, and answers
            leave from there. Default: False.
        report_errors: Datagrams: raise what the network says of earlier ones also where there is no
            peer, and name the receiver (Linux). Default: False.
        protocol: Raw: a number, or a name like ``"icmp"``, which is that of the family; there is no
            default, but for ``include_headers``. Netlink: a number or a name; default: ``"route"``.
            Internet datagrams: ``"udp"``, the default, or ``"icmp"``, by which whom the system
            allows it may send requests for an echo without a privilege; ports are identifiers then,
            and can be left out.
        include_headers: Raw: what is sent begins with the header of IP. Default: False.
        multicast_groups: Netlink: groups to receive from, see `NetlinkSocket.bind`. Default: 0.
        file_descriptors: Local: take in the file descriptors that peers send along, see
            `ActiveSocket.take_file_descriptors` and `Received.descriptors`; otherwise the system
            closes them. Passive: so do the accepted sockets. Default: False.
        credentials: Local datagrams: the sender of each has its `Sender.credentials` (Linux).
            Default: False.
        **others: No kind of socket takes them; the error says what was probably meant.

    Returns:
        An `ActiveSocket` or a `PassiveSocket`; a `DatagramSocket`; a `PacketSocket` or a
        `PassivePacketSocket`; a `RawSocket` or a `NetlinkSocket`. If anything fails, no socket is
        left behind.

    Raises:
        TypeError: The kind of socket does not take an argument, or one is missing.
        ValueError: An argument is none of those that it can be.
        ConnectionRefused, TimedOut, NetworkUnreachable, HostUnreachable, ConnectFailed,
        SocketError:
            Connecting failed; see `ActiveSocket.connect`.
        AddressInUse, AddressNotAvailable, PermissionDenied: Binding failed.
        PermissionDenied: Raw sockets, or those of ICMP, are not for this process; the text says
            what it takes.
        NoName, TryAgain, ServerFailure, ResolverError: The host's name could not be resolved.
        TLSCertificateError, TLSMismatch, NotTLS, TLSError: The handshake failed; see
            `ActiveSocket.start_tls`. Or a file of the `TLS` is not as it should be.
        AddressFamilyNotSupported, OptionNotSupported: The platform lacks what was asked for.
        TooManyOpenFiles: No descriptor is left.
    """
    # Nothing but the arguments is there yet. What was left out is left to the kind of socket.
    given = {name: value for name, value in {**locals(), **others}.items() if value is not ...}
    for name in ("others", "connect", "address_family", "type"):
        del given[name]
    check_keywords(connect, address_family, type, given)
    if type != "stream":
        return _make_of_messages(connect, address_family, type, given)
    stream, options = split_stream_options(given)
    assert address_family != "netlink"
    if address_family == "local":
        if connect == "active":
            return _make_active_local(stream, **options)
        return _make_passive_local(stream, **options)
    if connect == "active":
        return _make_active_internet(address_family, stream, **options)
    return _make_passive_internet(address_family, stream, **options)


def _make_of_messages(
    connect: str, address_family: Any, kind: str, options: dict[str, Any]
) -> "DatagramSocket | PassivePacketSocket | NetlinkSocket":
    # Few programs need the modules, and those that do not are not to pay for them.
    with late_import("socket"):
        from .datagrams import make_datagram_socket as making

    if kind == "seqpacket":
        if connect == "active":
            return making.make_packet_socket(**options)
        return making.make_passive_packet_socket(**options)
    if address_family == "local":
        return making.make_local_datagram_socket(**options)
    if address_family == "netlink":
        return making.make_netlink_socket(**options)
    make = making.make_raw_socket if kind == "raw" else making.make_internet_datagram_socket
    return make(address_family, **options)


# -- internet sockets -----------------------------------------------------------------------------


def _make_active_internet(
    family: InternetFamily, stream: StreamOptions, **options: Any
) -> ActiveSocket:
    deadline = Deadline(options.pop("connect_timeout", stream.get("timeout")), monotonic)
    tls = ready_tls(options.pop("tls", None), server_side=False, operation="connect")
    plan = ConnectPlan(family, **options)
    route = plan.route(bind_address(plan.source_to_look_up, family, plan.resolver, deadline))
    if route.target is None and route.name_to_look_up is None:
        active = _wrap_active(route.open_descriptor(None), None, stream)
    else:
        descriptor, name = connect_by(route, plan.resolver, plan.attempt_delay, deadline)
        active = _wrap_active(descriptor, name, stream)
    active._host = plan.target_host
    _begin_tls(active, tls, deadline)
    return active


def _begin_tls(active: ActiveSocket, tls: "TLSLike | None", deadline: Deadline) -> None:
    """Have a client speak TLS, if that is wanted."""
    if tls is None:
        return
    try:
        active._begin_tls_when_connected(tls)
        if active.speaks_tls:
            active.handshake(timeout=deadline.remaining())
    except BaseException as error:
        # As from a `with` block: a peer that is refused gets the alert that says why.
        active.__exit__(type(error), error, error.__traceback__)
        raise


def _make_passive_internet(
    family: InternetFamily,
    stream: StreamOptions,
    *,
    local_host: Any = None,
    local_port: int | str | None = None,
    backlog: int | None = None,
    reuse_address: bool = True,
    reuse_port: bool = False,
    v6_only: bool | None = None,
    keepalive: bool = False,
    nodelay: bool = True,
    fast_open: int = 0,
    interface: str | None = None,
    resolver: Resolver | None = None,
    tls: "TLSLike | None" = None,
) -> PassiveSocket:
    if local_host is None and (local_port is not None or backlog is not None):
        raise TypeError(
            "local_port and backlog need a local_host, without which nothing is bound: "
            "'0.0.0.0' and '::' are all addresses of this machine"
        )
    port = 0 if local_port is None else check_port(local_port)
    host = bind_address(local_host, family, resolver)
    number = family_to_open(family, host)
    if number != AF_INET6 and v6_only is not None:
        raise TypeError("a passive IPv4 stream socket does not take v6_only")
    # The system hands these on to the sockets that are accepted.
    settings = InternetSettings(keepalive, nodelay, interface)
    descriptor = settings.open_descriptor(number, host)
    listener = _wrap_passive(descriptor, stream, tls)
    try:
        if number == AF_INET6:
            listener.set_option("v6_only", v6_only is not False)
        if fast_open:
            listener.set_option("tcp_fastopen", fast_open)
        if host is not None:
            listener.bind(host, port, reuse_address=reuse_address, reuse_port=reuse_port)
            listener.listen(backlog)
    except BaseException:
        listener.close(abort=True)
        raise
    return listener


# -- local sockets --------------------------------------------------------------------------------


def _make_active_local(
    stream: StreamOptions,
    *,
    local_filename: Any = None,
    remote_filename: Any = None,
    connect_timeout: Timeout = DEFAULT_TIMEOUT,
    tls: "TLSLike | None" = None,
    file_descriptors: bool = False,
) -> ActiveSocket:
    tls = ready_tls(tls, server_side=False, operation="connect", has_host=False)
    deadline = Deadline(
        stream.get("timeout") if connect_timeout is DEFAULT_TIMEOUT else connect_timeout, monotonic
    )
    source = None if local_filename is None else ensure_address(local_filename, "local")
    target = None if remote_filename is None else ensure_address(remote_filename, "local")
    active = _wrap_active(_open_local(target or source, file_descriptors), None, stream)
    try:
        if source is not None:
            active.bind(source)
        if target is not None:
            active.connect(target, timeout=deadline.remaining())
    except BaseException:
        active.close(abort=True)
        raise
    _begin_tls(active, tls, deadline)
    return active


def _make_passive_local(
    stream: StreamOptions,
    *,
    local_filename: Any = None,
    backlog: int | None = None,
    reuse_address: bool = True,
    tls: "TLSLike | None" = None,
    file_descriptors: bool = False,
) -> PassiveSocket:
    if local_filename is None and backlog is not None:
        raise TypeError("backlog needs a local_filename: without it nothing is bound")
    address = None if local_filename is None else ensure_address(local_filename, "local")
    listener = _wrap_passive(_open_local(address, file_descriptors), stream, tls)
    try:
        if address is not None:
            listener.bind(address, reuse_address=reuse_address)
            listener.listen(backlog)
    except BaseException:
        listener.close(abort=True)
        raise
    return listener


def _open_local(address: LocalAddress | None, file_descriptors: bool) -> SocketDescriptor:
    family = family_of(address or LocalAddress("", abstract=True))
    return stream_descriptors(file_descriptors).open(family, STREAM, address=address)


# -- sockets of what is there already -------------------------------------------------------------


@overload
def make_socket_pair(
    *,
    type: Literal["stream"] = ...,
    file_descriptors: bool = ...,
    **options: Unpack[StreamOptions],
) -> tuple[ActiveSocket, ActiveSocket]: ...
@overload
def make_socket_pair(
    *, type: Literal["datagram"], file_descriptors: bool = ...
) -> "tuple[DatagramSocket, DatagramSocket]": ...
@overload
def make_socket_pair(
    *, type: Literal["seqpacket"], file_descriptors: bool = ...
) -> "tuple[PacketSocket, PacketSocket]": ...
def make_socket_pair(
    *,
    type: Literal["stream", "datagram", "seqpacket"] = "stream",  # noqa: A002 - as above
    file_descriptors: bool = False,
    **options: Unpack[StreamOptions],
) -> "tuple[ActiveSocket, ActiveSocket] | tuple[DatagramSocket, DatagramSocket]":
    """Make two local sockets that are connected to each other; see socketpair(2).

    Args:
        type: ``"stream"``, or ``"datagram"`` for two sockets that send each other whole messages,
            none of which gets lost; with ``"seqpacket"`` they notice each other's end, too.
        file_descriptors: Whether both take in what file descriptors are sent; see `make_socket`.
        **options: Of streams: `external_format`, `input_buffer_size`, `output_buffer_size` and
            `timeout`, as for `make_socket`.

    Raises:
        TooManyOpenFiles: There are not two descriptors left.
        TypeError, ValueError: An option is none of those that it can be.
    """
    check_choice("type", type, ("stream", "datagram", "seqpacket"))
    check_switch("file_descriptors", file_descriptors)
    if type != "stream":
        check_names(f"a pair of {type} sockets", options, ())
        with late_import("socketpair"):
            from .datagrams.make_datagram_socket import make_datagram_pair, make_packet_pair

        make = make_datagram_pair if type == "datagram" else make_packet_pair
        return make(file_descriptors)
    check_stream_keywords("a pair of sockets", cast("dict[str, Any]", options))
    one, other = stream_descriptors(file_descriptors).open_pair(STREAM)
    try:
        return (
            ActiveSocket(one, remote_name=one.remote_name(), **options),
            ActiveSocket(other, remote_name=other.remote_name(), **options),
        )
    except BaseException:
        one.close()
        other.close()
        raise


def _wrap_active(
    descriptor: SocketDescriptor, name: Endpoint | None, stream: StreamOptions
) -> ActiveSocket:
    try:
        return ActiveSocket(descriptor, remote_name=name, **stream)
    except BaseException:
        descriptor.close()
        raise


def _wrap_passive(
    descriptor: SocketDescriptor, stream: StreamOptions, tls: "TLSLike | None"
) -> PassiveSocket:
    try:
        return PassiveSocket(descriptor, **stream, tls=tls)
    except BaseException:
        descriptor.close()
        raise
