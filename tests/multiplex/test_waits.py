"""Waiting for one descriptor, without an event base."""

import contextlib
import math
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from multiplex.helpers import Channel, Failure, at_once, fail, looks_once, open_channel
from multiplex.test_dispatch import interrupt, signals
from sockets.helpers import Call, stream_and_peer
from support.peers import reset, socket_pair
from support.timing import MS, PATIENCE

from trunkline import (
    Socket,
    SocketClosed,
    WouldBlock,
    fd_readable,
    fd_writable,
    make_socket,
    wait_until_fd_ready,
)
from trunkline.multiplex.waits import WaitEvent


@looks_once
def test_input_makes_a_descriptor_readable(channel: Channel) -> None:
    assert not fd_readable(channel.reader)
    channel.send()
    assert wait_until_fd_ready(channel.reader, timeout=PATIENCE).readable
    assert fd_readable(channel.reader)


@looks_once
def test_room_makes_a_descriptor_writable(channel: Channel) -> None:
    assert fd_writable(channel.writer)
    channel.fill()
    assert not fd_writable(channel.writer)


def test_a_wait_is_for_reading_by_default(pair: Channel) -> None:
    pair.send()
    assert wait_until_fd_ready(pair.reader, timeout=PATIENCE) == (True, False)


@pytest.mark.parametrize(
    ("event", "sent", "full", "expected"),
    [
        ("read", True, False, (True, False)),
        ("write", True, False, (False, True)),
        ("read_write", True, False, (True, True)),
        ("read_write", False, False, (False, True)),
        ("read_write", True, True, (True, False)),
        ("write", False, True, (False, False)),
        ("read", False, False, (False, False)),
    ],
)
def test_a_wait_tells_what_it_was_asked(
    pair: Channel, event: WaitEvent, sent: bool, full: bool, expected: tuple[bool, bool]
) -> None:
    """The descriptor is the one that writes; the other side sends it something."""
    if sent:
        os.write(pair.reader, b"x")
    if full:
        pair.fill()
    readiness = wait_until_fd_ready(pair.writer, event, timeout=10 * MS)
    assert readiness == expected
    assert (readiness.readable, readiness.writable) == expected
    assert bool(readiness) == any(expected)


def test_a_wait_ends_when_its_time_is_up(pair: Channel) -> None:
    start = time.monotonic()
    assert wait_until_fd_ready(pair.reader, timeout=20 * MS) == (False, False)
    assert time.monotonic() - start >= 20 * MS


def test_a_wait_without_limit_ends_when_something_comes(pair: Channel) -> None:
    with at_once(), Call(pair.send):
        assert wait_until_fd_ready(pair.reader).readable


def test_a_signal_does_not_shorten_a_wait(pair: Channel) -> None:
    start = time.monotonic()
    with signals(lambda: None) as received:
        assert wait_until_fd_ready(pair.reader, timeout=40 * MS) == (False, False)
        assert time.monotonic() - start >= 40 * MS
    assert received


def test_a_signal_handler_that_raises_ends_a_wait(pair: Channel) -> None:
    with pytest.raises(Failure), signals(fail, once=True):
        wait_until_fd_ready(pair.reader, timeout=600)


def test_ctrl_c_ends_a_wait(pair: Channel) -> None:
    with pytest.raises(KeyboardInterrupt), signals(interrupt, once=True):
        wait_until_fd_ready(pair.reader, timeout=600)


@looks_once
def test_a_hang_up_is_readable(channel: Channel) -> None:
    channel.close_writer()
    assert fd_readable(channel.reader)


def test_an_error_is_what_was_waited_for() -> None:
    """The next operation will raise it."""
    cases: list[tuple[WaitEvent, tuple[bool, bool]]] = [
        ("read", (True, False)),
        ("write", (False, True)),
    ]
    for event, expected in cases:
        with socket_pair(socket.AF_INET) as (mine, peer):
            reset(peer)
            assert wait_until_fd_ready(mine, event, timeout=PATIENCE) == expected


@looks_once
def test_the_writer_of_a_broken_pipe_is_ready() -> None:
    with open_channel("pipe") as channel:
        channel.fill()
        channel.close_reader()
        assert fd_writable(channel.writer)


@looks_once
def test_buffered_input_is_readable() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"one\ntwo\n")
        assert stream.read_line() == "one"
        assert fd_readable(stream)
        with at_once():
            assert wait_until_fd_ready(stream, timeout=600).readable
        assert not fd_readable(stream.fileno())
        assert wait_until_fd_ready(stream, "read_write", timeout=600) == (True, True)
        assert stream.read_line() == "two"
        assert not fd_readable(stream)


