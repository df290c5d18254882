"""The tables of services and of protocols that a machine has, services(5) and protocols(5).

A line of either has an official name, a number, and other names. What is malformed is left out, as
the C library does it; of several lines that have the same name or number, the first one counts.
"""

from collections.abc import Iterator
from typing import NamedTuple

from .counts import decimal_value

__all__ = ("Protocol", "ProtocolsTable", "Service", "ServicesTable")

ANY = "any"
"""What stands for whichever protocol a service has."""


class Service(NamedTuple):
    """What `lookup_service` returns: four values, which can be unpacked.

    Attributes:
        port: Its port.
        name: Its official name.
        protocol: What it is spoken over, like ``"tcp"``.
        aliases: Its other names.
    """

    port: int
    name: str
    protocol: str
    aliases: tuple[str, ...] = ()


class Protocol(NamedTuple):
    """What `lookup_protocol` returns: three values, which can be unpacked.

    Attributes:
        number: Its number, as in the header of an IP packet, and as socket(2) takes it.
        name: Its official name.
        aliases: Its other names.
    """

    number: int
    name: str
    aliases: tuple[str, ...] = ()


class ServicesTable:
    """A table of services.

    Attributes:
        services: All of them, in the order of the table.

    Args:
        text: The file's text.
    """

    def __init__(self, text: str) -> None:
        self.services = tuple(_services(text))
        self._found: dict[tuple[str | int, str], Service] = {}
        for service in self.services:
            keys: tuple[str | int, ...] = (service.port, service.name, *service.aliases)
            for asked in keys:
                for protocol in (service.protocol, ANY):
                    self._found.setdefault((asked, protocol), service)

    def find(self, asked: str | int, protocol: str) -> Service | None:
        """Return the service of that port, or of one of its names; `ANY` is any protocol."""
        return self._found.get((asked, protocol))


class ProtocolsTable:
    """A table of protocols.

    Args:
        text: The file's text.
    """

    def __init__(self, text: str) -> None:
        self._found: dict[str | int, Protocol] = {}
        for name, field, aliases in _lines(text):
            number = decimal_value(field)
            if number is not None:
                protocol = Protocol(number, name, aliases)
                keys: tuple[str | int, ...] = (number, name, *aliases)
                for asked in keys:
                    self._found.setdefault(asked, protocol)

    def find(self, asked: str | int) -> Protocol | None:
        """Return the protocol of that number, or of one of its names."""
        return self._found.get(asked)


def _services(text: str) -> Iterator[Service]:
    for name, field, aliases in _lines(text):
        number, _, protocol = field.partition("/")
        port = decimal_value(number)
        if port is not None and port <= 65_535 and protocol:
            yield Service(port, name, protocol, aliases)


def _lines(text: str) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield of each line the name, what stands behind it, and the other names."""
    for line in text.split("\n"):  # nothing else ends a line here, whatever else ends one of text
        fields = line.partition("#")[0].split()
        if len(fields) >= 2:
            yield fields[0], fields[1], tuple(fields[2:])
