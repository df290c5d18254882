"""What callbacks raise, and the context that they are called in."""

import contextlib
import contextvars
import logging
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from multiplex.transport_helpers import (
    Failure,
    Recorder,
    connected,
    counting,
    failures_of,
    run_until,
    settle,
    then,
)
from support.peers import receive_exactly, reset

from trunkline import EventBase, adopt, make_socket_pair
from trunkline.multiplex.transport import Transport

# Each callback, and the delivery in which it is called.
OCCASIONS = [
    ("connection_made", "bytes"),
    ("data_received", "bytes"),
    ("text_received", "text"),
    ("line_received", "lines"),
    ("get_buffer", "buffer"),
    ("buffer_updated", "buffer"),
    ("input_failed", "lines"),
    ("eof_received", "bytes"),
    ("pause_writing", "bytes"),
    ("resume_writing", "bytes"),
    ("timed_out", "bytes"),
    ("connection_lost", "bytes"),
]


class OneRaise:
    """Raises, the first time that it is called."""

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException | None = error

    def __call__(self, *args: Any) -> None:
        error, self.error = self.error, None
        if error is not None:
            raise error


def options_for(name: str) -> dict[str, Any]:
    options: dict[str, Any] = {"high_water": 1}
    if name == "timed_out":
        options["idle_timeout"] = 0.0001
    if name == "text_received":
        options["external_format"] = "latin-1"
    return options


def provoke(base: EventBase, transport: Transport, peer: socket.socket) -> None:
    """Do what lets every callback be called."""
    queue_something(transport)
    settle(base)
    with contextlib.suppress(OSError):  # it may be over
        peer.sendall(b"one\ntwo\n\xff\n")
        settle(base)
        peer.shutdown(socket.SHUT_WR)
    settle(base)


@pytest.mark.parametrize(("name", "delivery"), OCCASIONS)
def test_what_a_callback_raises_ends_its_own_connection_and_no_other(
    base: EventBase, name: str, delivery: Any
) -> None:
    failures = failures_of(base)
    error = Failure()
    protocol, other = Recorder(**then(name, OneRaise(error))), Recorder()
    with (
        connected(base, other) as (_, others_peer),
        connected(base, protocol, delivery=delivery, **options_for(name)) as (transport, peer),
    ):
        if name != "timed_out":
            provoke(base, transport, peer)
        run_until(base, lambda: protocol.is_lost)
        assert failures == [(error, transport)]
        if name == "connection_lost":
            assert protocol.loss is None
        else:
            assert protocol.loss is error
        assert transport.fileno() == -1
        others_peer.sendall(b"?")
        run_until(base, lambda: other.data == b"?")
        assert other.names == ["connection_made", "data_received"]


def test_by_default_it_is_logged_with_the_peers_name(
    base: EventBase, caplog: pytest.LogCaptureFixture
) -> None:
    protocol = Recorder(data_received=OneRaise(Failure("told you")))
    with connected(base, protocol, socket.AF_INET) as (transport, peer):
        name = str(transport.remote_name)
        peer.sendall(b"x")
        run_until(base, lambda: protocol.is_lost)
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert name in record.getMessage()
    assert "told you" in caplog.text


def test_what_was_gathered_is_dropped_when_the_callback_raises(base: EventBase) -> None:
    def fail(data: bytes) -> None:
        protocol.transport.write(b"half an answer")
        raise Failure

    protocol = Recorder(data_received=fail)
    failures_of(base)
    with connected(base, protocol) as (_, peer):
        peer.sendall(b"x")
        run_until(base, lambda: protocol.is_lost)
        peer.settimeout(0.5)
        assert receive_exactly_or_reset(peer) == b""


def receive_exactly_or_reset(peer: socket.socket) -> bytes:
    try:
        return receive_exactly(peer, 100)
    except ConnectionResetError:  # it had not read everything
        return b""


def test_a_hook_that_raises_comes_out_and_the_connection_is_over(base: EventBase) -> None:
    def hook(error: Exception, where: Any) -> None:
        raise RuntimeError("a bad hook")

    base.exception_handler = hook
    protocol = Recorder(data_received=OneRaise(Failure()))
    with connected(base, protocol) as (_, peer):
        peer.sendall(b"x")
        with pytest.raises(RuntimeError, match="a bad hook"):
            run_until(base, lambda: protocol.is_lost)
        settle(base)
        assert isinstance(protocol.loss, Failure)


