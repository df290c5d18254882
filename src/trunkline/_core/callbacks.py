"""Finding out early that a callback cannot be called with what it will get."""

from inspect import CO_VARARGS
from types import FunctionType, MethodType
from typing import Any

__all__ = ("check_callback",)


def check_callback(callback: Any, *arguments: str, what: str = "a callback") -> None:
    """Raise `TypeError` for what cannot be called, or not with so many arguments.

    Only functions and methods written in Python are looked at, which is cheap: a server does it for
    each connection. Whatever else can be called passes.

    Args:
        callback: What is to be called.
        *arguments: What it will be called with, by the names that an error gives them.
        what: What an error calls it.
    """
    if not callable(callback):
        raise TypeError(f"{what} is callable, not {type(callback).__name__}")
    function = callback.__func__ if isinstance(callback, MethodType) else callback
    if not isinstance(function, FunctionType):
        return
    code = function.__code__
    count = len(arguments) + (function is not callback)
    needed = code.co_argcount - len(function.__defaults__ or ())
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    if (
        needed <= count
        and (count <= code.co_argcount or code.co_flags & CO_VARARGS)
        and all(name in (function.__kwdefaults__ or ()) for name in keywords)
    ):
        return
    raise TypeError(
        f"{what} is called with ({', '.join(arguments)}), and {function.__qualname__} cannot be"
    )
