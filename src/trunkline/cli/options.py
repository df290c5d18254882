"""Kinds of values that options have."""

from typing import Any

import click

__all__ = ("Seconds", "Times")


class Seconds(click.ParamType[float]):
    """A positive number of seconds."""

    name = "seconds"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number."""
        try:
            seconds = float(value)
        except ValueError:
            seconds = 0.0
        if not 0 < seconds < float("inf"):
            self.fail(f"{value!r} is no positive number of seconds", param, ctx)
        return seconds


class Times(click.ParamType[int]):
    """How many times."""

    name = "times"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        text = str(value)
        if not (text.isascii() and text.isdecimal() and len(text) < 10):
            self.fail(f"{value!r} is no number of times", param, ctx)
        return int(text)


class Count(click.ParamType[int]):
    """A number of things, of which there is at least one."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number."""
        text = str(value)
        if not (text.isascii() and text.isdecimal() and 0 < len(text) < 7 and int(text)):
            self.fail(f"{value!r} is no number of things", param, ctx)
        return int(text)
