"""The methods of a protocol: who calls them with what, and whether those of an object fit.

What the class of a protocol says is looked at once for each class, because a server has a protocol
for each connection; only the methods that take input are looked at each time.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from inspect import getattr_static
from types import FunctionType
from typing import Any
from weakref import WeakSet

from .._core.callbacks import check_callback
from .._core.meant import is_like

__all__ = ("ProtocolMethods",)

_SLIP = 2  # letters that are too many in a misspelt name, or too few

_MISSING = object()


class ProtocolMethods:
    """All methods that a kind of protocol can have, as a class shows them.

    Args:
        model: A class that has all of them, and does nothing in most.
        caller: Who calls them, in a word.
        takers: Those that take input, of which a protocol must have the ones that it is delivered
            to.
    """

    def __init__(self, model: type, caller: str, takers: Iterable[str]) -> None:
        self._model = model
        self._caller = caller
        self._takers = sorted(takers)
        self._known = frozenset(dir(model))
        self._arguments = {
            name: method.__code__.co_varnames[1 : method.__code__.co_argcount]
            for name, method in vars(model).items()
            if isinstance(method, FunctionType)
        }
        self._checked_classes: WeakSet[type] = WeakSet([model])

    def check_taking(self, protocol: Any, delivery: object, names: Iterable[str]) -> None:
        """Raise `TypeError` unless a protocol has the methods that its input is delivered to.

        One that inherits such a method from the model ignores its input, and may; unless it has
        another one that was probably meant to be it.

        Args:
            protocol: Which one.
            delivery: What an error calls the way in which that is done.
            names: The methods.

        Raises:
            TypeError: It has not; or a method cannot be called as it will be, see `check`; or it is
                a class, or another function that makes protocols, of which an object is meant.
        """
        self.check(protocol)
        for name in names:
            method = self.find(protocol, delivery, name)
            if getattr(method, "__func__", None) is getattr(type(protocol), name, method):
                continue  # it is its class's, which has been looked at
            if isinstance(protocol, type) and isinstance(
                getattr_static(protocol, name), FunctionType
            ):
                raise TypeError(
                    f"the protocol is an object, and {protocol.__name__} a class of them"
                )
            check_callback(method, *self._arguments[name], what=name)

    def check(self, protocol: Any) -> None:
        """Raise `TypeError` if a method of a protocol's class cannot be called as it will be.

        It has another number of arguments, is async or a generator, or no method at all.
        """
        kind = type(protocol)
        if kind not in self._checked_classes:
            if issubclass(kind, FunctionType):
                raise TypeError(
                    f"the protocol is an object, and {protocol.__name__} a function: "
                    "if that makes protocols, call it"
                )
            self.check_class(kind)
            self._checked_classes.add(kind)

    def check_class(self, kind: type) -> None:
        """Do the same for a class."""
        for name, arguments in self._arguments.items():
            method = getattr_static(kind, name, _MISSING)
            what = f"{kind.__name__}.{name}"
            if method is _MISSING:
                continue
            if isinstance(method, FunctionType):
                if method is not vars(self._model)[name]:
                    check_callback(method, "self", *arguments, what=what)
            elif isinstance(method, staticmethod | classmethod):
                check_callback(getattr(kind, name), *arguments, what=what)
            elif not hasattr(type(method), "__get__"):
                check_callback(method, *arguments, what=what)
        self._check_spelling(kind)

    def _check_spelling(self, kind: type) -> None:
        """Raise `TypeError` for a method that nobody calls, if it is nearly one that is called.

        What stands beside the method that it is like is a method of its own.
        """
        for each in kind.__mro__:
            for name, member in vars(each).items():
                if name in self._known or name.startswith("_"):
                    continue
                if not isinstance(member, FunctionType):
                    continue
                for meant in self._arguments:
                    own = getattr(kind, meant, None)
                    if own is not None and own is not getattr(self._model, meant):
                        continue
                    if _is_slip(name, meant):
                        raise TypeError(
                            f"{kind.__name__}.{name} is called by no {self._caller}; perhaps "
                            f"{meant} is meant"
                        )

    def find(
        self, protocol: Any, delivery: object, name: str, *, is_factory: bool = False
    ) -> Any | None:
        """Return a method to deliver to; raise `TypeError` if another one was meant, or none.

        That of a factory, which is a class, may be None: its objects will have one.
        """
        method = getattr(protocol, name, None)
        if method is not None and not self._is_inherited(method, name):
            return method
        kind = protocol if isinstance(protocol, type) else type(protocol)
        text = f"{kind.__name__} has no {name}(), to which delivery={delivery!r} delivers"
        for other in self._takers:
            candidate = getattr(protocol, other, None)
            if other == name or candidate is None or self._is_inherited(candidate, other):
                continue
            raise TypeError(f"{text}; it has {other}()")
        if method is None and not (is_factory and _may_be_set_later(protocol, name)):
            raise TypeError(text)
        return method

    def _is_inherited(self, method: Any, name: str) -> bool:
        return getattr(method, "__func__", method) is getattr(self._model, name)


def _is_slip(name: str, meant: str) -> bool:
    """Return whether a name is another one with letters left out, added or in a wrong order.

    One with other letters, like ``file_received``, is a word of its own. How words are put together
    does not matter: ``connectionLost`` is what others have for ``connection_lost``.
    """
    one, other = (each.replace("_", "").lower() for each in (name, meant))
    too_many, too_few = Counter(one) - Counter(other), Counter(other) - Counter(one)
    return (
        one[0] == other[0]
        and not (too_many and too_few)
        and too_many.total() + too_few.total() <= _SLIP
        and is_like(one, other)
    )


def _may_be_set_later(factory: type, name: str) -> bool:
    """Return whether objects of a class may have an attribute that the class does not have.

    It would be a method of theirs that sets it, or finds it when it is asked for.
    """
    ways = {name, "setattr", "__setattr__", "__dict__", "vars"}
    return hasattr(factory, "__getattr__") or any(
        ways.intersection(code.co_names) for code in _codes_of(factory)
    )


def _codes_of(kind: type) -> Iterator[Any]:
    for each in kind.__mro__:
        for member in vars(each).values():
            function = getattr(member, "__func__", member)
            if isinstance(function, FunctionType):
                yield function.__code__
