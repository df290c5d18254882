"""An event base as an object: which backend it is on, how it is closed, what it tells of itself."""

import gc
import os
import resource
import sys
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from multiplex.helpers import UNDER_FAULTS, Channel, Noting, at_once, looks_once, open_channel
from sockets.helpers import no_descriptors_left, stream_and_peer
from support.leaks import open_descriptors
from support.processes import Program
from support.timing import MS, PATIENCE

from trunkline import EventBase, SocketClosed, TooManyOpenFiles, available_backends
from trunkline.testing.clock import ManualClock

# -- backends --------------------------------------------------------------------------------------


def test_this_system_has_backends_and_the_best_one_is_first() -> None:
    backends = available_backends()
    assert set(backends) <= {"epoll", "kqueue", "poll", "select"}
    assert "select" in backends
    if sys.platform == "linux":
        assert backends == ("epoll", "poll", "select")


def test_an_event_base_is_on_the_backend_it_is_told(backend: str) -> None:
    with EventBase(backend=backend) as base:
        assert base.statistics().backend == backend
        assert repr(base) == f"<EventBase on {backend}: 0 handlers, 0 timers>"


def test_an_event_base_is_on_the_best_backend_by_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TRUNKLINE_BACKEND", raising=False)
    with EventBase() as base:
        assert base.statistics().backend == available_backends()[0]


SHOW_BACKEND = """
from trunkline import EventBase
with EventBase() as base:
    print(base.statistics().backend)
"""


@pytest.mark.skipif(UNDER_FAULTS, reason="we could not read what the program prints")
@pytest.mark.slow
def test_the_environment_forces_a_backend(backend: str) -> None:
    environment = {**os.environ, "TRUNKLINE_BACKEND": backend}
    with Program([sys.executable, "-c", SHOW_BACKEND], env=environment) as program:
        assert program.read_to_end() == f"{backend}\n"
        assert program.wait() == 0


def test_what_the_program_says_comes_before_the_environment(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUNKLINE_BACKEND", "select" if backend != "select" else "poll")
    with EventBase(backend=backend) as base:
        assert base.statistics().backend == backend


@pytest.mark.parametrize("by_environment", [False, True])
def test_an_unknown_backend_is_an_error_that_names_the_known_ones(
    monkeypatch: pytest.MonkeyPatch, by_environment: bool
) -> None:
    if by_environment:
        monkeypatch.setenv("TRUNKLINE_BACKEND", "carrier pigeon")
    with pytest.raises(ValueError, match=r"'carrier pigeon'; there are .*select"):
        EventBase(backend=None if by_environment else "carrier pigeon")


@pytest.mark.parametrize("spare", [0, 1, 2])
def test_without_descriptors_there_is_no_event_base_and_none_is_lost(
    backend: str, spare: int
) -> None:
    needed = 3 if backend == "epoll" else 2
    EventBase(backend=backend).close()  # whose module takes a descriptor to be imported
    before = open_descriptors()
    with no_descriptors_left(spare):
        if spare < needed:
            with pytest.raises(TooManyOpenFiles):
                EventBase(backend=backend)
        else:
            EventBase(backend=backend).close()
    assert open_descriptors() == before


# -- descriptors beyond select's limit -------------------------------------------------------------

LARGE = 1024


def with_large_numbers() -> int:
    """Let this process have descriptors beyond select's limit, if it may; return the old limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < LARGE + 100:
        pytest.skip("this process may not have so many descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, LARGE + 100), hard))
    return soft


@pytest.fixture
def large_number() -> Any:
    """A number beyond select's limit, which is free."""
    soft = with_large_numbers()
    yield LARGE + 7
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )


