"""A listener knows its connections: how many there may be, and how all of them end."""

import contextlib
import contextvars
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from multiplex.transport_helpers import (
    Failure,
    Recorder,
    failures_of,
    receive_while,
    run_until,
    settle,
)
from support.peers import receive_exactly
from support.timing import PATIENCE

from trunkline import EventBase, PassiveSocket, make_socket
from trunkline._core.accept_policy import EPISODE_GAP
from trunkline.multiplex.listener import listen
from trunkline.multiplex.transport import Transport
from trunkline.testing.clock import ManualClock


class Setting:
    """A listener, its clients and the protocols that it has made for them."""

    def __init__(self, base: EventBase, passive: PassiveSocket, **options: Any) -> None:
        self.base = base
        self.passive = passive
        self.then: dict[str, Callable[..., Any]] = {}
        self.protocols: list[Recorder] = []
        self.make = self._make
        self.listener = listen(base, passive, lambda: self.make(), **options)
        self._clients = contextlib.ExitStack()

    def _make(self) -> Recorder:
        protocol = Recorder()
        protocol.then = dict(self.then)
        self.protocols.append(protocol)
        return protocol

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        """Connect a client, whether it is accepted or not."""
        client = socket.create_connection(
            ("127.0.0.1", self.passive.local_port), PATIENCE, source_address=(address, 0)
        )
        return self._clients.enter_context(client)

    def accept(self, address: str = "127.0.0.1") -> tuple[socket.socket, Recorder]:
        """Connect a client, and have it accepted."""
        before = len(self.protocols)
        client = self.connect(address)
        run_until(self.base, lambda: self.protocols[before:] and self.protocols[before].names)
        return client, self.protocols[before]

    def close(self) -> None:
        self.listener.close()
        for transport in self.listener.connections:
            transport.abort()
        self._clients.close()
        if not self.base.closed:
            settle(self.base)


@pytest.fixture
def make_setting(base: EventBase) -> Iterator[Callable[..., Setting]]:
    with contextlib.ExitStack() as made:

        def make(on: EventBase = base, **options: Any) -> Setting:
            passive = made.enter_context(make_socket(connect="passive", local_host="127.0.0.1"))
            setting = Setting(on, passive, **options)
            made.callback(setting.close)
            return setting

        yield make


@pytest.fixture
def setting(make_setting: Callable[..., Setting]) -> Setting:
    return make_setting()


# -- knowing ---------------------------------------------------------------------------------------


def test_it_knows_those_that_are_not_over(setting: Setting, base: EventBase) -> None:
    assert setting.listener.connections == frozenset()
    client, one = setting.accept()
    _, two = setting.accept()
    assert setting.listener.connections == {one.transport, two.transport}
    client.close()
    run_until(base, lambda: one.is_lost)
    assert setting.listener.connections == {two.transport}
    two.transport.close()
    assert setting.listener.connections == frozenset()


def test_what_is_detached_is_one_of_them_no_more(setting: Setting) -> None:
    _, protocol = setting.accept()
    with protocol.transport.detach():
        assert setting.listener.connections == frozenset()


def test_one_that_ends_in_its_first_callback_is_not_kept(setting: Setting, base: EventBase) -> None:
    setting.then["connection_made"] = Transport.abort
    client, protocol = setting.accept()
    run_until(base, lambda: protocol.is_lost)
    assert setting.listener.connections == frozenset()
    assert client.recv(1) == b""


# -- how many --------------------------------------------------------------------------------------


def test_more_than_there_may_be_wait(make_setting: Callable[..., Setting], base: EventBase) -> None:
    setting = make_setting(max_connections=2)
    first, one = setting.accept()
    setting.accept()
    setting.connect()
    settle(base)
    assert len(setting.protocols) == 2
    first.close()
    run_until(base, lambda: len(setting.protocols) == 3 and one.is_lost)
    assert len(setting.listener.connections) == 2
    assert setting.listener.refused == 0


def test_a_full_one_that_is_paused_stays_so(
    make_setting: Callable[..., Setting], base: EventBase
) -> None:
    setting = make_setting(max_connections=1)
    client, one = setting.accept()
    setting.connect()
    setting.listener.resume()  # there is no room
    settle(base)
    assert len(setting.protocols) == 1
    setting.listener.pause()
    client.close()
    run_until(base, lambda: one.is_lost)
    settle(base)
    assert len(setting.protocols) == 1
    setting.listener.resume()
    run_until(base, lambda: len(setting.protocols) == 2)


def test_a_client_has_so_many_and_others_have_theirs(
    make_setting: Callable[..., Setting], base: EventBase
) -> None:
    setting = make_setting(max_connections_per_address=2)
    first, one = setting.accept()
    setting.accept()
    refused = setting.connect()
    run_until(base, lambda: setting.listener.refused == 1)
    assert refused.recv(1) == b""
    setting.accept("127.0.0.2")
    first.close()
    run_until(base, lambda: one.is_lost)
    setting.accept()
    assert (len(setting.protocols), setting.listener.refused) == (4, 1)


