"""The programs on one multiplexer after the other."""

import pytest

from trunkline import available_backends


@pytest.fixture(params=available_backends())
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a multiplexer, which all programs that the test starts have to use."""
    name: str = request.param
    monkeypatch.setenv("TRUNKLINE_BACKEND", name)
    return name
