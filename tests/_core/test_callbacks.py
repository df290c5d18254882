"""Callbacks: what can be called with what it will get passes, and what cannot is told."""

from functools import partial
from typing import Any

import pytest

from trunkline._core.callbacks import check_callback


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
