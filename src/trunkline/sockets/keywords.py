"""The keywords of `make_socket`: which kind of socket takes which, for programs and type checkers.

The typed dictionaries are the table. What is not in a kind's dictionary, that kind does not take.
"""

from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, TypedDict, cast

from .._core.counts import check_count
from .._core.deadline import check_timeout
from .._core.external_format import ExternalFormatLike, ensure_external_format
from .._core.option_names import check_names, meant_option, split_options
from .._sys.sockaddr import Name
from ..addresses import AddressLike, LocalAddress
from ..streams.stream import check_buffer_size
from .resolving import Resolver

if TYPE_CHECKING:
    from ..tls.description import TLSLike

__all__ = (
    "OPTION_NAMES_OF_KINDS",
    "ActiveInternetOptions",
    "ActiveLocalOptions",
    "ActivePacketOptions",
    "BufferOptions",
    "InternetDatagramOptions",
    "LocalDatagramOptions",
    "NetlinkOptions",
    "NetworkOptions",
    "PassiveInternetOptions",
    "PassiveLocalOptions",
    "PassivePacketOptions",
    "PathLikeName",
    "RawOptions",
    "SourceOptions",
    "StreamOptions",
    "UnaddressedOptions",
    "check_choice",
    "check_keywords",
    "check_stream_keywords",
    "check_switch",
    "split_stream_options",
)

PathLikeName: TypeAlias = str | bytes | PathLike[str] | LocalAddress


class BufferOptions(TypedDict, total=False):
    """What all stream sockets take, but for the external format."""

    input_buffer_size: int
    output_buffer_size: int
    timeout: float | None


class StreamOptions(BufferOptions, total=False):
    """What all stream sockets take."""

    external_format: ExternalFormatLike


class ConnectionOptions(StreamOptions, total=False):
    """What a connected stream socket takes."""

    remote_name: Name | None


class TLSOptions(TypedDict, total=False):
    """What stream sockets take that may speak TLS."""

    tls: "TLSLike | None"


class NetworkOptions(TypedDict, total=False):
    """What all internet sockets take, but for their addresses."""

    reuse_address: bool
    keepalive: bool
    nodelay: bool
    interface: str
    resolver: Resolver | None


class SourceOptions(NetworkOptions, total=False):
    """What all internet sockets take."""

    local_host: AddressLike
    local_port: int | str | None


class UnaddressedOptions(SourceOptions, StreamOptions, TLSOptions, total=False):
    """What active internet stream sockets take, but for the address to connect to."""

    attempt_delay: float | None
    connect_timeout: float | None
    fast_open: bool


class ActiveInternetOptions(UnaddressedOptions, total=False):
    """What active internet stream sockets take."""

    remote_host: AddressLike
    remote_port: int | str


class PassiveInternetOptions(SourceOptions, StreamOptions, TLSOptions, total=False):
    """What passive internet stream sockets take."""

    backlog: int
    fast_open: int
    reuse_port: bool
    v6_only: bool


class ActiveLocalOptions(StreamOptions, TLSOptions, total=False):
    """What active local stream sockets take."""

    local_filename: PathLikeName
    remote_filename: PathLikeName
    connect_timeout: float | None
    file_descriptors: bool


class PassiveLocalOptions(StreamOptions, TLSOptions, total=False):
    """What passive local stream sockets take."""

    local_filename: PathLikeName
    backlog: int
    reuse_address: bool
    file_descriptors: bool


class UDPOptions(TypedDict, total=False):
    """What sockets of UDP take, but for the address to connect to."""

    local_host: AddressLike
    local_port: int | str | None
    connect_timeout: float | None
    broadcast: bool
    packet_info: bool
    report_errors: bool
    reuse_address: bool
    reuse_port: bool
    v6_only: bool
    interface: str
    resolver: Resolver


class ConnectedUDPOptions(UDPOptions, total=False):
    """What sockets of UDP take."""

    remote_host: AddressLike
    remote_port: int | str


class InternetDatagramOptions(UDPOptions, total=False):
    """What internet datagram sockets take, but for the address to connect to."""

    protocol: Literal["udp", "icmp"]


class ConnectedDatagramOptions(InternetDatagramOptions, ConnectedUDPOptions, total=False):
    """What internet datagram sockets take."""


