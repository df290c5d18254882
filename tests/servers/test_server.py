"""Servers: where they listen, who runs the handler, and what becomes of its exceptions."""

import contextlib
import logging
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from servers.serving import (
    HOST,
    Faults,
    Gate,
    ask,
    client_of,
    each_way,
    echo,
    eventually,
    in_threads,
    receive_to_the_end,
    serving,
    talk,
    visit,
)
from sockets.helpers import Call
from sockets.test_make_socket import accept_queue_limit
from support.peers import ELSEWHERE, connect, exchange, has_ipv6, receive_all, reset
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    AddressInUse,
    AddressNotAvailable,
    EndOfFile,
    Endpoint,
    IPv4Address,
    LineTooLong,
    LocalAddress,
    PassiveSocket,
    PathNotFound,
    TimedOut,
    make_socket,
)
from trunkline.servers import Server, ServerStatistics, binding

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="the loopback interface has no IPv6")


def passive(**options: Any) -> PassiveSocket:
    return make_socket(connect="passive", type="stream", **options)


@contextlib.contextmanager
def local_client(path: str | Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(str(path))
        yield client


# -- where it listens ------------------------------------------------------------------------------


@each_way
def test_a_server_serves(threads: Any) -> None:
    with serving(threads=threads) as server:
        assert [ask(server, line) for line in ("one", "two")] == ["one", "two"]


def test_it_listens_as_soon_as_it_is_made() -> None:
    with Server(echo, host=HOST) as server, client_of(server) as client:
        client.sendall(b"early\n")
        server.start()
        assert talk(client, "late") == "early"


@needs_ipv6
def test_any_address_is_ipv4_and_ipv6_at_one_port() -> None:
    peers: list[Endpoint] = []
    with serving(lambda connection: peers.append(connection.remote_name), host="*") as server:
        for host in ("127.0.0.1", "::1"):
            assert visit(server, host=host) == b""
    assert [str(peer.host) for peer in peers] == ["127.0.0.1", "::1"]  # and not IPv4-mapped
    assert [str(name.host) for name in server.local_names] == ["0.0.0.0", "::"]
    assert {name.port for name in server.local_names} == {server.port}


def test_any_address_does_without_ipv6_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(**options: Any) -> Any:
        if options["local_host"].version == 6:
            raise AddressNotAvailable(operation="bind")
        return make_socket(**options)

    monkeypatch.setattr(binding, "make_socket", make)
    with serving(host="*") as server:
        assert [str(name.host) for name in server.local_names] == ["0.0.0.0"]
        assert ask(server) == "hello"


@needs_ipv6
@pytest.mark.parametrize("host", ["::1", "::"])
def test_ipv6_only(host: str) -> None:
    with serving(host=host) as server:
        with connect(("::1", server.port)) as client:
            assert talk(client, "six") == "six"
        with pytest.raises(ConnectionRefusedError):
            connect((ELSEWHERE, server.port))


@needs_ipv6
def test_several_addresses_share_a_port() -> None:
    with serving(host=["127.0.0.1", "127.0.0.2", "::1"]) as server:
        for host in ("127.0.0.1", "127.0.0.2", "::1"):
            with connect((host, server.port)) as client:
                assert talk(client, host) == host
        with pytest.raises(ConnectionRefusedError):
            connect((ELSEWHERE, server.port))


def test_where_the_first_free_port_is_taken_at_another_address_the_next_one_is_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rivals: list[PassiveSocket] = []

    def make(**options: Any) -> PassiveSocket:
        if options["local_port"] and not rivals:
            rivals.append(passive(local_host="127.0.0.2", local_port=options["local_port"]))
        listener: PassiveSocket = make_socket(**options)
        return listener

    monkeypatch.setattr(binding, "make_socket", make)
    with serving(host=["127.0.0.1", "127.0.0.2"]) as server, rivals[0] as rival:
        assert rival.local_port != server.port
        assert {name.port for name in server.local_names} == {server.port}


@pytest.mark.parametrize(
    "host", [IPv4Address(HOST), b"\x7f\x00\x00\x01", (127, 0, 0, 1), 2130706433, [HOST]]
)
def test_an_address_in_any_form(host: Any) -> None:
    with serving(host=host) as server:
        assert server.local_names == (Endpoint(IPv4Address(HOST), server.port),)


def test_local_sockets(tmp_path: Path) -> None:
    paths = [tmp_path / "one", LocalAddress(str(tmp_path / "two"))]
    with serving(path=paths, keepalive=True, host=HOST) as server:
        for path in paths:
            with local_client(str(path)) as client:
                assert talk(client, "local") == "local"
        assert ask(server) == "hello"
    assert not list(tmp_path.iterdir())


def test_a_server_with_local_sockets_only_has_no_port(tmp_path: Path) -> None:
    with serving(path=tmp_path / "socket") as server, pytest.raises(TypeError, match="no port"):
        assert server.port


def test_sockets_that_exist() -> None:
    with passive(local_host=HOST, external_format="utf-8/crlf") as listening, passive() as bound:
        bound.bind(HOST)
        with serving(sockets=[listening, bound]) as server:
            assert exchange((HOST, listening.local_port), b"line\r\n") == b"line\r\n"
            assert exchange((HOST, bound.local_port), b"line\n") == b"line\n"
            assert server.sockets == (listening, bound)
        assert listening.closed
        assert bound.closed


def test_the_external_format_of_a_socket_that_exists_can_be_another() -> None:
    with serving(sockets=[passive(local_host=HOST)], external_format="latin-1/crlf") as server:
        assert exchange((HOST, server.port), b"\xe4\r\n") == b"\xe4\r\n"


def test_the_connections_have_the_external_format_and_the_options() -> None:
    seen: list[Any] = []

    def handler(connection: ActiveSocket) -> None:
        seen.append(str(connection.external_format))
        seen.append(connection.timeout)
        seen.append(connection.get_option("keepalive"))

    options: Any = {"external_format": "latin-1/crlf", "timeout": 7, "keepalive": True}
    with serving(handler, **options) as server:
        assert visit(server) == b""
    assert seen == ["iso8859-1/crlf", 7, True]


def test_two_servers_share_a_port_if_both_want_to() -> None:
    with serving(reuse_port=True) as server:
        with serving(reuse_port=True, port=server.port) as other:
            assert other.port == server.port
        with pytest.raises(AddressInUse):
            Server(echo, host=HOST, port=server.port)


@pytest.mark.slow
def test_the_backlog_is_the_one_that_was_given() -> None:
    with Server(echo, host=HOST, backlog=0) as server, client_of(server):
        with socket.socket() as more:
            more.settimeout(0.3)
            with pytest.raises(TimeoutError):  # a backlog of 0 has room for one
                more.connect((HOST, server.port))
        server.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of it")
def test_the_backlog_has_room_for_a_burst() -> None:
    allowed = int(Path("/proc/sys/net/core/somaxconn").read_text(encoding="ascii"))
    with Server(echo, host=HOST) as server:
        assert accept_queue_limit(server.sockets[0]) == min(4096, allowed)


def test_nothing_is_left_when_one_of_the_places_cannot_be_had(tmp_path: Path) -> None:
    with passive(local_host=HOST) as rival, passive(local_host="127.0.0.2") as given:
        with pytest.raises(AddressInUse):
            Server(
                echo,
                host=["127.0.0.3", HOST],
                port=rival.local_port,
                path=tmp_path / "socket",
                sockets=[given],
            )
        assert given.is_listening
        assert not list(tmp_path.iterdir())


def test_no_local_socket_is_left_when_another_cannot_be_had(tmp_path: Path) -> None:
    with pytest.raises(PathNotFound):
        Server(echo, path=[tmp_path / "one", tmp_path / "nowhere" / "two"])
    assert not list(tmp_path.iterdir())


def test_announcing_has_the_listening_sockets_before_anybody_is_accepted() -> None:
    announced: list[tuple[PassiveSocket, ...]] = []
    with Server(echo, host=HOST, announce=announced.append) as server:
        assert announced == []
        server.start()
        assert announced == [server.sockets]


def test_an_announcement_that_fails_is_the_callers() -> None:
    def announce(sockets: tuple[PassiveSocket, ...]) -> None:
        raise LookupError("nobody to announce it to")

    for run in (Server.start, Server.serve_forever):
        with Server(echo, host=HOST, announce=announce) as server:
            with pytest.raises(LookupError):
                run(server)
            assert server.closed
            assert server.sockets[0].closed


async def unplain(*args: Any) -> None:
    """Do nothing, unless somebody awaits it."""


@each_way
def test_a_handler_that_hides_what_would_have_to_be_awaited_has_failed(threads: Any) -> None:
    told: list[Exception] = []
    with Server(
        lambda connection: unplain(connection),
        host=HOST,
        threads=threads,
        exception_hook=lambda error, connection: told.append(error),
    ).start() as server:
        with client_of(server) as client:
            receive_to_the_end(client)
        eventually(lambda: server.statistics().failed == 1)
    assert "plain function" in str(told[0])


# -- arguments -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, "a place to listen at"),
        ({"host": []}, "a place to listen at"),
        ({"port": 0, "path": "/x", "nodelay": True}, "nodelay"),
        ({"host": HOST, "wrong": 1}, "wrong"),
        ({"sockets": [1]}, "passive stream sockets, not int"),
        ({"host": HOST, "preamble": 1}, "preamble is callable"),
        ({"host": HOST, "announce": 1}, "announce is callable"),
        ({"host": HOST, "exception_hook": 1}, "exception_hook is callable"),
        ({"host": HOST, "preamble": unplain}, "preamble is a plain function, and unplain an async"),
        ({"host": HOST, "announce": unplain}, "announce is a plain function"),
        ({"host": HOST, "exception_hook": unplain}, "exception_hook is a plain function"),
        ({"host": HOST, "exception_hook": echo}, r"with \(error, connection\), and echo cannot"),
        ({"host": HOST, "max_connections": 1.5}, "max_connections is an integer"),
        ({"host": HOST, "max_connections": True}, "max_connections is an integer"),
        ({"host": HOST, "idle_timeout": "1"}, "idle_timeout is a number of seconds"),
        ({"host": HOST, "refusal": "busy"}, "refusal"),
        ({"path": "/x", "port": 1}, "a port needs a host"),
        ({"host": (HOST, 80)}, "port is an argument of its own"),
        ({"host": ["::1", HOST, 80], "port": 0}, "port is an argument of its own"),
        ({"path": ("socket", 80)}, "port is an argument of its own"),
    ],
)
def test_a_mistake_of_type_is_found_at_once(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(TypeError, match=expected):
        Server(echo, **options)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"threads": "many"}, "threads is"),
        ({"at_limit": "explode"}, "at_limit is"),
        ({"at_limit": "refuse", "threads": "none"}, "refuse nobody"),
        ({"max_connections": 0}, "max_connections is at least 1"),
        ({"port": 70_000}, "a port is"),
        ({"external_format": "klingon"}, "klingon"),
        ({"drain_timeout": -1}, "drain_timeout cannot be negative"),
        *[
            ({name: 0}, f"{name} cannot be 0")
            for name in (
                "read_timeout",
                "write_timeout",
                "idle_timeout",
                "lifetime",
                "preamble_timeout",
            )
        ],
    ],
)
def test_a_mistake_of_value_is_found_at_once(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        Server(echo, host=HOST, **options)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("bind", "; perhaps host or path or sockets is meant"),
        ("address", "; perhaps host is meant"),
        ("max_clients", "; perhaps max_connections is meant"),
        ("daemon_threads", "; perhaps threads is meant"),
        ("keepalives", "; perhaps keepalive is meant"),
        ("allow_reuse_address", "; perhaps reuse_address is meant"),
        ("idle_timout", "; perhaps idle_timeout is meant"),
        ("local_host", "; perhaps host is meant"),
        ("max_connections_per_ip", "; perhaps max_connections_per_address is meant"),
        ("xyz", ""),
    ],
)
def test_an_option_of_another_name_is_told_what_it_is_called(name: str, hint: str) -> None:
    wrong: dict[str, Any] = {name: 1}
    with pytest.raises(TypeError) as raised:
        Server(echo, host=HOST, **wrong)
    assert str(raised.value) == f"a server does not take {name}{hint}"


