"""Making sockets: one function that binds, listens or connects as far as its arguments go."""

from typing import Any, Literal, Unpack, cast, overload

from .._core.counts import check_count
from .._core.deadline import Deadline
from .._sys.clock import monotonic
from .._sys.sockaddr import AF_INET6, family_of
from .._sys.socket_descriptor import STREAM, SocketDescriptor
from ..addresses import AddressLike, Endpoint, LocalAddress, ensure_address
from ..errors import NotConnected
from ..streams.stream import DEFAULT_TIMEOUT, Timeout
from .active_socket import ActiveSocket
from .connect_plan import ConnectPlan, InternetSettings, bind_address, family_to_open
from .connecting import connect_by
from .families import AddressFamily, InternetFamily
from .keywords import (
    ActiveLocalOptions,
    PassiveInternetOptions,
    PassiveLocalOptions,
    StreamOptions,
    UnaddressedOptions,
    check_keywords,
    check_stream_keywords,
    split_stream_options,
)
from .names import check_port
from .passive_socket import PassiveSocket
from .resolving import Resolver

__all__ = ("check_fd", "make_socket", "make_socket_from_fd", "make_socket_pair")


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
def make_socket(
    remote_host: Any = ...,
    remote_port: Any = ...,
    *,
    connect: Literal["active", "passive"] = "active",
    address_family: AddressFamily = "internet",
    type: Literal["stream"] = "stream",  # noqa: A002 - the word that socket(2) has for it
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
    interface: Any = ...,
    resolver: Any = ...,
    input_buffer_size: Any = ...,
    output_buffer_size: Any = ...,
    **others: Any,
) -> ActiveSocket | PassiveSocket:
    """Make a socket; bind it, let it listen, or connect it, if the arguments are enough for that.

    An active socket connects to a server, a passive one listens for clients; which of the two a
    socket is, is decided here for good. Use it in a ``with`` statement::

        with make_socket("localhost", 9999) as server:
            print(server.read_line())

    Args:
        remote_host: Active: the address or the name of the host to connect to. All addresses that
            a name has are tried, the next one when the one before has not answered quickly
            (RFC 8305).
        remote_port: Active: the port, or the service, to connect to.
        connect: ``"active"`` or ``"passive"``.
        address_family: ``"internet"`` is IPv4 or IPv6, whichever the host has, and IPv4 if no host
            is named; or ``"ipv4"``, ``"ipv6"``, ``"local"``.
        type: ``"stream"``.
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
        reuse_address: See `PassiveSocket.bind`. Default: True.
        reuse_port: Passive: see `PassiveSocket.bind`. Default: False.
        v6_only: Passive, IPv6: take IPv6 connections only; or IPv4 ones too, with IPv4-mapped
            addresses. Default: True.
        keepalive: Let the system find out whether the peer still exists. Default: False.
        nodelay: Send small pieces at once rather than gather them (TCP_NODELAY). Default: True.
        interface: Use this network interface only (SO_BINDTODEVICE; Linux). Default: any.
        resolver: Who looks names up. Default: the system's resolver.
        input_buffer_size: How many bytes are received at a time. Default: `DEFAULT_BUFFER_SIZE`.
        output_buffer_size: How many bytes of output are gathered. Default: `DEFAULT_BUFFER_SIZE`.
        **others: No kind of socket takes them; the error says what was probably meant.

    Returns:
        An `ActiveSocket` or a `PassiveSocket`. If anything fails, no socket is left behind.

    Raises:
        TypeError: The kind of socket does not take an argument, or one is missing.
        ValueError: An argument is none of those that it can be.
        ConnectionRefused, TimedOut, NetworkUnreachable, HostUnreachable, ConnectFailed,
        SocketError:
            Connecting failed; see `ActiveSocket.connect`.
        AddressInUse, AddressNotAvailable, PermissionDenied: Binding failed.
        NoName, TryAgain, ServerFailure, ResolverError: The host's name could not be resolved.
        AddressFamilyNotSupported, OptionNotSupported: The platform lacks what was asked for.
        TooManyOpenFiles: No descriptor is left.
    """
    # Nothing but the arguments is there yet. What was left out is left to the kind of socket.
    given = {name: value for name, value in {**locals(), **others}.items() if value is not ...}
    for name in ("others", "connect", "address_family", "type"):
        del given[name]
    check_keywords(connect, address_family, type, given)
    stream, options = split_stream_options(given)
    if address_family == "local":
        if connect == "active":
            return _make_active_local(stream, **options)
        return _make_passive_local(stream, **options)
    if connect == "active":
        return _make_active_internet(address_family, stream, **options)
    return _make_passive_internet(address_family, stream, **options)


# -- internet sockets -----------------------------------------------------------------------------


def _make_active_internet(
    family: InternetFamily, stream: StreamOptions, **options: Any
) -> ActiveSocket:
    deadline = Deadline(options.pop("connect_timeout", stream.get("timeout")), monotonic)
    plan = ConnectPlan(family, **options)
    route = plan.route(bind_address(plan.source_to_look_up, family, plan.resolver, deadline))
    if route.target is None and route.name_to_look_up is None:
        return _wrap_active(route.open_descriptor(None), None, stream)
    descriptor, name = connect_by(route, plan.resolver, plan.attempt_delay, deadline)
    return _wrap_active(descriptor, name, stream)


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
    interface: str | None = None,
    resolver: Resolver | None = None,
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
    listener = _wrap_passive(descriptor, stream)
    try:
        if number == AF_INET6:
            listener.set_option("v6_only", v6_only is not False)
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
) -> ActiveSocket:
    source = None if local_filename is None else ensure_address(local_filename, "local")
    target = None if remote_filename is None else ensure_address(remote_filename, "local")
    active = _wrap_active(_open_local(target or source), None, stream)
    try:
        if source is not None:
            active.bind(source)
        if target is not None:
            active.connect(target, timeout=connect_timeout)
    except BaseException:
        active.close(abort=True)
        raise
    return active


