"""An event loop of ours for each test that asks for one."""

from collections.abc import Iterator

import pytest

from trunkline.aio import EventLoop


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    """A loop, which is closed afterwards."""
    with EventLoop() as loop:
        yield loop
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
