"""`trunkline top` and `serve --stats` as processes, on terminals whose screens are compared."""

import contextlib
import json
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from cli.helpers import ARGV, ENVIRONMENT, command, run
from support.peers import connect, exchange, receive_all
from support.processes import ROOT, Program
from support.terminal import ON_A_TERMINAL, Terminal, process_on
from support.timing import PATIENCE

from trunkline.cli.exit_status import ExitStatus

pytestmark = pytest.mark.slow  # each starts several interpreters

HANDLER = "cli.handlers_to_serve:by_thread"
PATH = f"{ROOT / 'src'}{os.pathsep}{ROOT / 'tests'}"


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENVIRONMENT, "XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setitem(ENVIRONMENT, "PYTHONPATH", PATH)
    monkeypatch.setitem(ENVIRONMENT, "LINES", "24")


@contextlib.contextmanager
def serving(*words: str) -> Iterator[tuple[Program, tuple[str, int]]]:
    """Run a server, and yield it and where it listens."""
    with command("serve", HANDLER, *words, "127.0.0.1:0") as server:
        port = int(server.wait_for_line(r"^listening at 127\.0\.0\.1:(\d+)$")[1])
        yield server, ("127.0.0.1", port)


def on_a_terminal(*words: str) -> Program:
    """Return the command line on a terminal of its own."""
    return Program([*ON_A_TERMINAL, *ARGV, *words], env=ENVIRONMENT)


class Table(Terminal):
    """What the terminal of a program shows that draws a table again and again."""

    def wait_for_table(self, is_wanted: Callable[[str], object]) -> list[str]:
        """Wait until the screen is as wanted, and return its lines, with all numbers as #."""
        while True:
            self.program.read_until(r"\x1b\[J")  # it is complete
            text = self.look()
            if is_wanted(text):
                return re.sub(r"\d+(\.\d+)*", "#", text).split("\n")


SCREEN = """\
cli.handlers_to_serve:by_thread, process #, for # s
at #:#
workers: # ready of #; # started, # lost, # killed, # replacements

connections  # now, # shaking hands, # accepted
ended        # finished
a second     # connections, # messages, # bytes in, # bytes out
in all       # messages, # bytes in, # bytes out
errors       none
refused      none
memory       # MiB

worker pid state now in all conn/s msg/s in/s out/s memory
# # ready # # # # # # #M
# # ready # # # # # # #M

open for longest for in out worker
#:# # s # # #
""".splitlines()


def squeezed(lines: list[str]) -> list[str]:
    """Return lines without the room that columns have for larger numbers."""
    return [
        line if re.match(r"[a-z ]{13}\S", line) and number < 12 else re.sub(" +", " ", line)
        for number, line in enumerate(lines)
    ]


def test_the_screen_of_top_and_its_keys() -> None:
    with serving("--workers=2") as (server, address), connect(address) as client:
        assert exchange(address, b"abc\n") == b"cba\n"
        client.sendall(b"abc\n")
        with client.makefile("rb") as file:
            assert file.readline() == b"cba\n"
        with on_a_terminal("top", "--interval=0.05") as top:
            terminal = Table(top)
            shown = terminal.wait_for_table(
                lambda text: (
                    "1 now, 0 shaking hands, 2 accepted" in text
                    and "1 finished" in text
                    and "a second     0.0 connections" in text
                    and "2 ready" in text
                ),
            )
            assert squeezed(shown[:18]) == SCREEN
            assert shown[18:20] == ["", "q: quit, d: drain, r: reload"]
            assert shown[20:] == [""] * 4
            top.send("r")
            terminal.wait_for_table(lambda text: "asked to reload" in text and "1 repl" in text)
            client.close()
            top.send("q")
            assert top.wait() == 0
        assert top.output.endswith("\x1b[?25h\x1b[?1049l")
        terminal.look()
        assert terminal.screen.cursor.hidden is False
        server.terminate()
        assert server.wait() == 0


def test_a_worker_that_is_killed_is_seen_and_so_is_the_end() -> None:
    with (
        serving("--workers=2") as (server, address),
        on_a_terminal("top", "--interval=0.05") as top,
    ):
        terminal = Table(top)
        terminal.wait_for_table(lambda text: "2 ready of 2; 2 started, 0 lost" in text)
        told = json.loads(run("top", "--json").output)
        os.kill(told["workers"][0]["pid"], signal.SIGKILL)
        terminal.wait_for_table(lambda text: "2 ready of 2; 3 started, 1 lost" in text)
        assert exchange(address, b"abc\n") == b"cba\n"
        top.send("d")
        assert server.wait() == 0
        assert top.wait() == 0
    assert re.search(rf"process {server.process.pid} has ended\s*$", top.output)


