"""Trunkline's event base."""

from collections.abc import Callable

from bench.loops import Loop, run
from trunkline import EventBase, Timer

with EventBase() as base:

    def call_later(delay: float, callback: Callable[[], object]) -> Timer:
        return base.add_timer(callback, delay, one_shot=True)

    run(
        Loop(
            call_soon=base.call_soon,
            call_soon_threadsafe=base.call_soon_threadsafe,
            call_later=call_later,
            cancel=base.remove_timer,
            run=base.dispatch,
            stop=base.exit,
        )
    )
