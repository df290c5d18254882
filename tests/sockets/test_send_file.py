"""Sending files by a stream: all kinds of them, exactly what was asked for, and what goes wrong."""

import contextlib
import gzip
import io
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from sockets.helpers import Call, PlainChannel, fill, forget, stream_and_peer, wait_for_a_waiter
from support.memory import memory_held
from support.peers import receive_exactly, reset
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    Busy,
    ConnectionReset,
    EndpointShutdown,
    FileTooShort,
    Hangup,
    NotConnected,
    SocketClosed,
    TimedOut,
    make_socket,
)
from trunkline.streams.channel import SendsFromFiles

DATA = random.Random(13).randbytes(300_000)
FAMILIES = {"tcp": socket.AF_INET, "local": socket.AF_UNIX}
both_families = pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    path.write_bytes(DATA)
    return path


@contextlib.contextmanager
def piped(data: bytes) -> Iterator[IO[bytes]]:
    """Yield the reading end of a pipe into which something writes `data`."""
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb") as file, contextlib.suppress(BrokenPipeError):
            file.write(data)

    writer = threading.Thread(target=write, name="writer")
    writer.start()
    try:
        with open(reading, "rb") as file:
            yield file
    finally:
        writer.join(PATIENCE)


@contextlib.contextmanager
def compressed(path: Path) -> Iterator[Any]:
    packed = path.with_suffix(".gz")
    with gzip.open(packed, "wb", compresslevel=1) as file:
        file.write(path.read_bytes())
    with gzip.open(packed) as file:
        yield file


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[Any]:
    with tempfile.NamedTemporaryFile() as file:
        file.write(path.read_bytes())  # and not flushed
        file.seek(0)
        yield file


@contextlib.contextmanager
def unflushed(path: Path) -> Iterator[Any]:
    with open(path.with_suffix(".new"), "w+b", buffering=2 * len(DATA)) as file:
        file.write(path.read_bytes())
        file.seek(0)
        yield file


KINDS: dict[str, Callable[[Path], contextlib.AbstractContextManager[Any]]] = {
    "buffered": lambda path: path.open("rb"),
    "unbuffered": lambda path: path.open("rb", buffering=0),
    "for writing, too": lambda path: path.open("r+b"),
    "not yet flushed": unflushed,
    "temporary": temporary,
    "in memory": lambda path: io.BytesIO(path.read_bytes()),
    "compressed": compressed,
    "a pipe": lambda path: piped(path.read_bytes()),
}
any_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@pytest.fixture(params=["by the system", "read"])
def sending(request: pytest.FixtureRequest) -> Iterator[tuple[ActiveSocket, socket.socket]]:
    """A stream and its peer, once with a channel that sends files, once with one that does not."""
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        assert isinstance(stream._channel, SendsFromFiles)
        if request.param == "read":
            stream._go_through(PlainChannel(stream._channel))
            assert not isinstance(stream._channel, SendsFromFiles)
        yield stream, peer


# -- what arrives ---------------------------------------------------------------------------------


@both_families
@any_kind
def test_all_of_a_file_is_sent_between_what_is_written(
    family: socket.AddressFamily, kind: Any, path: Path
) -> None:
    whole = b"before" + DATA + b"after"
    with stream_and_peer(family) as (stream, peer), Call(receive_exactly, peer, len(whole)) as got:
        with kind(path) as file:
            stream.write("before")
            assert stream.send_file(file) == len(DATA)
            stream.write("after", flush=True)
            assert file.read(1) == b""  # as if it had been read
        assert got.result() == whole


def test_the_channel_says_who_reads(sending: Any, path: Path) -> None:
    stream, peer = sending
    with Call(receive_exactly, peer, len(DATA)) as got, path.open("rb") as file:
        assert stream.send_file(file) == len(DATA)
        assert got.result() == DATA


@pytest.mark.parametrize("offset", [0, 1, 4096, len(DATA) - 1, len(DATA)])
@pytest.mark.parametrize("count", [None, 0, 1, 100_000])
@pytest.mark.parametrize("kind", ["buffered", "unbuffered", "in memory"])
def test_any_part_can_be_sent(kind: str, offset: int, count: int | None, path: Path) -> None:
    if count is not None:
        count = min(count, len(DATA) - offset)
    wanted = DATA[offset:] if count is None else DATA[offset : offset + count]
    with stream_and_peer() as (stream, peer), KINDS[kind](path) as file:
        with Call(receive_exactly, peer, len(wanted)) as got:
            assert stream.send_file(file, offset=offset, count=count) == len(wanted)
            assert got.result() == wanted
        if kind != "in memory":
            assert file.tell() == 0  # with an offset it is not moved
            file.seek(7)
        assert stream.send_file(file, count=0) == 0


