"""The end of a loop while a connection is being closed whose peer still sends.

Closed at once, it would be reset by the system, and the last answer might be destroyed. The clock
of these tests stands still unless they move it: no limit passes because a machine is busy.
"""

import os
import random
import socket
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from evented.helpers import Start, unwanted
from evented.socket_helpers import Place
from sockets.helpers import Call

from trunkline.evented import AsyncSocket, delay, exit_event_loop
from trunkline.sockets.active_socket import LINGER_TIMEOUT
from trunkline.testing.clock import ManualClock

QUESTION = bytes(32 << 20)  # more than the system takes while nobody reads
REPLY = random.Random(11).randbytes(100_000)

# No real system hides input that is there; who closes a connection takes it at its word.
pytestmark = pytest.mark.skipif(
    "would-block" in os.environ.get("TRUNKLINE_FAULTS", ""),
    reason="who closes must see what was not read",
)


def close_flushed(sock: AsyncSocket) -> None:
    sock.close()


def reply_unheard(place: Place, write_cb: Callable[[AsyncSocket], object]) -> None:
    """Serve one client in the current loop, without reading what it says."""

    def reply(sock: AsyncSocket) -> None:
        server.close()
        sock.disable(read=True)
        sock.write(REPLY, write_cb=write_cb, enable=False)

    server = place.serve(unwanted, connect_cb=reply)


def converse(peer: socket.socket) -> bytes:
    """Say a lot, and meanwhile return all that the other end says."""
    received = bytearray()
    with peer, Call(peer.sendall, QUESTION):
        while data := peer.recv(1 << 16):
            received.extend(data)
    return bytes(received)


@pytest.mark.parametrize("write_cb", [AsyncSocket.close, close_flushed])
def test_a_peer_that_still_sends_gets_the_whole_answer_and_end_of_file(
    start: Start, place: Place, clock: ManualClock, write_cb: Callable[[AsyncSocket], object]
) -> None:
    calls: list[Call[bytes]] = []

    with ExitStack() as ending:

        def main() -> None:
            reply_unheard(place, write_cb)
            peer = place.peer()
            peer.sendall(b"first of all")  # which is there before the reply is
            calls.append(ending.enter_context(Call(converse, peer)))

        start(main, clock=clock)
        assert calls[0].result() == REPLY


def lingering(
    place: Place, peers: ExitStack, then: Callable[[], object]
) -> Callable[[], socket.socket]:
    """Return a function for a loop that lingers with a peer; `then` is called when it begins to.

    The peer is closed with `peers`.
    """

    def main() -> socket.socket:
        def close(sock: AsyncSocket) -> None:
            sock.close()
            then()

        reply_unheard(place, close)
        peer = peers.enter_context(place.peer())
        peer.sendall(b"more than nothing")
        return peer

    return main


def test_the_loop_waits_no_longer_than_the_limit(
    start_simulated: Start, place: Place, clock: ManualClock
) -> None:
    began: list[float] = []
    with ExitStack() as peers:
        start_simulated(lingering(place, peers, lambda: began.append(clock())))
        assert LINGER_TIMEOUT <= clock() - began[0] < 2 * LINGER_TIMEOUT


def test_an_exit_does_not_wait(start: Start, place: Place, clock: ManualClock) -> None:
    with ExitStack() as peers:
        start(lingering(place, peers, exit_event_loop), clock=clock)


def test_an_exit_while_the_loop_waits_ends_that(
    start: Start, place: Place, clock: ManualClock
) -> None:
    with ExitStack() as peers:
        start(
            lingering(place, peers, lambda: delay(lambda: delay(exit_event_loop).unref()).unref()),
            clock=clock,
        )


def test_what_has_no_reference_may_open_more_while_the_loop_waits(
    start_simulated: Start, place: Place
) -> None:
    called: list[str] = []

    def open_more() -> None:
        called.append("without a reference")
        delay(lambda: called.append("opened later"), 2 * LINGER_TIMEOUT)

    with ExitStack() as peers:
        start_simulated(
            lingering(place, peers, lambda: delay(open_more, LINGER_TIMEOUT / 2).unref())
        )
    assert called == ["without a reference", "opened later"]
