"""Connecting again: when, how often, with which delays, and how it ends."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from multiplex.transport_helpers import Failure, Recorder, failures_of, run_until, settle
from support.peers import receive_exactly, refusing_port
from support.timing import PATIENCE

from trunkline import (
    ConnectionAborted,
    ConnectionRefused,
    EventBase,
    PathNotFound,
    SocketClosed,
    reconnect,
)
from trunkline.multiplex.reconnector import Reconnector
from trunkline.testing.clock import ManualClock

HOST = "127.0.0.1"


class Client:
    """A reconnector, the protocols that it has made, and what it tells."""

    def __init__(self, base: EventBase, port: int, **options: Any) -> None:
        self.then: Any = options.pop("then", {})
        self.made: list[Recorder] = []
        self.told: list[tuple[Exception, float | None]] = []
        options.setdefault("failed", lambda error, delay: self.told.append((error, delay)))
        options.setdefault("random", lambda: 1.0)
        self.it: Reconnector = reconnect(
            base, self.make, remote_host=HOST, remote_port=port, **options
        )

    def make(self) -> Recorder:
        """Make a protocol."""
        self.made.append(Recorder(**self.then))
        return self.made[-1]

    @property
    def delays(self) -> list[float | None]:
        """The delays that it has told."""
        return [delay for _, delay in self.told]


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A plain socket that listens."""
    with socket.create_server((HOST, 0)) as server:
        server.settimeout(PATIENCE)
        yield server


def port_of(server: socket.socket) -> int:
    """Return the port that a plain socket is bound to."""
    port: int = server.getsockname()[1]
    return port


@contextlib.contextmanager
def accepted(base: EventBase, client: Client, server: socket.socket) -> Iterator[socket.socket]:
    """Yield the other end of the client's newest connection, when the client knows of it."""
    run_until(base, lambda: "connection_made" in client.made[-1].names)
    connection, _ = server.accept()
    with connection:
        yield connection


def test_the_first_attempt_begins_at_once_and_closing_ends_it(
    base: EventBase, server: socket.socket
) -> None:
    client = Client(base, port_of(server))
    with accepted(base, client, server) as peer:
        assert client.it.transport == client.made[0].transport
        client.made[0].transport.write(b"goodbye")
        client.it.close()
        client.it.close()
        run_until(base, lambda: client.made[0].is_lost)
        assert receive_exactly(peer, 7) == b"goodbye"
    settle(base)
    assert client.it.closed
    assert not client.it.transport
    assert (client.told, len(client.made)) == ([], 1)
    assert base.statistics().timers == 0


def test_the_delays_grow_up_to_the_longest(timed_base: EventBase, clock: ManualClock) -> None:
    with refusing_port() as port:
        client = Client(timed_base, port, first_delay=1, factor=3, longest_delay=20)
        for count, delay in enumerate((1, 3, 9, 20, 20), 1):
            run_until(timed_base, lambda: len(client.told) == count)  # noqa: B023
            assert client.it.transport is None
            clock.advance(delay * 0.99)
            settle(timed_base)
            assert len(client.made) == count
            clock.advance(delay * 0.02)
        client.it.close()
        settle(timed_base)
    assert client.delays == [1, 3, 9, 20, 20]
    for error, _ in client.told:
        assert isinstance(error, ConnectionRefused)
        assert str(error).startswith(f"connect {HOST}:{port}: ")
    assert all(isinstance(each.loss, ConnectionRefused) for each in client.made[:5])


def test_chance_chooses_anything_up_to_the_delay(timed_base: EventBase, clock: ManualClock) -> None:
    numbers = [0.5, 0.25, 0.0, 0.75]
    chosen = iter(numbers)
    with refusing_port() as port:
        client = Client(timed_base, port, first_delay=4, random=lambda: next(chosen))
        for count, delay in enumerate((2.0, 2.0, 0.0, 24.0), 1):
            run_until(timed_base, lambda: len(client.told) == count)  # noqa: B023
            assert client.delays[-1] == delay
            if count < 4:
                clock.advance(delay)
        client.it.close()


def test_it_comes_back_when_the_server_does(timed_base: EventBase, clock: ManualClock) -> None:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.settimeout(PATIENCE)
        client = Client(timed_base, port_of(server))
        run_until(timed_base, lambda: client.told)
        server.listen()
        clock.advance(1)
        run_until(timed_base, lambda: len(client.made) == 2)
        with accepted(timed_base, client, server):
            assert client.delays == [0.5]
            client.it.close()
            settle(timed_base)