def test_without_an_offset_it_goes_on_where_the_file_is(path: Path) -> None:
    with stream_and_peer() as (stream, peer), path.open("rb") as file:
        head = file.read(10)
        with Call(receive_exactly, peer, len(DATA) - 10) as got:
            assert stream.send_file(file, count=1000) == 1000
            assert file.tell() == 1010
            assert stream.send_file(file) == len(DATA) - 1010
            assert head + got.result() == DATA
        assert stream.send_file(file) == 0


def test_a_file_whose_size_the_system_does_not_tell_is_sent_to_its_end() -> None:
    version = Path("/proc/version")
    if not version.exists():
        pytest.skip("there is no such file here")
    wanted = version.read_bytes()
    with stream_and_peer() as (stream, peer), version.open("rb") as file:
        assert stream.send_file(file) == len(wanted)
        assert receive_exactly(peer, len(wanted)) == wanted


def test_a_device_is_read_as_far_as_was_asked() -> None:
    with (
        stream_and_peer() as (stream, peer),
        open("/dev/zero", "rb", buffering=0) as file,
        Call(receive_exactly, peer, 100_000) as got,
    ):
        assert stream.send_file(file, count=100_000) == 100_000
        assert got.result() == bytes(100_000)


def test_progress_is_told_up_to_the_end(sending: Any, path: Path) -> None:
    stream, peer = sending
    told: list[int] = []
    with Call(receive_exactly, peer, len(DATA)), path.open("rb") as file:
        stream.send_file(file, progress=told.append)
    assert told == sorted(set(told))
    assert told[-1] == len(DATA)


def test_who_looks_at_the_progress_can_end_it(sending: Any, path: Path) -> None:
    class Enough(Exception):
        pass

    def look(sent: int) -> None:
        raise Enough

    stream, peer = sending
    with path.open("rb") as file:
        with pytest.raises(Enough):
            stream.send_file(file, progress=look)
        sent = file.tell()
        assert 0 < sent <= len(DATA)
        with Call(receive_exactly, peer, len(DATA)) as got:
            stream.send_file(file)
            assert got.result() == DATA


# -- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.exact_io("a fault says that there is no room where there is some")
def test_whoever_runs_out_of_time_can_go_on(sending: Any, path: Path) -> None:
    stream, peer = sending
    before = fill(stream)
    with path.open("rb") as file:
        told: list[int] = []
        with pytest.raises(TimedOut, match=r"^send_file 127\.0\.0\.1:\d+: time limit") as caught:
            stream.send_file(file, timeout=0)
        assert caught.value.deadline
        assert caught.value.sent == file.tell() == 0  # what was queued is first
        with Call(receive_exactly, peer, before + len(DATA)) as got:
            while file.tell() < len(DATA):
                position = file.tell()
                try:
                    stream.send_file(file, timeout=0.01, progress=told.append)
                except TimedOut as error:
                    told.append(error.sent)  # which may be in the middle of a piece
                assert file.tell() == position + told[-1]
            assert got.result()[before:] == DATA


@pytest.mark.parametrize("kind", ["in memory", "a pipe", "compressed"])
@pytest.mark.exact_io("it counts what has been sent when the time is up")
def test_what_cannot_be_read_again_is_not_lost_with_time(kind: str, path: Path) -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer), KINDS[kind](path) as file:
        before = fill(stream)
        with pytest.raises(TimedOut):
            stream.finish_output(timeout=0)
        sent, is_over = 0, False
        with Call(receive_exactly, peer, before + len(DATA)) as got:
            while not is_over:
                try:
                    sent += stream.send_file(file, timeout=0.01)
                    is_over = True
                except TimedOut as error:
                    sent += error.sent
            stream.finish_output()
            assert got.result()[before:] == DATA
            assert sent == len(DATA)


@pytest.mark.parametrize("kind", ["buffered", "in memory"])
def test_a_peer_that_goes_is_told_with_how_much_was_sent(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(20_000_000))
    with stream_and_peer(socket.AF_INET) as (stream, peer), KINDS[kind](path) as file:

        def receive_a_little() -> None:
            receive_exactly(peer, 100_000)
            reset(peer)

        with Call(receive_a_little), pytest.raises((Hangup, ConnectionReset)) as caught:
            stream.send_file(file)
        assert str(caught.value).startswith("send_file 127.0.0.1:")
        assert 100_000 <= caught.value.sent < 20_000_000
        if kind == "buffered":
            assert file.tell() == caught.value.sent
        assert not stream.has_buffered_output


@both_families
def test_a_signal_that_would_end_the_process_is_not_sent(
    family: socket.AddressFamily, path: Path
) -> None:
    with stream_and_peer(family) as (stream, peer), path.open("rb") as file:
        before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        try:
            with Call(receive_exactly, peer, len(DATA)) as got:
                assert stream.send_file(file) == len(DATA)
                assert got.result() == DATA
            peer.close()
            with contextlib.suppress(Hangup, ConnectionReset):
                for _ in range(1000):
                    stream.send_file(file, offset=0)
                pytest.fail("the peer is gone, and nobody has noticed")
        finally:
            signal.signal(signal.SIGPIPE, before)


