"""The listener: Python's read-eval-print loop over a connection."""

import builtins
import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

import pytest
from dialects.lispworks_helpers import HOST, port_of, started
from servers.serving import eventually
from support.peers import connect, has_ipv6, reset
from support.timing import PATIENCE

from trunkline import Resolution, SystemResolver, make_socket_pair
from trunkline.dialects.lispworks import (
    ServerProcess,
    make_stream_and_run_listener,
    start_up_server,
)

needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")

# What clients find here, of the test that they belong to.
seen: list[Any] = []
gate = threading.Event()


class Talk:
    """A client of a listener, which is called ``"test"`` unless told otherwise."""

    def __init__(self, client: socket.socket, name: str = '"test"') -> None:
        self.client = client
        self.send(name)
        assert self.receive(">>> ") == ""

    def send(self, *lines: str) -> None:
        """Send lines."""
        self.client.sendall("".join(f"{line}\n" for line in lines).encode())

    def receive(self, end: str) -> str:
        """Return what comes before `end`, which has to come."""
        received = b""
        while not received.endswith(end.encode()):
            piece = self.client.recv(1)
            assert piece, received
            received += piece
        return received.decode().removesuffix(end)

    def ask(self, line: str) -> str:
        """Return what comes for a line, before it is asked for more."""
        self.send(line)
        return self.receive(">>> ")

    def rest(self) -> str:
        """Return what comes to the end."""
        return b"".join(iter(lambda: self.client.recv(1024), b"")).decode()


@contextlib.contextmanager
def listening(**arguments: Any) -> Iterator[ServerProcess]:
    """Yield a server that has no function, and see to it that its clients' threads have ended."""
    before = threading.enumerate()
    with started(None, **arguments) as process:
        yield process
    for thread in threading.enumerate():
        if thread not in before:
            thread.join(PATIENCE)


@contextlib.contextmanager
def talk() -> Iterator[Talk]:
    """Yield a client that has sent its name."""
    with listening() as process, connect((HOST, port_of(process))) as client:
        yield Talk(client)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("1 + 1", "2\n"),
        ("x = 1", ""),
        ("None", ""),
        ("'text'", "'text'\n"),
        ("1; 2", "1\n2\n"),
        ("print('é', 2)", "é 2\n"),
        ("print('\\ud800')", "\\ud800\n"),
        ("", ""),
        ("# nothing", ""),
        ("import sys", ""),
        ("__name__", "'__listener__'\n"),
    ],
)
def test_a_line_is_evaluated_and_its_value_comes_back(line: str, answer: str) -> None:
    with talk() as client:
        assert client.ask(line) == answer


def test_the_names_of_a_talk_last_as_long_as_it() -> None:
    with talk() as client:
        client.ask("x = 20")
        client.ask("def double(n): return 2 * n\n")
        assert client.ask("double(x) + 2") == "42\n"
        assert client.ask("_ + 1") == "43\n"


def test_a_statement_of_several_lines_is_evaluated_after_an_empty_one() -> None:
    with talk() as client:
        client.send("for i in range(2):")
        assert client.receive("... ") == ""
        client.send("    print(i)")
        assert client.receive("... ") == ""
        assert client.ask("") == "0\n1\n"


def test_an_exception_is_shown_with_what_is_the_clients_of_its_traceback() -> None:
    with talk() as client:
        client.ask("def f(): return 1 / 0\n")
        assert client.ask("f()").splitlines() == [
            "Traceback (most recent call last):",
            '  File "<listener>", line 1, in <module>',
            '  File "<listener>", line 1, in f',
            "ZeroDivisionError: division by zero",
        ]
        assert client.ask("1").splitlines() == ["1"]


def test_a_mistake_in_the_syntax_is_shown() -> None:
    with talk() as client:
        answer = client.ask("1 +* 2")
        assert answer.endswith("SyntaxError: invalid syntax\n")
        assert "codeop" not in answer
        assert client.ask("1") == "1\n"


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "GeneratorExit", "RecursionError"])
def test_no_exception_but_one_ends_the_talk(error: str) -> None:
    with talk() as client:
        assert client.ask(f"raise {error}").endswith(f"{error}\n")


