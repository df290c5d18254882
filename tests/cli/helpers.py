"""The command line as a process, and its conversations without one."""

import contextlib
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from support.processes import ROOT, Program
from support.timing import PATIENCE

from trunkline import TLS, PassiveSocket, make_socket
from trunkline._sys.owned_number import OwnedNumber
from trunkline.cli import main
from trunkline.cli.connect.run import converse_on
from trunkline.cli.connect.session import StandardStreams
from trunkline.cli.connect.settings import Settings
from trunkline.cli.connect.telling import Telling
from trunkline.cli.exit_status import ExitStatus
from trunkline.cli.serve.supervised import EventedServer
from trunkline.cli.target import Target, parse_target

__all__ = (
    "ENVIRONMENT",
    "Ended",
    "assert_bad_usage",
    "command",
    "converse",
    "evented",
    "run",
    "serving",
    "shell",
)

ENVIRONMENT = {
    **{key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "NO_COL"))},
    "PYTHONPATH": str(ROOT / "src"),
    "PYTHONWARNINGS": "error::ResourceWarning",
    "TERM": "xterm",
    "COLUMNS": "80",
}

ARGV = [sys.executable, "-m", "trunkline"]
SHELL_COMMAND = shlex.join(ARGV)


class Ended(NamedTuple):
    """How a command has ended, and what it has printed."""

    status: int
    output: bytes
    errors: str


@contextlib.contextmanager
def serving(make: Any, tls: TLS | None = None) -> Iterator[tuple[str, int]]:
    """Run a server of a worker on a socket of its own, and yield where that is.

    Args:
        make: Makes it, of a list of passive sockets.
        tls: How these speak TLS.
    """
    passive = make_socket(connect="passive", local_host="127.0.0.1", local_port=0, tls=tls)
    assert isinstance(passive, PassiveSocket)
    server = make([passive])
    server.start()
    try:
        yield "127.0.0.1", passive.local_name[1]
    finally:
        assert server.shutdown(PATIENCE)
        assert server.wait(0)
        assert server.shutdown(0)
        passive.close()


def evented(factory: Any, **options: Any) -> Any:
    """Return what makes a server with callbacks."""
    options = {"delivery": "bytes", "max_connections": 10, **options}
    return lambda sockets: EventedServer(sockets, factory, **options)


def assert_bad_usage(words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run the command line here, and check that it says why these words cannot be meant."""
    assert main(words) == ExitStatus.BAD_USAGE
    assert why in " ".join(capsys.readouterr().err.split())


def command(*arguments: str, separate_errors: bool = False, **environment: str) -> Program:
    """Return the command line, to be started as a process."""
    env = {**ENVIRONMENT, **environment}
    return Program([*ARGV, *arguments], env=env, separate_errors=separate_errors)


def run(*arguments: str, types: bytes = b"", **environment: str) -> Ended:
    """Run the command line in a process, with some input."""
    ended = subprocess.run(
        [*ARGV, *arguments],
        input=types,
        capture_output=True,
        env={**ENVIRONMENT, **environment},
        timeout=PATIENCE,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr.decode())


def shell(
    script: str, *, types: bytes | None = None, stdin: int | None = None, cwd: Path | None = None
) -> "subprocess.CompletedProcess[bytes]":
    """Run a line of a shell, in which `$T` is the command line."""
    options: dict[str, Any] = {"stdin": stdin} if types is None else {"input": types}
    ended: subprocess.CompletedProcess[bytes] = subprocess.run(
        ["bash", "-c", script.replace("$T", SHELL_COMMAND)],
        capture_output=True,
        env=ENVIRONMENT,
        timeout=PATIENCE,
        cwd=cwd,
        **options,
    )
    return ended


class Conversation:
    """A conversation of `trunkline connect` in this process, whose streams are pipes.

    Attributes:
        output: What was printed, when the ``with`` block of `converse` is over.
        told: The lines of ``--verbose``.
        error: What it has ended with.
    """

    def __init__(self) -> None:
        self.output = b""
        self.told: list[str] = []
        self.error: Exception | None = None


def converse(
    target: str | Target,
    types: bytes | None = b"",
    *,
    is_typed: bool = False,
    say: Callable[[str], object] | None = None,
    **options: Any,
) -> Conversation:
    """Have a conversation from beginning to end.

    Args:
        target: With whom.
        types: The input.
        is_typed: Whether to behave as if somebody had typed it.
        say: Called with each line of ``--verbose`` instead of keeping it.
        **options: The settings.
    """
    conversation = Conversation()
    where = parse_target(target) if isinstance(target, str) else target
    settings = Settings(target=where, **options)
    with _pipes(types, conversation) as (source, output):
        streams = StandardStreams(source, output, is_typed, None)
        is_believed = settings.tls is None or settings.tls.verify
        teller = Telling(say or conversation.told.append, is_believed=is_believed)
        try:
            converse_on(streams, settings, teller)
        except Exception as error:
            conversation.error = error
    return conversation


@contextlib.contextmanager
def _pipes(
    types: bytes | None, conversation: Conversation
) -> Iterator[tuple[OwnedNumber | None, OwnedNumber]]:
    source, theirs = os.pipe()
    ours, output = os.pipe()

    def feed() -> None:
        with contextlib.suppress(BrokenPipeError), open(theirs, "wb") as file:
            file.write(types or b"")

    def drain() -> None:
        with open(ours, "rb") as file:
            conversation.output = file.read()

    threads = [threading.Thread(target=feed), threading.Thread(target=drain)]
    for thread in threads:
        thread.start()
    try:
        with OwnedNumber(source, "r") as reading, OwnedNumber(output, "w") as writing:
            yield (None if types is None else reading), writing
    finally:
        for thread in threads:
            thread.join(PATIENCE)
