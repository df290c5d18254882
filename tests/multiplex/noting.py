"""A protocol that notes each call of a callback, and then does what the test wants."""

from collections.abc import Callable
from typing import Any, ClassVar


class NotingProtocol:
    """What such protocols have in common; a subclass says which callbacks there are.

    Args:
        **then: What is called, with the same arguments, after a callback was noted.

    Attributes:
        calls: The name of each callback that was called, and what `_noted` returns.
        running: The callbacks that are running; more than one only if one calls another.
        nested: The callbacks that were called from inside of another one.
    """

    CALLBACKS: ClassVar[tuple[str, ...]]

    def __init__(self, **then: Callable[..., Any]) -> None:
        assert set(then) <= set(self.CALLBACKS)
        self.then = then
        self.calls: list[tuple[str, Any]] = []
        self.running: list[str] = []
        self.nested: list[tuple[str, ...]] = []

    def __getattr__(self, name: str) -> Any:
        if name not in self.CALLBACKS:
            raise AttributeError(name)
        return lambda *args: self._called(name, args)

    def _called(self, name: str, args: tuple[Any, ...]) -> Any:
        self.running.append(name)
        if len(self.running) > 1:
            self.nested.append(tuple(self.running))
        try:
            self.calls.append((name, self._noted(name, args)))
            result = self.then[name](*args) if name in self.then else None
            return self._returned(name, result)
        finally:
            self.running.pop()

    def _noted(self, name: str, args: tuple[Any, ...]) -> Any:
        """Return what is noted of a call."""
        return args

    def _returned(self, name: str, result: Any) -> Any:
        """Return what a callback returns, if that is what it was to do."""
        return result

    @property
    def names(self) -> list[str]:
        """The names of the callbacks that were called."""
        return [name for name, _ in self.calls]

    @property
    def is_lost(self) -> bool:
        """Whether `connection_lost` was called."""
        return "connection_lost" in self.names

    @property
    def last(self) -> Any:
        """What was noted of the one `connection_lost`, after which nothing was called."""
        assert self.names.count("connection_lost") == 1, self.calls
        assert self.names[-1] == "connection_lost", "something was called after the end"
        return self.calls[-1][1]