def end_by_peer(client: Client, peer: socket.socket) -> None:
    peer.close()


def end_by_protocol(client: Client, peer: socket.socket) -> None:
    client.made[-1].transport.close()


def end_by_abort(client: Client, peer: socket.socket) -> None:
    client.made[-1].transport.abort()


@pytest.mark.parametrize("end", [end_by_peer, end_by_protocol, end_by_abort])
@pytest.mark.parametrize("lasting", [False, True])
def test_after_each_end_another_connection_follows(
    timed_base: EventBase,
    clock: ManualClock,
    server: socket.socket,
    end: Callable[[Client, socket.socket], None],
    lasting: bool,
) -> None:
    client = Client(timed_base, port_of(server), first_delay=1, reset_after=10, max_attempts=1)
    for count, longest in enumerate((1, 1, 1) if lasting else (1, 2, 4), 1):
        run_until(timed_base, lambda: len(client.made) == count)  # noqa: B023
        with accepted(timed_base, client, server) as peer:
            clock.advance(10 if lasting else 9.9)
            end(client, peer)
            run_until(timed_base, lambda: client.made[-1].is_lost)
            settle(timed_base)
            assert client.it.transport is None
            clock.advance(longest * 0.99)
            settle(timed_base)
            assert len(client.made) == count
            clock.advance(longest * 0.02)
    run_until(timed_base, lambda: len(client.made) == 4)
    client.it.close()
    settle(timed_base)
    assert client.told == []  # none of the attempts has failed


def test_it_gives_up_with_the_last_error(timed_base: EventBase, clock: ManualClock) -> None:
    with refusing_port() as port:
        client = Client(timed_base, port, max_attempts=3, first_delay=1)
        for count in (1, 2, 3):
            run_until(timed_base, lambda: len(client.told) == count)  # noqa: B023
            clock.advance(10)
        settle(timed_base)
    assert client.delays == [1, 2, None]
    assert client.it.closed
    assert len(client.made) == 3
    assert timed_base.statistics().timers == 0


def test_giving_up_without_anybody_to_tell_goes_to_the_exception_handler(base: EventBase) -> None:
    failures = failures_of(base)
    with refusing_port() as port:
        client = Client(base, port, max_attempts=1, failed=None)
        run_until(base, lambda: failures)
    [(error, where)] = failures
    assert isinstance(error, ConnectionRefused)
    assert where is client.it


def test_a_connection_is_a_new_beginning_for_the_count_of_attempts(
    timed_base: EventBase, clock: ManualClock
) -> None:
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.settimeout(PATIENCE)
        client = Client(timed_base, port_of(server), max_attempts=2)
        run_until(timed_base, lambda: len(client.told) == 1)
        server.listen()
        clock.advance(1)
        run_until(timed_base, lambda: len(client.made) == 2)
        with accepted(timed_base, client, server):
            server.close()
        run_until(timed_base, lambda: client.made[-1].is_lost)
        settle(timed_base)
        for count in (2, 3):
            clock.advance(10)
            run_until(timed_base, lambda: len(client.told) == count)  # noqa: B023
        assert [delay is None for delay in client.delays] == [False, False, True]


@pytest.mark.parametrize("abort", [False, True])
def test_it_may_be_closed_while_connecting(
    base: EventBase, server: socket.socket, abort: bool
) -> None:
    client = Client(base, port_of(server))
    assert client.it.transport is not None
    client.it.close(abort=abort)
    settle(base)
    assert (client.made[0].names, client.made[0].loss) == (["connection_lost"], None)
    assert (client.told, base.statistics().timers) == ([], 0)


def test_it_may_be_closed_while_waiting(timed_base: EventBase, clock: ManualClock) -> None:
    with refusing_port() as port:
        client = Client(timed_base, port)
        run_until(timed_base, lambda: client.told)
        assert "waiting" in repr(client.it)
        client.it.close()
        assert timed_base.statistics().timers == 0
        clock.advance(100)
        settle(timed_base)
        assert len(client.made) == 1
        assert "closed" in repr(client.it)


