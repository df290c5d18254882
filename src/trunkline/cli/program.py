"""The program: its commands, and what it says of itself."""

import click

from .as_usual import COMMANDS
from .bench_command import bench
from .command import Example, Program, Section
from .completion_command import completion
from .connect_command import connect
from .demo_command import demo
from .doctor_command import doctor
from .exit_status import ExitStatus
from .manual_command import manual
from .resolve_command import resolve
from .serve_command import serve
from .top_command import top

__all__ = ("COMPLETION_VARIABLE", "NAME", "program")

NAME = "trunkline"
COMPLETION_VARIABLE = "_TRUNKLINE_COMPLETE"  # of the environment, as click calls it

ENVIRONMENT = Section(
    "Environment",
    (
        ("NO_COLOR", "If it is set, nothing is printed in colours."),
        ("XDG_RUNTIME_DIR", "Servers have their control sockets there, in trunkline."),
        ("XDG_STATE_HOME", "What was typed is remembered there, in trunkline/history."),
        ("TRUNKLINE_BACKEND", "Which backend waits for descriptors: epoll, kqueue, poll, select."),
    ),
)

STATUSES = Section(
    "Exit status", tuple((str(int(status)), status.meaning) for status in ExitStatus)
)


@click.group(
    cls=Program,
    sections=(STATUSES, ENVIRONMENT),
    examples=(
        Example("trunkline COMMAND --help", "What a command does, with examples."),
        Example("trunkline manual | man -l -", "All of it, as a page of the manual."),
    ),
    hints=COMMANDS,
)
@click.version_option(package_name=NAME, message="%(prog)s %(version)s")
def program() -> None:
    """Connect to things, serve them, and see what is wrong with them."""


for _command in (connect, serve, top, bench, resolve, doctor, demo, completion, manual):
    program.add_command(_command)
