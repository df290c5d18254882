"""Calling a protocol: whatever methods it has, in the context that was chosen."""

from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any

__all__ = ("ProtocolCaller",)


class ProtocolCaller:
    """Finds the methods of a protocol by their names.

    Args:
        protocol: Whose methods they are; one that it does not have does nothing.
        context: What they are called in; None for no context of their own.
    """

    __slots__ = ("context", "protocol")

    def __init__(self, protocol: Any, context: Context | None) -> None:
        self.protocol: Any = protocol
        self.context: Context | None = context

    def method(self, name: str) -> Callable[..., Any]:
        """Return a method that is called in the context."""
        method: Callable[..., Any] = getattr(self.protocol, name, _nothing)
        return method if self.context is None else partial(self.context.run, method)

    def nested_method(self, name: str) -> Callable[..., Any]:
        """Return one that may be called from inside of another one in the same context.

        A context cannot be entered twice, but a copy of it can, and costs nothing.
        """
        method: Callable[..., Any] = getattr(self.protocol, name, _nothing)
        context = self.context
        if context is None:
            return method
        return partial((context.copy() if _is_entered(context) else context).run, method)


def _is_entered(context: Context) -> bool:
    """Return whether something is being called in a context."""
    try:
        context.run(_nothing)
    except RuntimeError:
        return True
    return False


def _nothing(*args: Any) -> None:
    """Stands for a method that the protocol does not have."""
