"""Walks through a page: all that it tells its reader to type is typed, to the letter.

The checkout is an export of the tree as it is, in which nothing is installed, and the network is
one of its own, so that the ports that the pages name are free. Where the system does not let us
have one, other ports are put in their places, everywhere in the export.
"""

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from docs.pages import README, ROOT, blocks
from support.peers import unused_port
from support.processes import Program
from support.programs import require
from support.timing import PATIENCE

FIXED_PORTS = re.compile(r"\b(?:9999|9998|8080|10243|10244)\b")
COMMAND = r"(?:make|python3|nc|curl|\.venv/bin/\w+) [^`\n]*"
INSTALLING = 400.0  # seconds: packages come over the network

NOT_TYPED = {
    "make test": "whoever runs this test has run it",
    "make thorough": "it would run this very test",
    "make docs": "it is what tests/docs/test_reference.py does",
    "make bench": "it takes an hour, and installs all peers",
    "make loop-tests": "they take an installation for development",
    ".venv/bin/python examples/await_pool.py --lines 1000 --connections 10 --timeout 2": (
        "a busy machine takes longer"
    ),
    ".venv/bin/python examples/evented_get.py --host www.example.org --port 80": "the internet",
    **dict.fromkeys(
        (
            "nc localhost 9999",
            "nc -u localhost 9999",
            ".venv/bin/python examples/ex20_server.py --try-in /tmp/certificates",
            ".venv/bin/python examples/ex22_proxy.py --port 9998 --to-port 9999"
            " --try-in /tmp/certificates",
            ".venv/bin/python examples/evented_sleep_sort.py 3 1 2",
        ),
        "the tests of the program do the same",
    ),
}


def commands(text: str) -> list[str]:
    """Return the commands that a text shows: in blocks, and as code in its prose."""
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    lines += re.findall(rf"`({COMMAND})`", text)
    lines += re.findall(rf"^ {{4}}({COMMAND})$", text, re.M)  # in a docstring
    found = (shlex.join(shlex.split(line, comments=True)) for line in lines)
    return list(dict.fromkeys(filter(None, found)))


def export(directory: Path) -> None:
    """Put all that belongs to the tree, as it is now, into a directory, as an archive has it."""
    git = [require("git"), "-C", str(ROOT)]
    scratch = directory / "scratch"
    scratch.mkdir()

    def call(*arguments: str) -> str:
        return subprocess.check_output([*git, *arguments], env=environment, text=True).strip()

    environment = dict(os.environ)
    objects = (ROOT / call("rev-parse", "--git-path", "objects")).resolve()
    # Everything that git writes for it goes to a place of our own.
    environment |= {
        "GIT_INDEX_FILE": str(scratch / "index"),
        "GIT_OBJECT_DIRECTORY": str(scratch),
        "GIT_ALTERNATE_OBJECT_DIRECTORIES": str(objects),
    }
    call("add", "--all")
    call("archive", "--output", str(scratch / "tree.tar"), call("write-tree"))
    with tarfile.open(scratch / "tree.tar") as archive:
        archive.extractall(directory / "trunkline", filter="data")
    shutil.rmtree(scratch)


@cache
def has_own_network() -> bool:
    """Say whether we may have a network that is nobody else's."""
    if not all(map(shutil.which, ("unshare", "nsenter", "ip"))):
        return False
    probe = ["unshare", "-rn", "ip", "link", "set", "lo", "up"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


class Walk:
    """A reader in a checkout.

    Args:
        checkout: Where it is.
        inside: The first words of a command that is to run in our own network.
        ports: What stands for the ports of the pages, if anything.
    """

    def __init__(self, checkout: Path, inside: list[str], ports: dict[str, str]) -> None:
        self.checkout = checkout
        self._inside = inside
        self._ports = ports
        self._typed: set[str] = set()
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        # The reader has a terminal, which shows each line at once.
        path = f"{checkout.parent / 'bin'}{os.pathsep}{kept.pop('PATH', os.defpath)}"
        self._environment = {**kept, "PATH": path, "PYTHONUNBUFFERED": "1"}
        self._environment.pop("VIRTUAL_ENV", None)
        # Where the tests are of compiled modules: compiling takes a minute, each time.
        self._environment["TRUNKLINE_IMPL"] = "pure"

    def start(self, command: str, *, is_online: bool = False) -> Program:
        """Return the program that a command runs, to be started in a `with` statement."""
        self._typed.add(command)
        argv = [*([] if is_online else self._inside), *shlex.split(self.translated(command))]
        return Program(argv, cwd=self.checkout, env=self._environment)

    def run(self, command: str, *, types: str = "", is_online: bool = False) -> str:
        """Run a command that has to end, and well; return all that it prints."""
        limit = INSTALLING if is_online else PATIENCE
        with self.start(command, is_online=is_online) as program:
            program.send(types)
            program.close_stdin()
            output = program.read_to_end(limit)
            assert program.wait(limit) == 0, output
        return output

    @contextlib.contextmanager
    def serving(self, command: str, says: str, status: int = 130) -> Iterator[Program]:
        """Run a server for as long as the block lasts, and end it with Ctrl-C.

        Args:
            command: What runs it.
            says: What it prints when it is ready.
            status: With which status it ends.
        """
        with self.start(command) as server:
            server.wait_for_line(self.translated(says))
            yield server
            server.interrupt()
            assert server.wait() == status
            assert "Traceback" not in server.output

    def install(self) -> None:
        """Do what the README says first."""
        (first, *_) = blocks(README.read_text(encoding="utf-8"), "sh")
        for command in first.splitlines():
            self.run(command, is_online=True)

    def save_programs(self, text: str) -> None:
        """Save each block of Python as the text before it says."""
        for prose, code in re.findall(r"(.*?)^```python\n(.*?)^```$", text, re.DOTALL | re.M):
            (*_, name) = re.findall(r"as `(\w+\.py)`", prose)
            (self.checkout / name).write_text(self.translated(code), encoding="utf-8")

    def translated(self, text: str) -> str:
        """Return a text with the ports that are really used."""
        return FIXED_PORTS.sub(lambda found: self._ports.get(found[0], found[0]), text)

    def assert_complete(self, text: str, *, besides: str = "") -> None:
        """Check that everything in a text was typed, but for what another text has, too."""
        left = set(commands(text)) - self._typed - NOT_TYPED.keys()
        assert left <= set(commands(besides))


@contextlib.contextmanager
def walking(directory: Path) -> Iterator[Walk]:
    """Yield a reader who has just got a checkout, in an empty directory."""
    export(directory)
    checkout = directory / "trunkline"
    tools = directory / "bin"
    tools.mkdir()
    # Not the one in our environment, which has Trunkline, and much more.
    (tools / "python3").symlink_to(Path(sys.executable).resolve())
    if not has_own_network():
        ports = {each: str(unused_port()) for each in ("9999", "9998", "8080", "10243", "10244")}
        walk = Walk(checkout, [], ports)
        for path in (checkout / "examples").glob("*.py"):
            path.write_text(walk.translated(path.read_text(encoding="utf-8")), encoding="utf-8")
        yield walk
        return
    making = ["unshare", "-rn", "sh", "-c", "ip link set lo up && echo up && exec cat"]
    with Program(making) as network:
        network.wait_for_line("^up$")
        process = str(network.process.pid)
        yield Walk(checkout, ["nsenter", "--preserve-credentials", "-U", "-n", "-t", process], {})