def test_where_to_listen_is_said_by_name() -> None:
    server: Any = Server
    for arguments in [(echo, (HOST, 0)), (echo, HOST, 0), ((HOST, 0), echo), ((HOST, 0),)]:
        with pytest.raises(TypeError, match=r"by name where it listens: Server\(handler, host="):
            server(*arguments)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("stop", "close"),
        ("serve", "serve_forever"),
        ("handle_request", "serve_forever"),
        ("server_close", "close"),
        ("server_address", "local_names"),
        ("server_bind", "as soon as it is made"),
        ("socket", "sockets"),
        ("join", "wait"),
        ("handle_error", "exception_hook"),
    ],
)
def test_a_method_of_another_name_is_told_what_it_is_called(name: str, expected: str) -> None:
    with Server(echo, host=HOST) as server:
        with pytest.raises(AttributeError, match=f"^Server has no {name}: .*{expected}"):
            getattr(server, name)
        assert not hasattr(server, name)
        assert name not in dir(server)


def test_a_handler_is_callable() -> None:
    for wrong in (None, "handler"):
        with pytest.raises(TypeError, match="handler is callable"):
            Server(wrong, host=HOST)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="handler is a plain function, and unplain an async one"):
        Server(unplain, host=HOST)
    with pytest.raises(TypeError, match=r"handler is called with \(connection\), and .*lambda"):
        Server(lambda: None, host=HOST)  # type: ignore[arg-type, misc]


