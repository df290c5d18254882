"""The backends that the tests run on."""

import os

import pytest

from trunkline import available_backends


def wanted_backends() -> tuple[str, ...]:
    """Return those that `TRUNKLINE_TEST_BACKENDS` names, as in ``"epoll poll"``; by default all.

    ``"best"`` is the one that is used where nobody chooses.
    """
    named = tuple(os.environ.get("TRUNKLINE_TEST_BACKENDS", "").split())
    if named == ("best",):
        return tuple(available_backends()[:1])
    return named or tuple(available_backends())


def each_backend() -> list[object]:
    """Return parameters for a fixture: the wanted backends, the first for every run of the tests.

    That the others do the same as that one is seen in a thorough run.
    """
    first, *others = wanted_backends()
    return [first, *(pytest.param(name, marks=pytest.mark.thorough) for name in others)]
