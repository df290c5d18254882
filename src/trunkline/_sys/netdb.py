"""Services and protocols, by name and by number, as the system has them.

getservbyname(3) and its like answer one question at a time, and Python keeps the aliases to itself.
So the tables are read, and the system is asked for what is not in them: it may have been told to
look elsewhere, too, see nsswitch.conf(5).
"""

import socket

from .._core.netdb_tables import ANY, Protocol, ProtocolsTable, Service, ServicesTable
from .watched_file import WatchedFile

__all__ = ("PROTOCOLS", "SERVICES", "find_protocol", "find_service")

SERVICES = WatchedFile("/etc/services", ServicesTable)
PROTOCOLS = WatchedFile("/etc/protocols", ProtocolsTable)

# Which service has which port is for the machine to say. The numbers of protocols are the kernel's,
# and do not depend on whether a table of their names has been installed (see
# https://www.iana.org/assignments/protocol-numbers).
_WITHOUT_A_TABLE = ProtocolsTable(
    """\
ip         0    IP
icmp       1    ICMP
igmp       2    IGMP
tcp        6    TCP
udp        17   UDP
ipv6       41   IPv6
gre        47   GRE
esp        50   IPSEC-ESP
ah         51   IPSEC-AH
ipv6-icmp  58   IPv6-ICMP
sctp       132  SCTP
udplite    136  UDPLite
"""
)


def find_service(
    asked: str | int, protocol: str, *, table: WatchedFile[ServicesTable] = SERVICES
) -> Service | None:
    """Return the service of that port, or of one of its names, or None.

    Args:
        asked: The port or the name.
        protocol: What it is spoken over; `ANY` is whichever the table has first.
        table: Where to look first.
    """
    found = table.get().find(asked, protocol)
    protocols = ("tcp", "udp") if protocol == ANY else (protocol,)
    return found or next(filter(None, (_ask_for_service(asked, each) for each in protocols)), None)


def _ask_for_service(asked: str | int, protocol: str) -> Service | None:
    try:
        if isinstance(asked, int):
            return Service(asked, socket.getservbyport(asked, protocol), protocol)
        port = socket.getservbyname(asked, protocol)
    except (OSError, ValueError):  # it is not there, or has what no name of a service has
        return None
    try:
        name = socket.getservbyport(port, protocol)
    except OSError:
        name = asked
    return Service(port, name, protocol, () if name == asked else (asked,))


def find_protocol(
    asked: str | int, *, table: WatchedFile[ProtocolsTable] = PROTOCOLS
) -> Protocol | None:
    """Return the protocol of that number, or of one of its names, or None.

    Args:
        asked: The number or the name.
        table: Where to look first.
    """
    found = table.get().find(asked) or _WITHOUT_A_TABLE.find(asked)
    if found is None and isinstance(asked, str):
        try:
            found = Protocol(socket.getprotobyname(asked), asked)
        except (OSError, ValueError):
            return None
    return found