def test_sockets_that_exist_take_no_options() -> None:
    with (
        passive(local_host=HOST) as listener,
        pytest.raises(TypeError, match="ready-made do not take keepalive"),
    ):
        Server(echo, sockets=[listener], keepalive=True)


# -- who runs the handler --------------------------------------------------------------------------


def thread_names(server: Server, rounds: int) -> list[str]:
    with client_of(server) as client:
        names = [talk(client, "")]
    for _ in range(rounds - 1):
        eventually(lambda: server.statistics().active == 0)
        names.append(ask(server, ""))
    return names


def tell_thread(connection: ActiveSocket) -> None:
    connection.read_line()
    connection.write_line(f"{threading.current_thread().name}|{connection.remote_name}")


def test_a_thread_for_each_connection_is_named_after_the_peer() -> None:
    with serving(tell_thread, name="talk") as server:
        for answer in thread_names(server, 3):
            thread, peer = answer.split("|")
            assert thread == f"talk: {peer}"


def test_threads_of_a_pool_are_used_again() -> None:
    with serving(tell_thread, name="talk", threads="pool") as server:
        names = {answer.split("|")[0] for answer in thread_names(server, 10)}
    # A thread may just not be back yet when the next connection comes.
    assert names <= {"talk, thread 1", "talk, thread 2"}


