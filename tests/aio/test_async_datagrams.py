"""Datagrams to await: tasks that receive, tasks that send, their limits and their ends.

What they have in common with those that block is tried in `test_datagram_contract`.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv6Address
from pathlib import Path
from typing import Any

import pytest
from aio.loops import LoopFactory, each_loop, run_on, until_it_waits
from aio.test_names import Book
from sockets.datagrams import NEEDS_IPV6, datagrams, free_name, pythons, pythons_name
from support.timing import MS, PATIENCE

from trunkline import (
    AddressInUse,
    Busy,
    ConnectionRefused,
    DatagramSocket,
    Endpoint,
    NoName,
    SocketClosed,
    TimedOut,
    WouldBlock,
    aio,
    make_socket,
    make_socket_pair,
)
from trunkline.aio import AsyncDatagrams, open_datagrams

pytestmark = each_loop

HOST = "127.0.0.1"

NEEDS_NO_ROOM = pytest.mark.exact_io("where a fault says that there is no room, there is some")


@contextlib.asynccontextmanager
async def two(**options: Any) -> AsyncIterator[tuple[AsyncDatagrams, AsyncDatagrams]]:
    """Yield a server, and a client whose peer it is."""
    async with await open_datagrams(local_host=HOST, **options) as server:
        name = server.local_name
        async with await open_datagrams(remote_host=name.host, remote_port=name.port) as client:
            yield server, client


# -- to and fro -----------------------------------------------------------------------------------


def test_a_server_answers_whoever_asks(make_loop: LoopFactory) -> None:
    async def serve(server: AsyncDatagrams) -> None:
        async for data, sender in server:
            await server.send_to(data.upper(), sender)

    async def ask(name: Endpoint, text: bytes) -> bytes:
        async with await open_datagrams(remote_host=name.host, remote_port=name.port) as client:
            await client.send_to(text)
            return (await client.receive_from()).data

    async def main() -> None:
        async with await open_datagrams(local_host=HOST) as server:
            serving = asyncio.create_task(serve(server))
            texts = [b"text %d" % number for number in range(20)]
            answers = await asyncio.gather(*(ask(server.local_name, text) for text in texts))
            assert answers == [text.upper() for text in texts]
            server.close()
            await serving  # which ends, as there is nothing more to come

    run_on(make_loop, main())


def test_a_task_waits_and_others_go_on(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with two() as (server, client):
            for number in range(3):
                receiving = asyncio.create_task(server.receive_from())
                await until_it_waits(receiving)
                await client.send_to(b"%d" % number)
                data, sender = await receiving
                assert (data, sender.name) == (b"%d" % number, client.local_name)

    run_on(make_loop, main())


def test_what_does_not_fit_is_cut_off_and_told(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with two() as (server, client):
            receiving = asyncio.create_task(server.receive_from(4))
            await until_it_waits(receiving)
            await client.send_to(b"a long story")
            received = await receiving
            assert (received.data, received.truncated) == (b"a lo", True)

    run_on(make_loop, main())


def test_a_buffer_is_filled_when_something_comes(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with two() as (server, client):
            buffer = bytearray(b"." * 10)
            receiving = asyncio.create_task(server.receive_from(buffer, start=2))
            await until_it_waits(receiving)
            with pytest.raises(BufferError):
                buffer.append(0)
            await client.send_to(b"hello")
            assert (await receiving).data == 5
            assert buffer == b"..hello..."

    run_on(make_loop, main())


# -- who gives up, and who comes second -----------------------------------------------------------


def test_who_is_cancelled_has_lost_nothing(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with two() as (server, client):
            receiving = asyncio.create_task(server.receive_from())
            await until_it_waits(receiving)
            await client.send_to(b"hello")
            # It is woken, and cancelled before its turn comes.
            receiver = server._receiver
            assert receiver is not None
            while not receiver.done():
                await asyncio.sleep(0)
                if receiver.done() or receiving.done():
                    break
            receiving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                assert (await receiving).data == b"hello"
                return
            assert (await server.receive_from()).data == b"hello"

    run_on(make_loop, main())


def test_a_second_one_that_receives_is_told(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with two() as (server, _):
            receiving = asyncio.create_task(server.receive_from())
            await until_it_waits(receiving)
            for call in (server.receive_from, lambda: server.receive_many(2)):
                with pytest.raises(Busy):
                    await call()
            with pytest.raises(Busy):
                server.detach()
            await server.send_to(b"to myself", server.local_name)  # which any task may
            assert (await receiving).data == b"to myself"

    run_on(make_loop, main())


def test_calls_have_limits_of_time(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with two() as (server, client):
            with pytest.raises(TimedOut) as caught:
                await server.receive_from(timeout=5 * MS)
            assert (caught.value.operation, caught.value.address) == ("receive", server.local_name)
            with pytest.raises(WouldBlock):
                await server.receive_from(timeout=0)
            await client.send_to(b"hello")
            assert (await server.receive_from()).data == b"hello"

    run_on(make_loop, main())


@NEEDS_NO_ROOM
def test_closing_ends_all_waits(make_loop: LoopFactory, tmp_path: Path) -> None:
    async def main() -> None:
        async with full(tmp_path) as (sender, _):
            tasks = [
                asyncio.create_task(sender.receive_from()),
                asyncio.create_task(sender.send_to(b"one more")),
                asyncio.create_task(sender.send_to(b"and one more")),
            ]
            for task in tasks:
                await until_it_waits(task)
            sender.close()
            sender.close()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                assert isinstance(outcome, SocketClosed)
            with pytest.raises(SocketClosed):
                await sender.receive_from()

    run_on(make_loop, main())


# -- back-pressure --------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def full(
    tmp_path: Path, *, connected: bool = True
) -> AsyncIterator[tuple[AsyncDatagrams, DatagramSocket]]:
    """Yield who sends to a receiver that has no room any more, and that receiver."""
    path = tmp_path / "receiver"
    options: dict[str, Any] = {"address_family": "local"}
    with make_socket(type="datagram", local_filename=path, **options) as receiver:
        if connected:
            options["remote_filename"] = path
        async with await open_datagrams(**options) as sender:
            to: dict[str, Any] = {} if connected else {"remote_filename": path}
            with contextlib.suppress(WouldBlock):
                while True:
                    await sender.send_to(b"x", timeout=0, **to)
            yield sender, receiver


@NEEDS_NO_ROOM
@pytest.mark.parametrize("connected", [True, False])
def test_sending_waits_for_room(make_loop: LoopFactory, tmp_path: Path, connected: bool) -> None:
    async def main() -> None:
        to: dict[str, Any] = {} if connected else {"remote_filename": tmp_path / "receiver"}
        async with full(tmp_path, connected=connected) as (sender, receiver):
            with pytest.raises(TimedOut):
                await sender.send_to(b"in vain", timeout=5 * MS, **to)
            sending = [
                asyncio.create_task(sender.send_to(b"%d" % number, **to)) for number in range(3)
            ]
            for task in sending:
                await until_it_waits(task)
            sending.pop(1).cancel()  # who gives up holds up nobody
            received = []
            while b"2" not in received:
                with contextlib.suppress(WouldBlock):
                    received.append(receiver.receive_from().data)
                await asyncio.sleep(0)
            assert await asyncio.gather(*sending) == [1, 1]
            assert [data for data in received if data != b"x"] == [b"0", b"2"]

    run_on(make_loop, main())


@NEEDS_NO_ROOM
def test_a_receiver_without_room_holds_up_nobody_else(
    make_loop: LoopFactory, tmp_path: Path
) -> None:
    async def main() -> None:
        async with full(tmp_path, connected=False) as (sender, _):
            waiting = asyncio.create_task(
                sender.send_to(b"waits", remote_filename=tmp_path / "receiver")
            )
            await until_it_waits(waiting)
            options: dict[str, Any] = {"address_family": "local"}
            other = tmp_path / "other"
            async with await open_datagrams(local_filename=other, **options) as receiver:
                await sender.send_to(b"hello", remote_filename=other)
                assert (await receiver.receive_from()).data == b"hello"
            assert not waiting.done()
            waiting.cancel()

    run_on(make_loop, main())


@NEEDS_NO_ROOM
def test_many_wait_for_room_and_say_how_many_went_before(
    make_loop: LoopFactory, tmp_path: Path
) -> None:
    async def main() -> None:
        async with full(tmp_path) as (sender, receiver):
            receiver.receive_from()
            receiver.receive_from()
            with pytest.raises(TimedOut) as caught:
                await sender.send_many([b"y"] * 10_000, timeout=5 * MS)
            assert 1 <= caught.value.sent < 10_000

    run_on(make_loop, main())


# -- errors of earlier datagrams ------------------------------------------------------------------


@pytest.mark.parametrize("times", [2])
def test_who_waits_is_told_that_the_peer_is_gone(make_loop: LoopFactory, times: int) -> None:
    async def main() -> None:
        name = free_name()
        async with await open_datagrams(remote_host=name.host, remote_port=name.port) as client:
            for _ in range(times):
                receiving = asyncio.create_task(client.receive_from())
                await until_it_waits(receiving)
                await client.send_to(b"anybody there?")
                with pytest.raises(ConnectionRefused) as caught:
                    await receiving
                assert (caught.value.operation, caught.value.address) == ("receive", name)
            with make_socket(type="datagram", local_host=name.host, local_port=name.port) as peer:
                receiving = asyncio.create_task(client.receive_from())
                await until_it_waits(receiving)
                peer.send_to(b"now I am", client.local_name, timeout=PATIENCE)
                assert (await receiving).data == b"now I am"

    run_on(make_loop, main())


@pytest.mark.exact_io("a fault hides what is in the queue, which has to be counted")
@pytest.mark.skipif(not hasattr(socket, "MSG_ERRQUEUE"), reason="only Linux has the queue")
def test_without_a_peer_who_waits_is_told_of_whom(make_loop: LoopFactory) -> None:
    async def main() -> None:
        gone = [free_name(), free_name()]
        async with await open_datagrams(local_host=HOST, report_errors=True) as client:
            for name in gone:
                receiving = asyncio.create_task(client.receive_from())
                await until_it_waits(receiving)
                await client.send_to(b"anybody there?", name)
                with pytest.raises(ConnectionRefused) as caught:
                    await receiving
                assert caught.value.address == name
            await client.send_to(b"to myself", client.local_name)
            assert (await client.receive_from()).data == b"to myself"

    run_on(make_loop, main())


def test_a_server_survives_clients_that_are_gone(make_loop: LoopFactory) -> None:
    async def serve(server: AsyncDatagrams) -> int:
        count = 0
        async for data, sender in server:
            with contextlib.suppress(ConnectionRefused):
                await server.send_to(data.upper(), sender)
            count += 1
        return count

    async def main() -> None:
        async with await open_datagrams(local_host=HOST, report_errors=True) as server:
            serving = asyncio.create_task(serve(server))
            address = str(server.local_host), server.local_port
            with pythons() as patient:
                patient.sendto(b"hello", address)  # from now on the others have other ports
                assert await asyncio.to_thread(patient.recv, 100) == b"HELLO"
                for _ in range(20):
                    with pythons() as hasty:
                        hasty.sendto(b"never mind", address)
                patient.sendto(b"hello again", address)
                assert await asyncio.to_thread(patient.recv, 100) == b"HELLO AGAIN"
            server.close()
            assert await serving == 22

    run_on(make_loop, main())


# -- fairness -------------------------------------------------------------------------------------


def test_a_flood_keeps_no_other_task_waiting(make_loop: LoopFactory) -> None:
    async def main() -> None:
        async with two() as (server, client):
            turns = 0

            async def count() -> None:
                nonlocal turns
                while True:
                    turns += 1
                    await asyncio.sleep(0)

            counting = asyncio.create_task(count())
            for _ in range(200):
                await client.send_to(b"x")
                await server.receive_from()
            assert turns >= 3
            counting.cancel()

    run_on(make_loop, main())


# -- opening, and moving --------------------------------------------------------------------------


def test_names_are_looked_up(make_loop: LoopFactory) -> None:
    async def main() -> None:
        book = Book(here="127.0.0.1", there="127.0.0.2")
        options: dict[str, Any] = {"resolver": book}
        async with (
            await open_datagrams(local_host="there", **options) as server,
            await open_datagrams(
                local_host="here",
                remote_host="there",
                remote_port=server.local_port,
                **options,
            ) as client,
        ):
            assert (str(client.local_host), str(client.remote_host)) == ("127.0.0.1", "127.0.0.2")
            await client.send_to(b"hello")
            assert (await server.receive_from()).sender == client.local_name
        with pytest.raises(NoName):
            await open_datagrams(remote_host="nobody", remote_port=1, **options)

    run_on(make_loop, main())


@NEEDS_IPV6
def test_options_are_those_of_the_socket(make_loop: LoopFactory) -> None:
    async def main() -> None:
        options: dict[str, Any] = {"v6_only": False, "packet_info": True}
        async with (
            await open_datagrams(local_host="::", **options) as server,
            await open_datagrams(remote_host=HOST, remote_port=server.local_port) as client,
        ):
            server.set_option("receive_buffer", 100_000)
            assert server.get_option("packet_info")
            await client.send_to(b"hello")
            data, sender = await server.receive_from()
            assert sender.local_host == IPv6Address("::ffff:127.0.0.1")
            await server.send_to(data, sender)
            assert (await client.receive_from()).data == b"hello"
            with pytest.raises(AddressInUse):
                await open_datagrams(local_host="::", local_port=server.local_port)

    run_on(make_loop, main())


@pytest.mark.parametrize(
    ("arguments", "options", "error"),
    [
        ((HOST, 1), {}, "by name"),
        ((), {"local_hots": HOST}, "local_host"),
        ((), {"address_family": "local", "local_host": HOST}, "local_host"),
        ((), {"remote_host": HOST}, "belong together"),
    ],
)
def test_what_cannot_be_opened(
    make_loop: LoopFactory, arguments: Any, options: Any, error: str
) -> None:
    async def main() -> None:
        with pytest.raises(TypeError, match=error):
            await open_datagrams(*arguments, **options)

    run_on(make_loop, main())


def test_a_socket_comes_from_blocking_and_goes_back(make_loop: LoopFactory) -> None:
    async def main() -> None:
        with pythons() as peer, datagrams() as mine:
            name = pythons_name(mine)
            peer.sendto(b"one", name)
            awaited = aio.adopt_datagrams(mine)
            assert mine.closed
            assert (await awaited.receive_from()).data == b"one"
            receiving = asyncio.create_task(awaited.receive_from())
            await until_it_waits(receiving)
            peer.sendto(b"two", name)
            assert (await receiving).data == b"two"
            with awaited.detach() as back:
                assert awaited.closed
                peer.sendto(b"three", name)
                assert back.receive_from(timeout=PATIENCE).data == b"three"

    run_on(make_loop, main())


def test_what_cannot_be_adopted(make_loop: LoopFactory) -> None:
    async def main() -> None:
        wrong: Any
        for wrong in (None, *make_socket_pair()):
            with pytest.raises(TypeError, match="takes DatagramSockets"):
                aio.adopt_datagrams(wrong)
            if wrong is not None:
                wrong.close()

    run_on(make_loop, main())
    with datagrams() as sock:
        with pytest.raises(RuntimeError):
            aio.adopt_datagrams(sock)
        assert not sock.closed
