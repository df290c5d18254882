"""Finding out early that a callback cannot be called with what it will get, or would do nothing."""

from collections.abc import Callable
from functools import partial
from inspect import (
    CO_ASYNC_GENERATOR,
    CO_COROUTINE,
    CO_GENERATOR,
    CO_VARARGS,
    getattr_static,
    signature,
)
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType, MethodType
from typing import Any, TypeVar

__all__ = ("call_plainly", "check_callback", "check_callback_or_none", "check_result")

T = TypeVar("T")

_WRITTEN_IN_PYTHON = (FunctionType, MethodType)

# What a function returns when it is called instead of doing anything, by the flags of its code.
_UNPLAIN = CO_COROUTINE | CO_GENERATOR | CO_ASYNC_GENERATOR


def check_callback(callback: Any, *arguments: str, what: str = "a callback") -> None:
    """Raise `TypeError` for what cannot be called, not with so many arguments, or would do nothing.

    Nobody awaits what an async function returns, or iterates over what a generator does: it would
    be called, and nothing would happen.

    Only functions and methods written in Python are looked at, also those that a `partial`, an
    object or a class calls. That is cheap: a server does it for each connection. Whatever else can
    be called passes.

    Args:
        callback: What is to be called.
        *arguments: What it will be called with, by the names that an error gives them.
        what: What an error calls it.
    """
    is_partial = isinstance(callback, partial)
    function: Any = callback.func if is_partial else callback
    if not isinstance(function, _WRITTEN_IN_PYTHON):
        if not callable(function):
            raise TypeError(f"{what} is callable, not {type(callback).__name__}")
        function = _how_it_is_made(function) if isinstance(function, type) else function.__call__
    is_bound = isinstance(function, MethodType)
    if is_bound:
        function = function.__func__
    if not isinstance(function, FunctionType):
        return
    code = function.__code__
    flags = code.co_flags
    if flags & _UNPLAIN:
        raise _not_plain(what, function.__qualname__, flags)
    if is_partial and callback.keywords:
        can_be_called = not _why_not(callback, arguments)
    else:
        count = len(arguments) + is_bound + (len(callback.args) if is_partial else 0)
        most = code.co_argcount
        can_be_called = (count == most and not code.co_kwonlyargcount) or (
            most - len(function.__defaults__ or ()) <= count
            and bool(count <= most or flags & CO_VARARGS)
            and (not code.co_kwonlyargcount or _has_keyword_defaults(function))
        )
    if not can_be_called:
        called = f"{what} is called with ({', '.join(arguments)})"
        target = callback.func if is_partial else callback
        reason = _why_not(callback, arguments) if is_partial else ""
        named = target if isinstance(target, type) else function
        raise TypeError(f"{called}, and {named.__qualname__} cannot be{reason}")


def check_callback_or_none(callback: T, *arguments: str, what: str) -> T:
    """Do the same for a callback that there need not be, None being none; and return it."""
    if callback is not None:
        check_callback(callback, *arguments, what=what)
    return callback


def call_plainly(callback: Callable[..., T], *args: Any) -> T:
    """Call something; raise `TypeError` if it has done nothing, see `check_result`."""
    result = callback(*args)
    if result is not None:
        check_result(result, callback)
    return result


def check_result(result: object, callback: Any) -> None:
    """Raise `TypeError` if what a callback has returned shows that it has done nothing.

    It finds those that could not be seen to be async before, as they are wrapped; and it is for
    those that are not worth being looked at before, because there are so many.
    """
    if isinstance(result, CoroutineType):
        if result.cr_frame is None or result.cr_await is not None:
            return  # somebody else runs it, or did
        result.close()  # else Python tells, too, that nobody has awaited it
        flags = CO_COROUTINE
    elif isinstance(result, GeneratorType):
        flags = CO_GENERATOR
    elif isinstance(result, AsyncGeneratorType):
        flags = CO_ASYNC_GENERATOR
    else:
        return
    name = getattr(callback, "__qualname__", None) or repr(callback)
    raise _not_plain("a callback", name, flags)


def _how_it_is_made(kind: type) -> Any:
    """Return what takes the arguments when an object of a class is made."""
    if type(kind).__call__ is not type.__call__:
        return type(kind).__call__.__get__(kind)
    new: Any = kind.__new__
    if new is not object.__new__:
        return MethodType(new, kind)
    init: Any = getattr_static(kind, "__init__")
    return MethodType(_no_arguments if init is object.__init__ else init, kind)


def _no_arguments(self: object) -> None:
    """Stands for the `__init__` of a class that has none."""


def _has_keyword_defaults(function: FunctionType) -> bool:
    code = function.__code__
    keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    return all(name in (function.__kwdefaults__ or ()) for name in keywords)


def _why_not(callback: "partial[Any]", arguments: tuple[str, ...]) -> str:
    """Return why a `partial` cannot be called with some arguments, or nothing if it can."""
    try:
        signature(callback.func).bind(*callback.args, *arguments, **callback.keywords)
    except TypeError as error:
        return f": {error}"
    return ""


def _not_plain(what: str, name: str, flags: int) -> TypeError:
    if flags & CO_COROUTINE:
        return TypeError(
            f"{what} is a plain function, and {name} an async one: nobody would await it; "
            "give a function that is written with def alone"
        )
    return TypeError(
        f"{what} is a plain function, and {name} a generator: nobody would iterate over it; "
        "give a function without yield"
    )
