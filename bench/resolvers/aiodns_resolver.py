"""aiodns, which is c-ares, on the event loop of the package that the command line names."""

import asyncio
import importlib
import socket
import sys
from collections.abc import Coroutine, Sequence
from typing import Any

from bench.resolvers import Addresses, LookUp, run

aiodns = importlib.import_module("aiodns")
loop = getattr(importlib.import_module(sys.argv[1]), "new_event_loop", asyncio.new_event_loop)()
asyncio.set_event_loop(loop)


def make_look_up(service: str, port: int) -> LookUp:
    resolver = aiodns.DNSResolver(nameservers=["127.0.0.1"], loop=loop, udp_port=port)

    async def query(name: str) -> Addresses:
        answer = await resolver.query_dns(name, "A")
        return {record.data.addr for record in answer.answer}

    async def find(name: str) -> Addresses:
        found = await resolver.getaddrinfo(name, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM)
        return {node.addr[0] for node in found.nodes}

    async def all_of(coroutines: Sequence[Coroutine[Any, Any, Addresses]]) -> list[Addresses]:
        return await asyncio.gather(*coroutines)

    def look_up(names: Sequence[str]) -> list[Addresses]:
        ask = query if service == "query" else find
        found: list[Addresses] = loop.run_until_complete(all_of([ask(name) for name in names]))
        return found

    return look_up


run(make_look_up)
