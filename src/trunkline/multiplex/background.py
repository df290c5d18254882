"""Calling what blocks, and cannot be stopped, in a thread beside an event base."""

import contextlib
from collections.abc import Callable
from typing import Any

from ..errors import SocketClosed, TryAgain
from ..sockets.resolving import plain_error
from .event_base import EventBase

__all__ = ("call_in_background",)

_HOLD_INTERVAL = 3600.0  # seconds, of a timer that only has to be there


def call_in_background(
    event_base: EventBase,
    function: Callable[[], Any],
    succeeded: Callable[[Any], object],
    failed: Callable[[Exception], object],
    *,
    operation: str = "resolve",
    host: object = None,
) -> Callable[[], None]:
    """Call a function in another thread, and one of two callbacks in the event base's.

    Until then the event base is not empty, so that it does not leave because of `exit_when_empty`.

    Args:
        event_base: Who calls back. If it is closed before, what came of the call is dropped.
        function: Called without arguments, perhaps after it has waited for its turn. In a process
            that is forked meanwhile it is called once more.
        succeeded: Called with what the function has returned.
        failed: Called with what it has raised, or a `ResolverError` if that is no `Exception`; or
            with `TryAgain` if there is no thread for it.
        operation, host: What that error says of the call.

    Returns:
        A function that gives the call up: none of the two is called then. What has begun goes on to
        its end unheard.
    """
    call = _Call(event_base, function, succeeded, failed, operation, host)
    event_base._worker_threads.submit(call)
    return call.give_up


class _Call:
    """A job of the event base's worker threads."""

    def __init__(
        self,
        event_base: EventBase,
        function: Callable[[], Any],
        succeeded: Callable[[Any], object],
        failed: Callable[[Exception], object],
        operation: str,
        host: object,
    ) -> None:
        self._event_base = event_base
        self._function = function
        self._succeeded = succeeded
        self._failed = failed
        self._operation = operation
        self._host = host
        self._is_over = False
        self._hold = event_base.add_timer(_nothing, _HOLD_INTERVAL)

    def work(self) -> None:
        outcome: tuple[Callable[[Any], object], Any]
        try:
            outcome = self._succeeded, self._function()
        except BaseException as error:
            outcome = self._failed, plain_error(error, self._operation, self._host)
        with contextlib.suppress(SocketClosed):  # then so is whoever wanted to know
            self._event_base.call_soon_threadsafe(self._finish, *outcome)

    def not_started(self, error: Exception) -> None:
        failure = TryAgain(strerror=str(error), operation=self._operation, host=self._host)
        self._event_base.call_soon(self._finish, self._failed, failure)

    def _finish(self, callback: Callable[[Any], object], argument: Any) -> None:
        if not self._is_over:
            self.give_up()
            callback(argument)

    def give_up(self) -> None:
        """Want to know no more. May be repeated."""
        self._is_over = True
        self._event_base._worker_threads.forget(self)
        self._event_base.remove_timer(self._hold)


def _nothing() -> None:
    """What a timer calls that only keeps an event base from being empty."""