def test_a_pool_has_no_more_threads_than_connections() -> None:
    gate = Gate()
    with serving(gate, threads="pool", max_connections=3) as server, contextlib.ExitStack() as all_:
        before = threading.active_count()
        clients = [all_.enter_context(client_of(server)) for _ in range(9)]
        for _ in range(3):
            gate.next()
        assert threading.active_count() == before + 3
        gate.open(9)
        for client in clients:
            assert talk(client, "turn") == "turn"
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client) == b""
        assert threading.active_count() == before + 3
        assert server.statistics().peak == 3


def test_without_threads_the_handler_runs_where_the_accepting_does() -> None:
    seen: list[threading.Thread] = []

    def handler(connection: ActiveSocket) -> None:
        seen.append(threading.current_thread())
        if len(seen) == 3:
            server.shutdown()

    with Server(handler, host=HOST, threads="none") as server, contextlib.ExitStack() as clients:
        for _ in range(3):
            clients.enter_context(client_of(server))
        server.serve_forever()
    assert seen == [threading.main_thread()] * 3


def test_without_threads_one_comes_after_the_other() -> None:
    gate = Gate()
    with (
        serving(gate, threads="none") as server,
        client_of(server) as one,
        client_of(server) as two,
    ):
        gate.next()
        two.sendall(b"second\n")
        gate.open(2)
        assert talk(one, "first") == "first"
        assert gate.entered.empty()
        one.shutdown(socket.SHUT_WR)
        assert talk(two, "more") == "second"


