"""Names: asking the domain name system, and what the machine itself has names for."""

from .._core.dns_exchange import DNSAnswer
from .._core.dns_records import (
    AAAARecord,
    ARecord,
    CAARecord,
    CNAMERecord,
    DNSRecord,
    HTTPSRecord,
    MXRecord,
    NAPTRRecord,
    NSRecord,
    PTRRecord,
    RecordType,
    SOARecord,
    SRVRecord,
    SVCBRecord,
    TLSARecord,
    TXTRecord,
    UnknownRecord,
)
from .._core.host_text import to_ascii, to_unicode
from .._core.interfaces import Interface, InterfaceAddress
from .._core.netdb_tables import Protocol, Service
from .._core.resolver_config import ResolverConfig
from .caching_resolver import CachingResolver
from .dns_query import dns_query, machine_resolver
from .dns_resolver import DNSResolver
from .interfaces import if_addresses, list_interfaces, lookup_interface
from .lookups import Lookup
from .netdb import lookup_protocol, lookup_service
from .questions import DEFAULT_CACHE_SIZE
from .services import connect_service, service_hosts

__all__ = (
    "DEFAULT_CACHE_SIZE",
    "AAAARecord",
    "ARecord",
    "CAARecord",
    "CNAMERecord",
    "CachingResolver",
    "DNSAnswer",
    "DNSRecord",
    "DNSResolver",
    "HTTPSRecord",
    "Interface",
    "InterfaceAddress",
    "Lookup",
    "MXRecord",
    "NAPTRRecord",
    "NSRecord",
    "PTRRecord",
    "Protocol",
    "RecordType",
    "ResolverConfig",
    "SOARecord",
    "SRVRecord",
    "SVCBRecord",
    "Service",
    "TLSARecord",
    "TXTRecord",
    "UnknownRecord",
    "connect_service",
    "dns_query",
    "if_addresses",
    "list_interfaces",
    "lookup_interface",
    "lookup_protocol",
    "lookup_service",
    "machine_resolver",
    "service_hosts",
    "to_ascii",
    "to_unicode",
)
