"""What a program is started with, checked before anything is done."""

import os
from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Any, Literal, Protocol, TypeAlias, TypedDict

from .._core.counts import check_count
from .._sys.starting import Plan, Standard

__all__ = ("Command", "HasFileno", "ProcessOptions", "StandardStream", "make_plan")

SHELL = "/bin/sh"

LARGEST_ID = 2**32 - 2  # of a user or group; one more means none, see chown(2)


class HasFileno(Protocol):
    """What has a descriptor."""

    def fileno(self) -> int:
        """Return its number."""


Command: TypeAlias = str | PathLike[str] | Sequence[str | PathLike[str]]
"""A program, or a program and its arguments."""

StandardStream: TypeAlias = (
    Literal["pipe", "null", "inherit", "pty"] | PathLike[str] | int | HasFileno
)
"""What a program reads or writes as one of its three standard streams.

``"pipe"`` is a pipe, whose other end is a stream of ours; ``"null"`` is nothing; ``"inherit"`` is
what we have ourselves; ``"pty"`` is the program's own terminal. A path, as a `pathlib.Path`, is a
file: it is read, or made, or made empty. Anything else is a descriptor or has one, and stays open.
Those of Trunkline's sockets never block, which most programs do not expect of theirs.
"""


class ProcessOptions(TypedDict, total=False):
    """The keyword arguments of `create_process` and `run_program` that say how a program runs."""

    environment: Mapping[str, str] | None
    current_directory: str | PathLike[str] | None
    shell: bool
    new_session: bool
    new_group: bool
    uid: int | None
    gid: int | None
    groups: Sequence[int] | None
    reset_ids: bool


_KEYWORDS = ("pipe", "null", "inherit", "pty")


def make_plan(
    program_and_args: Command,
    stdin: StandardStream,
    stdout: StandardStream,
    stderr: StandardStream | Literal["stdout"],
    pty: bool,
    options: ProcessOptions,
) -> Plan:
    """Return what is to be started.

    Raises:
        TypeError, ValueError: An argument is none of those that it can be.
    """
    environment = options.get("environment")
    directory = options.get("current_directory")
    uid, gid, groups = _who(options)
    return Plan(
        command=_command(program_and_args, options.get("shell", False)),
        standard=(
            _standard("stdin", stdin),
            _standard("stdout", stdout),
            _standard("stderr", stderr, "stdout"),
        ),
        has_terminal=pty,
        environment=None if environment is None else _environment(environment),
        directory=None if directory is None else _text("current_directory", directory),
        new_session=options.get("new_session", False),
        new_group=options.get("new_group", False),
        user=uid,
        group=gid,
        groups=groups,
    )


def _command(program_and_args: Command, shell: bool) -> tuple[str, ...]:
    if isinstance(program_and_args, str | PathLike):
        command: tuple[str, ...] = (_text("the program", program_and_args),)
    elif isinstance(program_and_args, Sequence) and not isinstance(
        program_and_args, bytes | bytearray | memoryview
    ):
        command = tuple(_text("a program or an argument", each) for each in program_and_args)
    else:
        kind = type(program_and_args).__name__
        raise TypeError(f"a program is text or a path, alone or with its arguments, not {kind}")
    if not command or not command[0]:
        raise ValueError("the name of a program cannot be empty")
    if shell:  # what comes after the script is "$1" and so on for it
        command = (SHELL, "-c", command[0], "sh", *command[1:])
    return command


def _text(what: str, value: object) -> str:
    if not isinstance(value, str | PathLike):
        raise TypeError(f"{what} is text or a path, not {type(value).__name__}")
    text = os.fspath(value)
    if not isinstance(text, str):
        raise TypeError(f"{what} is text, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError(f"{what} cannot have a NUL in it: {text!r}")
    return text


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(environment, Mapping):
        raise TypeError(
            f"environment is a mapping, or None for ours, not {type(environment).__name__}"
        )
    checked: dict[str, str] = {}
    for name, value in environment.items():
        name = _text("the name of a variable", name)
        if not name or "=" in name:
            raise ValueError(f"the name of a variable is not empty and has no '=': {name!r}")
        checked[name] = _text(f"the variable {name}", value)
    return checked


def _standard(name: str, value: Any, *more: str) -> Standard:
    """Return what one of the three standard streams is to be."""
    if isinstance(value, str):
        if value not in (*_KEYWORDS, *more):
            known = ", ".join(map(repr, (*_KEYWORDS, *more)))
            raise ValueError(f"{name} is one of {known}, or a pathlib.Path, not {value!r}")
        return value  # type: ignore[return-value] # it is one of them
    if isinstance(value, PathLike):
        _text(name, value)
        return value
    number = value
    if not isinstance(value, int):
        fileno = getattr(value, "fileno", None)
        if fileno is None:
            kind = type(value).__name__
            raise TypeError(f"{name} is a word, a path, or has a descriptor, which {kind} has not")
        number = fileno()
    check_count(f"a descriptor for {name}", number, least=0, most=2**31 - 1)
    return int(number)


def _who(options: ProcessOptions) -> tuple[int | None, int | None, Sequence[int] | None]:
    """Return the user and the groups that a program runs as, where that is not as we do."""
    uid, gid, groups = options.get("uid"), options.get("gid"), options.get("groups")
    for name, number in (("uid", uid), ("gid", gid)):
        if number is not None:
            check_count(name, number, least=0, most=LARGEST_ID)
    if options.get("reset_ids", False):
        if uid is not None or gid is not None:
            raise ValueError("reset_ids takes our real user and group: uid and gid are others")
        uid, gid = os.getuid(), os.getgid()
    if groups is not None:
        groups = [check_count("a group", group, least=0, most=LARGEST_ID) for group in groups]
    elif os.geteuid() == 0 and (uid or gid):
        # Who gives up the rights of root means those of root's groups, too.
        groups = [os.getgid() if gid is None else gid]
    return uid, gid, groups
