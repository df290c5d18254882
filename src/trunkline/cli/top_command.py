"""`trunkline top`: a running `trunkline serve`, looked at from another terminal."""

from typing import TYPE_CHECKING

import click

from .command import Command, Example, Section
from .completing import servers
from .exit_status import ExitStatus
from .options import Seconds

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ("top",)

KEYS = Section(
    "Keys",
    (
        ("q", "Ends it; the server goes on."),
        ("d", "Asks the server to drain, and end."),
        ("r", "Asks it to replace its workers by new ones."),
    ),
)

EXAMPLES = (
    Example("trunkline top", "Watch the server that you have started."),
    Example("trunkline top 4711", "Watch that process, of several ones."),
    Example("trunkline top --json | jq '.workers[].statistics.active'", "Ask once."),
    Example("trunkline top 4711 --drain", "Let its clients finish, and end it."),
)


@click.command(cls=Command, sections=(KEYS,), examples=EXAMPLES)
@click.argument("server", required=False, metavar="[PID|PATH]", shell_complete=servers)
@click.option("--interval", type=Seconds(), default=1.0, help="Seconds between looks. Default: 1.")
@click.option("--json", "as_json", is_flag=True, help="Print one look at it as JSON.")
@click.option("--drain", "wish", flag_value="drain", help="Ask it to drain, and end.")
@click.option("--reload", "wish", flag_value="reload", help="Ask it to replace its workers.")
def top(server: str | None, interval: float, as_json: bool, wish: str | None) -> None:
    """Show what a server of yours does: one that `trunkline serve` has started.

    PID is its process. If only one is running, it need not be said. In a pipeline, what happens in
    the interval is printed once.
    """
    from .control.asking import Asking
    from .top.watching import print_once, watch

    asking = Asking(_path(server))
    try:
        if wish is not None:
            asking.ask(wish)
        elif as_json:
            import json

            click.echo(json.dumps(asking.look().plain(), indent=2))
        elif _is_terminal():
            watch(asking, interval)
        else:
            print_once(asking, interval)
    finally:
        asking.close()


def _is_terminal() -> bool:
    from .tables import goes_to_terminal

    return goes_to_terminal()


def _path(server: str | None) -> "Path":
    """Return where the control socket is."""
    from pathlib import Path

    from .control.asking import servers_here
    from .control.place import control_path

    if server is not None:
        is_number = server.isascii() and server.isdecimal() and len(server) < 12
        return control_path(int(server)) if is_number else Path(server)
    found = servers_here()
    if len(found) > 1:
        several = ", ".join(map(str, found))
        raise click.UsageError(f"several servers are running: say which of {several}")
    if not found:
        from .starting import say

        say("no server of yours is running: `trunkline serve` starts one")
        raise click.exceptions.Exit(ExitStatus.REFUSED)
    return control_path(found[0])
