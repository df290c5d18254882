"""Files in a transport's queue: their order, their pressure, their end, and who is told of it."""

import io
import os
import random
import signal
import socket
import struct
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any

import pytest
from multiplex.transport_helpers import (
    Failure,
    Recorder,
    both_families,
    connected,
    counting,
    failures_of,
    receive_while,
    run_until,
    settle,
)
from support.memory import memory_held
from support.peers import receive_exactly

from trunkline import (
    EventBase,
    FileTooShort,
    FileTransfer,
    SocketClosed,
    SocketError,
    TimedOut,
    Transport,
)
from trunkline.testing.clock import ManualClock

DATA = random.Random(7).randbytes(1_000_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.write_bytes(DATA)
    return path


class Told:
    """What a transport tells of a file."""

    def __init__(self) -> None:
        self.progress: list[int] = []
        self.done: list[FileTransfer] = []

    def send(self, transport: Transport, path: Path, **options: Any) -> FileTransfer:
        """Have a file sent, of which this is told."""
        with path.open("rb") as file:
            return transport.send_file(
                file,
                progress=lambda transfer: self.progress.append(transfer.sent),
                done=self.done.append,
                **options,
            )


@pytest.fixture(params=["by the system", "read"])
def told(request: pytest.FixtureRequest) -> Any:
    """What is told, where files are sent by the system, and where they have to be read."""
    if request.param == "by the system":
        yield Told()
        return
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # which sendfile(2) could not suppress
    try:
        yield Told()
    finally:
        signal.signal(signal.SIGPIPE, before)


# -- the order ------------------------------------------------------------------------------------


@both_families
def test_a_file_is_sent_between_what_is_written(
    base: EventBase, family: socket.AddressFamily, path: Path, told: Told
) -> None:
    with connected(base, Recorder(), family) as (transport, peer):
        transport.write(b"before")
        transfer = told.send(transport, path)
        assert (transfer.offset, transfer.count, transfer.sent) == (0, len(DATA), 0)
        assert not transfer.is_done
        transport.write(b"between")
        other = told.send(transport, path, offset=999_000)
        transport.write(b"after")
        wanted = b"before" + DATA + b"between" + DATA[999_000:] + b"after"
        assert receive_while(base, peer, len(wanted)) == wanted
        run_until(base, lambda: len(told.done) == 2)
        assert told.done == [transfer, other]
        for each in told.done:
            assert each.is_done
            assert each.error is None
            assert each.sent == each.count
        assert transport.buffered_output == 0
        assert transport.bytes_sent == len(wanted)
        transport.write(b"later")
        assert receive_while(base, peer, 5) == b"later"


def test_what_a_callback_writes_and_sends_leaves_together(base: EventBase, path: Path) -> None:
    def answer(data: bytes) -> None:
        protocol.transport.write(b"head")
        with path.open("rb") as file:
            protocol.transport.send_file(file, count=1000)
        protocol.transport.write(b"tail")

    protocol = Recorder(data_received=answer)
    with connected(base, protocol, socket.AF_INET) as (_, peer):
        peer.sendall(b"?")
        wanted = b"head" + DATA[:1000] + b"tail"
        assert receive_while(base, peer, len(wanted)) == wanted


def test_many_small_files_arrive_in_their_order(base: EventBase, path: Path, told: Told) -> None:
    with connected(base, Recorder()) as (transport, peer):
        for number in range(100):
            told.send(transport, path, offset=number * 1000, count=number)
            transport.write(b"%02d" % number)
        wanted = b"".join(
            DATA[number * 1000 :][:number] + b"%02d" % number for number in range(100)
        )
        assert receive_while(base, peer, len(wanted)) == wanted
        run_until(base, lambda: len(told.done) == 100)
        assert [each.count for each in told.done] == sorted(range(100))


def test_it_waits_for_the_connection_and_while_output_is_held(base: EventBase, path: Path) -> None:
    told = Told()
    with connected(base, Recorder(), attach=False) as (transport, _):
        told.send(transport, path)
        settle(base)
        assert transport.buffered_output == len(DATA)
    with connected(base, Recorder(connection_made=lambda it: told.send(it, path))) as (it, peer):
        it.hold_output()
        it.write(b"after")
        settle(base)
        it.release_output()
        assert receive_while(base, peer, len(DATA) + 5) == DATA + b"after"


# -- the file -------------------------------------------------------------------------------------


def test_the_file_may_be_closed_at_once_and_is_moved_as_if_it_had_been_read(
    base: EventBase, path: Path
) -> None:
    with connected(base, Recorder()) as (transport, peer):
        with path.open("rb") as file:
            assert file.read(10) == DATA[:10]
            transport.send_file(file, count=90)
            assert file.tell() == 100
            transport.send_file(file, offset=7, count=3)
            assert file.tell() == 100
            transport.send_file(file)
            assert file.read() == b""
        with path.with_suffix(".other").open("wb") as other:  # which gets the file's number
            other.write(b"wrong" * 1000)
        wanted = DATA[10:100] + DATA[7:10] + DATA[100:]
        assert receive_while(base, peer, len(wanted)) == wanted


def test_what_it_grows_by_is_not_sent(base: EventBase, path: Path, told: Told) -> None:
    with connected(base, Recorder()) as (transport, peer):
        told.send(transport, path)
        with path.open("ab") as file:
            file.write(b"more")
        transport.write(b"after")
        assert receive_while(base, peer, len(DATA) + 5) == DATA + b"after"


def test_one_that_shrinks_ends_the_connection(base: EventBase, path: Path, told: Told) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, peer):
        transfer = told.send(transport, path)
        transport.write(b"after")
        os.truncate(path, 1000)
        received = receive_while(base, peer)
        assert received == DATA[: len(received)]
        assert len(received) <= 1000
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, FileTooShort)
        assert told.done == [transfer]
        assert transfer.error is protocol.loss
        assert transfer.sent == protocol.loss.sent == len(received)


