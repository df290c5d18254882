"""The time limits that a stream's calls take."""

from enum import Enum
from typing import Final, TypeAlias

__all__ = ("DEFAULT_TIMEOUT", "Timeout")


class _Default(Enum):
    TIMEOUT = "the stream's own timeout"


DEFAULT_TIMEOUT: Final = _Default.TIMEOUT
"""In place of a timeout: the one that the stream was given."""

Timeout: TypeAlias = float | _Default | None
