"""Asking: the machine, as its programs do, or a name server, as it stands there."""

from typing import NamedTuple

from ..._core.dns_names import reverse_name
from ..._core.dns_records import RecordType
from ..._sys.clock import monotonic
from ...addresses import Endpoint, IPAddress
from ...errors import NoName, ResolverError
from ...names import DNSResolver, dns_query
from ...sockets.resolving import lookup_hostname
from .record_text import record_data, type_name

__all__ = ("Found", "Row", "ask_machine", "ask_server")


class Row(NamedTuple):
    """A record.

    Attributes:
        name: Whose it is.
        ttl: For how many seconds it may be remembered; None where nobody has said.
        type: The name of its type.
        data: What it says.
    """

    name: str
    ttl: int | None
    type: str
    data: str


class Found(NamedTuple):
    """What was found.

    Attributes:
        rows: The records.
        server: Who has said so; None for whatever the machine asks.
        seconds: How long it took.
    """

    rows: list[Row]
    server: Endpoint | None
    seconds: float


def ask_machine(name: str | IPAddress, timeout: float | None) -> Found:
    """Ask as programs on this machine do: its table of hosts, name servers, and what else it has.

    Args:
        name: A name, whose addresses are wanted; or an address, whose name is.
        timeout: Seconds for that.

    Raises:
        ResolverError, TimedOut, ValueError: See `lookup_hostname`.
    """
    began = monotonic()
    entry = lookup_hostname(name, timeout=timeout)
    if isinstance(name, str):
        owner = entry.canonical_name or name
        addresses = (entry.address, *entry.addresses)
        kinds = {4: "A", 6: "AAAA"}
        rows = [Row(owner, None, kinds[each.version], str(each)) for each in addresses]
        if owner.lower().rstrip(".") != name.lower().rstrip("."):
            rows.insert(0, Row(name, None, "CNAME", owner))
    elif entry.canonical_name is None:
        raise NoName(strerror="no name belongs to it", operation="reverse", host=name)
    else:
        rows = [Row(str(name), None, "PTR", entry.canonical_name)]
    return Found(rows, None, monotonic() - began)


def ask_server(
    name: str | IPAddress,
    record_types: tuple[RecordType | str | int, ...],
    server: Endpoint | None,
    timeout: float | None,
) -> Found:
    """Ask a name server, or those of this machine, for records.

    Args:
        name: A name, as it stands; or an address, for the record of its name.
        record_types: Of which types. It is enough if there are records of one of them.
        server: Whom to ask; None is whom the machine asks.
        timeout: Seconds for all of it.

    Raises:
        ResolverError, TimedOut, ValueError: See `DNSResolver.query`.
    """
    resolver = None
    if server is not None:
        resolver = DNSResolver([(server.host, server.port)], config_file=None, hosts_file=None)
    if not isinstance(name, str):
        name, record_types = reverse_name(name), (RecordType.PTR,)
    began = monotonic()
    rows: dict[Row, None] = {}
    asked: Endpoint | None = None
    failure: ResolverError | None = None
    for record_type in record_types:
        remaining = None if timeout is None else max(0.0, timeout - (monotonic() - began))
        try:
            answer = dns_query(name, record_type, resolver=resolver, timeout=remaining)
        except NoName as error:
            failure = failure or error
            continue
        asked = answer.server
        for record in answer.records:
            shown = Row(record.name, record.ttl, type_name(record.type), record_data(record))
            rows[shown] = None
    if not rows and failure is not None:
        raise failure
    return Found([*rows], asked, monotonic() - began)
