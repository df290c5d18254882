"""Resolver: looks a name up in all ways there are, and tells what was asked, whom, what came of it,
and for how long that is good.

Give it the name of a host or of a domain, or an address whose name is wanted.
"""

import dataclasses

from supporting import parser_for, port_number, run

from trunkline import EventBase, IPAddress, TrunklineError, ensure_address, lookup_hostname
from trunkline.names import DNSAnswer, DNSRecord, DNSResolver, RecordType, service_hosts, to_ascii

TYPES = ("A", "AAAA", "MX", "NS", "SOA", "TXT", "CAA", "HTTPS")

Outcome = DNSAnswer | Exception


# [system]
def ask_the_system(host: str, timeout: float) -> None:
    # It may look into files, ask servers, or whatever else it is set up for; it does not say, nor
    # for how long its answer is good. With a time limit it works in a thread, which is left behind.
    print(f"The system, asked for {host}:")
    try:
        found = lookup_hostname(host, timeout=timeout)
    except TrunklineError as error:
        print(f"  {error}")
        return
    for address in (found.address, *found.addresses):
        print(f"  {address}")
    if found.canonical_name is not None:
        print(f"  the name of which is {found.canonical_name}")


# [/system]


# [addresses]
def ask_for_addresses(resolver: DNSResolver, host: str, timeout: float) -> list[IPAddress]:
    # This looks into the table of hosts, and into the domains that short names are searched in.
    print(f"The addresses of {host}, the best one first:")
    try:
        found = resolver.resolve(host, timeout=timeout)
    except TrunklineError as error:
        print(f"  {error}")
        return []
    for address in found.addresses:
        print(f"  {address}")
    return list(found.addresses)


# [/addresses]


# [records]
def ask_for_records(resolver: DNSResolver, name: str, timeout: float) -> None:
    # All of them at once: on an event base, none waits for another one, and no thread is needed.
    outcomes: dict[str, Outcome] = {}
    with EventBase(exit_when_empty=True) as base:
        for kind in TYPES:

            def take(outcome: Outcome, kind: str = kind) -> None:
                outcomes[kind] = outcome

            resolver.query_on(base, name, take, take, record_type=kind, timeout=timeout)
        base.dispatch()
    for kind in TYPES:
        tell(kind, name, outcomes[kind])


def tell(kind: str, name: str, outcome: Outcome) -> None:
    if isinstance(outcome, DNSAnswer):
        print(f"{kind} of {name}, says {outcome.server}; good for {outcome.ttl} s:")
        for record in outcome.records:
            print(f"  {text_of(record)}")
    else:
        seconds = getattr(outcome, "ttl", 0)
        print(f"{kind} of {name}: {outcome}" + (f"; good for {seconds} s" if seconds else ""))


def text_of(record: DNSRecord) -> str:
    # A record is a dataclass whose first fields, the name and the time, all of them have.
    _, _, *fields = dataclasses.fields(record)
    values = (getattr(record, field.name) for field in fields)
    return f"{type(record).__name__.removesuffix('Record')} {' '.join(map(str, values))}"


# [/records]


# [reverse]
def ask_for_name(resolver: DNSResolver, address: IPAddress, timeout: float) -> None:
    try:
        print(f"The name of {address}: {resolver.reverse(address, timeout=timeout)}")
    except TrunklineError as error:
        print(f"The name of {address}: {error}")


# [/reverse]


# [service]
def ask_for_service(resolver: DNSResolver, name: str, service: str, timeout: float) -> None:
    # In the order in which to try them. `connect_service` does, and connects.
    print(f"{service} of {name}:")
    try:
        hosts = service_hosts(name, service, resolver=resolver, timeout=timeout)
    except TrunklineError as error:
        print(f"  {error}")
        return
    for host, port in hosts:
        print(f"  {host}, port {port}")


# [/service]


# [known]
def tell_what_is_known(resolver: DNSResolver) -> None:
    # Whoever asks for any of this, and in this way, gets it from here while it is good.
    print("What is known now, and not asked for again:")
    for name, kind, outcome, seconds in resolver.known():
        known = RecordType(kind).name if kind in set(RecordType) else "all types"
        what = f"{len(outcome.records)} records" if isinstance(outcome, DNSAnswer) else "nothing"
        print(f"  {known} of {name}: {what}, for {seconds:.0f} s")


# [/known]


# [entry]
def ex9_resolver(
    host: str,
    *,
    server: str | None = None,
    port: int = 53,
    service: str | None = None,
    timeout: float = 5.0,
    asks_the_system: bool = True,
) -> None:
    resolver = DNSResolver(None if server is None else [(server, port)])
    whom = ", ".join(map(str, resolver.config.servers))
    try:
        address = ensure_address(host)
    except ValueError:  # it is a name
        if to_ascii(host) != host:
            print(f"{host} is asked for as {to_ascii(host)}.")
        if asks_the_system:
            ask_the_system(host, timeout)
        print(f"Name servers: {whom}.")
        for found in ask_for_addresses(resolver, host, timeout):
            ask_for_name(resolver, found, timeout)
        ask_for_records(resolver, host, timeout)
        if service is not None:
            ask_for_service(resolver, host, service, timeout)
    else:
        if asks_the_system:
            ask_the_system(host, timeout)
        print(f"Name servers: {whom}.")
        ask_for_name(resolver, address, timeout)
    tell_what_is_known(resolver)


# [/entry]

if __name__ == "__main__":
    parser = parser_for(ex9_resolver)
    parser.add_argument("host", help="the name, or the address, to look up")
    parser.add_argument("--server", help="the address of a name server (default: the machine's)")
    parser.add_argument("--port", type=port_number, default=53, help="its port (%(default)s)")
    parser.add_argument("--service", help="look for this service of the domain, too, like imaps")
    parser.add_argument(
        "--timeout", type=float, default=5.0, help="seconds for each look-up (%(default)s)"
    )
    parser.add_argument(
        "--without-system", action="store_true", help="ask name servers only, not the system"
    )
    run(
        parser,
        lambda chosen: ex9_resolver(
            chosen.host,
            server=chosen.server,
            port=chosen.port,
            service=chosen.service,
            timeout=chosen.timeout,
            asks_the_system=not chosen.without_system,
        ),
    )
