"""Datagrams on the loop: with and without a peer, what goes wrong, and how it ends."""

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any, cast

import pytest
from support.peers import has_ipv6
from support.timing import PATIENCE

from trunkline import aio
from trunkline.aio import running_loop
from trunkline.errors import AddressInUse, DestinationRequired, MessageTooLong
from trunkline.multiplex.datagrams import DatagramEndpoint

Address = Any


class Noting(asyncio.DatagramProtocol):
    """Notes what it is called for."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.received: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue()
        self.errors: asyncio.Queue[Exception] = asyncio.Queue()
        self.lost: asyncio.Future[Exception | None] = running_loop().create_future()
        self.resumed = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append("made")

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.received.put_nowait((data, addr))

    def error_received(self, exc: Exception) -> None:
        self.errors.put_nowait(exc)

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")
        self.resumed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")
        self.lost.set_result(exc)

    async def next(self) -> tuple[bytes, Address]:
        """Return what comes next."""
        async with asyncio.timeout(PATIENCE):
            return await self.received.get()

    async def next_error(self) -> Exception:
        """Return the error that comes next."""
        async with asyncio.timeout(PATIENCE):
            return await self.errors.get()


async def make(*args: Any, **options: Any) -> tuple[Any, Noting]:
    """Return a transport and its protocol."""
    return await running_loop().create_datagram_endpoint(Noting, *args, **options)


HOSTS = pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6")),
    ],
)


@HOSTS
def test_datagrams_go_both_ways(host: str) -> None:
    async def main() -> None:
        one, first = await make((host, 0))
        name = one.get_extra_info("sockname")
        other, second = await make(remote_addr=name[:2])
        other.sendto(b"question")
        data, sender = await first.next()
        assert data == b"question"
        assert sender == other.get_extra_info("sockname")
        one.sendto(bytearray(b"answer"), sender)
        assert await second.next() == (b"answer", name)
        one.sendto(b"", sender[:2])  # of IPv6, what is behind the port may be missing
        assert await second.next() == (b"", name)
        other.sendto(memoryview(b"more"), name)
        assert (await first.next())[0] == b"more"
        for transport, protocol in ((one, first), (other, second)):
            transport.close()
            assert await protocol.lost is None
            assert protocol.calls == ["made", "lost"]

    aio.run(main())


def test_a_transport_is_asyncios_and_ours() -> None:
    async def main() -> None:
        transport, protocol = await make(("127.0.0.1", 0))
        assert isinstance(transport, asyncio.DatagramTransport)
        assert isinstance(transport, cast("Any", DatagramEndpoint))
        assert transport.get_protocol() is protocol
        assert transport.get_extra_info("peername") is None
        assert transport.get_extra_info("no such thing", 5) == 5
        assert transport.get_extra_info("socket").type == socket.SOCK_DGRAM
        assert not transport.is_closing()
        transport.close()
        assert transport.is_closing()
        transport.sendto(b"dropped", ("127.0.0.1", 9))
        await protocol.lost

    aio.run(main())


def test_a_socket_can_be_given() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair(type=socket.SOCK_DGRAM)
        with theirs:
            transport, protocol = await make(sock=ours)
            transport.sendto(b"hello")
            assert theirs.recv(100) == b"hello"
            theirs.send(b"answer")
            assert (await protocol.next())[0] == b"answer"
            transport.abort()
            assert await protocol.lost is None
            assert ours.fileno() == -1

    aio.run(main())


def test_local_sockets_have_paths(tmp_path: Path) -> None:
    """The file of an earlier one is no hindrance."""

    async def main() -> None:
        path, other_path = str(tmp_path / "one"), str(tmp_path / "other")
        for _ in range(2):
            one, first = await make(path, family=socket.AF_UNIX)
            other, second = await make(other_path, family=socket.AF_UNIX)
            other.sendto(b"question", path)
            assert await first.next() == (b"question", other_path)
            one.sendto(b"answer", other_path)
            assert await second.next() == (b"answer", path)
            one.close()
            other.close()
            await asyncio.gather(first.lost, second.lost)
        with pytest.raises(TypeError, match="string is expected"):
            await make(("127.0.0.1", 0), family=socket.AF_UNIX)

    aio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="others queue what has no room")
def test_what_has_no_room_waits(tmp_path: Path) -> None:
    async def main() -> None:
        path = str(tmp_path / "slow")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as slow:
            slow.bind(path)
            slow.setblocking(False)
            transport, protocol = await make(remote_addr=path, family=socket.AF_UNIX)
            transport.set_write_buffer_limits(high=2000)
            assert transport.get_write_buffer_limits() == (500, 2000)
            sent = 0
            while "pause" not in protocol.calls:
                transport.sendto(b"%5d" % sent)
                sent += 1
            assert transport.get_write_buffer_size() > 2000
            transport.close()  # after what is queued
            loop = running_loop()
            for number in range(sent):
                assert await loop.sock_recv(slow, 100) == b"%5d" % number
            assert await protocol.lost is None

    aio.run(main())


def unused_address() -> Address:
    """Return an address where nobody is."""
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()


def test_a_peer_that_is_not_there_is_told() -> None:
    async def main() -> None:
        transport, protocol = await make(remote_addr=unused_address())
        transport.sendto(b"hello")
        assert isinstance(await protocol.next_error(), ConnectionRefusedError)
        assert not transport.is_closing()
        transport.close()

    aio.run(main())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_what_cannot_be_sent_is_told(host: str) -> None:
    async def main() -> None:
        transport, protocol = await make(("127.0.0.1", 0))
        transport.sendto(bytes(70_000), (host, 9))
        error = await protocol.next_error()
        assert isinstance(error, MessageTooLong)
        transport.close()

    aio.run(main())


def test_a_host_that_is_not_known_is_told() -> None:
    async def main() -> None:
        transport, protocol = await make(("127.0.0.1", 0))
        transport.sendto(b"hello", ("no such host", 9))
        assert isinstance(await protocol.next_error(), socket.gaierror)
        transport.close()

    aio.run(main())


def test_hosts_may_be_names() -> None:
    async def main() -> None:
        one, first = await make(("127.0.0.1", 0))
        port = one.get_extra_info("sockname")[1]
        other, _ = await make(("localhost", 0), family=socket.AF_INET)
        other.sendto(b"hello", ("localhost", port))
        assert (await first.next())[0] == b"hello"
        one.close()
        other.close()

    aio.run(main())


def test_broadcasting_is_asked_for() -> None:
    async def main() -> None:
        broadcasts = socket.SOL_SOCKET, socket.SO_BROADCAST
        plain, protocol = await make(("127.0.0.1", 0))
        assert not plain.get_extra_info("socket").getsockopt(*broadcasts)
        plain.sendto(b"hello", ("255.255.255.255", 9))
        assert isinstance(await protocol.next_error(), PermissionError)
        plain.close()

        receiver, received = await make(("127.0.0.1", 0))
        address = receiver.get_extra_info("sockname")
        transport, _ = await make(remote_addr=address, allow_broadcast=True)
        assert transport.get_extra_info("socket").getsockopt(*broadcasts)
        assert transport.get_extra_info("peername") is None  # many may answer
        transport.sendto(b"to that one")
        assert (await received.next())[0] == b"to that one"
        with pytest.raises(ValueError, match="Invalid address"):
            transport.sendto(b"to another", ("127.0.0.1", 9))
        transport.close()
        receiver.close()

    aio.run(main())


@pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="has no reuse_port")
def test_ports_can_be_shared() -> None:
    async def main() -> None:
        one, _ = await make(("127.0.0.1", 0), reuse_port=True)
        address = one.get_extra_info("sockname")
        other, _ = await make(address, reuse_port=True)
        with pytest.raises(AddressInUse):
            await make(address)
        one.close()
        other.close()

    aio.run(main())


def test_who_has_no_receiver_is_told() -> None:
    async def main() -> None:
        transport, _ = await make(family=socket.AF_INET)
        with pytest.raises(DestinationRequired):
            transport.sendto(b"to nobody")
        with pytest.raises(TypeError, match="bytes-like"):
            transport.sendto(cast("Any", "text"), ("127.0.0.1", 9))
        transport.close()

    aio.run(main())


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({}, ValueError, "unexpected address family"),
        ({"local_addr": "127.0.0.1"}, TypeError, "2-tuple is expected"),
        (
            {"local_addr": ("127.0.0.1", 0), "remote_addr": ("::1", 9)},
            ValueError,
            "address information",
        ),
    ],
)
def test_addresses_are_checked(arguments: Any, error: type[Exception], match: str) -> None:
    async def main() -> None:
        with pytest.raises(error, match=match):
            await make(**arguments)

    aio.run(main())


def test_sockets_are_checked() -> None:
    async def main() -> None:
        with socket.socket() as stream, pytest.raises(ValueError, match="datagram socket"):
            await make(sock=stream)
        sock = socket.socket(type=socket.SOCK_DGRAM)
        with sock, pytest.raises(ValueError, match=r"allow_broadcast=True"):
            await make(sock=sock, allow_broadcast=True)

    aio.run(main())


def test_what_the_protocol_raises_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(Noting):
        def datagram_received(self, data: bytes, addr: Address) -> None:
            super().datagram_received(data, addr)
            raise ValueError("no good")

    async def main() -> None:
        transport, protocol = await running_loop().create_datagram_endpoint(
            Failing, ("127.0.0.1", 0)
        )
        sender, _ = await make(remote_addr=transport.get_extra_info("sockname"))
        for _ in range(2):  # it goes on
            sender.sendto(b"hello")
            await protocol.next()
        transport.close()
        sender.close()

    aio.run(main())
    assert "no good" in caplog.text


def test_given_up_it_leaves_nothing() -> None:
    async def main() -> None:
        making = asyncio.ensure_future(make(("127.0.0.1", 0)))
        await asyncio.sleep(0)
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making

    aio.run(main())


def test_a_task_that_begins_is_not_late_for_what_has_come() -> None:
    async def main() -> None:
        transport, protocol = await make(("127.0.0.1", 0))
        transport.sendto(b"hello", transport.get_extra_info("sockname"))
        order: list[str] = []
        running_loop().call_soon(order.append, "deferred before")
        protocol.datagram_received = lambda data, addr: order.append("received")  # type: ignore[method-assign]
        transport.set_protocol(protocol)
        while "received" not in order:
            await asyncio.sleep(0)
        assert order == ["deferred before", "received"]
        transport.close()

    aio.run(main())
