"""Moving what comes from one connection to another: all of it, in order, whatever goes wrong."""

import contextlib
import random
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import pytest
from sockets.helpers import (
    Call,
    PlainChannel,
    fill,
    forget,
    listening,
    stream_and_peer,
    wait_for_a_waiter,
)
from support.leaks import open_descriptors
from support.memory import memory_held
from support.peers import echo_server, receive_exactly, reset
from support.signal_points import collect_what_was_lost, interrupted_at
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    Busy,
    ConnectionReset,
    Hangup,
    SocketClosed,
    TimedOut,
    make_socket,
    splice,
)

FAMILIES = {"tcp": socket.AF_INET, "local": socket.AF_UNIX}
DATA = random.Random(5).randbytes(1_000_000)


class Ends(NamedTuple):
    """Two connections, and the peers at their other ends."""

    source: ActiveSocket
    giver: socket.socket
    target: ActiveSocket
    taker: socket.socket


@pytest.fixture(params=["by the system", "received"])
def how(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(params=FAMILIES)
def ends(request: pytest.FixtureRequest, how: str) -> Iterator[Ends]:
    family = FAMILIES[request.param]
    with stream_and_peer(family) as (source, giver), stream_and_peer(family) as (target, taker):
        if how == "received":
            for stream in (source, target):
                stream._go_through(PlainChannel(stream._channel))
        yield Ends(source, giver, target, taker)


def give(giver: socket.socket, data: bytes = DATA) -> None:
    giver.sendall(data)
    giver.shutdown(socket.SHUT_WR)


def test_all_that_comes_arrives_in_order(ends: Ends) -> None:
    ends.giver.sendall(b"a line\nbuffered")
    assert ends.source.read_line() == "a line"
    ends.target.write("queued ")
    whole = b"queued buffered" + DATA
    with Call(give, ends.giver), Call(receive_exactly, ends.taker, len(whole)) as got:
        assert splice(ends.source, ends.target) == len(b"buffered" + DATA)
        assert got.result() == whole
    assert ends.source.read() == b""
    assert splice(ends.source, ends.target) == 0
    ends.target.shutdown(write=True)
    assert ends.taker.recv(1) == b""


@pytest.mark.parametrize("count", [0, 1, 7, 65_536, 100_000])
def test_no_more_is_moved_than_was_asked_for(ends: Ends, count: int) -> None:
    ends.giver.sendall(b"line\nrest")
    assert ends.source.read_line() == "line"
    whole = b"rest" + DATA
    with Call(give, ends.giver), Call(receive_exactly, ends.taker, len(whole)) as got:
        assert splice(ends.source, ends.target, count=count) == count
        assert splice(ends.source, ends.target) == len(whole) - count
        assert got.result() == whole


def test_whoever_runs_out_of_time_can_go_on(ends: Ends) -> None:
    before = fill(ends.target)
    is_over = False
    with Call(give, ends.giver):
        with pytest.raises(TimedOut) as caught:
            splice(ends.source, ends.target, timeout=0)
        moved = caught.value.sent  # what is full may have room again
        with Call(receive_exactly, ends.taker, before + len(DATA)) as got:
            while not is_over:
                try:
                    moved += splice(ends.source, ends.target, timeout=0.01)
                    is_over = True
                except TimedOut as error:
                    moved += error.sent
            ends.target.finish_output()
            assert got.result()[before:] == DATA
    assert moved == len(DATA)


def test_nothing_to_move_is_a_matter_of_time(ends: Ends) -> None:
    with pytest.raises(TimedOut, match=r"^splice ") as caught:
        splice(ends.source, ends.target, timeout=0)
    assert caught.value.sent == 0
    ends.source.timeout = 0.01
    with pytest.raises(TimedOut):
        splice(ends.source, ends.target)


def test_a_target_that_is_gone_is_told_with_its_name(ends: Ends) -> None:
    ends.taker.close()
    with Call(feed_until_gone, ends.giver):
        with pytest.raises((Hangup, ConnectionReset)) as caught:
            splice(ends.source, ends.target)
        ends.source.close(reset=True)
    assert caught.value.operation == "splice"
    assert caught.value.address == ends.target.remote_name
    assert not ends.target.has_buffered_output


def feed_until_gone(giver: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while True:
            giver.sendall(DATA)


def test_a_source_that_is_reset_is_told_with_its_name() -> None:
    with (
        stream_and_peer(socket.AF_INET) as (source, giver),
        stream_and_peer(socket.AF_INET) as (target, _),
    ):
        reset(giver)
        with pytest.raises(ConnectionReset, match=r"^splice 127") as caught:
            splice(source, target)
        assert caught.value.address == source.remote_name
        with pytest.raises(ConnectionReset):
            source.read()


@pytest.mark.parametrize("which", ["source", "target"])
def test_closing_in_another_thread_ends_it(
    ends: Ends, which: str, waiting: threading.Semaphore
) -> None:
    if which == "target":
        fill(ends.target)
        ends.target.clear_output()
        ends.giver.sendall(b"x" * 100_000)
    forget(waiting)
    with Call(splice, ends.source, ends.target) as call:
        wait_for_a_waiter(waiting)
        getattr(ends, which).close(abort=True)
        with pytest.raises(SocketClosed, match=r"^splice "):
            call.result()


def test_nobody_else_reads_or_writes_meanwhile(ends: Ends, waiting: threading.Semaphore) -> None:
    with Call(splice, ends.source, ends.target) as call:
        wait_for_a_waiter(waiting)
        with pytest.raises(Busy):
            ends.source.read()
        with pytest.raises(Busy):
            ends.target.write("x")
        ends.source.write("the other way", flush=True)
        assert receive_exactly(ends.giver, 13) == b"the other way"
        give(ends.giver, b"x")
        assert call.result() == 1


def test_a_signal_that_would_end_the_process_is_not_sent() -> None:
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        with stream_and_peer() as (source, giver), stream_and_peer() as (target, taker):
            taker.close()
            giver.sendall(b"x")
            with pytest.raises(Hangup):
                splice(source, target)
    finally:
        signal.signal(signal.SIGPIPE, before)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no pipe")
@pytest.mark.exact_io("what one call moves is what is counted")
def test_a_handler_that_raises_wherever_it_strikes_loses_nothing_of_what_has_come() -> None:
    data = DATA[:3000]
    for point in range(2000):
        with (
            stream_and_peer(socket.AF_UNIX) as (source, giver),
            stream_and_peer(socket.AF_UNIX) as (target, taker),
        ):
            give(giver, data)
            before = open_descriptors()
            was_interrupted = interrupted_at(point, partial(splice, source, target))
            collect_what_was_lost()
            assert open_descriptors() == before
            splice(source, target)
            target.shutdown(write=True)
            received = receive_exactly(taker, len(data))
            assert (point, received) == (point, data)
        if not was_interrupted:
            break
    assert 20 < point < 1999


@pytest.mark.alone
def test_it_takes_no_memory(ends: Ends) -> None:
    size = 30_000_000

    def feed() -> None:
        piece = bytes(1_000_000)
        for _ in range(size // len(piece)):
            ends.giver.sendall(piece)
        ends.giver.shutdown(socket.SHUT_WR)

    def drain() -> int:
        buffer, count, most = bytearray(1 << 20), 0, 0
        while received := ends.taker.recv_into(buffer):
            count += received
            if count % 10_000_000 < 100_000:
                most = max(most, held())
        assert most < 5_000_000
        return count

    with memory_held() as held, Call(feed), Call(drain) as drained:
        assert splice(ends.source, ends.target) == size
        ends.target.shutdown(write=True)
        assert drained.result() == size


def test_a_proxy_takes_two_threads_a_connection() -> None:
    def hand_on(source: ActiveSocket, target: ActiveSocket) -> None:
        splice(source, target)
        target.shutdown(write=True)

    with (
        echo_server() as server,
        listening() as listener,
        make_socket("127.0.0.1", listener.local_port, timeout=PATIENCE) as client,
        listener.accept() as here,
        make_socket(*server.address) as there,
        Call(hand_on, here, there),
        Call(hand_on, there, here),
    ):
        for line in ("one", "two"):
            client.write_line(line, flush=True)
            assert client.read_line() == line
        client.shutdown(write=True)
        assert client.read() == b""


def test_what_cannot_be_spliced_is_told_at_once() -> None:
    with stream_and_peer() as (one, peer), stream_and_peer() as (other, _):
        for ends in ((one, peer), (peer, one), (one, 3)):
            bad: Any = ends
            with pytest.raises(TypeError, match="between active sockets"):
                splice(*bad)
        with pytest.raises(ValueError, match="the source is the target"):
            splice(one, one)
        with pytest.raises(ValueError, match=r"^count is at least 0"):
            splice(one, other, count=-1)
        other.external_format = "utf-16"
        with pytest.raises(ValueError, match="bytes cannot be written"):
            splice(one, other)
