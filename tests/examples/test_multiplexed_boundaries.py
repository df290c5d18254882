"""What goes wrong between the multiplexed programs and their peers, provoked.

One thread serves everybody here, so each of these tests also asks what becomes of the others.
"""

import contextlib
import re
import select
import signal
import socket
import sys
import threading
from pathlib import Path

import pytest
from support.multiplexed import (
    END_OF_FILE,
    HANG_UP,
    RESET,
    RESET_ON_WRITE,
    accepted,
    assert_said,
    closing,
    echoed,
    farewells,
    gone,
    got,
    interrupt,
    most_held,
    reluctant_reader,
    remarks,
    send_until_stuck,
    total_read,
    wire,
)
from support.peers import connect, exchange, receive_all, receive_exactly, refusing_port, reset
from support.processes import Program, example
from support.timing import MS, PATIENCE
from support.tutorial import (
    HOST,
    IN_THE_QUEUE,
    IN_USE,
    MULTIPLEXED_CLIENTS,
    MULTIPLEXED_SERVERS,
    accept,
    assert_interleaved,
    client_of,
    come_and_go,
    cpu_seconds,
    frozen,
    greeting,
    head,
    listening,
    masked,
    peer_port_of,
    plain_listener,
    port_of,
    wait_for_all,
    without_descriptors,
)

pytestmark = pytest.mark.thorough

on_each_backend = pytest.mark.usefixtures("backend")
each_server = pytest.mark.parametrize("name", MULTIPLEXED_SERVERS)
each_client = pytest.mark.parametrize("name", MULTIPLEXED_CLIENTS)
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc")


def assert_serves(port: int) -> None:
    """Check that a new client is served."""
    assert exchange((HOST, port), b"others\r\n") == b"others\r\n"