def test_a_number_too_large_for_the_backend_is_refused_and_no_other_is(
    base: EventBase, pair: Channel, large_number: int
) -> None:
    handler = Noting()
    base.set_io_handler(pair.reader, "read", handler)
    with open_channel() as large:
        os.dup2(large.reader, large_number)
        large.close_reader()
        large.reader = large_number
        large.send()
        pair.send()
        if base.statistics().backend == "select":
            with pytest.raises(TooManyOpenFiles, match=f"descriptor {large_number}.*below 1024"):
                base.set_io_handler(large_number, "read", handler)
            assert base.fd_monitored(large_number, "read") is None
        else:
            base.set_io_handler(large_number, "read", handler)
        assert base.statistics().handlers == (1 if base.statistics().backend == "select" else 2)
        base.dispatch(one_shot=True, timeout=PATIENCE)
        assert (pair.reader, "read", None) in handler.calls
        base.remove_fd_handlers(large_number)


def test_an_event_base_whose_own_descriptors_are_too_large_is_refused_and_leaves_none(
    backend: str, large_number: int
) -> None:
    taken = [os.dup(0)]
    try:
        while taken[-1] < LARGE:
            taken.append(os.dup(0))
        before = open_descriptors()
        if backend == "select":
            with pytest.raises(TooManyOpenFiles):
                EventBase(backend=backend)
        else:
            EventBase(backend=backend).close()
        assert open_descriptors() == before
    finally:
        for number in taken:
            os.close(number)


# -- closing ---------------------------------------------------------------------------------------


def test_closing_leaves_nothing_and_may_be_repeated(backend: str, pair: Channel) -> None:
    before = open_descriptors()
    base = EventBase(backend=backend)
    base.set_io_handler(pair.reader, "read", Noting(), timeout=5)
    base.add_timer(lambda: None, 5)
    base.call_soon(lambda: None)
    base.close()
    base.close()
    assert base.closed
    assert base.is_empty
    assert repr(base) == "<EventBase, closed>"
    assert open_descriptors() == before


def test_what_was_monitored_stays_open(backend: str, channel: Channel) -> None:
    with EventBase(backend=backend) as base:
        base.set_io_handler(channel.reader, "read", Noting())
        base.set_io_handler(channel.writer, "write", Noting())
    channel.send(b"still here")
    assert channel.receive_exactly(10) == b"still here"


def test_a_stream_that_was_monitored_stays_open(backend: str) -> None:
    with stream_and_peer() as (stream, peer):
        with EventBase(backend=backend) as base:
            base.set_io_handler(stream, "read", Noting())
        peer.sendall(b"still here\n")
        assert stream.read_line() == "still here"


def test_a_with_block_closes_whatever_happens(backend: str) -> None:
    with pytest.raises(KeyError), EventBase(backend=backend) as base:
        raise KeyError
    assert base.closed


@pytest.mark.parametrize("where", ["handler", "timeout", "timer", "deferred"])
def test_an_event_base_may_be_closed_by_what_it_calls(
    backend: str, pair: Channel, where: str
) -> None:
    with EventBase(backend=backend) as base, open_channel() as other:
        late = Noting()
        closing = Noting(base.close)
        if where == "handler":
            pair.send()
            other.send()
            base.set_io_handler(pair.reader, "read", closing)
            base.set_io_handler(pair.reader, "write", late)
        elif where == "timeout":
            base.set_io_handler(pair.reader, "read", closing, timeout=1 * MS)
        elif where == "timer":
            base.add_timer(base.close, 1 * MS)
            base.add_timer(lambda: late(0, "read", None), 1 * MS)
        else:
            base.call_soon(base.close)
            base.call_soon(late, 0, "read", None)
        with at_once():
            base.dispatch(timeout=PATIENCE)
        assert base.closed
        assert not late.calls


def test_an_event_base_closed_by_a_handler_calls_nobody_else(backend: str) -> None:
    with EventBase(backend=backend) as base, open_channel() as one, open_channel() as two:
        handler = Noting(base.close)
        for channel in (one, two):
            base.set_io_handler(channel.reader, "read", handler)
            channel.send()
        base.call_soon_threadsafe(handler, 0, "read", None)
        base.dispatch(timeout=PATIENCE)
        assert len(handler.calls) == 1


