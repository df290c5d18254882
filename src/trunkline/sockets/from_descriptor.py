"""Making sockets of descriptors that something else has opened."""

from typing import TYPE_CHECKING, Any, Literal, Unpack, cast, overload

from .._core.counts import check_count
from .._core.option_names import check_names
from .._sys.late_import import late_import
from .._sys.sockaddr import AF_UNIX, Name
from .._sys.socket_descriptor import STREAM, SocketDescriptor
from ..errors import NotConnected
from .active_socket import ActiveSocket
from .keywords import (
    StreamOptions,
    check_choice,
    check_keywords,
    check_stream_keywords,
    check_switch,
)
from .local_stream import stream_descriptors
from .passive_socket import PassiveSocket

if TYPE_CHECKING:
    from .datagrams import DatagramSocket

__all__ = ("make_socket_from_fd",)


@overload
def make_socket_from_fd(
    fd: int,
    *,
    dup: bool = ...,
    connect: Literal["active"] = ...,
    type: Literal["stream"] = ...,
    file_descriptors: bool = ...,
    **options: Unpack[StreamOptions],
) -> ActiveSocket: ...
@overload
def make_socket_from_fd(
    fd: int,
    *,
    dup: bool = ...,
    connect: Literal["passive"],
    type: Literal["stream"] = ...,
    file_descriptors: bool = ...,
    **options: Unpack[StreamOptions],
) -> PassiveSocket: ...
@overload
def make_socket_from_fd(
    fd: int, *, dup: bool = ..., type: Literal["datagram"], file_descriptors: bool = ...
) -> "DatagramSocket": ...
def make_socket_from_fd(
    fd: int,
    *,
    dup: bool = True,
    connect: Literal["active", "passive"] = "active",
    type: Literal["stream", "datagram"] = "stream",  # noqa: A002 - as for `make_socket`
    file_descriptors: bool = False,
    **options: Unpack[StreamOptions],
) -> "ActiveSocket | PassiveSocket | DatagramSocket":
    """Make a socket of a descriptor that something else has opened.

    You would want it for what a parent process or a service manager hands down.

    Args:
        fd: The descriptor of a socket. It becomes non-blocking, and with it every other
            descriptor of the same socket.
        dup: Work on a duplicate, and leave `fd` to the caller; False takes ownership of `fd`.
        connect: ``"active"`` for a socket with a peer, ``"passive"`` for one that listens or will.
        type: ``"stream"`` or ``"datagram"``.
        file_descriptors: Of local sockets: take in those that peers send along, see `make_socket`.
        **options: Of streams: `external_format`, `input_buffer_size`, `output_buffer_size` and
            `timeout`, as for `make_socket`.

    Raises:
        NotASocket: The descriptor is something else.
        SocketClosed: There is no such descriptor.
        ValueError: It is not such a socket, of a family that Trunkline knows, or it listens and
            `connect` says otherwise. `fd` stays the caller's.
        TooManyOpenFiles: It cannot be duplicated.
        TypeError: An argument is of the wrong type.
    """
    check_made_of("a descriptor", connect, type, options)
    check_fd(fd)
    check_switch("file_descriptors", file_descriptors)
    descriptor = borrow(fd, type, file_descriptors)
    try:
        if file_descriptors and descriptor.family != AF_UNIX:
            raise ValueError("file_descriptors=True is for local sockets, and this is another one")
        made = wrap_borrowed(descriptor, connect, type, options)
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


def check_made_of(what: str, connect: str, kind: str, options: StreamOptions) -> None:
    """Raise `TypeError` or `ValueError` unless a socket of that kind, of that, can have options."""
    check_choice("type", kind, ("stream", "datagram"))
    check_keywords(connect, "internet", kind, {})
    if kind == "datagram":
        check_names(f"a datagram socket made of {what}", options, ())
    check_stream_keywords(f"a socket made of {what}", cast("dict[str, Any]", options))


def borrow(fd: int, kind: str, file_descriptors: bool = False) -> SocketDescriptor:
    """Return an object for a descriptor that stays its owner's."""
    if kind == "stream":
        return stream_descriptors(file_descriptors).borrow(fd)
    with late_import("adopt"):
        from .datagrams.make_datagram_socket import datagram_descriptors

    return datagram_descriptors(file_descriptors).borrow(fd)


def check_fd(fd: int) -> None:
    """Raise `TypeError` or `ValueError` for what is not the number of any descriptor."""
    check_count("a descriptor", fd, least=0, most=2**31 - 1)


def wrap_borrowed(
    descriptor: SocketDescriptor, connect: str, kind: str, stream: StreamOptions
) -> "ActiveSocket | PassiveSocket | DatagramSocket":
    """Return a socket of a descriptor that is nobody's yet; see `make_socket_from_fd`."""
    if kind == "datagram":
        with late_import("adopt"):
            from .datagrams.make_datagram_socket import wrap_datagrams

        return wrap_datagrams(descriptor)
    local_name = descriptor.check_kind(STREAM)
    listens = descriptor.listens
    if connect == "passive":
        listener = PassiveSocket(descriptor, **stream)
        listener._take_state(local_name, listens=listens)
        return listener
    if listens:
        raise ValueError("the descriptor belongs to a socket that listens: connect is 'passive'")
    return ActiveSocket(descriptor, remote_name=peer_of(descriptor), **stream)


def peer_of(descriptor: SocketDescriptor) -> Name | None:
    """Return the name of whoever a socket is connected to, or None."""
    try:
        return descriptor.remote_name()
    except NotConnected:
        return None