def rest_of(connection: socket.socket) -> bytes:
    """Return what comes until the other side is gone, orderly or with a reset; it has to go."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while data := connection.recv(65536):
            received += data
    return received


def silence(connection: socket.socket) -> None:
    """Check that nothing comes for a while, which is short for whoever waits and long for code."""
    assert select.select([connection], [], [], 200 * MS)[0] == []


# -- nobody listens, or somebody does --------------------------------------------------------------


@each_client
def test_a_client_says_that_it_was_refused(name: str) -> None:
    with refusing_port() as port, client_of(port, name, separate_errors=True) as client:
        assert client.wait() == 1
    refused = f"Connection refused to {HOST}:{port}. Maybe the server isn't running?\n"
    assert client.errors == refused
    assert client.output == "Client Exited.\n"


@each_server
def test_a_second_server_says_that_the_address_is_in_use(name: str) -> None:
    with listening(name) as (_, port), example(name, "--port", str(port)) as second:
        assert second.wait() == 1
        assert masked(second.output) == head(port)[0] + farewells(name)[-1] + IN_USE
        assert_serves(port)


@each_server
def test_a_server_may_listen_where_one_has_just_ended(name: str) -> None:
    # Between the two, somebody else may take the port. That does not happen three times.
    for _ in range(3):
        with listening(name) as (first, port), connect((HOST, port)) as client:
            first.read_until("Accepted a client.*\n")
            interrupt(first, port)
            assert receive_all(client) == b""
            first.wait()
        with socket.socket() as without_reuse_address, pytest.raises(OSError, match="in use"):
            without_reuse_address.bind((HOST, port))
        with example(name, "--port", str(port)) as second:
            if second.read_until("Listening|already in use")[0] == "Listening":
                return
    pytest.fail("the port cannot be used again")


# -- the server is gone ----------------------------------------------------------------------------

WENT_AWAY = "Uncaught connection reset. Server went away!\n"


def ended(start: str, end: str, at_the_end: str) -> str:
    """Return all that a client says; what is an error comes last."""
    told = end.removesuffix(WENT_AWAY)
    return start + told + at_the_end + end[len(told) :]


@each_client
@pytest.mark.parametrize("how", [END_OF_FILE, RESET, HANG_UP])
def test_a_client_loses_its_server_while_it_waits_for_the_user(name: str, how: str) -> None:
    with plain_listener() as (listener, port), client_of(port, name) as client:
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
            client.send("one\n")
            assert receive_exactly(connection, 5) == wire("one")
            if how == HANG_UP:  # An end of file that nobody has read, and then the reset.
                connection.shutdown(socket.SHUT_WR)
            if how != END_OF_FILE:
                reset(connection)
        with contextlib.suppress(BrokenPipeError):  # It may have seen it before it asked the user.
            client.send("two\n")
        assert client.wait() == (WENT_AWAY in client.output)
    _, on_read, at_the_end = remarks(name, port)
    on_write = on_read.replace("read: ", "write: ").replace("on read", "on write")
    ends = {END_OF_FILE: [on_read], RESET: [WENT_AWAY], HANG_UP: [on_read, on_write]}
    start = greeting(name, port, own_port)
    assert client.output in {ended(start, end, at_the_end) for end in ends[how]}


@pytest.mark.parametrize("how", [END_OF_FILE, RESET])
def test_ex5b_client_loses_its_server_while_it_waits_for_the_last_answers(how: str) -> None:
    name = "ex5b_client"
    with plain_listener() as (listener, port), client_of(port, name) as client:
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
            client.send("one\ntwo\n")
            client.close_stdin()
            assert receive_all(connection) == wire("one", "two")
            connection.sendall(wire("one"))
            client.read_until("\none\n|!\none\n")
            if how == RESET:
                reset(connection)
        assert client.wait() == (how == RESET)
    end_of_input, end_of_output, at_the_end = remarks(name, port)
    assert_interleaved(
        client.output,
        [greeting(name, port, own_port), end_of_input],
        [
            "one\n",
            *([end_of_output, at_the_end] if how == END_OF_FILE else [at_the_end, WENT_AWAY]),
        ],
    )


@each_client
@pytest.mark.parametrize("how", [END_OF_FILE, RESET])
def test_a_client_is_told_to_end_when_its_server_is_gone(name: str, how: str) -> None:
    with plain_listener() as (listener, port), client_of(port, name) as client:
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
            client.send("one\n")
            assert receive_exactly(connection, 5) == wire("one")
            if how == RESET:
                reset(connection)
        client.close_stdin()
        assert client.wait() == (WENT_AWAY in client.output)
    start, (end_of_input, end_of_output, at_the_end) = (
        greeting(name, port, own_port),
        remarks(name, port),
    )
    ends = [end_of_input, end_of_output if how == END_OF_FILE else WENT_AWAY]
    ends.append("".join(ends))
    assert client.output in {ended(start, end, at_the_end) for end in ends}


@each_client
@pytest.mark.parametrize(
    ("server_name", "number"),
    [("ex6_server", signal.SIGINT), ("ex7_server", signal.SIGTERM), ("ex8_server", signal.SIGKILL)],
)
def test_a_client_notices_with_the_next_line_that_its_server_was_ended(
    name: str, server_name: str, number: signal.Signals
) -> None:
    with listening(server_name) as (server, port), client_of(port, name) as client:
        own_port = int(client.read_until(r"at 127\.0\.0\.1:(\d+)!\n")[1])
        for line in ("one", "two"):
            client.send(f"{line}\n")
            server.read_until("Wrote .*\n")
        server.process.send_signal(number)
        server.wait()
        client.send("three\n")
        client.read_until("one\ntwo\n")
        with contextlib.suppress(BrokenPipeError):
            client.send("four\n")
        assert client.wait() == 0
    _, on_read, at_the_end = remarks(name, port)
    on_write = on_read.replace("read: ", "write: ").replace("on read", "on write")
    start = greeting(name, port, own_port) + "one\ntwo\n"
    assert client.output in {start + end + at_the_end for end in (on_read, on_write)}


# -- the client is gone ----------------------------------------------------------------------------


# What a client sends before it is gone, whether it ends its half in good order before that, what a
# server of lines still reads, and how a server finds out.
DEPARTURES: list[tuple[bytes, bool, list[str], str]] = [
    (b"", False, [], RESET),
    (b"", True, [], END_OF_FILE),
    (b"half a l", False, [], RESET),
    (b"one\r\n", False, ["one"], RESET_ON_WRITE),
    (b"one\r\ntwo\r\n", True, ["one"], HANG_UP),
    (b"half a l", True, ["half a l"], HANG_UP),
]


@each_server
def test_a_server_survives_clients_that_are_gone(name: str, backend: str) -> None:
    with listening(name) as (server, port):
        said = []
        for sends, half_close, lines, how in DEPARTURES:
            with frozen(server):
                client = come_and_go(port, sends=sends, half_close=half_close)
            reads, end = [got(name, client, line) for line in lines], [gone(name, client, how)]
            if name == "ex8_server" and sends:
                reads = [f"Read {len(sends)} bytes from {HOST}:{client}\n"]
            if (name, backend) == ("ex7_server", "select"):
                end = told_by_select(client, lines, how, end)
            said += [*accepted(name, client), *reads, *end, closing(client)]
            server.read_until(re.escape(closing(client)))
        assert_said(server, name, port, said)


def told_by_select(client: int, lines: list[str], how: str, end: list[str]) -> list[str]:
    """Return what the third server says with select, which does not tell that something is wrong.

    So it reads on before it writes.
    """
    name = "ex7_server"
    if how == RESET_ON_WRITE:
        return [gone(name, client, RESET)]
    if how == HANG_UP:
        next_one = got(name, client, "two") if lines == ["one"] else gone(name, client, END_OF_FILE)
        return [next_one, *end]
    return end


@on_each_backend
@each_server
def test_a_server_is_reset_while_nothing_happens(name: str) -> None:
    with listening(name) as (server, port), connect((HOST, port)) as other:
        server.read_until("Accepted .*\n")
        with connect((HOST, port)) as client:
            own_port = port_of(client)
            client.sendall(b"one\r\n")
            assert receive_exactly(client, 5) == b"one\r\n"
            server.read_until("Wrote .*\n")
            reset(client)
        said = [*accepted(name, own_port), *echoed(name, own_port, ["one"])]
        said += [gone(name, own_port, RESET), closing(own_port)]
        assert_said(server, name, port, [*accepted(name, port_of(other)), *said], port_of(other))


@pytest.mark.parametrize("name", ["ex6_server", "ex7_server"])
@pytest.mark.parametrize("how", [END_OF_FILE, RESET])
def test_a_line_server_loses_a_client_in_mid_line(name: str, how: str) -> None:
    with listening(name) as (server, port):
        with connect((HOST, port)) as client:
            own_port = port_of(client)
            client.sendall(b"one\r\n")
            assert receive_exactly(client, 5) == b"one\r\n"
            server.read_until("Wrote .*\n")
            client.sendall(b"half a l")
            if how == RESET:
                reset(client)
            else:
                client.shutdown(socket.SHUT_WR)
                assert receive_all(client) == b"half a l\r\n"
        server.read_until(re.escape(closing(own_port)))
        lines = ["one", "half a l"] if how == END_OF_FILE else ["one"]
        said = [*accepted(name, own_port), *echoed(name, own_port, lines)]
        if name == "ex7_server" and how == END_OF_FILE:  # It knows that before it writes.
            said.insert(-1, gone(name, own_port, how))
        else:
            said.append(gone(name, own_port, how))
        assert_said(server, name, port, [*said, closing(own_port)])


@on_each_backend
@each_server
def test_a_server_is_reset_while_it_cannot_write(name: str) -> None:
    with listening(name) as (server, port), reluctant_reader(port) as client:
        own_port = port_of(client)
        send_until_stuck(server, client, b"x" * 998 + b"\r\n")
        reset(client)
        server.read_until(re.escape(gone(name, own_port, RESET_ON_WRITE)))
        server.read_until(re.escape(closing(own_port)))
        assert_serves(port)


@on_each_backend
@each_server
def test_a_client_that_ends_its_half_gets_all_that_is_on_its_way(name: str) -> None:
    with listening(name) as (server, port), reluctant_reader(port) as client:
        own_port, line = port_of(client), b"x" * 998 + b"\r\n"
        count = send_until_stuck(server, client, line)
        sent = (line * (count // 1000 + 1))[:count]
        client.shutdown(socket.SHUT_WR)
        client.settimeout(PATIENCE)
        received: list[bytes] = []
        receiving = threading.Thread(target=lambda: received.append(receive_all(client)))
        receiving.start()
        server.read_until(re.escape(closing(own_port)))
        receiving.join(PATIENCE)
        is_cut = not sent.endswith(b"\n") and name != "ex8_server"
        assert received == [sent + b"\r\n" * is_cut]
        assert gone(name, own_port, END_OF_FILE) in server.output


@on_each_backend
@each_server
def test_a_client_may_come_back_from_the_same_port_before_the_first_is_missed(name: str) -> None:
    # The first connection has been reset, which the server finds out only after it has accepted the
    # second one. The two have the same name.
    with listening(name) as (server, port), contextlib.ExitStack() as stack:
        first, again = (stack.enter_context(socket.socket()) for _ in range(2))
        for client in (first, again):
            client.settimeout(PATIENCE)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            client.bind((HOST, port_of(first)))  # which is 0, and then whatever that has become
        own_port = port_of(first)
        with frozen(server):
            first.connect((HOST, port))
            reset(first)
            again.connect((HOST, port))
        again.sendall(b"one\r\n")
        assert receive_exactly(again, 5) == b"one\r\n"
        again.shutdown(socket.SHUT_WR)
        assert receive_all(again) == b""
        assert_serves(port)
        interrupt(server, port)
        assert server.wait() == 130
        assert server.output.count(closing(own_port)) == 2
        assert server.output.endswith(farewells(name)[-1])


# -- clients that do not behave --------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ex6_server", "ex7_server"])
def test_half_a_line_stops_a_line_server_for_everybody(name: str) -> None:
    with listening(name) as (server, port), connect((HOST, port)) as slow:
        # The half line comes together with a whole one, or the others might overtake it.
        slow.sendall(b"one\r\nhalf a line")
        server.read_until(re.escape(got(name, port_of(slow), "one")))
        with connect((HOST, port)) as other:
            other.sendall(b"others\r\n")
            silence(other)
            slow.sendall(b" and half\r\n")
            assert receive_exactly(slow, 27) == b"one\r\nhalf a line and half\r\n"
            assert receive_exactly(other, 8) == b"others\r\n"
            said = [*accepted(name, port_of(slow)), *accepted(name, port_of(other))]
            said += echoed(name, port_of(slow), ["one", "half a line and half"])
            said += echoed(name, port_of(other), ["others"])
            wait_for_all(server, *said)
            assert sorted(server.output.splitlines(True)[3:]) == sorted(said)


@on_each_backend
def test_half_a_line_stops_ex8_server_for_nobody() -> None:
    with listening("ex8_server") as (_, port), connect((HOST, port)) as slow:
        slow.sendall(b"half a line")
        assert receive_exactly(slow, 11) == b"half a line"
        assert_serves(port)
        slow.sendall(b" and half\r\n")
        assert receive_exactly(slow, 11) == b" and half\r\n"


def resident_bytes(server: Program) -> int:
    """Return how much memory a process has."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    kibibytes = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    assert kibibytes
    return int(kibibytes[1]) * 1024