@pytest.mark.parametrize(
    "operation",
    [
        lambda base, fd: base.set_io_handler(fd, "read", Noting()),
        lambda base, fd: base.add_timer(print, 1),
        lambda base, fd: base.call_soon(print),
        lambda base, fd: base.call_soon_threadsafe(print),
        lambda base, fd: base.dispatch(timeout=0),
        lambda base, fd: base.exit(delay=1),
    ],
    ids=["set_io_handler", "add_timer", "call_soon", "threadsafe", "dispatch", "exit later"],
)
def test_a_closed_event_base_does_nothing_more(
    base: EventBase, pair: Channel, operation: Callable[[EventBase, int], object]
) -> None:
    base.close()
    with pytest.raises(SocketClosed, match="the event base is closed"):
        operation(base, pair.reader)


def test_a_closed_event_base_has_nothing_left_to_remove(base: EventBase, pair: Channel) -> None:
    base.set_io_handler(pair.reader, "read", Noting())
    timer = base.add_timer(print, 1)
    base.close()
    assert base.remove_fd_handlers(pair.reader) is False
    assert base.remove_timer(timer) is False
    assert base.fd_monitored(pair.reader, "read") is None
    base.exit()


# -- statistics ------------------------------------------------------------------------------------


def test_what_there_is_is_counted(base: EventBase, pair: Channel) -> None:
    base.set_io_handler(pair.reader, "read", Noting(), timeout=600)
    base.set_io_handler(pair.reader, "error", Noting())
    timer = base.add_timer(lambda: None, 600)
    base.add_timer(lambda: None, 600)
    base.call_soon(lambda: None)
    counts = base.statistics()
    assert (counts.handlers, counts.timers, counts.deferred) == (2, 2, 1)
    assert repr(base) == f"<EventBase on {counts.backend}: 2 handlers, 2 timers>"
    base.remove_timer(timer)
    base.remove_fd_handlers(pair.reader)
    base.dispatch(timeout=0)
    counts = base.statistics()
    assert (counts.handlers, counts.timers, counts.deferred) == (0, 1, 0)


@looks_once
def test_iterations_and_callbacks_are_counted(
    timed_base: EventBase, clock: ManualClock, pair: Channel
) -> None:
    timed_base.set_io_handler(pair.reader, "read", Noting())
    timed_base.set_io_handler(pair.writer, "read", Noting(), timeout=5)
    timed_base.add_timer(lambda: None, 5)
    timed_base.call_soon(lambda: None)
    pair.send()
    clock.advance(5)
    timed_base.dispatch(one_shot=True)
    counts = timed_base.statistics()
    assert (counts.iterations, counts.callbacks) == (1, 4)
    pair.receive()
    timed_base.dispatch(timeout=0)
    counts = timed_base.statistics()
    assert (counts.iterations, counts.callbacks) == (2, 4)


def test_statistics_are_a_look_and_do_not_change(base: EventBase) -> None:
    before = base.statistics()
    base.dispatch(timeout=0)
    assert before.iterations == 0
    assert base.statistics().iterations == 1
    with pytest.raises(AttributeError):
        before.iterations = 5  # type: ignore[misc]


def test_time_is_not_measured_unless_it_is_asked_for(base: EventBase) -> None:
    base.call_soon(lambda: None)
    base.dispatch(timeout=0)
    assert base.statistics().longest_callback is None
    assert base.statistics().time_waiting is None


@looks_once
def test_the_longest_callback_is_measured(backend: str, clock: ManualClock, pair: Channel) -> None:
    with EventBase(backend=backend, clock=clock, collect_timing=True) as base:
        assert base.statistics().longest_callback == 0
        lengths = {"handler": 1.0, "timer": 3.0, "deferred": 2.0}
        handler = Noting(lambda: clock.advance(lengths["handler"]))
        base.set_io_handler(pair.reader, "read", handler, one_shot=True)
        base.add_timer(lambda: clock.advance(lengths["timer"]), 0, one_shot=True)
        base.call_soon(clock.advance, lengths["deferred"])
        pair.send()
        base.dispatch(one_shot=True)
        assert base.statistics().longest_callback == pytest.approx(3.0)
        assert base.statistics().callbacks == 3
        assert handler.calls == [(pair.reader, "read", None)]


