"""Settling futures of which somebody may have made an end already, by cancelling them."""

import asyncio
from typing import TypeVar

__all__ = ("succeed", "succeed_or_fail")

T = TypeVar("T")


def succeed(future: "asyncio.Future[T]", result: T) -> None:
    """Give a future its result, unless it is done."""
    if not future.done():
        future.set_result(result)


def succeed_or_fail(future: "asyncio.Future[None]", error: BaseException | None) -> None:
    """Give a future the error that there was, or None as its result, unless it is done."""
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)
