"""Sockets: active and passive ones, their options, and connecting to names."""

from .._core.connect_race import ATTEMPT_DELAY
from .active_socket import CLOSE_TIMEOUT, LINGER_TIMEOUT, ActiveSocket
from .listening_socket import DEFAULT_BACKLOG
from .make_socket import make_socket, make_socket_pair
from .passive_socket import PassiveSocket
from .resolving import (
    HostEntry,
    Resolution,
    Resolver,
    SystemResolver,
    ensure_hostname,
    lookup_hostname,
)
from .socket import Socket

__all__ = (
    "ATTEMPT_DELAY",
    "CLOSE_TIMEOUT",
    "DEFAULT_BACKLOG",
    "LINGER_TIMEOUT",
    "ActiveSocket",
    "HostEntry",
    "PassiveSocket",
    "Resolution",
    "Resolver",
    "Socket",
    "SystemResolver",
    "ensure_hostname",
    "lookup_hostname",
    "make_socket",
    "make_socket_pair",
)
