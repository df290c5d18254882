"""The proxy among the examples, between a side that is fast and one that is slow.

Whatever goes through it, what it holds stays below its mark and one receive more.
"""

import contextlib
import hashlib
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from evented.helpers import Start
from evented.socket_helpers import Place, Script, play
from evented_proxy import HIGH_WATER, Proxy
from support.peers import PeerServer, connect
from support.timing import PATIENCE

from trunkline.evented import AsyncSocket, current_event_loop, delay
from trunkline.multiplex.event_base import RECEIVE_BYTES

MOST = HIGH_WATER + RECEIVE_BYTES
BLOCK = random.Random(3).randbytes(1 << 20)


class WatchedProxy(Proxy):
    """The proxy, which fails as soon as it holds too much, and not when memory is full of it."""

    def on_data(self, source: AsyncSocket, data: bytes) -> None:
        super().on_data(source, data)
        assert self.most_buffered <= MOST


class Sides:
    """Traffic through one proxy, both ways at once.

    Plain threads send and receive at both ends. The slow end takes small pieces.

    Args:
        count: How many blocks go each way.
        slow: Which end receives slowly: ``"client"``, ``"server"`` or ``"both"``.
    """

    def __init__(self, count: int, slow: str) -> None:
        self.count = count
        self.slow = slow
        self.received: dict[str, tuple[int, bytes]] = {}
        self.is_served = threading.Event()
        self.may_receive = threading.Event()  # the slow end: before that it takes nothing at all

    def serve(self, connection: Any) -> None:
        try:
            self._both_ways("server", connection)
        finally:
            self.is_served.set()

    def connect(self, port: int) -> None:
        with connect(("127.0.0.1", port)) as connection:
            self._both_ways("client", connection)

    def _both_ways(self, end: str, connection: Any) -> None:
        connection.settimeout(PATIENCE * 6)
        sending = threading.Thread(target=self._send, args=(connection,), name=f"{end} sending")
        sending.start()
        try:
            with contextlib.suppress(ConnectionError):  # the proxy has failed, and says so itself
                self.received[end] = self._receive(end, connection)
        finally:
            sending.join(PATIENCE * 6)

    def _receive(self, end: str, connection: Any) -> tuple[int, bytes]:
        digest = hashlib.sha256()
        total, whole = 0, self.count * len(BLOCK)
        piece = 1 << 20
        if self.slow in (end, "both"):
            piece = 4096
            assert self.may_receive.wait(PATIENCE * 6)
        while total < whole and (data := connection.recv(min(piece, whole - total))):
            total += len(data)
            digest.update(data)
        return total, digest.digest()

    def _send(self, connection: Any) -> None:
        with contextlib.suppress(ConnectionError):
            for _ in range(self.count):
                connection.sendall(BLOCK)


def run_through(start: Start, count: int, slow: str) -> None:
    """Send blocks through the proxy, and check what arrives, and how much it has held."""
    sides = Sides(count, slow)
    proxies: list[Proxy] = []
    clients: list[threading.Thread] = []
    whole = hashlib.sha256()
    for _ in range(count):
        whole.update(BLOCK)

    def script() -> Script:
        proxy = WatchedProxy(*server.address)
        proxies.append(proxy)
        listening = proxy.listen(0)
        port = listening.local_name.port
        clients.append(threading.Thread(target=sides.connect, args=(port,), name="client"))
        clients[0].start()
        yield lambda: proxy.most_buffered > HIGH_WATER
        sides.may_receive.set()
        listening.close()
        # From now on the loop waits, and is not asked in each iteration.

    with PeerServer(sides.serve) as server:
        try:
            start(play(script))
        finally:
            sides.may_receive.set()
            for client in clients:
                client.join(PATIENCE * 6)
        assert sides.is_served.wait(PATIENCE * 6)
    assert sides.received == {
        end: (count * len(BLOCK), whole.digest()) for end in ("client", "server")
    }
    assert HIGH_WATER < proxies[0].most_buffered <= MOST


@pytest.mark.slow
@pytest.mark.parametrize("slow", ["client", "server", "both"])
def test_between_a_fast_and_a_slow_side_it_stays_within_its_marks(start: Start, slow: str) -> None:
    run_through(start, 24, slow)


@pytest.mark.soak
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("slow", ["client", "server"])
def test_gigabytes_stay_within_its_marks(start: Start, slow: str) -> None:
    run_through(start, 2048, slow)


@pytest.mark.slow
def test_a_side_that_takes_nothing_stops_the_other_one(start: Start, tcp_place: Place) -> None:
    proxies: list[Proxy] = []

    def script() -> Script:
        accepted: list[AsyncSocket] = []

        def hold(sock: AsyncSocket) -> None:
            sock.disable(read=True)
            accepted.append(sock)

        tcp_place.serve(None, lambda event: None, connect_cb=hold)
        proxy = Proxy("127.0.0.1", tcp_place.port)
        proxies.append(proxy)
        listening = proxy.listen(0)
        tcp_place.port = listening.local_name.port
        client = tcp_place.connect(None, lambda event: None)
        yield lambda: accepted
        # More than the systems' own buffers take.
        client.write(bytes(200 << 20))
        before = -1
        while client.buffered_output != before:
            before = client.buffered_output
            yield later(0.1)
        assert before > 0
        assert HIGH_WATER < proxy.most_buffered <= MOST
        # The other way is free.
        received: list[int] = []
        client.write(b"", read_cb=lambda sock, data: received.append(len(data)), enable=False)
        accepted[0].write(b"hello", enable=False)
        yield lambda: sum(received) == 5
        current_event_loop().exit()

    start(play(script))


def later(seconds: float) -> Callable[[], object]:
    """Return a condition that takes some time."""
    passed: list[bool] = []
    delay(lambda: passed.append(True), seconds)
    return lambda: passed