class Load:
    """Clients that come one after the other, in several threads, until the ``with`` block ends.

    Attributes:
        answered: How many have got their answer.
        broken: How many were cut off, as clients of a process that is killed are.
        refused: How many got no connection.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._lock = threading.Condition()
        self._is_over = False
        self.answered = self.broken = self.refused = 0

    def __enter__(self) -> Self:
        self._threads = [threading.Thread(target=self._run, name=f"load {n}") for n in range(4)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self) -> None:
        while not self._is_over:
            answered = broken = refused = 0
            try:
                with connect(self._address) as client:
                    client.sendall(b"abc\n")
                    client.shutdown(socket.SHUT_WR)
                    answered = receive_all(client) == b"cba\n"
                    broken = not answered
            except ConnectionRefusedError:
                refused = 1
            except OSError:
                broken = 1
            with self._lock:
                self.answered += answered
                self.broken += broken
                self.refused += refused
                self._lock.notify_all()

    def wait_for(self, count: int) -> None:
        """Wait until so many more have got their answer."""
        with self._lock:
            wanted = self.answered + count
            assert self._lock.wait_for(lambda: self.answered >= wanted, PATIENCE)


@pytest.mark.thorough
def test_workers_that_are_killed_under_load_are_replaced_and_nobody_is_refused() -> None:
    words = ("serve", HANDLER, "--workers=2", "127.0.0.1:0", "--stats")
    with on_a_terminal(*words) as server:
        port = int(server.wait_for_line(r"listening at 127\.0\.0\.1:(\d+)")[1])
        Table(server).wait_for_table(lambda text: "2 ready of 2" in text)
        with on_a_terminal("top", "--interval=0.05") as top, Load(("127.0.0.1", port)) as load:
            seen = {*pids()}
            for number in (1, 2):
                load.wait_for(50)
                os.kill(pids()[0], signal.SIGKILL)
                wanted = f"2 ready of 2; {2 + number} started, {number} lost"
                Table(top).wait_for_table(lambda text, wanted=wanted: wanted in text)  # type: ignore[misc]
                new = {*pids()} - seen
                assert len(new) == 1
                Table(top).wait_for_table(lambda text, new=new: str(*new) in text)  # type: ignore[misc]
                seen |= new
            load.wait_for(50)
            top.send("q")
            assert top.wait() == 0
        Table(server).wait_for_table(lambda text: "2 ready of 2; 4 started, 2 lost" in text)
        assert load.refused == 0
        assert load.broken <= 2 * 4  # those that the workers had just then
        server.send("\x03")
        assert server.wait() == 0


def pids() -> list[int]:
    """Return the processes of the workers."""
    return [each["pid"] for each in json.loads(run("top", "--json").output)["workers"]]


def test_ctrl_c_leaves_the_terminal_as_it_was() -> None:
    with serving() as (server, _):
        with on_a_terminal("top") as top:
            Table(top).wait_for_table(lambda text: "1 ready" in text)
            top.send("\x03")
            assert top.wait() == ExitStatus.INTERRUPTED
        assert top.output.rstrip("^C").endswith("\x1b[?25h\x1b[?1049l")
        assert "Traceback" not in top.output
        server.terminate()
        assert server.wait() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(number: signal.Signals) -> None:
    script = """"$@"; echo "status $?"; stty -a | grep -oE -e "-?icanon" """
    with serving() as (server, _):
        words = ["bash", "-c", script, "bash", *ARGV, "top"]
        with Program([*ON_A_TERMINAL, *words], env=ENVIRONMENT) as top:
            Table(top).wait_for_table(lambda text: "1 ready" in text)
            os.kill(process_on(top), number)
            end = re.escape("\x1b[?25h\x1b[?1049l")
            top.read_until(rf"{end}(?s:.*)status {128 + number}\nicanon\n")
            assert top.wait() == 0
        server.terminate()
        assert server.wait() == 0


def test_the_server_shows_the_same_itself() -> None:
    with on_a_terminal("serve", "echo", "127.0.0.1:0", "--stats") as server:
        text = server.wait_for_line(r"listening at 127\.0\.0\.1:(\d+)")
        assert exchange(("127.0.0.1", int(text[1])), b"abc") == b"abc"
        shown = Table(server).wait_for_table(lambda text: "1 finished" in text)
        assert shown[0] == "echo, process #, for # s"
        assert shown[4] == "connections  # now, # shaking hands, # accepted"
        assert shown[12].split()[:3] == ["worker", "pid", "state"]
        server.send("\x03")
        assert server.wait() == 0
    assert server.output.rstrip().endswith("\x1b[?25h\x1b[?1049l")


def test_without_a_terminal_there_is_nothing_to_show_it_on() -> None:
    ended = run("serve", "echo", "127.0.0.1:0", "--stats")
    assert ended.status == ExitStatus.BAD_USAGE
    assert "--stats is for a terminal" in ended.errors


def test_a_pipe_gets_it_once_and_without_colours() -> None:
    with serving() as (server, address):
        assert exchange(address, b"abc\n") == b"cba\n"
        ended = run("top", str(server.process.pid), "--interval=0.01")
        assert ended.status == 0
        lines = ended.output.decode().splitlines()
        assert b"\x1b" not in ended.output
        assert lines[0].startswith(f"{HANDLER}, process {server.process.pid}, for ")
        assert max(map(len, lines)) <= 80
        assert run("top", "--drain").status == 0
        assert server.wait() == 0
    assert run("top").status == ExitStatus.REFUSED


def test_a_server_that_has_no_place_for_its_socket_serves_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "trunkline").mkdir(mode=0o755)
    with serving() as (server, address):
        server.wait_for_line("`trunkline top` cannot look at this: .* only you can use")
        assert exchange(address, b"abc\n") == b"cba\n"
        server.terminate()
        assert server.wait() == 0