@needs_proc
@on_each_backend
@pytest.mark.parametrize(
    ("name", "size", "least", "most"),
    [
        # The mark, and the line that has passed it.
        pytest.param("ex7_server", 1000, 4096, 4096 + 999, id="lines"),
        pytest.param("ex7_server", 60_000, 60_000, 60_000, id="long lines"),
        # The buffer.
        pytest.param("ex8_server", 1000, 1, 16_384, id="bytes"),
    ],
)
def test_a_client_that_writes_and_never_reads_costs_no_more_than_its_share(
    name: str, size: int, least: int, most: int
) -> None:
    with listening(name) as (server, port), reluctant_reader(port) as client:
        server.read_until("Accepted .*\n")
        before = resident_bytes(server)
        line = b"x" * (size - 1) + b"\n"
        sent = send_until_stuck(server, client, line)
        output = server.output
        assert least <= most_held(output) <= most
        assert total_read(output) < sent, "the rest waits in the system"
        if name == "ex8_server":
            assert total_read(output) % 16_384 == 0, "it has read up to the end of its buffer"
        assert resident_bytes(server) - before < 1 << 20
        assert_serves(port)


@pytest.mark.parametrize("name", ["ex6_server", "ex7_server"])
@pytest.mark.parametrize(
    ("sent", "echo", "error"),
    [
        pytest.param(b"\xff\xfe\r\n", "", "decode", id="no UTF-8"),
        pytest.param(b"ok\r\n\xed\xa0\x80\r\n", "ok", "decode", id="a surrogate"),
        pytest.param(b"\xf0\x9f\x93", "", "decode", id="half a character"),
        pytest.param(b"x" * 65_537 + b"\r\n", "", "65536", id="a line a byte too long"),
    ],
)
def test_a_bad_line_ends_one_connection(name: str, sent: bytes, echo: str, error: str) -> None:
    with listening(name) as (server, port), connect((HOST, port)) as other:
        server.read_until("Accepted .*\n")
        with connect((HOST, port)) as client:
            own_port = port_of(client)
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
            received = rest_of(client)
        assert received in (echo and wire(echo), b"")
        whose = "Client" if name == "ex6_server" else f"Client {HOST}:{own_port}"
        server.wait_for_line(f"^{re.escape(whose)} sent no line: .*{error}")
        server.read_until(re.escape(closing(own_port)))
        other.sendall(b"still there\r\n")
        assert receive_exactly(other, 13) == b"still there\r\n"
        assert_serves(port)
        assert "Traceback" not in server.output