@pytest.mark.parametrize("line", ["exit()", "quit()", "raise SystemExit", "import sys; sys.exit()"])
def test_exit_ends_the_talk_and_nothing_else(line: str) -> None:
    with listening() as process, connect((HOST, port_of(process))) as client:
        ending = Talk(client)
        with connect((HOST, port_of(process))) as other_client:
            other = Talk(other_client)
            ending.send(line)
            assert ending.rest() == ""
            assert other.ask("1") == "1\n"
        assert process.is_alive


def test_input_is_read_from_the_client() -> None:
    with talk() as client:
        client.send("input('who? ')")
        assert client.receive("who? ") == ""
        assert client.ask("me") == "'me'\n"


def test_the_output_goes_to_the_client_only(capfd: pytest.CaptureFixture[str]) -> None:
    hook, out, original_print = sys.displayhook, sys.stdout, builtins.print
    with talk() as client:
        assert client.ask("print(1); 2; 3 / 0").startswith("1\n2\nTraceback")
        assert (sys.displayhook, sys.stdout, builtins.print) == (hook, out, original_print)
        client.ask("import sys")
        assert client.ask("print('there', file=sys.stderr)") == ""
    assert capfd.readouterr() == ("", "there\n")


def test_what_is_printed_is_seen_at_once() -> None:
    gate.clear()
    with talk() as client:
        client.ask(f"import sys; gate = sys.modules[{__name__!r}].gate")
        client.send(f"print('first'); gate.wait({PATIENCE})")
        try:
            assert client.receive("first\n") == ""
        finally:
            gate.set()
        assert client.receive(">>> ") == "True\n"


def test_either_newline_ends_a_line() -> None:
    with talk() as client:
        client.send("input()\r")
        assert client.ask("me\r") == "'me'\n"


def test_other_threads_of_the_client_may_print() -> None:
    with talk() as client:
        client.ask("from threading import Thread")
        client.ask("def lines(): [print('a line') for n in range(100)]\n")
        client.send("threads = [Thread(target=lines) for n in range(4)]")
        client.receive(">>> ")
        client.send("for thread in threads: thread.start()", "")
        client.send("for thread in threads: thread.join()", "", "print('done')")
        received = client.receive("done\n")
        assert received.count("a line") == 400
        assert "Error" not in received


def test_each_client_has_a_thread_of_the_name_that_it_sends() -> None:
    with (
        listening() as process,
        connect((HOST, port_of(process))) as one,
        connect((HOST, port_of(process))) as other,
    ):
        talks = [Talk(one, '"one"'), Talk(other, "'the other'")]
        for talk, name in zip(talks, ("one", "the other"), strict=True):
            talk.ask("import threading")
            assert talk.ask("threading.current_thread().name") == f"{name!r}\n"
        talks[0].ask("x = 1")
        assert "NameError" in talks[1].ask("x")


def test_the_name_that_a_client_sends_cannot_forge_lines_of_a_log() -> None:
    with listening() as process, connect((HOST, port_of(process))) as client:
        talk = Talk(client, r'"one\nERROR \x1b[2J"')
        talk.ask("import threading")
        name = r"one\nERROR \x1b[2J"
        assert talk.ask("threading.current_thread().name") == f"{name!r}\n"


def test_a_client_that_sends_no_name_keeps_nobody_waiting() -> None:
    with (
        listening() as process,
        connect((HOST, port_of(process))),
        connect((HOST, port_of(process))) as client,
    ):
        assert Talk(client).ask("1") == "1\n"


@pytest.mark.parametrize("name", ["test", "1", "''", "POST / HTTP/1.1", "b'bytes'", "", "(" * 999])
def test_whoever_does_not_begin_with_a_string_is_sent_away(name: str) -> None:
    seen.clear()
    line = f"import {__name__} as test; test.seen.append(1)"
    with listening() as process, connect((HOST, port_of(process))) as client:
        client.sendall(f"{name}\r\n".encode())
        received = b"".join(iter(lambda: client.recv(1024), b""))
        with contextlib.suppress(ConnectionError):
            client.sendall(f"{line}\r\n".encode())
    assert received == b'The first line is a name for this listener, like "name".\n'
    assert not seen


