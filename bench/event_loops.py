"""asyncio's event loop, and those that replace it, by the names of their packages."""

import asyncio
import importlib
from collections.abc import Callable

__all__ = ("loop_factory",)


def loop_factory(library: str) -> Callable[[], asyncio.AbstractEventLoop]:
    """Return what makes the event loops of a library."""
    if library == "trunkline":
        from trunkline.aio import EventLoop

        return EventLoop
    factory: Callable[[], asyncio.AbstractEventLoop] = importlib.import_module(
        library
    ).new_event_loop
    return factory
