"""Listening where the user has said."""

from ..servers.binding import bind_all
from ..sockets.passive_socket import PassiveSocket
from .target import Target

__all__ = ("bind_place",)


def bind_place(place: Target) -> list[PassiveSocket]:
    """Return the sockets that listen at a place, which may have several addresses.

    Raises:
        AddressInUse, PermissionDenied, SocketError, ResolverError: It cannot be had.
    """
    if place.kind == "local":
        return bind_all(None, 0, place.address, (), {})
    return bind_all(str(place.host), place.port, None, (), {})
