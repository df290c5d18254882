"""What the tests of supervisors have in common: a program with a supervisor, and load on it."""

import dataclasses
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Self

from servers.serving import eventually
from support.peers import Address, connect, receive_all
from support.processes import Program
from support.timing import MS, PATIENCE

# Each connection is first told which process has accepted it, and then has one request.
PROGRAM = r"""
import json, logging, os, signal, sys, threading, time
from pathlib import Path
from trunkline import Server, Supervisor

options, server_options = json.loads(sys.argv[1])
logging.basicConfig(level="INFO", format="%(levelname)s %(message)s", stream=sys.stdout)

def handler(connection):
    connection.write_line(str(os.getpid()))
    connection.finish_output()
    connection.write_line("answer to " + connection.read_line())

def make_server(sockets):
    return Server(handler, sockets=sockets, **server_options)

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\n").encode())  # in one piece, beside the others

def watch(supervisor):
    states = [f"{one.place}:{one.state}:{one.generation}:{one.pid}" for one in supervisor.workers]
    say("workers", *states)

def after():
    pass

MORE

if not options.get("path"):
    options["host"] = "127.0.0.1"
with Supervisor(make_server, watch=watch, **options) as supervisor:
    say("port", "path" in options or supervisor.sockets[0].local_port)
    supervisor.run()
after()
say(supervisor.statistics())
"""


@dataclasses.dataclass
class Supervised:
    """A program with a supervisor, and where it listens."""

    program: Program
    address: Address

    def wait_for_workers(self, *states: str) -> list[int]:
        """Wait until there are workers in these states, like ``"0:ready:0"``; return their pids."""
        pattern = "^workers" + "".join(f" {re.escape(state)}:(\\d+)" for state in states) + "$"
        return [int(pid) for pid in self.program.wait_for_line(pattern).groups()]

    def signal(self, number: int) -> None:
        """Send the supervisor a signal."""
        self.program.process.send_signal(number)

    def finish(self) -> str:
        """Wait until it has ended in good order, and return the last thing that it has said."""
        output = self.program.read_to_end()
        assert self.program.wait() == 0
        assert "Warning:" not in output
        return output.splitlines()[-1]


@contextmanager
def supervised(
    *, more: str = "", server: dict[str, Any] | None = None, ready: bool = True, **options: Any
) -> Iterator[Supervised]:
    """Yield a program with a supervisor, of one worker unless told otherwise.

    Args:
        more: Python code that is run before the supervisor is made, as for other handlers.
        server: Options of the servers.
        ready: Wait until all workers are ready.
        **options: Those of the supervisor.
    """
    options = {"workers": 1, "drain_timeout": PATIENCE, **options}
    code = PROGRAM.replace("MORE", more)
    arguments = json.dumps([options, server or {}])
    with Program([sys.executable, "-X", "dev", "-c", code, arguments]) as program:
        port = program.wait_for_line(r"^port (\w+)$")[1]
        found = Supervised(program, ("127.0.0.1", 0 if port == "True" else int(port)))
        if ready:
            found.wait_for_workers(*[f"{place}:ready:0" for place in range(options["workers"])])
        yield found


class Client:
    """A connection that has been accepted by a worker, and has not sent its request."""

    def __init__(self, address: Address) -> None:
        self.socket = connect(address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def read_pid(self) -> int:
        """Return the process that has accepted the connection."""
        line = b""
        while not line.endswith(b"\n"):
            data = self.socket.recv(100)
            if not data:
                raise ConnectionResetError("the connection ended")
            line += data
        return int(line)

    def ask(self) -> str:
        """Send the request, and return the answer."""
        self.socket.sendall(b"it\n")
        return receive_all(self.socket).decode()


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a connection went: how far, and who had accepted it, if anybody."""

    kind: str  # "answered", "refused", "not accepted", "lost"
    pid: int = 0


class Load:
    """Clients that connect, ask and are answered, one connection after the other, in threads.

    A client that is refused, or loses a connection, takes note of it and goes on.
    """

    def __init__(self, address: Address, clients: int = 4) -> None:
        self._address = address
        self._is_over = threading.Event()
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, name=f"client {number}") for number in range(clients)
        ]
        self.outcomes: list[Outcome] = []

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        while not self._outcomes.empty():
            self.outcomes.append(self._outcomes.get())

    def wait_for(self, is_wanted: Callable[[Outcome], bool], count: int = 1) -> list[Outcome]:
        """Wait until so many connections have gone like that, from now on."""
        found: list[Outcome] = []
        while len(found) < count:
            outcome = self._outcomes.get(timeout=PATIENCE)
            self.outcomes.append(outcome)
            if is_wanted(outcome):
                found.append(outcome)
        return found

    @property
    def counts(self) -> Counter[str]:
        """How many connections went how."""
        return Counter(outcome.kind for outcome in self.outcomes)

    def _run(self) -> None:
        while not self._is_over.is_set():
            outcome = self._ask()
            self._outcomes.put(outcome)
            if outcome.kind == "refused":
                self._is_over.wait(5 * MS)

    def _ask(self) -> Outcome:
        pid = 0
        try:
            with Client(self._address) as client:
                pid = client.read_pid()
                if client.ask() == "answer to it\n":
                    return Outcome("answered", pid)
        except ConnectionRefusedError:
            return Outcome("refused")
        except ConnectionError:
            pass
        return Outcome("lost" if pid else "not accepted", pid)


def answered(outcome: Outcome) -> bool:
    """Say whether a client was answered."""
    return outcome.kind == "answered"


def is_refused(address: Address) -> bool:
    """Say whether nobody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(address) != 0


def wait_until_refused(address: Address) -> None:
    """Wait until workers that are to end have noticed it, and listen no more."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            with Client(address) as client:
                client.socket.settimeout(500 * MS)
                client.read_pid()  # so that there are never more than one for them to accept
        except ConnectionRefusedError:
            return
        except (ConnectionError, TimeoutError):
            pass  # not accepted, when they ceased to listen; Linux does not tell at each time
    raise AssertionError("somebody listens")


def ask_another(address: Address, pid: int) -> str:
    """Return the answer of a worker that is not this one, which is about to accept no more."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with Client(address) as client:
            if client.read_pid() != pid:
                return client.ask()
    raise AssertionError("there is no other worker")


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a worker."""
    os.kill(pid, number)


def stop(pid: int) -> None:
    """Have a worker do nothing any more until it gets a SIGCONT."""
    kill(pid, signal.SIGSTOP)
    eventually(lambda: all(map(_is_stopped, Path(f"/proc/{pid}/task").iterdir())))


def _is_stopped(thread: Path) -> bool:
    return (thread / "stat").read_text().rpartition(") ")[2].startswith("T")
