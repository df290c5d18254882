"""Streams to await that speak TLS: what is told of their ends, and with whom they speak."""

import asyncio
import contextlib
import os

import pytest
from aio.loops import LoopFactory, each_loop, run_on, until_it_waits
from aio.test_streams import streams_with_tls
from support.certificates import Certificates

from trunkline import TLSError
from trunkline.aio import AsyncStream

pytestmark = each_loop


async def spoil(server: AsyncStream, client: AsyncStream) -> None:
    """Have a stream find what is no record, when it has no room to say so."""
    server.write(bytes(3_000_000))
    finishing = asyncio.create_task(server.finish_output())
    await until_it_waits(finishing)
    data = b"no record of TLS"
    while data:
        with contextlib.suppress(BlockingIOError):  # an injected fault
            data = data[os.write(client.fileno(), data) :]
    for call in (server.read(), finishing):
        with pytest.raises(TLSError):
            await call


async def assert_told(client: AsyncStream) -> None:
    with pytest.raises(TLSError, match="the peer has ended the connection"):
        await client.read_exactly(10_000_000)


def test_closing_waits_until_an_alert_has_left(
    make_loop: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        async with streams_with_tls(certificates) as (server, client):
            await spoil(server, client)
            closing = asyncio.create_task(server.close())
            await until_it_waits(closing)
            await assert_told(client)
            await closing

    run_on(make_loop, main())


def test_so_does_leaving_by_the_error(make_loop: LoopFactory, certificates: Certificates) -> None:
    async def serve(server: AsyncStream) -> None:
        async with server:
            await server.read_line()

    async def main() -> None:
        async with streams_with_tls(certificates) as (server, client):
            await spoil(server, client)
            serving = asyncio.create_task(serve(server))
            await until_it_waits(serving)
            await assert_told(client)
            with pytest.raises(TLSError):
                await serving

    run_on(make_loop, main())


def test_nobody_waits_for_long_for_who_does_not_take_it(
    make_loop: LoopFactory, certificates: Certificates
) -> None:
    async def main() -> None:
        async with streams_with_tls(certificates) as (server, client):
            await spoil(server, client)
            await server.close(linger=0.001)
            assert server.closed

    run_on(make_loop, main())