# ---- Ctrl-C ----


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize(("name", "delivery"), OCCASIONS)
def test_ctrl_c_comes_out_and_everything_can_go_on(
    base: EventBase, name: str, delivery: Any, error: type[BaseException]
) -> None:
    failures = failures_of(base)
    protocol = Recorder(keep_open=True, **then(name, OneRaise(error())))
    interruptions: list[BaseException] = []

    def go(action: Callable[..., Any], *args: Any) -> None:
        for call in (partial(action, *args), partial(settle, base), partial(settle, base)):
            try:
                call()
            except error as interruption:
                interruptions.append(interruption)
            except OSError:
                assert name == "timed_out", "only then, the connection may be over by now"

    options = options_for(name)
    with (
        connected(base, Recorder()) as (donor, peer),
        connected(base, protocol, delivery=delivery, attach=False, **options) as (transport, _),
    ):
        donor.pause_reading()
        go(transport._attach, counting(donor), donor.remote_name)
        go(queue_something, transport)
        go(peer.sendall, b"one\ntwo\nthree\n")
        if name == "input_failed":
            go(peer.sendall, b"\xff\n")
        if name == "timed_out":
            go(run_until, base, lambda: "timed_out" in protocol.names)
            go(run_until, base, lambda: protocol.is_lost)
        go(peer.shutdown, socket.SHUT_WR)
        if name == "input_failed":
            # It was told, and reading is paused; it was not told what to do.
            assert transport.is_connected
            transport.set_delivery("bytes")
            transport.resume_reading()
            settle(base)
            assert protocol.everything == b"one\ntwo\nthree\n\xff\n"
        go(transport.close)
        assert len(interruptions) == 1
        assert failures == []
        assert protocol.names.count("connection_lost") == 1
        if name != "timed_out":
            assert protocol.loss is None
            assert protocol.everything.startswith(b"one\ntwo\nthree\n")
            assert protocol.names.count("eof_received") == 1


def queue_something(transport: Transport) -> None:
    if transport.descriptor is not None:
        descriptor = counting(transport)
        descriptor.room = 0
        try:
            transport.write(b"to be queued")
        finally:
            descriptor.room = None


def test_ctrl_c_in_the_middle_of_a_batch_loses_no_line(base: EventBase) -> None:
    def interrupt(line: str) -> None:
        if line == "2":
            raise KeyboardInterrupt

    protocol = Recorder(line_received=interrupt)
    with connected(base, protocol, delivery="lines") as (_, peer):
        peer.sendall(b"1\n2\n3\n4\n")
        peer.shutdown(socket.SHUT_WR)
        with pytest.raises(KeyboardInterrupt):
            run_until(base, lambda: protocol.is_lost)
        assert protocol.lines == ["1", "2"]
        run_until(base, lambda: protocol.is_lost)
        assert protocol.lines == ["1", "2", "3", "4"]
        assert protocol.loss is None


def test_ctrl_c_in_the_last_half_line_loses_no_end(base: EventBase) -> None:
    protocol = Recorder(line_received=OneRaise(KeyboardInterrupt()))
    with connected(base, protocol, delivery="lines") as (_, peer):
        peer.sendall(b"half")
        peer.shutdown(socket.SHUT_WR)
        with pytest.raises(KeyboardInterrupt):
            run_until(base, lambda: protocol.is_lost)
        run_until(base, lambda: protocol.is_lost)
        assert protocol.names[1:] == ["line_received", "eof_received", "connection_lost"]


def test_ctrl_c_in_connection_made_leaves_a_connection_that_reads(base: EventBase) -> None:
    protocol = Recorder(connection_made=OneRaise(KeyboardInterrupt()))
    with (
        connected(base, Recorder()) as (donor, peer),
        connected(base, protocol, attach=False) as (transport, _),
    ):
        donor.pause_reading()
        with pytest.raises(KeyboardInterrupt):
            transport._attach(counting(donor), donor.remote_name)
        peer.sendall(b"x")
        run_until(base, lambda: protocol.data == b"x")
        transport.abort()


def test_ctrl_c_does_not_stop_the_time_limits(base: EventBase) -> None:
    protocol = Recorder(timed_out=OneRaise(KeyboardInterrupt()))
    with connected(base, protocol, idle_timeout=0.001) as (_, _):
        with pytest.raises(KeyboardInterrupt):
            run_until(base, lambda: protocol.is_lost)
        run_until(base, lambda: protocol.is_lost)
        assert protocol.names.count("timed_out") == 2


# ---- Contexts ----

VARIABLE = contextvars.ContextVar("VARIABLE", default="outside")


@pytest.mark.parametrize(("name", "delivery"), OCCASIONS)
def test_each_callback_is_called_in_the_context(base: EventBase, name: str, delivery: Any) -> None:
    context = contextvars.copy_context()
    context.run(VARIABLE.set, "inside")
    seen: list[str] = []
    protocol = Recorder(**then(name, lambda *args: seen.append(VARIABLE.get())))
    options = {**options_for(name), "context": context}
    with connected(base, protocol, delivery=delivery, **options) as (transport, peer):
        if name != "timed_out":
            provoke(base, transport, peer)
        if name == "connection_lost":
            transport.abort()
        run_until(base, lambda: seen)
    assert set(seen) == {"inside"}
    assert VARIABLE.get() == "outside"


