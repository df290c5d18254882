"""What goes wrong between the programs and their peers, provoked, and what they make of it.

Each message that the tutorial explains appears here for the reason that it gives. Where a client
has to be gone before a server looks, the server is frozen meanwhile: nothing depends on who is
faster.
"""

import contextlib
import re
import select
import socket
import sys
from collections.abc import Iterator

import ex3_client
import ex4_client
import pytest
from support.peers import (
    LOOPBACK,
    PeerServer,
    connect,
    exchange,
    has_ipv6,
    receive_all,
    receive_exactly,
    refusing_port,
    reset,
)
from support.processes import Program, example
from support.timing import MS
from support.tutorial import (
    DAYTIME_CLIENTS,
    DESTROYING,
    HOST,
    IN_THE_QUEUE,
    IN_USE,
    SERVERS,
    WAITING,
    accept,
    assert_interleaved,
    client_of,
    cpu_seconds,
    echoing,
    frozen,
    greeting,
    head,
    listening,
    masked,
    peer_port_of,
    plain_listener,
    port_of,
    send_until_nothing_comes_back,
    served,
    wait_for_all,
    without_descriptors,
    without_threads_about_to_end,
)

pytestmark = pytest.mark.thorough

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="the loopback interface has no IPv6")
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc")

EXITED = "Client Exited.\n"


def refused(address: str, port: int) -> str:
    """Return what the clients with error handling say when nobody listens."""
    return f"Connection refused to {address}:{port}. Maybe the server isn't running?\n"


def assert_died(program: Program, error: str) -> None:
    """Check that a program has ended with this error, which it does not handle, in one line."""
    assert program.wait() == 1
    assert program.errors.startswith(error)
    assert program.errors.count("\n") == 1


def assert_end(server: Program, port: int, *threads: list[str]) -> None:
    """End a server with threads, and check all that it has said."""
    wait_for_all(server, *(pieces[-1] for pieces in threads), *[WAITING] * (len(threads) + 1))
    server.interrupt()
    assert server.wait() == 130
    main = [*head(port), *[WAITING] * (len(threads) + 1), DESTROYING]
    assert_interleaved(without_threads_about_to_end(masked(server.output)), main, *threads)


# -- nobody listens --------------------------------------------------------------------------------


@contextlib.contextmanager
def port_refusing_both_families() -> Iterator[int]:
    """Yield a port that refuses connections over IPv4, and over IPv6 where there is any."""
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(refusing_port())
        if has_ipv6():
            bound = stack.enter_context(socket.socket(socket.AF_INET6))
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            with contextlib.suppress(OSError):  # Somebody has the port: IPv6 is not needed then.
                bound.bind((LOOPBACK[socket.AF_INET6], port))
        yield port


@pytest.mark.parametrize("name", ["ex1_client", "ex2_client"])
def test_the_first_clients_die_when_they_are_refused(name: str) -> None:
    with refusing_port() as port, client_of(port, name, separate_errors=True) as client:
        assert_died(client, f"connect {HOST}:{port}: Connection refused")
        assert client.output == ""


@pytest.mark.parametrize(("name", "end"), [("ex3_client", ""), ("ex4_client", EXITED)])
@pytest.mark.parametrize("host", [HOST, "localhost"])
def test_a_client_says_that_it_was_refused(name: str, end: str, host: str) -> None:
    first = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]
    with port_refusing_both_families() as port, client_of(port, name, host=host) as client:
        assert client.wait() == 1
        assert client.output == end + refused(str(first), port)


