"""Watching descriptors by `add_reader` and `add_writer`, and calls of Python's sockets."""

import asyncio
import contextlib
import errno
import socket
import tempfile
from collections.abc import Iterator

import pytest
from support.peers import PeerServer
from support.timing import MS, PATIENCE

from trunkline import ConnectionRefused, aio
from trunkline.aio import EventLoop


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets that are connected, and never block."""
    one, other = socket.socketpair()
    with one, other:
        one.setblocking(False)
        other.setblocking(False)
        yield one, other


Pair = tuple[socket.socket, socket.socket]


def run_briefly(loop: EventLoop) -> None:
    """Make one iteration."""
    loop.stop()
    loop.run_forever()


# -- readers and writers ---------------------------------------------------------------------------


def test_a_reader_is_called_while_there_is_something(loop: EventLoop, pair: Pair) -> None:
    one, other = pair
    came: list[object] = []
    loop.add_reader(one, came.append, "readable")
    run_briefly(loop)
    assert came == []
    other.send(b"x")
    run_briefly(loop)
    run_briefly(loop)
    assert came == ["readable"] * 2
    assert loop.remove_reader(one)
    assert not loop.remove_reader(one)
    run_briefly(loop)
    assert len(came) == 2


def test_both_are_called_and_either_may_be_removed(loop: EventLoop, pair: Pair) -> None:
    one, other = pair
    came: list[str] = []
    other.send(b"x")
    loop.add_reader(one.fileno(), came.append, "reader")
    loop.add_writer(one.fileno(), came.append, "writer")
    run_briefly(loop)
    assert came == ["reader", "writer"]
    assert loop.remove_writer(one)
    run_briefly(loop)
    assert came == ["reader", "writer", "reader"]
    assert loop.remove_reader(one)


def test_a_reader_may_remove_the_writer_that_is_ready_with_it(loop: EventLoop, pair: Pair) -> None:
    one, other = pair
    other.send(b"x")
    loop.add_reader(one, loop.remove_writer, one)
    loop.add_writer(one, pytest.fail, "it was removed")
    run_briefly(loop)
    loop.remove_reader(one)


def test_another_reader_takes_the_place_of_the_first(loop: EventLoop, pair: Pair) -> None:
    one, other = pair
    came: list[str] = []
    loop.add_reader(one, came.append, "first")
    loop.add_reader(one, came.append, "second")
    other.send(b"x")
    run_briefly(loop)
    assert came == ["second"]
    loop.remove_reader(one)


def test_a_number_that_was_closed_behind_the_loops_back_can_be_used_again(loop: EventLoop) -> None:
    one, other = socket.socketpair()
    number = one.fileno()
    loop.add_reader(number, pytest.fail, "of the one that is closed")
    one.close()
    other.close()
    one, other = socket.socketpair()
    with one, other:
        assert number in (one.fileno(), other.fileno())
        came: list[str] = []
        loop.add_reader(number, came.append, "again")
        one.send(b"x")
        other.send(b"x")
        run_briefly(loop)
        assert came == ["again"]
        loop.remove_reader(number)


def test_what_a_transport_has_is_not_watched_otherwise(loop: EventLoop, pair: Pair) -> None:
    async def main() -> None:
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=pair[0])
        number = transport.get_extra_info("socket").fileno()
        with pytest.raises(RuntimeError, match="used by transport"):
            loop.add_reader(number, print)
        with pytest.raises(RuntimeError, match="used by transport"):
            await loop.sock_recv(pair[0], 1)
        transport.abort()
        await asyncio.sleep(0)

    loop.run_until_complete(main())


def test_mistakes_with_descriptors(loop: EventLoop) -> None:
    with pytest.raises(ValueError, match="Invalid file object"):
        loop.add_reader("no", print)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Invalid file descriptor"):
        loop.add_reader(-1, print)
    with tempfile.TemporaryFile() as file, pytest.raises(PermissionError):
        loop.add_reader(file, print)
    assert loop.is_empty


# -- calls of sockets ------------------------------------------------------------------------------


def test_bytes_are_received_and_sent(loop: EventLoop, pair: Pair) -> None:
    one, other = pair
    data = bytes(range(256)) * 8192

    async def receive() -> bytes:
        received = bytearray()
        while len(received) < len(data):
            received += await loop.sock_recv(other, 65536)
        return bytes(received)

    async def main() -> None:
        receiving = loop.create_task(receive())
        await loop.sock_sendall(one, memoryview(data).cast("I"))
        assert await receiving == data
        await loop.sock_sendall(one, b"more")
        buffer = bytearray(8)
        assert await loop.sock_recv_into(other, buffer) == 4
        assert buffer == b"more\0\0\0\0"

    loop.run_until_complete(main())


def test_cancelling_a_receive_loses_nothing(loop: EventLoop, pair: Pair) -> None:
    one, other = pair

    async def main() -> None:
        task = loop.create_task(loop.sock_recv(other, 8))
        await asyncio.sleep(0)
        one.send(b"here")
        # It is ready, and is cancelled before it goes on.
        loop.call_soon(task.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            assert await task == b"here"
            return
        assert await loop.sock_recv(other, 8) == b"here"

    loop.run_until_complete(asyncio.wait_for(main(), PATIENCE))
    assert loop.is_empty


def test_datagrams_are_received_and_sent(loop: EventLoop) -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as one,
        socket.socket(type=socket.SOCK_DGRAM) as other,
    ):
        for sock in (one, other):
            sock.setblocking(False)
            sock.bind(("127.0.0.1", 0))

        async def main() -> None:
            receiving = loop.create_task(loop.sock_recvfrom(other, 100))
            assert await loop.sock_sendto(one, b"hello", other.getsockname()) == 5
            assert await receiving == (b"hello", one.getsockname())
            await loop.sock_sendto(one, b"again", other.getsockname())
            buffer = bytearray(10)
            assert await loop.sock_recvfrom_into(other, buffer) == (5, one.getsockname())
            assert buffer[:5] == b"again"

        loop.run_until_complete(asyncio.wait_for(main(), PATIENCE))


def test_connections_are_made_and_accepted(loop: EventLoop) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        listener.setblocking(False)
        client.setblocking(False)

        async def main() -> None:
            accepting = loop.create_task(loop.sock_accept(listener))
            await loop.sock_connect(client, ("localhost", listener.getsockname()[1]))
            connection, address = await accepting
            with connection:
                assert address == client.getsockname()
                assert connection.gettimeout() == 0

        loop.run_until_complete(asyncio.wait_for(main(), PATIENCE))


def test_a_refused_connection_has_our_error(loop: EventLoop) -> None:
    with socket.socket() as taken, socket.socket() as client:
        taken.bind(("127.0.0.1", 0))
        client.setblocking(False)
        with pytest.raises(ConnectionRefused) as caught:
            loop.run_until_complete(loop.sock_connect(client, taken.getsockname()))
        assert caught.value.errno == errno.ECONNREFUSED
        assert caught.value.address == taken.getsockname()


def test_a_full_backlog_of_a_local_socket_is_waited_for(
    loop: EventLoop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = str(tmp_path_factory.mktemp("s") / "socket")
    with contextlib.ExitStack() as closing:
        listener = closing.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(path)
        listener.listen(0)
        filling: list[socket.socket] = []
        with contextlib.suppress(BlockingIOError):
            while True:
                filling.append(closing.enter_context(socket.socket(socket.AF_UNIX)))
                filling[-1].setblocking(False)
                filling[-1].connect(path)
        client = closing.enter_context(socket.socket(socket.AF_UNIX))
        client.setblocking(False)

        async def main() -> None:
            connecting = loop.create_task(loop.sock_connect(client, path))
            await asyncio.sleep(10 * MS)
            assert not connecting.done()
            closing.enter_context(listener.accept()[0])
            await connecting

        loop.run_until_complete(asyncio.wait_for(main(), PATIENCE))


def test_debug_mode_wants_sockets_that_do_not_block(loop: EventLoop, pair: Pair) -> None:
    loop.set_debug(True)
    pair[0].setblocking(True)
    with pytest.raises(ValueError, match="must be non-blocking"):
        loop.run_until_complete(loop.sock_recv(pair[0], 1))


def test_a_socket_that_python_made_is_awaited_on_a_real_server() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        with socket.socket() as client:
            client.setblocking(False)
            await loop.sock_connect(client, server.address)
            await loop.sock_sendall(client, b"hello")
            assert await loop.sock_recv(client, 100) == b"HELLO"
            assert await loop.sock_recv(client, 100) == b""

    def shout(connection: socket.socket) -> None:
        connection.sendall(connection.recv(100).upper())

    with PeerServer(shout) as server:
        aio.run(main())
