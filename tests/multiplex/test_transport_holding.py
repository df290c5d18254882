"""Holding output back: nothing is sent, and no limit on writing counts, until it is released."""

import pytest
from multiplex.transport_helpers import (
    Recorder,
    assert_sent,
    connected,
    counting,
    fill,
    receive_while,
    run_until,
    settle,
)
from support.peers import receive_exactly

from trunkline import EventBase, TimedOut
from trunkline.testing.clock import ManualClock


def test_what_is_written_waits_until_it_is_released(base: EventBase) -> None:
    with connected(base, Recorder()) as (transport, peer):
        transport.hold_output()
        transport.hold_output()
        transport.write(b"one")
        transport.write(b"two")
        settle(base)
        assert transport.buffered_output == 6
        assert counting(transport).sent == []
        transport.release_output()
        transport.release_output()
        assert counting(transport).sent == []  # a little later
        settle(base)
        assert receive_exactly(peer, 6) == b"onetwo"
        transport.write(b"three")
        assert_sent(transport, b"onetwo", b"three")
        assert receive_while(base, peer, 5) == b"three"


def test_what_is_queued_already_waits_too(base: EventBase) -> None:
    with connected(base, Recorder()) as (transport, peer):
        data = fill(transport)
        sent = len(data) - transport.buffered_output
        transport.hold_output()
        assert receive_exactly(peer, sent) == data[:sent]
        settle(base)
        assert transport.buffered_output == len(data) - sent
        transport.release_output()
        assert receive_while(base, peer, len(data) - sent) == data[sent:]


def test_it_may_be_held_before_there_is_a_connection(base: EventBase) -> None:
    protocol = Recorder(connection_made=lambda transport: transport.hold_output())
    with connected(base, protocol) as (transport, peer):
        transport.write(b"x")
        settle(base)
        assert transport.buffered_output == 1
        transport.release_output()
        settle(base)
        assert receive_exactly(peer, 1) == b"x"


def test_no_limit_on_writing_counts_meanwhile(timed_base: EventBase, clock: ManualClock) -> None:
    protocol = Recorder()
    with connected(timed_base, protocol, write_timeout=5.0) as (transport, _):
        transport.hold_output()
        fill(transport)
        for _ in range(10):
            clock.advance(4.0)
            settle(timed_base)
        assert not protocol.is_lost
        transport.release_output()
        settle(timed_base)
        clock.advance(6.0)
        run_until(timed_base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TimedOut)


@pytest.mark.parametrize("close", ["close", "write_eof"])
def test_an_orderly_end_waits_too(base: EventBase, close: str) -> None:
    with connected(base, Recorder()) as (transport, peer):
        transport.hold_output()
        transport.write(b"last words")
        getattr(transport, close)()
        settle(base)
        assert transport.buffered_output == 10
        transport.release_output()
        settle(base)
        assert receive_exactly(peer, 11) == b"last words"
