"""The read-eval-print loop of CLISP's manual, as a process."""

import contextlib
import re
import signal
import socket
from collections.abc import Callable, Iterator

import pytest
from support.peers import connect, netcat, receive_all, reset
from support.processes import Program, example
from support.programs import require

HOST = "127.0.0.1"


# -- the read-eval-print loop ---------------------------------------------------------------------


@contextlib.contextmanager
def looping(*, separate_errors: bool = False) -> Iterator[tuple[Program, int]]:
    """Yield the loop's server, and its port."""
    with example("repl_server", separate_errors=separate_errors) as program:
        line = program.wait_for_line(r'Waiting for a connection on "(.*)":(\d+)$')
        yield program, int(line[2])


def ask(client: socket.socket, source: str | bytes) -> str:
    """Send something to be evaluated, and return what the server says to it."""
    client.sendall(source.encode() if isinstance(source, str) else source)
    answer = b""
    while not answer.endswith(b"\r\n\r\n") and answer != b"\r\n":
        piece = client.recv(65_536)
        if not piece:
            break
        answer += piece
    return answer.decode().replace("\r\n", "\n")


def test_what_is_sent_is_evaluated() -> None:
    with looping() as (server, port):
        with connect((HOST, port)) as client:
            ours = client.getsockname()[1]
            server.wait_for_line(
                rf'^Connection: "127\.0\.0\.1 \(.+\)":{ours} -- "127\.0\.0\.1 \(.+\)":{port}$'
            )
            assert ask(client, "1 + 2\n") == "3\n\n"
            assert ask(client, "x = 20\r\n") == "\n"
            assert ask(client, "for i in range(2):\n    print(x + i)\n\n") == "20\n21\n\n"
            assert ask(client, "'h\xe9', '\\ud800'\n") == "('h\xe9', '\\ud800')\n\n"
            assert "ZeroDivisionError" in ask(client, "1 / 0\n")
            assert "SyntaxError" in ask(client, "1 +\n")
            assert "SyntaxError" in ask(client, b"\xff\n")
            assert ask(client, "x\n") == "20\n\n"
        with connect((HOST, port)) as client:  # one after the other, and each from the beginning
            assert "NameError" in ask(client, "x\n")
            client.sendall(b"exit()\n")
            assert client.recv(1) == b""
        server.interrupt()
        assert server.wait() == 130


def test_nothing_to_evaluate_is_no_mistake() -> None:
    with looping() as (_, port), connect((HOST, port)) as client:
        for nothing in ("\n", "# a comment\n", "   \n", "\t# another\n"):
            assert ask(client, nothing) == "\n"
        assert ask(client, "1\n") == "1\n\n"


RAISED = [
    "raise BaseException('mine')",
    "raise KeyboardInterrupt",
    "raise GeneratorExit",
    "class Mine(BaseException): pass\n\nraise Mine",
    "raise MemoryError",
    "def f(): f()\n\nf()",
    "(" * 10_000 + ")" * 10_000,
    "-" * 50_000 + "1",
    "x" + ".x" * 20_000,
    "1" * 5_000,
    "'\\0",
    "\0",
    "class C:\n    def __repr__(self): raise KeyboardInterrupt\n\nC()",
]


@pytest.mark.parametrize("source", RAISED, ids=range(len(RAISED)))
@pytest.mark.thorough
def test_whatever_a_client_raises_is_told_and_the_server_goes_on(source: str) -> None:
    *before, last = source.split("\n\n")
    with looping() as (server, port), connect((HOST, port)) as client:
        for each in before:
            ask(client, f"{each}\n\n")
        assert re.search(r"Error|Interrupt|Exit|Exception|Mine", ask(client, f"{last}\n"))
        assert ask(client, "2\n") == "2\n\n"
        server.interrupt()
        assert server.wait() == 130


ENDS = ["exit()", "raise SystemExit", "raise SystemExit('text')", "import sys; sys.exit(5)"]


@pytest.mark.parametrize("end", ENDS)
def test_what_was_printed_before_the_end_is_sent(end: str) -> None:
    with looping() as (_, port):
        with connect((HOST, port)) as client:
            client.sendall(f"print('x'); {end}\n".encode())
            assert receive_all(client) == b"x\r\n"
        with connect((HOST, port)) as client:
            assert ask(client, "2\n") == "2\n\n"


@pytest.mark.parametrize("how", ["close()", "write('')", "detach()", "__del__()"])
def test_a_client_does_what_it_likes_with_its_output(how: str) -> None:
    with looping() as (_, port), connect((HOST, port)) as client:
        assert ask(client, "import sys\n") == "\n"
        answer = ask(client, f"print(1); sys.stdout.{how}\n")
        assert answer.startswith("1\n")
        assert ask(client, "print(2); sys.stdout = None\n") == "2\n\n"
        assert ask(client, "print(3)\n") == "3\n\n"


