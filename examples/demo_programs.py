"""Programs in processes of their own, whose every line is an event in one queue, for the demo.

Everybody prints, and whoever prints into a full pipe stops. So each program has a thread that
always reads its output and one that types its input, and whatever happens goes into one queue: a
line, the end of a program's output, a signal. The main thread takes it from there and alone decides
what it means. Ctrl-C waits its turn in the queue like the rest, so that it cannot strike between
the start of a process and the note that it has to be ended.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GRACE_S = 3.0  # for a program that was asked to end, or is about to


class Failure(Exception):
    """What went wrong, in words for whoever runs the demo."""


class Program:
    """A Python program in a process of its own; leaving the ``with`` block ends it.

    Args:
        events: Where the lines go that it prints, and a None when it has printed the last.
        path: The program.
        arguments: What stands behind its name on the command line.
        typed: Its whole standard input.
    """

    def __init__(self, events: Events, path: Path, *arguments: str, typed: bytes = b"") -> None:
        self.name = path.stem
        self.last_lines: deque[str] = deque(maxlen=8)
        self.process = subprocess.Popen(
            [sys.executable, str(path), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # A terminal shows each line at once; a pipe shall too, and in UTF-8 in every locale.
            env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
        )
        self._threads = [
            threading.Thread(target=self._read_output, args=(events,)),
            threading.Thread(target=self._type, args=(typed,)),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _read_output(self, events: Events) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:  # These are bytes, so LF ends a line and nothing else does.
                self.last_lines.append(printable(line.removesuffix(b"\n")))
                events.put((self, line.removesuffix(b"\n")))
        events.put((self, None))

    def _type(self, text: bytes) -> None:
        assert self.process.stdin is not None
        # A program that is gone before it has read everything shows that in other ways.
        with contextlib.suppress(BrokenPipeError), self.process.stdin as keyboard:
            keyboard.write(text)

    def end(self) -> int:
        """End the program as Ctrl-C would; return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> int:
        """Wait for the program to end, but kill it if that takes long; return its exit status."""
        try:
            self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
        status = self.process.wait()
        for thread in self._threads:
            thread.join()
        return status

    def failure(self) -> Failure:
        """Return what there is to say about a program that ended too early or badly."""
        status = self.wait()
        how = f"by {signal.Signals(-status).name}" if status < 0 else f"with exit status {status}"
        lines = [f"{self.name} ended {how}. The last that it printed:", *self.last_lines]
        return Failure("\n    ".join(line[:400] for line in lines))


Happening: TypeAlias = tuple[Program, bytes | None]
Events: TypeAlias = "queue.SimpleQueue[Happening | signal.Signals]"


def queue_signals(events: Events) -> list[signal.Signals]:
    """From now on, put the signals that ask us to end into the queue; return a list that they join.

    The list is for who comes late: the terminal sends Ctrl-C to the programs too, and they may be
    quicker to say that they are gone. They have the default handlers again, even if we were started
    by a shell that made us ignore Ctrl-C.
    """
    received: list[signal.Signals] = []

    def receive(number: int, _: object) -> None:
        received.append(signal.Signals(number))
        events.put(signal.Signals(number))

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, receive)
    return received


def happenings(events: Events, deadline: float) -> Iterator[Happening]:
    """Yield what the programs print, until the deadline, which is on the monotonic clock.

    Raises:
        Failure: When the deadline has passed, or a signal asks us to end.
    """
    while (remaining := deadline - time.monotonic()) > 0:
        try:
            event = events.get(timeout=min(remaining, 60))  # A lock's timeout cannot be infinite.
        except queue.Empty:
            continue
        if isinstance(event, signal.Signals):
            raise Failure(f"Interrupted by {event.name}.")
        yield event
    raise Failure("The time is up.")


def printable(line: bytes) -> str:
    """Return the line as text, escaping all that hides, turns around or moves the cursor."""
    text = line.decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