def test_buffered_input_is_not_room_to_write() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"one\ntwo\n")
        assert stream.read_line() == "one"
        assert wait_until_fd_ready(stream, "write", timeout=PATIENCE) == (False, True)


def closing(socket: Socket) -> None:
    socket.close(abort=True)


def handing_over(socket: Socket) -> None:
    socket.to_socket().close()


@pytest.mark.exact_io("an injected EAGAIN looks as if there were no room")
@pytest.mark.parametrize("event", ["read", "read_write"])
@pytest.mark.parametrize("end", [closing, handing_over])
def test_the_end_of_a_socket_in_another_thread_ends_a_wait(
    waiting: threading.Event, event: WaitEvent, end: Callable[[Socket], None]
) -> None:
    with stream_and_peer() as (stream, _):
        with contextlib.suppress(WouldBlock):
            while True:
                stream.send_to(bytes(65_536))
        with Call(wait_until_fd_ready, stream, event) as call:
            assert waiting.wait(PATIENCE)
            end(stream)
            with pytest.raises(SocketClosed, match=r"^wait "):
                call.result()


def test_so_does_that_of_a_server(waiting: threading.Event) -> None:
    with make_socket(connect="passive", local_host="127.0.0.1") as listener:
        name = listener.local_name
        with Call(wait_until_fd_ready, listener) as call:
            assert waiting.wait(PATIENCE)
            listener.close()
            with pytest.raises(SocketClosed, match=f"^wait {name}: "):
                call.result()


def test_a_number_that_is_used_again_is_not_taken_for_the_socket(waiting: threading.Event) -> None:
    """What the other file has to say is not the socket's."""
    with stream_and_peer() as (stream, _), open_channel() as other:
        number = stream.fileno()
        other.send()
        with Call(wait_until_fd_ready, stream) as call:
            assert waiting.wait(PATIENCE)
            stream.close(abort=True)
            reused = os.dup(other.reader)
            try:
                assert reused == number
                with pytest.raises(SocketClosed):
                    call.result()
            finally:
                os.close(reused)


def test_a_wait_for_a_socket_leaves_nothing_behind() -> None:
    with stream_and_peer() as (stream, _):
        before = len(os.listdir("/dev/fd"))
        for _ in range(3):
            assert not wait_until_fd_ready(stream, timeout=1 * MS)
        assert len(os.listdir("/dev/fd")) == before


def test_a_signal_does_not_shorten_a_wait_for_a_socket() -> None:
    with stream_and_peer() as (stream, _):
        start = time.monotonic()
        with signals(lambda: None) as received:
            assert not wait_until_fd_ready(stream, timeout=40 * MS)
            assert time.monotonic() - start >= 40 * MS
        assert received


def test_anything_with_fileno_can_be_waited_for() -> None:
    with make_socket(connect="passive", local_host="127.0.0.1") as listener:
        assert not fd_readable(listener)
        with make_socket(remote_host="127.0.0.1", remote_port=listener.local_port):
            assert wait_until_fd_ready(listener, timeout=PATIENCE).readable


def test_a_regular_file_and_a_directory_are_refused_as_by_an_event_base(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (tmp_path / "file").open() as file:
        with pytest.raises(ValueError, match="regular file, which is always ready"):
            fd_readable(file)
        number = os.open(tmp_path, os.O_RDONLY)
        try:
            with pytest.raises(ValueError, match="directory, which is always ready"):
                wait_until_fd_ready(number, timeout=1)
        finally:
            os.close(number)


def test_a_closed_descriptor_is_refused() -> None:
    with open_channel() as channel, stream_and_peer() as (stream, _):
        number = channel.reader
    for closed in (number, stream, -1):
        for look in (fd_readable, fd_writable, wait_until_fd_ready):
            with pytest.raises(SocketClosed):
                look(closed)


def test_the_arguments_of_a_wait_are_checked(pair: Channel) -> None:
    bad: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
        ((pair.reader, "error"), {}, ValueError, "read, write, read_write"),
        ((pair.reader,), {"timeout": -1}, ValueError, "negative"),
        ((pair.reader,), {"timeout": math.nan}, ValueError, "negative"),
        ((pair.reader,), {"timeout": "1"}, TypeError, "number of seconds"),
        (("0",), {}, TypeError, "descriptor"),
        ((2**31,), {}, ValueError, "31 bits at most, not 0x80000000"),
        ((None,), {}, TypeError, "descriptor"),
        ((True,), {}, TypeError, "descriptor"),
    ]
    for arguments, options, error, message in bad:
        with pytest.raises(error, match=message):
            wait_until_fd_ready(*arguments, **options)


def test_what_is_waited_for_comes_first(pair: Channel) -> None:
    with pytest.raises(TypeError, match="comes first"):
        wait_until_fd_ready("read", pair.reader)  # type: ignore[arg-type]
