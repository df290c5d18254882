"""Connecting on an event base: to addresses, to names whose addresses race, and to paths."""

import asyncio
import contextlib
import gc
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from multiplex.transport_helpers import Recorder, failures_of, receive_while, run_until, settle
from sockets.helpers import full_listener, no_descriptors_left
from sockets.hosts import MULTICAST, NO_ANSWERS, ONE, SIX, TWO, Misbehaving, Names, hosts
from support.peers import refusing_port
from support.timing import PATIENCE

from trunkline import (
    ConnectFailed,
    ConnectionRefused,
    Endpoint,
    EventBase,
    IPAddress,
    LocalAddress,
    NetworkUnreachable,
    NoName,
    PathNotFound,
    Resolution,
    ResolverError,
    SocketClosed,
    SocketError,
    TimedOut,
    TooManyOpenFiles,
    Transport,
    TryAgain,
    connect,
)
from trunkline.multiplex.connector import connect_for
from trunkline.multiplex.event_base import MOST_WORKER_THREADS
from trunkline.testing.clock import ManualClock


@contextlib.contextmanager
def tcp_server(host: str = "127.0.0.1") -> Iterator[tuple[socket.socket, int]]:
    """Yield a plain listening socket, and its port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        server.settimeout(PATIENCE)
        yield server, server.getsockname()[1]


def to_host(base: EventBase, protocol: Any, port: int, names: Any, **options: Any) -> Transport:
    """Connect to a name that has the given addresses."""
    return connect(
        base, protocol, remote_host="host.example", remote_port=port, resolver=names, **options
    )


def finish(base: EventBase, protocol: Recorder) -> Any:
    """Dispatch until the transport is lost, and return with what."""
    run_until(base, lambda: protocol.is_lost, "the end")
    return protocol.loss


# -- an address ------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_to_an_address(base: EventBase, host: str) -> None:
    with tcp_server(host) as (server, port):
        protocol = Recorder()
        transport = connect(base, protocol, remote_host=host, remote_port=port)
        assert (transport.remote_name, transport.is_connected, protocol.calls) == (None, False, [])
        transport.write(b"before")
        run_until(base, lambda: transport.is_connected, "the connection")
        assert protocol.calls == [("connection_made", transport)]
        assert transport.remote_name == Endpoint(transport.remote_name.host, port)
        transport.write(b" and after")
        peer, name = server.accept()
        with peer:
            peer.settimeout(PATIENCE)
            assert transport.local_name.port == name[1]
            assert receive_while(base, peer, 16) == b"before and after"
            peer.sendall(b"an answer")
            run_until(base, lambda: protocol.data == b"an answer", "the answer")
        assert finish(base, protocol) is None


def test_an_end_that_is_written_before_the_connection_is_there(base: EventBase) -> None:
    with tcp_server() as (server, port):
        protocol = Recorder(keep_open=True)
        transport = connect(base, protocol, remote_host="127.0.0.1", remote_port=port)
        transport.write(b"all")
        transport.write_eof()
        run_until(base, lambda: transport.is_connected, "the connection")
        with server.accept()[0] as peer:
            peer.settimeout(PATIENCE)
            assert receive_while(base, peer) == b"all"
        assert finish(base, protocol) is None


def test_a_refusal_is_the_end(base: EventBase) -> None:
    with refusing_port() as port:
        protocol = Recorder()
        transport = connect(base, protocol, remote_host="127.0.0.1", remote_port=port)
        transport.write(b"to nobody")
        error = finish(base, protocol)
    assert type(error) is ConnectionRefused
    assert error.operation == "connect"
    assert str(error.address) == f"127.0.0.1:{port}"
    assert protocol.names == ["connection_lost"]
    assert base.is_empty


def test_an_unreachable_address_is_no_exception_of_the_call(base: EventBase) -> None:
    protocol = Recorder()
    connect(base, protocol, remote_host=MULTICAST, remote_port=9)
    assert isinstance(finish(base, protocol), NetworkUnreachable)


class Watching:
    """Notes how connecting goes."""

    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def addresses_found(self, names: tuple[Endpoint, ...]) -> None:
        self.seen.append(("found", *names))

    def attempt_started(self, name: Endpoint) -> None:
        self.seen.append(("started", name))

    def attempt_failed(self, name: Endpoint, error: SocketError) -> None:
        self.seen.append(("failed", name, type(error)))


def test_who_watches_is_told_of_each_attempt(base: EventBase) -> None:
    watching, protocol = Watching(), Recorder()
    with hosts(answering=[ONE]) as there:
        port = there.port
        options = {"remote_host": "host.example", "remote_port": port, "resolver": Names(TWO, ONE)}
        transport = connect_for(None, base, protocol, "internet", options, watcher=watching)
        run_until(base, lambda: transport.is_connected, "the connection")
        transport.abort()
    one, two = Endpoint(ONE, port), Endpoint(TWO, port)
    assert watching.seen == [
        ("found", two, one),
        ("started", two),
        ("failed", two, ConnectionRefused),
        ("started", one),
    ]


def test_the_options_are_those_of_a_socket_and_of_a_transport(base: EventBase) -> None:
    with tcp_server() as (server, port):
        protocol = Recorder()
        transport = connect(
            base,
            protocol,
            remote_host="127.0.0.1",
            remote_port=port,
            local_host="127.0.0.7",
            keepalive=True,
            nodelay=False,
            delivery="lines",
            external_format="utf-8/crlf",
        )
        run_until(base, lambda: transport.is_connected, "the connection")
        assert transport.descriptor is not None
        assert transport.descriptor.get_option(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not transport.descriptor.get_option(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        peer, (host, _) = server.accept()
        with peer:
            assert host == "127.0.0.7"
            peer.sendall("grüß\r\n".encode())
            run_until(base, lambda: protocol.lines == ["grüß"], "the line")
    transport.abort()
    settle(base)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({}, "remote_host"),
        ({"remote_host": "127.0.0.1"}, "remote_port"),
        ({"remote_host": "127.0.0.1", "remote_port": 1, "timeout": 3}, "timeout"),
        ({"remote_host": "127.0.0.1", "remote_port": 1, "backlog": 3}, "backlog"),
        ({"remote_host": "127.0.0.1", "remote_port": 1, "connect_timeout": -1}, "negative"),
        ({"remote_host": "127.0.0.1", "remote_port": 1, "connect_timeout": "1"}, "connect_timeout"),
        ({"remote_host": "127.0.0.1", "remote_port": 1, "delivery": "mail"}, "mail"),
        ({"remote_host": "127.0.0.1", "remote_port": 65536}, "port"),
        ({"remote_host": "127.0.0.1", "remote_port": 1, "idle_timeout": -1}, "negative"),
        ({"remote_host": "::1", "remote_port": 1, "address_family": "ipv4"}, "IPv4|ipv4"),
        ({"remote_host": "127.1", "remote_port": 1}, "127.1"),
        ({"address_family": "local"}, "remote_filename"),
        ({"address_family": "local", "remote_filename": "x" * 200}, "path|long"),
        ({"address_family": "netlink"}, "netlink"),
    ],
)
def test_mistakes_are_told_at_once(
    base: EventBase, options: dict[str, Any], complaint: str
) -> None:
    protocol = Recorder()
    with pytest.raises((TypeError, ValueError), match=complaint):
        connect(base, protocol, **options)
    settle(base)
    assert protocol.calls == []
    assert base.is_empty


def test_on_a_closed_event_base(base: EventBase) -> None:
    base.close()
    for host in ("127.0.0.1", "host.example"):
        with pytest.raises(SocketClosed):
            connect(base, Recorder(), remote_host=host, remote_port=9, resolver=Names(ONE))


# -- a name ----------------------------------------------------------------------------------------


def test_to_a_name_whose_first_address_refuses(base: EventBase) -> None:
    with hosts(answering=[TWO]) as there:
        protocol = Recorder()
        names = Names(ONE, TWO)
        transport = to_host(base, protocol, there.port, names)
        run_until(base, lambda: transport.is_connected, "the connection")
        assert transport.remote_name == Endpoint(TWO, there.port)
        run_until(base, lambda: there.accepted(TWO) == 1, "the server's connection")
        assert names.asked == [("host.example", "internet", None)]
        transport.abort()
        settle(base)


def test_the_next_address_is_tried_beside_one_that_does_not_answer(base: EventBase) -> None:
    with hosts(answering=[TWO], hanging=[ONE]) as there:
        protocol = Recorder()
        transport = to_host(base, protocol, there.port, Names(ONE, TWO), attempt_delay=0.01)
        run_until(base, lambda: transport.is_connected, "the connection")
        assert transport.remote_name == Endpoint(TWO, there.port)
        transport.abort()
        settle(base)
        assert base.is_empty


def test_the_next_address_is_not_tried_before_its_time(
    timed_base: EventBase, clock: ManualClock
) -> None:
    with hosts(answering=[TWO], hanging=[ONE]) as there:
        protocol = Recorder()
        to_host(timed_base, protocol, there.port, Names(ONE, TWO), attempt_delay=5)
        run_until(timed_base, lambda: timed_base.statistics().handlers == 1, "the first attempt")
        clock.advance(4.9)
        settle(timed_base)
        assert timed_base.statistics().handlers == 1
        clock.advance(0.2)
        run_until(timed_base, lambda: "connection_made" in protocol.names, "the connection")
        protocol.transport.abort()
        settle(timed_base)


def test_all_fail_alike(base: EventBase) -> None:
    with hosts() as there:
        protocol = Recorder()
        to_host(base, protocol, there.port, Names(ONE, TWO))
        error = finish(base, protocol)
        assert type(error) is ConnectionRefused
        assert [str(each.address) for each in error.attempts] == [
            f"127.0.0.1:{there.port}",
            f"127.0.0.2:{there.port}",
        ]


def test_all_fail_differently(base: EventBase) -> None:
    with hosts() as there:
        protocol = Recorder()
        to_host(base, protocol, there.port, Names(ONE, MULTICAST))
        error = finish(base, protocol)
        assert type(error) is ConnectFailed
        assert error.address == f"host.example:{there.port}"


def test_a_name_that_does_not_exist(base: EventBase) -> None:
    protocol = Recorder()
    to_host(base, protocol, 9, Names())
    error = finish(base, protocol)
    assert isinstance(error, NoName)
    assert error.host == "host.example"
    assert base.is_empty


def test_a_family_of_its_own_and_a_source(base: EventBase) -> None:
    with hosts(answering=[ONE]) as there:
        protocol = Recorder()
        names = Names(SIX, ONE)
        transport = to_host(base, protocol, there.port, names, local_host="127.0.0.9")
        run_until(base, lambda: transport.is_connected, "the connection")
        assert str(transport.local_name.host) == "127.0.0.9"
        transport.abort()
        settle(base)


class SlowNames(Names):
    """A resolver that waits until it is told."""

    def __init__(self, *addresses: IPAddress) -> None:
        super().__init__(*addresses)
        self.go_on = threading.Event()
        self.threads: set[int] = set()
        self.peak = 0
        self._lock = threading.Lock()

    def resolve(self, host: str, **options: Any) -> Resolution:
        with self._lock:
            self.threads.add(threading.get_ident())
            self.peak = max(self.peak, len(self.threads))
        assert self.go_on.wait(PATIENCE)
        with self._lock:
            self.threads.discard(threading.get_ident())
        return super().resolve(host, **options)


def test_a_name_that_takes_its_time_keeps_nobody_waiting(base: EventBase) -> None:
    names = SlowNames(ONE)
    with hosts(answering=[ONE]) as there:
        protocol = Recorder()
        transport = to_host(base, protocol, there.port, names)
        ticks: list[str] = []
        base.add_timer(lambda: ticks.append("tick"), 0, one_shot=True)
        run_until(base, lambda: ticks, "the timer")
        assert not base.is_empty
        assert protocol.calls == []
        names.go_on.set()
        run_until(base, lambda: transport.is_connected, "the connection")
        transport.abort()
        settle(base)
        assert base.is_empty


def test_closing_while_the_name_is_looked_up(base: EventBase) -> None:
    names = SlowNames(ONE)
    protocol = Recorder()
    to_host(base, protocol, 9, names).close()
    assert finish(base, protocol) is None
    assert base.is_empty
    names.go_on.set()
    settle(base)
    assert protocol.names == ["connection_lost"]


def test_an_event_base_that_is_closed_meanwhile_is_not_told(base: EventBase) -> None:
    names = SlowNames(ONE)
    protocol = Recorder()
    to_host(base, protocol, 9, names)
    base.close()
    names.go_on.set()
    assert protocol.calls == []


def test_only_so_many_names_are_looked_up_at_a_time(base: EventBase) -> None:
    names = SlowNames(ONE)
    with hosts(answering=[ONE]) as there:
        protocols = [Recorder() for _ in range(3 * MOST_WORKER_THREADS)]
        for protocol in protocols:
            to_host(base, protocol, there.port, names)
        run_until(base, lambda: names.peak == MOST_WORKER_THREADS, "all threads at work")
        names.go_on.set()
        run_until(base, lambda: all(p.calls for p in protocols), "all connections")
        assert names.peak == MOST_WORKER_THREADS
        for protocol in protocols:
            protocol.transport.abort()
        settle(base)


def test_without_a_thread_the_connection_fails(
    base: EventBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    protocol = Recorder()
    to_host(base, protocol, 9, Names(ONE))
    assert protocol.calls == []
    error = finish(base, protocol)
    assert isinstance(error, TryAgain)
    assert "thread" in str(error)


def test_a_resolver_that_fails_ends_the_connection_with_what_it_raised(base: EventBase) -> None:
    class Broken(Names):
        def resolve(self, host: str, **options: Any) -> Resolution:
            raise LookupError(host)

    protocol = Recorder()
    to_host(base, protocol, 9, Broken())
    assert isinstance(finish(base, protocol), LookupError)


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_a_resolver_whose_answer_is_none_ends_the_connection(base: EventBase, name: str) -> None:
    protocol = Recorder()
    to_host(base, protocol, 9, Misbehaving(NO_ANSWERS[name]))
    error = finish(base, protocol)
    assert isinstance(error, ResolverError)
    assert error.host == "host.example"


@pytest.mark.parametrize("error", [asyncio.CancelledError(), SystemExit(3), KeyboardInterrupt()])
def test_what_a_resolver_raises_in_its_thread_costs_no_thread(
    base: EventBase, error: BaseException
) -> None:
    base._worker_threads.limit = 1
    protocols = [Recorder() for _ in range(3)]
    for protocol in protocols:
        to_host(base, protocol, 9, Misbehaving(error))
    for protocol in protocols:
        failure = finish(base, protocol)
        assert isinstance(failure, ResolverError)
        assert type(error).__name__ in str(failure)
        assert failure.__cause__ is error


# -- giving up -------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [Transport.close, Transport.abort])
def test_closing_while_connecting_closes_all_attempts(base: EventBase, end: Any) -> None:
    with hosts(hanging=[ONE, TWO]) as there:
        protocol = Recorder()
        transport = to_host(base, protocol, there.port, Names(ONE, TWO), attempt_delay=0.001)
        run_until(base, lambda: base.statistics().handlers == 2, "two attempts")
        end(transport)
        assert finish(base, protocol) is None
        assert base.is_empty


def write_and_close(transport: Transport) -> None:
    transport.write("all that there is to say")
    transport.close()
    transport.write("too late")


def end_writing_and_close(transport: Transport) -> None:
    transport.write("all that there is to say")
    transport.write_eof()
    transport.close()


@pytest.mark.parametrize("say", [write_and_close, end_writing_and_close])
def test_what_was_written_before_closing_is_sent_all_the_same(base: EventBase, say: Any) -> None:
    with tcp_server() as (server, port):
        protocol = Recorder()
        transport = connect(base, protocol, remote_host="127.0.0.1", remote_port=port)
        say(transport)
        assert transport.is_closing
        transport.close()
        assert finish(base, protocol) is None
        assert protocol.names == ["connection_lost"]
        peer, _ = server.accept()
        with peer:
            assert receive_while(base, peer) == b"all that there is to say"
    settle(base)
    assert base.is_empty


def test_to_a_path_as_well(base: EventBase, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        protocol = Recorder()
        write_and_close(connect(base, protocol, address_family="local", remote_filename=path))
        assert finish(base, protocol) is None
        peer, _ = server.accept()
        with peer:
            assert receive_while(base, peer) == b"all that there is to say"


def test_aborting_after_that_drops_it(base: EventBase) -> None:
    with tcp_server() as (_, port):
        protocol = Recorder()
        transport = connect(base, protocol, remote_host="127.0.0.1", remote_port=port)
        write_and_close(transport)
        transport.abort()
        assert finish(base, protocol) is None
        assert transport.bytes_sent == 0
        assert base.is_empty


def test_who_closes_is_told_that_connecting_has_failed(base: EventBase) -> None:
    with refusing_port() as port:
        protocol = Recorder()
        write_and_close(connect(base, protocol, remote_host="127.0.0.1", remote_port=port))
        assert isinstance(finish(base, protocol), ConnectionRefused)
        assert protocol.names == ["connection_lost"]
        assert base.is_empty


@pytest.mark.parametrize("limit", ["connect_timeout", "idle_timeout"])
def test_the_limits_of_time_hold_for_what_is_closed(
    timed_base: EventBase, clock: ManualClock, limit: str
) -> None:
    with hosts(hanging=[ONE]) as there:
        protocol = Recorder()
        options: dict[str, Any] = {limit: 3}
        write_and_close(to_host(timed_base, protocol, there.port, Names(ONE), **options))
        run_until(timed_base, lambda: timed_base.statistics().handlers == 1, "an attempt")
        clock.advance(3.1)
        assert isinstance(finish(timed_base, protocol), TimedOut)
        assert timed_base.is_empty


def test_connecting_has_a_limit_of_its_own(timed_base: EventBase, clock: ManualClock) -> None:
    with hosts(hanging=[ONE, TWO]) as there:
        protocol = Recorder()
        to_host(
            timed_base, protocol, there.port, Names(ONE, TWO), attempt_delay=1, connect_timeout=3
        )
        run_until(timed_base, lambda: timed_base.statistics().handlers == 1, "an attempt")
        clock.advance(2.9)
        settle(timed_base)
        assert protocol.calls == []
        clock.advance(0.2)
        error = finish(timed_base, protocol)
        assert isinstance(error, TimedOut)
        assert error.operation == "connect"
        assert str(there.port) in str(error)
        assert timed_base.is_empty


def test_it_covers_the_look_up(timed_base: EventBase, clock: ManualClock) -> None:
    names = SlowNames(ONE)
    protocol = Recorder()
    to_host(timed_base, protocol, 9, names, connect_timeout=3)
    settle(timed_base)
    clock.advance(3.1)
    error = finish(timed_base, protocol)
    assert isinstance(error, TimedOut)
    assert "host.example:9" in str(error)
    names.go_on.set()
    assert timed_base.is_empty


def test_it_covers_waiting_for_room_in_a_backlog(
    timed_base: EventBase, clock: ManualClock, tmp_path: Path
) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as first:
        server.bind(path)
        server.listen(0)
        first.connect(path)
        protocol = Recorder()
        connect(
            timed_base, protocol, address_family="local", remote_filename=path, connect_timeout=3
        )
        settle(timed_base)
        clock.advance(3.1)
        assert isinstance(finish(timed_base, protocol), TimedOut)
        assert timed_base.is_empty


def test_it_ends_with_connecting(timed_base: EventBase, clock: ManualClock) -> None:
    with tcp_server() as (_, port):
        options: dict[str, Any] = {"remote_host": "127.0.0.1", "remote_port": port}
        transport = connect(timed_base, Recorder(), connect_timeout=3, **options)
        run_until(timed_base, lambda: transport.is_connected, "the connection")
        clock.advance(5)
        settle(timed_base)
        assert transport.is_connected
        transport.abort()
        settle(timed_base)
        assert timed_base.is_empty


@pytest.mark.parametrize("which", ["idle", "read"])
def test_the_time_limits_count_while_connecting(
    timed_base: EventBase, clock: ManualClock, which: str
) -> None:
    with full_listener() as listener:
        protocol = Recorder()
        port = listener.getsockname()[1]
        options: dict[str, Any] = {f"{which}_timeout": 3}
        connect(timed_base, protocol, remote_host="127.0.0.1", remote_port=port, **options)
        run_until(timed_base, lambda: timed_base.statistics().handlers == 1, "the attempt")
        clock.advance(2.9)
        settle(timed_base)
        assert protocol.calls == []
        clock.advance(0.2)
        error = finish(timed_base, protocol)
        assert isinstance(error, TimedOut)
        assert str(error.address) == f"127.0.0.1:{port}"
        assert error.deadline
        assert timed_base.is_empty


def test_without_descriptors(base: EventBase) -> None:
    protocol = Recorder()
    with tcp_server() as (_, port), no_descriptors_left():
        connect(base, protocol, remote_host="127.0.0.1", remote_port=port)
        error = finish(base, protocol)
    assert isinstance(error, TooManyOpenFiles)


def test_a_connection_that_nobody_holds_is_made_all_the_same(base: EventBase) -> None:
    with tcp_server() as (_, port):
        protocol = Recorder()
        connect(base, protocol, remote_host="127.0.0.1", remote_port=port)
        gc.collect()
        run_until(base, lambda: "connection_made" in protocol.names, "the connection")
        protocol.transport.abort()
        settle(base)


def test_an_exception_of_connection_made_ends_the_connection(base: EventBase) -> None:
    def fail(transport: Transport) -> None:
        raise ZeroDivisionError

    failures = failures_of(base)
    with tcp_server() as (_, port):
        protocol = Recorder(connection_made=fail)
        connect(base, protocol, remote_host="127.0.0.1", remote_port=port)
        assert isinstance(finish(base, protocol), ZeroDivisionError)
    assert [type(error) for error, _ in failures] == [ZeroDivisionError]


# -- a path ----------------------------------------------------------------------------------------


def test_to_a_path(base: EventBase, tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    own = str(tmp_path / "own")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        server.settimeout(PATIENCE)
        protocol = Recorder()
        transport = connect(
            base, protocol, address_family="local", remote_filename=path, local_filename=own
        )
        transport.write(b"hello")
        assert protocol.calls == []
        run_until(base, lambda: transport.is_connected, "the connection")
        peer, name = server.accept()
        with peer:
            peer.settimeout(PATIENCE)
            assert name == own
            assert receive_while(base, peer, 5) == b"hello"
        assert transport.remote_name == LocalAddress(path)
        assert finish(base, protocol) is None


def test_to_a_path_where_nothing_is(base: EventBase, tmp_path: Path) -> None:
    protocol = Recorder()
    connect(base, protocol, address_family="local", remote_filename=str(tmp_path / "nothing"))
    error = finish(base, protocol)
    assert isinstance(error, PathNotFound)
    assert error.operation == "connect"


@pytest.mark.parametrize("has_own_path", [False, True])
def test_to_a_path_whose_backlog_is_full(
    timed_base: EventBase, clock: ManualClock, tmp_path: Path, has_own_path: bool
) -> None:
    path = str(tmp_path / "socket")
    own: Any = {"local_filename": str(tmp_path / "own")} if has_own_path else {}
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.socket(socket.AF_UNIX))
        server.bind(path)
        server.listen(0)
        first = stack.enter_context(socket.socket(socket.AF_UNIX))
        first.connect(path)
        protocol = Recorder()
        transport = connect(
            timed_base, protocol, address_family="local", remote_filename=path, **own
        )
        settle(timed_base)
        clock.advance(1)
        settle(timed_base)
        assert protocol.calls == []
        stack.enter_context(server.accept()[0])
        clock.advance(1)
        run_until(timed_base, lambda: transport.is_connected, "the connection")
        transport.abort()
        settle(timed_base)
        again = connect(timed_base, Recorder(), address_family="local", remote_filename=path, **own)
        settle(timed_base)
        again.abort()
        settle(timed_base)
        assert timed_base.is_empty
    assert [each.name for each in tmp_path.iterdir()] == ["socket"]
