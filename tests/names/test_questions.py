"""Asking once for all who want the same: who does the work when those who did it want no more."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest
from support.timing import PATIENCE

from trunkline import EventBase
from trunkline.names import questions
from trunkline.names.questions import Questions, Wish

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")


class Work:
    """What is begun to find something out, on which event base, and what was given up."""

    def __init__(self) -> None:
        self.begun: list[EventBase] = []
        self.given_up: list[EventBase] = []
        self.while_giving_up: Callable[[], object] = lambda: None
        self.clock: Callable[[], float] = lambda: 0.0
        self.ends: list[Callable[[str | OSError], object]] = []
        self.questions: Questions[str, str, OSError] = Questions(
            self._begin, lambda outcome: 60.0, 10, lambda: self.clock()
        )

    def _begin(
        self,
        event_base: EventBase,
        key: str,
        end: Callable[[str | OSError], object],
        some_came: Callable[[object], object],
    ) -> Callable[[], object]:
        self.begun.append(event_base)
        self.ends.append(end)
        self.some_came = some_came

        def give_up() -> None:
            self.given_up.append(event_base)
            self.while_giving_up()

        return give_up

    def ask(
        self,
        event_base: EventBase,
        told: list[str],
        *keys: str,
        is_waited_for: bool = True,
        came: Callable[[Any], object] | None = None,
    ) -> Wish[str, str, OSError]:
        def note(key: str, outcome: str | OSError) -> None:
            assert isinstance(outcome, str)
            told.append(f"{key}: {outcome}" if keys else outcome)

        wanted = keys or ("name",)
        return self.questions.ask(event_base, wanted, note, is_waited_for=is_waited_for, came=came)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each one who asks do so as in a thread of its own."""
    monkeypatch.setattr(questions, "get_ident", count().__next__)


@contextmanager
def signal_handler(handler: Callable[[], object]) -> Iterator[None]:
    """Have something called when `signal.raise_signal` raises SIGUSR1."""
    before = signal.signal(signal.SIGUSR1, lambda *_: handler())
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def run_what_is_due(event_base: EventBase) -> None:
    event_base.call_soon(event_base.exit)
    event_base.dispatch()


@pytest.mark.usefixtures("threads")
def test_who_ends_while_the_work_is_passed_on_has_passed_it_on_itself() -> None:
    class EndsWhenCalled(EventBase):
        """As one that is closed by its own thread just when another thread calls it."""

        def call_soon_threadsafe(self, *args: object) -> None:
            self.close()
            super().call_soon_threadsafe(*args)  # type: ignore[arg-type]

    work = Work()
    told: list[str] = []
    with EventBase() as first, EndsWhenCalled() as second, EventBase() as third:
        wish = work.ask(first, told)
        work.ask(second, told)
        work.ask(third, told)
        wish.cancel()
        run_what_is_due(third)
        assert (work.begun, work.given_up) == ([first, third], [first])
        work.ends[-1]("answer")
        run_what_is_due(third)
    assert told == ["answer"]


@pytest.mark.usefixtures("threads")
def test_who_asks_while_the_work_is_given_up_begins_it_once() -> None:
    work = Work()
    told: list[str] = []
    with EventBase() as first, EventBase() as second:
        wish = work.ask(first, told)
        work.while_giving_up = lambda: work.ask(second, told)
        wish.cancel()
        run_what_is_due(second)
        assert work.begun == [first, second]
        work.ends[-1]("answer")
        run_what_is_due(second)
    assert told == ["answer"]


@pytest.mark.usefixtures("threads")
def test_what_was_given_up_is_not_given_up_again() -> None:
    work = Work()
    with EventBase() as first, EventBase() as second:
        wish = work.ask(first, [])
        heir = work.ask(second, [])
        wish.cancel()
        heir.cancel()  # before it has begun
        run_what_is_due(second)
        assert (work.begun, work.given_up) == ([first], [first])


