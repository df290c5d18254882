"""The clock that Trunkline goes by."""

from collections.abc import Callable
from time import monotonic
from typing import TypeAlias

__all__ = ("Clock", "monotonic")

Clock: TypeAlias = Callable[[], float]
"""Anything that returns the time in seconds, from any start, and never goes backwards."""
