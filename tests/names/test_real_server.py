"""Asking a real name server, unbound, which dig asks, too."""

import contextlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from support.peers import unused_port
from support.processes import Program
from support.programs import require
from support.timing import PATIENCE
from support.zone import OF_EACH_TYPE

from trunkline import IPV4_LOOPBACK, Endpoint, EventBase, NoName, NoRecord, ResolverError
from trunkline.names import ARecord, DNSResolver, RecordType

pytestmark = [
    pytest.mark.needs_program("unbound", "dig"),
    pytest.mark.exact_io("others' programs, and what watches them, are not made for faults"),
]

LONG = tuple(f"192.0.2.{number}" for number in range(1, 200))
"""More addresses than a datagram has room for."""

MANY = (
    "1 SOA ns.test. admin.test. 1 2 3 4 5",
    "2 NS ns.test.",
    "3 A 192.0.2.1",
    "4 AAAA 2001:db8::1",
    "5 MX 10 mail.test.",
)

CONFIG = """
server:
    interface: 127.0.0.1@{port}
    directory: "{directory}"
    chroot: ""
    username: ""
    pidfile: ""
    use-syslog: no
    do-daemonize: no
    do-ip6: no
    verbosity: 1
    msg-cache-size: 0
    rrset-roundrobin: no
    minimal-responses: no
    local-zone: "test." static
    local-data: "test. 60 SOA ns.test. admin.test. 1 2 3 4 5"
{records}
auth-zone:
    name: "many.example"
    zonefile: "many.zone"
    for-upstream: no
"""


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Endpoint]:
    """Yield where unbound serves the zone."""
    directory = tmp_path_factory.mktemp("unbound")
    lines = [
        f"{record.name}. {record.ttl} {RecordType(record.type).name} {text}"
        for text, record in OF_EACH_TYPE.items()
    ]
    lines += [f"long.test. 60 A {address}" for address in LONG]
    zone = directory / "many.zone"
    zone.write_text("".join(f"many.example. {line}\n" for line in MANY))
    records = "".join(f"    local-data: '{line}'\n" for line in lines)
    for _ in range(5):  # another one may take the port meanwhile
        port = unused_port()
        config = directory / "unbound.conf"
        config.write_text(CONFIG.format(port=port, directory=directory, records=records))
        with contextlib.ExitStack() as stack:
            unbound = stack.enter_context(Program([require("unbound"), "-c", config]))
            if "start of service" in unbound.wait_for_line("start of service|can't bind")[0]:
                yield Endpoint(IPV4_LOOPBACK, port)
                return


def dig(endpoint: Endpoint, *args: str) -> str:
    """Return the answer that dig gets."""
    command = ["dig", "@127.0.0.1", "-p", str(endpoint.port), "+noall", "+answer", "+nosplit"]
    said = subprocess.run(
        [*command, *args], check=True, capture_output=True, text=True, timeout=PATIENCE
    )
    return said.stdout


def resolver_for(endpoint: Endpoint, **options: Any) -> DNSResolver:
    return DNSResolver([endpoint], config_file=None, hosts_file=None, **options)


@pytest.mark.parametrize("use_tcp", [False, True])
@pytest.mark.parametrize("text", OF_EACH_TYPE)
def test_it_is_what_dig_says(endpoint: Endpoint, text: str, use_tcp: bool) -> None:
    record = OF_EACH_TYPE[text]
    kind = RecordType(record.type).name
    answer = resolver_for(endpoint, use_tcp=use_tcp).query(record.name, kind, timeout=PATIENCE)
    assert answer.records == (record,)
    assert answer.server == endpoint
    said = dig(endpoint, "+tcp" if use_tcp else "+notcp", record.name, kind)
    name, ttl, _, shown, value = said.strip().split(None, 4)
    assert (name, int(ttl), shown, value) == (f"{record.name}.", record.ttl, kind, text)


def test_so_it_is_with_all_that_a_name_has(endpoint: Endpoint) -> None:
    answer = resolver_for(endpoint).query("many.example", "ANY", timeout=PATIENCE)
    found = {(record.ttl, RecordType(record.type).name) for record in answer.records}
    said = dig(endpoint, "+tcp", "many.example", "ANY").splitlines()
    assert found == {(int(line.split()[1]), line.split()[3]) for line in said}
    assert len(said) >= 4  # of some types unbound tells only who asks for them


def test_what_does_not_fit_into_a_datagram_comes_by_tcp(endpoint: Endpoint) -> None:
    answer = resolver_for(endpoint).query("long.test", timeout=PATIENCE)
    found = {str(record.address) for record in answer.records if isinstance(record, ARecord)}
    assert found == {*LONG}


@pytest.mark.parametrize(
    ("name", "kind", "error"), [("nobody.test", "A", NoName), ("mx.test", "A", NoRecord)]
)
def test_there_is_no_such_thing(
    endpoint: Endpoint, name: str, kind: str, error: type[ResolverError]
) -> None:
    with pytest.raises(error) as caught:
        resolver_for(endpoint).query(name, kind, timeout=PATIENCE)
    assert type(caught.value) is error
    assert caught.value.ttl == 5


def test_many_at_once(endpoint: Endpoint) -> None:
    told: list[Any] = []
    resolver = resolver_for(endpoint, cache_size=0)
    with EventBase(exit_when_empty=True) as base:
        for _ in range(20):
            for record in OF_EACH_TYPE.values():
                resolver.query_on(
                    base, record.name, told.append, told.append, record_type=record.type
                )
        base.dispatch(timeout=PATIENCE)
    assert [each.records for each in told] == [(each.records[0],) for each in told]
    assert len(told) == 20 * len(OF_EACH_TYPE)
