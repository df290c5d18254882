"""Asking once for all who want to know the same, and remembering what was answered."""

import copy
import os
import weakref
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import ExitStack
from threading import RLock, get_ident
from typing import Any, Generic, TypeAlias, TypeVar

from .._core.callbacks import call_plainly, check_callback
from .._core.ttl_cache import TTLCache
from .._sys.clock import Clock
from ..errors import SocketClosed, TrunklineError
from ..multiplex.event_base import EventBase

__all__ = ("DEFAULT_CACHE_SIZE", "Begin", "Questions", "Told", "Wish")

DEFAULT_CACHE_SIZE = 1000
"""How many answers, and errors, a resolver remembers."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
E = TypeVar("E", bound=Exception)
T = TypeVar("T")

Told: TypeAlias = Callable[[K, V | E], object]
"""Called with what was asked, and the answer, or the error."""

Begin: TypeAlias = Callable[
    [EventBase, K, Callable[[V | E], object], Callable[[Any], object]], Callable[[], object]
]
"""Begins to find something out on an event base; returns what gives that up.

It is given the event base, what is asked, what is to be called with the answer, or an error, and
what may be called before with a part of the answer.
"""


class Wish(Generic[K, V, E]):
    """Somebody wants to know one thing or several; it belongs to the thread of an event base."""

    __slots__ = (
        "_came",
        "_is_over",
        "_questions",
        "_told",
        "event_base",
        "group",
        "pending",
        "thread",
    )

    def __init__(
        self,
        questions: "Questions[K, V, E]",
        event_base: EventBase,
        keys: Iterable[K],
        told: Told[K, V, E],
        came: Callable[[Any], object] | None,
        group: object,
    ) -> None:
        self._questions = questions
        self.event_base: EventBase = event_base
        self.group: object = group
        self.thread: int = get_ident()
        # What was not told yet, and which question it is, if it was not known already.
        self.pending: dict[K, _Question[K, V, E] | None] = dict.fromkeys(keys)
        self._told = told
        self._came = came
        self._is_over = False
        event_base._call_at_close(self.cancel)

    def cancel(self) -> None:
        """Want to know no more: nothing is called. May be repeated."""
        if not self._is_over:
            try:
                self._end()
            finally:  # others may rely on it, also if Ctrl-C interrupts this
                self._questions._cancelled(self)

    def _end(self) -> None:
        self._is_over = True
        self.event_base._do_not_call_at_close(self.cancel)

    def _deliver(self, key: K, outcome: "V | E") -> None:
        if self._is_over:
            return
        del self.pending[key]
        if not self.pending:
            self._end()
        self._told(key, outcome)

    def _deliver_part(self, part: object) -> None:
        if self._came is not None and not self._is_over:
            call_plainly(self._came, part)


_Place: TypeAlias = tuple[Hashable, object, int]
"""Where those meet who want to know the same.

