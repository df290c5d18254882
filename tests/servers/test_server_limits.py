"""What a server allows: so many connections, and so much time."""

import contextlib
import socket
import threading
from typing import Any

import pytest
from servers.serving import (
    HOST,
    Gate,
    ask,
    client_of,
    each_way,
    eventually,
    receive_line,
    receive_to_the_end,
    serving,
    talk,
    visit,
)
from sockets.helpers import Call, no_descriptors_left
from support.peers import receive_all, reset
from support.timing import MS, PATIENCE

from trunkline import ActiveSocket, Busy, TimedOut, WouldBlock, wait_until_fd_ready
from trunkline.servers import Server, ServerStatistics, proxy_protocol, refusal

# -- how many --------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", ["per_connection", "pool"])
def test_at_the_limit_others_wait_and_lose_nothing(threads: Any) -> None:
    gate = Gate()
    with (
        serving(gate, threads=threads, max_connections=2) as server,
        contextlib.ExitStack() as clients,
    ):
        all_clients = [clients.enter_context(client_of(server)) for _ in range(6)]
        for client in all_clients:
            client.sendall(b"patience\n")
        gate.next()
        gate.next()
        assert server.statistics().active == 2
        gate.open(6)
        for client in all_clients:
            assert receive_line(client) == "patience"
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client) == b""
        eventually(lambda: server.statistics().finished == 6)
    assert server.statistics() == ServerStatistics(accepted=6, peak=2, finished=6)


def test_the_peak_stays() -> None:
    with serving() as server:
        with client_of(server) as one, client_of(server) as two:
            assert [talk(client, "x") for client in (one, two)] == ["x", "x"]
        eventually(lambda: server.statistics().active == 0)
        assert ask(server) == "hello"
    assert server.statistics().peak == 2


def test_at_the_limit_others_are_refused_politely() -> None:
    gate = Gate()
    with (
        serving(gate, max_connections=1, at_limit="refuse", refusal=b"busy\r\n") as server,
        client_of(server) as client,
    ):
        gate.next()
        with client_of(server) as refused:
            # It has sent a lot that nobody has read, and yet is not reset before it has read why.
            refused.sendall(b"x" * 100_000)
            assert receive_all(refused) == b"busy\r\n"
        gate.open()
        assert talk(client, "served") == "served"
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b""
        eventually(lambda: server.statistics().active == 0)
        gate.open()
        assert ask(server, "room again") == "room again"
    counts = server.statistics()
    assert (counts.accepted, counts.refused, counts.peak) == (3, 1, 1)


def test_a_long_refusal_is_sent_as_the_client_reads_it() -> None:
    gate = Gate()
    text = bytes(range(256)) * 40_000  # more than the system's buffers hold
    with (
        serving(gate, max_connections=1, at_limit="refuse", refusal=text) as server,
        client_of(server),
    ):
        gate.next()
        with client_of(server) as refused:
            assert receive_all(refused) == text
        gate.open()


def test_refused_clients_may_be_gone() -> None:
    gate = Gate()
    with (
        serving(gate, max_connections=1, at_limit="refuse", refusal=b"busy") as server,
        client_of(server),
    ):
        gate.next()
        for _ in range(20):
            reset(client_of(server))
        with client_of(server) as refused:
            assert receive_all(refused) == b"busy"
        gate.open()
    assert server.statistics().refused >= 1


def test_without_a_text_a_refusal_is_an_end_of_file() -> None:
    gate = Gate()
    with (
        serving(gate, max_connections=1, at_limit="refuse") as server,
        client_of(server),
    ):
        gate.next()
        with client_of(server) as refused:
            assert receive_all(refused) == b""
        gate.open()


def send_on(client: socket.socket) -> None:
    while True:
        client.sendall(b"x")


