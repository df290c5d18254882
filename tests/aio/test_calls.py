"""Calls, soon, at a time and from other threads; and what becomes of those that fail."""

import asyncio
import logging
import sys
import threading
from contextvars import ContextVar, copy_context
from functools import partial
from typing import Any

import pytest
from support.timing import MS, PATIENCE

from trunkline import SocketClosed
from trunkline.aio import EventLoop
from trunkline.testing.clock import ManualClock

variable: ContextVar[str] = ContextVar("variable", default="unset")


class Failure(Exception):
    """What callbacks raise that are to fail."""


def run_briefly(loop: EventLoop) -> None:
    """Make one iteration."""
    loop.stop()
    loop.run_forever()


def test_handles_are_asyncios(loop: EventLoop) -> None:
    assert isinstance(loop.call_soon(print), asyncio.Handle)
    assert isinstance(loop.call_soon_threadsafe(print), asyncio.Handle)
    assert isinstance(loop.call_later(1, print), asyncio.TimerHandle)
    assert isinstance(loop.call_at(loop.time() + 1, print), asyncio.TimerHandle)


def test_calls_are_made_in_order_and_what_they_defer_in_the_next_iteration(
    loop: EventLoop,
) -> None:
    made: list[object] = []
    loop.call_soon(made.append, 1)
    loop.call_soon(loop.call_soon, made.append, 4)
    loop.call_later(0, made.append, 2)
    loop.call_at(loop.time() - 1, made.append, 3)
    run_briefly(loop)
    assert made == [1, 2, 3]
    run_briefly(loop)
    assert made == [1, 2, 3, 4]


def test_what_ends_a_turn_is_called_behind_the_calls_of_that_turn(loop: EventLoop) -> None:
    made: list[object] = []
    loop._call_at_end(partial(made.append, "no turn to end: a call like others"))
    loop.call_soon(loop._call_at_end, partial(made.append, "end"))
    loop.call_soon(loop.call_soon, made.append, "next turn")
    loop.call_soon(made.append, "call")
    run_briefly(loop)
    assert made == ["no turn to end: a call like others", "call", "end"]
    run_briefly(loop)
    assert made[3:] == ["next turn"]


def test_what_fails_at_the_end_of_a_turn_fails_alone(loop: EventLoop) -> None:
    told: list[Any] = []
    made: list[object] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))

    def fail() -> None:
        raise Failure

    loop.call_soon(loop._call_at_end, fail)
    loop.call_soon(loop._call_at_end, partial(made.append, "end"))
    run_briefly(loop)
    assert [type(each) for each in told] == [Failure]
    assert made == ["end"]


def test_ctrl_c_at_the_end_of_a_turn_leaves_the_rest_for_the_next_one(loop: EventLoop) -> None:
    made: list[object] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    loop.call_soon(loop._call_at_end, interrupt)
    loop.call_soon(loop._call_at_end, partial(made.append, "end"))
    with pytest.raises(KeyboardInterrupt):
        run_briefly(loop)
    assert made == []
    run_briefly(loop)
    assert made == ["end"]


def test_timers_fire_in_order_and_not_before_their_time() -> None:
    clock = ManualClock(1000.0)
    made: list[object] = []
    with EventLoop(clock=clock) as loop:
        assert loop.time() == 1000.0
        last = loop.call_later(2, made.append, "last")
        loop.call_at(1001.0, made.append, "first")
        assert last.when() == 1002.0
        clock.advance(0.5)
        run_briefly(loop)
        assert made == []
        clock.advance(0.5)
        run_briefly(loop)
        assert made == ["first"]
        clock.advance(1.0)
        run_briefly(loop)
        assert made == ["first", "last"]


def test_what_is_cancelled_is_not_called(loop: EventLoop) -> None:
    made: list[object] = []
    handles = [
        loop.call_soon(made.append, 1),
        loop.call_soon_threadsafe(made.append, 2),
        loop.call_later(0, made.append, 3),
        loop.call_later(MS, made.append, 4),
    ]
    for handle in handles:
        handle.cancel()
        handle.cancel()
        assert handle.cancelled()
    assert loop.statistics().timers == 0
    loop.run_until_complete(asyncio.sleep(2 * MS))
    assert made == []


def test_a_call_may_cancel_another_one_of_the_same_iteration(loop: EventLoop) -> None:
    made: list[object] = []
    handles: list[asyncio.Handle] = []
    loop.call_soon(lambda: handles[0].cancel())
    handles.append(loop.call_soon(made.append, 1))
    run_briefly(loop)
    assert made == []


def test_calls_have_a_context(loop: EventLoop) -> None:
    seen: list[str] = []
    token = variable.set("when it was made")
    loop.call_soon(lambda: seen.append(variable.get()))
    loop.call_later(0, lambda: seen.append(variable.get()))
    variable.reset(token)
    own = copy_context()
    own.run(variable.set, "its own")
    loop.call_soon(lambda: seen.append(variable.get()), context=own)
    run_briefly(loop)
    assert seen == ["when it was made", "when it was made", "its own"]
    assert variable.get() == "unset"


def test_another_thread_wakes_the_loop(loop: EventLoop) -> None:
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(loop.stop))
    loop.call_soon(thread.start)
    loop.call_later(PATIENCE, pytest.fail, "nobody woke it")
    loop.run_forever()
    thread.join()


def test_none_is_no_time(loop: EventLoop) -> None:
    with pytest.raises(TypeError, match="not None"):
        loop.call_later(None, print)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not None"):
        loop.call_at(None, print)  # type: ignore[arg-type]


def test_a_closed_loop_says_so_to_both_worlds() -> None:
    loop = EventLoop()
    timer = loop.call_later(1, print)
    loop.close()
    loop.close()
    timer.cancel()
    for call in (loop.call_soon, loop.call_soon_threadsafe):
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            call(print)
        with pytest.raises(SocketClosed):
            call(print)
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, print)