class LocalMessageOptions(TypedDict, total=False):
    """What local sockets of whole messages take that may have a peer."""

    local_filename: PathLikeName
    remote_filename: PathLikeName
    file_descriptors: bool


class LocalDatagramOptions(LocalMessageOptions, total=False):
    """What local datagram sockets take."""

    credentials: bool


class RawOptions(TypedDict, total=False):
    """What raw internet sockets take, but for the address to connect to."""

    protocol: int | str
    include_headers: bool
    local_host: AddressLike
    connect_timeout: float | None
    broadcast: bool
    packet_info: bool
    report_errors: bool
    interface: str
    resolver: Resolver


class ConnectedRawOptions(RawOptions, total=False):
    """What raw internet sockets take."""

    remote_host: AddressLike


class NetlinkOptions(TypedDict, total=False):
    """What netlink sockets take."""

    protocol: int | str
    local_port: int
    multicast_groups: int


class ActivePacketOptions(LocalMessageOptions, total=False):
    """What packet sockets take that will have a peer."""

    connect_timeout: float | None


class PassivePacketOptions(TypedDict, total=False):
    """What packet sockets take that will listen."""

    local_filename: PathLikeName
    backlog: int
    reuse_address: bool
    file_descriptors: bool


class _Kind(NamedTuple):
    """A kind of socket, by what is said to `make_socket`; `connect` is of those with connections.

    All families of the internet are one here.
    """

    type: str
    connect: str
    family: str

    def told_apart_from(self, other: "_Kind") -> str:
        """Return the arguments of `make_socket` that make the difference to another kind."""
        said = []
        is_of_another_type = self.type != other.type
        if is_of_another_type:
            said.append(f"type={self.type!r}")
        if self.connect != other.connect and not (is_of_another_type and self.connect != "passive"):
            said.append(f"connect={self.connect!r}")
        if self.family != other.family:
            said.append(f"address_family={self.family!r}")
        return " and ".join(said)

    def differences(self, other: "_Kind") -> tuple[bool, ...]:
        """Return how it differs from another kind, to sort by: the type counts most."""
        return tuple(mine != its for mine, its in zip(self, other, strict=True))


_TABLE: dict[_Kind, Mapping[str, object]] = {
    _Kind("stream", "active", "internet"): ActiveInternetOptions.__annotations__,
    _Kind("stream", "passive", "internet"): PassiveInternetOptions.__annotations__,
    _Kind("stream", "active", "local"): ActiveLocalOptions.__annotations__,
    _Kind("stream", "passive", "local"): PassiveLocalOptions.__annotations__,
    _Kind("datagram", "", "internet"): ConnectedDatagramOptions.__annotations__,
    _Kind("datagram", "", "local"): LocalDatagramOptions.__annotations__,
    _Kind("seqpacket", "active", "local"): ActivePacketOptions.__annotations__,
    _Kind("seqpacket", "passive", "local"): PassivePacketOptions.__annotations__,
    _Kind("raw", "", "internet"): ConnectedRawOptions.__annotations__,
    _Kind("raw", "", "netlink"): NetlinkOptions.__annotations__,
}
OPTION_NAMES_OF_KINDS: dict[str, frozenset[str]] = {
    connect: frozenset[str]().union(
        _TABLE[_Kind("stream", connect, "internet")], _TABLE[_Kind("stream", connect, "local")]
    )
    for connect in ("active", "passive")
}
"""All that active stream sockets take, of whatever family, and all that passive ones do."""

# What an error calls a family, and which of the table's it is.
_FAMILIES = {
    "internet": ("internet", "internet"),
    "ipv4": ("IPv4", "internet"),
    "ipv6": ("IPv6", "internet"),
    "local": ("local", "local"),
    "netlink": ("netlink", "netlink"),
}
_TYPES = ("stream", "datagram", "seqpacket", "raw")
_WITHOUT_CONNECTIONS = ("datagram", "raw")


