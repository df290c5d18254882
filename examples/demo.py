"""Stream a text in many scripts through the tutorial's echo server and client, and compare.

The two programs run as processes of their own, as they would in two terminals. The demo reads the
port off what the server prints, types the text into the client, and compares what the client
prints, line by line, with what it typed. It knows them only by what they print, so that another
pair of the tutorial's programs can take their place.

The exit status is 0 only if every line came back as it went in.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import hashlib
import io
import operator
import queue
import re
import subprocess
import sys
import time
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

from demo_programs import Failure, Program, happenings, printable, queue_signals

if TYPE_CHECKING:
    import signal
    from collections.abc import Callable, Iterator

    from demo_programs import Events
    from rich.console import Console
    from rich.table import Table

SERVER, CLIENT = "ex8_server", "ex5b_client"  # The pair to show; nothing else names the programs.

EXAMPLES = Path(__file__).resolve().parent
PORT = re.compile(rb"Listening on socket bound to: .*:(\d+)")
GREETING = b"Connected to server "  # The client's echoes begin after this line.
REMARK = re.compile(rb"ex\w+ write: |Disconnecting socket: ")  # Of a client that got all its input.
LETTER = re.compile(r"([A-Z]+) .*\b(?:LETTER|CHARACTER|SYLLABLE|SYLLABICS|IDEOGRAPH)\b")


class Demo:
    """One run: the lines that went in, those that came back, and how long that took.

    Args:
        sent: The lines to stream, in UTF-8 and without their newlines.
        programs: The directory that the two programs are in.
        timeout: Seconds for the whole run.
        console: Where to show it.
    """

    def __init__(
        self, sent: list[bytes], *, programs: Path, timeout: float, console: Console
    ) -> None:
        self.sent = sent
        self.returned: list[bytes] = []
        self.seconds = 0.0
        self._programs = programs
        self._console = console
        self._events: Events = queue.SimpleQueue()
        self._happenings = happenings(self._events, time.monotonic() + timeout)
        self.signals: list[signal.Signals] = []

    def run(self) -> None:
        """Start both programs, stream the text and end them; raise Failure if anything is wrong."""
        self.signals = queue_signals(self._events)
        with self._start(SERVER, "--port", "0") as server:
            where = ("--host", "127.0.0.1", "--port", self._port_of(server))
            text = b"".join(line + b"\n" for line in self.sent)
            with self._start(CLIENT, *where, typed=text) as client:
                ended = self._converse(client)
                self._judge(server, client, ended)

    def _start(self, name: str, *arguments: str, typed: bytes = b"") -> Program:
        program = Program(self._events, self._programs / f"{name}.py", *arguments, typed=typed)
        self._console.print(f"{name} {' '.join(arguments)} is process {program.process.pid}")
        return program

    def _port_of(self, server: Program) -> str:
        for _, line in self._happenings:
            if line is None:
                break
            if found := PORT.match(line):
                return found[1].decode()
        raise server.failure()

    def _converse(self, client: Program) -> Program | None:
        """Gather echoes until one is wrong or a program ends; return the program that ended."""
        began: float | None = None
        with progress(self._console, len(self.sent)) as show:
            for program, line in self._happenings:
                if line is None:
                    return program
                if program is not client or len(self.returned) == len(self.sent):
                    continue  # What the server prints is for people; the client ends with remarks.
                if began is None:
                    began = time.monotonic() if line.startswith(GREETING) else None
                    continue
                if REMARK.match(line) and line != self.sent[len(self.returned)]:
                    continue
                self.returned.append(line)
                self.seconds = time.monotonic() - began
                if line != self.sent[len(self.returned) - 1]:
                    break
                show(len(self.returned), line)
        return None

    def _judge(self, server: Program, client: Program, ended: Program | None) -> None:
        """Raise what is wrong. A death comes before a wrong line, which may well follow from it."""
        if ended is not None:
            ended.wait()
        if self.returned != self.sent:
            for program in (server, client):  # Whoever is dying needs a moment to be dead.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    program.process.wait(0.5)
        if server.process.poll() is not None:
            raise server.failure()
        if client.process.poll() or (ended is client and self.returned != self.sent):
            raise client.failure()
        if self.returned != self.sent:
            raise Failure(difference(self.sent, self.returned))
        if server.end() not in (0, 130):  # 130 is how a shell reports a program ended by Ctrl-C.
            raise server.failure()


def difference(sent: list[bytes], returned: list[bytes]) -> str:
    """Describe what is wrong with the last line that came back."""
    number = len(returned)
    pair = [line.decode(errors="backslashreplace") for line in (sent[number - 1], returned[-1])]
    changed = (index for index, (a, b) in enumerate(zip(*pair, strict=False)) if a != b)
    same = next(changed, min(map(len, pair)))
    was, became = (f"U+{ord(text[same]):04X}" if text[same:] else "the end" for text in pair)
    before, after = (printable(text[max(0, same - 30) : same + 40].encode()) for text in pair)
    return (
        f"Line {number:,} came back changed. At character {same + 1:,}, {was} became {became}:\n"
        f"    went in:   {before}\n    came back: {after}"
    )


@functools.cache
def script_of(character: str) -> str | None:
    """Return the script of a letter, which is how its name begins, or None for other characters."""
    found = LETTER.match(unicodedata.name(character, "")) if character.isalpha() else None
    if found is None or found[1] in ("MODIFIER", "FULLWIDTH", "HALFWIDTH"):
        return None
    return "Han" if found[1] == "CJK" else found[1].capitalize()


@contextlib.contextmanager
def progress(console: Console, total: int) -> Iterator[Callable[[int, bytes], None]]:
    """Give a function that shows how many lines are back: as a bar, or as ten lines in a log."""
    if not console.is_terminal:
        milestones = {total * tenth // 10 for tenth in range(1, 11)}

        def report(done: int, _: bytes) -> None:
            if done in milestones:
                console.print(f"{done:,} of {total:,} lines are back")

        yield report
        return

    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("lines"), TimeElapsedColumn())
    with Progress(*columns, TextColumn("{task.description}"), console=console) as bar:
        task = bar.add_task("", total=total)

        def advance(done: int, line: bytes) -> None:
            # Charts name their letters in Latin, so another script says more about a line.
            others = {script_of(character) for character in line.decode()} - {None, "Latin"}
            bar.update(task, completed=done, description=others.pop() if others else None)

        yield advance


def summary(demo: Demo) -> Table:
    """Return the table of a run in which all went well."""
    from rich.table import Table

    lines, text = demo.sent, b"".join(demo.sent).decode()
    scripts = dict.fromkeys(filter(None, map(script_of, text)))  # in the order of appearance
    longest = max(lines, key=len)
    verdict = "What came back is what went in: yes"
    table = Table(show_header=False, caption=verdict, caption_style="bold green")
    table.add_row("lines", f"{len(lines):,}, the longest of {len(longest):,} bytes")
    table.add_row("characters", f"{len(text):,}")
    table.add_row(f"{len(scripts)} scripts", ", ".join(scripts))
    for way, those in (("went in", lines), ("came back", demo.returned)):
        # On the wire CR LF ends a line, which makes two bytes more.
        size, digest = sum(len(line) + 2 for line in those), hashlib.sha256(b"\n".join(those))
        table.add_row(way, f"{size:,} bytes on the wire, SHA-256 {digest.hexdigest()[:16]}")
    table.add_row("time", f"{demo.seconds:.2f} s, {len(lines) / demo.seconds:,.0f} lines a second")
    return table


def read_lines(path: Path) -> list[bytes]:
    """Read a text file; ValueError says why the programs could not echo it."""
    try:
        text = path.read_bytes().decode().replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1:,} is not UTF-8: {error.reason}") from error
    if not text:
        raise ValueError("there is nothing in it")
    lines = text.removesuffix("\n").split("\n")
    for number, line in enumerate(lines, 1):
        if line == "quit":
            raise ValueError(f'line {number:,} is "quit", which would end the connection')
        if "\r" in line:
            raise ValueError(f"line {number:,} has a CR in it, which the client takes for its end")
    return [line.encode() for line in lines]


def main(arguments: list[str] | None = None, programs: Path = EXAMPLES) -> int:
    """Run the demo with the two programs in a directory; return the exit status."""
    parser = argparse.ArgumentParser(description="Stream a text through an echo server and back.")
    text = EXAMPLES / "data" / "scripts.txt"
    parser.add_argument("--text", type=Path, default=text, metavar="FILE", help="UTF-8 to stream")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="in all")
    options = parser.parse_args(arguments)
    try:
        from rich.console import Console

        sent = read_lines(options.text)
    except ImportError:
        parser.error("this needs rich, which `make demo` installs")
    except OSError as error:
        parser.error(f"{options.text}: {error.strerror}")
    except ValueError as error:
        parser.error(f"{options.text}: {error}")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    console = Console(markup=False, emoji=False, highlight=False)
    demo = Demo(sent, programs=programs, timeout=options.timeout, console=console)
    try:
        demo.run()
    except Failure as failure:
        console.print(str(failure), style="red", soft_wrap=True)
        right = sum(map(operator.eq, sent, demo.returned))
        console.print(f"{right:,} of {len(sent):,} lines came back as they went in.")
        return 128 + demo.signals[0] if demo.signals else 1
    console.print(summary(demo))
    return 0


if __name__ == "__main__":
    sys.exit(main())
