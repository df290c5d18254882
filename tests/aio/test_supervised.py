"""Servers that await, as workers of a supervisor."""

import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from aio.loops import LoopFactory, each_loop
from servers.serving import HOST
from servers.supervised import Client, ask_another, kill, supervised, wait_until_refused
from support.timing import MS, PATIENCE

from trunkline import PassiveSocket, SocketError, aio, make_socket
from trunkline.aio import AsyncServer, ServerStream


async def echo(stream: ServerStream) -> None:
    """Send each line back."""
    async for line in stream:
        await stream.write_line(line)


def listening() -> PassiveSocket:
    """Return a socket that a server could be given."""
    return make_socket(connect="passive", local_host=HOST)


# -- as a supervisor calls it ---------------------------------------------------------------------


@each_loop
def test_it_begins_serves_and_ends(make_loop: LoopFactory) -> None:
    seen: list[str] = []

    @contextlib.asynccontextmanager
    async def make_server(sockets: Sequence[PassiveSocket]) -> AsyncIterator[AsyncServer]:
        seen.append("opened")
        async with aio.serve(echo, sockets=sockets, drain_timeout=7) as server:
            yield server
        seen.append("closed")

    server: Any = aio.on_loop(make_server, loop_factory=make_loop)([listener := listening()])
    server.start()
    assert (server.drain_timeout, seen) == (7, ["opened"])
    with make_socket(remote_host=HOST, remote_port=listener.local_port) as client:
        client.write_line("hello")
        client.finish_output()
        assert client.read_line() == "hello"
        assert not server.wait(0)
    assert server.shutdown(PATIENCE)
    assert server.wait(PATIENCE)
    assert seen == ["opened", "closed"]


def test_a_server_that_was_not_begun_is_begun() -> None:
    @contextlib.asynccontextmanager
    async def make_server(sockets: Sequence[PassiveSocket]) -> AsyncIterator[AsyncServer]:
        yield aio.serve(echo, sockets=sockets)

    server: Any = aio.on_loop(make_server)([listener := listening()])
    server.start()
    with make_socket(remote_host=HOST, remote_port=listener.local_port) as client:
        client.write_line("hello")
        client.finish_output()
        assert client.read_line() == "hello"
    assert server.shutdown(PATIENCE)


def test_what_keeps_it_from_beginning_is_raised() -> None:
    def make_server(sockets: Sequence[PassiveSocket]) -> AsyncServer:
        raise ZeroDivisionError

    server: Any = aio.on_loop(make_server)([])
    with pytest.raises(ZeroDivisionError):
        server.start()


def test_what_ends_it_is_raised_by_who_waits() -> None:
    def make_server(sockets: Sequence[PassiveSocket]) -> AsyncServer:
        return aio.serve(echo, sockets=sockets)

    server: Any = aio.on_loop(make_server)([listener := listening()])
    server.start()
    with socket.socket(fileno=os.dup(listener.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)
    with pytest.raises(SocketError, match=r"^accept "):
        server.wait(PATIENCE)
    assert server.shutdown(0)


@pytest.mark.parametrize(
    ("options", "error"),
    [({"make_server": 1}, "make_server"), ({"loop_factory": 1}, "loop_factory")],
)
def test_what_it_does_not_take(options: dict[str, Any], error: str) -> None:
    with pytest.raises(TypeError, match=error):
        aio.on_loop(**{"make_server": lambda sockets: aio.serve(echo, sockets=sockets), **options})


# -- by a supervisor ------------------------------------------------------------------------------

AWAITING = """
from trunkline import aio

async def handler(stream):
    await stream.write_line(str(os.getpid()))
    await stream.write_line("answer to " + await stream.read_line())

make_server = aio.on_loop(lambda sockets: aio.serve(handler, sockets=sockets, **server_options))
"""


@pytest.mark.slow
def test_a_drain_lets_the_clients_finish_and_accepts_nobody() -> None:
    with supervised(more=AWAITING, workers=2) as it, Client(it.address) as client:
        client.read_pid()
        it.signal(signal.SIGTERM)
        it.program.wait_for_line("worker 1 .* is to end")
        wait_until_refused(it.address)
        assert client.ask() == "answer to it\n"
        assert it.finish().endswith("(started=2, lost=0, killed=0, replacements=0)")


@pytest.mark.slow
def test_clients_that_take_too_long_are_cut() -> None:
    own = {"drain_timeout": 50 * MS}
    with supervised(more=AWAITING, server=own) as it, Client(it.address) as client:
        client.read_pid()
        it.signal(signal.SIGTERM)
        assert "killed=0" in it.finish()
        with pytest.raises(ConnectionError):
            client.read_pid()


@pytest.mark.slow
def test_workers_are_replaced() -> None:
    with supervised(more=AWAITING) as it, Client(it.address) as client:
        old = client.read_pid()
        it.signal(signal.SIGHUP)
        draining, new = it.wait_for_workers("0:draining:0", "0:ready:1")
        assert draining == old
        assert ask_another(it.address, old) == "answer to it\n"
        assert client.ask() == "answer to it\n"
        it.wait_for_workers("0:ready:1")
        kill(new)
        it.program.wait_for_line(r"WARNING .* has ended, by SIGKILL$")
        it.wait_for_workers("0:ready:1")
        it.signal(signal.SIGTERM)
        assert it.finish().endswith("(started=3, lost=1, killed=0, replacements=1)")
