"""A screen on a terminal that is drawn again and again, and is as it was in the end."""

import shutil
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import click

from ..tables import has_styles
from .table import Line

__all__ = ("Screen", "styled")

_BEGIN = "\x1b[?1049h\x1b[?25l"  # another screen, without a cursor
_END = "\x1b[?25h\x1b[?1049l"
_HOME, _END_OF_LINE, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"

_SMALLEST = (80, 24)  # columns and lines of a terminal that does not say how large it is


class Screen:
    """The terminal that the output goes to, from the beginning of a ``with`` block to its end."""

    def __enter__(self) -> Self:
        self._write(_BEGIN)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._write(_END)

    def _write(self, text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()

    @property
    def width(self) -> int:
        """How many columns it has."""
        return shutil.get_terminal_size(_SMALLEST).columns

    def draw(self, lines: Sequence[Line], below: str = "") -> None:
        """Draw lines, as far as they fit.

        Args:
            lines: From the top.
            below: What stands in the last line.
        """
        height = shutil.get_terminal_size(_SMALLEST).lines
        shown = [styled(line) for line in lines[: height - 2]]
        if below:
            shown += ["", below[: self.width]]
        text = f"{_END_OF_LINE}\r\n".join(shown)
        self._write(f"{_HOME}{text}{_END_OF_LINE}{_BELOW}")


def styled(line: Line) -> str:
    """Return a line as a terminal shows it."""
    is_bold = line.is_heading and has_styles()
    return click.style(line.text, bold=True) if is_bold else line.text
