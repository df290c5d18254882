"""Finding out early that a transport would deliver to nobody, or that a protocol is no such."""

from collections.abc import Callable
from inspect import signature
from typing import Any

from .._core.callbacks import check_callback
from .delivery import Delivery, methods_of
from .protocol import TransportProtocol
from .protocol_methods import ProtocolMethods

__all__ = (
    "check_factory",
    "check_methods",
    "check_protocol",
)

_METHODS = ProtocolMethods(
    TransportProtocol,
    "transport",
    {name for name in dir(TransportProtocol) if name.endswith("_received")} - {"eof_received"},
)


def check_protocol(protocol: Any, delivery: Delivery) -> None:
    """Raise `TypeError` unless a protocol has the methods that its input is delivered to.

    Raises:
        TypeError: See `ProtocolMethods.check_taking`.
        ValueError: There is no such delivery.
    """
    names = methods_of(delivery)
    _METHODS.check_taking(protocol, delivery, names)


def check_methods(protocol: Any) -> None:
    """Raise `TypeError` if a method of a protocol's class cannot be called as it will be."""
    _METHODS.check(protocol)


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
    _METHODS.check_class(factory)
    for name in names:
        _METHODS.find(factory, delivery, name, is_factory=True)


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
