"""`trunkline connect` where somebody types lines and edits them, while answers come in between."""

import contextlib
import fcntl
import os
import signal
import socket
import stat
import struct
import termios
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest
from cli.helpers import ARGV, ENVIRONMENT
from support.peers import PeerServer
from support.processes import Program
from support.terminal import AS_SOMEBODY_TYPES, ON_A_TERMINAL, Terminal, process_on
from support.timing import PATIENCE

from trunkline.cli.exit_status import ExitStatus

pytestmark = pytest.mark.slow  # each starts several interpreters

UP, LEFT, END_OF_INPUT, CTRL_C, CTRL_Z = "\x1b[A", "\x1b[D", "\x04", "\x03", "\x1a"

# Says in the end how it has ended, and how the terminal was left.
THEN_LOOK = """"$@"; echo "status $?"; stty -a | grep -oE -e "-?\\b(icanon|echo)\\b" | xargs"""
AS_IT_WAS = "icanon echo"


class Peer:
    """The other end of the conversation."""

    def __init__(self) -> None:
        self._connections: Queue[socket.socket] = Queue()
        self._over: Queue[None] = Queue()

    def handle(self, connection: socket.socket) -> None:
        """Keep a connection open until `end`."""
        self._connections.put(connection)
        self._over.get()

    def accept(self) -> None:
        """Wait for the connection."""
        self.connection = self._connections.get(timeout=PATIENCE)
        self.connection.settimeout(PATIENCE)

    def says(self, text: str) -> None:
        """Send something."""
        self.connection.sendall(text.encode())

    def read_line(self) -> str:
        """Return what was typed; nothing at the end."""
        line = b""
        while not line.endswith(b"\n") and (more := self.connection.recv(1)):
            line += more
        return line.decode()

    def end(self) -> None:
        """Close the connection."""
        self._over.put(None)


class Typing:
    """A conversation, and the terminal of who types."""

    def __init__(self, peer: Peer, program: Program) -> None:
        self.peer = peer
        self.program = program
        self.type = program.send
        terminal = Terminal(program)
        self.screen = terminal.screen
        self.shows = terminal.wait_for_lines


