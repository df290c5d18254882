"""`trunkline serve repl`: Python over a connection, and who is let in."""

import contextlib
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cli.helpers import assert_bad_usage, command, serving
from support.peers import exchange, receive_all
from support.timing import PATIENCE

from trunkline import ActiveSocket, Server
from trunkline.cli.serve import repl

Address = tuple[str, int]


@pytest.fixture
def address() -> Iterator[Address]:
    with serving(lambda sockets: Server(repl.converse, sockets=sockets)) as address:
        yield address


def say(address: Address, *lines: str) -> list[str]:
    """Return what is printed between the prompts, without the greeting."""
    told = exchange(address, "".join(f"{line}\n" for line in lines).encode()).decode()
    greeting, _, rest = told.partition("\n")
    assert greeting.startswith("Python 3.")
    return [each.strip() for each in re.split(r"(?:>>>|\.\.\.) ", rest)[1:]]


def test_what_is_said_is_evaluated(address: Address) -> None:
    lines = ("1 + 1", "x = 5", "print(x)", "def f():", "    return 7", "", "f()", "1/0")
    told = say(address, *lines)
    assert told[:7] == ["2", "", "5", "", "", "", "7"]
    assert told[7].startswith("Traceback")
    assert told[7].endswith("ZeroDivisionError: division by zero")


def test_the_end_may_be_said(address: Address) -> None:
    assert say(address, "exit()", "print('never')") == [""]


def test_each_client_has_its_own_variables(address: Address) -> None:
    assert say(address, "mine = 1") == ["", ""]
    assert "NameError" in say(address, "mine")[0]


@pytest.mark.parametrize("line", ["POST / HTTP/1.1", "GET /x HTTP/1.0"])
def test_a_browser_is_not_listened_to(address: Address, line: str, tmp_path: Path) -> None:
    path = tmp_path / "made"
    told = say(address, line, "Host: x", "", f"open({os.fspath(path)!r}, 'w').close()")
    assert told == [""]
    assert not path.exists()


class Peer(NamedTuple):
    uid: int


@pytest.mark.parametrize("uid", [os.geteuid(), 0, 12345])
def test_a_local_socket_is_for_its_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uid: int
) -> None:
    path = tmp_path / "socket"
    monkeypatch.setattr(ActiveSocket, "peer_credentials", property(lambda self: Peer(uid)))
    told = b""
    with Server(repl.converse, path=path) as server:
        server.start()
        with socket.socket(socket.AF_UNIX) as client, contextlib.suppress(ConnectionError):
            client.settimeout(PATIENCE)
            client.connect(os.fspath(path))
            client.sendall(b"1+1\n")
            client.shutdown(socket.SHUT_WR)
            told = receive_all(client)
    is_ours = uid in (0, os.geteuid())
    assert (b">>> 2" in told) is is_ours
    assert bool(told) is is_ours


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["repl"], "where to listen?"),
        (["repl", "*:0"], "could do whatever you can: if that is meant, --allow-remote"),
        (["echo", "0", "--allow-remote"], "--allow-remote is for trunkline serve repl"),
    ],
)
def test_what_cannot_be_meant_is_told(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_bad_usage(["serve", *words], why, capsys)


@pytest.mark.slow
@pytest.mark.parametrize("words", [["127.0.0.1:0"], ["0.0.0.0:0", "--allow-remote"]])
def test_as_a_process(words: list[str]) -> None:
    with command("serve", "repl", *words) as server:
        port = int(server.wait_for_line(r"^listening at [\d.]+:(\d+)$")[1])
        assert say(("127.0.0.1", port), "6 * 7") == ["42", ""]
        server.terminate()
        assert server.wait() == 0
        assert "Traceback" not in server.output
