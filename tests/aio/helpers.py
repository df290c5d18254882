"""What the tests of the loop have in common."""

import asyncio

from trunkline.aio import EventLoop


def running_loop() -> EventLoop:
    """Return the loop that runs, as what it is."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, EventLoop)
    return loop
