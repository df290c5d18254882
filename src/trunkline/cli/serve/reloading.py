"""Serving what a program has become: workers are replaced when the files of its modules change.

A supervisor replaces its workers when it gets SIGHUP, and only when the new ones are ready. So a
worker looks at the files of what it has imported, and sends that. What was imported before the
workers were forked, to see whether there is such a handler at all, a worker forgets first.
"""

import importlib
import logging
import os
import signal
import sys
import sysconfig
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from ..._core.log_record import about
from ..._printable import printable

__all__ = (
    "INTERVAL",
    "ChangeWatch",
    "forget_modules",
    "keep_nothing_compiled",
    "own_modules",
    "watch_and_tell",
)

INTERVAL = 0.5
"""Seconds between two looks at the files."""

_logger = logging.getLogger("trunkline.serve")

_PACKAGE = str(Path(__file__).parents[2])
_LIBRARIES = ("stdlib", "platstdlib", "purelib", "platlib")

State = tuple[int, int, int]


def keep_nothing_compiled() -> None:
    """Have modules that are imported from now on leave nothing behind.

    A file that changes within a second, and keeps its size, would be taken for what was compiled.
    """
    sys.dont_write_bytecode = True


def own_modules() -> dict[str, str]:
    """Return the files of the modules that a user may be writing, by the modules' names.

    They are those that are imported, and are neither Python's, nor installed, nor ours.
    """
    others = (_PACKAGE, *{sysconfig.get_path(each) for each in _LIBRARIES})
    found = {}
    for name, module in [*sys.modules.items()]:
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.endswith(".py") and name != "__main__":
            path = os.path.abspath(file)
            if not any(path.startswith(f"{other}{os.sep}") for other in others):
                found[name] = path
    return found


def forget_modules(names: Mapping[str, object]) -> None:
    """Have modules imported anew when they are needed next."""
    for name in names:
        sys.modules.pop(name, None)
    importlib.invalidate_caches()


class ChangeWatch:
    """Knows which files have changed since it last looked.

    Args:
        files: Called for the files; those that it had not returned before are as they are now.
    """

    def __init__(self, files: Callable[[], Mapping[str, str]]) -> None:
        self._files = files
        self._states: dict[str, State] = {}
        self.changed()

    def changed(self) -> str | None:
        """Return a file that has changed, or None. One that is missing may be being written."""
        found = None
        for path in self._files().values():
            state = _state(path)
            if state is not None and self._states.setdefault(path, state) != state:
                self._states[path] = state
                found = path
        return found


def _state(path: str) -> State | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def watch_and_tell(supervisor: int) -> None:
    """In a worker: look for changes for as long as it runs, and tell the supervisor.

    Args:
        supervisor: Its process. One that is no more is not told.
    """
    watch = ChangeWatch(own_modules)
    never = threading.Event()

    def look() -> None:
        while not never.wait(INTERVAL) and os.getppid() == supervisor:
            path = watch.changed()
            if path is not None:
                text = printable(os.path.relpath(path))
                _logger.info("%s has changed: the workers are replaced", text, extra=about())
                os.kill(supervisor, signal.SIGHUP)

    threading.Thread(target=look, name="looking for changes", daemon=True).start()
