"""Running, stopping and closing the loop; its tasks, generators, executors and signals."""

import asyncio
import concurrent.futures
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Generator
from contextvars import copy_context
from typing import Any

import pytest
from support.timing import MS, PATIENCE

from trunkline import EventBase, aio
from trunkline.aio import EventLoop


async def answer() -> int:
    """Return something, a little later."""
    await asyncio.sleep(0)
    return 42


def test_run_runs_a_coroutine() -> None:
    async def main() -> EventLoop:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, EventLoop)
        assert isinstance(loop, EventBase)
        assert await answer() == 42
        assert loop.is_running()
        return loop

    loop = aio.run(main())
    assert loop.is_closed()
    assert loop.closed
    assert not loop.is_running()


def test_the_loop_that_runs_is_known_as_ours() -> None:
    async def main() -> EventLoop:
        return aio.running_loop()

    assert isinstance(aio.run(main()), EventLoop)
    with pytest.raises(RuntimeError, match="no running event loop"):
        aio.running_loop()
    with (
        asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner,
        pytest.raises(RuntimeError, match="is no EventLoop"),
    ):
        runner.run(main())


def test_run_takes_debug() -> None:
    async def main() -> bool:
        return asyncio.get_running_loop().get_debug()

    assert aio.run(main(), debug=True)
    assert not aio.run(main(), debug=False)


def test_run_refuses_to_run_inside_of_a_loop() -> None:
    async def main() -> None:
        coroutine = answer()
        with pytest.raises(RuntimeError, match="while a loop is running"):
            aio.run(coroutine)
        coroutine.close()

    aio.run(main())


def test_a_runner_takes_it() -> None:
    with asyncio.Runner(loop_factory=EventLoop) as runner:
        assert isinstance(runner.get_loop(), EventLoop)
        assert runner.run(answer()) == 42


def test_run_until_complete_returns_and_raises(loop: EventLoop) -> None:
    async def fail() -> None:
        raise LookupError("on purpose")

    assert loop.run_until_complete(answer()) == 42
    with pytest.raises(LookupError):
        loop.run_until_complete(fail())
    future = loop.create_future()
    loop.call_soon(future.set_result, 1)
    assert loop.run_until_complete(future) == 1


def test_stopping_before_the_future_is_done_is_an_error(loop: EventLoop) -> None:
    loop.call_soon(loop.stop)
    future = loop.create_future()
    with pytest.raises(RuntimeError, match="stopped before"):
        loop.run_until_complete(future)


def test_stop_ends_the_iteration_that_it_is_called_in(loop: EventLoop) -> None:
    made: list[int] = []
    loop.call_soon(loop.stop)
    loop.call_soon(made.append, 1)
    loop.call_soon(loop.call_soon, made.append, 2)
    loop.run_forever()
    assert made == [1]
    loop.stop()
    loop.run_forever()
    assert made == [1, 2]


def test_a_stop_is_of_one_run_only(loop: EventLoop) -> None:
    loop.call_soon(loop.stop)
    loop.run_forever()
    assert loop.run_until_complete(answer()) == 42


def test_a_stop_does_not_outlive_an_exception(loop: EventLoop) -> None:
    def end() -> None:
        loop.stop()
        raise KeyboardInterrupt

    loop.call_soon(end)
    with pytest.raises(KeyboardInterrupt):
        loop.run_forever()
    assert loop.run_until_complete(answer()) == 42


def test_one_loop_runs_in_a_thread_at_a_time(loop: EventLoop) -> None:
    async def main() -> None:
        with pytest.raises(RuntimeError, match="already running"):
            loop.run_forever()
        with EventLoop() as other, pytest.raises(RuntimeError, match="another loop is running"):
            other.run_forever()
        with pytest.raises(RuntimeError, match="Cannot close a running"):
            loop.close()

    loop.run_until_complete(main())


def test_dispatch_is_run_forever_with_limits(loop: EventLoop) -> None:
    seen: list[object] = []

    async def main() -> None:
        seen.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        seen.append("later")

    task = loop.create_task(main())
    loop.dispatch(timeout=0)
    loop.dispatch(timeout=0)
    assert seen == [loop, "later"]
    loop.dispatch(timeout=0)
    assert task.done()


