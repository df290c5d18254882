"""What a shell completes besides commands and options: words that are known beforehand.

A shell waits for it with each key, so that nothing is imported before it is asked for.
"""

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable

    from click.shell_completion import CompletionItem

__all__ = ("record_types", "servers", "service_words", "services")


def _beginning_with(beginning: str, words: "Iterable[str]") -> "list[CompletionItem]":
    from click.shell_completion import CompletionItem

    return [CompletionItem(word) for word in words if word.startswith(beginning)]


def services(
    context: click.Context, parameter: click.Parameter, beginning: str
) -> "list[CompletionItem]":
    """Return the services that come with it."""
    from .serve.services import SERVICES
    from .serve.subjects import SUBJECTS

    return _beginning_with(beginning, (*SERVICES, *SUBJECTS))


def service_words(
    context: click.Context, parameter: click.Parameter, beginning: str
) -> "list[CompletionItem]":
    """Return directories, if that is what the service wants."""
    from click.shell_completion import CompletionItem

    is_first = not context.params.get("words")
    if context.params.get("service") == "http" and is_first:
        return [CompletionItem(beginning, type="dir")]
    return []


def record_types(
    context: click.Context, parameter: click.Parameter, beginning: str
) -> "list[CompletionItem]":
    """Return the types of records that have names."""
    from .._core.dns_records import RecordType

    return _beginning_with(beginning.upper(), RecordType.__members__)


def servers(
    context: click.Context, parameter: click.Parameter, beginning: str
) -> "list[CompletionItem]":
    """Return the processes of the servers that are running."""
    from .control.asking import servers_here

    return _beginning_with(beginning, map(str, servers_here()))