def test_callbacks_share_what_they_set_in_the_context(base: EventBase) -> None:
    seen: list[str] = []
    protocol = Recorder(
        connection_made=lambda transport: VARIABLE.set("set before"),
        data_received=lambda data: seen.append(VARIABLE.get()),
    )
    with connected(base, protocol, context=contextvars.copy_context()) as (_, peer):
        peer.sendall(b"x")
        run_until(base, lambda: seen)
    assert seen == ["set before"]
    assert VARIABLE.get() == "outside"


def test_pause_writing_can_be_called_from_inside_of_the_same_context(base: EventBase) -> None:
    failures = failures_of(base)
    context = contextvars.copy_context()
    context.run(VARIABLE.set, "inside")
    seen: list[str] = []
    protocol = Recorder(
        data_received=lambda data: protocol.transport.write(b"much too much"),
        pause_writing=lambda: seen.append(VARIABLE.get()),
    )
    with connected(base, protocol, context=context, high_water=1) as (_, peer):
        peer.sendall(b"x")
        run_until(base, lambda: "resume_writing" in protocol.names)
        assert receive_exactly(peer, 13) == b"much too much"
    assert seen == ["inside"]
    assert failures == []


def test_a_connection_can_begin_inside_of_the_same_context(base: EventBase) -> None:
    failures = failures_of(base)
    context = contextvars.copy_context()
    context.run(VARIABLE.set, "inside")
    seen: list[str] = []
    other = Recorder(connection_made=lambda transport: seen.append(VARIABLE.get()))
    near, far = make_socket_pair()
    with near, far:
        protocol = Recorder(data_received=lambda data: adopt(base, other, near, context=context))
        with connected(base, protocol, context=context) as (_, peer):
            peer.sendall(b"x")
            run_until(base, lambda: other.names)
            far.close()
            run_until(base, lambda: other.is_lost)
    assert other.names[0] == "connection_made"
    assert seen == ["inside"]
    assert failures == []


def test_a_protocol_that_takes_over_is_called_in_the_context_too(base: EventBase) -> None:
    context = contextvars.copy_context()
    context.run(VARIABLE.set, "inside")
    seen: list[str] = []
    second = Recorder(data_received=lambda data: seen.append(VARIABLE.get()))
    with connected(base, Recorder(), context=context) as (transport, peer):
        transport.set_protocol(second)
        peer.sendall(b"x")
        run_until(base, lambda: seen)
    assert seen == ["inside"]


# ---- Nothing is called from inside of anything else ----


def pause_and_resume(transport: Transport) -> None:
    transport.pause_reading()
    transport.resume_reading()


REENTRANT: dict[str, Callable[[Transport], object]] = {
    "write": lambda transport: transport.write(b"x"),
    "writelines": lambda transport: transport.writelines([b"x", b"y"]),
    "close": Transport.close,
    "abort": Transport.abort,
    "pause": Transport.pause_reading,
    "resume": pause_and_resume,
    "another form": lambda transport: transport.set_delivery("bytes"),
}


@pytest.mark.parametrize("call", REENTRANT)
@pytest.mark.parametrize("is_gone", [False, True])
@pytest.mark.parametrize(("name", "delivery"), OCCASIONS)
def test_no_callback_is_called_from_inside_of_another(
    base: EventBase, name: str, delivery: Any, call: str, is_gone: bool
) -> None:
    failures = failures_of(base)

    def act(*args: Any) -> None:
        if is_gone and peers[0].fileno() >= 0:
            reset(peers[0])
        REENTRANT[call](protocol.transport)

    protocol = Recorder(**then(name, act))
    options = options_for(name)
    del options["high_water"]
    options |= {"high_water": 3} if "writing" in name else {}
    peers: list[socket.socket] = []
    with (
        connected(base, protocol, socket.AF_INET, delivery=delivery, attach=False, **options) as (
            transport,
            _,
        ),
        connected(base, Recorder(), socket.AF_INET) as (donor, peer),
    ):
        peers.append(peer)
        donor.pause_reading()
        transport._attach(counting(donor), donor.remote_name)
        if name != "timed_out":
            provoke(base, transport, peer)
        else:
            run_until(base, lambda: "timed_out" in protocol.names)
        transport.abort()
        settle(base)
        assert name in protocol.names
        assert failures == []
        assert all(inner == "pause_writing" for _, inner in protocol.nested)
        assert protocol.names.count("connection_lost") == 1
        assert protocol.names[-1] == "connection_lost"