# -- how connections end ---------------------------------------------------------------------------


@each_way
def test_the_handlers_return_sends_what_is_queued_and_closes(threads: Any) -> None:
    def handler(connection: ActiveSocket) -> None:
        connection.write("queued")

    with serving(handler, threads=threads) as server:
        assert visit(server) == b"queued"


def test_an_answer_is_not_destroyed_by_input_that_was_not_read() -> None:
    def handler(connection: ActiveSocket) -> None:
        connection.read_line()
        connection.write_line("enough")

    with serving(handler) as server:
        assert exchange((HOST, server.port), b"one\n" + b"x" * 100_000) == b"enough\n"


def test_a_client_may_end_its_half_first() -> None:
    with serving() as server:
        assert exchange((HOST, server.port), b"one\ntwo") == b"one\ntwo\n"
        eventually(lambda: server.statistics().finished == 1)


def test_a_handler_may_end_its_half_first() -> None:
    heard: list[str] = []

    def handler(connection: ActiveSocket) -> None:
        connection.write_line("over")
        connection.shutdown(write=True)
        heard.extend(connection)

    with serving(handler) as server, client_of(server) as client:
        assert receive_all(client) == b"over\n"
        client.sendall(b"and\nout\n")
        client.shutdown(socket.SHUT_WR)
        eventually(lambda: server.statistics().finished == 1)
    assert heard == ["and", "out"]


@each_way
def test_a_handler_that_raises_costs_one_connection_and_one_traceback(
    threads: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(connection: ActiveSocket) -> None:
        if connection.read_line() == "fail":
            raise LookupError("a fault of the handler's")
        connection.write_line("served")

    with serving(handler, threads=threads, name="talk") as server:
        with client_of(server) as client:
            name = "{}:{}".format(*client.getsockname())
            client.sendall(b"fail\n")
            receive_to_the_end(client)
        assert ask(server, "work") == "served"
    [record] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.name == "trunkline.servers"
    assert record.getMessage() == f"talk: serving {name} has failed"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], LookupError)
    counts = server.statistics()
    assert (counts.accepted, counts.finished, counts.failed) == (2, 1, 1)


def test_the_exception_hook_can_be_replaced(caplog: pytest.LogCaptureFixture) -> None:
    faults = Faults()

    def handler(connection: ActiveSocket) -> None:
        raise LookupError

    with serving(handler, exception_hook=faults) as server, client_of(server) as client:
        error, connection = faults.next()
        assert isinstance(error, LookupError)
        assert connection.remote_port == client.getsockname()[1]
        assert connection.closed
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def raising_hook(error: Exception, connection: ActiveSocket) -> None:
    raise OverflowError("the hook's own")