@pytest.mark.parametrize("where", ["connection_made", "connection_lost", "failed"])
def test_it_may_be_closed_from_inside_a_callback(
    base: EventBase, server: socket.socket, where: str
) -> None:
    def close(*_: object) -> None:
        client.it.close()
        closed.append(where)

    closed: list[str] = []
    options: dict[str, Any] = {"failed": close} if where == "failed" else {"then": {where: close}}
    with refusing_port() as refusing:
        client = Client(base, refusing if where == "failed" else port_of(server), **options)
        if where == "connection_lost":
            with accepted(base, client, server):
                pass
        run_until(base, lambda: closed)
        settle(base)
    assert len(client.made) == 1
    assert client.it.closed
    assert base.statistics().timers == 0


def test_a_transport_that_is_closed_while_connecting_is_a_failed_attempt(
    base: EventBase, server: socket.socket
) -> None:
    client = Client(base, port_of(server))
    assert client.it.transport is not None
    client.it.transport.abort()
    run_until(base, lambda: client.told)
    [(error, delay)] = client.told
    assert isinstance(error, ConnectionAborted)
    assert delay == 0.5
    client.it.close()


@pytest.mark.parametrize("error", [Failure, KeyboardInterrupt])
def test_a_factory_that_fails_later_costs_one_attempt(
    timed_base: EventBase, clock: ManualClock, error: type[BaseException]
) -> None:
    failures = failures_of(timed_base)
    errors: list[type[BaseException]] = []
    made: list[Recorder] = []
    told: list[Exception] = []

    def make() -> Recorder:
        if errors:
            raise errors.pop()
        made.append(Recorder())
        return made[-1]

    with refusing_port() as port:
        client = reconnect(
            timed_base,
            make,
            remote_host=HOST,
            remote_port=port,
            failed=lambda error, delay: told.append(error),
        )
        run_until(timed_base, lambda: told)
        errors.append(error)
        clock.advance(1)
        if error is KeyboardInterrupt:
            with pytest.raises(KeyboardInterrupt):
                run_until(timed_base, lambda: not errors)
            assert failures == []
        else:
            run_until(timed_base, lambda: len(told) == 2)
            assert [type(it) for it, _ in failures] == [Failure]
        clock.advance(100)
        run_until(timed_base, lambda: len(made) == 2)
        client.close()
        settle(timed_base)


def test_a_factory_that_fails_at_first_says_so_at_once(base: EventBase) -> None:
    def make() -> Recorder:
        raise Failure

    with pytest.raises(Failure):
        reconnect(base, make, remote_host=HOST, remote_port=7)
    assert base.is_empty


def test_what_failed_raises_goes_to_the_exception_handler_and_it_goes_on(base: EventBase) -> None:
    failures = failures_of(base)

    def fail(error: Exception, delay: float | None) -> None:
        raise Failure

    with refusing_port() as port:
        client = Client(base, port, first_delay=0.001, failed=fail)
        run_until(base, lambda: len(failures) == 3)
        client.it.close()
        settle(base)
    assert {type(error) for error, _ in failures} == {Failure}


def test_local_sockets_too_and_a_with_block_closes_it(base: EventBase, tmp_path: Path) -> None:
    told: list[Exception] = []
    with reconnect(
        base,
        Recorder,
        address_family="local",
        remote_filename=str(tmp_path / "none"),
        failed=lambda error, delay: told.append(error),
    ) as client:
        run_until(base, lambda: told)
        assert isinstance(told[0], PathNotFound)
    assert client.closed
    assert base.statistics().timers == 0


def test_an_event_base_that_is_closed_ends_it(backend: str, server: socket.socket) -> None:
    with EventBase(backend=backend) as base:
        client = Client(base, port_of(server))
        with accepted(base, client, server):
            pass
    client.made[0].transport.abort()
    with pytest.raises(SocketClosed):
        Client(base, port_of(server))


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"first_delay": 0}, ValueError),
        ({"first_delay": None}, ValueError),
        ({"longest_delay": -1}, ValueError),
        ({"longest_delay": "x"}, TypeError),
        ({"factor": 0.5}, ValueError),
        ({"factor": float("nan")}, ValueError),
        ({"factor": "x"}, TypeError),
        ({"factor": 10**400}, ValueError),
        ({"factor": float("inf")}, ValueError),
        ({"reset_after": None}, TypeError),
        ({"max_attempts": 0}, ValueError),
        ({"failed": 5}, TypeError),
        ({"random": None}, TypeError),
        ({"timeout": 5}, TypeError),
    ],
)
def test_a_mistake_is_found_at_once(
    base: EventBase, options: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=next(iter(options))):
        Client(base, 7, **options)
    assert base.is_empty
