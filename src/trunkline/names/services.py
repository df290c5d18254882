"""Connecting to a service of a domain, on whatever host and port it is (RFC 2782)."""

import random
from typing import Unpack

from .._core.deadline import Deadline
from .._core.dns_records import SRVRecord
from .._core.service_order import in_order
from .._sys.clock import monotonic
from ..errors import ConnectFailed, NoName, ResolverError, SocketError, TimedOut
from ..sockets import ActiveSocket, make_socket
from ..sockets.keywords import UnaddressedOptions
from ..sockets.names import check_port
from ..sockets.resolving import check_resolver, literal_address
from .dns_query import dns_query
from .dns_resolver import DNSResolver

__all__ = ("connect_service", "service_hosts")


def service_hosts(
    name: str,
    service: str,
    *,
    protocol: str = "tcp",
    resolver: DNSResolver | None = None,
    timeout: float | None = None,
) -> list[tuple[str, int]]:
    """Return the hosts and ports of a service, in an order in which to try them.

    Those of the lowest priority come first, and of several of one priority those that are to take
    more of the load come first more often: the order is drawn anew each time. A domain that says
    nothing of the service is its own host, at the port that the service has everywhere; and so is
    an address, for which nobody is asked.

    Args:
        name: The domain, or an address as text.
        service: The service, like ``"imaps"``.
        protocol: What it is spoken over.
        resolver: Who asks. Default: `machine_resolver`.
        timeout: Seconds for that; None is as long as the servers have.

    Raises:
        NoName, NoRecord: The domain does not offer it.
        ResolverError, TimedOut: That could not be found out.
        ValueError, TypeError: It can be no name, or the service or its protocol is none.
    """
    asked = _asked(name, service, protocol)
    try:
        if literal_address(name) is not None:
            raise NoName(strerror="an address offers no service", operation="resolve", host=asked)
        answer = dns_query(asked, "SRV", resolver=resolver, timeout=timeout)
    except NoName:
        try:
            return [(name, check_port(service))]
        except ValueError:
            pass
        raise
    records = [record for record in answer.records if isinstance(record, SRVRecord)]
    hosts = [
        (record.target, record.port)
        for record in in_order(records, random.SystemRandom().randint)
        if _is_host(record.target)
    ]
    if not hosts:
        raise NoName(strerror="it does not offer that", operation="resolve", host=asked)
    return hosts


def _asked(name: str, service: str, protocol: str) -> str:
    """Return the name that has the records of a service."""
    for what, label in (("a service", service), ("a protocol", protocol)):
        if not isinstance(label, str):
            raise TypeError(f"{what} is its name, not {type(label).__name__}")
        if not label or "." in label:
            raise ValueError(f"{what} is one word: {label!r}")
    if not isinstance(name, str):
        raise TypeError(f"a domain is text, not {type(name).__name__}")
    literal_address(name)  # raises if it can be no name
    return f"_{service}._{protocol}.{name}"


def _is_host(target: str) -> bool:
    """Return whether something can be connected to: "." and what is not a host's name cannot."""
    try:
        literal_address(target)
    except ValueError:
        return False
    return True


def connect_service(
    name: str,
    service: str,
    *,
    protocol: str = "tcp",
    **options: Unpack[UnaddressedOptions],
) -> ActiveSocket:
    """Connect to a service of a domain, and return the socket.

    You would want it where a service may be on any host and port, as mail, chat and directories
    are: the domain says where. The hosts are tried one after the other, see `service_hosts`, and
    the addresses of each race, as for `make_socket`.

    Args:
        name: The domain.
        service: The service, like ``"xmpp-client"``.
        protocol: What it is spoken over.
        **options: As for `make_socket`. `connect_timeout` is the seconds for all of it, of which
            each host has its share while there are others to try. A `DNSResolver` that is the
            `resolver` asks for the hosts, too; else `machine_resolver` does.

    Raises:
        NoName, NoRecord: The domain does not offer it.
        ResolverError: That could not be found out; or not the addresses of any of its hosts.
        TimedOut: The time is up.
        SocketError: All hosts failed alike, and this is how; `attempts` has each.
        ConnectFailed: They failed differently.
        ValueError, TypeError: An argument is none of what it can be.
    """
    deadline = Deadline(options.pop("connect_timeout", options.get("timeout")), monotonic)
    resolver = check_resolver(options.get("resolver"))
    hosts = service_hosts(
        name,
        service,
        protocol=protocol,
        resolver=resolver if isinstance(resolver, DNSResolver) else None,
        timeout=deadline.remaining(),
    )
    attempts: list[SocketError] = []
    unresolved: ResolverError | None = None
    for index, (host, port) in enumerate(hosts):
        remaining = deadline.remaining()
        if remaining == 0:
            break
        # One that is silent leaves time for the others.
        options["connect_timeout"] = None if remaining is None else remaining / (len(hosts) - index)
        try:
            return make_socket(host, port, **options)
        except SocketError as error:
            attempts += error.attempts or (error,)
        except ResolverError as error:
            unresolved = error
    if attempts:
        raise ConnectFailed.from_attempts(tuple(attempts), address=f"{service} of {name}")
    if unresolved is not None:
        raise unresolved
    raise TimedOut.expired("connect", f"{service} of {name}")
