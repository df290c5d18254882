"""Servers with callbacks: listening, accepting, and not accepting any more."""

import errno
import os
import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import evented_echo
import pytest
from evented.helpers import Failure, Noting, Start, fail, unwanted
from evented.socket_helpers import Place, Script, Told, exactly, iterations, play
from evented_chat import ChatRoom
from evented_proxy import Proxy
from sockets.helpers import no_descriptors_left

from trunkline import (
    AddressNotAvailable,
    NotASocket,
    PathNotFound,
    SocketClosed,
    SocketError,
)
from trunkline.evented import (
    AsyncSocket,
    Event,
    EventKind,
    current_event_loop,
    exit_event_loop,
    local_server,
    tcp_server,
)


def test_the_connect_callback_comes_before_the_first_read(start: Start, place: Place) -> None:
    told = Told()

    def script() -> Script:
        server = place.serve(told.read, told.event, **told.all())
        peer = place.peer()
        peer.sendall(b"at once")
        peer.close()
        yield lambda: told.kinds
        server.close()

    start(play(script))
    assert told.names[0] == "connect"
    assert told.data == b"at once"
    assert told.kinds == [EventKind.EOF]


def test_each_connection_has_its_own_callbacks(start: Start, place: Place) -> None:
    first, second = Told(), Told()

    def script() -> Script:
        def greet(sock: AsyncSocket) -> None:
            sock.write(b"hello", read_cb=second.read if sockets else first.read)
            sockets.append(sock)

        sockets: list[AsyncSocket] = []
        server = place.serve(unwanted, lambda event: None, connect_cb=greet)
        with place.peer() as one, place.peer() as other:
            assert (yield from exactly(one, 5)) == b"hello"
            assert (yield from exactly(other, 5)) == b"hello"
            one.sendall(b"1")
            other.sendall(b"2")
            yield lambda: first and second
        server.close()

    start(play(script))
    assert (first, second) == ([("read", b"1")], [("read", b"2")])


def test_limits_hold_for_each_connection(start_simulated: Start, place: Place) -> None:
    told = Told()

    def script() -> Script:
        server = place.serve(unwanted, told.event, read_timeout=1.0)
        with place.peer():
            yield lambda: told
        server.close()

    start_simulated(play(script))
    assert told.kinds == [EventKind.TIMEOUT]


def test_a_server_keeps_the_loop_alive_unless_it_is_unreferenced(
    start: Start, place: Place
) -> None:
    def main() -> None:
        server = place.serve(unwanted)
        server.unref()
        assert str(place.port or place.kind) in repr(server) or place.kind == "local"

    start(main)


def test_a_closed_server_refuses_to_be_used(start: Start, place: Place) -> None:
    def main() -> None:
        server = place.serve(unwanted)
        assert server.fileno() >= 0
        server.close()
        server.close()
        assert server.closed
        assert server.fileno() == -1
        assert "closed" in repr(server)
        for operation in (server.ref, server.unref):
            with pytest.raises(SocketClosed):
                operation()
        assert current_event_loop().statistics().handles == {}

    start(main)


def test_the_statistics_count_connections_in_and_out(start: Start, tcp_place: Place) -> None:
    def script() -> Script:
        accepted: list[AsyncSocket] = []
        tcp_place.serve(unwanted, unwanted, connect_cb=accepted.append)
        for _ in range(3):
            tcp_place.connect(unwanted, unwanted)
        yield lambda: len(accepted) == 3
        accepted.pop().unref()
        numbers = current_event_loop().statistics()
        assert (numbers.incoming_tcp_connections, numbers.outgoing_tcp_connections) == (3, 3)
        exit_event_loop()

    start(play(script))


def test_the_backlog_is_the_systems_limit(start: Start, tcp_place: Place) -> None:
    def main() -> None:
        server = tcp_place.serve(None, unwanted, backlog=0)
        with tcp_place.peer(), socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(("127.0.0.1", tcp_place.port))
            with pytest.raises(OSError, match="connected"):
                second.getpeername()
        server.close()
        exit_event_loop()

    start(main)


# -- descriptors of others -------------------------------------------------------------------------


@pytest.mark.parametrize("listens", [True, False])
def test_a_descriptor_may_be_inherited(start: Start, place: Place, listens: bool) -> None:
    told = Told()

    def script() -> Script:
        number = os.dup(plain.fileno())
        serve: Any = tcp_server if place.kind == "tcp" else local_server
        where = (None, None) if place.kind == "tcp" else (None,)
        server = serve(*where, told.read, told.event, fd=number)
        assert server.fileno() == number
        peer = place.peer()
        peer.sendall(b"hello")
        peer.close()
        yield lambda: told.kinds
        server.close()
        with pytest.raises(OSError, match="descriptor"):
            os.fstat(number)

    with place.listener(listens=listens) as plain:
        start(play(script))
    assert told == [("read", b"hello"), ("event", EventKind.EOF)]


