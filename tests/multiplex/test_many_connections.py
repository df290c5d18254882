"""Ten thousand connections that do nothing cost an iteration nothing, on a backend that can do it.

They are the other side's connections in a process of its own: a process may not have as many
descriptors as both ends together need.
"""

import contextlib
import os
import resource
import socket
import statistics
import sys
import time
from collections.abc import Iterator

import pytest
from multiplex.helpers import UNDER_FAULTS, Channel, Noting, open_channel
from support.processes import Program
from support.timing import PATIENCE

from trunkline import EventBase, available_backends

CONNECTIONS = 10_000
FEW = 10
ROUNDS = 15
ITERATIONS = 300
GENEROUS = 3  # times as much, where no times as much is meant

pytestmark = pytest.mark.alone

# Connects as often as it is told, and says so; what it has opened ends with it.
PEER = """
import resource, socket, sys
count, port = map(int, sys.argv[1:])
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
connections = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
print("connected", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def room_for_descriptors(count: int) -> Iterator[None]:
    """Let this process have so many descriptors, or skip the test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        pytest.skip(f"this process may not have {count} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextlib.contextmanager
def idle_connections(count: int) -> Iterator[list[int]]:
    """Yield the descriptors of so many connections to another process."""
    accepted: list[int] = []
    with (
        socket.create_server(("127.0.0.1", 0), backlog=1024) as listener,
        Program([sys.executable, "-c", PEER, str(count), str(listener.getsockname()[1])]) as peer,
    ):
        listener.settimeout(PATIENCE)
        try:
            while len(accepted) < count:
                accepted.append(listener.accept()[0].detach())
            peer.wait_for_line("connected")
            yield accepted
        finally:
            for number in accepted:
                os.close(number)


@contextlib.contextmanager
def ping_pong(numbers: list[int]) -> Iterator[tuple[EventBase, Channel, Noting]]:
    """Yield an event base that monitors the descriptors, and a channel that is always ready."""
    with EventBase(backend="epoll") as base, open_channel() as channel:
        idle = Noting()
        for number in numbers:
            base.set_io_handler(number, "read", idle)
        base.set_io_handler(channel.reader, "read", Noting())
        channel.send()
        yield base, channel, idle


def cost(base: EventBase) -> float:
    """Return the CPU time of a number of iterations."""
    before = time.process_time()
    for _ in range(ITERATIONS):
        base.dispatch(one_shot=True)
    return time.process_time() - before


@pytest.mark.slow
@pytest.mark.skipif("epoll" not in available_backends(), reason="no epoll here")
@pytest.mark.skipif(UNDER_FAULTS, reason="it is about time")
def test_ten_thousand_idle_connections_cost_an_iteration_nothing() -> None:
    with (
        room_for_descriptors(CONNECTIONS + 500),
        idle_connections(CONNECTIONS) as numbers,
        ping_pong(numbers[:FEW]) as (few, _, _),
        ping_pong(numbers) as (many, _, idle),
    ):
        assert many.statistics().handlers == CONNECTIONS + 1
        before = many.statistics()
        # They take turns, so that whatever else the machine does hits both alike.
        costs = [(cost(few), cost(many)) for _ in range(ROUNDS)]
        after = many.statistics()
        assert after.iterations - before.iterations == ROUNDS * ITERATIONS
        assert after.callbacks - before.callbacks == ROUNDS * ITERATIONS
        assert not idle.calls
        few_cost, many_cost = (statistics.median(column) for column in zip(*costs, strict=True))
        assert many_cost < GENEROUS * few_cost
