"""The backends that the tests run on."""

import os

from trunkline import available_backends


def wanted_backends() -> tuple[str, ...]:
    """Return those that `TRUNKLINE_TEST_BACKENDS` names, as in ``"epoll poll"``; by default all.

    ``"best"`` is the one that is used where nobody chooses.
    """
    named = tuple(os.environ.get("TRUNKLINE_TEST_BACKENDS", "").split())
    if named == ("best",):
        return tuple(available_backends()[:1])
    return named or tuple(available_backends())
