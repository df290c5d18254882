"""The three time limits, by a clock that is moved by hand."""

import socket
from collections.abc import Callable
from typing import Any

import pytest
from multiplex.transport_helpers import (
    Recorder,
    connected,
    counting,
    run_until,
    settle,
    wait_for_input,
)
from support.peers import receive_exactly
from support.timing import MS

from trunkline import EventBase, TimedOut, TransportProtocol
from trunkline.multiplex.transport import Transport
from trunkline.testing.clock import ManualClock


def pass_time(base: EventBase, clock: ManualClock, seconds: float) -> None:
    """Let time pass in small steps, as it does."""
    for _ in range(10):
        clock.advance(seconds / 10)
        base.dispatch(timeout=0)
    settle(base)


def limit(which: str) -> Any:
    """Return the option for one of the limits, of ten seconds."""
    return {f"{which}_timeout": 10.0}


def receive(base: EventBase, transport: Transport, peer: socket.socket) -> None:
    peer.sendall(b"x")
    wait_for_input(transport)
    settle(base)


def test_nothing_times_out_by_default(timed_base: EventBase, clock: ManualClock) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol):
        pass_time(timed_base, clock, 1e9)
        assert protocol.names == ["connection_made"]
        assert timed_base.statistics().timers == 0


@pytest.mark.parametrize("which", ["idle", "read"])
def test_without_input_the_time_is_up(
    timed_base: EventBase, clock: ManualClock, which: str
) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol, **limit(which)) as (transport, peer):
        pass_time(timed_base, clock, 9)
        receive(timed_base, transport, peer)
        pass_time(timed_base, clock, 9)
        assert "timed_out" not in protocol.names
        pass_time(timed_base, clock, 2)
        assert protocol.got("timed_out") == [which]
        assert isinstance(protocol.loss, TimedOut)
        assert protocol.loss.deadline
        assert protocol.loss.operation == which
        assert timed_base.statistics().timers == 0


@pytest.mark.parametrize(("which", "counts"), [("idle", True), ("read", False)])
def test_output_counts_for_being_idle_only(
    timed_base: EventBase, clock: ManualClock, which: str, counts: bool
) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol, **limit(which)) as (transport, _):
        counting(transport).room = 100
        for write in (transport.write, lambda data: transport.writelines([data])):
            pass_time(timed_base, clock, 6)
            write(b"x")
        pass_time(timed_base, clock, 6)
        assert protocol.is_lost is not counts


def test_output_from_outside_of_the_loop_counts_from_when_it_was_sent(
    timed_base: EventBase, clock: ManualClock
) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol, idle_timeout=10.0) as (transport, _):
        counting(transport).room = 100
        pass_time(timed_base, clock, 9)
        clock.advance(0.9)
        transport.writelines([b"x", b"y"])
        pass_time(timed_base, clock, 9)
        assert not protocol.is_lost


def test_the_read_limit_does_not_count_while_reading_is_paused(
    timed_base: EventBase, clock: ManualClock
) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol, read_timeout=10.0) as (transport, _):
        pass_time(timed_base, clock, 8)
        transport.pause_reading()
        pass_time(timed_base, clock, 100)
        transport.resume_reading()
        pass_time(timed_base, clock, 9)
        assert protocol.names == ["connection_made"]
        pass_time(timed_base, clock, 12)
        assert protocol.got("timed_out") == ["read"]


def test_to_pause_and_resume_is_nothing_that_moves(
    timed_base: EventBase, clock: ManualClock
) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol, idle_timeout=10.0) as (transport, _):
        counting(transport).room = 0
        transport.write(b"queued")
        for pause, resume in (
            (transport.pause_reading, transport.resume_reading),
            (transport.hold_output, transport.release_output),
        ):
            pass_time(timed_base, clock, 4)
            pause()
            resume()
        pass_time(timed_base, clock, 4)
        assert protocol.got("timed_out") == ["idle"]


def test_nor_after_the_end_of_the_input(timed_base: EventBase, clock: ManualClock) -> None:
    protocol = Recorder(keep_open=True)
    with connected(timed_base, protocol, read_timeout=10.0) as (_, peer):
        peer.shutdown(socket.SHUT_WR)
        run_until(timed_base, lambda: "eof_received" in protocol.names)
        pass_time(timed_base, clock, 100)
        assert not protocol.is_lost


def test_the_write_limit_counts_while_something_is_queued(
    timed_base: EventBase, clock: ManualClock
) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol, write_timeout=10.0) as (transport, peer):
        descriptor = counting(transport)
        pass_time(timed_base, clock, 100)
        descriptor.room = 0
        transport.write(b"abc")
        pass_time(timed_base, clock, 9)
        descriptor.room = 1
        settle(timed_base)
        pass_time(timed_base, clock, 9)
        assert protocol.names == ["connection_made"]
        receive(timed_base, transport, peer)  # which does not help
        pass_time(timed_base, clock, 12)
        assert protocol.got("timed_out") == ["write"]
        assert isinstance(protocol.loss, TimedOut)
        assert receive_exactly(peer, 3) == b"a"


@pytest.mark.parametrize("writer", ["a callback", "writelines", "write"])
def test_the_write_limit_begins_when_something_is_queued_first(
    timed_base: EventBase, clock: ManualClock, writer: str
) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol, write_timeout=10.0) as (transport, peer):
        counting(transport).room = 0
        pass_time(timed_base, clock, 9)
        clock.advance(100)
        if writer == "a callback":
            protocol.then["data_received"] = lambda data: transport.write(b"x")
            receive(timed_base, transport, peer)
        elif writer == "writelines":
            transport.writelines([b"x", b"y"])
        else:
            transport.write(b"x")
        settle(timed_base)
        pass_time(timed_base, clock, 9)
        assert "timed_out" not in protocol.names
        pass_time(timed_base, clock, 12)
        assert protocol.got("timed_out") == ["write"]


