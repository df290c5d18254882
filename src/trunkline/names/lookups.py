"""Looking something up on an event base: what can be given up, and has a limit of time."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Protocol, TypeVar

from .._core.callbacks import call_plainly, check_callback, check_callback_or_none
from .._core.deadline import Deadline, check_timeout
from .._core.timer_queue import Timer
from ..errors import TimedOut
from ..multiplex.argument_check import check_event_base
from ..multiplex.event_base import EventBase
from .questions import Questions, Told, Wish

__all__ = ("Lookup", "ask_for", "begin_lookup", "wait_for")

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
E = TypeVar("E", bound=Exception)


class _Cancellable(Protocol):
    def cancel(self) -> object: ...


class Lookup:
    """A look-up that goes on on an event base; what begins one returns it.

    One of its two callbacks is called, once, and never before it is returned. If the event base is
    closed before, none is.
    """

    __slots__ = (
        "__weakref__",
        "_answered",
        "_event_base",
        "_failed",
        "_host",
        "_is_over",
        "_limit",
        "_operation",
        "_parts",
    )

    def __init__(
        self,
        event_base: EventBase,
        answered: Callable[[Any], object],
        failed: Callable[[Exception], object],
        timeout: float | None,
        operation: str,
        host: object,
    ) -> None:
        self._event_base = event_base
        self._answered = answered
        self._failed = failed
        self._operation = operation
        self._host = host
        self._parts: list[_Cancellable] = []
        self._is_over = False
        self._limit: Timer | None = None
        if timeout is not None:
            self._limit = event_base.add_timer(self._expire, timeout, one_shot=True)

    def cancel(self) -> None:
        """Give it up: nothing is called any more. May be repeated."""
        self._is_over = True
        if self._limit is not None:
            self._event_base.remove_timer(self._limit)
            self._limit = None
        parts, self._parts = self._parts, []
        for part in parts:
            part.cancel()

    def _take_part(self, part: _Cancellable) -> None:
        """Take note of something that is to be given up with it."""
        self._parts.append(part)

    def _succeed(self, answer: Any) -> None:
        """Tell the answer."""
        self.cancel()
        call_plainly(self._answered, answer)

    def _fail(self, error: Exception) -> None:
        """Tell the error."""
        self.cancel()
        call_plainly(self._failed, error)

    def _end(self, _: object, outcome: Any) -> None:
        """Tell what has come of the only thing that was asked: an answer, or an error."""
        tell = self._fail if isinstance(outcome, Exception) else self._succeed
        tell(outcome)

    def _soon(self, tell: Callable[[Any], object], outcome: Any) -> None:
        """Tell it a little later, unless it is given up before."""
        self._event_base.call_soon(self._tell, tell, outcome)

    def _tell(self, tell: Callable[[Any], object], outcome: Any) -> None:
        if not self._is_over:
            tell(outcome)

    def _expire(self) -> None:
        self._limit = None
        # Not at once: what is known already comes before.
        self._soon(self._fail, TimedOut.expired(self._operation, self._host))


def begin_lookup(
    event_base: EventBase,
    answered: Callable[..., object],
    failed: Callable[[Exception], object],
    timeout: float | None,
    operation: str,
    host: object,
    came: Callable[..., object] | None = None,
) -> Lookup:
    """Return the look-up that a caller has asked for, whose arguments these are.

    Raises:
        SocketClosed: The event base is closed.
        TypeError, ValueError: An argument is none of what it can be.
    """
    check_event_base(event_base)
    check_callback(answered, "answer", what="answered")
    check_callback(failed, "error", what="failed")
    check_callback_or_none(came, "addresses", what="came")
    timeout = check_timeout(timeout)
    event_base._check_open(operation)
    return Lookup(event_base, answered, failed, timeout, operation, host)


def ask_for(
    lookup: Lookup,
    questions: Questions[K, V, E],
    keys: Iterable[K],
    told: Told[K, V, E],
    *,
    is_waited_for: bool,
    came: Callable[[Any], object] | None = None,
) -> Wish[K, V, E]:
    """Ask some of the things that a look-up takes, see `Questions.ask`: given up with it."""
    event_base = lookup._event_base
    try:
        wish = questions.ask(event_base, keys, told, is_waited_for=is_waited_for, came=came)
    except BaseException:
        lookup.cancel()
        raise
    lookup._take_part(wish)
    return wish


def wait_for(
    begin: Callable[[Lookup], object], operation: str, host: object, deadline: Deadline
) -> Any:
    """Do a look-up on an event base that there is for nothing else; return, or raise."""
    outcomes: list[Any] = []
    with EventBase() as event_base:

        def told(outcome: Any) -> None:
            outcomes.append(outcome)
            event_base.exit()

        begin(Lookup(event_base, told, told, deadline.remaining(), operation, host))
        event_base.dispatch()
    (outcome,) = outcomes
    if isinstance(outcome, Exception):
        raise outcome
    return outcome
