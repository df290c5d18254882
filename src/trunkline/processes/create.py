"""Starting a program."""

from collections.abc import Mapping, Sequence
from os import PathLike
from typing import Literal, Never

from .._core.external_format import ExternalFormatLike, ensure_external_format
from .._core.option_names import check_names_for
from .._sys.starting import start
from .options import Command, StandardStream, make_plan
from .process import Process

__all__ = ("create_process",)


def create_process(
    program_and_args: Command,
    *,
    environment: Mapping[str, str] | None = None,
    stdin: StandardStream = "pipe",
    stdout: StandardStream = "pipe",
    stderr: StandardStream | Literal["stdout"] = "pipe",
    pty: bool = False,
    shell: bool = False,
    current_directory: str | PathLike[str] | None = None,
    new_session: bool = False,
    new_group: bool = False,
    uid: int | None = None,
    gid: int | None = None,
    groups: Sequence[int] | None = None,
    reset_ids: bool = False,
    external_format: ExternalFormatLike = "utf-8",
    **misspelt: Never,
) -> Process:
    """Start a program, and return at once.

    You would want it for a program that you talk to while it runs, or that runs beside yours. To
    run one and have what it says, `run_program` is shorter.

    It inherits no descriptor but its three standard streams, and all signals do there what they do
    by default. If a signal handler raises meanwhile, nothing is left of what was begun.

    Args:
        program_and_args: A program; or a sequence of that and its arguments. It is looked for in
            the PATH of its environment, unless there is a ``/`` in its name.
        environment: All of its environment; None for ours.
        stdin, stdout, stderr: What it reads and writes. ``"pipe"``: a pipe, whose other end is a
            stream of the process. ``"null"``: nothing. ``"inherit"``: what we have ourselves.
            ``"pty"``: its terminal, whose other side is the `pty` of the process. A
            `pathlib.Path`: that file, which is made, or made empty, for output. A descriptor, or
            what has one: that, which stays open. For stderr also ``"stdout"``: the same as stdout.
        pty: Give it a terminal of its own, also if none of the three is that. A terminal comes with
            a session of its own, which it controls: what asks for a password there can be told.
        shell: Let ``/bin/sh`` run the program, as a script; arguments are ``$1`` and so on for it.
        current_directory: Where it begins; None for where we are.
        new_session: Let it lead a session of its own, without a terminal; see setsid(2).
        new_group: Let it lead a process group of its own, to which signals can be sent; Ctrl-C on
            our terminal does not reach it then, nor may it read from there.
        uid, gid: As which user and group it runs; None for as whom we do, so give both.
        groups: Its supplementary groups; None for ours, but if root gives up its rights, for none
            but `gid`.
        reset_ids: Let it run as our real user and group, where our effective ones are others.
        external_format: The format of text in the streams.

    Returns:
        The process.

    Raises:
        PathNotFound: There is no such program, file or directory: the error says which.
        PermissionDenied: It is not executable, or we may not start it as that user.
        TooManyOpenFiles, SocketError: The system has no room for it.
        TypeError, ValueError: An argument is none of those that it can be. Nothing is started.
    """
    if misspelt:
        check_names_for(create_process, misspelt)
    external_format = ensure_external_format(external_format)
    plan = make_plan(
        program_and_args,
        stdin,
        stdout,
        stderr,
        pty,
        {
            "environment": environment,
            "current_directory": current_directory,
            "shell": shell,
            "new_session": new_session,
            "new_group": new_group,
            "uid": uid,
            "gid": gid,
            "groups": groups,
            "reset_ids": reset_ids,
        },
    )
    started = start(plan)
    try:
        return Process(started, program=plan.command[0], external_format=external_format)
    except BaseException:
        started.give_up()
        raise