These are: what it is; those who can rely on each other to find it out; and the time in which they
have asked, for what is asked before all is forgotten is nobody else's, and is not remembered.
"""


class _Question(Generic[K, V, E]):
    """What is being found out, and who wants to know it: one of them does the work."""

    __slots__ = ("_questions", "give_up", "key", "part", "place", "time", "wishes", "worker")

    def __init__(self, questions: "Questions[K, V, E]", key: K, place: _Place) -> None:
        self._questions = questions
        self.key: K = key
        self.place: _Place = place
        self.time: int = place[-1]
        self.wishes: dict[Wish[K, V, E], None] = {}  # in order
        self.worker: Wish[K, V, E] | None = None  # one of them
        self.give_up: Callable[[], object] | None = None
        self.part: object = None  # of the answer, which has come before the others

    def some_came(self, part: object) -> None:
        """Take note of a part of the answer."""
        self._questions._some_found(self, part)

    def end(self, outcome: V | E) -> None:
        """Take note of what was found out."""
        self._questions._found(self, outcome)


class Questions(Generic[K, V, E]):
    """Asks what is not known yet, for any number of event bases in any threads.

    Args:
        begin: How something is found out.
        ttl_of: Returns the seconds for which an answer, or an error, is good.
        cache_size: How many of those that are good for any time are remembered.
        clock: What the cache goes by.
        wider: Returns what stands for all that is like something, and was found out of all of it at
            once if `is_of_all` says so of the outcome.
        is_of_all: See there.
    """

    def __init__(
        self,
        begin: Begin[K, V, E],
        ttl_of: Callable[[V | E], float],
        cache_size: int,
        clock: Clock,
        *,
        wider: Callable[[K], K] = lambda key: key,
        is_of_all: Callable[[V | E], bool] = lambda outcome: False,
    ) -> None:
        check_callback(clock, what="clock")
        self._begin = begin
        self._ttl_of = ttl_of
        self._wider = wider
        self._is_of_all = is_of_all
        self._cache: TTLCache[K, tuple[V | E, float]] = TTLCache(cache_size, clock)
        self._clock = clock
        self._lock = RLock()  # a signal handler may ask in the middle of it
        self._time = 0
        self._open: dict[_Place, _Question[K, V, E]] = {}
        _all.add(self)

    # -- asking ----------------------------------------------------------------------------------

    def ask(
        self,
        event_base: EventBase,
        keys: Iterable[K],
        told: Told[K, V, E],
        *,
        is_waited_for: bool,
        came: Callable[[Any], object] | None = None,
    ) -> Wish[K, V, E]:
        """Have a callback called by an event base, in whose thread this is, once for each key.

        It is never called before this returns.

        Args:
            event_base: Whose.
            keys: What somebody wants to know: different things.
            told: Called with the key, and the answer or the error.
            is_waited_for: The event base does nothing else until then. Threads that wait do it for
                each other; nobody relies on an event base that may pause.
            came: Called before with parts of the answer, if there are any.
        """
        group = None if is_waited_for else event_base
        wish = Wish(self, event_base, keys, told, came, group)
        self._ask(wish, wish.pending)
        return wish

    def _ask(self, wish: Wish[K, V, E], keys: Iterable[K]) -> None:
        new = []
        with self._lock:
            for key in keys:
                known = self._remembered(key)
                if known is not None:
                    wish.event_base.call_soon(wish._deliver, key, _own(known[0][0]))
                    continue
                wish.pending[key] = question = self._question_for(wish, key)
                question.wishes[wish] = None
                if question.worker is None:
                    question.worker = wish
                    new.append(question)
                elif question.part is not None:
                    wish.event_base.call_soon(wish._deliver_part, question.part)
        for question in new:
            self._begin_for(wish, question)

    def _question_for(self, wish: Wish[K, V, E], key: K) -> _Question[K, V, E]:
        """Return the question that somebody joins, or a new one; with the lock."""
        place = key, wish.group, self._time
        question = self._open.get(place)
        if question is None:
            question = self._open[place] = _Question(self, key, place)
        elif wish.group is None and any(each.thread == wish.thread for each in question.wishes):
            # A signal handler asks, and its thread does not go on before it is told.
            question = _Question(self, key, place)
        return question

    def _begin_for(self, wish: Wish[K, V, E], question: _Question[K, V, E]) -> None:
        """Begin to find out, in the thread of the one who does it for all."""
        if question.worker is not wish:
            return  # who has given up meanwhile
        try:
            question.give_up = self._begin(
                wish.event_base, question.key, question.end, question.some_came
            )
        except BaseException:  # as of a signal handler: nobody shall wait for it for ever
            wish.cancel()
            raise

    def _some_found(self, question: _Question[K, V, E], part: object) -> None:
        with self._lock:
            question.part = part
            wishes = [wish for wish in question.wishes if wish._came is not None]
        for wish in wishes:
            _call(wish, wish._deliver_part, part)

    def _found(self, question: _Question[K, V, E], outcome: V | E) -> None:
        with self._lock:
            self._close(question)
            key = self._wider(question.key) if self._is_of_all(outcome) else question.key
            if question.time == self._time:
                self._cache.put(key, (outcome, self._clock()), self._ttl_of(outcome))
            wishes = self._dismiss(question)
            question.give_up = None  # which would keep it, and all that has to do with it, alive
        for wish in wishes:
            # Not at once: what is called may raise, and the others wait, too.
            _call(wish, wish._deliver, question.key, _own(outcome))

    def _cancelled(self, wish: Wish[K, V, E]) -> None:
        with ExitStack() as others:  # which are given up also if Ctrl-C interrupts this
            for question in wish.pending.values():
                if question is not None:
                    others.callback(self._give_up, wish, question)

    def _give_up(self, wish: Wish[K, V, E], question: _Question[K, V, E]) -> None:
        with self._lock:
            if wish not in question.wishes:
                return
            give_up = question.give_up if question.worker is wish else None
            heir = self._leave(question, wish)
        try:
            if give_up is not None:
                give_up()
        finally:
            self._pass_on(question, heir)

    def _leave(self, question: _Question[K, V, E], wish: Wish[K, V, E]) -> Wish[K, V, E] | None:
        """Take out one who wants to know; return who is to do the work now, if it was this one.

        With the lock, so that of all who end at the same time each has one heir at most.
        """
        del question.wishes[wish]
        if not question.wishes:
            self._close(question)
        if question.worker is not wish:
            return None
        question.give_up = question.part = None
        question.worker = next(iter(question.wishes), None)
        return question.worker

    def _dismiss(self, question: _Question[K, V, E]) -> Iterable[Wish[K, V, E]]:
        """Take out all who want to know, and return them; with the lock."""
        wishes, question.wishes, question.worker = question.wishes, {}, None
        return wishes

    def _close(self, question: _Question[K, V, E]) -> None:
        """Let nobody join any more who asks; with the lock."""
        if self._open.get(question.place) is question:
            del self._open[question.place]

    def _pass_on(self, question: _Question[K, V, E], heir: Wish[K, V, E] | None) -> None:
        """Let somebody do the work for all who are left, or the next one, or nobody."""
        while heir is not None and not _call(heir, self._begin_for, heir, question):
            with self._lock:  # The heir's event base is closed, which may have passed it on.
                heir = self._leave(question, heir) if heir in question.wishes else None

    # -- what is known ---------------------------------------------------------------------------

    def known(self, key: K) -> tuple[V | E, float, float] | None:
        """Return what is known already, the seconds since it is, and for which it is still good."""
        with self._lock:
            found = self._remembered(key)
            if found is None:
                return None
            (outcome, since), left = found
            return _own(outcome), self._clock() - since, left

    def _remembered(self, key: K) -> tuple[tuple[V | E, float], float] | None:
        """Return what is remembered of something, or of all that is like it; with the lock."""
        return self._cache.get(key, self._wider(key))

    def clear(self) -> None:
        """Forget all that is known, and what those will be told who have asked already."""
        with self._lock:
            self._time += 1
            self._cache.clear()

    def __iter__(self) -> Iterator[tuple[K, V | E, float]]:
        """Iterate over what is known: what it is of, and the seconds for which it is still good."""
        with self._lock:
            found = [(key, outcome, left) for key, (outcome, _), left in self._cache]
        return iter(found)

    # -- forks -----------------------------------------------------------------------------------

    def _after_fork(self) -> None:
        """In the child: whoever is not in the thread that has forked is not there any more.

        Those who are ask anew, as soon as their event bases go on.
        """
        self._lock = RLock()
        inherited, self._open = self._open, {}
        for question in inherited.values():
            if question.give_up is not None:
                question.give_up()
            for wish in self._dismiss(question):
                _call(wish, self._ask_again, wish, question.key)

    def _ask_again(self, wish: Wish[K, V, E], key: K) -> None:
        if not wish._is_over:
            self._ask(wish, (key,))


def _call(wish: Wish[K, V, E], callback: Callable[..., object], *args: object) -> bool:
    """Have something called in the thread of a wish; return whether its event base is open."""
    base = wish.event_base
    # Those who are not waited for ask, and are told, in their event base's thread.
    call = base.call_soon_threadsafe if wish.group is None else base.call_soon
    try:
        call(callback, *args)
    except SocketClosed:
        return False
    return True


def _own(outcome: T) -> T:
    """Return an error of one's own, since raising it changes it."""
    return copy.copy(outcome) if isinstance(outcome, TrunklineError) else outcome


_all: "weakref.WeakSet[Questions[Any, Any, Any]]" = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for questions in list(_all):
        questions._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
