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
    nothing of the service is its own host, at the port that the service has everywhere.

    Args:
        name: The domain.
        service: The service, like ``"imaps"``.
        protocol: What it is spoken over.
        resolver: Who asks. Default: `machine_resolver`.
        timeout: Seconds for that; None is as long as the servers have.

    Raises:
        NoName, NoRecord: The domain does not offer it.
        ResolverError, TimedOut: That could not be found out.
        ValueError: It can be no name.
    """
    asked = f"_{service}._{protocol}.{name}"
    try:
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
        if record.target != "."
    ]
    if not hosts:
        raise NoName(strerror="it does not offer that", operation="resolve", host=asked)
    return hosts


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
        **options: As for `make_socket`. `connect_timeout` is the seconds for all of it. A
            `DNSResolver` that is the `resolver` asks for the hosts, too; else `machine_resolver`
            does.

    Raises:
        NoName, NoRecord: The domain does not offer it.
        ResolverError: That could not be found out; or not the addresses of any of its hosts.
        TimedOut: The time is up.
        SocketError: All hosts failed alike, and this is how; `attempts` has each.
        ConnectFailed: They failed differently.
    """
    deadline = Deadline(options.pop("connect_timeout", options.get("timeout")), monotonic)
    resolver = options.get("resolver")
    hosts = service_hosts(
        name,
        service,
        protocol=protocol,
        resolver=resolver if isinstance(resolver, DNSResolver) else None,
        timeout=deadline.remaining(),
    )
    attempts: list[SocketError] = []
    unresolved: ResolverError | None = None
    for host, port in hosts:
        options["connect_timeout"] = deadline.remaining()
        if options["connect_timeout"] == 0:
            break
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
