"""What all commands have in common: help that shows what one would type.

The help of a command and its page of the manual are made of the same parts: what it says of itself,
its options, sections of terms and what they mean, and examples.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import click

__all__ = ("Command", "Example", "Program", "Section")

_SETTINGS: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


class Example(NamedTuple):
    """A line that one may type.

    Attributes:
        line: The line.
        meaning: What comes of it, in one sentence.
    """

    line: str
    meaning: str


class Section(NamedTuple):
    """Terms, and what they mean.

    Attributes:
        title: What they have in common.
        rows: Pairs of a term and its meaning.
    """

    title: str
    rows: Sequence[tuple[str, str]]


class Explained(click.Command):
    """A command whose help has sections and examples.

    Args:
        *arguments: As for `click.Command`.
        sections: Terms to be explained.
        examples: Lines to type.
        hints: What to do instead, for options that other programs have, and this one has not; for a
            program, for commands.
        **options: As for `click.Command`.
    """

    def __init__(
        self,
        *arguments: Any,
        sections: Sequence[Section] = (),
        examples: Sequence[Example] = (),
        hints: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        options.setdefault("context_settings", _SETTINGS)
        super().__init__(*arguments, **options)
        self.sections: tuple[Section, ...] = tuple(sections)
        self.examples: tuple[Example, ...] = tuple(examples)
        self._hints = {} if hints is None else hints

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the sections and the examples, behind the options."""
        for section in self.sections:
            with formatter.section(section.title):
                formatter.write_dl([*section.rows])
        if self.examples:
            with formatter.section("Examples"):
                for number, example in enumerate(self.examples):
                    if number:
                        formatter.write_paragraph()
                    formatter.write_text(example.meaning)
                    formatter.write(f"{'':>{formatter.current_indent + 2}}{example.line}\n")


class Command(Explained):
    """One of the program's commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words apart; who is used to another program's options is told of ours."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            hint = self._hints.get(error.option_name)
            if hint is None:
                raise
            raise click.NoSuchOption(
                error.option_name, f"There is no {error.option_name}: {hint}.", ctx=ctx
            ) from None


class Program(Explained, click.Group):
    """The program, which has commands."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take the words apart; options of a command belong behind it."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            given = error.option_name
            for name, command in self.commands.items():
                if any(given in each.opts for each in command.params):
                    said = f"{ctx.info_name} {name} {given}"
                    raise click.UsageError(f"{given} comes behind a command: {said}", ctx) from None
            raise

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; who is used to another program is told of ours."""
        name, *rest = args
        meant = self._hints.get(name)
        is_place = ":" in name or (rest and rest[0].isdecimal())
        if meant is None and is_place and name not in self.commands:
            meant = f"connect {name}"
        if meant is not None:
            said = " ".join([meant, *rest])
            raise click.UsageError(f"There is no command {name}: say {ctx.info_name} {said}.", ctx)
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order in which they were added."""
        return list(self.commands)