@pytest.mark.parametrize("name", ["ex6_server", "ex7_server"])
def test_a_line_without_end_ends_one_connection(name: str) -> None:
    with listening(name) as (server, port), connect((HOST, port)) as client:
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                client.sendall(b"x" * 10_000)
        with contextlib.suppress(ConnectionError):
            assert rest_of(client) == b""
        server.read_until(r"sent no line: .*\n")
        assert_serves(port)


# -- Ctrl-C ----------------------------------------------------------------------------------------


@on_each_backend
@each_server
def test_ctrl_c_with_clients_at_work(name: str) -> None:
    with listening(name, separate_errors=True) as (server, port), contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connect((HOST, port))) for _ in range(3)]
        said = [piece for client in clients for piece in accepted(name, port_of(client))]
        server.read_until(re.escape(said[-1]))
        clients[2].sendall(b"echo\r\n")
        assert receive_exactly(clients[2], 6) == b"echo\r\n"
        said += echoed(name, port_of(clients[2]), ["echo"])
        assert_said(server, name, port, said, *map(port_of, clients))
        assert [rest_of(client) for client in clients] == [b""] * 3


@each_server
def test_ctrl_c_reaches_a_server_that_is_stopped_by_a_client(name: str) -> None:
    with listening(name) as (server, port), connect((HOST, port)) as half:
        server.read_until("Accepted .*\n")
        with reluctant_reader(port) as stuck:
            server.read_until("Accepted .*\n")
            send_until_stuck(server, stuck, b"x" * 998 + b"\r\n")
            half.sendall(b"half a l")
            server.interrupt()
            assert server.wait() == 130
            to_a_client = [farewells(name, port_of(client))[0] for client in (half, stuck)]
            assert all(words in server.output for words in to_a_client)
            assert server.output.endswith(farewells(name)[-1])
            rest_of(half)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@each_server
