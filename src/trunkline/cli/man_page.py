r"""The page of the manual, in the language of man(7), made of what the commands say of themselves.

Text is not markup: a backslash, and what could be a request at the beginning of a line, is written
so that it stands for itself. In man(7) a plain hyphen may be shown as another character, which
nobody could copy; ``\-`` is the one that is typed.
"""

import inspect
import re
from collections.abc import Iterator
from importlib.metadata import version

import click

from .command import Example, Explained, Section

__all__ = ("man_page",)


def man_page(context: click.Context) -> str:
    """Return the page of a program and of all of its commands."""
    program = context.command
    assert isinstance(program, Explained)
    assert isinstance(program, click.Group)
    return "\n".join([*_page(context, program), ""])


def _page(context: click.Context, program: Explained) -> Iterator[str]:
    assert isinstance(program, click.Group)
    name = context.info_name or ""
    summary = program.get_short_help_str(limit=200).rstrip(".")
    yield f'.TH {name.upper()} 1 "" "{name} {version(name)}" "User Commands"'
    yield from (".SH NAME", f"{escaped(name)} \\- {escaped(summary)}")
    yield from (".SH SYNOPSIS", f".B {escaped(name)}", r"[\fIoptions\fR] \fIcommand\fR \fI\&...\fR")
    yield ".SH DESCRIPTION"
    yield from _paragraphs(program)
    yield ".SH OPTIONS"
    yield from _options(context, program)
    yield ".SH COMMANDS"
    for each in program.list_commands(context):
        command = program.get_command(context, each)
        assert isinstance(command, Explained)
        inner = click.Context(command, info_name=each, parent=context)
        usage = " ".join(command.collect_usage_pieces(inner))
        yield f".SS {escaped(f'{name} {each} {usage}')}"
        yield from _paragraphs(command)
        yield from _options(inner, command)
        for section in command.sections:
            yield from (".PP", f"{escaped(section.title)}:")
            yield from _rows(section)
        yield from _examples(command.examples)
    for section in program.sections:
        yield f".SH {escaped(section.title.upper())}"
        yield from _rows(section)
    yield ".SH EXAMPLES"
    yield from _examples(program.examples)


def _paragraphs(command: click.Command) -> Iterator[str]:
    text = inspect.cleandoc(command.help or "")
    for paragraph in re.split(r"\n{2,}", text):
        yield from (".PP", escaped(" ".join(paragraph.split())))


def _options(context: click.Context, command: click.Command) -> Iterator[str]:
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None:
            yield from _row(*record)


def _rows(section: Section) -> Iterator[str]:
    for row in section.rows:
        yield from _row(*row)


def _row(term: str, meaning: str) -> Iterator[str]:
    yield from (".TP", rf"\fB{escaped(term)}\fR", escaped(meaning))


def _examples(examples: tuple[Example, ...]) -> Iterator[str]:
    for example in examples:
        yield from (".PP", escaped(example.meaning))
        yield from (".PP", ".RS", ".nf", escaped(example.line), ".fi", ".RE")


def escaped(text: str) -> str:
    r"""Return text that man(7) shows as it is.

    What comes at the beginning of a line is not taken for a request, by the ``\&`` before it.
    """
    shown = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    shown = shown.replace("^", r"\(ha").replace("~", r"\(ti").replace("`", r"\(ga")
    return rf"\&{shown}" if shown.startswith((".", "'")) else shown