def test_closing_in_another_thread_ends_it(
    sending: Any, path: Path, waiting: threading.Semaphore
) -> None:
    stream, _ = sending
    fill(stream)
    stream.clear_output()
    forget(waiting)
    with path.open("rb") as file, Call(stream.send_file, file) as call:
        wait_for_a_waiter(waiting)
        stream.close(abort=True)
        with pytest.raises(SocketClosed) as caught:
            call.result()
        assert caught.value.sent == file.tell() < len(DATA)


def test_nobody_else_writes_meanwhile(
    sending: Any, path: Path, waiting: threading.Semaphore
) -> None:
    stream, peer = sending
    before = fill(stream)
    forget(waiting)
    with path.open("rb") as file, Call(stream.send_file, file):
        wait_for_a_waiter(waiting)
        with pytest.raises(Busy):
            stream.write("x")
        assert receive_exactly(peer, before + len(DATA))[before:] == DATA


@pytest.mark.parametrize("kind", ["buffered", "unbuffered"])
def test_a_file_that_shrinks_is_told_with_how_much_was_sent(
    sending: Any, kind: str, path: Path
) -> None:
    stream, peer = sending
    sizes: list[int] = []

    def shrink(sent: int) -> None:
        os.truncate(path, sent)
        sizes.append(sent)

    with KINDS[kind](path) as file, Call(receive_exactly, peer, 1):
        stream.set_option("send_buffer", 4096)
        with pytest.raises(FileTooShort) as caught:
            stream.send_file(file, progress=shrink)
        assert caught.value.sent == sizes[-1] == file.tell()
        assert caught.value.missing == len(DATA) - sizes[-1]
        assert str(caught.value).startswith("send_file 127.0.0.1:")


def test_what_a_file_grows_by_meanwhile_is_not_sent(sending: Any, path: Path) -> None:
    stream, peer = sending

    def grow(sent: int) -> None:
        with path.open("ab") as file:
            file.write(b"more")

    with path.open("rb") as file, Call(receive_exactly, peer, len(DATA)) as got:
        assert stream.send_file(file, progress=grow) == len(DATA)
        assert got.result() == DATA


def test_a_file_that_is_too_short_from_the_beginning_is_not_begun(path: Path) -> None:
    with stream_and_peer() as (stream, peer), path.open("rb") as file:
        stream.write("queued")
        with pytest.raises(FileTooShort) as caught:
            stream.send_file(file, offset=10, count=len(DATA))
        assert (caught.value.sent, caught.value.missing) == (0, 10)
        with pytest.raises(FileTooShort):
            stream.send_file(file, offset=len(DATA) + 1)
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):
            peer.recv(1)


def test_what_ends_too_early_is_told(path: Path) -> None:
    with (
        stream_and_peer() as (stream, _),
        piped(b"12345") as file,
        pytest.raises(FileTooShort, match="5 bytes too early, after 5 were sent"),
    ):
        stream.send_file(file, count=10)


# -- what cannot be sent --------------------------------------------------------------------------


def test_what_is_no_binary_file_is_told_at_once(path: Path) -> None:
    with stream_and_peer() as (stream, _):
        with (
            path.open(encoding="latin-1") as text,
            pytest.raises(TypeError, match="opened for text"),
        ):
            stream.send_file(text)  # type: ignore[arg-type]
        for file in (str(path), path, 3, DATA, io.StringIO("text")):
            with pytest.raises(TypeError, match="binary mode"):
                stream.send_file(file)  # type: ignore[arg-type]
        with path.open("rb") as closed:
            pass
        with pytest.raises(ValueError, match="the file is closed"):
            stream.send_file(closed)
        with path.open("ab") as writing, pytest.raises(ValueError, match="not open for reading"):
            stream.send_file(writing)


@pytest.mark.parametrize("name", ["offset", "count"])
def test_what_is_no_place_in_a_file_is_told_at_once(name: str, path: Path) -> None:
    with stream_and_peer() as (stream, _), path.open("rb") as file:
        for value in ("1", 1.0, True):
            with pytest.raises(TypeError, match=f"^{name} is an integer"):
                stream.send_file(file, **{name: value})  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=f"^{name} is at least 0"):
            stream.send_file(file, **{name: -1})  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"^progress is callable"):
            stream.send_file(file, progress=3)  # type: ignore[arg-type]


def test_a_pipe_has_no_places() -> None:
    with (
        stream_and_peer() as (stream, _),
        piped(b"") as file,
        pytest.raises(ValueError, match=r"^offset is for files that"),
    ):
        stream.send_file(file, offset=0)


