"""Callbacks: what can be called with what it will get passes, and what cannot is told."""

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any, Self
from unittest.mock import MagicMock

import pytest

from trunkline._core.callbacks import check_callback, check_callback_or_none, check_result


class Thing:
    def method(self, one: Any) -> None:
        """Take one argument."""

    @classmethod
    def of_class(cls, one: Any) -> None:
        """Take one argument."""

    @staticmethod
    def static(one: Any) -> None:
        """Take one argument."""

    def __call__(self, one: Any) -> None:
        """Take one argument."""


class StaticCall:
    @staticmethod
    def __call__(one: Any) -> None:
        """Take one argument."""


class MadeOfOne:
    def __init__(self, one: Any) -> None:
        """Take one argument."""


class MadeOfNone:
    """Take nothing."""


class New:
    def __new__(cls, one: Any) -> Self:
        """Take one argument."""
        return super().__new__(cls)


class Meta(type):
    def __call__(cls, one: Any) -> Any:
        """Take one argument."""


class MadeByAnother(metaclass=Meta):
    def __init__(self) -> None:
        """Take nothing."""


class Unplain:
    async def method(self, one: Any) -> None:
        """Do nothing, unless somebody awaits it."""

    async def __call__(self, one: Any) -> None:
        """Do nothing, unless somebody awaits it."""


async def coroutine(one: Any) -> None:
    """Do nothing, unless somebody awaits it."""


def generator(one: Any) -> Iterator[Any]:
    yield one


async def async_generator(one: Any) -> AsyncIterator[Any]:
    yield one


@pytest.mark.parametrize(
    "callback",
    [
        lambda one: None,
        lambda one, two=2: None,
        lambda *all_of_them: None,
        lambda one, *, option=1: None,
        lambda one=1: None,
        lambda one, /: None,
        Thing().method,
        Thing.of_class,
        Thing.static,
        Thing(),
        partial(lambda one, two: None, 1),
        print,
        list.append,
        int,
        partial(print),
        partial(lambda one, *, two: None, two=2),
        partial(lambda one, two: None, two=2),
        StaticCall(),
        MagicMock(),
    ],
)
def test_what_takes_one_argument_or_may_passes(callback: Any) -> None:
    check_callback(callback, "event")


@pytest.mark.parametrize(
    ("callback", "name"),
    [
        (lambda: None, "<lambda>"),
        (lambda one, two: None, "<lambda>"),
        (lambda *, one: None, "<lambda>"),
        (lambda one, *, two: None, "<lambda>"),
        (Thing.method, r"Thing\.method"),
        (partial(lambda one: None, 1), "<lambda>"),
        (partial(lambda one, two: None, one=1), "<lambda>"),
        (Thing, "Thing"),
        (partial(Thing), "Thing"),
    ],
)
def test_what_cannot_take_it_is_told(callback: Any, name: str) -> None:
    with pytest.raises(TypeError, match=rf"^event_cb is called with \(event\), and .*{name} canno"):
        check_callback(callback, "event", what="event_cb")


@pytest.mark.parametrize("callback", [None, 3, "name"])
def test_what_cannot_be_called_is_told(callback: Any) -> None:
    with pytest.raises(TypeError, match=f"^a callback is callable, not {type(callback).__name__}$"):
        check_callback(callback)


def test_nothing_may_be_what_it_gets() -> None:
    check_callback(lambda: None)
    with pytest.raises(TypeError, match=r"is called with \(\), and"):
        check_callback(lambda one: None)


@pytest.mark.parametrize(
    ("callback", "name", "remedy"),
    [
        (coroutine, "coroutine", "an async one: nobody would await it; .* with def alone"),
        (Unplain().method, "Unplain.method", "an async one"),
        (Unplain(), "Unplain.__call__", "an async one"),
        (partial(coroutine, 1), "coroutine", "an async one"),
        (partial(Unplain(), 1), "Unplain.__call__", "an async one"),
        (generator, "generator", "a generator: nobody would iterate over it; .* without yield"),
        (partial(generator), "generator", "a generator"),
        (async_generator, "async_generator", "a generator"),
    ],
)
def test_what_would_do_nothing_is_told(callback: Any, name: str, remedy: str) -> None:
    with pytest.raises(TypeError, match=rf"^event_cb is a plain function, and {name} {remedy}"):
        check_callback(callback, "event", what="event_cb")


def test_there_need_not_be_one() -> None:
    check_callback_or_none(None, what="failed")
    with pytest.raises(TypeError, match=r"^failed is callable, not int$"):
        check_callback_or_none(1, what="failed")


@pytest.mark.parametrize(
    ("callback", "remedy"),
    [
        (coroutine, "an async one"),
        (generator, "a generator"),
        (async_generator, "a generator"),
        (partial(coroutine), "an async one"),
    ],
)
def test_what_has_done_nothing_is_told_by_what_it_returns(callback: Any, remedy: str) -> None:
    with pytest.raises(TypeError, match=f"^a callback is a plain function, and .* {remedy}"):
        check_result(callback(1), callback)


def test_whatever_else_is_returned_passes() -> None:
    results: list[object] = [None, 1, [], iter([])]
    for result in results:
        check_result(result, print)


def test_a_coroutine_that_has_begun_is_in_good_hands() -> None:
    begun = coroutine(1)
    with pytest.raises(StopIteration):
        begun.send(None)
    check_result(begun, print)


@pytest.mark.parametrize("kind", [MadeOfOne, New, MadeByAnother, int, dict])
def test_a_class_that_is_made_of_what_comes_passes(kind: type) -> None:
    check_callback(kind, "one")


@pytest.mark.parametrize("kind", [MadeOfOne, New, MadeByAnother])
def test_one_that_is_not_is_told(kind: type) -> None:
    with pytest.raises(TypeError, match=r"called with \(one, two\), and .* cannot be"):
        check_callback(kind, "one", "two")


def test_so_is_one_that_takes_nothing() -> None:
    check_callback(MadeOfNone)
    with pytest.raises(TypeError, match=r"^a callback is called with \(one\), and .* cannot be"):
        check_callback(MadeOfNone, "one")
