"""Finding what a user wants to be served by, and for which way of driving it was made."""

import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from inspect import isclass, iscoroutinefunction
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from ...multiplex import Delivery, TransportProtocol
from .services import SERVICES

__all__ = ("BadHandler", "Found", "Kind", "find_handler")

Kind: TypeAlias = Literal["threads", "callbacks", "await", "datagrams"]

# The methods that input is delivered to, and how it is then.
_DELIVERIES: dict[str, Delivery] = {
    "data_received": "bytes",
    "line_received": "lines",
    "text_received": "text",
    "get_buffer": "buffer",
}


class BadHandler(ValueError):
    """There is no such handler, or it is none; the text says why."""


class Found(NamedTuple):
    """A handler.

    Attributes:
        name: What it was called.
        handler: The function, or the class.
        kind: What it was made for.
        delivery: For callbacks, how input is delivered to them.
        finish: For callbacks, see `EventedServer`.
    """

    name: str
    handler: Any
    kind: Kind
    delivery: Delivery = "bytes"
    finish: Callable[[Callable[[], object]], object] | None = None


def find_handler(name: str, others: Iterable[str] = ()) -> Found:
    """Return what a name stands for: a service that comes with us, or ``module:function``.

    The module is looked for where we are, too.

    Args:
        name: The name.
        others: Names of services that are found elsewhere, for who has misspelt one.

    Raises:
        BadHandler: There is none.
        Whatever the module raises when it is imported.
    """
    if name in SERVICES:
        return Found(name, SERVICES[name], "callbacks")
    module_name, colon, path = name.partition(":")
    if not (colon and module_name and path):
        services = ", ".join([*SERVICES, *others])
        raise BadHandler(f"{name!r} is none of {services}, and not module:function")
    thing: Any = _module(module_name)
    for part in path.split("."):
        try:
            thing = getattr(thing, part)
        except AttributeError:
            raise BadHandler(f"{module_name!r} has no {path!r}") from None
    return _judged(name, thing)


def _module(name: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise BadHandler(f"there is no module {error.name!r} here") from None
        raise


def _judged(name: str, thing: Any) -> Found:
    """Find out what something was made for, by what it is."""
    if isclass(thing):
        wanted = [each for each in _DELIVERIES if _has_own(thing, each)]
        if not wanted:
            methods = ", ".join(_DELIVERIES)
            raise BadHandler(f"{name!r} is a class that takes no input: it has none of {methods}")
        return Found(name, thing, "callbacks", _DELIVERIES[wanted[0]])
    if not callable(thing):
        raise BadHandler(f"{name!r} cannot be called: it is no function, but {thing!r:.40}")
    if iscoroutinefunction(thing) or iscoroutinefunction(type(thing).__call__):
        return Found(name, thing, "await")
    return Found(name, thing, "threads")


def _has_own(kind: type, name: str) -> bool:
    """Whether a class has a method that is not just the one that does nothing."""
    method = getattr(kind, name, None)
    return method is not None and method is not getattr(TransportProtocol, name)
