"""The two ways to have a resolver look something up, for tests that hold in both."""

from collections.abc import Callable
from typing import Any

from support.timing import PATIENCE

from trunkline import EventBase

Way = Callable[..., Any]
"""Calls a resolver's method with arguments, and returns, or raises, what comes of it."""


def blocking(resolver: Any, method: str, *args: Any, **options: Any) -> Any:
    """Call a method that waits."""
    return getattr(resolver, method)(*args, **options)


def on_a_base(resolver: Any, method: str, *args: Any, **options: Any) -> Any:
    """Call the method that does the same on an event base, and wait for what it tells."""
    outcomes: list[Any] = []
    if len(args) > 1:
        args, options["record_type"] = args[:1], args[1]
    with EventBase(exit_when_empty=True) as base:
        begin = getattr(resolver, f"{method}_on")
        begin(base, *args, outcomes.append, outcomes.append, **options)
        assert outcomes == []
        base.dispatch(timeout=PATIENCE)
        assert base.is_empty
    (outcome,) = outcomes
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