def test_tasks_have_names_contexts_and_factories(loop: EventLoop) -> None:
    async def main() -> None:
        task = loop.create_task(answer(), name="the answer")
        assert task.get_name() == "the answer"
        made: list[Any] = []

        def factory(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
            made.append(options)
            return asyncio.Task(coro, loop=loop, **options)

        loop.set_task_factory(factory)
        assert loop.get_task_factory() is factory
        context = copy_context()
        assert loop.create_task(answer(), name="another").get_name() == "another"
        await loop.create_task(answer(), context=context)
        assert made == [{}, {"context": context}]
        loop.set_task_factory(None)
        with pytest.raises(TypeError, match="callable or None"):
            loop.set_task_factory("no")  # type: ignore[arg-type]

    loop.run_until_complete(main())


@pytest.mark.skipif(sys.version_info < (3, 12), reason="Python has eager tasks from 3.12 on")
def test_tasks_may_be_eager(loop: EventLoop) -> None:
    async def at_once() -> int:
        return 7

    async def main() -> None:
        loop.set_task_factory(getattr(asyncio, "eager_task_factory"))  # noqa: B009
        assert loop.create_task(at_once()).done()
        assert await loop.create_task(answer()) == 42

    loop.run_until_complete(main())


def test_generators_are_closed_when_the_loop_ends() -> None:
    closed: list[str] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
            yield 2
        finally:
            await asyncio.sleep(0)
            closed.append("closed")

    async def main() -> None:
        forgotten = numbers()
        assert await anext(forgotten) == 1
        del forgotten
        await answer()
        await answer()
        kept.append(numbers())
        assert await anext(kept[0]) == 1

    kept: list[AsyncIterator[int]] = []
    aio.run(main())
    assert closed == ["closed", "closed"]


def test_a_forgotten_loop_warns() -> None:
    loop = EventLoop()
    with pytest.warns(ResourceWarning, match="unclosed <EventLoop"):
        del loop


def test_the_loop_says_how_it_is(loop: EventLoop) -> None:
    assert "running=False closed=False" in repr(loop)


# -- executors -------------------------------------------------------------------------------------


def test_functions_are_called_in_threads(loop: EventLoop) -> None:
    async def main() -> None:
        ident = await loop.run_in_executor(None, threading.get_ident)
        assert ident != threading.get_ident()
        assert await asyncio.to_thread(lambda: 5) == 5

    loop.run_until_complete(main())


def test_an_executor_can_be_given(loop: EventLoop) -> None:
    with concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="own") as own:
        loop.set_default_executor(own)
        call = loop.run_in_executor(None, threading.current_thread)
        assert loop.run_until_complete(call).name.startswith("own")
    with pytest.raises(TypeError, match="ThreadPoolExecutor"):
        loop.set_default_executor("no")  # type: ignore[arg-type]


def test_an_executor_that_is_shut_down_takes_nothing(loop: EventLoop) -> None:
    loop.run_until_complete(loop.run_in_executor(None, answer.__name__.upper))
    loop.run_until_complete(loop.shutdown_default_executor())
    with pytest.raises(RuntimeError, match="shutdown has been called"):
        loop.run_in_executor(None, print)


def test_waiting_for_the_executor_has_a_limit(loop: EventLoop) -> None:
    go_on = threading.Event()
    call = loop.run_in_executor(None, go_on.wait, PATIENCE)
    with pytest.warns(RuntimeWarning, match="did not finish"):
        loop.run_until_complete(loop.shutdown_default_executor(timeout=10 * MS))
    go_on.set()
    assert loop.run_until_complete(call)


# -- signals ---------------------------------------------------------------------------------------


def test_a_signal_is_a_call_and_what_was_there_before_comes_back(loop: EventLoop) -> None:
    before = signal.getsignal(signal.SIGUSR1)
    came: list[object] = []

    def note(value: object) -> None:
        came.append(value)
        loop.stop()

    loop.add_signal_handler(signal.SIGUSR1, note, "it came")
    loop.call_soon(os.kill, os.getpid(), signal.SIGUSR1)
    loop.call_later(PATIENCE, loop.stop)
    loop.run_forever()
    assert came == ["it came"]
    assert loop.remove_signal_handler(signal.SIGUSR1)
    assert not loop.remove_signal_handler(signal.SIGUSR1)
    assert signal.getsignal(signal.SIGUSR1) == before


def test_mistakes_with_signals(loop: EventLoop) -> None:
    with pytest.raises(ValueError, match="a signal"):
        loop.add_signal_handler(0, print)
    with pytest.raises(RuntimeError, match="cannot be caught"):
        loop.add_signal_handler(signal.SIGKILL, print)
    with pytest.raises(TypeError, match="coroutines"):
        loop.add_signal_handler(signal.SIGUSR1, answer)

    def in_a_thread() -> None:
        loop.add_signal_handler(signal.SIGUSR1, print)

    with pytest.raises(RuntimeError, match="main thread"):
        loop.run_until_complete(loop.run_in_executor(None, in_a_thread))


def test_ctrl_c_cancels_the_main_task() -> None:
    ended: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon(signal.raise_signal, signal.SIGINT)
        try:
            await asyncio.sleep(PATIENCE)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with pytest.raises(KeyboardInterrupt):
        aio.run(main())
    assert ended == ["cancelled"]


def test_an_old_coroutine_runs_too(loop: EventLoop) -> None:
    class Awaitable:
        def __await__(self) -> Generator[Any, None, int]:
            yield
            return 3

    async def main() -> int:
        return await Awaitable()

    assert loop.run_until_complete(main()) == 3


@pytest.mark.slow
def test_nothing_but_aio_imports_asyncio() -> None:
    script = (
        "import sys, trunkline, trunkline.evented, trunkline.names\n"
        "[getattr(trunkline, name) for name in trunkline.__all__]\n"
        "assert 'asyncio' not in sys.modules and 'trunkline.aio' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-Ic", script], check=True)


@pytest.mark.slow
def test_python_finds_nothing_to_say_in_its_strictest_mode() -> None:
    script = (
        "import asyncio, trunkline.aio\n"
        "async def serve(reader, writer):\n"
        "    writer.write(await reader.readline())\n"
        "    writer.close()\n"
        "    await writer.wait_closed()\n"
        "async def main():\n"
        "    async with await asyncio.start_server(serve, '127.0.0.1', 0) as server:\n"
        "        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())\n"
        "        writer.write(b'line\\n')\n"
        "        assert await reader.read() == b'line\\n'\n"
        "        writer.close()\n"
        "        await writer.wait_closed()\n"
        "    await asyncio.to_thread(print, 'done')\n"
        "trunkline.aio.run(main())\n"
    )
    ended = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", script],
        check=True,
        capture_output=True,
        text=True,
    )
    assert ended.stdout == "done\n"
    assert ended.stderr == ""
