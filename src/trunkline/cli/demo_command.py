"""`trunkline demo`: a server and a client that run, and what they are made of."""

import sys

import click

from .command import Command, Example
from .exit_status import ExitStatus

__all__ = ("demo",)

EXAMPLES = (
    Example("trunkline demo", "See a server with a thread for each connection."),
    Example("trunkline demo await", "See the same with tasks of asyncio's."),
    Example("trunkline serve echo 9999", "Then start one."),
    Example("trunkline connect localhost:9999", "And talk to it."),
)


@click.command(cls=Command, examples=EXAMPLES)
@click.argument("way", type=click.Choice(["threads", "callbacks", "await"]), default="threads")
def demo(way: str) -> None:
    """Run an echo server and its client, and show their source and what they say.

    WAY is how the server is driven. They talk on this machine only, and end by themselves.
    """
    from .demo.run import demonstrate

    if not demonstrate(way, _tell):
        raise click.exceptions.Exit(ExitStatus.FAILED)


def _tell(text: str) -> None:
    """Print text, as far as the output has its characters, and the others as escapes."""
    encoding = (None if sys.stdout is None else sys.stdout.encoding) or "utf-8"
    click.echo(text.encode(encoding, "backslashreplace").decode(encoding))