@contextlib.contextmanager
def typing(
    *arguments: str,
    terminal: tuple[str, ...] = AS_SOMEBODY_TYPES,
    script: str = THEN_LOOK,
    **environment: str,
) -> Iterator[Typing]:
    """Begin a conversation, in which the peer has said that it is ready.

    Args:
        *arguments: More for `trunkline connect`.
        terminal: What gives it a terminal.
        script: A shell's, whose arguments are the command.
        **environment: Variables.
    """
    peer = Peer()
    with PeerServer(peer.handle) as server:
        command = [*ARGV, "connect", f"127.0.0.1:{server.address[1]}", *arguments]
        argv = [*terminal, "bash", "-c", script, "bash", *command]
        with Program(argv, env={**ENVIRONMENT, **environment}) as program:
            try:
                peer.accept()
                peer.says("ready\n")
                yield Typing(peer, program)
                program.wait()
            finally:
                peer.end()


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(ENVIRONMENT, "XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setitem(ENVIRONMENT, "INPUTRC", "/dev/null")
    return tmp_path / "trunkline" / "history"


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_a_line_is_edited_while_something_comes(locale: str) -> None:
    with typing(LC_ALL=locale) as it:
        it.shows("ready")
        it.type("Grß")
        it.shows("ready", "Grß")
        it.peer.says("news\n")
        it.shows("ready", "news", "Grß")
        it.type(LEFT + "ü")
        it.peer.says("more\nnews\n")
        it.shows("ready", "news", "more", "news", "Grüß")
        it.type("\x05e\r")
        assert it.peer.read_line() == "Grüße\n"
        it.peer.says("bye\n")
        it.shows("ready", "news", "more", "news", "Grüße", "bye")
        it.type(END_OF_INPUT)
        assert it.peer.read_line() == ""
        it.peer.says("the rest")
        it.peer.end()
        it.program.read_until(f"the reststatus 0\r\n{AS_IT_WAS}\r\n")


def test_a_question_stands_before_what_is_typed() -> None:
    with typing() as it:
        it.peer.says("na")
        it.shows("ready", "na")
        it.type("x" * 100)
        it.shows("ready", "na" + 78 * "x", 22 * "x")
        it.peer.says("me: ")
        it.shows("ready", "name: " + 74 * "x", 26 * "x")
        it.type("\x15me")
        it.shows("ready", "name: me")
        it.type("\r")
        assert it.peer.read_line() == "me\n"
        it.peer.says("\tagain\x1b[2J: ")
        it.shows("ready", "name: me", r"        again\x1b[2J:")
        it.type("lost")
        it.shows("ready", "name: me", r"        again\x1b[2J: lost")
        it.peer.end()
        it.shows("ready", "name: me", r"        again\x1b[2J: status 0", AS_IT_WAS)


def test_what_is_typed_during_a_flood_is_there_after_it() -> None:
    with typing() as it:
        it.shows("ready")
        it.type("typed")
        it.shows("ready", "typed")
        it.peer.says("".join(f"{number}\n" for number in range(20_000)))
        it.type(LEFT + "!")
        it.shows(*map(str, range(19_977, 20_000)), "type!d")
        it.type("\r" + END_OF_INPUT)
        assert it.peer.read_line() == "type!d\n"
        it.peer.end()


def test_lines_without_end_are_broken_and_nothing_of_them_is_lost() -> None:
    with typing() as it:
        it.shows("ready")
        it.type("typed")
        it.peer.says("x" * 1200)
        it.shows("ready", *["x" * 80] * 15, "typed")
        it.type("\r" + END_OF_INPUT)
        it.peer.end()


def test_earlier_lines_are_found_again(state: Path) -> None:
    with typing() as it:
        it.shows("ready")
        for line in ("one", "two", " secret"):
            it.type(f"{line}\r")
            assert it.peer.read_line() == f"{line}\n"
        it.type(END_OF_INPUT)
        it.peer.end()
    assert state.read_bytes() == b"one\ntwo\n"
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    with typing() as it:
        it.shows("ready")
        it.type(UP + UP)
        it.shows("ready", "one")
        it.type(" more\r")
        assert it.peer.read_line() == "one more\n"
        it.type(END_OF_INPUT)
        it.peer.end()
    assert state.read_bytes() == b"one\ntwo\none more\n"


@pytest.mark.parametrize(
    ("terminal", "environment", "arguments"),
    [
        (ON_A_TERMINAL, {}, ()),  # what is typed is not shown, as with passwords
        (AS_SOMEBODY_TYPES, {"TERM": "dumb"}, ()),
        (AS_SOMEBODY_TYPES, {}, ("--no-history",)),
    ],
)
def test_nothing_is_remembered(
    terminal: tuple[str, ...], environment: dict[str, str], arguments: tuple[str, ...], state: Path
) -> None:
    with typing(*arguments, terminal=terminal, **environment) as it:
        it.program.read_until("ready")
        it.type("secret\n")
        assert it.peer.read_line() == "secret\n"
        it.type(END_OF_INPUT)
        assert it.peer.read_line() == ""
        it.peer.end()
    assert not state.exists()


def test_a_place_where_nothing_can_be_remembered_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with typing(XDG_STATE_HOME=str(tmp_path / "file")) as it:
        it.program.read_until("trunkline: what is typed is not remembered: .*file.*\r\n.*ready\r\n")
        it.type("one\rtwo\r" + UP)
        assert it.peer.read_line() + it.peer.read_line() == "one\ntwo\n"
        it.program.read_until("(?s)two.*two")
        it.type("\r" + END_OF_INPUT)
        assert it.peer.read_line() == "two\n"
        it.peer.end()
    assert it.program.output.count("not remembered") == 1


def test_ctrl_c_leaves_the_terminal_as_it_was() -> None:
    with typing() as it:
        it.peer.says("name: ")
        it.type("me")
        it.shows("ready", "name: me")
        it.type(CTRL_C)
        assert it.peer.read_line() == ""
        it.program.read_until(f"status {ExitStatus.INTERRUPTED}\r\n{AS_IT_WAS}\r\n")
    assert "Traceback" not in it.program.output


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_that_ends_it_leaves_the_terminal_as_it_was(number: signal.Signals) -> None:
    with typing() as it:
        it.shows("ready")
        it.type("unfinished")
        it.shows("ready", "unfinished")
        os.kill(process_on(it.program), number)
        it.program.read_until(rf"status {128 + number}\r\n{AS_IT_WAS}\r\n")


def test_ctrl_z_stops_it_and_leaves_the_terminal_to_others_meanwhile() -> None:
    with typing(script=f"set -m; {THEN_LOOK}; fg > /dev/null") as it:
        it.shows("ready")
        it.type("unfin")
        it.shows("ready", "unfin")
        it.type(CTRL_Z)
        it.program.read_until(f"status {128 + signal.SIGTSTP}\r\n{AS_IT_WAS}\r\n")
        it.peer.says("meanwhile\n")
        it.program.read_until("meanwhile\r\nunfin")
        it.type("ished\r")
        assert it.peer.read_line() == "unfinished\n"
        it.type(END_OF_INPUT)
        assert it.peer.read_line() == ""
        it.peer.end()


def test_a_terminal_that_becomes_smaller() -> None:
    with typing() as it:
        it.shows("ready")
        it.type("x" * 50)
        it.shows("ready", "x" * 50)
        it.screen.resize(columns=40)
        with open(f"/proc/{process_on(it.program)}/fd/0") as terminal:
            fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
        it.shows("ready", "x" * 40, "x" * 10)
        it.peer.says("news\n")
        it.shows("ready", "news", "x" * 40, "x" * 10)
        it.type("\r" + END_OF_INPUT)
        it.peer.end()
