"""Which address of this machine the system would use to reach another one."""

from ..addresses import Endpoint, IPAddress
from ..errors import SocketError
from .sockaddr import family_of
from .socket_descriptor import DATAGRAM, SocketDescriptor

__all__ = ("source_address",)

_DISCARD = 9  # a port is needed, and nothing is sent there


def source_address(address: IPAddress) -> IPAddress | None:
    """Return the address that would be used, or None if there is no way.

    The system tells it of a datagram socket that is connected, for which nothing is sent.
    """
    target = Endpoint(address, _DISCARD)
    try:
        descriptor = SocketDescriptor.open(family_of(target), DATAGRAM, address=target)
    except SocketError:
        return None
    try:
        descriptor.connect(target)
        name = descriptor.local_name()
    except SocketError:
        return None
    finally:
        descriptor.close()
    return name.host if isinstance(name, Endpoint) else None
