"""One question to the name servers of this machine."""

from functools import cache

from .._core.dns_exchange import DNSAnswer
from .._core.dns_records import RecordType
from .dns_resolver import DNSResolver

__all__ = ("check_dns_resolver", "dns_query", "machine_resolver")


@cache
def machine_resolver() -> DNSResolver:
    """Return the resolver that asks as this machine is told to, the same each time."""
    return DNSResolver()


def dns_query(
    name: str,
    record_type: RecordType | str | int = "A",
    *,
    resolver: DNSResolver | None = None,
    timeout: float | None = None,
) -> DNSAnswer:
    """Return the records of a name, as the domain name system has them.

    You would want it to see what dig(1) shows, or for records that are no addresses: where mail
    goes, what a service is told, who may issue certificates.

    Args:
        name: Whose, as it stands: no domain is searched.
        record_type: Of which type: a `RecordType`, or its name or number.
        resolver: Who asks. Default: `machine_resolver`.
        timeout: Seconds for all of it; None is as long as the servers have.

    Returns:
        See `DNSResolver.query`, which raises the same, too.
    """
    return check_dns_resolver(resolver).query(name, record_type, timeout=timeout)


def check_dns_resolver(resolver: DNSResolver | None) -> DNSResolver:
    """Return a resolver that asks for records, `machine_resolver` if it is None.

    Raises:
        TypeError: It does not do that.
    """
    if resolver is None:
        return machine_resolver()
    if not isinstance(resolver, DNSResolver):
        raise TypeError(f"records are asked for by a DNSResolver, not by {resolver!r}")
    return resolver