@needs_fork
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_who_was_to_begin_when_the_process_was_forked_begins_once() -> None:
    work = Work()
    told: list[str] = []
    with EventBase() as base:
        wishes = [work.ask(base, told, is_waited_for=False) for _ in range(2)]
        wishes[0].cancel()
        if (pid := os.fork()) == 0:
            run_what_is_due(base)
            os._exit(len(work.begun) - 1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1


def test_a_signal_handler_does_not_wait_for_its_own_thread() -> None:
    work = Work()
    told: list[str] = []

    def ask_at_once() -> None:
        with EventBase() as second:
            work.ask(second, told)
            work.ends[-1]("answer for the handler")
            second.call_soon_threadsafe(second.exit)
            second.dispatch(timeout=PATIENCE)

    with EventBase() as first, signal_handler(ask_at_once):
        work.ask(first, told)
        signal.raise_signal(signal.SIGUSR1)
        assert work.begun[1:]
        work.ends[0]("answer")
        run_what_is_due(first)
    assert told == ["answer for the handler", "answer"]


def test_a_signal_handler_may_ask_at_any_moment() -> None:
    work = Work()
    seen: list[object] = []

    def clock() -> float:
        work.clock = lambda: 0.0
        signal.raise_signal(signal.SIGUSR1)
        return 0.0

    with EventBase() as base, signal_handler(lambda: seen.append(work.questions.known("name"))):
        work.ask(base, [])
        work.clock = clock
        work.ends[0]("answer")  # which looks at the clock while nobody else may
    assert seen == [None]


@pytest.mark.usefixtures("threads")
def test_a_part_of_the_answer_is_told_to_all_who_want_it_whenever_they_ask() -> None:
    work = Work()
    told: list[str] = []
    with EventBase() as first, EventBase() as second, EventBase() as third:
        work.ask(first, told)  # and want nothing but all of it
        work.ask(second, told, came=told.append)
        work.some_came("part")
        work.ask(third, told, came=told.append).cancel()
        work.ask(third, told, came=told.append)
        for base in (first, second, third):
            run_what_is_due(base)
        assert told == ["part", "part"]
        work.ends[0]("answer")
        for base in (first, second, third):
            run_what_is_due(base)
    assert told == ["part", "part", *["answer"] * 3]


@pytest.mark.usefixtures("threads")
def test_a_part_that_came_to_who_has_given_up_is_not_told_any_more() -> None:
    work = Work()
    told: list[str] = []
    with EventBase() as first, EventBase() as second:
        wish = work.ask(first, told)
        work.some_came("part")
        work.ask(second, told)
        wish.cancel()
        work.ask(second, told, came=told.append)
        run_what_is_due(second)
    assert told == []


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("where", ["giving up", "closing"])
def test_who_is_interrupted_while_it_ends_passes_the_work_on_all_the_same(where: str) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    class Interrupted(EventBase):
        def remove_signal_handler(self, number: int) -> bool:
            super().remove_signal_handler(number)
            raise KeyboardInterrupt

    work = Work()
    told: list[str] = []
    first = Interrupted() if where == "closing" else EventBase()
    first.set_signal_handler(signal.SIGUSR1, print)
    work.while_giving_up = (lambda: None) if where == "closing" else interrupt
    with EventBase() as second:
        work.ask(first, told)
        work.ask(second, told)
        with pytest.raises(KeyboardInterrupt):
            first.close()
        run_what_is_due(second)
        work.ends[-1]("answer")
        run_what_is_due(second)
    first._waker.close()
    assert (work.begun, told) == ([first, second], ["answer"])


def test_who_wants_several_things_is_told_each_as_it_comes() -> None:
    work = Work()
    told: list[str] = []
    with EventBase() as base:
        work.ask(base, [], "known")
        work.ends[0]("0")
        run_what_is_due(base)
        wish = work.ask(base, told, "first", "known", "second")
        assert told == []
        run_what_is_due(base)
        assert told == ["known: 0"]
        work.ends[2]("2")
        run_what_is_due(base)
        assert told == ["known: 0", "second: 2"]
        work.ends[1]("1")
        run_what_is_due(base)
        wish.cancel()
    assert told == ["known: 0", "second: 2", "first: 1"]
    assert (work.begun, work.given_up) == ([base] * 3, [])


@pytest.mark.usefixtures("threads")
def test_what_is_left_of_several_things_is_passed_on_to_those_who_want_them() -> None:
    work = Work()
    told: list[str] = []
    with EventBase() as first, EventBase() as second, EventBase() as third:
        wish = work.ask(first, [], "name", "other", "third")
        work.ask(second, told, "other")
        work.ask(third, told, "third", "other")
        work.ends[0]("answer")
        run_what_is_due(first)
        wish.cancel()
        assert work.given_up == [first, first]
        for base in (third, second):
            run_what_is_due(base)
        assert sorted(map(id, work.begun[3:])) == sorted((id(second), id(third)))
        for end in work.ends[3:]:
            end("answer")
        for base in (second, third):
            run_what_is_due(base)
    assert sorted(told) == ["other: answer", "other: answer", "third: answer"]


@pytest.mark.usefixtures("threads")
def test_what_is_wanted_besides_is_given_up_though_that_of_another_thing_is_interrupted() -> None:
    def interrupt() -> None:
        work.while_giving_up = lambda: None
        raise KeyboardInterrupt

    work = Work()
    with EventBase() as base:
        wish = work.ask(base, [], "first", "second")
        work.while_giving_up = interrupt
        with pytest.raises(KeyboardInterrupt):
            wish.cancel()
        assert work.given_up == [base, base]
        work.ask(base, [], "first", "second")
        assert len(work.begun) == 4
