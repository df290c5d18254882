"""Ten thousand connections open, are idle, time out and close, and nothing of them is left.

The other ends are plain sockets in a process of its own: one process may not have as many
descriptors as both ends together need.
"""

import gc
import os
import sys
import weakref
from collections import Counter
from typing import Any

import pytest
from evented.helpers import UNDER_FAULTS, Start
from evented.socket_helpers import Place, Script, iterations, play
from multiplex.test_many_connections import PEER, room_for_descriptors
from support.leaks import open_descriptors
from support.processes import Program

from trunkline import available_backends
from trunkline.evented import AsyncSocket, Event, EventKind, current_event_loop
from trunkline.testing.clock import ManualClock

pytestmark = [
    pytest.mark.alone,
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.skipif(UNDER_FAULTS, reason="it takes long enough without"),
]

CONNECTIONS = 10_000

# Accepts as many as it is told, and says so; then ends them when its input does.
SERVER = """
import resource, socket, sys
count = int(sys.argv[1])
_, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
print(listener.getsockname()[1], flush=True)
connections = [listener.accept()[0] for _ in range(count)]
print("accepted", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def backend() -> str:
    """The only one that has room for as many."""
    if "epoll" not in available_backends():
        pytest.skip("no epoll here")
    return "epoll"


def numbers() -> tuple[int, int, int]:
    """Return how many descriptors, handlers and timers there are just now."""
    statistics = current_event_loop().event_base.statistics()
    return len(open_descriptors()), statistics.handlers, statistics.timers


def assert_gone(before: tuple[int, int, int], references: list[Any]) -> None:
    """Check that everything is as it was, and that no socket is kept by anybody."""
    gc.collect()
    assert numbers() == before
    assert not [reference for reference in references if reference() is not None]
    handles = current_event_loop().statistics().handles
    assert not {kind for kind in handles if "tcp" in kind and "server" not in kind}, handles


def all_idle(before: tuple[int, int, int], clock: ManualClock, told: Counter[EventKind]) -> Script:
    """Let nothing happen for almost as long as it may, in a script: nothing does."""
    clock.advance(59.0)
    yield iterations()
    assert told == {}
    more = [now - then for now, then in zip(numbers(), before, strict=True)]
    assert more[0] - CONNECTIONS in range(10), more  # and the pipes of the other process
    assert more[1:] == [CONNECTIONS, CONNECTIONS]  # each has a handler, and a timer


def close_all(sockets: list[AsyncSocket]) -> None:
    """Close sockets, and keep none of them."""
    for sock in sockets:
        sock.close()


class Counting(Counter[EventKind]):
    """A callback for events, which counts them by their kinds."""

    def __call__(self, event: Event) -> None:
        self[event.kind] += 1


@pytest.mark.parametrize("how", ["timeout", "close", "peer"])
def test_accepted_connections_leave_nothing(
    start: Start, tcp_place: Place, clock: ManualClock, how: str
) -> None:
    told = Counting()

    def script() -> Script:
        sockets: list[AsyncSocket] = []
        server = tcp_place.serve(
            None, told, connect_cb=sockets.append, backlog=1024, read_timeout=60.0
        )
        yield lambda: True
        before = numbers()
        argv = [sys.executable, "-c", PEER, str(CONNECTIONS), str(tcp_place.port)]
        with Program(argv) as peer:
            yield lambda: len(sockets) == CONNECTIONS
            yield from all_idle(before, clock, told)
            references = [weakref.ref(sock) for sock in sockets]
            if how == "close":
                close_all(sockets)
            elif how == "timeout":
                clock.advance(2.0)
            else:
                peer.kill()
            sockets.clear()
            yield lambda: not current_event_loop().statistics().incoming_tcp_connections
        assert_gone(before, references)
        server.close()

    with room_for_descriptors(CONNECTIONS + 500):
        start(play(script), clock=clock)
    kinds = {"timeout": EventKind.TIMEOUT, "peer": EventKind.EOF}
    assert told == ({kinds[how]: CONNECTIONS} if how in kinds else {})


@pytest.mark.parametrize("how", ["timeout", "close"])
def test_connections_that_were_made_leave_nothing(
    start: Start, tcp_place: Place, clock: ManualClock, how: str
) -> None:
    told = Counting()

    def script() -> Script:
        yield lambda: True
        before = numbers()
        connected: list[AsyncSocket] = []
        for _ in range(CONNECTIONS):
            tcp_place.connect(None, told, connect_cb=connected.append, read_timeout=60.0)
        yield lambda: len(connected) == CONNECTIONS
        yield from all_idle(before, clock, told)
        references = [weakref.ref(sock) for sock in connected]
        if how == "close":
            close_all(connected)
        else:
            clock.advance(2.0)
        connected.clear()
        yield lambda: not current_event_loop().statistics().outgoing_tcp_connections
        assert_gone(before, references)

    with (
        room_for_descriptors(CONNECTIONS + 500),
        Program([sys.executable, "-c", SERVER, str(CONNECTIONS)], env=dict(os.environ)) as server,
    ):
        tcp_place.port = int(server.wait_for_line(r"^(\d+)$")[1])
        start(play(script), clock=clock)
    assert told == ({EventKind.TIMEOUT: CONNECTIONS} if how == "timeout" else {})
