"""Trunkline's `DNSResolver` on an event base."""

from collections.abc import Sequence
from functools import partial

from bench.resolvers import Addresses, LookUp, run
from trunkline import EventBase, Resolution
from trunkline.names import ARecord, DNSAnswer, DNSResolver

base = EventBase()


def make_look_up(service: str, port: int) -> LookUp:
    resolver = DNSResolver([("127.0.0.1", port)])
    found: dict[str, Addresses] = {}
    left = 0

    def note(name: str, addresses: Addresses) -> None:
        nonlocal left
        found[name] = addresses
        left -= 1
        if not left:
            base.exit()

    def answered(name: str, answer: DNSAnswer) -> None:
        note(name, {each.address for each in answer.records if isinstance(each, ARecord)})

    def resolved(name: str, resolution: Resolution) -> None:
        note(name, set(resolution.addresses))

    def fail(error: Exception) -> None:
        raise error

    def look_up(names: Sequence[str]) -> list[Addresses]:
        nonlocal left
        left = len(names)
        for name in names:
            if service == "query":
                resolver.query_on(base, name, partial(answered, name), fail)
            else:
                resolver.resolve_on(base, name, partial(resolved, name), fail)
        base.dispatch()
        return [found.pop(name) for name in names]

    return look_up


run(make_look_up)
