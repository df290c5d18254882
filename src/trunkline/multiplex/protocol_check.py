"""Finding out early that input would be delivered to nobody, or that a protocol cannot be called.

What the class of a protocol says is looked at once for each class, because a server has a protocol
for each connection; only the methods that take input are looked at each time.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from inspect import getattr_static, signature
from types import FunctionType
from typing import Any
from weakref import WeakSet

from .._core.callbacks import check_callback
from .._core.meant import is_like
from .delivery import Delivery, methods_of
from .protocol import TransportProtocol

__all__ = (
    "check_factory",
    "check_methods",
    "check_protocol",
)

_KNOWN = frozenset(dir(TransportProtocol))
_INPUT_METHODS = frozenset(name for name in _KNOWN if name.endswith("_received")) - {"eof_received"}

# All that a transport calls, and what it is called with.
_ARGUMENTS = {
    name: method.__code__.co_varnames[1 : method.__code__.co_argcount]
    for name, method in vars(TransportProtocol).items()
    if isinstance(method, FunctionType)
}

_SLIP = 2  # letters that are too many in a misspelt name, or too few

_MISSING = object()

_checked_classes: WeakSet[type] = WeakSet([TransportProtocol])


def check_protocol(protocol: Any, delivery: Delivery) -> None:
    """Raise `TypeError` unless a protocol has the methods that its input is delivered to.

    One that inherits such a method from `TransportProtocol` ignores its input, and may; unless it
    has another one that was probably meant to be it.

    Raises:
        TypeError: It has not; or a method cannot be called as it will be, see `check_methods`; or
            it is a class, or another function that makes protocols, of which an object is meant.
        ValueError: There is no such delivery.
    """
    names = methods_of(delivery)
    check_methods(protocol)
    for name in names:
        method = _find_method(protocol, delivery, name)
        if getattr(method, "__func__", None) is getattr(type(protocol), name, method):
            continue  # it is its class's, which has been looked at
        if isinstance(protocol, type) and isinstance(getattr_static(protocol, name), FunctionType):
            raise TypeError(f"the protocol is an object, and {protocol.__name__} a class of them")
        check_callback(method, *_ARGUMENTS[name], what=name)


def check_methods(protocol: Any) -> None:
    """Raise `TypeError` if a method of a protocol's class cannot be called as it will be.

    It has another number of arguments, is async or a generator, or no method at all.
    """
    kind = type(protocol)
    if kind not in _checked_classes:
        if issubclass(kind, FunctionType):
            raise TypeError(
                f"the protocol is an object, and {protocol.__name__} a function: "
                "if that makes protocols, call it"
            )
        _check_class(kind)
        _checked_classes.add(kind)


def check_factory(factory: Callable[[], Any], delivery: Delivery) -> None:
    """Raise `TypeError` unless something can make protocols, as far as that can be seen before.

    Raises:
        TypeError: It cannot be called without arguments; or its objects lack a method to deliver
            to, or have one that cannot be called as it will be; see `check_protocol`.
        ValueError: There is no such delivery.
    """
    names = methods_of(delivery)
    if not callable(factory):
        raise TypeError(
            "the protocol factory is called for each connection, and returns its protocol: give a "
            f"class, or a function, and no {type(factory).__name__}"
        )
    if not isinstance(factory, type):
        check_callback(factory, what="the protocol factory")
        return
    _check_made_without_arguments(factory)
    _check_class(factory)
    for name in names:
        _find_method(factory, delivery, name, is_factory=True)


def _check_class(kind: type) -> None:
    for name, arguments in _ARGUMENTS.items():
        method = getattr_static(kind, name, _MISSING)
        what = f"{kind.__name__}.{name}"
        if method is _MISSING:
            continue
        if isinstance(method, FunctionType):
            if method is not vars(TransportProtocol)[name]:
                check_callback(method, "self", *arguments, what=what)
        elif isinstance(method, staticmethod | classmethod):
            check_callback(getattr(kind, name), *arguments, what=what)
        elif not hasattr(type(method), "__get__"):
            check_callback(method, *arguments, what=what)
    _check_spelling(kind)


def _check_spelling(kind: type) -> None:
    """Raise `TypeError` for a method that nobody calls, if it is nearly one that a transport does.

    What stands beside the method that it is like is a method of its own.
    """
    for each in kind.__mro__:
        for name, member in vars(each).items():
            if name in _KNOWN or name.startswith("_") or not isinstance(member, FunctionType):
                continue
            for meant in _ARGUMENTS:
                own = getattr(kind, meant, None)
                if own is not None and own is not getattr(TransportProtocol, meant):
                    continue
                if _is_slip(name, meant):
                    raise TypeError(
                        f"{kind.__name__}.{name} is called by no transport; perhaps {meant} is "
                        "meant"
                    )


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


def _check_made_without_arguments(factory: type) -> None:
    try:
        signature(factory).bind()
    except ValueError:  # it is not known, as for some that are written in C
        return
    except TypeError as error:
        raise TypeError(
            f"the protocol factory is called without arguments, and {factory.__name__} cannot be: "
            f"{error}"
        ) from None


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


def _find_method(
    protocol: Any, delivery: Delivery, name: str, *, is_factory: bool = False
) -> Any | None:
    """Return a method to deliver to; raise `TypeError` if another one was meant to be it, or none.

    That of a factory, which is a class, may be None: its objects will have one.
    """
    method = getattr(protocol, name, None)
    if method is not None and not _is_inherited(method, name):
        return method
    kind = protocol if isinstance(protocol, type) else type(protocol)
    text = f"{kind.__name__} has no {name}(), to which delivery={delivery!r} delivers"
    for other in sorted(_INPUT_METHODS - {name}):
        candidate = getattr(protocol, other, None)
        if candidate is not None and not _is_inherited(candidate, other):
            raise TypeError(f"{text}; it has {other}()")
    if method is None and not (is_factory and _may_be_set_later(protocol, name)):
        raise TypeError(text)
    return method


def _is_inherited(method: Any, name: str) -> bool:
    return getattr(method, "__func__", method) is getattr(TransportProtocol, name)
