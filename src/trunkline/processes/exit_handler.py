"""The end of a process as an event on an event base."""

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from .._core.callbacks import call_plainly, check_callback
from .._core.uncopied import Uncopied
from .._sys.child import Child, wait_for_end
from .._sys.owned_number import OwnedNumber
from .._sys.readiness import READABLE
from .._sys.registration import Registration
from ..errors import SocketClosed
from ..multiplex import EventBase
from ..multiplex.argument_check import check_event_base

__all__ = ("ExitHandler", "watch_exit")

_HOLD_INTERVAL = 3600.0  # seconds, of a timer that only has to be there


class ExitHandler(Uncopied):
    """A callback for the end of a process; `Process.set_exit_handler` makes it."""

    def __init__(
        self,
        event_base: EventBase,
        child: Child,
        callback: Callable[[Any], object],
        argument: object,
    ) -> None:
        self._event_base = event_base
        self._child = child
        self._callback = callback
        self._argument = argument
        self._is_over = False
        self._undo: Callable[[], object] = _nothing
        event_base._call_at_close(self.remove)
        descriptor = None if child.poll() is not None else child.open_descriptor()
        if descriptor is not None:
            watch = _Watch(event_base, descriptor, self._fire)
            self._undo = watch.end
            event_base._watch(watch, READABLE)
            return
        # Meanwhile the event base is not to be empty.
        hold = event_base.add_timer(_nothing, _HOLD_INTERVAL)
        self._undo = lambda: event_base.remove_timer(hold)
        if child.poll() is not None:
            event_base.call_soon(self._fire)
        else:
            arguments = (child.pid, self._fire_threadsafe)
            threading.Thread(target=wait_for_end, args=arguments, daemon=True).start()

    def _fire_threadsafe(self) -> None:
        with contextlib.suppress(SocketClosed):  # the event base is closed
            self._event_base.call_soon_threadsafe(self._fire)

    def _fire(self) -> None:
        if not self._is_over and self._child.poll() is not None:
            callback, argument = self._callback, self._argument
            self.remove()
            call_plainly(callback, argument)

    @property
    def removed(self) -> bool:
        """Whether it is removed, or has been called."""
        return self._is_over

    def remove(self) -> None:
        """Want to know no more: nothing is called. May be repeated."""
        if not self._is_over:
            self._is_over = True
            self._event_base._do_not_call_at_close(self.remove)
            self._undo()
            # Those that know each other are let go of.
            self._undo, self._callback, self._argument = _nothing, _nothing, None


class _Watch(Registration):
    """Waits for a descriptor of the process, which it owns."""

    __slots__ = ("_descriptor", "_event_base", "_fire")

    def __init__(
        self, event_base: EventBase, descriptor: OwnedNumber, fire: Callable[[], None]
    ) -> None:
        super().__init__(descriptor.fileno())
        self._event_base = event_base
        self._descriptor = descriptor
        self._fire = fire

    def _handle_ready(self) -> None:
        self._event_base._note_call()
        self._fire()

    def end(self) -> None:
        """Wait no longer."""
        self._event_base._unwatch(self)
        self._descriptor.close()


def watch_exit(
    event_base: EventBase, child: Child, callback: Callable[[Any], object], argument: object
) -> ExitHandler:
    """Have `callback` called with `argument` when a process has ended, and was reaped."""
    check_event_base(event_base)
    check_callback(callback, "process")
    event_base._check_open("set_exit_handler")
    return ExitHandler(event_base, child, callback, argument)


def _nothing(*_: object) -> None:
    """What a timer calls that only has to be there."""
