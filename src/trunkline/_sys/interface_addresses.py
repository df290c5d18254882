"""The addresses that this machine has, asked of Linux by netlink(7)."""

import socket
import sys
from itertools import count

from .._core.interfaces import InterfaceAddress
from .._core.route_messages import (
    GET_ADDRESSES,
    GET_LINKS,
    OPERATION,
    Dump,
    interface_addresses,
)
from ..errors import OperationNotSupported, SocketError, TimedOut, WouldBlock

__all__ = ("all_addresses",)

_HAS_TABLES = sys.platform == "linux"

_ROUTE = 0  # NETLINK_ROUTE
_MOST_BYTES = 1 << 16  # the kernel makes no datagram of a dump larger than half of that
_MOST_TRIES = 10
_PATIENCE = 10.0  # seconds; a kernel answers at once, but a sandbox that stands for one may not


def all_addresses() -> tuple[InterfaceAddress, ...]:
    """Return the addresses of all interfaces.

    Raises:
        OperationNotSupported: It cannot be found out on this platform.
        WouldBlock: A table changes faster than it can be read.
        SocketError: The kernel says no.
    """
    if not _HAS_TABLES:
        raise OperationNotSupported(
            strerror="the addresses of a machine can be found on Linux only; "
            "lookup_hostname(socket.gethostname()) may tell some of them",
            operation=OPERATION,
        )
    # Addresses first: then the interface of each is known, unless it is gone by now.
    addresses, links = _read_tables(GET_ADDRESSES, GET_LINKS)
    return interface_addresses(links, addresses)


def _read_tables(*tables: int) -> list[list[bytes]]:
    sequence = count(1)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _ROUTE) as kernel:
            kernel.settimeout(_PATIENCE)
            return [_read_table(kernel, table, sequence) for table in tables]
    except SocketError:
        raise
    except TimeoutError:
        raise TimedOut.expired(OPERATION) from None
    except OSError as error:
        raise SocketError.from_errno(error.errno or 0, operation=OPERATION) from None


def _read_table(kernel: socket.socket, table: int, sequence: "count[int]") -> list[bytes]:
    for _ in range(_MOST_TRIES):
        dump = Dump(table, next(sequence))
        kernel.sendto(dump.request, (0, 0))
        while not dump.is_done:
            data, (port, _) = kernel.recvfrom(_MOST_BYTES)
            if port == 0:  # else it is not from the kernel
                dump.feed(data)
        if not dump.was_interrupted:
            return dump.entries
    raise WouldBlock(
        strerror="the interfaces change faster than they can be read; try again",
        operation=OPERATION,
    )
