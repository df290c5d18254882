"""`trunkline manual`: the page of the manual."""

import click

from .command import Command, Example

__all__ = ("manual",)


@click.command(
    cls=Command,
    examples=(
        Example("trunkline manual | man -l -", "Read it."),
        Example(
            "trunkline manual > ~/.local/share/man/man1/trunkline.1",
            "Install it, so that `man trunkline` finds it.",
        ),
    ),
)
@click.pass_context
def manual(context: click.Context) -> None:
    """Print all of this help as a page of the manual."""
    from .man_page import man_page

    click.echo(man_page(context.find_root()), nl=False)
