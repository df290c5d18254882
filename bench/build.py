"""Compiling the C programs, with one set of flags and the same limits as the Python servers."""

import os
import subprocess
from pathlib import Path

from bench.model import Contestant
from bench.servers import BACKLOG, PIECE, RECEIVE_LIMIT

HERE = Path(__file__).parent
BUILD = HERE / "build"
FLAGS = ("-std=gnu11", "-O2", "-Wall", "-Wextra")


def build_load(directory: Path = BUILD) -> Path:
    """Compile the load generator and return the program."""
    return compile_program(directory / "load", sorted((HERE / "load").glob("*.c")))


def build_contestant(contestant: Contestant, directory: Path = BUILD) -> Path:
    """Compile a contestant that is written in C.

    Args:
        contestant: Its program ends in ".c".
        directory: Where what was compiled is put.

    Returns:
        The program.
    """
    source = HERE / contestant.folder / contestant.program
    limits = {"BACKLOG": BACKLOG, "RECEIVE_LIMIT": RECEIVE_LIMIT, "PIECE": PIECE}
    defined = [f"-D{name}={value}" for name, value in limits.items()]
    return compile_program(directory / source.stem, [source], *defined, "-pthread")


def compile_program(program: Path, sources: list[Path], *flags: str) -> Path:
    """Compile C sources into a program with `cc`, or with the compiler that `CC` names.

    Raises:
        FileNotFoundError: There is no compiler.
        subprocess.CalledProcessError: The sources do not compile.
    """
    program.parent.mkdir(parents=True, exist_ok=True)
    compiler = os.environ.get("CC", "cc")
    subprocess.run([compiler, *FLAGS, *flags, "-o", program, *sources], check=True)
    return program