@pytest.fixture
def localhost_with_both_families(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let names have the addresses that "localhost" has on a machine with both families."""
    entries = [
        (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (LOOPBACK[family], 0, *rest))
        for family, rest in ((socket.AF_INET6, (0, 0)), (socket.AF_INET, ()))
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: entries)


@needs_ipv6
@pytest.mark.usefixtures("localhost_with_both_families")
def test_a_client_is_refused_by_both_families(capsys: pytest.CaptureFixture[str]) -> None:
    with port_refusing_both_families() as port:
        for client, said in ((ex3_client.ex3_client, ""), (ex4_client.ex4_client, EXITED)):
            with pytest.raises(SystemExit) as ended:
                client("localhost", port)
            assert f"{ended.value.code}\n" == refused("::1", port)
            assert capsys.readouterr().out == said


@needs_ipv6
@pytest.mark.usefixtures("localhost_with_both_families")
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_client_finds_the_family_that_a_server_listens_on(
    family: socket.AddressFamily, capsys: pytest.CaptureFixture[str]
) -> None:
    with PeerServer(lambda connection: connection.sendall(b"now\r\n"), family) as server:
        ex3_client.ex3_client("localhost", server.address[1])
    host, port = map(re.escape, map(str, server.address))
    greeted = rf"Connected to server {host}:{port} from my local connection at {host}:\d+!\nnow"
    assert re.fullmatch(greeted, capsys.readouterr().out)


# -- somebody listens already ----------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ex3_server", "ex4_server", "ex5_server"])
def test_a_second_server_says_that_the_address_is_in_use(name: str) -> None:
    with listening(name) as (first, port), example(name, "--port", str(port)) as second:
        assert second.wait() == 1
        assert masked(second.output) == head(port)[0] + IN_USE
        with connect((HOST, port)):
            first.read_until("onnection from")


@pytest.mark.parametrize("name", ["ex1_server", "ex2_server"])
def test_the_first_servers_die_when_the_address_is_in_use(name: str) -> None:
    with (
        listening("ex3_server") as (_, port),
        example(name, "--port", str(port), separate_errors=True) as second,
    ):
        assert_died(second, f"bind 0.0.0.0:{port}: Address already in use")
        assert masked(second.output) == head(port)[0]


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_may_listen_where_one_has_just_ended(name: str) -> None:
    # Between the two, somebody else may take the port. That does not happen three times.
    for _ in range(3):
        with listening(name) as (first, port), connect((HOST, port)) as client:
            if name == "ex5_server":
                client.sendall(b"quit\r\n")
            receive_all(client)  # The server ends the connection, and so remembers it for a while.
            first.interrupt()
            first.wait()
        with socket.socket() as without_reuse_address, pytest.raises(OSError, match="in use"):
            without_reuse_address.bind((HOST, port))
        with example(name, "--port", str(port)) as second:
            if second.read_until("Listening|already in use")[0] == "Listening":
                return
    pytest.fail("the port cannot be used again")


# -- the server is gone ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ex1_client", "ex2_client"])
def test_the_first_clients_die_when_the_server_closes_before_the_reply(name: str) -> None:
    with (
        plain_listener() as (listener, port),
        client_of(port, name, separate_errors=True) as client,
    ):
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
        assert_died(client, f"read_line {HOST}:{port}: end of file\n")
        assert client.output == greeting(name, port, own_port)


def test_the_third_client_says_that_the_server_closed_before_the_reply() -> None:
    with plain_listener() as (listener, port), client_of(port, "ex3_client") as client:
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
        assert client.wait() == 1
    said = "Got end-of-file. Server closed connection!\n"
    assert client.output == greeting("ex3_client", port, own_port) + said


@pytest.mark.parametrize("name", DAYTIME_CLIENTS)
def test_a_daytime_client_dies_of_a_reset(name: str) -> None:
    with (
        plain_listener() as (listener, port),
        client_of(port, name, separate_errors=True) as client,
    ):
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
            client.read_until("!\n")
            reset(connection)
        error = f"read_line {HOST}:{port}: Connection reset by peer"
        assert_died(client, error)
        assert client.output == greeting(name, port, own_port)


RESET = "Got connection reset. Server went away!\n"
HUNG_UP = "Got hangup. Server closed connection on write!\n"


@pytest.mark.parametrize(("half_close", "said"), [(False, RESET), (True, HUNG_UP)])
def test_the_echo_client_writes_to_a_server_that_is_gone(half_close: bool, said: str) -> None:
    with plain_listener() as (listener, port), client_of(port, "ex4_client") as client:
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
            client.read_until("!\n")
            if half_close:  # An end of file that nobody has read, and then the reset.
                connection.shutdown(socket.SHUT_WR)
            reset(connection)
        client.send("one\n")
        assert client.wait() == 1
    assert client.output == greeting("ex4_client", port, own_port) + EXITED + said


def test_the_echo_client_is_reset_while_it_waits_for_the_echo() -> None:
    with plain_listener() as (listener, port), client_of(port, "ex4_client") as client:
        with accept(listener) as connection:
            own_port = peer_port_of(connection)
            client.send("one\n")
            assert receive_exactly(connection, 5) == b"one\r\n"
            reset(connection)
        assert client.wait() == 1
    assert client.output == greeting("ex4_client", port, own_port) + EXITED + RESET


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ex4_client", "Server sent no line: "),
        ("ex5a_client", "Server sent no line: "),
        ("ex1_client", "read_line "),
        ("ex3_client", "read_line "),
        ("talk_client", "read_line "),
    ],
)
@pytest.mark.parametrize("answer", [b"\xff\n", b"x" * 70_000])
def test_a_client_is_sent_no_line(name: str, said: str, answer: bytes) -> None:
    with (
        plain_listener() as (listener, port),
        client_of(port, name, separate_errors=True) as client,
        accept(listener) as connection,
    ):
        connection.sendall(answer)
        client.send("one\n")
        assert client.wait() == 1
    assert client.errors.startswith(said)
    assert client.errors.count("\n") == 1


def test_what_is_typed_has_to_be_text() -> None:
    with (
        plain_listener() as (_, port),
        client_of(port, "ex4_client", separate_errors=True) as client,
    ):
        assert client.process.stdin
        client.process.stdin.write(b"\xff\n")
        assert client.wait() == 1
    assert client.errors.startswith("the input is not UTF-8: ")
    assert client.errors.count("\n") == 1


# -- the client is gone ----------------------------------------------------------------------------


def come_and_go(port: int, *, sends: bytes = b"", half_close: bool = False) -> int:
    """Connect, send, and reset the connection, at best after an end of file; return our port."""
    with connect((HOST, port)) as client:
        own_port = port_of(client)
        client.sendall(sends)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        reset(client)
    return own_port


@pytest.mark.parametrize("name", ["ex1_server", "ex2_server"])
@pytest.mark.parametrize(("half_close", "error"), [(False, "ECONNRESET"), (True, "EPIPE")])
def test_the_first_servers_die_of_a_client_that_is_gone(
    name: str, half_close: bool, error: str
) -> None:
    with listening(name, separate_errors=True) as (server, port):
        wait_for_all(server, WAITING)
        with frozen(server):
            client = come_and_go(port, half_close=half_close)
        assert_died(server, f"finish_output {HOST}:{client}: ")
        assert f"[{error}]" in server.errors
    pieces = [*head(port), WAITING, *served(name, client)[:-1]]
    assert masked(server.output) == "".join(pieces)


@pytest.mark.parametrize(
    ("half_close", "said"),
    [(False, "Client reset connection!\n"), (True, "Client closed connection!\n")],
)
def test_the_third_server_survives_a_client_that_is_gone(half_close: bool, said: str) -> None:
    with listening("ex3_server") as (server, port):
        wait_for_all(server, WAITING)
        with frozen(server):
            first = come_and_go(port, half_close=half_close)
        with connect((HOST, port)) as connection:
            assert receive_all(connection).endswith(b"\r\n")
            second = port_of(connection)
        wait_for_all(server, *[WAITING] * 3)
        *greeted, sent = served("ex3_server", first)
        turns = [*greeted, said, sent, WAITING, *served("ex3_server", second)]
        assert masked(server.output) == "".join([*head(port), WAITING, *turns, WAITING])


@pytest.mark.parametrize(
    ("half_close", "said"),
    [(False, "Client {} reset the connection!\n"), (True, "Client {} closed connection.\n")],
)
def test_a_thread_of_the_fourth_server_survives_a_client_that_is_gone(
    half_close: bool, said: str
) -> None:
    with listening("ex4_server") as (server, port):
        wait_for_all(server, WAITING)
        with frozen(server):
            client = come_and_go(port, half_close=half_close)
        greeted, sending, _, closing = served("ex4_server", client)
        thread = [greeted, sending, said.format(f"{HOST}:{client}"), closing]
        assert_end(server, port, thread)


@pytest.mark.parametrize("name", ["ex2_server", "ex3_server", "ex4_server"])
def test_a_daytime_server_does_not_notice_that_a_client_left_in_good_order(name: str) -> None:
    with listening(name) as (server, port):
        wait_for_all(server, WAITING)
        with frozen(server), connect((HOST, port)) as client:
            own_port = port_of(client)
        if name == "ex4_server":
            assert_end(server, port, served(name, own_port))
        else:
            wait_for_all(server, WAITING, WAITING)
            pieces = [*head(port), WAITING, *served(name, own_port), WAITING]
            assert masked(server.output) == "".join(pieces)


RESET_BY_PEER = "Client {}: connection reset by peer.\n"
CLOSED_FOR_READ = "Client {} closed connection for a read.\n"
CLOSED_FOR_WRITE = "Client {} closed connection for a write.\n"


@pytest.mark.parametrize(
    ("sends", "half_close", "echoed", "said"),
    [
        pytest.param(b"", False, [], RESET_BY_PEER, id="reset at once"),
        pytest.param(b"", True, [], CLOSED_FOR_READ, id="closed and reset at once"),
        pytest.param(b"half a l", False, [], RESET_BY_PEER, id="reset in mid-line"),
        pytest.param(b"one\r\n", False, ["one"], RESET_BY_PEER, id="reset on write"),
        pytest.param(b"one\r\ntwo\r\n", True, ["one"], CLOSED_FOR_WRITE, id="hang-up on write"),
        pytest.param(b"half a l", True, ["half a l"], CLOSED_FOR_WRITE, id="hang-up in mid-line"),
    ],
)
def test_a_thread_of_the_echo_server_survives_a_client_that_is_gone(
    sends: bytes, half_close: bool, echoed: list[str], said: str
) -> None:
    with listening("ex5_server") as (server, port):
        wait_for_all(server, WAITING)
        with frozen(server):
            client = come_and_go(port, sends=sends, half_close=half_close)
        thread = echoing(client, echoed, [said.format(f"{HOST}:{client}")])
        if echoed:  # It read the line, and could not write it.
            del thread[2]
        assert_end(server, port, thread)


def test_the_echo_server_is_reset_while_it_waits_for_a_line() -> None:
    with listening("ex5_server") as (server, port):
        with connect((HOST, port)) as client:
            own_port = port_of(client)
            client.sendall(b"one\r\nhalf a l")
            assert receive_exactly(client, 5) == b"one\r\n"
            wait_for_all(server, "Wrote", "one\n", "one\n")
            reset(client)
        said = RESET_BY_PEER.format(f"{HOST}:{own_port}")
        assert_end(server, port, echoing(own_port, ["one"], [said]))


def test_the_echo_server_is_reset_while_it_waits_to_write() -> None:
    with listening("ex5_server") as (server, port), connect((HOST, port)) as client:
        own_port = port_of(client)
        send_until_nothing_comes_back(server, client)
        assert exchange((HOST, port), b"others\r\n") == b"others\r\n"
        reset(client)
        server.wait_for_line(f"^Client {HOST}:{own_port}: connection reset by peer.$")
        server.wait_for_line(f"^Closing connection to {HOST}:{own_port}!$")


def test_the_echo_server_loses_a_client_in_mid_line() -> None:
    with listening("ex5_server") as (server, port):
        with connect((HOST, port)) as client:
            own_port = port_of(client)
            client.sendall(b"half a l")
        said = CLOSED_FOR_READ.format(f"{HOST}:{own_port}")
        assert_end(server, port, echoing(own_port, ["half a l"], [said]))


# -- clients that do not behave --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "echoed", "said"),
    [
        pytest.param(b"\xff\xfe\r\n", [], "codec can't decode", id="no UTF-8"),
        pytest.param("ы\r\n".encode("koi8-r"), [], "codec can't decode", id="another encoding"),
        pytest.param(b"ok\r\n\xed\xa0\x80\r\n", ["ok"], "codec can't decode", id="a surrogate"),
        pytest.param(b"\xf0\x9f\x93", [], "codec can't decode", id="half a character"),
        pytest.param(b"x" * 200_000, [], "no end within the limit", id="a line without end"),
        pytest.param(
            b"x" * 65_537 + b"\r\n", [], "no end within the limit", id="a line a byte too long"
        ),
    ],
)
def test_a_bad_line_ends_one_thread_of_the_echo_server(
    sent: bytes, echoed: list[str], said: str
) -> None:
    with (
        listening("ex5_server", separate_errors=True) as (server, port),
        connect((HOST, port)) as client,
    ):
        assert exchange((HOST, port), sent) == b"".join(x.encode() + b"\r\n" for x in echoed)
        server.wait_for_line(f"^Client .* sent no line: .*{said}")
        client.sendall(b"still there\r\n")
        assert receive_exactly(client, 13) == b"still there\r\n"
        assert exchange((HOST, port), b"new\r\n") == b"new\r\n"
        wait_for_all(server, *["Closing connection"] * 2, *[WAITING] * 4)
        server.interrupt()
        assert server.wait() == 130
    assert server.errors == ""


def test_the_longest_line_comes_back() -> None:
    line = b"x" * 65_536 + b"\r\n"
    with listening("ex5_server") as (server, port), connect((HOST, port)) as client:
        client.sendall(line)
        server.wait_for_line("^Wrote line to ")
        assert receive_exactly(client, len(line)) == line


@pytest.mark.parametrize("name", ["ex4_server", "ex5_server"])
@pytest.mark.parametrize("said", [b"", b"half a line"])
def test_a_client_that_stays_does_not_keep_a_server_with_threads_from_others(
    name: str, said: bytes
) -> None:
    with listening(name) as (server, port), connect((HOST, port)) as silent:
        silent.sendall(said)
        wait_for_all(server, f":{port_of(silent)}!\n")
        for _ in range(3):
            received = exchange((HOST, port), b"" if name == "ex4_server" else b"line\r\n")
            assert received.endswith(b"\r\n")


@contextlib.contextmanager
def fifty_clients(server: Program, port: int) -> Iterator[list[socket.socket]]:
    """Yield connections that the server has accepted: it lets no more than five wait for that."""
    with contextlib.ExitStack() as connections:
        clients = []
        for _ in range(50):
            clients.append(connections.enter_context(connect((HOST, port))))
            server.read_until(f"handling the connection from {HOST}:{port_of(clients[-1])}!")
        yield clients


def test_fifty_clients_at_once_learn_the_time() -> None:
    with listening("ex4_server") as (server, port), fifty_clients(server, port) as clients:
        for client in reversed(clients):
            assert re.fullmatch(rb"\d+/\d+/\d+ \d+:\d+:\d+\r\n", receive_all(client))
        phrases = ["Sending the time to", "Sent the time to", "Closing connection to"]
        wait_for_all(server, *phrases * 50, *[WAITING] * 51)


def test_fifty_clients_at_once_have_their_lines_echoed() -> None:
    with listening("ex5_server") as (server, port), fifty_clients(server, port) as clients:
        for client in clients:
            client.sendall(f"I am {port_of(client):05}\r\n".encode())
        for client in reversed(clients):
            assert receive_exactly(client, 12) == f"I am {port_of(client):05}\r\n".encode()
        wait_for_all(server, *[WAITING] * 51)
        server.interrupt()
        assert server.wait() == 130
        assert [receive_all(client) for client in clients] == [b""] * 50
        assert server.output.count("Destroying: <Thread(process-ex5-client-thread") == 50


# -- no descriptor is left -------------------------------------------------------------------------

LIMIT = 16  # descriptors


@needs_proc
def test_a_server_without_descriptors_waits_for_some_and_does_not_spin() -> None:
    with without_descriptors("ex5_server", LIMIT) as (server, served, waiting):
        server.wait_for_line("cannot accept connections .*Too many open files", errors=True)
        server.wait_until_idle()
        before = cpu_seconds(server.process.pid)
        assert select.select(waiting, [], [], 500 * MS)[0] == []
        assert cpu_seconds(server.process.pid) - before < 100 * MS
        for client in served:  # Those that it has are served all the same.
            client.sendall(b"still\r\n")
            assert receive_exactly(client, 7) == b"still\r\n"
        wait_for_all(server, *["Wrote", "still\n"] * len(served))
        assert server.errors.count("\n") == 1, "it says so once"
        for client in served[:IN_THE_QUEUE]:
            client.close()
        for client in waiting:
            assert receive_exactly(client, 6) == b"here\r\n"
        server.interrupt()
        assert server.wait() == 130
        assert "Traceback" not in server.errors


@needs_proc
def test_ctrl_c_ends_a_server_without_descriptors() -> None:
    with without_descriptors("ex5_server", LIMIT) as (server, served, waiting):
        server.wait_for_line("cannot accept connections", errors=True)
        server.interrupt()
        assert server.wait() == 130
        assert [receive_all(client) for client in served] == [b""] * len(served)
        for client in waiting:
            with pytest.raises(ConnectionResetError):
                receive_all(client)
