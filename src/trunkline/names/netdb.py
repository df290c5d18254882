"""Services and protocols, by name and by number."""

import reprlib
from typing import Literal, TypeAlias

from .._core.counts import check_count, decimal_value
from .._core.netdb_tables import ANY, Protocol, Service
from .._sys.netdb import find_protocol, find_service
from ..sockets.names import check_port

__all__ = ("lookup_protocol", "lookup_service")

ServiceProtocol: TypeAlias = Literal["tcp", "udp", "any"]

_MOST = 2**31 - 1  # a protocol is an int to the system


def lookup_service(service: str | int, protocol: ServiceProtocol = "tcp") -> Service:
    """Find a service by its name or by its port, as the machine knows it (services(5)).

    You would want it to show a port by its name, or for the port of a service that is not spoken
    over TCP. To connect to one that is, give its name to `make_socket` as the port. For where a
    domain has a service, see `service_hosts`.

    Args:
        service: Its port, as a number or as text; or a name, official or not.
        protocol: What it is spoken over, ``"tcp"`` or ``"udp"``; ``"any"`` is what comes first.

    Returns:
        The service; its `protocol` tells what was found for ``"any"``.

    Raises:
        TypeError: `service` is neither text nor an integer.
        ValueError: The machine knows no such service; or it can be no port.
    """
    if protocol not in ("tcp", "udp", ANY):
        raise ValueError(f"protocol is 'tcp', 'udp' or 'any', not {protocol!r}")
    is_name = isinstance(service, str) and decimal_value(service) is None
    asked = service if is_name else check_port(service)
    found = find_service(asked, protocol)
    if found is None:
        spoken = "" if protocol == ANY else f"{protocol.upper()} "
        which = "at port" if isinstance(asked, int) else "of the name"
        raise ValueError(f"there is no {spoken}service {which} {reprlib.repr(asked)}")
    return found


def lookup_protocol(name_or_number: str | int) -> Protocol:
    """Find a protocol by its name or by its number, as the machine knows it (protocols(5)).

    You would want it for what counts packets, or filters them, and says so to people. The protocols
    of sockets are known where the machine has no table of them, too.

    Args:
        name_or_number: Its number, also as text; or a name, official or not.

    Raises:
        TypeError: It is neither text nor an integer.
        ValueError: The machine knows no such protocol; or it can be none.
    """
    asked = name_or_number
    if isinstance(asked, str):
        number = decimal_value(asked)
        asked = asked if number is None else number
    elif isinstance(asked, bool) or not isinstance(asked, int):
        raise TypeError(f"a protocol is its name or its number, not {type(asked).__name__}")
    if isinstance(asked, int):
        check_count("the number of a protocol", asked, least=0, most=_MOST)
    found = find_protocol(asked)
    if found is None:
        which = "of the number" if isinstance(asked, int) else "of the name"
        raise ValueError(f"there is no protocol {which} {reprlib.repr(asked)}")
    return found