def test_the_last_value_is_the_clients_own() -> None:
    with looping() as (_, port):
        with connect((HOST, port)) as client:
            assert ask(client, "'secret'\n") == "'secret'\n\n"
            assert ask(client, "_\n") == "'secret'\n\n"
        with connect((HOST, port)) as client:
            assert "NameError" in ask(client, "_\n")


@pytest.mark.thorough
def test_a_statement_may_have_many_lines_but_not_any_number() -> None:
    with looping() as (server, port):
        with connect((HOST, port)) as client:
            lines = "".join(f"    x += {number}\n" for number in range(300))
            assert ask(client, "x = 0\n") == "\n"
            assert ask(client, f"if True:\n{lines}\n") == "\n"
            assert ask(client, "x\n") == f"{sum(range(300))}\n\n"
        with connect((HOST, port)) as client, contextlib.suppress(ConnectionError):
            client.sendall(b"x = [\n" + b"1,\n" * 10_000)
            assert re.fullmatch(
                rb"The connection is ended: .*does not end\r\n", receive_all(client)
            )
        server.wait_for_line("^The connection is ended: .*a statement does not end$")
        with connect((HOST, port)) as client:
            client.sendall(b"x" * 65_537 + b"\n")
            told = receive_all(client)
            assert re.fullmatch(rb"The connection is ended: .*65536.*\r\n", told)
        with connect((HOST, port)) as client:
            assert ask(client, "2\n") == "2\n\n"


BEGIN = 'print("begun", file=__import__("sys").stderr)'


WAIT = "__import__('threading').Event().wait()"


@pytest.mark.parametrize("source", [f"exec('{BEGIN}\\nwhile True: pass')", f"{BEGIN}; {WAIT}"])
def test_ctrl_c_ends_the_server_also_while_it_evaluates(source: str) -> None:
    with looping(separate_errors=True) as (server, port), connect((HOST, port)) as client:
        client.sendall(f"{source}\n".encode())
        server.wait_for_line("begun", errors=True)
        if WAIT in source:
            server.wait_until_idle()
        server.process.send_signal(signal.SIGINT)
        assert server.wait() == 130
        assert server.errors == "begun\n"
        with contextlib.suppress(ConnectionError):
            assert receive_all(client) == b""


def test_what_is_left_is_thrown_away() -> None:
    with looping() as (_, port), connect((HOST, port)) as client:
        assert ask(client, "1\n2\n3\n") == "1\n\n"
        assert ask(client, "4\n") == "4\n\n"


def test_the_connection_ends_with_the_client() -> None:
    def cut(client: socket.socket) -> None:
        client.sendall(b"if True:\n")
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b""

    def vanish(client: socket.socket) -> None:
        assert ask(client, "1\n") == "1\n\n"
        reset(client)

    def send_too_much(client: socket.socket) -> None:
        client.sendall(b"x" * 100_000)
        assert b"no end within the limit" in receive_all(client)

    ends: list[Callable[[socket.socket], None]] = [cut, vanish, send_too_much]
    with looping() as (server, port):
        for end in ends:
            with connect((HOST, port)) as client:
                end(client)
        server.wait_for_line("^The connection has ended: .*reset")
        server.wait_for_line("^The connection is ended: .*no end within the limit")
        with connect((HOST, port)) as client:
            assert ask(client, "2\n") == "2\n\n"


@pytest.mark.needs_program("nc")
@pytest.mark.needs_program("curl")
def test_the_loop_is_used_by_netcat_and_curl() -> None:
    with looping() as (_, port):
        with Program([require("curl"), "-sN", f"telnet://{HOST}:{port}"]) as curl:
            curl.send("'x' * 3\n")
            curl.read_until("'xxx'")
        with netcat(HOST, port, "6 * 7\n") as nc:
            assert nc.read_to_end() == "42\r\n\r\n"


@pytest.mark.parametrize("interface", ["0.0.0.0", "127.0.0.2", "127.0.0.1"])
def test_who_lets_everybody_in_is_warned(interface: str) -> None:
    arguments = ("--interface", interface, "--port", "0")
    with example("repl_server", *arguments, separate_errors=True) as server:
        server.wait_for_line(rf'Waiting for a connection on "{re.escape(interface)}":\d+$')
        server.interrupt()
        server.wait()
        assert ("with your permissions" in server.errors) is (interface == "0.0.0.0")


def test_the_loop_that_cannot_listen_says_why() -> None:
    with (
        socket.create_server((HOST, 0)) as listener,
        example("repl_server", "--port", str(listener.getsockname()[1])) as server,
    ):
        assert server.wait() == 1
        assert "EADDRINUSE" in server.output
    with example("repl_server", "--interface", "[/]=") as server:
        assert server.wait() == 1
        assert "no such host" in server.output
    with example("repl_server", "--help") as server:
        assert server.wait() == 0
        text = " ".join(server.output.split())
        assert text.count("with your permissions") == 2
