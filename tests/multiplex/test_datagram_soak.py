"""Very many datagrams are echoed, and nothing is left of them.

Ten million by default, which takes some minutes; `TRUNKLINE_TEST_DATAGRAMS` says how many.
"""

import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from multiplex.datagram_helpers import opened
from multiplex.transport_helpers import settle
from sockets.datagrams import free_name
from support.memory import memory_held
from support.timing import PATIENCE

from trunkline import DatagramEndpoint, DatagramProtocol, EventBase, Received, Sender

COUNT = int(os.environ.get("TRUNKLINE_TEST_DATAGRAMS", "10000000"))
PEERS = 20
AT_A_TIME = 4  # of each peer


class Server(DatagramProtocol):
    """Sends everything back, and something to nobody now and then."""

    def __init__(self) -> None:
        self.nobody = free_name()
        self.answered = self.errors = 0

    def connection_made(self, endpoint: DatagramEndpoint) -> None:
        self.endpoint = endpoint

    def datagram_received(self, data: bytes, sender: Sender) -> None:
        self.endpoint.send_to(data, sender)
        self.answered += 1
        if not self.answered % 100:
            str(sender)
            self.endpoint.send_to(b"anybody there?", self.nobody)

    def datagrams_received(self, received: list[Received[bytes]]) -> None:
        for data, sender in received:
            self.datagram_received(data, sender)

    def error_received(self, error: Exception) -> None:
        self.errors += 1


class Answers:
    """How many answers have come to all peers, and how many somebody waits for."""

    def __init__(self) -> None:
        self.count = self.wanted = 0
        self.are_enough = False

    def come(self, base: EventBase, more: int) -> None:
        """Dispatch until so many more have come."""
        self.wanted = self.count + more
        base.dispatch(idle_timeout=PATIENCE)
        assert self.count >= self.wanted, "the exchange has come to a halt"


class Peer(DatagramProtocol):
    """Has some under way, each of which goes out again, one byte different, when it is back."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers

    def connection_made(self, endpoint: DatagramEndpoint) -> None:
        self.endpoint = endpoint

    def datagram_received(self, data: bytes, sender: Sender) -> None:
        self.answers.count += 1
        if self.answers.count == self.answers.wanted:
            self.endpoint.event_base.exit()
        if not self.answers.are_enough:
            self.endpoint.send_to(data[1:] + data[:1])


@contextlib.contextmanager
def exchange(base: EventBase, **options: Any) -> Iterator[tuple[Server, Answers]]:
    """Yield a server that has peers, and their answers."""
    server, answers = Server(), Answers()
    with contextlib.ExitStack() as stack:
        endpoint = stack.enter_context(opened(base, server, report_errors=True, **options))
        name = endpoint.local_name
        for number in range(PEERS):
            options = {"remote_host": name.host, "remote_port": name.port}
            peer = stack.enter_context(opened(base, Peer(answers), **options))
            peer.send_many([bytes(range(number, number + 64))] * AT_A_TIME)
        yield server, answers
        answers.are_enough = True


@pytest.mark.parametrize("delivery", ["one", "many"])
@pytest.mark.parametrize("packet_info", [False, sys.platform == "linux"])
@pytest.mark.exact_io("a fault may be what a datagram is lost by")
@pytest.mark.alone
def test_a_thousand_leave_nothing(delivery: Any, packet_info: bool) -> None:
    options = {"delivery": delivery, "packet_info": packet_info}
    with EventBase() as base:
        with exchange(base, **options) as (server, answers), memory_held() as held:
            answers.come(base, 300)
            before = held()
            answers.come(base, 1000)
            gc.collect()
            assert held() - before < 20_000
            assert server.errors > 2
        settle(base)
        assert base.is_empty


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_very_many_leave_nothing() -> None:
    with EventBase() as base, exchange(base, local_host="127.0.0.1") as (server, answers):
        answers.come(base, COUNT // 10)
        gc.collect()
        before, descriptors = sys.getallocatedblocks(), len(os.listdir("/proc/self/fd"))
        answers.come(base, COUNT)
        gc.collect()
        assert sys.getallocatedblocks() - before < 2000
        assert len(os.listdir("/proc/self/fd")) == descriptors
        assert abs(server.answered - answers.count) <= PEERS * AT_A_TIME
        assert server.errors > 0