# -- failures --------------------------------------------------------------------------------------


def fail() -> None:
    raise Failure("on purpose")


def test_an_exception_goes_to_the_handler_and_the_loop_goes_on(loop: EventLoop) -> None:
    told: list[dict[str, Any]] = []
    made: list[object] = []
    assert loop.get_exception_handler() is None
    loop.set_exception_handler(handler := lambda loop, context: told.append(context))
    assert loop.get_exception_handler() is handler
    handles = [loop.call_soon(fail), loop.call_later(0, fail)]
    loop.call_soon(made.append, 1)
    run_briefly(loop)
    assert made == [1]
    assert [context["handle"] for context in told] == handles
    assert all(isinstance(context["exception"], Failure) for context in told)
    assert all("fail() at" in context["message"] for context in told)


def test_by_default_it_is_logged(loop: EventLoop, caplog: pytest.LogCaptureFixture) -> None:
    loop.call_soon(fail)
    run_briefly(loop)
    (record,) = caplog.records
    assert record.name == "asyncio"
    assert record.levelno == logging.ERROR
    assert "Exception in callback" in record.message
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], Failure)


def test_a_handler_that_fails_is_logged_itself(
    loop: EventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        raise ValueError("the handler's")

    loop.set_exception_handler(handler)
    loop.call_exception_handler({"message": "first"})
    assert "Unhandled error in exception handler" in caplog.text
    assert "the handler's" in caplog.text


def test_a_default_handler_that_fails_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    class Failing(EventLoop):
        def default_exception_handler(self, context: dict[str, Any]) -> None:
            raise ValueError("the default's")

    with Failing() as loop:
        loop.call_exception_handler({"message": "first"})
        loop.set_exception_handler(lambda loop, context: fail())
        loop.call_exception_handler({"message": "second"})
    texts = [record.message for record in caplog.records]
    assert texts == ["Exception in default exception handler"] * 2


@pytest.mark.skipif(sys.version_info < (3, 12), reason="handles show their contexts from 3.12 on")
def test_the_handler_is_called_in_the_handles_context(loop: EventLoop) -> None:
    seen: list[str] = []
    loop.set_exception_handler(lambda loop, context: seen.append(variable.get()))

    def failing() -> None:
        variable.set("the handle's")
        fail()

    loop.call_soon(failing)
    run_briefly(loop)
    assert seen == ["the handle's"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
def test_what_ends_a_program_comes_out_and_nothing_is_lost(
    loop: EventLoop, kind: type[BaseException]
) -> None:
    made: list[object] = []

    def end() -> None:
        raise kind

    loop.call_soon(end)
    loop.call_soon(made.append, 1)
    with pytest.raises(kind):
        loop.run_forever()
    assert not loop.is_running()
    run_briefly(loop)
    assert made == [1]


def test_a_handler_is_callable_or_none(loop: EventLoop) -> None:
    with pytest.raises(TypeError, match="callable or None"):
        loop.set_exception_handler("no")  # type: ignore[arg-type]


# -- debug mode ------------------------------------------------------------------------------------


def test_what_takes_long_is_logged_in_debug_mode(caplog: pytest.LogCaptureFixture) -> None:
    clock = ManualClock(1.0)
    with EventLoop(clock=clock) as loop:
        loop.set_debug(True)
        loop.slow_callback_duration = 3

        async def slow() -> None:
            clock.advance(5)

        loop.call_soon(clock.advance, 4)
        loop.call_soon(clock.advance, 2)
        loop.call_later(0, clock.advance, 7)
        task = loop.create_task(slow(), name="the slow one")
        loop.run_until_complete(task)
    records = [record for record in caplog.records if "took" in record.message]
    texts = [record.message for record in records]
    assert len(texts) == 3, texts
    # Some look for asyncio's own words, and do not want to see them.
    assert {record.msg for record in records} == {"Executing %s took %.3f seconds"}
    assert "took 4.000 seconds" in texts[0]
    assert "took 7.000 seconds" in texts[1]
    assert "the slow one" in texts[2]


def test_debug_mode_knows_where_a_call_was_made(
    loop: EventLoop, caplog: pytest.LogCaptureFixture
) -> None:
    loop.set_debug(True)
    for handle in (loop.call_soon(fail), loop.call_later(0, fail), loop.call_soon_threadsafe(fail)):
        assert f"created at {__file__}" in repr(handle)
    run_briefly(loop)
    assert caplog.text.count("created at (most recent call last)") == 3
    assert "in test_debug_mode_knows_where_a_call_was_made" in caplog.text


def test_debug_mode_finds_mistakes(loop: EventLoop) -> None:
    async def coroutine() -> None:
        """Do nothing."""

    loop.set_debug(True)
    assert loop.get_debug()
    for method in (loop.call_soon, loop.call_soon_threadsafe):
        with pytest.raises(TypeError, match="coroutines cannot be used"):
            method(coroutine)
        with pytest.raises(TypeError, match="can be called"):
            method("no")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="call_later"):
        loop.call_later(1, coroutine)
    raised: list[BaseException] = []

    def call() -> None:
        try:
            loop.call_soon(print)
        except RuntimeError as error:
            raised.append(error)

    loop.run_until_complete(asyncio.wait_for(asyncio.to_thread(call), PATIENCE))
    assert "another thread" in str(raised[0])


def test_debug_mode_can_be_left_again(loop: EventLoop, caplog: pytest.LogCaptureFixture) -> None:
    loop.set_debug(True)
    loop.set_debug(False)
    loop.slow_callback_duration = 0
    loop.call_soon(print)
    run_briefly(loop)
    assert not caplog.records
