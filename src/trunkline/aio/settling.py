"""Settling futures of which somebody may have made an end already, by cancelling them."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

__all__ = ("answer_of", "fail", "succeed", "succeed_or_fail")

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


async def answer_of(
    loop: asyncio.AbstractEventLoop,
    begin: Callable[[Callable[[T], object], Callable[[Exception], object]], Callable[[], Any]],
) -> T:
    """Wait for an answer that a callback is called with.

    Args:
        loop: The loop that runs.
        begin: Called with what is to be called with the answer, and with an error; returns what
            gives it up, if nobody waits any more.
    """
    answer: asyncio.Future[T] = loop.create_future()
    give_up = begin(partial(succeed, answer), partial(fail, answer))
    try:
        return await answer
    except asyncio.CancelledError:
        give_up()
        raise
