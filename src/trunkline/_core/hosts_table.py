"""The table of hosts that a machine has of its own, hosts(5): which name has which addresses."""

from collections.abc import Iterable, Iterator

from ..addresses import IPAddress, ensure_address
from .dns_names import key_of_name
from .host_text import to_ascii

__all__ = ("HostsTable",)


class HostsTable:
    """A table of hosts, asked in both directions.

    A line has an address, the host's official name, and its aliases. Several lines may have the
    same name, which has all of their addresses then.

    Args:
        text: The file's text. What is malformed in it is left out.
    """

    def __init__(self, text: str) -> None:
        self._addresses: dict[str, dict[IPAddress, str]] = {}
        self._names: dict[IPAddress, tuple[str, ...]] = {}
        for line in text.splitlines():
            first, *names = line.partition("#")[0].split() or [""]
            try:
                address = ensure_address(first)
            except ValueError:
                continue
            names = list(_names_in(names))
            for name in names:
                self._addresses.setdefault(key_of_name(name), {}).setdefault(address, names[0])
            if names:
                self._names.setdefault(address, tuple(names))

    def addresses(self, name: str) -> tuple[IPAddress, ...]:
        """Return the addresses of a name, in the order of the table; none if it is not there."""
        return tuple(self._addresses.get(key_of_name(name), ()))

    def canonical_name(self, name: str) -> str | None:
        """Return the official name of the host that a name belongs to first, or None."""
        found = self._addresses.get(key_of_name(name))
        return next(iter(found.values())) if found else None

    def names(self, address: IPAddress) -> tuple[str, ...]:
        """Return the names of an address, the official one first; none if it is not there."""
        return self._names.get(address, ())


def _names_in(texts: Iterable[str]) -> Iterator[str]:
    """Yield the form that is asked for of those that are names."""
    for text in texts:
        try:
            name = to_ascii(text)
            key_of_name(name)
        except ValueError:
            continue
        yield name