def test_a_descriptor_that_is_none_is_refused(start: Start) -> None:
    def main() -> None:
        reader, writer = os.pipe()
        with pytest.raises(NotASocket):
            tcp_server(None, None, unwanted, fd=reader)
        os.close(reader)
        os.close(writer)
        with pytest.raises(SocketClosed):
            tcp_server(None, None, unwanted, fd=writer)

    start(main)


def test_a_descriptor_of_the_other_kind_is_refused_and_left_as_it_is(
    start: Start, place: Place
) -> None:
    serve: Any = partial(tcp_server, None) if place.kind == "local" else local_server

    def main() -> None:
        with pytest.raises(ValueError, match="family"):
            serve(None, unwanted, fd=plain.fileno())
        assert current_event_loop().statistics().handles == {}

    with place.listener(listens=False) as plain:
        plain.setblocking(True)
        start(main)
        assert os.get_blocking(plain.fileno())
        assert not plain.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)


def test_a_descriptor_of_datagrams_is_refused(start: Start) -> None:
    def main() -> None:
        with pytest.raises(ValueError, match="stream"):
            tcp_server(None, None, unwanted, fd=datagrams.fileno())

    with socket.socket(type=socket.SOCK_DGRAM) as datagrams:
        start(main)
        assert os.get_blocking(datagrams.fileno())


# -- mistakes --------------------------------------------------------------------------------------


def test_where_to_listen_is_said_once(start: Start) -> None:
    def main() -> None:
        mistakes: list[tuple[Any, Any, dict[str, Any]]] = [
            ("127.0.0.1", None, {}),
            ("127.0.0.1", 0, {"fd": 0}),
            (None, None, {"fd": 0, "v6_only": True}),
            (None, None, {"fd": "0"}),
            (None, None, {}),
            ("127.0.0.1", 0, {"backlog": "5"}),
        ]
        for address, port, options in mistakes:
            with pytest.raises(TypeError):
                tcp_server(address, port, unwanted, **options)
        with pytest.raises(TypeError):
            local_server(None, unwanted)
        with pytest.raises(TypeError):
            local_server("x", unwanted, fd=0)
        for not_an_address in ("localhost", "", "300.0.0.1"):
            with pytest.raises(ValueError, match="address"):
                tcp_server(not_an_address, 0, unwanted)

    start(main)


def test_failing_to_bind_is_raised_at_once(start: Start, place: Place) -> None:
    def main() -> None:
        with pytest.raises(AddressNotAvailable):
            tcp_server("192.0.2.1", 0, unwanted, unwanted)
        with pytest.raises(PathNotFound):
            local_server("/nowhere/at/all", unwanted, unwanted)
        assert current_event_loop().statistics().handles == {}

    start(main)


# -- when accepting fails --------------------------------------------------------------------------


def test_an_error_of_accepting_is_told_and_ends_the_server(
    start: Start, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = Noting()
    error = SocketError(errno.EINVAL, operation="accept")

    def script() -> Script:
        server = place.serve(unwanted, events, connect_cb=unwanted)

        def broken() -> None:
            raise error

        monkeypatch.setattr(server._listener.socket, "_accept_descriptor", broken)
        with place.peer():
            yield lambda: events
        assert server.closed

    start(play(script))
    [event] = events
    assert event.kind is EventKind.ACCEPT_ERROR
    assert event.error is error
    assert type(event.source).__name__ in ("TcpServer", "LocalServer")


@pytest.mark.parametrize(
    "event_cb", [evented_echo.on_event, Proxy("127.0.0.1", 9).on_event, ChatRoom().on_event]
)
def test_the_programs_say_that_they_cannot_accept(
    start: Start, event_cb: Callable[[Event], None]
) -> None:
    def main() -> None:
        server = tcp_server("127.0.0.1", 0, unwanted, event_cb)
        server._accept_failed(SocketError(errno.EINVAL, operation="accept"))

    with pytest.raises(SystemExit, match=r"^accept_error \(accept: .*<TcpServer at 127"):
        start(main)


def test_running_out_of_descriptors_ends_no_server(start: Start, place: Place) -> None:
    told = Told()

    def script() -> Script:
        server = place.serve(told.read, told.event)
        with place.peer() as peer:
            peer.sendall(b"x")
            with no_descriptors_left():
                yield iterations()
                assert told == []
            yield lambda: told
        yield lambda: told.kinds
        server.close()

    start(play(script))
    assert told == [("read", b"x"), ("event", EventKind.EOF)]


def test_a_connect_callback_that_fails_ends_its_connection_only(start: Start, place: Place) -> None:
    caught: list[Exception] = []
    told = Told()

    def script() -> Script:
        server = place.serve(told.read, connect_cb=lambda sock: fail() if not caught else None)
        with place.peer() as bad:
            assert (yield from exactly(bad, 1)) == b""
        with place.peer() as good:
            good.sendall(b"x")
            yield lambda: told
        assert not server.closed
        exit_event_loop()

    start(play(script), catch_app_errors=caught.append)
    assert told == [("read", b"x")]
    assert [type(error) for error in caught] == [Failure]
