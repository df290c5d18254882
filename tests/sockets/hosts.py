"""A host with several addresses, of which some refuse, some let a client wait, and some answer.

The name's addresses come from a resolver of the test's own and are loopback addresses, of which
IPv4 has many.
"""

import contextlib
import errno
import select
import socket
from collections.abc import Collection, Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from support.timing import PATIENCE

from trunkline import IPAddress, NoName, Resolution

ONE, TWO, THREE = IPv4Address("127.0.0.1"), IPv4Address("127.0.0.2"), IPv4Address("127.0.0.3")
SIX = IPv6Address("::1")
MULTICAST = IPv4Address("224.0.0.1")  # to which no connection can be made: an error at once


class Names:
    """A resolver that knows the one host of a test, and what it was asked."""

    def __init__(self, *addresses: IPAddress) -> None:
        self.addresses = addresses
        self.asked: list[tuple[str, str, float | None]] = []

    def resolve(
        self, host: str, *, family: str = "internet", timeout: float | None = None
    ) -> Resolution:
        self.asked.append((host, family, timeout))
        found = tuple(each for each in self.addresses if family in ("internet", _family(each)))
        if not found:
            raise NoName(strerror="no such host", operation="resolve", host=host)
        return Resolution(found, None)

    def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
        raise NotImplementedError


class Misbehaving:
    """A resolver that answers anything with what it is given, or raises it."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer

    def resolve(self, host: str, **options: Any) -> Any:
        return self._give()

    def reverse(self, address: IPAddress, **options: Any) -> Any:
        return self._give()

    def _give(self) -> Any:
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer


# What a resolver may return that is no answer.
NO_ANSWERS: dict[str, Any] = {
    "nothing": None,
    "text": "127.0.0.1",
    "a bare address": IPv4Address("127.0.0.1"),
    "bare addresses": (IPv4Address("127.0.0.1"),),
    "no addresses": Resolution((), None),
    "None for addresses": Resolution(None, None),  # type: ignore[arg-type]
    "text for addresses": Resolution(("127.0.0.1",), None),  # type: ignore[arg-type]
    "numbers for addresses": Resolution((1, 2), None),  # type: ignore[arg-type]
    "garbage": object(),
    "much garbage": "x" * 100_000,
}


def _family(address: IPAddress) -> str:
    return f"ipv{address.version}"


class Hosts:
    """Listening sockets of the standard library at one port of several addresses."""

    def __init__(self, port: int, listeners: dict[IPAddress, socket.socket]) -> None:
        self.port = port
        self._listeners = listeners

    def accepted(self, address: IPAddress) -> int:
        """Accept whoever has connected to an address, and return how many that were."""
        listener = self._listeners[address]
        count = 0
        while select.select([listener], [], [], 0)[0]:
            listener.accept()[0].close()
            count += 1
        return count


@contextlib.contextmanager
def hosts(
    *, answering: Collection[IPAddress] = (), hanging: Collection[IPAddress] = ()
) -> Iterator[Hosts]:
    """Yield a port at which some addresses answer, some let wait, and all others refuse."""
    while True:
        with contextlib.ExitStack() as stack:
            keeper = stack.enter_context(socket.socket())
            keeper.bind(("127.0.0.99", 0))
            port = keeper.getsockname()[1]
            listeners: dict[IPAddress, socket.socket] = {}
            try:
                # Those that refuse are bound, too, so that nobody else answers there.
                for address in {*answering, *hanging, ONE, TWO, THREE, SIX}:
                    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
                    listener = stack.enter_context(socket.socket(family))
                    listener.bind((str(address), port))
                    if address in answering or address in hanging:
                        listener.listen(0 if address in hanging else 100)
                        listeners[address] = listener
                for address in hanging:
                    client = socket.create_connection((str(address), port), timeout=PATIENCE)
                    stack.enter_context(client)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue  # somebody else has that port at one of the addresses
            yield Hosts(port, listeners)
            return
