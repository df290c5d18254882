"""Compiling the C programs, with one set of flags and the same limits as the Python servers."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from bench.model import Contestant
from bench.servers import BACKLOG, PIECE, RECEIVE_LIMIT

HERE = Path(__file__).parent
BUILD = HERE / "build"
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra")
OPENSSL = ("-DWITH_OPENSSL", "-lssl", "-lcrypto")


def build_load(directory: Path = BUILD) -> Path:
    """Compile the load generator and return the program."""
    sources = sorted((HERE / "load").glob("*.c"))
    return compile_program(directory / "load", sources, libraries=openssl_flags())


def build_contestant(contestant: Contestant, directory: Path = BUILD) -> Path:
    """Compile a contestant that is written in C.

    Args:
        contestant: Its program ends in ".c".
        directory: Where what was compiled is put.

    Returns:
        The program.
    """
    source = HERE / contestant.folder / contestant.program
    libraries = OPENSSL if contestant.program.startswith("tls_") else ()
    limits = {"BACKLOG": BACKLOG, "RECEIVE_LIMIT": RECEIVE_LIMIT, "PIECE": PIECE}
    defined = [f"-D{name}={value}" for name, value in limits.items()]
    flags = [*defined, "-pthread"]
    return compile_program(directory / source.stem, [source], *flags, libraries=libraries)


def openssl_flags() -> tuple[str, ...]:
    """Return what compiles with OpenSSL, or nothing if its headers are not there."""
    command = [_compiler(), "-E", "-include", "openssl/ssl.h", "-x", "c", os.devnull]
    done = subprocess.run(command, capture_output=True, check=False)
    return OPENSSL if done.returncode == 0 else ()


def _compiler() -> str:
    return os.environ.get("CC", "cc")


def compile_program(
    program: Path, sources: list[Path], *flags: str, libraries: Sequence[str] = ()
) -> Path:
    """Compile C sources into a program with `cc`, or with the compiler that `CC` names.

    Args:
        program: What to write.
        sources: All of its sources.
        *flags: What the compiler is told besides.
        libraries: The same, behind the sources, where libraries have to stand.

    Raises:
        FileNotFoundError: There is no compiler.
        subprocess.CalledProcessError: The sources do not compile.
    """
    program.parent.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = [_compiler(), *FLAGS, *flags, "-o", program, *sources]
    subprocess.run([*command, *libraries], check=True)
    return program