def test_an_empty_part_is_done_at_once(base: EventBase, path: Path, told: Told) -> None:
    with connected(base, Recorder()) as (transport, _):
        empty = path.with_suffix(".empty")
        empty.touch()
        for transfer in (
            told.send(transport, path, count=0),
            told.send(transport, path, offset=len(DATA)),
            told.send(transport, empty),
        ):
            assert transfer.is_done
        assert not told.done  # never from inside
        settle(base)
        assert len(told.done) == 3
        assert not told.progress


def test_what_no_transport_sends_is_told_at_once(base: EventBase, path: Path) -> None:
    with connected(base, Recorder()) as (transport, _):
        reading, writing = os.pipe()
        os.close(writing)
        with open(reading, "rb") as pipe, pytest.raises(TypeError, match="not BufferedReader"):
            transport.send_file(pipe)
        with pytest.raises(TypeError, match="on a disk, not BytesIO"):
            transport.send_file(io.BytesIO(b"x"))
        with path.open(encoding="latin-1") as text, pytest.raises(TypeError, match="for text"):
            transport.send_file(text)  # type: ignore[arg-type]
        with path.open("rb") as file:
            with pytest.raises(FileTooShort):
                transport.send_file(file, count=len(DATA) + 1)
            with pytest.raises(TypeError, match=r"^done is called with"):
                transport.send_file(file, done=lambda: None)  # type: ignore[misc,arg-type]
            transport.write_eof()
            with pytest.raises(ValueError, match="has been ended by write_eof"):
                transport.send_file(file)
        assert transport.buffered_output == 0


# -- back-pressure, and others --------------------------------------------------------------------


def test_it_counts_as_if_it_had_been_written(base: EventBase, path: Path, told: Told) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, peer):
        told.send(transport, path, count=transport._high_water)
        assert "pause_writing" not in protocol.names
        transport.write(b"x")
        assert protocol.names[-1] == "pause_writing"
        told.send(transport, path)
        assert protocol.names.count("pause_writing") == 1
        size = transport._high_water + 1 + len(DATA)
        assert transport.buffered_output == size
        assert len(receive_while(base, peer, size)) == size
        run_until(base, lambda: "resume_writing" in protocol.names)
        assert protocol.names.count("pause_writing") == 1


