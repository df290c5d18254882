"""What was typed at earlier times, in a file of the user's own.

It is `trunkline/history` in the directory for such things, which is ``XDG_STATE_HOME``; see the XDG
Base Directory Specification. Only its owner can read it. A line is written when it has been typed,
so that conversations that go on at the same time, and such as are killed, keep theirs. When there
are far too many lines, the older ones are dropped at the next start.
"""

import os
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

__all__ = ("KEPT", "LONGEST", "History", "history_path")

KEPT = 1000
"""Lines that are kept for the next time, at least, and offered."""

LONGEST = 4096
"""Bytes of the longest line that is remembered."""


def history_path() -> Path | None:
    """Return where the file is, or is to be; None if the user has no directory for it."""
    state = os.environ.get("XDG_STATE_HOME", "")
    if not os.path.isabs(state):
        state = os.path.expanduser("~/.local/state")
    return Path(state, "trunkline", "history") if os.path.isabs(state) else None


class History:
    """The lines of a file, the older ones first.

    Args:
        path: Where it is; it need not exist. None is to remember nothing for another time.

    Attributes:
        lines: What was typed earlier; nothing if it could not be read.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._last: bytes | None = None
        self.lines: list[bytes] = []

    def load(self) -> None:
        """Read the lines of earlier times, and shorten the file if there are too many.

        Raises:
            OSError: It cannot be read or written.
        """
        path = self._path
        if path is None:
            return
        _make(path)
        with path.open("rb") as file:
            count, kept = 0, deque[bytes](maxlen=KEPT)
            while line := file.readline(LONGEST + 1):
                count += 1
                if line.endswith(b"\n"):
                    kept.append(line[:-1])
        self.lines = [*kept]
        self._last = self.lines[-1] if self.lines else None
        if count > 2 * KEPT:
            _write_anew(path, self.lines)

    def remember(self, line: bytes) -> bool:
        """Add a line to the file, if there is one, and return whether it is worth that.

        What begins with a space is not, nor is what is empty, or the same once more.

        Raises:
            OSError: It cannot be written.
        """
        is_one = b"\n" not in line and len(line) < LONGEST
        if not line.strip() or line.startswith(b" ") or line == self._last or not is_one:
            return False
        self._last = line
        if self._path is not None:
            with self._path.open("ab", buffering=0) as file:
                file.write(line + b"\n")
        return True


def _make(path: Path) -> None:
    """Make the file, for its owner alone, if there is none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.touch(mode=0o600)
    if not path.is_file():
        raise OSError(f"{path} is no file")


def _write_anew(path: Path, lines: Iterable[bytes]) -> None:
    """Replace the file by one with some lines, at once."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        new.touch(mode=0o600)
        new.write_bytes(b"".join(line + b"\n" for line in lines))
        new.replace(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