def test_a_file_does_not_go_into_text_that_has_a_state(path: Path) -> None:
    with (
        stream_and_peer(external_format="utf-16") as (stream, _),
        path.open("rb") as file,
        pytest.raises(ValueError, match="bytes cannot be written in the middle"),
    ):
        stream.send_file(file)


def test_what_is_not_connected_sends_none(path: Path) -> None:
    with path.open("rb") as file:
        with make_socket() as sock, pytest.raises(NotConnected, match=r"^send_file"):
            sock.send_file(file)
        with stream_and_peer() as (stream, _):
            stream.shutdown(write=True)
            with pytest.raises(EndpointShutdown):
                stream.send_file(file)
            stream.close()
            with pytest.raises(SocketClosed):
                stream.send_file(file)


# -- large ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["buffered", "for writing, too"])
@pytest.mark.slow
@pytest.mark.alone
def test_a_large_file_takes_no_memory(sending: Any, kind: str, tmp_path: Path) -> None:
    size = 100_000_000
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(size)
    stream, peer = sending
    most = 0

    def look(sent: int) -> None:
        nonlocal most
        if sent // 20_000_000 != (sent - 65_536) // 20_000_000:
            most = max(most, held())

    def receive() -> int:
        buffer, received = bytearray(1 << 20), 0
        while received < size and (count := peer.recv_into(buffer)):
            received += count
        return received

    with memory_held() as held, KINDS[kind](path) as file, Call(receive) as got:
        assert stream.send_file(file, progress=look) == size
        assert got.result() == size
    assert 0 < most < 4_000_000


# The receiver cuts the connection off at random; the sender goes on at what the receiver has got.
CUT_OFF = """
import contextlib, queue, random, socket, sys, threading
from trunkline import *

path, size, step, seed = sys.argv[1], *map(int, sys.argv[2:])
dice = random.Random(seed)
listener = make_socket(connect="passive", local_host="127.0.0.1")
wanted = queue.SimpleQueue()  # from where on, each time that a connection is over
seen = 0

def receive():
    global seen
    # Before what comes there are 7 bytes more: of a mark that has begun there.
    buffer, at = bytearray(7 + (1 << 20)), 0
    view = memoryview(buffer)[7:]
    while at < size:
        wanted.put(at)
        peer = socket.create_connection(("127.0.0.1", listener.local_port))
        enough = at + dice.randrange(size // 10)
        while at < min(size, enough) and (count := peer.recv_into(view)):
            begin, at = at - 7, at + count
            # Here and there is something; all else is a hole.
            for mark in range(-(-begin // step) * step, at - 7, step):
                found = buffer[mark - begin : mark - begin + 8]
                assert found == mark.to_bytes(8, "big"), (mark, found)
                seen += 1
            buffer[:7] = buffer[count : count + 7]
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\\1\\0\\0\\0\\0\\0\\0\\0")
        peer.close()
    wanted.put(at)

receiver = threading.Thread(target=receive, daemon=True)
receiver.start()
connections = may_have_come = 0
with open(path, "rb") as file:
    while (offset := wanted.get(timeout=60)) < size:
        assert offset <= may_have_come
        with listener.accept(timeout=60) as connection:
            connections += 1
            try:
                sent = connection.send_file(file, offset=offset)
            except (Hangup, ConnectionReset) as error:
                may_have_come = offset + error.sent
                continue
            may_have_come = offset + sent
            assert may_have_come == size
            with contextlib.suppress(Hangup, ConnectionReset):
                connection.shutdown(write=True)
                connection.read()
receiver.join()
print(seen, connections)
with open("/proc/self/status") as status:
    print(next(line.split()[1] for line in status if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells how much memory it takes")
@pytest.mark.parametrize(
    "size",
    [
        pytest.param(200_000_000, id="200 MB", marks=pytest.mark.slow),
        pytest.param(
            10_000_000_000, id="10 GB", marks=[pytest.mark.soak, pytest.mark.timeout(900)]
        ),
    ],
)
@pytest.mark.exact_io("it is about a great many bytes")
def test_a_file_that_is_cut_off_is_resumed(size: int, tmp_path: Path) -> None:
    path, marks = tmp_path / "sparse", range(0, size - 7, 999_983)
    with path.open("wb") as file:
        for mark in marks:
            file.seek(mark)
            file.write(mark.to_bytes(8, "big"))
        file.truncate(size)
    arguments = path, size, marks.step, random.randrange(10**9)
    done = subprocess.run(
        [sys.executable, "-c", CUT_OFF, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=850,
        check=False,
    )
    assert done.stderr == ""
    seen, connections, kilobytes = map(int, done.stdout.split())
    assert seen == len(marks)
    assert connections > 3
    assert kilobytes < 60_000
