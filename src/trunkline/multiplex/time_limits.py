"""The time limits of a connection: on its being idle, on reading and on writing."""

from collections.abc import Callable

from .._core.deadline import check_timeout
from .._core.timer_queue import Timer
from .event_base import EventBase

__all__ = ("TimeLimits",)


class TimeLimits:
    """Looks from time to time whether a limit has passed.

    Reads and writes only note the time in the transport; that keeps the timers out of their way.

    Args:
        event_base: Whose timers and clock are used.
        active_since: Returns since when a limit counts, or None if it does not count just now.
        expired: Called with the name of a limit that has passed. It counts anew then, unless the
            limits have been set or stopped.
    """

    __slots__ = ("_active_since", "_event_base", "_expired", "_granted", "_seconds", "_timer")

    def __init__(
        self,
        event_base: EventBase,
        active_since: Callable[[str], float | None],
        expired: Callable[[str], object],
    ) -> None:
        self._event_base = event_base
        self._active_since = active_since
        self._expired = expired
        self._seconds: dict[str, float] = {}
        self._granted: dict[str, float] = {}  # from when a limit counts anew
        self._timer: Timer | None = None

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._seconds)

    def set(self, **limits: float | None) -> None:
        """Set all limits anew, in seconds; None is no limit.

        Raises:
            TypeError, ValueError: One of them is not a positive number.
        """
        seconds = {}
        for which, limit in limits.items():
            checked = check_timeout(limit, f"the {which} timeout")
            if checked == 0:
                raise ValueError(f"the {which} timeout cannot be 0")
            if checked is not None:
                seconds[which] = checked
        self.stop()
        self._seconds = seconds
        if seconds:
            self._start(min(seconds.values()))

    def restart(self, which: str) -> None:
        """Let a limit count anew, though nothing has moved."""
        self._granted[which] = self._event_base.now()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._event_base.remove_timer(self._timer)
            self._timer = None
        self._seconds = {}
        self._granted = {}

    def _start(self, seconds: float) -> None:
        if not self._event_base.closed:
            self._timer = self._event_base.add_timer(self._look, seconds, one_shot=True)

    def _look(self) -> None:
        self._timer = None
        limits = self._seconds
        try:
            for which in limits:
                if self._remaining(which) > 0:
                    continue
                self._expired(which)
                if self._seconds is not limits:
                    return
                self.restart(which)
        finally:
            # Unless the connection is over, or the limits were set anew, it goes on; also when the
            # callback was interrupted, by Ctrl-C.
            if self._seconds is limits:
                self._start(max(0.0, min(map(self._remaining, limits))))

    def _remaining(self, which: str) -> float:
        since = self._active_since(which)
        seconds = self._seconds[which]
        if since is None:
            return seconds
        since = max(since, self._granted.get(which, since))
        return since + seconds - self._event_base.now()
