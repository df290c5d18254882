"""Databases, asked by the clients that others have written for asyncio, on our loop as on others.

The servers are real programs, each with a directory of its own. No faults are injected into them,
where there are any: they are not what is tried.
"""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aio.loops import LoopFactory, each_loop, run_on
from support.certificates import Certificates
from support.peers import ELSEWHERE
from support.processes import Program
from support.programs import require
from support.timing import MS, PATIENCE

pytestmark = pytest.mark.thorough

BULK = bytes(range(256)) * 4096  # a mebibyte


def environment() -> dict[str, str]:
    """Return what a server gets of ours."""
    return {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}


# -- PostgreSQL -----------------------------------------------------------------------------------

NOBODY = "postgres"  # who may run it, which root may not


def as_nobody(*command: str | Path) -> list[str | Path]:
    """Return how to run a program as somebody else, should we be root."""
    if os.geteuid():
        return list(command)
    switch = [require("setpriv"), f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    return [*switch, *command]


def free_port() -> int:
    """Return a port that nobody has: PostgreSQL does not have the system choose one."""
    with socket.create_server((ELSEWHERE, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def postgresql_port(certificates: Certificates) -> Iterator[int]:
    """Run a server, which speaks TLS to who asks for it, and return its port."""
    initdb, postgres = require("initdb"), require("postgres")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        data = directory / "data"
        certificate = shutil.copy(certificates.server.certificate, directory)
        key = shutil.copy(certificates.server.key, directory)
        os.chmod(key, 0o600)
        if os.geteuid() == 0:
            for path in (directory, certificate, key):
                shutil.chown(path, NOBODY, NOBODY)
        options = ["--auth=trust", "--no-sync", "--username=tester", "--encoding=UTF8"]
        options.append("--locale=C")
        with Program(as_nobody(initdb, *options, data), env=environment()) as program:
            program.read_to_end()
            assert program.wait() == 0, program.transcript
        port = free_port()
        settings = [f"listen_addresses={ELSEWHERE}", f"unix_socket_directories={directory}"]
        settings += ["fsync=off", "ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={key}"]
        options = [f"--{setting}" for setting in settings]
        command = as_nobody(postgres, "-D", data, "-p", str(port), *options)
        with Program(command, env=environment()) as server:
            server.read_until("ready to accept connections")
            yield port
            server.interrupt()  # which leaves no shared memory behind
            server.wait()


async def talk_to_postgresql(asyncpg: Any, port: int, tls: Any) -> None:
    options = {"host": ELSEWHERE, "port": port, "user": "tester", "database": "postgres"}
    async with asyncpg.create_pool(**options, ssl=tls, min_size=2, max_size=5) as pool:
        numbers = range(20)
        asked = [pool.fetchval("SELECT $1::int * 2", number) for number in numbers]
        assert await asyncio.gather(*asked) == [number * 2 for number in numbers]
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT $1::bytea", BULK) == BULK
            async with connection.transaction():
                rows = connection.cursor("SELECT generate_series(1, 1000)", prefetch=10)
                assert [row[0] async for row in rows] == list(range(1, 1001))
            await connection.execute("CREATE TEMPORARY TABLE numbers (number int)")
            records = [(number,) for number in range(10_000)]
            await connection.copy_records_to_table("numbers", records=records)
            assert await connection.fetchval("SELECT sum(number) FROM numbers") == 49_995_000
            with pytest.raises(TimeoutError):
                await connection.execute("SELECT pg_sleep(3600)", timeout=10 * MS)
            told: asyncio.Future[str] = asyncio.get_running_loop().create_future()

            def hear(*args: Any) -> None:
                told.set_result(args[-1])

            await connection.add_listener("channel", hear)
            await pool.execute("NOTIFY channel, 'hello'")
            assert await told == "hello"
            await connection.remove_listener("channel", hear)


@each_loop
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_postgresql_is_asked(
    make_loop: LoopFactory, secure: bool, postgresql_port: int, certificates: Certificates
) -> None:
    asyncpg = pytest.importorskip("asyncpg")
    trusted = certificates.client_context() if secure else None
    if trusted is not None:
        trusted.check_hostname = False
    run_on(make_loop, talk_to_postgresql(asyncpg, postgresql_port, trusted or False))


# -- Redis ----------------------------------------------------------------------------------------


@pytest.fixture
def redis_path() -> Iterator[Path]:
    """Run a server at a local address, and yield that."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "socket"
        command = [require("redis-server"), "--port", "0", "--unixsocket", str(path)]
        with Program([*command, "--save", "", "--dir", directory], env=environment()) as server:
            server.read_until("ready to accept connections")
            yield path


@each_loop
def test_redis_is_asked(make_loop: LoopFactory, redis_path: Path) -> None:
    redis = pytest.importorskip("redis.asyncio")

    async def main() -> None:
        async with redis.Redis(unix_socket_path=os.fspath(redis_path)) as client:
            await client.set("bulk", BULK)
            assert await client.get("bulk") == BULK
            asked = [client.incr("count") for _ in range(20)]
            assert sorted(await asyncio.gather(*asked)) == list(range(1, 21))
            async with client.pipeline() as pipeline:
                for number in range(1000):
                    pipeline.rpush("list", number)
                assert (await pipeline.execute())[-1] == 1000
            waiting = asyncio.create_task(client.blpop(["queue"], timeout=PATIENCE))
            await client.rpush("queue", "hello")
            assert await waiting == (b"queue", b"hello")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.blpop(["queue"], timeout=PATIENCE), 10 * MS)
            async with client.pubsub() as channel:
                await channel.subscribe("channel")
                await channel.get_message(timeout=PATIENCE)
                await client.publish("channel", "hello")
                message = await channel.get_message(
                    ignore_subscribe_messages=True, timeout=PATIENCE
                )
                assert message["data"] == b"hello"

    run_on(make_loop, main())