def test_the_write_limit_holds_while_closing(timed_base: EventBase, clock: ManualClock) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol, write_timeout=10.0) as (transport, _):
        counting(transport).room = 0
        transport.write(b"x")
        transport.close()
        pass_time(timed_base, clock, 21)
        assert isinstance(protocol.loss, TimedOut)


@pytest.mark.parametrize(("which", "counts"), [("idle", True), ("read", True), ("write", False)])
def test_while_connecting_idle_and_read_count(
    timed_base: EventBase, clock: ManualClock, which: str, counts: bool
) -> None:
    protocol = Recorder()
    transport = Transport(timed_base, protocol, **limit(which))
    given_up: list[str] = []
    transport._begin_connecting(lambda: given_up.append("x"), "the server")
    transport.write(b"queued")
    pass_time(timed_base, clock, 25)
    assert protocol.is_lost is counts
    assert given_up == ["x"] * counts
    transport.abort()
    settle(timed_base)


@pytest.mark.parametrize("which", ["idle", "read", "write"])
def test_true_means_to_go_on_for_as_long_again(
    timed_base: EventBase, clock: ManualClock, which: str
) -> None:
    protocol = Recorder(timed_out=lambda which: protocol.names.count("timed_out") < 3)
    with connected(timed_base, protocol, **limit(which)) as (transport, _):
        counting(transport).room = 0
        transport.write(b"x")
        for count in (1, 2, 3):
            pass_time(timed_base, clock, 9)
            assert protocol.names.count("timed_out") == count - 1
            assert not protocol.is_lost
            pass_time(timed_base, clock, 1.5)
            assert protocol.got("timed_out") == [which] * count
        assert isinstance(protocol.loss, TimedOut)


def test_several_limits_count_by_themselves(timed_base: EventBase, clock: ManualClock) -> None:
    protocol = Recorder(timed_out=lambda which: True)
    with connected(timed_base, protocol, idle_timeout=30.0, read_timeout=10.0) as (transport, _):
        counting(transport).room = 100
        for _ in range(9):
            pass_time(timed_base, clock, 5)
            transport.write(b"x")
        assert protocol.got("timed_out") == ["read"] * 4
        pass_time(timed_base, clock, 40)
        assert protocol.got("timed_out").count("idle") == 1


def test_limits_may_be_set_anew_at_any_time(timed_base: EventBase, clock: ManualClock) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol, idle_timeout=10.0) as (transport, _):
        pass_time(timed_base, clock, 9)
        transport.set_timeouts(idle=5)
        pass_time(timed_base, clock, 4)
        transport.set_timeouts()
        pass_time(timed_base, clock, 1000)
        assert protocol.names == ["connection_made"]
        assert timed_base.statistics().timers == 0
        transport.set_timeouts(read=5)
        pass_time(timed_base, clock, 6)
        assert protocol.got("timed_out") == ["read"]
        transport.set_timeouts(read=5)  # too late to matter
        assert timed_base.statistics().timers == 0


def test_also_in_the_callback_itself(timed_base: EventBase, clock: ManualClock) -> None:
    def extend(which: str) -> bool:
        protocol.transport.set_timeouts(idle=100, write=50)
        return True

    protocol = Recorder(timed_out=extend)
    with connected(timed_base, protocol, idle_timeout=10.0):
        pass_time(timed_base, clock, 11)
        pass_time(timed_base, clock, 98)
        assert protocol.got("timed_out") == ["idle"]
        pass_time(timed_base, clock, 12)
        assert protocol.got("timed_out") == ["idle"] * 2


@pytest.mark.parametrize("bad", [0, -1, float("nan"), "1", True])
@pytest.mark.parametrize("which", ["idle", "read", "write"])
def test_a_limit_that_is_none_is_refused(timed_base: EventBase, which: str, bad: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Transport(timed_base, TransportProtocol(), **{f"{which}_timeout": bad})
    with connected(timed_base, Recorder(), idle_timeout=10.0) as (transport, _):
        with pytest.raises((TypeError, ValueError)):
            transport.set_timeouts(**{which: bad})
        assert timed_base.statistics().timers == 1  # the old limit holds


ENDINGS: dict[str, Callable[[Transport], None]] = {
    "close": Transport.close,
    "abort": Transport.abort,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_connection_that_is_over_leaves_no_timer(
    timed_base: EventBase, clock: ManualClock, ending: str
) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol, idle_timeout=10.0) as (transport, _):
        ENDINGS[ending](transport)
        assert timed_base.statistics().timers == 0
        pass_time(timed_base, clock, 100)
        assert protocol.names == ["connection_made", "connection_lost"]


def test_with_a_real_clock(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol, idle_timeout=20 * MS):
        run_until(base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TimedOut)


def test_on_a_closed_event_base_limits_may_be_set_and_nobody_looks(backend: str) -> None:
    with EventBase(backend=backend) as base, connected(base, Recorder()) as (transport, _):
        base.close()
        transport.set_timeouts(idle=1, read=1)
        with pytest.raises(ValueError, match="idle"):
            transport.set_timeouts(idle=0)
        assert transport.is_connected
