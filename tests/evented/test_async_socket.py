"""One socket: its callbacks, its switches and limits, and its end."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evented.helpers import STEP, ScriptedResolver, Start, unwanted
from evented.socket_helpers import (
    Place,
    Script,
    Told,
    accepted,
    assert_same,
    exactly,
    is_readable,
    iterations,
    play,
    taken,
)
from sockets.helpers import Call
from sockets.hosts import hosts
from support.peers import reset

from trunkline import (
    AlreadyConnected,
    BrokenPipe,
    ConnectionInProgress,
    ConnectionRefused,
    ConnectionReset,
    IPv4Address,
    NoName,
    PathNotFound,
    SocketClosed,
    TimedOut,
)
from trunkline.evented import (
    AsyncSocket,
    Event,
    EventKind,
    close_socket,
    connect_tcp_socket,
    current_event_loop,
    exit_event_loop,
    init_tcp_socket,
    local_connect,
    tcp_connect,
)
from trunkline.testing.clock import ManualClock

BIG = bytes(range(256)) * 40_000  # more than the system takes

OPERATIONS: dict[str, Callable[[AsyncSocket], object]] = {
    "write": lambda sock: sock.write(b"x"),
    "write nothing": lambda sock: sock.write(b"", write_cb=unwanted),
    "close": close_socket,
    "set_timeouts": lambda sock: sock.set_timeouts(None, None),
    "enable": lambda sock: sock.enable(read=True),
    "disable": lambda sock: sock.disable(write=True),
    "ref": AsyncSocket.ref,
    "unref": AsyncSocket.unref,
    "connect": lambda sock: connect_tcp_socket(sock, "127.0.0.1", 1),
}


def assert_closed(sock: AsyncSocket) -> None:
    """Check that every operation says so."""
    assert sock.closed
    assert not sock.is_connected
    assert sock.fileno() == -1
    assert "closed" in repr(sock)
    for operation in OPERATIONS.values():
        with pytest.raises(SocketClosed):
            operation(sock)


# -- callbacks -------------------------------------------------------------------------------------


def test_callbacks_come_in_order_and_once(start: Start, place: Place) -> None:
    told = Told()

    def script() -> Script:
        client = place.connect(told.read, told.event, data=b"ping", **told.all())
        assert told == []
        with (yield from accepted(listener)) as connection:
            yield lambda: "written" in told.names
            assert (yield from exactly(connection, 4)) == b"ping"
            connection.sendall(b"pong")
        yield lambda: client.closed
        assert_closed(client)

    with place.listener() as listener:
        start(play(script))
    assert told == [("connect",), ("written",), ("read", b"pong"), ("event", EventKind.EOF)]
    assert told.events[0].error is None
    assert isinstance(told.events[0].source, AsyncSocket)


def test_a_write_never_calls_anybody(start: Start, place: Place) -> None:
    told = Told()

    def script() -> Script:
        client = place.connect(unwanted, unwanted)
        yield lambda: client.is_connected
        client.write(b"x", write_cb=told.written)
        client.write(b"")
        assert told == []
        yield lambda: told
        client.close()

    with place.listener():
        start(play(script))
    assert told == [("written",)]


def test_the_write_callback_sticks(start: Start, place: Place) -> None:
    told, other = Told(), Told()

    def script() -> Script:
        client = place.connect(unwanted, unwanted)
        client.write(b"one", write_cb=told.written)
        yield lambda: len(told) == 1
        client.write(b"two")
        yield lambda: len(told) == 2
        client.write(b"three", write_cb=other.written)
        yield lambda: other
        client.close()

    with place.listener():
        start(play(script))
    assert (told, other) == ([("written",)] * 2, [("written",)])


def test_the_write_callback_waits_until_everything_is_sent(start: Start, place: Place) -> None:
    told = Told()
    received = bytearray()

    def script() -> Script:
        client = place.connect(unwanted, unwanted, write_cb=told.written, data=BIG)
        with (yield from accepted(listener)) as connection:
            yield iterations()
            assert client.buffered_output > 0
            assert told == []
            yield taken(connection, received, len(BIG))
            yield lambda: told
            assert client.buffered_output == 0
            client.close()

    with place.listener() as listener:
        start(play(script))
    assert_same(received, BIG)
    assert told == [("written",)]


def test_a_write_may_change_who_reads_and_who_hears_of_events(start: Start, place: Place) -> None:
    told = Told()

    def script() -> Script:
        client = place.connect(unwanted, unwanted)
        client.write("héllo", read_cb=told.read, event_cb=told.event)
        with (yield from accepted(listener)) as connection:
            assert (yield from exactly(connection, 6)) == "héllo".encode()
            connection.sendall(b"answer")

    with place.listener() as listener:
        start(play(script))
    assert told == [("read", b"answer"), ("event", EventKind.EOF)]


def test_without_a_read_callback_what_arrives_is_thrown_away(start: Start, place: Place) -> None:
    told = Told()

    def script() -> Script:
        place.connect(None, told.event)
        with (yield from accepted(listener)) as connection:
            connection.sendall(b"x" * 10_000)

    with place.listener() as listener:
        start(play(script))
    assert told.kinds == [EventKind.EOF]


def test_an_event_that_nobody_waits_for_goes_to_the_default_handler(
    start: Start, place: Place
) -> None:
    events: list[Event] = []

    def script() -> Script:
        current_event_loop().default_event_handler = events.append
        place.connect(unwanted)
        (yield from accepted(listener)).close()

    with place.listener() as listener:
        start(play(script))
    assert [event.kind for event in events] == [EventKind.EOF]


@pytest.mark.parametrize(
    "arguments",
    [
        {"data": 5},
        {"connect_cb": 5},
        {"write_cb": "x"},
        {"read_timeout": 0},
        {"write_timeout": -1},
        {"read_timeout": "1"},
        {"no_such_option": 1},
    ],
    ids=str,
)
def test_a_mistake_is_found_at_once_and_leaves_nothing(
    start: Start, place: Place, arguments: dict[str, Any]
) -> None:
    def main() -> None:
        with pytest.raises((TypeError, ValueError)):
            place.connect(unwanted, unwanted, **arguments)
        if "data" not in arguments:
            with pytest.raises((TypeError, ValueError)):
                place.serve(unwanted, unwanted, **arguments)
        assert current_event_loop().statistics().handles == {}

    start(main)


def test_mistakes_of_writing_are_found_at_once(start: Start, place: Place) -> None:
    def main() -> None:
        client = place.connect(unwanted, unwanted)
        for wrong in ({"data": 5}, {"data": None}, {"data": b"", "read_cb": 5}):
            with pytest.raises(TypeError):
                client.write(**wrong)
        with pytest.raises(UnicodeEncodeError):
            client.write("\ud800")
        for limit in (0, -1, float("nan")):
            with pytest.raises(ValueError, match=r"\d|nan|negative"):
                client.set_timeouts(limit, None)
        assert not client.closed
        client.close()

    with place.listener():
        start(main)


# -- connecting ------------------------------------------------------------------------------------


def test_a_refused_connection_is_told_once(start: Start) -> None:
    told = Told()

    def main() -> None:
        tcp_connect("127.0.0.1", there.port, unwanted, told.event, connect_cb=unwanted, data="x")
        assert told == []

    with hosts() as there:
        start(main)
    assert told.kinds == [EventKind.REFUSED]
    assert isinstance(told.events[0].error, ConnectionRefused)


def test_a_local_server_that_is_not_there_is_told_once(start: Start, tmp_path: Path) -> None:
    told = Told()
    start(lambda: local_connect(tmp_path / "x", unwanted, told.event, connect_cb=unwanted))
    assert told.kinds == [EventKind.ERROR]
    assert isinstance(told.events[0].error, PathNotFound)


def test_a_name_that_is_none_is_told_once(start: Start) -> None:
    told = Told()
    resolver = ScriptedResolver({"nowhere.invalid": NoName(host="nowhere.invalid")})
    start(lambda: tcp_connect("nowhere.invalid", 1, unwanted, told.event), resolver=resolver)
    assert told.kinds == [EventKind.ERROR]
    assert isinstance(told.events[0].error, NoName)
    assert resolver.asked == ["nowhere.invalid"]


def test_a_name_is_looked_up_by_whom_the_call_or_the_loop_says(
    start: Start, tcp_place: Place
) -> None:
    of_the_loop = ScriptedResolver({"one": "127.0.0.1"})
    of_the_call = ScriptedResolver({"two": "127.0.0.1"})
    told = Told(connect=AsyncSocket.close)

    def main() -> None:
        tcp_connect("one", tcp_place.port, None, unwanted, connect_cb=told.connect)
        tcp_connect(
            "two", tcp_place.port, None, unwanted, connect_cb=told.connect, resolver=of_the_call
        )

    with tcp_place.listener():
        start(main, resolver=of_the_loop)
    assert told == [("connect",)] * 2
    assert (of_the_loop.asked, of_the_call.asked) == (["one"], ["two"])


@pytest.mark.parametrize("limit", ["read_timeout", "write_timeout"])
@pytest.mark.parametrize("hangs", ["name", "address"])
def test_both_limits_cover_connecting(
    start_simulated: Start, clock: ManualClock, limit: str, hangs: str
) -> None:
    told = Told()
    began = clock()
    resolver = ScriptedResolver({"slow": "127.0.0.1"})
    resolver.gate.clear()

    def main() -> None:
        host = "slow" if hangs == "name" else "127.0.0.2"
        limits: Any = {limit: 1.0}
        tcp_connect(host, there.port, unwanted, told.event, connect_cb=unwanted, **limits)

    with hosts(hanging=[IPv4Address("127.0.0.2")]) as there:
        start_simulated(main, resolver=resolver)
    resolver.gate.set()
    assert told.kinds == [EventKind.TIMEOUT]
    error = told.events[0].error
    assert isinstance(error, TimedOut)
    assert error.deadline
    assert error.operation == "connect"
    assert str(there.port) in str(error)
    assert 1.0 <= clock() - began < 1.0 + 10 * STEP


@pytest.mark.parametrize("limit", ["read_timeout", "write_timeout"])
def test_enabling_what_is_enabled_does_not_put_off_the_limits_on_connecting(
    start_simulated: Start, clock: ManualClock, limit: str
) -> None:
    told = Told()
    began = clock()

    def script() -> Script:
        limits: Any = {limit: 1.0}
        client = tcp_connect("127.0.0.2", there.port, unwanted, told.event, **limits)
        while not (client.closed or clock() > began + 10.0):
            client.enable(read=True, write=True)
            yield iterations(1)
        exit_event_loop()

    with hosts(hanging=[IPv4Address("127.0.0.2")]) as there:
        start_simulated(play(script))
    assert told.kinds == [EventKind.TIMEOUT]
    assert clock() - began < 2.0


def test_disabling_stops_the_limits_on_connecting(
    start_simulated: Start, clock: ManualClock
) -> None:
    told = Told()

    def script() -> Script:
        client = tcp_connect("127.0.0.2", there.port, unwanted, told.event)
        client.disable(read=True, write=True)
        client.set_timeouts(1.0, 2.0)
        began = clock()
        yield lambda: clock() > began + 10.0
        assert told == []
        client.enable(write=True)

    with hosts(hanging=[IPv4Address("127.0.0.2")]) as there:
        start_simulated(play(script))
    assert told.kinds == [EventKind.TIMEOUT]


def test_a_socket_may_be_made_first_and_connected_later(start: Start, tcp_place: Place) -> None:
    told = Told()

    def script() -> Script:
        sock = init_tcp_socket(told.read, unwanted, data="a", connect_cb=told.connect)
        sock.write("b")
        assert sock.buffered_output == 2
        assert sock.fileno() == -1
        assert sock.remote_name is sock.local_name is None
        assert "unconnected" in repr(sock)
        sock.unref()
        sock.ref()
        assert current_event_loop().statistics().outgoing_tcp_connections == 0
        yield iterations()
        assert connect_tcp_socket(sock, "127.0.0.1", tcp_place.port, event_cb=told.event) is sock
        assert "connecting" in repr(sock)
        assert current_event_loop().statistics().outgoing_tcp_connections == 1
        sock.write("c")
        with pytest.raises(ConnectionInProgress):
            connect_tcp_socket(sock, "127.0.0.1", tcp_place.port)
        with (yield from accepted(listener)) as connection:
            yield lambda: told
            assert (yield from exactly(connection, 3)) == b"abc"
            with pytest.raises(AlreadyConnected):
                connect_tcp_socket(sock, "127.0.0.1", tcp_place.port)

    with tcp_place.listener() as listener:
        start(play(script))
    assert told == [("connect",), ("event", EventKind.EOF)]


def test_what_was_disabled_before_connecting_stays_so(start: Start, tcp_place: Place) -> None:
    told = Told()

    def script() -> Script:
        sock = init_tcp_socket(told.read, told.event, data="hello")
        sock.disable(read=True, write=True)
        connect_tcp_socket(sock, "127.0.0.1", tcp_place.port)
        with (yield from accepted(listener)) as connection:
            connection.sendall(b"hi")
            yield lambda: sock.is_connected
            yield iterations()
            assert told == []
            assert not is_readable(connection)
            sock.enable(read=True, write=True)
            assert (yield from exactly(connection, 5)) == b"hello"

    with tcp_place.listener() as listener:
        start(play(script))
    assert told == [("read", b"hi"), ("event", EventKind.EOF)]


def test_a_socket_that_is_not_connected_does_not_keep_the_loop_alive(start: Start) -> None:
    start(lambda: init_tcp_socket(unwanted, unwanted))


def test_another_thread_cannot_connect_a_socket(start: Start, tcp_place: Place) -> None:
    told = Told(connect=AsyncSocket.close)

    def main() -> None:
        sock = init_tcp_socket(unwanted, unwanted, connect_cb=told.connect)
        with (
            pytest.raises(RuntimeError, match="another thread"),
            Call(connect_tcp_socket, sock, "127.0.0.1", tcp_place.port),
        ):
            pass
        connect_tcp_socket(sock, "127.0.0.1", tcp_place.port)  # it is as it was

    with tcp_place.listener():
        start(main)
    assert told == [("connect",)]


def test_a_socket_cannot_be_connected_after_the_end_of_its_loop(start: Start) -> None:
    sockets: list[AsyncSocket] = []
    start(lambda: sockets.append(init_tcp_socket(unwanted, unwanted)))
    with pytest.raises(RuntimeError, match="has ended"):
        connect_tcp_socket(sockets[0], "127.0.0.1", 9)


def test_a_mistake_of_connecting_changes_nothing(start: Start, tcp_place: Place) -> None:
    told = Told(connect=AsyncSocket.close)

    def main() -> None:
        sock = init_tcp_socket(unwanted, unwanted, connect_cb=told.connect)
        mistakes: list[dict[str, Any]] = [{"local_port": 5}, {"event_cb": 5}, {"no_such": 5}]
        for wrong in mistakes:
            with pytest.raises(TypeError):
                connect_tcp_socket(sock, "127.0.0.1", tcp_place.port, **wrong)
        with pytest.raises(ValueError, match="port"):
            connect_tcp_socket(sock, "127.0.0.1", 70_000)
        connect_tcp_socket(sock, "127.0.0.1", tcp_place.port)

    with tcp_place.listener():
        start(main)
    assert told == [("connect",)]


# -- limits ----------------------------------------------------------------------------------------


def test_a_peer_that_says_nothing_is_given_up(
    start_simulated: Start, place: Place, clock: ManualClock
) -> None:
    told = Told()

    def script() -> Script:
        client = place.connect(told.read, told.event, read_timeout=5.0)
        with (yield from accepted(listener)) as connection:
            client.set_timeouts(10.5, None)
            began = clock()
            yield lambda: clock() > began + 8.0
            connection.sendall(b"x")
            yield lambda: client.closed
            assert 18.5 <= clock() - began < 18.5 + 30 * STEP
            assert_closed(client)

    with place.listener() as listener:
        start_simulated(play(script))
    assert told == [("read", b"x"), ("event", EventKind.TIMEOUT)]
    assert isinstance(told.events[0].error, TimedOut)


def test_a_peer_that_takes_nothing_is_given_up(
    start_simulated: Start, place: Place, clock: ManualClock
) -> None:
    told = Told()

    def script() -> Script:
        client = place.connect(unwanted, told.event, write_timeout=2.0)
        with (yield from accepted(listener)):
            began = clock()
            yield lambda: clock() > began + 10.0
            assert not client.closed  # while nothing is queued, no time counts
            client.write(BIG)
            yield lambda: client.closed

    with place.listener() as listener:
        start_simulated(play(script))
    assert told.kinds == [EventKind.TIMEOUT]
    assert told.events[0].error.operation == "write"  # type: ignore[union-attr]


def test_limits_can_be_lifted(start_simulated: Start, place: Place, clock: ManualClock) -> None:
    def script() -> Script:
        client = place.connect(unwanted, unwanted, read_timeout=1.0, write_timeout=1.0)
        with (yield from accepted(listener)):
            client.set_timeouts(None, None)
            client.write(BIG)
            began = clock()
            yield lambda: clock() > began + 100.0
            client.close()

    with place.listener() as listener:
        start_simulated(play(script))


def test_while_reading_is_disabled_no_time_counts_and_nothing_is_read(
    start_simulated: Start, place: Place, clock: ManualClock
) -> None:
    told = Told()

    def script() -> Script:
        client = place.connect(told.read, told.event, read_timeout=2.0)
        client.disable(read=True)
        client.disable(read=True)
        with (yield from accepted(listener)) as connection:
            connection.sendall(b"early")
            began = clock()
            yield lambda: clock() > began + 20.0
            assert told == []
            client.enable(read=True)
            yield lambda: client.closed

    with place.listener() as listener:
        start_simulated(play(script))
    assert told == [("read", b"early"), ("event", EventKind.TIMEOUT)]


@pytest.mark.parametrize("size", [3, len(BIG)])
def test_while_writing_is_disabled_nothing_is_sent_and_no_time_counts(
    start_simulated: Start, place: Place, clock: ManualClock, size: int
) -> None:
    told = Told()
    received = bytearray()

    def script() -> Script:
        client = place.connect(unwanted, unwanted, write_timeout=2.0, write_cb=told.written)
        client.disable(write=True)
        with (yield from accepted(listener)) as connection:
            client.write(BIG[:size], enable=False)
            began = clock()
            yield lambda: clock() > began + 20.0
            assert told == []
            assert client.buffered_output == size
            assert not is_readable(connection)
            client.enable(write=True)
            assert told == []
            yield taken(connection, received, size)
            yield lambda: told
            client.close()

    with place.listener() as listener:
        start_simulated(play(script))
    assert_same(received, BIG[:size])
    assert told == [("written",)]


def test_writing_can_be_disabled_in_the_middle(start: Start, place: Place) -> None:
    told = Told()
    received = bytearray()

    def script() -> Script:
        client = place.connect(unwanted, unwanted, write_cb=told.written, data=BIG)
        with (yield from accepted(listener)) as connection:
            yield iterations()
            client.disable(write=True)
            sent = len(BIG) - client.buffered_output
            assert 0 < sent < len(BIG)
            yield taken(connection, received, sent)
            yield iterations()
            assert not is_readable(connection)
            assert client.buffered_output == len(BIG) - sent
            client.enable(write=True)
            yield taken(connection, received, len(BIG))
            yield lambda: told
            client.close()

    with place.listener() as listener:
        start(play(script))
    assert_same(received, BIG)
    assert told == [("written",)]


def test_a_write_callback_that_is_due_waits_for_writing_to_be_enabled(
    start: Start, place: Place
) -> None:
    told = Told()

    def script() -> Script:
        client = place.connect(unwanted, unwanted)
        yield lambda: client.is_connected
        client.write(b"x", write_cb=told.written)
        client.disable(write=True)
        yield iterations()
        assert told == []
        client.enable(write=True)
        assert told == []
        yield lambda: told
        client.close()

    with place.listener():
        start(play(script))
    assert told == [("written",)]


def test_a_write_enables_both_directions_unless_it_is_told_not_to(
    start: Start, place: Place
) -> None:
    told = Told()

    def script() -> Script:
        client = place.connect(told.read, told.event)
        client.disable(read=True, write=True)
        client.write(b"one", enable=False)
        with (yield from accepted(listener)) as connection:
            connection.sendall(b"ready")
            yield iterations()
            assert told == []
            assert not is_readable(connection)
            client.write(b"two")
            yield lambda: told
            assert (yield from exactly(connection, 6)) == b"onetwo"

    with place.listener() as listener:
        start(play(script))
    assert told == [("read", b"ready"), ("event", EventKind.EOF)]


# -- the end ---------------------------------------------------------------------------------------


def test_aborting_ends_everything_at_once(start: Start, place: Place) -> None:
    received = bytearray()

    def script() -> Script:
        client = place.connect(unwanted, unwanted, write_cb=unwanted, data=BIG)
        with (yield from accepted(listener)) as connection:
            yield iterations()
            connection.sendall(b"too late")
            client.abort()
            assert_closed(client)
            yield taken(connection, received)

    with place.listener() as listener:
        start(play(script))
    assert 0 < len(received) < len(BIG)


def test_closing_while_it_is_connecting_gives_that_up(start: Start, place: Place) -> None:
    def main() -> None:
        client = place.connect(unwanted, unwanted, connect_cb=unwanted, data=b"x")
        client.abort()
        assert_closed(client)
        client.close()
        client.abort()

    with place.listener():
        start(main)


@pytest.mark.parametrize("when", ["while connecting", "when connected", "while held"])
def test_closing_may_wait_until_everything_is_sent(start: Start, place: Place, when: str) -> None:
    received = bytearray()

    def script() -> Script:
        client = place.connect(unwanted, unwanted, write_cb=unwanted, data=BIG)
        if when == "while connecting":
            client.close()
        with (yield from accepted(listener)) as connection:
            if when == "while held":
                client.disable(write=True)
            if when != "while connecting":
                yield iterations()
                client.close()
            assert client.closed
            yield taken(connection, received)

    with place.listener() as listener:
        start(play(script))
    assert_same(received, BIG)


@pytest.mark.parametrize("stream", [False, True])
def test_text_is_written_in_the_external_format_on_both_sides(
    start: Start, place: Place, stream: bool
) -> None:
    heard = bytearray()

    def greet(sock: AsyncSocket) -> None:
        sock.write("grüß\nGott\n")
        sock.close()

    def script() -> Script:
        server = place.serve(
            unwanted, connect_cb=greet, external_format="latin-1/crlf", stream=stream
        )
        client = place.connect(
            lambda sock, data: heard.extend(data),
            lambda event: None,
            external_format="utf-16/cr",
            data="a\n",
        )
        yield lambda: client.closed
        server.close()

    start(play(script))
    assert bytes(heard) == "grüß\r\nGott\r\n".encode("latin-1")


@pytest.mark.parametrize("stream", [False, True])
def test_an_encoding_with_state_is_one_for_the_whole_connection(
    start: Start, place: Place, stream: bool
) -> None:
    received = bytearray()

    def script() -> Script:
        client = place.connect(
            unwanted, unwanted, external_format="utf-16", data="a", stream=stream
        )
        with (yield from accepted(listener)) as connection:
            client.write("b\n")
            client.close()
            yield taken(connection, received)

    with place.listener() as listener:
        start(play(script))
    assert received.decode("utf-16") == "ab\n"
    with pytest.raises(ValueError, match="encoding"):
        start(lambda: place.connect(unwanted, external_format="no-such-encoding"))


def test_what_is_being_sent_after_closing_can_still_be_dropped(start: Start, place: Place) -> None:
    received = bytearray()

    def script() -> Script:
        client = place.connect(unwanted, unwanted, write_cb=unwanted, data=BIG)
        with (yield from accepted(listener)) as connection:
            yield iterations()
            client.close()
            client.close()
            yield iterations()
            client.abort()
            yield taken(connection, received)

    with place.listener() as listener:
        start(play(script))
    assert 0 < len(received) < len(BIG)


def test_closing_as_cl_async_does_drops_what_was_written(start: Start, place: Place) -> None:
    received = bytearray()

    def script() -> Script:
        client = place.connect(unwanted, unwanted, write_cb=unwanted, data=BIG)
        with (yield from accepted(listener)) as connection:
            yield iterations()
            close_socket(client)
            assert_closed(client)
            yield taken(connection, received)

    with place.listener() as listener:
        start(play(script))
    assert 0 < len(received) < len(BIG)


def test_what_cannot_be_sent_after_closing_is_told_to_the_default_handler(
    start: Start, tcp_place: Place
) -> None:
    events: list[Event] = []

    def script() -> Script:
        current_event_loop().default_event_handler = events.append
        client = tcp_place.connect(unwanted, unwanted, data=BIG)
        connection = yield from accepted(listener)
        yield iterations()
        client.close()
        reset(connection)

    with tcp_place.listener() as listener:
        start(play(script))
    assert [event.kind for event in events] == [EventKind.RESET]


def test_what_fails_after_the_end_is_told_to_the_default_handler(
    start: Start, tcp_place: Place
) -> None:
    told = Told(event=lambda event: event.source.write(BIG))
    events: list[Event] = []

    def script() -> Script:
        current_event_loop().default_event_handler = events.append
        client = tcp_place.connect(unwanted, told.event)
        connection = yield from accepted(listener)
        connection.shutdown(socket.SHUT_WR)
        yield lambda: client.closed
        yield iterations()
        reset(connection)

    with tcp_place.listener() as listener:
        start(play(script))
    assert told.kinds == [EventKind.EOF]
    [event] = events
    assert isinstance(event.error, ConnectionReset | BrokenPipe)


def test_a_reset_is_told_once(start: Start, tcp_place: Place) -> None:
    told = Told()

    def script() -> Script:
        client = tcp_place.connect(unwanted, told.event)
        connection = yield from accepted(listener)
        yield lambda: client.is_connected
        reset(connection)

    with tcp_place.listener() as listener:
        start(play(script))
    assert told.kinds == [EventKind.RESET]
    assert isinstance(told.events[0].error, ConnectionReset)


def test_an_event_ends_the_socket_which_may_close_itself_first(start: Start, place: Place) -> None:
    closed: list[bool] = []

    def script() -> Script:
        def close(event: Event) -> None:
            closed.append(event.source.closed)
            event.source.close()
            assert_closed(event.source)

        place.connect(unwanted, close)
        place.connect(unwanted, lambda event: closed.append(event.source.closed))
        (yield from accepted(listener)).close()
        (yield from accepted(listener)).close()

    with place.listener() as listener:
        start(play(script))
    assert closed == [False, False]


def test_last_words_can_be_said_to_a_peer_that_has_finished(start: Start, place: Place) -> None:
    received = bytearray()

    def script() -> Script:
        client = place.connect(
            unwanted, lambda event: event.source.write(b"bye" + BIG), write_cb=unwanted
        )
        with (yield from accepted(listener)) as connection:
            connection.shutdown(socket.SHUT_WR)
            yield taken(connection, received)
        assert_closed(client)

    with place.listener() as listener:
        start(play(script))
    assert_same(received, b"bye" + BIG)


def test_what_is_held_when_the_peer_finishes_is_sent(start: Start, place: Place) -> None:
    told = Told()
    received = bytearray()

    def script() -> Script:
        client = place.connect(unwanted, told.event)
        client.disable(write=True)
        client.write(b"held", enable=False)
        with (yield from accepted(listener)) as connection:
            connection.shutdown(socket.SHUT_WR)
            yield taken(connection, received)

    with place.listener() as listener:
        start(play(script))
    assert received == b"held"
    assert told.kinds == [EventKind.EOF]


def test_the_end_of_the_loop_closes_sockets_and_servers_and_calls_nobody(
    start: Start, place: Place
) -> None:
    opened: list[Any] = []

    def script() -> Script:
        opened.append(place.serve(unwanted, unwanted, connect_cb=opened.append))
        opened.append(place.connect(unwanted, unwanted))
        yield lambda: len(opened) == 3
        opened[1].write(b"x")
        exit_event_loop()

    start(play(script))
    assert all(one.closed for one in opened)
    assert {one.fileno() for one in opened} == {-1}


def test_an_unreferenced_socket_does_not_keep_the_loop_alive(start: Start, place: Place) -> None:
    def main() -> None:
        place.connect(unwanted, unwanted, connect_cb=lambda sock: sock.unref())

    with place.listener():
        start(main)


def test_names_are_remembered(start: Start, tcp_place: Place) -> None:

    def script() -> Script:
        client = tcp_place.connect(unwanted, lambda event: None)
        (yield from accepted(listener)).close()
        yield lambda: client.closed
        assert client.remote_name.port == tcp_place.port
        assert str(client.local_name.host) == "127.0.0.1"
        assert str(tcp_place.port) in repr(client)
        with pytest.raises(SocketClosed, match=str(tcp_place.port)):
            client.write(b"x")

    with tcp_place.listener() as listener:
        start(play(script))


def test_no_loop_no_socket() -> None:
    with pytest.raises(RuntimeError, match="no event loop"):
        tcp_connect("127.0.0.1", 1, unwanted)
    with pytest.raises(RuntimeError, match="no event loop"):
        init_tcp_socket(unwanted)