def check_keywords(
    connect: str, address_family: str, kind: str, options: Mapping[str, object]
) -> None:
    """Raise unless there is such a kind of socket, and it takes all of these options.

    Raises:
        ValueError: There is no such kind, or an option has a value that it cannot have.
        TypeError: It does not take one of the options, and the text names both; or an option has a
            value of the wrong type.
    """
    check_choice("connect", connect, ("active", "passive"))
    check_choice("address_family", address_family, tuple(_FAMILIES))
    check_choice("type", kind, _TYPES)
    label, family = _FAMILIES[address_family]
    if kind in _WITHOUT_CONNECTIONS:
        asked, what = _Kind(kind, "", family), f"{label} {kind} socket"
    else:
        asked, what = _Kind(kind, connect, family), f"{connect} {label} {kind} socket"
    if asked not in _TABLE:
        raise TypeError(f"there is no {what}: {_what_there_is(asked)}")
    if connect == "passive" and not asked.connect:
        raise TypeError(f"{_with_article(what)} is neither active nor passive: leave connect out")
    accepted = _TABLE[asked]
    for name in options:
        if name not in accepted:
            raise TypeError(f"{_with_article(what)} does not take {name}{_meant_by(name, asked)}")
    _check_values(accepted, options)


def _what_there_is(asked: _Kind) -> str:
    """Return the end of an error's text that says which families have sockets of a type."""
    families = sorted({each.family for each in _TABLE if each.type == asked.type})
    if asked.family == "netlink":  # nobody means that by mistake
        return "address_family='netlink' has raw sockets"
    return f"{' and '.join(f'address_family={each!r}' for each in families)} " + (
        f"has {asked.type} sockets" if len(families) == 1 else f"have {asked.type} sockets"
    )


def _with_article(what: str) -> str:
    return f"{'an' if what[0] in 'aeiouI' else 'a'} {what}"


def _meant_by(name: str, asked: _Kind) -> str:
    """Return the end of an error's text that says what is meant by an option, or who takes it."""
    known = (*_TABLE[asked], "address_family", *(["connect"] if asked.connect else []))
    return (
        _who_takes(name, asked)
        or meant_option(name, known)
        or _who_takes(name, asked, by_another_name=True)
    )


def _who_takes(name: str, asked: _Kind, *, by_another_name: bool = False) -> str:
    """Return the end of an error's text that says for which kind of socket an option is."""
    for kind in sorted(_TABLE, key=lambda kind: kind.differences(asked)):
        text = kind.told_apart_from(asked)
        if by_another_name:
            if meant := meant_option(name, _TABLE[kind]):
                return f"{meant}, for {text}"
        elif name in _TABLE[kind]:
            return f"; it is for {text}"
    return ""


def check_stream_keywords(what: str, options: Mapping[str, object]) -> None:
    """Raise unless all of these options concern the stream, and are what they can be.

    Raises:
        TypeError, ValueError: As for `check_keywords`.
    """
    check_names(what, options, StreamOptions.__annotations__)
    _check_values(StreamOptions.__annotations__, options)


def _check_values(accepted: Mapping[str, object], options: Mapping[str, object]) -> None:
    for name, value in options.items():
        check = _check_switch if accepted[name] is bool else _CHECKS.get(name)
        if check is None:
            continue
        try:
            check(value)
        except (TypeError, ValueError) as error:
            raise type(error)(f"{name}: {error}") from None


def check_switch(name: str, value: object) -> None:
    """Raise `TypeError` unless a value is True or False; the error calls it by its name."""
    try:
        _check_switch(value)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None


def _check_switch(value: object) -> None:
    # Nothing else will do: 0 and None have been meant as "off" and as "whatever is usual".
    if not isinstance(value, bool):
        raise TypeError(f"it is True or False, not {value!r}")


def _check_interface(value: object) -> None:
    if value is not None and not isinstance(value, str):
        raise TypeError(f"it is the name of a network interface, not {value!r}")


def _check_fast_open(value: Any) -> None:
    check_count("how many connections may wait", value, least=0, most=2**31 - 1)


# What would otherwise be found out only when a connection is there already.
_CHECKS: dict[str, Callable[[Any], object]] = {
    "external_format": ensure_external_format,
    "input_buffer_size": check_buffer_size,
    "output_buffer_size": check_buffer_size,
    "timeout": check_timeout,
    "attempt_delay": check_timeout,
    "connect_timeout": check_timeout,
    "fast_open": _check_fast_open,  # of those that listen, the others have a switch
    "interface": _check_interface,
}


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise `ValueError` unless a value is one of some."""
    if value not in choices:
        expected = " or ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} is {expected}, not {value!r}")


def split_stream_options(options: Mapping[str, Any]) -> tuple[StreamOptions, dict[str, Any]]:
    """Return the options that concern the stream, and the others."""
    stream, others = split_options(options, StreamOptions.__annotations__)
    return cast("StreamOptions", stream), others
