"""Tables: for people, drawn to fit their terminal; for a pipe, plain columns that line up."""

import os
import sys
from collections.abc import Sequence

import click

from .._printable import printable

__all__ = ("goes_to_terminal", "has_styles", "print_table")

Rows = Sequence[Sequence[str]]

_GAP = "  "


def print_table(headings: Sequence[str], rows: Rows) -> None:
    """Print a table, with headings where it is people who read it.

    Text that others have chosen cannot do anything to a terminal, nor forge a row.
    """
    shown = [[printable(cell) for cell in row] for row in rows]
    if goes_to_terminal():
        _draw(headings, shown)
    else:
        for line in plain_lines(shown):
            click.echo(line)


def goes_to_terminal() -> bool:
    """Whether it is people who read the output."""
    return sys.stdout is not None and sys.stdout.isatty()


def has_styles() -> bool:
    """Whether what goes to a terminal may have colours and the like; see no-color.org."""
    return not os.environ.get("NO_COLOR")


def plain_lines(rows: Rows) -> list[str]:
    """Return rows as lines, with their columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_GAP.join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _draw(headings: Sequence[str], rows: Rows) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(
        box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold" if has_styles() else ""
    )
    for heading in headings:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console(highlight=False).print(table)
