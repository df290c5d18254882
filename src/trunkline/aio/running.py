"""The part of the loop that runs: until it is stopped, with its tasks, executors and signals."""

import asyncio
import concurrent.futures
import contextlib
import inspect
import signal
import sys
import threading
import warnings
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

from ..multiplex.signal_handlers import check_signal
from .calling import CallingLoop
from .settling import succeed_or_fail

__all__ = ("RunningLoop",)

T = TypeVar("T")
Arguments = TypeVarTuple("Arguments")

_UNCATCHABLE = {getattr(signal, name, None) for name in ("SIGKILL", "SIGSTOP")}


class RunningLoop(CallingLoop):
    """The part of an event loop that runs; see `EventLoop`."""

    def __init__(self, **options: Any) -> None:
        self._stops_soon = False  # `stop` was called while it did not run
        self._task_factory: Callable[..., Any] | None = None
        self._default_executor: concurrent.futures.ThreadPoolExecutor | None = None
        self._executor_is_shut = False
        self._generators: weakref.WeakSet[AsyncGenerator[Any, Any]] = weakref.WeakSet()
        self._generators_are_shut = False
        super().__init__(**options)

    # -- running ---------------------------------------------------------------------------------

    def dispatch(self, **limits: Any) -> None:
        """Wait for events and call what is to be called; see `EventBase.dispatch`.

        Tasks run, too: this is `run_forever` with the limits of an event base.

        Raises:
            RuntimeError: This loop is running already, or another one is in this thread; or the
                loop is closed.
        """
        self._check_can_run()
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(self._generator_begins, self._generator_is_forgotten)
        try:
            asyncio._set_running_loop(self)
            self._track_origins(self._debug)
            super().dispatch(**limits)
        except BaseException:
            self._exit_requested = False
            raise
        finally:
            self._stops_soon = False
            asyncio._set_running_loop(None)
            self._track_origins(False)
            sys.set_asyncgen_hooks(*hooks)

    def _check_can_run(self) -> None:
        self._check_open("dispatch")
        if self._thread is not None:
            raise RuntimeError("This event loop is already running")
        if asyncio._get_running_loop() is not None:
            raise RuntimeError("Cannot run the event loop while another loop is running")

    def run_forever(self) -> None:
        """Run until `stop` is called. What that was called for before is done in one iteration."""
        if self._stops_soon:
            self.dispatch(timeout=0)
        else:
            self.dispatch()

    def run_until_complete(self, future: Generator[Any, None, T] | Awaitable[T]) -> T:
        """Run until a future is done, or the task that is made of a coroutine; return its result.

        Raises:
            RuntimeError: The loop was stopped before; or see `dispatch`.
            Whatever the future raises.
        """
        self._check_can_run()
        is_ours = not asyncio.isfuture(future)
        awaited: asyncio.Future[T] = asyncio.ensure_future(future, loop=self)  # type: ignore[arg-type]
        if is_ours:
            # The exception below says it.
            awaited._log_destroy_pending = False  # type: ignore[attr-defined]
        awaited.add_done_callback(self._stop_when_done)
        try:
            self.run_forever()
        except BaseException:
            if is_ours and awaited.done() and not awaited.cancelled():
                awaited.exception()  # nobody else can ask for it
            raise
        finally:
            awaited.remove_done_callback(self._stop_when_done)
        if not awaited.done():
            raise RuntimeError("Event loop stopped before Future completed.")
        return awaited.result()

    def _stop_when_done(self, future: "asyncio.Future[Any]") -> None:
        if not future.cancelled() and isinstance(
            future.exception(), (SystemExit, KeyboardInterrupt)
        ):
            return  # which has ended the running already
        self.stop()

    def stop(self) -> None:
        """Let `run_forever` return after this iteration, or else after the first of its next run.

        What was deferred before is called; what that defers is called in the next run.
        """
        if self._thread is None:
            self._stops_soon = True
        else:
            self.exit()

    def is_running(self) -> bool:
        """Return whether the loop is running."""
        return self._thread is not None

    def is_closed(self) -> bool:
        """Return whether the loop has been closed."""
        return self._is_closed

    def close(self) -> None:
        """Close the loop; what waits in its executor is not waited for. May be repeated.

        Raises:
            RuntimeError: It is running.
        """
        if self._thread is not None:
            raise RuntimeError("Cannot close a running event loop")
        if self._is_closed:
            return
        super().close()
        self._executor_is_shut = True
        executor, self._default_executor = self._default_executor, None
        if executor is not None:
            executor.shutdown(wait=False)

    # -- tasks -----------------------------------------------------------------------------------

    def create_future(self) -> "asyncio.Future[Any]":
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, T] | Generator[Any, None, T],
        *,
        name: object = None,
        context: Context | None = None,
        **options: Any,
    ) -> "asyncio.Task[T]":
        """Have a coroutine run as a task.

        Args:
            coro: The coroutine.
            name: What the task is called.
            context: What it runs in. Default: a copy of the current context.
            **options: What this version of Python has besides.

        Raises:
            RuntimeError: The loop is closed.
        """
        self._check_open("create_task")
        task: Any
        if self._task_factory is None:
            task = asyncio.Task(coro, loop=self, name=name, context=context, **options)  # type: ignore[arg-type]
            if self._debug and task._source_traceback:
                del task._source_traceback[-1]
            return task  # type: ignore[no-any-return]
        if context is not None:
            options["context"] = context
        task = self._task_factory(self, coro, **options)
        if name is not None and hasattr(task, "set_name"):
            task.set_name(name)
        return task  # type: ignore[no-any-return]

    def set_task_factory(self, factory: Callable[..., Any] | None) -> None:
        """Have something else make the tasks.

        Args:
            factory: Called with the loop and a coroutine, and perhaps with a context by name;
                `asyncio.eager_task_factory`, for example. None is the usual.

        Raises:
            TypeError: It cannot be called.
        """
        if factory is not None and not callable(factory):
            raise TypeError("task factory must be a callable or None")
        self._task_factory = factory

    def get_task_factory(self) -> Callable[..., Any] | None:
        """Return what was given to `set_task_factory`."""
        return self._task_factory

    # -- asynchronous generators -----------------------------------------------------------------

    def _generator_begins(self, generator: AsyncGenerator[Any, Any]) -> None:
        if self._generators_are_shut:
            warnings.warn(
                f"asynchronous generator {generator!r} was scheduled after "
                "loop.shutdown_asyncgens() call",
                ResourceWarning,
                source=self,
                stacklevel=2,
            )
        self._generators.add(generator)

    def _generator_is_forgotten(self, generator: AsyncGenerator[Any, Any]) -> None:
        self._generators.discard(generator)
        if not self._is_closed:
            self.call_soon_threadsafe(self.create_task, generator.aclose())

    async def shutdown_asyncgens(self) -> None:
        """Close all asynchronous generators that have begun and not ended."""
        self._generators_are_shut = True
        generators = list(self._generators)
        self._generators.clear()
        results = await asyncio.gather(
            *(generator.aclose() for generator in generators), return_exceptions=True
        )
        for generator, result in zip(generators, results, strict=True):
            if isinstance(result, Exception):
                self.call_exception_handler(
                    {
                        "message": "an error occurred during closing of asynchronous generator "
                        f"{generator!r}",
                        "exception": result,
                        "asyncgen": generator,
                    }
                )

    # -- executors -------------------------------------------------------------------------------

    def run_in_executor(
        self,
        executor: concurrent.futures.Executor | None,
        func: Callable[[*Arguments], T],
        *args: *Arguments,
    ) -> "asyncio.Future[T]":
        """Have a function called in a thread, or whatever an executor has.

        Args:
            executor: Who calls it; None is the loop's own threads.
            func: What is called.
            *args: What it is called with.

        Raises:
            RuntimeError: The loop is closed, or its executor has been shut down.
        """
        self._check_open("run_in_executor")
        if self._debug:
            self._check_callback(func, "run_in_executor")
        if executor is None:
            if self._executor_is_shut:
                raise RuntimeError("Executor shutdown has been called")
            if self._default_executor is None:
                self._default_executor = concurrent.futures.ThreadPoolExecutor(
                    thread_name_prefix="asyncio"
                )
            executor = self._default_executor
        return asyncio.wrap_future(executor.submit(func, *args), loop=self)

    def set_default_executor(self, executor: concurrent.futures.ThreadPoolExecutor) -> None:  # type: ignore[override]
        """Have another executor for what `run_in_executor` is given None for.

        Raises:
            TypeError: It is no `ThreadPoolExecutor`.
        """
        if not isinstance(executor, concurrent.futures.ThreadPoolExecutor):
            raise TypeError("executor must be ThreadPoolExecutor instance")
        self._default_executor = executor

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Let the executor's threads come to their ends, and wait for that.

        Args:
            timeout: Seconds to wait at most; then a `RuntimeWarning` says it.
        """
        self._executor_is_shut = True
        executor = self._default_executor
        if executor is None:
            return
        ended = self.create_future()
        thread = threading.Thread(target=self._shut_executor, args=(executor, ended))
        thread.start()
        try:
            async with asyncio.timeout(timeout):
                await ended
        except TimeoutError:
            warnings.warn(
                f"The executor did not finishing joining its threads within {timeout} seconds.",
                RuntimeWarning,
                stacklevel=2,
            )
            executor.shutdown(wait=False)
        else:
            thread.join()

    def _shut_executor(
        self, executor: concurrent.futures.Executor, ended: "asyncio.Future[None]"
    ) -> None:
        """Wait for the executor's threads, in a thread of its own."""
        failure: Exception | None = None
        try:
            executor.shutdown(wait=True)
        except Exception as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has been closed: nobody waits
            self.call_soon_threadsafe(succeed_or_fail, ended, failure)

    # -- signals ---------------------------------------------------------------------------------

    def add_signal_handler(
        self,
        sig: int,
        callback: Callable[[*Arguments], object],
        *args: *Arguments,
    ) -> None:
        """Have `callback` called with `args` when a signal comes, instead of what was there before.

        Raises:
            ValueError: There is no such signal.
            RuntimeError: It cannot be handled; or this is not the main thread; or the loop is
                closed.
            TypeError: A coroutine is given.
        """
        if inspect.iscoroutine(callback) or inspect.iscoroutinefunction(callback):
            raise TypeError("coroutines cannot be used with add_signal_handler()")
        check_signal(sig)
        self._check_open("add_signal_handler")
        if sig in _UNCATCHABLE:
            raise RuntimeError(f"sig {int(sig)} cannot be caught")
        call = self._make_call(callback, args, self, None)
        try:
            self.set_signal_handler(sig, lambda number: call._run())
        except ValueError as error:
            raise RuntimeError(str(error)) from None

    def remove_signal_handler(self, sig: int) -> bool:
        """Undo `add_signal_handler`; return whether there was a handler.

        Raises:
            ValueError: There is no such signal.
        """
        check_signal(sig)
        return super().remove_signal_handler(sig)