def test_clients_notice_that_a_server_was_ended(name: str, number: signal.Signals) -> None:
    with listening(name) as (server, port), connect((HOST, port)) as client:
        client.sendall(b"echo\r\n")
        assert receive_exactly(client, 6) == b"echo\r\n"
        server.process.send_signal(number)
        assert receive_all(client) == b""
        assert server.wait() == -number


# -- no descriptor is left -------------------------------------------------------------------------

LIMIT = 20  # descriptors


@needs_proc
@pytest.mark.parametrize(
    ("name", "backend"),
    [("ex6_server", "epoll"), ("ex7_server", "poll"), ("ex8_server", "select")],
)
def test_a_server_without_descriptors_waits_for_some_and_does_not_spin(
    name: str, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUNKLINE_BACKEND", backend)
    with without_descriptors(name, LIMIT) as (server, served, waiting):
        server.wait_until_idle()
        before = cpu_seconds(server.process.pid)
        assert select.select(waiting, [], [], 500 * MS)[0] == []
        assert cpu_seconds(server.process.pid) - before < 100 * MS
        for client in served:  # Those that it has are served all the same.
            client.sendall(b"still\r\n")
            assert receive_exactly(client, 7) == b"still\r\n"
        for client in served[:IN_THE_QUEUE]:
            client.close()
        for client in waiting:
            assert receive_exactly(client, 6) == b"here\r\n"
        server.interrupt()
        assert server.wait() == 130
        assert server.errors == ""
        left = [*served[IN_THE_QUEUE:], *waiting]
        assert all(farewells(name, port_of(client))[0] in server.output for client in left)


@needs_proc
@each_server
def test_ctrl_c_ends_a_server_without_descriptors(name: str) -> None:
    with without_descriptors(name, LIMIT) as (server, served, waiting):
        server.interrupt()
        assert server.wait() == 130
        assert [rest_of(client) for client in [*served, *waiting]] == [b""] * len(
            [*served, *waiting]
        )
        assert server.errors == ""
        assert server.output.endswith(farewells(name)[-1])