def test_a_callback_that_fails_is_measured_too(backend: str, clock: ManualClock) -> None:
    def stumble() -> None:
        clock.advance(4)
        raise KeyError

    with EventBase(backend=backend, clock=clock, collect_timing=True) as base:
        base.call_soon(stumble)
        with pytest.raises(KeyError):
            base.dispatch(timeout=0)
        assert base.statistics().longest_callback == pytest.approx(4)


def test_the_time_spent_waiting_is_measured(backend: str) -> None:
    with EventBase(backend=backend, collect_timing=True) as base:
        assert base.statistics().time_waiting == 0
        base.dispatch(timeout=20 * MS, min_step=20 * MS)
        waiting = base.statistics().time_waiting
        assert waiting is not None
        assert 20 * MS <= waiting < PATIENCE


# -- the five things that an event base must be able to do -----------------------------------------


def test_dispatch_with_no_time_on_an_empty_event_base_returns(base: EventBase) -> None:
    with at_once():
        base.dispatch(timeout=0)


def test_a_timer_far_off_is_not_called_by_a_dispatch_without_time(base: EventBase) -> None:
    called: list[int] = []
    base.add_timer(lambda: called.append(1), 30)
    with at_once():
        base.dispatch(timeout=0)
    assert not called


def test_a_timer_of_no_time_is_called_by_a_one_shot_dispatch(base: EventBase) -> None:
    called: list[int] = []
    base.add_timer(lambda: called.append(1), 0)
    with at_once():
        base.dispatch(one_shot=True)
    assert called == [1]


def test_a_timer_is_called_within_a_dispatch_that_takes_longer(base: EventBase) -> None:
    called: list[int] = []
    base.add_timer(lambda: called.append(1), 15 * MS, one_shot=True)
    base.dispatch(timeout=20 * MS)
    assert called == [1]


@pytest.mark.skipif(UNDER_FAULTS, reason="receive_from says that it would block, as it should")
def test_a_connection_is_accepted_and_served_by_handlers(base: EventBase) -> None:
    """With nothing of the standard library: sockets, streams and event base work together."""
    from trunkline import ActiveSocket, make_socket

    buffer = bytearray(5)
    received: list[int] = []
    with make_socket(connect="passive", local_host="0.0.0.0", local_port=0) as passive:
        accepted: list[ActiveSocket] = []

        def accept(*_: object) -> None:
            connection = passive.accept(timeout=0)
            assert connection is not None
            accepted.append(connection)
            connection.send_to(bytes([1, 2, 3, 4]))

        def receive(*_: object) -> None:
            received.append(active.receive_from(buffer)[0])
            base.exit()

        base.set_io_handler(passive, "read", accept, one_shot=True)
        with make_socket(remote_host="127.0.0.1", remote_port=passive.local_port) as active:
            base.set_io_handler(active, "read", receive)
            base.add_timer(base.exit, 5, one_shot=True)
            base.dispatch()
        for connection in accepted:
            connection.close()
    assert received == [4]
    assert buffer == bytes([1, 2, 3, 4, 0])


# -- being forgotten ------------------------------------------------------------------------------


def test_an_event_base_that_is_forgotten_is_closed_with_a_warning(backend: str) -> None:
    base = EventBase(backend=backend)
    with open_channel() as channel:
        base.set_io_handler(channel.reader, "read", lambda *_: None)
        text = repr(base)
        before = len(os.listdir("/dev/fd"))
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del base
            gc.collect()
        assert [str(warning.message) for warning in caught] == [f"unclosed {text}"]
        assert len(os.listdir("/dev/fd")) < before


def test_an_event_base_that_was_closed_or_not_made_is_forgotten_in_silence(backend: str) -> None:
    EventBase(backend=backend).close()
    with pytest.raises(ValueError, match="no such backend"):
        EventBase(backend="none")
    with no_descriptors_left(spare=1), pytest.raises(TooManyOpenFiles):
        EventBase(backend=backend)
    gc.collect()