def test_refusals_are_logged_once_for_as_long_as_they_go_on(
    timed_base: EventBase,
    clock: ManualClock,
    make_setting: Callable[..., Setting],
    caplog: pytest.LogCaptureFixture,
) -> None:
    setting = make_setting(timed_base, max_connections_per_address=1)
    setting.accept()
    peer: Any = None
    for count, told, pause in ((1, 1, 0.5), (2, 1, 1.1), (3, 2, 0)):
        refused = setting.connect()
        peer = refused.getsockname()
        run_until(timed_base, lambda: setting.listener.refused == count)  # noqa: B023
        assert len(caplog.records) == told
        clock.advance(pause * EPISODE_GAP)
    record: Any = caplog.records[-1]
    assert record.levelname == "WARNING"
    assert (str(record.peer.host), record.peer.port) == peer
    assert record.local == setting.passive.local_name
    assert f"connections of {record.peer} at {record.local} are refused" in record.getMessage()


def test_connections_whose_protocol_cannot_be_made_do_not_count(
    make_setting: Callable[..., Setting], base: EventBase
) -> None:
    def fail() -> Recorder:
        raise Failure

    setting = make_setting(max_connections=1, max_connections_per_address=1)
    setting.make = fail
    failures = failures_of(base)
    for count in (1, 2):
        setting.connect()
        run_until(base, lambda: len(failures) == count)  # noqa: B023
    assert setting.listener.refused == 0


@pytest.mark.parametrize("option", ["max_connections", "max_connections_per_address"])
@pytest.mark.parametrize(
    ("count", "error"), [(0, ValueError), (-1, ValueError), (True, TypeError), ("2", TypeError)]
)
def test_a_limit_is_a_number_of_connections(
    base: EventBase, option: str, count: Any, error: type[Exception]
) -> None:
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as passive,
        pytest.raises(error, match=option),
    ):
        listen(base, passive, Recorder, **{option: count})


# -- stopping --------------------------------------------------------------------------------------


def test_without_connections_it_has_stopped_at_once(setting: Setting, base: EventBase) -> None:
    told: list[str] = []
    setting.listener.stop(stopped=lambda: told.append("stopped"))
    assert setting.listener.closed
    assert told == []  # never in the middle of the call
    settle(base)
    assert told == ["stopped"]


def test_those_that_know_what_to_say_say_it_and_go(setting: Setting, base: EventBase) -> None:
    order: list[str] = []

    def say_goodbye() -> None:
        for protocol in setting.protocols:
            protocol.transport.write(b"goodbye")
            protocol.transport.close()

    setting.then["stop_requested"] = say_goodbye
    setting.then["connection_lost"] = lambda error: order.append("lost")
    clients = [setting.accept()[0] for _ in range(2)]
    setting.listener.stop(None, stopped=lambda: order.append("stopped"))
    for client in clients:
        assert receive_while(base, client) == b"goodbye"
    run_until(base, lambda: "stopped" in order)
    assert order == ["lost", "lost", "stopped"]
    # The second one was gone before it could be told.
    assert [protocol.names.count("stop_requested") for protocol in setting.protocols] in (
        [1, 0],
        [0, 1],
    )


def test_others_have_their_time(make_setting: Callable[..., Setting]) -> None:
    clock = ManualClock()
    with EventBase(clock=clock) as base:
        setting = make_setting(base)
        told: list[bool] = []
        client, protocol = setting.accept()
        setting.listener.stop(5, stopped=lambda: told.append(protocol.is_lost))
        clock.advance(4.9)
        settle(base)
        client.sendall(b"still here")
        run_until(base, lambda: protocol.data == b"still here")
        assert not told
        clock.advance(0.2)
        run_until(base, lambda: told)
        assert told == [True]
        assert protocol.loss is None
        setting.close()


def test_no_time_at_all_aborts_them(setting: Setting, base: EventBase) -> None:
    told: list[str] = []
    _, protocol = setting.accept()
    protocol.transport.write(b"x" * 10_000_000)
    setting.listener.stop(0, stopped=lambda: told.append("stopped"))
    assert setting.listener.connections == frozenset()
    run_until(base, lambda: told)
    assert protocol.names == ["connection_made", "pause_writing", "connection_lost"]


def test_the_impatient_stop_again(setting: Setting, base: EventBase) -> None:
    told: list[int] = []
    _, protocol = setting.accept()
    setting.listener.stop(None, stopped=lambda: told.append(1))
    setting.listener.stop(1000, stopped=lambda: told.append(2))
    settle(base)
    assert not told
    setting.listener.stop(0)
    run_until(base, lambda: len(told) == 2)
    assert told == [1, 2]
    assert protocol.names.count("stop_requested") == 1


def test_it_may_be_stopped_again_by_those_who_are_told(setting: Setting, base: EventBase) -> None:
    told: list[str] = []
    setting.then["stop_requested"] = lambda: setting.listener.stop(0)
    for _ in range(3):
        setting.accept()
    setting.listener.stop(stopped=lambda: told.append("stopped"))
    run_until(base, lambda: told)
    assert setting.listener.connections == frozenset()
    settle(base)
    assert told == ["stopped"]


