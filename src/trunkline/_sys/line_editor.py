"""A line that somebody types on this process's terminal, and may edit: by GNU readline.

Python's `readline` module has its blocking call only, in which nothing else can be shown. The
library behind it also reads key by key, when there is one, and can take the line from the screen
and put it back. Its functions are called by `ctypes`, in the library that the module has loaded.
Where that is another one, like libedit, there is no editor: the terminal lets lines be edited, too.

Only one line can be edited at a time, for the library has one state. It is for the main thread. No
signal handler may raise meanwhile: what is raised within a function that C calls is lost.
"""

import ctypes
import os
import sys
from collections.abc import Callable
from typing import Any

__all__ = ("LineEditor", "find_line_editor", "terminal_shows_input")

_TERMINAL = 0  # the library reads the standard input, and writes to the standard output

_SETTINGS = (
    (b"enable-bracketed-paste", b"off"),  # what is pasted is lines, like what is typed
    (b"convert-meta", b"off"),  # text that is not ASCII is text, whatever the locale is
    (b"input-meta", b"on"),
    (b"output-meta", b"on"),
)

_NEEDED = ("rl_callback_handler_install", "rl_clear_visible_line", "rl_variable_bind")


def find_line_editor(line_read: Callable[[bytes | None], object]) -> "LineEditor | None":
    """Return an editor, or None where there is none: on a terminal that has no cursor, say.

    Args:
        line_read: Called with each line, without its newline; with None at the end of the input.
    """
    if os.environ.get("TERM", "dumb") == "dumb":
        return None
    if sys.flags.utf8_mode:  # Python has not believed the locale; the library asks for it again
        os.environ["LC_ALL"] = "C.UTF-8"
    try:
        import readline
    except ImportError:
        return None
    library = ctypes.PyDLL(getattr(readline, "__file__", None))
    if not all(hasattr(library, name) for name in _NEEDED):
        return None
    return LineEditor(library, line_read)


class LineEditor:
    """Edits lines, one after the other; each has to begin by `begin`.

    The terminal stays as it is for that also between two lines: what is typed meanwhile is typed as
    usual.

    Args:
        library: GNU readline.
        line_read: Called with each line, without its newline; with None at the end of the input.

    Attributes:
        is_editing: Whether a line has begun, and not ended.
    """

    def __init__(self, library: Any, line_read: Callable[[bytes | None], object]) -> None:
        self._library = library
        self._line_read = line_read
        self._lines: list[bytes | None] = []
        self._handler = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)(self._take)
        self.is_editing: bool = False
        for name, value in _SETTINGS:
            library.rl_variable_bind(name, value)
        for step in ("rl_prep_term_function", "rl_deprep_term_function"):
            ctypes.c_void_p.in_dll(library, step).value = None  # see `take_terminal`

    def fileno(self) -> int:
        """Return the descriptor of the terminal."""
        return _TERMINAL

    def add_to_history(self, line: bytes) -> None:
        """Let a line be found again, by the arrow keys."""
        self._library.add_history(line)

    def begin(self, prompt: bytes) -> None:
        """Begin a line; from now on the terminal shows what the editor lets it show."""
        self.is_editing = True
        self._library.rl_callback_handler_install(prompt, self._handler)

    def read_key(self) -> None:
        """Read a key, of which there has to be one; tell of the line if that has ended by it."""
        self._library.rl_callback_read_char()
        while self._lines:
            self._line_read(self._lines.pop(0))

    def _take(self, line: int | None) -> None:
        """Be called by the library, with a string that has to be freed, or with none."""
        self._library.rl_callback_handler_remove()  # before it has begun another one
        self.is_editing = False
        if line is None:
            self._lines.append(None)
        else:
            self._lines.append(ctypes.string_at(line))
            self._library.rl_free(ctypes.c_void_p(line))

    def hide(self) -> None:
        """Take the line from the screen, so that something else can be written."""
        self._library.rl_clear_visible_line()
        self._flush()

    def show(self, prompt: bytes) -> None:
        """Put it back, where the cursor is now, which is at the beginning of a row."""
        self._library.rl_set_prompt(prompt)
        self._library.rl_on_new_line()
        self._library.rl_redisplay()

    def resize(self, *, is_hidden: bool) -> None:
        """See how large the terminal is now, and show the line anew, if it is not hidden."""
        if is_hidden:
            self._library.rl_reset_screen_size()
        else:
            self._library.rl_resize_terminal()

    def take_terminal(self) -> None:
        """Have the terminal hand over each key, and show none by itself."""
        self._library.rl_prep_terminal(1)

    def leave_terminal(self) -> None:
        """Have it be as it was."""
        self._library.rl_deprep_terminal()

    def end(self) -> None:
        """Forget what has been typed of the line."""
        self.is_editing = False
        self._library.rl_callback_handler_remove()

    def _flush(self) -> None:
        """Have what the library has written leave, before others write."""
        self._library.fflush(None)


def terminal_shows_input() -> bool:
    """Whether the terminal shows what is typed, as it does not for passwords.

    It has to be asked while no editor has the terminal, which shows it itself.
    """
    import termios

    local_modes: int = termios.tcgetattr(_TERMINAL)[3]
    return bool(local_modes & termios.ECHO)