@pytest.mark.parametrize(
    ("hook", "kind"), [(raising_hook, OverflowError), (lambda *args: unplain(*args), TypeError)]
)
def test_an_exception_hook_that_fails_is_logged(
    hook: Any, kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    def handler(connection: ActiveSocket) -> None:
        raise LookupError

    with serving(handler, exception_hook=hook) as server:
        visit(server)
        visit(server)
    faults = [record.exc_info[1] for record in caplog.records if record.exc_info]
    assert [type(fault) for fault in faults] == [kind] * 2
    assert server.statistics().failed == 2


@pytest.mark.parametrize(
    ("sends", "resets", "error"),
    [
        (b"", False, EndOfFile),
        (b"", True, ConnectionResetError),
        (b"x" * 50, False, LineTooLong),
    ],
)
def test_what_the_client_does_costs_a_line_of_the_log_and_no_traceback(
    sends: bytes, resets: bool, error: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trunkline.servers")
    gate = Gate(lambda connection: connection.read_line(limit=10))
    faults = Faults()
    with serving(gate, exception_hook=faults, name="talk") as server:
        client = client_of(server)
        name = "{}:{}".format(*client.getsockname())
        gate.next()
        client.sendall(sends)
        if resets:
            reset(client)
        client.close()
        gate.open()
        assert isinstance(gate.next_end(), error)
    assert faults.is_empty
    [record] = [record for record in caplog.records if record.name == "trunkline.servers"]
    assert record.getMessage().startswith(f"talk: the connection from {name} is broken: ")
    assert record.exc_info is None
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, broken=1)


def test_the_same_error_of_another_connection_is_a_fault_of_the_handler() -> None:
    faults = Faults()

    def handler(connection: ActiveSocket) -> None:
        with make_socket(remote_host=HOST, remote_port=backend.port) as other:
            other.read_line()

    with (
        serving(lambda connection: None) as backend,
        serving(handler, exception_hook=faults) as server,
    ):
        visit(server)
        assert isinstance(faults.next()[0], EndOfFile)
    assert server.statistics().failed == 1


def test_using_a_connection_that_the_handler_has_closed_is_its_fault() -> None:
    faults = Faults()

    def handler(connection: ActiveSocket) -> None:
        connection.close()
        connection.read_line()

    with serving(handler, exception_hook=faults) as server:
        visit(server)
        faults.next()
    assert server.statistics().failed == 1


def test_a_handlers_own_time_limit_counts_as_one() -> None:
    faults = Faults()
    with serving(
        lambda connection: connection.read_line(timeout=0), exception_hook=faults
    ) as server:
        visit(server)
    assert server.statistics().timed_out == 1
    assert faults.is_empty


@in_threads
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_exit_in_a_thread_ends_its_connection_and_nothing_else(
    threads: Any, kind: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda arguments: seen.append(arguments))

    def handler(connection: ActiveSocket) -> None:
        if connection.read_line() == "exit":
            raise kind
        connection.write_line("still here")

    with serving(handler, threads=threads) as server:
        with client_of(server) as client:
            client.sendall(b"exit\n")
            receive_to_the_end(client)
        assert ask(server, "work") == "still here"
    assert server.statistics().failed == 1
    assert [arguments.exc_type for arguments in seen] == [kind]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_an_exit_in_the_accepting_thread_propagates(kind: type[BaseException]) -> None:
    def handler(connection: ActiveSocket) -> None:
        raise kind

    with Server(handler, host=HOST, threads="none") as server, client_of(server) as client:
        with pytest.raises(kind):
            server.serve_forever()
        assert server.closed
        receive_to_the_end(client)


@each_way
def test_a_handler_may_keep_a_connection(threads: Any) -> None:
    kept: list[ActiveSocket] = []
    with (
        serving(kept.append, threads=threads, close_connections=False) as server,
        client_of(server) as client,
    ):
        eventually(lambda: server.statistics().finished == 1)
        with kept[0] as connection:
            client.sendall(b"later\n")
            assert connection.read_line(timeout=PATIENCE) == "later"
    assert server.statistics().active == 0


def test_a_handler_that_keeps_connections_and_raises_loses_them() -> None:
    def handler(connection: ActiveSocket) -> None:
        raise LookupError

    with serving(handler, close_connections=False, exception_hook=Faults()) as server:
        visit(server)


# -- the preamble ----------------------------------------------------------------------------------


def test_a_preamble_runs_first_in_the_connections_thread_and_names_the_peer() -> None:
    name = Endpoint(IPv4Address("192.0.2.7"), 4711)
    seen: list[Any] = []

    def preamble(connection: ActiveSocket) -> Endpoint:
        seen.append((threading.current_thread(), connection.read_line()))
        return name

    def handler(connection: ActiveSocket) -> None:
        seen.append((threading.current_thread(), connection.read_line()))
        connection.write_line(str(connection.remote_name))
        connection.finish_output()
        connection.read_line()

    with serving(handler, preamble=preamble) as server:
        assert exchange((HOST, server.port), b"first\nsecond\n") == b"192.0.2.7:4711\n"
    thread = seen[0][0]
    assert seen == [(thread, "first"), (thread, "second")]
    # The error of the handler's last line was recognized as one of this connection, by its name.
    assert server.statistics().broken == 1


def test_a_preamble_that_says_nothing_leaves_the_name() -> None:
    with (
        serving(tell_thread, preamble=lambda connection: None) as server,
        client_of(server) as client,
    ):
        assert talk(client, "").endswith("{}:{}".format(*client.getsockname()))


@pytest.mark.parametrize("error", [ValueError("bad"), TimedOut(operation="read")])
def test_a_preamble_drops_a_connection(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "trunkline.servers")
    faults = Faults()

    def preamble(connection: ActiveSocket) -> None:
        raise error

    with serving(preamble=preamble, exception_hook=faults) as server:
        visit(server)
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, rejected=1)
    assert faults.is_empty
    [record] = [record for record in caplog.records if record.name == "trunkline.servers"]
    assert " is rejected: " in record.getMessage()


