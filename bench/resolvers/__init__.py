"""The resolvers that compete: programs that ask the partner, `load/names.c`, for names.

Each looks up all of the names that it is given, at the same time, as its library's documentation
would have one write it. Which names these are, and whether the answers are right, is the same for
all and stands here; `resolver.c` does the same.
"""

import sys
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from bench.tasks import perform

AT_ONCE = 100
MOST = 2**24  # names that the addresses have numbers for

Address = IPv4Address | IPv6Address | str | bytes
"""An address in the form in which a library returns it; bytes are text, too."""

Addresses = set[Address]
"""Those of one host."""

LookUp = Callable[[Sequence[str]], Sequence[Addresses]]
"""Looks up names, and returns what each has."""


def addresses_of(number: int, service: str) -> set[IPv4Address | IPv6Address]:
    """Return the addresses of the host with a number, as far as a service wants them."""
    four = IPv4Address((10 << 24) + number)
    six = IPv6Address((0x20010DB8 << 96) + number)
    return {four} if service == "query" else {four, six}


def parsed(address: Address) -> IPv4Address | IPv6Address:
    """Return an address as an object, to compare it."""
    return ip_address(address.decode() if isinstance(address, bytes) else address)


def run(make_look_up: Callable[[str, int], LookUp]) -> None:
    """Do what the command line says.

    Args:
        make_look_up: Called with the service that is wanted and the name server's port.
    """
    service, warmup, duration, port = sys.argv[-4:]
    look_up = make_look_up(service, int(port))
    asked = 0

    def turn() -> int:
        nonlocal asked
        numbers = [(asked + each) % MOST for each in range(AT_ONCE)]
        asked += AT_ONCE
        found = look_up([f"host-{number}.test" for number in numbers])
        for number, addresses in zip(numbers[-1:], found[-1:], strict=True):
            if set(map(parsed, addresses)) != addresses_of(number, service):
                sys.exit(f"wrong addresses of host-{number}.test: {addresses}")
        if len(found) != AT_ONCE:
            sys.exit(f"{len(found)} answers to {AT_ONCE} questions")
        return AT_ONCE

    perform(turn, warmup=float(warmup), duration=float(duration))
