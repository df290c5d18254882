"""Finding out early that input would be delivered to nobody."""

from collections.abc import Callable
from inspect import getattr_static
from types import FunctionType
from typing import Any

from .delivery import Delivery, methods_of
from .protocol import TransportProtocol

__all__ = ("check_factory", "check_protocol")

_KNOWN = frozenset(dir(TransportProtocol))
_INPUT_METHODS = frozenset(name for name in _KNOWN if name.endswith("_received")) - {"eof_received"}


def check_protocol(protocol: Any, delivery: Delivery) -> None:
    """Raise `TypeError` unless a protocol has the methods that its input is delivered to.

    One that inherits such a method from `TransportProtocol` ignores its input, and may; unless it
    has another one that was probably meant to be it.

    Raises:
        TypeError: It has not; or it is a class, of which an object is meant.
        ValueError: There is no such delivery.
    """
    for name in methods_of(delivery):
        method = getattr(protocol, name, None)
        if method is None or _is_inherited(method, name):
            _refuse_if_meant(protocol, delivery, name)
            if method is None:
                raise TypeError(_text(protocol, delivery, name))
        if isinstance(protocol, type) and isinstance(getattr_static(protocol, name), FunctionType):
            raise TypeError(f"the protocol is an object, and {protocol.__name__} a class of them")


def check_factory(factory: Callable[[], Any], delivery: Delivery) -> None:
    """Raise `TypeError` unless something can make protocols, as far as that can be seen before.

    Raises:
        TypeError: It cannot be called; or its objects have a method that was probably meant to be
            another one, see `check_protocol`.
        ValueError: There is no such delivery.
    """
    names = methods_of(delivery)
    if not callable(factory):
        raise TypeError(
            "the protocol factory is called for each connection, and returns its protocol: give a "
            f"class, or a function, and no {type(factory).__name__}"
        )
    if isinstance(factory, type):
        for name in names:
            if _is_inherited(getattr(factory, name, None), name):
                _refuse_if_meant(factory, delivery, name)


def _is_inherited(method: Any, name: str) -> bool:
    return getattr(method, "__func__", method) is getattr(TransportProtocol, name)


def _refuse_if_meant(protocol: Any, delivery: Delivery, name: str) -> None:
    """Raise `TypeError` if a protocol has a method that was probably meant to be another one."""
    for other in sorted(_INPUT_METHODS - {name}):
        method = getattr(protocol, other, None)
        if method is not None and not _is_inherited(method, other):
            raise TypeError(f"{_text(protocol, delivery, name)}; it has {other}()")
    from difflib import get_close_matches  # only who ignores input pays for the module

    own = [each for each in dir(protocol) if each not in _KNOWN and not each.startswith("_")]
    for meant in get_close_matches(name, own, n=1, cutoff=0.8):
        raise TypeError(f"{_text(protocol, delivery, name)}; perhaps {meant}() is meant to be it")


def _text(protocol: Any, delivery: Delivery, name: str) -> str:
    kind = protocol if isinstance(protocol, type) else type(protocol)
    return f"{kind.__name__} has no {name}(), to which delivery={delivery!r} delivers"