@pytest.mark.parametrize("sent", [b"", b'"name', b'"name"\n', b'"name"\n1 +', b'"name"\nif 1:\n'])
def test_a_client_may_leave_at_any_moment(sent: bytes) -> None:
    with listening() as process:
        for leave in (lambda client: client.shutdown(socket.SHUT_WR), reset):
            with connect((HOST, port_of(process))) as client:
                client.sendall(sent)
                leave(client)
        with connect((HOST, port_of(process))) as client:
            assert Talk(client).ask("1") == "1\n"


@pytest.mark.parametrize("sent", [b"\xff\n", b"x" * 100_000 + b"\n"])
def test_what_is_no_text_or_too_long_ends_the_talk(sent: bytes) -> None:
    with listening() as process, connect((HOST, port_of(process))) as client:
        Talk(client)
        client.sendall(sent)
        with contextlib.suppress(ConnectionError):
            assert client.recv(1024) == b""


def test_without_a_thread_a_client_is_sent_away(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with listening() as process:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            with connect((HOST, port_of(process))) as client:
                assert client.recv(1) == b""
        with connect((HOST, port_of(process))) as other:
            assert Talk(other).ask("1") == "1\n"
    assert "can't start new thread" in caplog.text


def test_a_function_can_give_a_connection_to_the_listener() -> None:
    ours, theirs = make_socket_pair()
    with theirs:
        make_stream_and_run_listener(ours)
        theirs.write("'here'\n1 + 1\nexit()\n")
        theirs.finish_output()
        assert theirs.read(timeout=PATIENCE)
        while theirs.read(timeout=PATIENCE):
            pass
        eventually(lambda: not any(each.name == "here" for each in threading.enumerate()))


# -- where it listens -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ipv6", "bound"),
    [("any", HOST), (None, HOST), pytest.param(True, "::1", marks=needs_ipv6)],
)
def test_it_listens_at_the_loopback_address(ipv6: Any, bound: str) -> None:
    with listening(address=None, ipv6=ipv6) as process:
        assert process.socket is not None
        assert str(process.socket.local_host) == bound


@pytest.mark.parametrize(
    "address", ["127.0.0.2", "localhost", pytest.param("::1", marks=needs_ipv6)]
)
def test_it_listens_at_whatever_is_a_loopback_address(address: str) -> None:
    with listening(address=address) as process, connect((address, port_of(process))) as client:
        assert Talk(client).ask("1") == "1\n"


@needs_ipv6
def test_a_mapped_loopback_address_is_one() -> None:
    with (
        listening(address=HOST, ipv6="both") as process,
        connect((HOST, port_of(process))) as client,
    ):
        assert Talk(client).ask("1") == "1\n"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.0.2.1", 0, "::ffff:192.0.2.1"])
def test_an_address_that_others_can_reach_is_refused(address: str | int) -> None:
    with pytest.raises(ValueError, match="can be reached from other machines"):
        start_up_server(address=address)


def test_no_one_address_is_a_loopback_address_of_both_families() -> None:
    with pytest.raises(ValueError, match="no loopback address takes both"):
        start_up_server(ipv6="both")


def test_a_name_that_is_not_one_of_the_loopback_is_refused() -> None:
    class Outside(SystemResolver):
        def resolve(self, host: str, **options: Any) -> Resolution:
            return Resolution((IPv4Address("192.0.2.1"),), None)

    process, condition = start_up_server(address="outside.test", wait=True, resolver=Outside())
    assert process is None
    assert isinstance(condition, ValueError)
    assert "can be reached" in str(condition)


def test_it_may_be_told_in_so_many_words_to_listen_everywhere() -> None:
    with listening(address=None, allow_remote_listener=True) as process:
        assert process.socket is not None
        assert process.socket.local_host.is_unspecified
        with connect((HOST, port_of(process))) as client:
            assert Talk(client).ask("1") == "1\n"