@pytest.mark.exact_io("one who did not get the text at once may have to go before the rest")
def test_those_who_linger_hold_nobody_up_and_are_not_more_than_so_many(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusal, "_MOST_LINGERING", 3)
    monkeypatch.setattr(refusal, "LINGER_TIMEOUT", 10 * PATIENCE)
    gate = Gate()
    with (
        serving(gate, max_connections=1, at_limit="refuse", refusal=b"busy") as server,
        client_of(server),
        contextlib.ExitStack() as clients,
    ):
        gate.next()
        refused = [clients.enter_context(client_of(server)) for _ in range(8)]
        for client in refused:
            assert receive_all(client) == b"busy"
        # The last three linger, and take what is sent. The others are closed, which resets.
        for client in refused[:5]:
            with pytest.raises(ConnectionError):
                send_on(client)
        for client in refused[5:]:
            client.sendall(b"x" * 1000)
        gate.open()


def test_one_who_lingers_for_too_long_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusal, "LINGER_TIMEOUT", 50 * MS)
    gate = Gate()
    with (
        serving(gate, max_connections=1, at_limit="refuse") as server,
        client_of(server),
    ):
        gate.next()
        with client_of(server) as refused:
            assert receive_all(refused) == b""
            with pytest.raises(ConnectionError):
                send_on(refused)
        gate.open()


def test_refused_clients_hear_it_also_when_the_server_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(refusal, "LINGER_TIMEOUT", 10 * PATIENCE)
    gate = Gate()
    with (
        serving(gate, max_connections=1, at_limit="refuse", refusal=b"busy") as server,
        client_of(server) as client,
    ):
        gate.next()
        with client_of(server) as refused:
            eventually(lambda: server.statistics().refused == 1)
            refused.sendall(b"x" * 1000)
            server.shutdown(PATIENCE, wait=False)
            gate.open()
            client.shutdown(socket.SHUT_WR)
            assert receive_all(client) == b""
            assert not server.wait(50 * MS)  # because of the one who lingers
            assert receive_all(refused) == b"busy"
        assert server.wait(PATIENCE)


