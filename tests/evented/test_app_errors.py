"""What callbacks raise leaves the loop, or goes to whom it was said; and all else goes on."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from evented.helpers import Failure, Noting, Start, fail, in_turn, unwanted

from trunkline import TimedOut
from trunkline.evented import (
    Event,
    EventKind,
    current_event_loop,
    delay,
    dns_lookup,
    exit_event_loop,
    idle,
    interval,
    notifier,
)

OPERATIONS: dict[str, Callable[[Callable[[], object], Any], object]] = {
    "delay": lambda callback, event_cb: delay(callback, 0.001, event_cb=event_cb),
    "deferred call": lambda callback, event_cb: delay(callback, event_cb=event_cb),
    "interval": lambda callback, event_cb: interval(callback, 0.001, event_cb=event_cb),
    "idler": lambda callback, event_cb: idle(callback, event_cb=event_cb),
    "notifier": lambda callback, event_cb: notifier(callback, event_cb=event_cb).trigger(),
    "lookup": lambda callback, event_cb: dns_lookup(
        "127.0.0.1", lambda _: callback(), event_cb=event_cb
    ),
}
EACH_OPERATION = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=list(OPERATIONS))


# -- errors that leave the loop --------------------------------------------------------------------


@EACH_OPERATION
def test_an_error_leaves_the_loop(
    start: Start, operation: Callable[[Callable[[], object], Any], object]
) -> None:
    with pytest.raises(Failure) as caught:
        start(lambda: operation(fail, unwanted))
    assert caught.traceback[-1].name == "fail", "the traceback leads to where it was raised"


def test_an_error_of_the_function_itself_leaves_the_loop(start: Start) -> None:
    with pytest.raises(Failure):
        start(fail)


def test_nothing_is_called_once_an_error_is_about_to_leave_the_loop(start: Start) -> None:
    def main() -> None:
        delay(fail)
        delay(unwanted)
        idle(unwanted)

    with pytest.raises(Failure):
        start(main)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("catch", [False, True, unwanted])
def test_what_is_no_error_of_the_application_always_leaves_the_loop(
    start: Start, kind: type[BaseException], catch: Any
) -> None:
    def end() -> None:
        raise kind

    with pytest.raises(kind):
        start(lambda: delay(end, event_cb=unwanted), catch_app_errors=catch)


def test_the_next_loop_is_not_the_worse_for_it(start: Start) -> None:
    with pytest.raises(Failure):
        start(in_turn(lambda: interval(unwanted, 1000), fail))
    calls: list[str] = []
    start(lambda: calls.append("main"))
    assert calls == ["main"]


# -- errors that are caught ------------------------------------------------------------------------


def test_a_function_gets_the_error_and_the_loop_goes_on(start: Start) -> None:
    errors: list[Exception] = []
    calls: list[str] = []

    def main() -> None:
        delay(fail)
        delay(lambda: calls.append("next"))
        delay(lambda: calls.append("later"), 0.001)

    start(main, catch_app_errors=errors.append)
    assert [type(error) for error in errors] == [Failure]
    assert calls == ["next", "later"]


def test_the_error_of_the_function_itself_is_caught_too(start: Start) -> None:
    errors: list[Exception] = []
    start(fail, catch_app_errors=errors.append)
    assert [type(error) for error in errors] == [Failure]


def test_true_has_errors_logged(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    start(lambda: delay(fail), catch_app_errors=True)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("trunkline.evented", logging.ERROR)
    assert record.exc_info is not None
    assert record.exc_info[0] is Failure
    assert "<Delay, freed>" in record.getMessage()


@EACH_OPERATION
def test_the_event_callback_of_the_operation_gets_the_error_first_and_once(
    start: Start, operation: Callable[[Callable[[], object], Any], object]
) -> None:
    events = Noting(exit_event_loop)
    start(lambda: operation(fail, events), catch_app_errors=unwanted)
    (event,) = events
    assert event.kind is EventKind.ERROR
    assert isinstance(event.error, Failure)
    assert event.source is not None


def test_the_source_of_the_event_is_the_operation(start: Start) -> None:
    events = Noting()
    handles: list[object] = []
    start(lambda: handles.append(delay(fail, event_cb=events)), catch_app_errors=True)
    assert [event.source for event in events] == handles


def test_what_the_event_callback_raises_goes_further_and_not_to_itself(start: Start) -> None:
    errors: list[Exception] = []
    seen: list[Event] = []

    def raise_again(event: Event) -> None:
        seen.append(event)
        assert event.error is not None
        raise event.error

    start(lambda: delay(fail, event_cb=raise_again), catch_app_errors=errors.append)
    assert len(seen) == 1
    assert errors == [seen[0].error]


def test_event_callbacks_can_be_left_out(start: Start) -> None:
    errors: list[Exception] = []
    start(
        lambda: delay(fail, event_cb=unwanted),
        catch_app_errors=errors.append,
        send_errors_to_eventcb=False,
    )
    assert [type(error) for error in errors] == [Failure]


def test_an_error_that_leaves_the_loop_does_not_go_to_the_event_callback(start: Start) -> None:
    with pytest.raises(Failure):
        start(lambda: delay(fail, event_cb=unwanted), send_errors_to_eventcb=True)


def test_what_the_function_for_errors_raises_leaves_the_loop(start: Start) -> None:
    def refuse(error: Exception) -> None:
        raise LookupError from error

    with pytest.raises(LookupError) as caught:
        start(in_turn(lambda: delay(fail), lambda: delay(unwanted)), catch_app_errors=refuse)
    assert isinstance(caught.value.__cause__, Failure)


def test_an_exit_callback_that_fails_is_caught_too(start: Start) -> None:
    errors: list[Exception] = []
    start(lambda: current_event_loop().add_exit_callback(fail), catch_app_errors=errors.append)
    assert [type(error) for error in errors] == [Failure]


def test_an_interval_that_fails_goes_on(start_simulated: Start) -> None:
    errors: list[Exception] = []

    def main() -> None:
        interval(fail, 1)
        delay(exit_event_loop, 3.5)

    start_simulated(main, catch_app_errors=errors.append)
    assert len(errors) == 3


def test_an_idler_that_fails_goes_on(start: Start) -> None:
    errors: list[Exception] = []

    def note(error: Exception) -> None:
        errors.append(error)
        if len(errors) == 5:
            exit_event_loop()

    start(lambda: idle(fail), catch_app_errors=note)
    assert len(errors) == 5


def test_the_callback_of_a_transport_fails_like_all_others(start: Start) -> None:
    """The event base has an exception handler for its transports; the loop has set it."""
    errors: list[Exception] = []

    def main() -> None:
        current_event_loop().event_base.exception_handler(Failure(), "a transport")

    start(main, catch_app_errors=errors.append)
    with pytest.raises(Failure):
        start(main)
    assert len(errors) == 1


# -- events that nobody asked for ------------------------------------------------------------------


def test_an_event_without_a_callback_goes_to_the_loops_handler(start: Start) -> None:
    events = Noting()
    event = Event(EventKind.EOF, "a socket")

    def main() -> None:
        loop = current_event_loop()
        loop.default_event_handler = events
        loop._report(event)
        loop._report(event, lambda event: None)

    start(main)
    assert events == [event]


def test_what_an_event_callback_raises_leaves_the_loop_too(start: Start) -> None:
    event = Event(EventKind.EOF, "a socket")
    with pytest.raises(Failure):
        start(lambda: current_event_loop()._report(event, fail))


def test_what_an_event_callback_raises_is_caught_and_not_sent_to_itself(start: Start) -> None:
    errors: list[Exception] = []
    events = Noting(fail)
    event = Event(EventKind.TIMEOUT, "a socket", TimedOut())
    start(lambda: current_event_loop()._report(event, events), catch_app_errors=errors.append)
    assert events == [event]
    assert [type(error) for error in errors] == [Failure]


def test_calling_says_whether_it_went_well(start: Start) -> None:
    seen: list[bool] = []

    def main() -> None:
        loop = current_event_loop()
        seen.extend(loop._call(each) for each in (list, fail, list))

    start(main, catch_app_errors=lambda error: None)
    assert seen == [True, False, True]
    with pytest.raises(Failure):
        start(main)
    assert seen == [True, False, True, True, False, False]