def test_it_leaves_others_their_turn(base: EventBase, path: Path) -> None:
    turns, told = 0, Told()

    def take_turn() -> None:
        nonlocal turns
        turns += 1
        if not told.done:
            base.call_soon(take_turn)

    with connected(base, Recorder(), socket.AF_INET) as (transport, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        transport.set_option("send_buffer", 1 << 24)
        told.send(transport, path)
        base.call_soon(take_turn)
        assert receive_while(base, peer, len(DATA)) == DATA
        run_until(base, lambda: told.done)
    assert turns >= len(DATA) // 262_144


def test_progress_is_told_later_and_up_to_the_end(base: EventBase, path: Path, told: Told) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, peer):
        told.send(transport, path)
        assert not told.progress
        assert receive_while(base, peer, len(DATA)) == DATA
        run_until(base, lambda: told.done)
        assert told.progress == sorted(set(told.progress))
        assert told.progress[-1] == len(DATA)
        settle(base)
        assert len(told.done) == 1


def test_a_peer_that_takes_nothing_meets_the_limit_of_time(
    timed_base: EventBase, clock: ManualClock, path: Path
) -> None:
    protocol, told = Recorder(), Told()
    with connected(timed_base, protocol, write_timeout=5.0) as (transport, _):
        transfer = told.send(transport, path)
        settle(timed_base)
        clock.advance(4.0)
        settle(timed_base)
        assert not protocol.is_lost
        clock.advance(2.0)
        run_until(timed_base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TimedOut)
        assert transfer.error is protocol.loss
        assert 0 < transfer.sent < len(DATA)


@pytest.mark.alone
def test_a_large_file_takes_no_memory(base: EventBase, tmp_path: Path, told: Told) -> None:
    size, path = 50_000_000, tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(size)
    protocol = Recorder()
    with connected(base, protocol, socket.AF_INET) as (transport, peer), memory_held() as held:
        told.send(transport, path)
        peer.setblocking(False)
        received, most, buffer = 0, 0, bytearray(1 << 20)
        while received < size:
            base.dispatch(timeout=0)
            counting(transport).sent.clear()  # it takes note of all
            counting(transport).pieces.clear()
            try:
                received += peer.recv_into(buffer)
            except BlockingIOError:
                continue
            if received % 10_000_000 < 100_000:
                most = max(most, held())
        assert most < 2_000_000


# -- the end --------------------------------------------------------------------------------------


@both_families
@pytest.mark.parametrize("end", ["close", "write_eof"])
def test_an_orderly_end_waits_for_it(
    base: EventBase, family: socket.AddressFamily, end: str, path: Path, told: Told
) -> None:
    protocol = Recorder(keep_open=True)
    with connected(base, protocol, family) as (transport, peer):
        told.send(transport, path)
        transport.write(b"after")
        getattr(transport, end)()
        assert receive_while(base, peer) == DATA + b"after"
        run_until(base, lambda: told.done)
        assert told.done[0].error is None


def test_after_an_abort_it_is_over(base: EventBase, path: Path, told: Told) -> None:
    order: list[str] = []
    protocol = Recorder(connection_lost=lambda error: order.append("lost"))
    with connected(base, protocol) as (transport, _):
        first, second = told.send(transport, path), told.send(transport, path, offset=10)
        settle(base)
        with path.open("rb") as file:
            third = transport.send_file(file, done=lambda transfer: order.append("done"))
        transport.abort()
        assert not told.done
        settle(base)
        assert told.done == [first, second]
        assert 0 < first.sent < len(DATA)
        for transfer in (first, second, third):
            assert transfer.is_done
            assert isinstance(transfer.error, SocketClosed)
        assert second.sent == 0
        assert order == ["done", "lost"]
        assert protocol.loss is None


