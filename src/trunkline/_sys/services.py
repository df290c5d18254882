"""The system's table of services, services(5): their names, ports and protocols.

getservbyname(3) answers one question at a time, and keeps the aliases to itself.
"""

from collections.abc import Iterator
from os import PathLike
from typing import NamedTuple

__all__ = ("Service", "read_services")

_TABLE = "/etc/services"


class Service(NamedTuple):
    """One line of the table."""

    name: str
    aliases: tuple[str, ...]
    port: int
    protocol: str


def read_services(path: str | PathLike[str] = _TABLE) -> Iterator[Service]:
    """Yield all services, in the order of the table; none where the system has no such table."""
    try:
        with open(path, encoding="utf-8", errors="replace") as table:
            lines = table.readlines()
    except FileNotFoundError:
        return
    for line in lines:
        name, *rest = line.partition("#")[0].split() or [""]
        number, _, protocol = rest[0].partition("/") if rest else ("", "", "")
        if number.isdecimal() and protocol:  # what is not like this, the C library skips, too
            yield Service(name, tuple(rest[1:]), int(number), protocol)
