"""What the calls that ask name servers can be given."""

import os
from collections.abc import Iterable
from typing import Any, TypeAlias

from .._core.counts import check_count
from .._core.dns_names import key_of_name, labels_of_name, name_from_labels
from .._core.dns_records import RecordType
from .._core.host_text import to_ascii
from .._core.resolver_config import DNS_PORT
from ..addresses import AddressLike, Endpoint, ensure_address

__all__ = (
    "ANY_TYPE",
    "Key",
    "check_config",
    "check_path",
    "domains_of",
    "endpoints_of",
    "key_of_question",
)

Key: TypeAlias = tuple[str, int]
"""What is asked for: a name in the form in which names are compared, and a record type's number."""

ANY_TYPE = 0
"""Stands for all types of records, and is none."""


def check_config(said: dict[str, Any]) -> None:
    """Raise `TypeError` or `ValueError` for what a `ResolverConfig` cannot have."""
    for name, least in (("ndots", 0), ("attempts", 1)):
        check_count(name, said.get(name, least), least=least)
    for name in ("rotate", "use_tcp"):
        if not isinstance(said.get(name, False), bool):
            raise TypeError(f"{name} is True or False, not {said[name]!r}")
    if said.get("timeout") == 0:
        raise ValueError("server_timeout cannot be 0")
    if "servers" in said and not said["servers"]:
        raise ValueError("there is nobody to be asked: servers is empty")


def endpoints_of(servers: Iterable[AddressLike | tuple[AddressLike, int]]) -> tuple[Endpoint, ...]:
    if isinstance(servers, str | bytes):
        raise TypeError("servers is a list of addresses, or of pairs of an address and a port")
    return tuple(map(_endpoint_of, servers))


def _endpoint_of(server: AddressLike | tuple[AddressLike, int]) -> Endpoint:
    if isinstance(server, tuple) and len(server) == 2:
        host, port = server
        return Endpoint(ensure_address(host), check_count("a port", port, most=65_535))
    return Endpoint(ensure_address(server), DNS_PORT)


def domains_of(search: Iterable[str]) -> tuple[str, ...]:
    if isinstance(search, str | bytes):
        raise TypeError("search is a list of domains")
    return tuple(map(_checked_domain, search))


def _checked_domain(text: str) -> str:
    return name_from_labels(labels_of_name(to_ascii(text)))


def check_path(name: str, path: str | os.PathLike[str] | None) -> str | os.PathLike[str] | None:
    """Return a path, which is no number: that would be somebody's descriptor."""
    if path is None:
        return None
    if not isinstance(path, str | bytes | os.PathLike):
        raise TypeError(f"{name} is a path or None, not {type(path).__name__}")
    if "\0" in os.fsdecode(path):
        raise ValueError(f"{name} is no path: {path!r}")
    return path


def key_of_question(name: str, record_type: RecordType | str | int) -> Key:
    """Return what is asked for a name's records."""
    plain = to_ascii(name)
    if not plain:
        raise ValueError("a name cannot be empty; that of the root is '.'")
    if isinstance(record_type, str):
        try:
            number = int(RecordType[record_type.upper()])
        except KeyError:
            names = ", ".join(RecordType.__members__)
            raise ValueError(f"there is no record type {record_type!r}: {names}") from None
    elif isinstance(record_type, bool) or not isinstance(record_type, int):
        raise TypeError(f"a record type is its name or number, not {type(record_type).__name__}")
    else:
        number = int(check_count("a record type", record_type, most=65_535))
    return key_of_name(plain), number
