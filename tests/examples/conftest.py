"""The programs on one multiplexer after the other."""

import pytest
from support.backends import each_backend


@pytest.fixture(params=each_backend())
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a multiplexer, which all programs that the test starts have to use."""
    name: str = request.param
    monkeypatch.setenv("TRUNKLINE_BACKEND", name)
    return name
