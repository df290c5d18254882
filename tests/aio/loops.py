"""The loops that awaited streams are tried on: asyncio's own, ours, and uvloop if it is there."""

import asyncio
import contextlib
import importlib.util
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest
from support.peers import socket_pair
from support.timing import PATIENCE

from trunkline import aio, make_socket_from_fd

T = TypeVar("T")
LoopFactory = Callable[[], asyncio.AbstractEventLoop]

LOOPS: dict[str, LoopFactory] = {"ours": aio.EventLoop, "asyncio": asyncio.SelectorEventLoop}
if importlib.util.find_spec("uvloop") is not None:
    LOOPS["uvloop"] = importlib.import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=LOOPS["uvloop"]) as _runner:
        _runner.run(asyncio.sleep(0))  # it has a pipe for good

# What holds on asyncio's loop and on ours hardly ever fails on another one.
each_loop = pytest.mark.parametrize(
    "make_loop",
    [
        pytest.param(make, id=name, marks=pytest.mark.thorough if name == "uvloop" else ())
        for name, make in LOOPS.items()
    ],
)


def run_on(make_loop: LoopFactory, main: Coroutine[Any, Any, T], *, timeout: float = PATIENCE) -> T:
    """Run a coroutine on a new loop, for no longer than a test may take."""
    with asyncio.Runner(loop_factory=make_loop) as runner:
        return runner.run(asyncio.wait_for(main, timeout))


@contextlib.asynccontextmanager
async def stream_and_peer(
    family: socket.AddressFamily = socket.AF_UNIX, **options: Any
) -> AsyncIterator[tuple[aio.AsyncStream, socket.socket]]:
    """Yield a stream and the standard library's socket at its other end; AF_INET is TCP."""
    with socket_pair(family) as (mine, peer):
        stream = aio.adopt(make_socket_from_fd(mine.detach(), dup=False, **options))
        try:
            yield stream, peer
        finally:
            stream.abort()


async def until(condition: Callable[[], bool]) -> None:
    """Give the other tasks their turns until something is so."""
    while not condition():
        await asyncio.sleep(0)


async def until_it_waits(task: "asyncio.Task[Any]") -> None:
    """Give a task its turns until it waits for something."""
    while getattr(task, "_fut_waiter", None) is None and not task.done():
        await asyncio.sleep(0)


# -- as if it blocked -----------------------------------------------------------------------------


class Driven:
    """A stream whose loop runs while something is awaited, so that tests can call it and block."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stream: aio.AsyncStream) -> None:
        self.__dict__.update(loop=loop, stream=stream)

    def __getattr__(self, name: str) -> Any:
        # What goes below the stream, to look at what has arrived, blocks.
        value = getattr(self.stream._socket if name == "receive_from" else self.stream, name)
        if not callable(value):
            return value

        def call(*args: Any, **options: Any) -> Any:
            if name == "close" and options.pop("abort", False):
                return self.stream.abort()

            async def do() -> Any:
                result = value(*args, **options)
                return await result if isinstance(result, Awaitable) else result

            return self.loop.run_until_complete(do())

        return call

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.stream, name, value)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        async def do() -> str:
            return await anext(self.stream)

        try:
            line: str = self.loop.run_until_complete(do())
        except StopAsyncIteration:
            raise StopIteration from None
        return line


@contextlib.contextmanager
def driven_stream_and_peer(
    make_loop: LoopFactory, family: socket.AddressFamily = socket.AF_UNIX, **options: Any
) -> Iterator[tuple[Driven, socket.socket]]:
    """Yield a stream that can be called as if it blocked, and its peer."""

    async def adopt(mine: socket.socket) -> aio.AsyncStream:
        return aio.adopt(make_socket_from_fd(mine.detach(), dup=False, **options))

    with contextlib.closing(make_loop()) as loop, socket_pair(family) as (mine, peer):
        stream = loop.run_until_complete(adopt(mine))
        try:
            yield Driven(loop, stream), peer
        finally:
            stream.abort()
