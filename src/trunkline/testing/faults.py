"""Run a program while its system calls go wrong, to see whether it believes more than it should.

The kernel may shorten, interrupt and refuse nearly every call on a socket, and on loopback it
hardly ever does. Code that overlooks this works for years and then loses a byte. Here a small
library (`faults.c` beside this module, which lists exactly what it does) is compiled and put
between a child process and the C library by `LD_PRELOAD`; it reaches Python, compiled extensions
and C libraries alike, and nothing in the program under test has to know.

    library = faults.build(directory)
    plan = Faults.benign()
    environment = plan.environment(library, report=directory / "report")
    subprocess.run([sys.executable, "program.py"], env=environment, check=True)
    assert faults.read_report(directory / "report")["recv short"] > 0, plan

The last line matters: a fault test in which no fault happened has tested nothing. Linux with glibc
and a C compiler only; `available()` tells.
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ("Faults", "available", "build", "read_report")

SOURCE: Final = Path(__file__).with_name("faults.c")
COMMAND: Final = ("cc", "-std=c11", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror")
LIBRARIES: Final = ("-ldl", "-pthread")  # glibc before 2.34 keeps dlsym and pthread_once there

# The attributes of `Faults` that are rates; the library spells them with dashes.
KINDS: Final = (
    "short",
    "interrupted",
    "would_block",
    "reset",
    "descriptors",
    "memory",
    "interrupted_close",
)

# One record of the report: what was counted, padded with zeros, and how often (`struct tally`).
RECORD: Final = struct.Struct("=24sQ")


def available() -> bool:
    """Say whether faults can be injected here: on Linux with glibc and a C compiler, `cc`."""
    on_glibc = sys.platform == "linux" and platform.libc_ver()[0] == "glibc"
    return on_glibc and shutil.which(COMMAND[0]) is not None


def build(directory: Path) -> Path:
    """Compile the library, unless this very source has been compiled into `directory` before.

    Safe to call from several processes at once: whoever is last replaces an equal file.

    Args:
        directory: Where the library is kept; it must exist.

    Returns:
        The library's absolute path.

    Raises:
        FileNotFoundError: There is no `cc`, or no such directory.
        RuntimeError: The compiler refused; the message has its output.
    """
    recipe = " ".join((*COMMAND, *LIBRARIES, platform.machine())).encode()
    digest = hashlib.sha256(recipe + SOURCE.read_bytes()).hexdigest()
    library = directory.resolve() / f"trunkline-faults-{digest[:16]}.so"
    if library.exists():
        return library
    with tempfile.TemporaryDirectory(dir=directory) as workshop:
        unfinished = Path(workshop, library.name)
        command = [*COMMAND, "-o", str(unfinished), str(SOURCE), *LIBRARIES]
        compiled = subprocess.run(command, capture_output=True, text=True, check=False)
        if compiled.returncode != 0:
            raise RuntimeError(f"{shlex.join(command)} failed:\n{compiled.stderr.strip()}")
        unfinished.replace(library)
    return library


def read_report(path: Path) -> Counter[str]:
    """Read what a library has counted so far; the processes need not have ended.

    Args:
        path: The file that was given to `Faults.environment`.

    Returns:
        How often each fault happened, by operation and fault: `"recv short"`, `"accept EMFILE"`.
        `"recv calls"` and its like count the calls that were looked at, failed or not.

    Raises:
        FileNotFoundError: No process has loaded the library.
    """
    records = RECORD.iter_unpack(path.read_bytes())
    return Counter({name.rstrip(b"\0").decode(): count for name, count in records if count})


def _random_seed() -> int:
    return secrets.randbits(32)  # as good as 64, and easier to read out to somebody


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What shall go wrong, how often, and by which dice.

    `str()` is the shell's notation of everything needed to have the same again, `repr()` Python's.
    The n-th receive (send, accept, ...) of a process draws the same lot for the same seed; which
    call is the n-th is the program's and, if it has several threads, the scheduler's affair.

    Attributes:
        seed: The seed of the dice, 0 to 2**64 - 1; random by default.
        short: How many of a thousand transfers move fewer bytes than asked. So for all rates; a
            call draws one lot, so that together they should not exceed a thousand.
        interrupted: `EINTR` from anything that can wait.
        would_block: `EAGAIN` from a non-blocking receive, send or accept.
        reset: `ECONNRESET` or `EPIPE` on an internet connection, `ECONNABORTED` from accept.
        descriptors: `EMFILE` or `ENFILE` from accept and socket.
        memory: `ENOBUFS` or `ENOMEM` from accept, socket and an internet connection's sends.
        interrupted_close: `EINTR` from a close that has closed. Linux never does this to a socket,
            POSIX allows it, and Python's own modules do not expect it: so it is in no preset.
        script: Faults for particular calls, like `"accept:EMFILE*5,recv:ECONNRESET@3"`: the first
            five accepts and the third receive. The grammar is at the top of `faults.c`.
    """

    seed: int = field(default_factory=_random_seed)
    short: int = 0
    interrupted: int = 0
    would_block: int = 0
    reset: int = 0
    descriptors: int = 0
    memory: int = 0
    interrupted_close: int = 0
    script: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**64:
            raise ValueError(f"a seed is 0 to 2**64 - 1, not {self.seed}")
        for kind, rate in self._rates().items():
            if not 0 <= rate <= 1000:
                raise ValueError(f"a rate is 0 to 1000 in a thousand, not {kind}={rate}")

    @classmethod
    def benign(cls, seed: int | None = None) -> Self:
        """Make the faults that a correct program does not let anybody notice.

        Args:
            seed: The seed of the dice; None for a random one.
        """
        chosen = _random_seed() if seed is None else seed
        return cls(seed=chosen, short=300, interrupted=100, would_block=100)

    @classmethod
    def hostile(cls, seed: int | None = None) -> Self:
        """Make the benign faults and some that a correct program survives, and reports.

        Args:
            seed: The seed of the dice; None for a random one.
        """
        return replace(cls.benign(seed), reset=20, descriptors=50, memory=20)

    def environment(
        self, library: Path, base: Mapping[str, str] | None = None, *, report: Path | None = None
    ) -> dict[str, str]:
        """Return the environment in which a child process, and its children, meet these faults.

        Args:
            library: What `build` returned.
            base: The environment to start from; None for this process's own.
            report: A file in which to count what happened, see `read_report`. An existing report
                is counted on.

        Raises:
            ValueError: The library's path has a blank or a colon, where `LD_PRELOAD` splits.
        """
        path = str(library.resolve())
        if any(character in ": \t\n" for character in path):
            raise ValueError(f"LD_PRELOAD cannot name a path with blanks or colons: {path!r}")
        environment = dict(os.environ if base is None else base)
        others = environment.get("LD_PRELOAD", "")
        environment["LD_PRELOAD"] = f"{others}:{path}" if others else path
        environment["TRUNKLINE_FAULTS_REPORT"] = "" if report is None else str(report.resolve())
        return environment | self._variables()

    def __str__(self) -> str:
        variables = self._variables().items()
        return " ".join(f"{name}={shlex.quote(value)}" for name, value in variables if value)

    def _rates(self) -> dict[str, int]:
        return {kind.replace("_", "-"): getattr(self, kind) for kind in KINDS}

    def _variables(self) -> dict[str, str]:
        rates = [f"{kind}={rate}" for kind, rate in self._rates().items() if rate]
        return {
            "TRUNKLINE_FAULTS_SEED": str(self.seed),
            "TRUNKLINE_FAULTS": ",".join(rates),
            "TRUNKLINE_FAULTS_SCRIPT": self.script,
        }
