"""Datagrams to and from programs that nobody here has written."""

import asyncio
import socket
import socketserver
import threading
from typing import cast

import pytest
from sockets.datagrams import FAMILIES, datagrams, receive
from support.peers import LOOPBACK
from support.processes import Program
from support.programs import require
from support.timing import PATIENCE

from trunkline import make_socket


@FAMILIES
@pytest.mark.needs_program("nc")
@pytest.mark.exact_io("the conversation with the program is not up to faults")
def test_netcat_types_while_we_talk(family: socket.AddressFamily) -> None:
    with (
        datagrams(family) as server,
        Program([require("nc"), "-u", LOOPBACK[family], str(server.local_port)]) as nc,
    ):
        for line in ("hello\n", "привет\n"):
            nc.send(line)
            data, sender = receive(server)
            assert data.decode() == line
            server.send_to(line.upper().encode(), sender, timeout=PATIENCE)
            nc.read_until(line.upper())


@pytest.mark.needs_program("nc")
@pytest.mark.exact_io("the conversation with the program is not up to faults")
def test_netcat_listens() -> None:
    # It wants to be told a port, so that one that was free a moment ago has to do.
    with datagrams() as free:
        name = free.local_name
    with Program([require("nc"), "-u", "-v", "-l", str(name.host), str(name.port)]) as nc:
        nc.wait_for_line("^Bound on")
        with make_socket(*name, type="datagram") as client:
            client.send_to(b"hello\n", timeout=PATIENCE)
            nc.wait_for_line("^hello$")
            nc.send("hello yourself\n")
            assert receive(client).data == b"hello yourself\n"


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        data, answering = self.request
        answering.sendto(data.upper(), self.client_address)


def test_the_standard_librarys_server() -> None:
    with socketserver.UDPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            with make_socket(*server.server_address, type="datagram") as client:
                client.send_many([b"one", b"two"], timeout=PATIENCE)
                assert [receive(client).data for _ in range(2)] == [b"ONE", b"TWO"]
        finally:
            server.shutdown()
            thread.join(PATIENCE)


def test_asyncios_client() -> None:
    with datagrams() as server:
        host, port = server.local_name

        def serve() -> None:
            data, sender = receive(server)
            server.send_to(data.upper(), sender, timeout=PATIENCE)

        async def ask() -> bytes:
            answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

            class Client(asyncio.DatagramProtocol):
                def connection_made(self, transport: asyncio.BaseTransport) -> None:
                    cast("asyncio.DatagramTransport", transport).sendto(b"hello")

                def datagram_received(self, data: bytes, name: object) -> None:
                    answer.set_result(data)

            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                Client, remote_addr=(str(host), port)
            )
            try:
                return await asyncio.wait_for(answer, PATIENCE)
            finally:
                transport.close()

        serving = threading.Thread(target=serve)
        serving.start()
        assert asyncio.run(ask()) == b"HELLO"
        serving.join(PATIENCE)
