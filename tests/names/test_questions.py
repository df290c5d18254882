"""Asking once for all who want the same: who does the work when those who did it want no more."""

from collections.abc import Callable

from trunkline import EventBase
from trunkline.names.questions import Questions, Wish


class Work:
    """What is begun to find something out, on which event base, and what was given up."""

    def __init__(self) -> None:
        self.begun: list[EventBase] = []
        self.given_up: list[EventBase] = []
        self.while_giving_up: Callable[[], object] = lambda: None
        self.ends: list[Callable[[str | OSError], object]] = []
        self.questions: Questions[str, str, OSError] = Questions(
            self._begin, lambda outcome: 60.0, 10, lambda: 0.0
        )

    def _begin(
        self, event_base: EventBase, key: str, end: Callable[[str | OSError], object]
    ) -> Callable[[], object]:
        self.begun.append(event_base)
        self.ends.append(end)

        def give_up() -> None:
            self.given_up.append(event_base)
            self.while_giving_up()

        return give_up

    def ask(self, event_base: EventBase, told: list[str]) -> Wish[str, str, OSError]:
        return self.questions.ask(
            event_base, "name", told.append, lambda error: None, is_waited_for=True
        )


def run_what_is_due(event_base: EventBase) -> None:
    event_base.call_soon(event_base.exit)
    event_base.dispatch()


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


def test_what_was_given_up_is_not_given_up_again() -> None:
    work = Work()
    with EventBase() as first, EventBase() as second:
        wish = work.ask(first, [])
        heir = work.ask(second, [])
        wish.cancel()
        heir.cancel()  # before it has begun
        run_what_is_due(second)
        assert (work.begun, work.given_up) == ([first], [first])
