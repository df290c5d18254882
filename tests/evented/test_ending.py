"""The end of a loop: exit callbacks in reverse order, and everything closed, in any case."""

import pytest
from evented.helpers import Box, Failure, Start, fail, unwanted

from trunkline.evented import (
    current_event_loop,
    delay,
    exit_event_loop,
)


def note_exits(calls: list[str]) -> None:
    loop = current_event_loop()
    for name in ("first", "second", "third"):
        loop.add_exit_callback(lambda name=name: calls.append(name))  # type: ignore[misc]


@pytest.mark.parametrize("ending", ["nothing left", "exit", "an error", "an interrupt"])
def test_exit_callbacks_are_called_in_reverse_order_on_any_exit(start: Start, ending: str) -> None:
    calls: list[str] = []

    def main() -> None:
        note_exits(calls)
        if ending != "nothing left":
            delay(unwanted, 1000)
        if ending == "exit":
            exit_event_loop()
        elif ending == "an error":
            raise Failure
        elif ending == "an interrupt":
            raise KeyboardInterrupt

    if ending in ("an error", "an interrupt"):
        with pytest.raises((Failure, KeyboardInterrupt)):
            start(main)
    else:
        start(main)
    assert calls == ["third", "second", "first"]
    with pytest.raises(RuntimeError):
        current_event_loop()


def test_handles_are_open_in_exit_callbacks_and_closed_after_them(start: Start) -> None:
    boxes: list[Box] = []
    seen: list[object] = []

    def main() -> None:
        loop = current_event_loop()
        loop.add_exit_callback(lambda: seen.append(boxes[0].is_open))
        loop.add_exit_callback(lambda: seen.append(current_event_loop() is loop))
        boxes.append(Box(lambda: seen.append("closed")))
        exit_event_loop()

    start(main)
    assert seen == [True, True, "closed"]


def test_an_exit_callback_may_open_things_which_are_closed_with_the_rest(start: Start) -> None:
    boxes: list[Box] = []
    calls: list[str] = []

    def main() -> None:
        loop = current_event_loop()
        loop.add_exit_callback(lambda: boxes.append(Box()))
        loop.add_exit_callback(lambda: loop.add_exit_callback(lambda: calls.append("one more")))
        loop.add_exit_callback(lambda: delay(unwanted))

    start(main)
    assert not boxes[0].is_open
    assert calls == ["one more"]


def test_an_exit_callback_that_fails_does_not_keep_the_others_from_being_called(
    start: Start,
) -> None:
    calls: list[str] = []
    boxes: list[Box] = []

    def main() -> None:
        boxes.append(Box())
        loop = current_event_loop()
        loop.add_exit_callback(lambda: calls.append("last"))
        loop.add_exit_callback(fail)
        exit_event_loop()

    with pytest.raises(Failure):
        start(main)
    assert calls == ["last"]
    assert not boxes[0].is_open


def test_of_several_failures_the_first_one_leaves_the_loop_and_the_others_are_logged(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def fail_otherwise() -> None:
        raise LookupError

    def main() -> None:
        current_event_loop().add_exit_callback(fail_otherwise)
        fail()

    with pytest.raises(Failure):
        start(main)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is LookupError


def test_an_interrupt_comes_before_a_failure_which_is_logged(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    def main() -> None:
        current_event_loop().add_exit_callback(fail)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(main)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[0] is Failure


def test_an_exit_callback_that_is_interrupted_does_not_keep_the_rest_from_being_done(
    start: Start,
) -> None:
    calls: list[str] = []
    boxes: list[Box] = []

    def interrupt() -> None:
        raise KeyboardInterrupt

    def main() -> None:
        boxes.append(Box())
        loop = current_event_loop()
        loop.add_exit_callback(lambda: calls.append("last"))
        loop.add_exit_callback(interrupt)
        exit_event_loop()

    with pytest.raises(KeyboardInterrupt):
        start(main)
    assert calls == ["last"]
    assert not boxes[0].is_open


def test_exit_callbacks_are_callable(start: Start) -> None:
    def main() -> None:
        with pytest.raises(TypeError):
            current_event_loop().add_exit_callback(3)  # type: ignore[arg-type]

    start(main)
