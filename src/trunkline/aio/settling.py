"""Settling futures of which somebody may have made an end already, by cancelling them."""

import asyncio
from typing import TypeVar

__all__ = ("fail", "succeed", "succeed_or_fail")

T = TypeVar("T")


def succeed(future: "asyncio.Future[T]", result: T) -> None:
    """Give a future its result, unless it is done."""
    if not future.done():
        future.set_result(result)


def fail(future: "asyncio.Future[T]", error: BaseException) -> None:
    """Give a future the error that there was, unless it is done."""
    if not future.done():
        future.set_exception(error)


def succeed_or_fail(future: "asyncio.Future[None]", error: BaseException | None) -> None:
    """Give a future the error that there was, or None as its result, unless it is done."""
    if error is None:
        succeed(future, None)
    else:
        fail(future, error)