def test_on_a_connection_that_is_over_nothing_is_sent(base: EventBase, path: Path) -> None:
    told = Told()
    with connected(base, Recorder()) as (transport, _):
        transport.abort()
        settle(base)
        transfer = told.send(transport, path)
        assert isinstance(transfer.error, SocketClosed)
        settle(base)
        assert not told.done


def test_a_peer_that_goes_ends_it_with_the_error(base: EventBase, path: Path, told: Told) -> None:
    protocol = Recorder()
    with connected(base, protocol, socket.AF_INET) as (transport, peer):
        transfer = told.send(transport, path)
        other = told.send(transport, path)
        assert DATA.startswith(receive_while(base, peer, 10))
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, SocketError)
        assert told.done == [transfer, other]
        assert transfer.error is other.error is protocol.loss
        assert other.sent == 0


def test_a_connection_does_not_leave_without_it(base: EventBase, path: Path) -> None:
    told = Told()
    with connected(base, Recorder()) as (transport, peer):
        told.send(transport, path)
        with pytest.raises(ValueError, match="a file is being sent"):
            transport.detach()
        assert receive_while(base, peer, len(DATA)) == DATA
        run_until(base, lambda: told.done)
        with transport.detach() as detached:
            detached.write(b"still here", flush=True)
            assert receive_exactly(peer, 10) == b"still here"


# -- whoever is told ------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["progress", "done"])
def test_what_they_raise_ends_the_connection(base: EventBase, which: str, path: Path) -> None:
    def fail(transfer: FileTransfer) -> None:
        raise Failure

    failures = failures_of(base)
    callbacks: dict[str, Callable[[FileTransfer], object]] = {which: fail}
    protocol = Recorder()
    with connected(base, protocol) as (transport, _):
        with path.open("rb") as file:
            transport.send_file(file, count=10, **callbacks)  # type: ignore[arg-type]
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, Failure)
        assert [type(error) for error, _ in failures] == [Failure]


def test_they_are_called_in_the_transports_context(base: EventBase, path: Path) -> None:
    variable: ContextVar[str] = ContextVar("variable", default="outside")
    context = copy_context()
    context.run(variable.set, "inside")
    values: dict[str, str] = {}
    with connected(base, Recorder(), context=context) as (transport, peer):
        with path.open("rb") as file:
            transport.send_file(
                file,
                count=10,
                progress=lambda transfer: values.update(progress=variable.get()),
                done=lambda transfer: values.update(done=variable.get()),
            )
        assert receive_while(base, peer, 10) == DATA[:10]
        run_until(base, lambda: "done" in values)
    assert values == {"progress": "inside", "done": "inside"}


def test_the_next_file_may_be_sent_when_one_is_done(base: EventBase, path: Path) -> None:
    def next_one(transfer: FileTransfer) -> None:
        if transfer.offset < 50:
            with path.open("rb") as file:
                transport.send_file(file, offset=transfer.offset + 10, count=10, done=next_one)
        else:
            transport.close()

    with connected(base, Recorder()) as (transport, peer):
        with path.open("rb") as file:
            transport.send_file(file, offset=0, count=10, done=next_one)
        assert receive_while(base, peer) == DATA[:60]


def test_a_transfer_tells_what_it_is(base: EventBase, path: Path) -> None:
    with connected(base, Recorder()) as (transport, peer):
        with path.open("rb") as file:
            transfer = transport.send_file(file, count=10)
        assert repr(transfer) == "<FileTransfer, 0 of 10 bytes sent, waiting>"
        assert receive_while(base, peer, 10) == DATA[:10]
        assert repr(transfer) == "<FileTransfer, 10 of 10 bytes sent, done>"
        with path.open("rb") as file:
            other = transport.send_file(file, count=10)
        transport.abort()
        assert repr(other).startswith("<FileTransfer, 0 of 10 bytes sent, send_file")
