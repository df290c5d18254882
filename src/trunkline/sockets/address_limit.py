"""A limit on connections from one address."""

import threading
from collections import Counter
from ipaddress import IPv6Address
from typing import TypeAlias

from .._sys.sockaddr import Name
from ..addresses import Endpoint, IPAddress

__all__ = ("AddressLimit",)

_NETWORK_BITS = 64

Client: TypeAlias = IPAddress | int


class AddressLimit:
    """Counts the connections of each client, of which there are to be only so many.

    Who has an IPv6 address has a whole network of them, as a rule: so those with the same first 64
    bits are one client. On a link, all have the same ones, and each address counts for itself.
    An IPv4-mapped address is the IPv4 address. Local sockets have none, and are not counted.

    Args:
        most: How many connections a client may have; None is as many as it likes.
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._lock = threading.RLock()  # as the server's
        self._counts: Counter[Client] = Counter()

    def enter(self, name: Name) -> bool:
        """Count a connection, and return True; or return False if its client has enough of them."""
        client = _client_of(name)
        if self._most is None or client is None:
            return True
        with self._lock:
            if self._counts[client] >= self._most:
                return False
            self._counts[client] += 1
            return True

    def leave(self, name: Name) -> None:
        """Count one less, of a name that has entered."""
        client = _client_of(name)
        if self._most is None or client is None:
            return
        with self._lock:
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]


def _client_of(name: Name) -> Client | None:
    if not isinstance(name, Endpoint):
        return None
    host = name.host
    if not isinstance(host, IPv6Address) or host.is_link_local:
        return host
    if host.ipv4_mapped is not None:
        return host.ipv4_mapped
    return int(host) >> (128 - _NETWORK_BITS)
