"""Listening where the user has said, for connections or for datagrams."""

from collections.abc import Sequence
from contextlib import ExitStack

from ..addresses import Endpoint
from ..servers.binding import bind_all
from ..sockets.datagrams import DatagramSocket
from ..sockets.make_socket import make_socket
from ..sockets.passive_socket import PassiveSocket
from .target import Target

__all__ = ("bind_datagrams", "bind_place")


def bind_place(place: Target) -> list[PassiveSocket]:
    """Return the sockets that listen at a place, which may have several addresses.

    Raises:
        AddressInUse, PermissionDenied, SocketError, ResolverError: It cannot be had.
    """
    if place.kind == "local":
        return bind_all(None, 0, place.address, (), {})
    return bind_all(str(place.host), place.port, None, (), {})


def bind_datagrams(places: Sequence[Target]) -> list[DatagramSocket]:
    """Return sockets that receive at these places.

    Raises:
        AddressInUse, PermissionDenied, SocketError, ResolverError: One of them cannot be had.
        ValueError: One is no place for datagrams.
    """
    with ExitStack() as undoing:
        found: list[DatagramSocket] = []
        for place in places:
            if place.kind == "local":
                raise ValueError(f"{place} is no place for the datagrams of UDP: host:port is")
            port = place.port
            for host in ("0.0.0.0", "::") if place.host == "*" else (place.host,):
                socket = make_socket(type="datagram", local_host=host, local_port=port)
                undoing.callback(socket.close)
                found.append(socket)
                assert isinstance(socket.local_name, Endpoint)
                port = socket.local_name.port
        undoing.pop_all()
    return found