@pytest.mark.parametrize("threads", ["per_connection", "pool"])
def test_a_thread_that_cannot_be_started_costs_one_connection(
    threads: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(threads=threads, refusal=b"no thread", name="talk") as server:
        really_start = threading.Thread.start

        def start(thread: threading.Thread) -> None:
            monkeypatch.setattr(threading.Thread, "start", really_start)
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", start)
        assert visit(server) == b"no thread"
        assert ask(server) == "hello"
    [record] = [record for record in caplog.records if record.name == "trunkline.servers"]
    assert record.getMessage().startswith("talk: cannot serve 127.0.0.1:")
    assert server.statistics().refused == 1


def test_a_thread_that_cannot_be_started_leaves_room_for_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with serving(max_connections=1) as server:
        really_start = threading.Thread.start

        def start(thread: threading.Thread) -> None:
            monkeypatch.setattr(threading.Thread, "start", really_start)
            raise RuntimeError("can't start new thread")

        monkeypatch.setattr(threading.Thread, "start", start)
        assert visit(server) == b""
        assert ask(server) == "hello"
        assert ask(server) == "hello"


@pytest.mark.exact_io("an injected EAGAIN looks as if nobody were there")
def test_without_descriptors_clients_wait_until_there_are_some(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with serving() as server, contextlib.ExitStack() as clients:
        one = clients.enter_context(client_of(server))
        assert talk(one, "one") == "one"
        others = [socket.socket() for _ in range(3)]
        for other in others:
            clients.enter_context(other)
            other.settimeout(PATIENCE)
        with no_descriptors_left():
            for other in others:
                other.connect((HOST, server.port))
            eventually(lambda: "cannot accept connections" in caplog.text)
            assert talk(one, "still served") == "still served"
        for other in others:
            assert talk(other, "patience") == "patience"
    assert server.statistics().accepted == 4


@pytest.mark.exact_io("an injected EAGAIN looks as if nobody were there")
def test_a_server_at_the_limit_of_descriptors_logs_one_line_for_each_shortage(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def lines() -> int:
        return sum("cannot accept connections" in each.getMessage() for each in caplog.records)

    with serving() as server, contextlib.ExitStack() as clients:
        others = [clients.enter_context(socket.socket()) for _ in range(20)]
        for other in others:
            other.settimeout(PATIENCE)
        # There is room for one connection at a time: the others are short again for each.
        with no_descriptors_left(spare=1):
            for other in others:
                other.connect((HOST, server.port))
            for other in others:
                assert talk(other, "patience") == "patience"
                other.shutdown(socket.SHUT_WR)
                assert receive_all(other) == b""
        assert lines() == 1
    assert server.statistics().finished == len(others)


# -- how long --------------------------------------------------------------------------------------

LIMIT = 100 * MS


class Watched:
    """A handler that keeps what its reading or writing raises."""

    def __init__(self, act: Any) -> None:
        self._act = act
        self.errors: list[Exception] = []

    def __call__(self, connection: ActiveSocket) -> None:
        """Serve a connection."""
        try:
            self._act(connection)
        except Exception as error:
            self.errors.append(error)
            raise


def read_on(connection: ActiveSocket) -> None:
    while connection.read_line():
        pass


def write_on(connection: ActiveSocket) -> None:
    while True:
        connection.write(b"x" * 100_000)


@each_way
@pytest.mark.parametrize("limit", ["read_timeout", "idle_timeout", "lifetime"])
def test_a_client_that_says_nothing_is_ended(threads: Any, limit: str) -> None:
    handler = Watched(read_on)
    options: dict[str, Any] = {limit: LIMIT}
    with serving(handler, threads=threads, **options) as server:
        assert visit(server) == b""
        eventually(lambda: server.statistics().timed_out == 1)
    [error] = handler.errors
    assert isinstance(error, TimedOut)
    assert f"the {limit} has passed" in str(error)


@pytest.mark.parametrize("limit", ["write_timeout", "idle_timeout", "lifetime"])
def test_a_client_that_never_reads_is_ended(limit: str) -> None:
    handler = Watched(write_on)
    options: dict[str, Any] = {limit: LIMIT}
    with serving(handler, **options) as server, client_of(server):
        eventually(lambda: server.statistics().timed_out == 1)
    [error] = handler.errors
    assert f"the {limit} has passed" in str(error)


@pytest.mark.parametrize("limit", ["idle_timeout", "lifetime"])
@pytest.mark.parametrize("event", ["read", "read_write"])
@pytest.mark.parametrize("seconds", [None, LIMIT / 10])
def test_a_handler_that_waits_for_readiness_ends_with_the_limit(
    limit: str, event: Any, seconds: float | None
) -> None:
    def wait(connection: ActiveSocket) -> None:
        if event == "read_write":
            fill(connection)
        while True:
            assert not wait_until_fd_ready(connection, event, timeout=seconds)

    handler = Watched(wait)
    options: dict[str, Any] = {limit: LIMIT}
    with serving(handler, **options) as server, client_of(server):
        eventually(lambda: server.statistics().timed_out == 1)
    [error] = handler.errors
    assert f"the {limit} has passed" in str(error)


def fill(connection: ActiveSocket) -> None:
    """Send until nothing fits."""
    with contextlib.suppress(WouldBlock):
        while True:
            connection.send_to(bytes(65_536))


def test_a_client_that_does_not_take_the_end_of_the_answer_is_ended() -> None:
    def handler(connection: ActiveSocket) -> None:
        connection.set_option("send_buffer", 4096)
        connection.write(b"x" * 10_000_000, timeout=None)

    with (
        serving(handler, write_timeout=LIMIT, output_buffer_size=20_000_000) as server,
        client_of(server),
    ):
        eventually(lambda: server.statistics().timed_out == 1)


@pytest.mark.parametrize("limit", ["read_timeout", "lifetime"])
@pytest.mark.slow
def test_a_client_that_sends_a_byte_now_and_then_is_ended(limit: str) -> None:
    options: dict[str, Any] = {limit: 5 * LIMIT}
    stop = threading.Event()

    def dribble(client: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            while not stop.wait(LIMIT / 2):
                client.sendall(b"x")

    with (
        serving(Watched(read_on), idle_timeout=4 * LIMIT, **options) as server,
        client_of(server) as client,
        Call(dribble, client),
    ):
        assert receive_to_the_end(client) == b""
        eventually(lambda: server.statistics().timed_out == 1)
        stop.set()


def test_the_limits_hold_whatever_the_handler_asks_for() -> None:
    handler = Watched(lambda connection: connection.read_line(timeout=None))
    with serving(handler, read_timeout=LIMIT) as server:
        visit(server)
        eventually(lambda: server.statistics().timed_out == 1)


def test_a_handler_may_say_goodbye_to_an_idle_client() -> None:
    def handler(connection: ActiveSocket) -> None:
        with pytest.raises(TimedOut):
            connection.read_line()
        connection.write_line("are you asleep?")

    with serving(handler, idle_timeout=LIMIT) as server:
        assert visit(server) == b"are you asleep?\n"


def test_after_its_life_a_connection_is_dead() -> None:
    errors: list[TimedOut] = []

    def handler(connection: ActiveSocket) -> None:
        connection.write("goodbye")
        for call in (connection.read_line, lambda: connection.write("too late", flush=True)):
            try:
                call()
            except TimedOut as error:
                errors.append(error)

    with serving(handler, lifetime=LIMIT) as server:
        assert visit(server) == b"goodbye"
    assert ["lifetime" in str(error) for error in errors] == [True, True]


@pytest.mark.parametrize("limit", ["read_timeout", "write_timeout", "idle_timeout", "lifetime"])
def test_a_limit_that_no_clock_can_reckon_with_is_none(limit: str) -> None:
    options: dict[str, Any] = {limit: 10**400}
    with serving(**options) as server:
        assert ask(server, "one") == "one"
        assert ask(server, "two") == "two"


def again_and_again(connection: ActiveSocket) -> None:
    while True:
        with contextlib.suppress(TimedOut):
            connection.read_line(timeout=LIMIT / 5)


@pytest.mark.parametrize("limit", ["idle_timeout", "lifetime"])
def test_a_handler_that_tries_again_and_again_does_not_escape_the_limits(limit: str) -> None:
    options: dict[str, Any] = {limit: 2 * LIMIT}
    with serving(again_and_again, **options) as server:
        assert visit(server) == b""
        eventually(lambda: server.statistics().timed_out == 1)


def test_short_waits_for_input_are_a_silence_too() -> None:
    def handler(connection: ActiveSocket) -> None:
        while True:
            try:
                server.wait_for_input(connection, timeout=LIMIT / 5)
            except TimedOut as error:
                if "idle_timeout" in str(error):
                    raise

    with serving(handler, idle_timeout=2 * LIMIT) as server:
        assert visit(server) == b""
        eventually(lambda: server.statistics().timed_out == 1)


def raised_by(call: Any) -> Any:
    try:
        return call()
    except Exception as error:
        return error


def test_after_its_life_every_call_says_so_and_no_output_is_lost_in_silence() -> None:
    results: list[Any] = []

    def handler(connection: ActiveSocket) -> None:
        with pytest.raises(TimedOut):
            connection.read_line()
        connection.write("too late")
        calls = [
            connection.force_output,
            connection.read_char_no_hang,
            connection.read_line,
            connection.finish_output,
            lambda: connection.send_to(b"x", start=0),
            lambda: connection.receive_from(1),
            lambda: connection.receive_from(bytearray(1)),
            connection.close,
        ]
        results.extend(raised_by(call) for call in calls if connection.has_buffered_output)
        raise results[-1]

    with serving(handler, lifetime=LIMIT) as server:
        assert visit(server) == b""
        eventually(lambda: server.statistics().timed_out == 1)
    *others, past, _, _, closing = results
    assert isinstance(past, ValueError)  # there is output before it
    for error in [*others, closing]:
        assert isinstance(error, TimedOut)
        assert error.deadline
        assert "the lifetime has passed" in str(error)
    assert closing.unsent == len("too late")
    assert "with 8 bytes unsent" in str(closing)


def test_what_goes_past_the_stream_keeps_its_limits() -> None:
    handler = Watched(lambda connection: connection.receive_from(10, timeout=None))
    with serving(handler, idle_timeout=LIMIT) as server:
        assert visit(server) == b""
        eventually(lambda: server.statistics().timed_out == 1)


@pytest.mark.parametrize("limit", ["preamble_timeout", "lifetime"])
def test_a_proxys_header_has_so_much_time(limit: str) -> None:
    preamble = proxy_protocol([HOST], timeout=None)
    options: dict[str, Any] = {"preamble_timeout": None, limit: LIMIT}
    with serving(preamble=preamble, **options) as server:
        assert visit(server, b"PROXY TCP4 ") == b""
        eventually(lambda: server.statistics().rejected == 1)


def test_a_preamble_has_so_much_time() -> None:
    def preamble(connection: ActiveSocket) -> None:
        connection.read_line()

    with serving(preamble=preamble, preamble_timeout=LIMIT) as server:
        assert visit(server) == b""
        eventually(lambda: server.statistics().rejected == 1)


@pytest.mark.slow
def test_after_the_preamble_its_limit_is_over() -> None:
    def preamble(connection: ActiveSocket) -> None:
        connection.read_line()

    def handler(connection: ActiveSocket) -> None:
        with pytest.raises(TimedOut, match="time limit passed"):
            connection.read_line(timeout=3 * LIMIT)
        connection.write_line("patience")

    with (
        Server(handler, host=HOST, preamble=preamble, preamble_timeout=LIMIT) as server,
        client_of(server) as client,
    ):
        client.sendall(b"first\n")  # It is there in time, however busy we are.
        server.start()
        assert receive_all(client) == b"patience\n"


# -- waiting between requests ----------------------------------------------------------------------


def test_waiting_for_input_sees_input_buffered_input_and_the_end() -> None:
    seen: list[Any] = []

    def handler(connection: ActiveSocket) -> None:
        while server.wait_for_input(connection):
            line = connection.read_line()
            seen.append(line)
            connection.write_line(line)
            connection.finish_output()

    with serving(handler) as server, client_of(server) as client:
        client.sendall(b"one\ntwo\n")
        assert [receive_line(client), receive_line(client)] == ["one", "two"]
        assert talk(client, "three") == "three"
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b""
        eventually(lambda: server.statistics().broken == 1)  # by reading at the end
    assert seen == ["one", "two", "three"]


@pytest.mark.slow
def test_waiting_for_input_is_not_reading() -> None:
    outcome: list[str] = []

    def handler(connection: ActiveSocket) -> None:
        with pytest.raises(TimedOut, match="time limit passed"):
            server.wait_for_input(connection, timeout=3 * LIMIT)
        outcome.append("not the limit on reading")
        with pytest.raises(TimedOut, match="idle_timeout"):
            server.wait_for_input(connection)
        outcome.append("but that on being idle")

    with serving(handler, read_timeout=LIMIT, idle_timeout=5 * LIMIT) as server:
        visit(server)
    assert outcome == ["not the limit on reading", "but that on being idle"]


def test_waiting_for_input_takes_the_right_to_read() -> None:
    def is_busy(connection: ActiveSocket) -> bool:
        try:
            connection.read_line(timeout=0)
        except TimedOut:
            return False
        except Busy:
            return True
        raise AssertionError("nobody has sent a line")

    gate = Gate(lambda connection: connection.read_line())
    with serving(gate) as server, client_of(server) as client:
        connection = gate.next()
        with Call(server.wait_for_input, connection) as waiting:
            eventually(lambda: is_busy(connection))
            client.sendall(b"x\n")
            assert waiting.result()
        gate.open()


def test_a_server_waits_for_its_own_connections_only() -> None:
    gate = Gate(lambda connection: None)
    with serving(gate) as server, serving() as other, client_of(server):
        connection = gate.next()
        with pytest.raises(ValueError, match="does not serve"):
            other.wait_for_input(connection)
        gate.open()
