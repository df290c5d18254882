"""Watching a server: on a terminal until somebody has had enough, or once in a pipeline."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from typing import Any

import click

from ...errors import ConnectionReset, EndOfFile, Hangup
from ...multiplex import EventBase
from ..control.asking import Asking
from ..control.serving import DRAIN, RELOAD
from ..control.snapshot import Snapshot
from ..ending import watch_ending
from .screen import Screen
from .table import drawn

__all__ = ("print_once", "watch")

_HELP = "q: quit, d: drain, r: reload"
_OVER = (EndOfFile, ConnectionReset, Hangup)  # the server has ended
_PLAIN_WIDTH = 80  # columns of what is read by no terminal


def print_once(asking: Asking, interval: float) -> None:
    """Print what happens in so many seconds."""
    earlier = asking.look()
    with EventBase() as base:
        base.dispatch(timeout=interval)
    for line in drawn(asking.look(), earlier, _PLAIN_WIDTH):
        click.echo(line.text)


def watch(asking: Asking, interval: float) -> None:
    """Show how the server is, until somebody has had enough, or it has ended."""
    ended_by: list[int] = []

    def end(number: int) -> None:
        ended_by.append(number)
        base.exit()

    with EventBase() as base:
        watch_ending(base, end)  # before there is anything to put in order
        with keys() as key_number, Screen() as screen:
            watching = _Watching(asking, base, screen)
            watching.look()
            base.add_timer(watching.look, interval)
            if key_number is not None:
                base.set_io_handler(key_number, "read", watching.take_keys)
            base.dispatch()
    if ended_by:
        signal.raise_signal(ended_by[0])
    if watching.has_ended:
        click.echo(f"process {watching.pid} has ended")


class _Watching:
    """What has been seen, and what somebody types."""

    def __init__(self, asking: Asking, base: EventBase, screen: Screen) -> None:
        self._asking = asking
        self._base = base
        self._screen = screen
        self._seen: Snapshot | None = None
        self._below = _HELP
        self.pid = 0
        self.has_ended = False

    def look(self) -> None:
        """Look at the server, and show how it is."""
        try:
            now = self._asking.look()
        except _OVER:
            self.has_ended = True
            self._base.exit()
            return
        self._screen.draw(drawn(now, self._seen, self._screen.width), self._below)
        self._seen, self.pid = now, now.pid

    def take_keys(self, *event: Any) -> None:
        """Do what somebody types."""
        stdin: Any = sys.stdin.buffer
        typed = stdin.raw.read(64)
        if not typed:
            self._base.exit()
        for key in (typed or b"").decode("latin-1").lower():
            if key == "q":
                self._base.exit()
            elif key in "dr":
                wish = DRAIN if key == "d" else RELOAD
                self._below = f"asked to {wish}; {_HELP}"
                with contextlib.suppress(*_OVER):  # which is noticed by looking
                    self._asking.ask(wish)


@contextlib.contextmanager
def keys() -> Iterator[int | None]:
    """Let keys be read at once, while this is open; yields where from, or None for nowhere."""
    if sys.stdin is None or not sys.stdin.isatty():
        yield None
        return
    import termios
    import tty

    number = sys.stdin.fileno()
    before = termios.tcgetattr(number)
    try:
        tty.setcbreak(number)
        yield number
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