def test_a_preamble_with_a_fault_of_its_own_fails() -> None:
    faults = Faults()

    def preamble(connection: ActiveSocket) -> None:
        raise LookupError

    with serving(preamble=preamble, exception_hook=faults) as server:
        visit(server)
        assert isinstance(faults.next()[0], LookupError)
    assert server.statistics().failed == 1


# -- looking at it ---------------------------------------------------------------------------------


def test_a_server_says_where_it_is_and_what_it_does() -> None:
    gate = Gate()
    with Server(gate, host=HOST, name="talk", max_connections=7) as server:
        where = f"<Server 'talk' at {HOST}:{server.port}: "
        assert repr(server) == where + "not started>"
        server.start()
        assert repr(server) == where + "serving 0 of 7 connections>"
        with client_of(server):
            gate.next()
            assert repr(server) == where + "serving 1 of 7 connections>"
            server.shutdown(None, wait=False)
            assert repr(server) == where + "draining 1 of 7 connections>"
            gate.open()
        assert server.wait(PATIENCE)
        assert repr(server) == where + "closed>"
        assert server.statistics() == ServerStatistics(accepted=1, peak=1, finished=1)


def test_a_server_is_started_once() -> None:
    with serving() as server:
        for run in (server.start, server.serve_forever):
            with pytest.raises(RuntimeError, match="cannot be started again"):
                run()
        assert ask(server) == "hello"
    with pytest.raises(RuntimeError, match="closed"):
        server.start()


def test_serving_forever_is_until_it_is_shut_down() -> None:
    with Server(echo, host=HOST) as server, Call(server.serve_forever) as call:
        assert ask(server) == "hello"
        assert not server.wait(0)
        assert server.shutdown()
        call.result()
        assert server.closed
