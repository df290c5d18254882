"""Names: looked up by the system, or by a resolver of ours."""

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from support.peers import PeerServer

from trunkline import NoName, Resolution
from trunkline.addresses import IPAddress
from trunkline.aio import EventLoop


class Book:
    """A resolver that knows a few names."""

    def __init__(self, **hosts: str) -> None:
        self.asked: list[object] = []
        self._hosts = {
            name: [ip_address(each) for each in text.split()] for name, text in hosts.items()
        }

    def resolve(
        self, host: str, *, family: str = "internet", timeout: float | None = None
    ) -> Resolution:
        self.asked.append((host, family))
        kinds = {"internet": (IPv4Address, IPv6Address), "ipv4": IPv4Address, "ipv6": IPv6Address}
        found = [each for each in self._hosts.get(host, []) if isinstance(each, kinds[family])]  # type: ignore[arg-type]
        if not found:
            raise NoName(operation="resolve", host=host)
        return Resolution(tuple(found), None)

    def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
        self.asked.append(address)
        for name, addresses in self._hosts.items():
            if address in addresses:
                return name
        raise NoName(operation="reverse", host=address)


def test_the_system_looks_up_by_default(loop: EventLoop) -> None:
    async def main() -> None:
        infos = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        assert infos == socket.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
        flags = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
        assert await loop.getnameinfo(("127.0.0.1", 80), flags) == ("127.0.0.1", "80")

    loop.run_until_complete(main())


def test_a_resolver_answers_as_the_system_does() -> None:
    book = Book(both="192.0.2.1 2001:db8::1")

    async def main() -> None:
        infos = await loop.getaddrinfo("both", 80, type=socket.SOCK_STREAM)
        numeric = [
            *socket.getaddrinfo("192.0.2.1", 80, type=socket.SOCK_STREAM),
            *socket.getaddrinfo("2001:db8::1", 80, type=socket.SOCK_STREAM),
        ]
        assert infos == numeric
        assert await loop.getaddrinfo("both", 80, family=socket.AF_INET) == socket.getaddrinfo(
            "192.0.2.1", 80
        )
        assert book.asked == [("both", "internet"), ("both", "ipv4")]
        assert await loop.getaddrinfo("127.0.0.1", 80) == socket.getaddrinfo("127.0.0.1", 80)
        assert len(book.asked) == 2
        with pytest.raises(socket.gaierror):
            await loop.getaddrinfo("nobody", 80)

    with EventLoop(resolver=book) as loop:
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_default_executor())


def test_a_resolver_knows_the_names_of_addresses() -> None:
    book = Book(known="192.0.2.1")

    async def main() -> None:
        assert await loop.getnameinfo(("192.0.2.1", 80), socket.NI_NUMERICSERV) == ("known", "80")
        assert await loop.getnameinfo(("192.0.2.2", 80), socket.NI_NUMERICSERV) == (
            "192.0.2.2",
            "80",
        )
        with pytest.raises(socket.gaierror):
            await loop.getnameinfo(("192.0.2.2", 80), socket.NI_NAMEREQD)

    with EventLoop(resolver=book) as loop:
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_default_executor())


def test_connecting_asks_the_resolver() -> None:
    book = Book(server="127.0.0.1")

    async def main() -> None:
        reader, writer = await asyncio.open_connection("server", server.address[1])
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()

    def greet(connection: socket.socket) -> None:
        connection.sendall(b"hello")

    with PeerServer(greet) as server, EventLoop(resolver=book) as loop:
        loop.run_until_complete(main())
        loop.run_until_complete(loop.shutdown_default_executor())
    assert book.asked[0] == ("server", "internet")