def test_one_that_fails_when_it_is_told_ends_and_the_others_are_told(
    setting: Setting, base: EventBase
) -> None:
    def fail() -> None:
        raise Failure

    setting.then["stop_requested"] = fail
    failures = failures_of(base)
    for _ in range(2):
        setting.accept()
    setting.listener.stop(None)
    run_until(base, lambda: len(failures) == 2)
    assert setting.listener.connections == frozenset()


def test_a_base_that_is_closed_meanwhile_is_no_error(make_setting: Callable[..., Setting]) -> None:
    with EventBase() as base:
        setting = make_setting(base)
        _, protocol = setting.accept()
        setting.listener.stop(None)
    protocol.transport.abort()
    assert setting.listener.connections == frozenset()


@pytest.mark.parametrize("context", [None, contextvars.copy_context()])
def test_a_callback_may_stop_it_and_none_is_called_inside_of_another(
    make_setting: Callable[..., Setting], base: EventBase, context: contextvars.Context | None
) -> None:
    setting = make_setting(context=context)
    stopped: list[bool] = []
    failures = failures_of(base)

    def stop(data: bytes) -> None:
        setting.listener.stop(PATIENCE, stopped=lambda: stopped.append(True))
        setting.protocols[0].transport.write(b"still here")

    setting.then["data_received"] = stop

    def close_all() -> None:
        for each in setting.listener.connections:
            each.close()

    setting.then["stop_requested"] = close_all
    client, protocol = setting.accept()
    _, other = setting.accept()
    client.sendall(b"x")
    run_until(base, lambda: stopped)
    assert (failures, protocol.nested) == ([], [])
    # Whichever of them was told first has closed the other, too.
    assert sorted(each.names.count("stop_requested") for each in (protocol, other)) == [0, 1]
    assert receive_exactly(client, 10) == b"still here"


def test_a_factory_that_stops_it_makes_no_connection(setting: Setting, base: EventBase) -> None:
    stopped: list[bool] = []

    def make() -> Recorder:
        setting.listener.stop(PATIENCE, stopped=lambda: stopped.append(not setting.protocols))
        return Recorder(connection_made=setting.protocols.append)

    setting.make = make
    client = setting.connect()
    run_until(base, lambda: stopped)
    settle(base)
    assert client.recv(1) == b""
    assert stopped == [True]
    assert not setting.protocols
    assert not setting.listener.connections


def test_a_client_that_has_finished_still_hears_the_goodbye(
    setting: Setting, base: EventBase
) -> None:
    def say_goodbye() -> None:
        for each in setting.listener.connections:
            each.write(b"goodbye")
            each.close()

    setting.then.update(stop_requested=say_goodbye, eof_received=lambda: True)
    client, protocol = setting.accept()
    client.shutdown(socket.SHUT_WR)
    run_until(base, lambda: "eof_received" in protocol.names)
    setting.listener.stop(PATIENCE)
    run_until(base, lambda: protocol.is_lost)
    assert receive_exactly(client, 7) == b"goodbye"


def test_a_signal_may_stop_it(setting: Setting, base: EventBase) -> None:
    base.set_signal_handler(
        signal.SIGUSR1, lambda number: setting.listener.stop(0, stopped=base.exit)
    )
    setting.accept()
    signal.raise_signal(signal.SIGUSR1)
    base.dispatch(timeout=PATIENCE)
    assert setting.listener.closed
    assert setting.listener.connections == frozenset()
    base.remove_signal_handler(signal.SIGUSR1)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [((-1,), ValueError), (("soon",), TypeError), ((float("nan"),), ValueError)],
)
def test_a_time_that_is_none_is_an_error_and_nothing_stops(
    setting: Setting, arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    with pytest.raises(error, match="drain"):
        setting.listener.stop(*arguments)
    assert not setting.listener.closed


@pytest.mark.parametrize("stopped", ["later", lambda listener: None])
def test_what_cannot_be_called_is_an_error_and_nothing_stops(
    setting: Setting, stopped: Any
) -> None:
    with pytest.raises(TypeError, match="stopped"):
        setting.listener.stop(stopped=stopped)
    assert not setting.listener.closed


@pytest.mark.parametrize("drain", [0, 5, None])
@pytest.mark.parametrize("count", [0, 1])
def test_with_the_event_base_closed_it_stops_all_the_same(
    make_setting: Callable[..., Setting], backend: str, drain: float | None, count: int
) -> None:
    told: list[str] = []
    with EventBase(backend=backend) as base:
        setting = make_setting(base)
        clients = [setting.accept()[0] for _ in range(count)]
        base.close()
        setting.listener.pause()
        setting.listener.resume()
        setting.listener.stop(drain, stopped=lambda: told.append("stopped"))
        assert setting.listener.closed
        assert setting.listener.connections == frozenset()
        assert [client.recv(1) for client in clients] == [b""] * count
    assert told == []