def _make_passive_local(
    stream: StreamOptions,
    *,
    local_filename: Any = None,
    backlog: int | None = None,
    reuse_address: bool = True,
) -> PassiveSocket:
    if local_filename is None and backlog is not None:
        raise TypeError("backlog needs a local_filename: without it nothing is bound")
    address = None if local_filename is None else ensure_address(local_filename, "local")
    listener = _wrap_passive(_open_local(address), stream)
    try:
        if address is not None:
            listener.bind(address, reuse_address=reuse_address)
            listener.listen(backlog)
    except BaseException:
        listener.close(abort=True)
        raise
    return listener


def _open_local(address: LocalAddress | None) -> SocketDescriptor:
    family = family_of(address or LocalAddress("", abstract=True))
    return SocketDescriptor.open(family, STREAM, address=address)


# -- sockets of what is there already -------------------------------------------------------------


def make_socket_pair(**options: Unpack[StreamOptions]) -> tuple[ActiveSocket, ActiveSocket]:
    """Make two local sockets that are connected to each other; see socketpair(2).

    Args:
        **options: `external_format`, `input_buffer_size`, `output_buffer_size` and `timeout`, as
            for `make_socket`.

    Raises:
        TooManyOpenFiles: There are not two descriptors left.
        TypeError, ValueError: An option is none of those that it can be.
    """
    check_stream_keywords("a pair of sockets", cast("dict[str, Any]", options))
    one, other = SocketDescriptor.open_pair(STREAM)
    try:
        return (
            ActiveSocket(one, remote_name=one.remote_name(), **options),
            ActiveSocket(other, remote_name=other.remote_name(), **options),
        )
    except BaseException:
        one.close()
        other.close()
        raise


@overload
def make_socket_from_fd(
    fd: int,
    *,
    dup: bool = ...,
    connect: Literal["active"] = ...,
    **options: Unpack[StreamOptions],
) -> ActiveSocket: ...
@overload
def make_socket_from_fd(
    fd: int,
    *,
    dup: bool = ...,
    connect: Literal["passive"],
    **options: Unpack[StreamOptions],
) -> PassiveSocket: ...
def make_socket_from_fd(
    fd: int,
    *,
    dup: bool = True,
    connect: Literal["active", "passive"] = "active",
    **options: Unpack[StreamOptions],
) -> ActiveSocket | PassiveSocket:
    """Make a socket of a descriptor that something else has opened.

    You would want it for what a parent process or a service manager hands down.

    Args:
        fd: The descriptor of a stream socket. It becomes non-blocking, and with it every other
            descriptor of the same socket.
        dup: Work on a duplicate, and leave `fd` to the caller; False takes ownership of `fd`.
        connect: ``"active"`` for a socket with a peer, ``"passive"`` for one that listens or will.
        **options: `external_format`, `input_buffer_size`, `output_buffer_size` and `timeout`, as
            for `make_socket`.

    Raises:
        NotASocket: The descriptor is something else.
        SocketClosed: There is no such descriptor.
        ValueError: It is not a stream socket of a family that Trunkline knows, or it listens and
            `connect` says otherwise. `fd` stays the caller's.
        TooManyOpenFiles: It cannot be duplicated.
        TypeError: An argument is of the wrong type.
    """
    check_keywords(connect, "internet", "stream", {})
    check_stream_keywords("a socket made of a descriptor", cast("dict[str, Any]", options))
    check_fd(fd)
    descriptor = SocketDescriptor.borrow(fd)
    try:
        made = wrap_borrowed(descriptor, connect, options)
        if dup:
            descriptor.own_duplicate()
        else:
            descriptor.own(lambda: fd)
    except BaseException:
        if dup:
            descriptor.close()
        else:
            descriptor.detach()
        raise
    return made


def check_fd(fd: int) -> None:
    """Raise `TypeError` or `ValueError` for what is not the number of any descriptor."""
    check_count("a descriptor", fd, least=0, most=2**31 - 1)


def wrap_borrowed(
    descriptor: SocketDescriptor, connect: str, stream: StreamOptions
) -> ActiveSocket | PassiveSocket:
    """Return a socket of a descriptor that is nobody's yet; see `make_socket_from_fd`."""
    local_name = descriptor.check_kind()
    listens = descriptor.listens
    if connect == "passive":
        listener = PassiveSocket(descriptor, **stream)
        listener._take_state(local_name, listens=listens)
        return listener
    if listens:
        raise ValueError("the descriptor belongs to a socket that listens: connect is 'passive'")
    try:
        remote_name = descriptor.remote_name()
    except NotConnected:
        remote_name = None
    return ActiveSocket(descriptor, remote_name=remote_name, **stream)


def _wrap_active(
    descriptor: SocketDescriptor, name: Endpoint | None, stream: StreamOptions
) -> ActiveSocket:
    try:
        return ActiveSocket(descriptor, remote_name=name, **stream)
    except BaseException:
        descriptor.close()
        raise


def _wrap_passive(descriptor: SocketDescriptor, stream: StreamOptions) -> PassiveSocket:
    try:
        return PassiveSocket(descriptor, **stream)
    except BaseException:
        descriptor.close()
        raise
