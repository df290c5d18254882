"""A terminal on which somebody types lines, and may edit them, while something else is printed.

What comes from the network takes the line that is being typed from the screen, is printed, and puts
it back below. Where it does not end in a newline, like a question, it stands before what is typed,
as a prompt does. While the terminal takes no more, no line is shown, and no key is read.
"""

import signal
from collections.abc import Callable

from ..._sys.line_editor import LineEditor, find_line_editor, terminal_shows_input
from ..._sys.owned_number import OwnedNumber
from ...multiplex import EventBase
from ..ending import handle_unless_ignored, watch_ending
from .history import History
from .streams import Reader, Writer, open_output

__all__ = ("Console", "ConsoleOutput", "open_console")

_LONGEST_PROMPT = 1000  # bytes; more without a newline is a line of its own


def open_console(
    event_base: EventBase,
    output: OwnedNumber,
    history: History,
    reader: Reader,
    writer: Writer,
) -> "tuple[Console, ConsoleOutput] | None":
    """Let lines be edited on this process's terminal, or return None where they cannot be.

    Args:
        event_base: Who does it; while the lines are edited it has the signals that end or stop
            the process.
        output: Where to print, which is the same terminal.
        history: What was typed earlier.
        reader: Who is told what is typed.
        writer: Who is told of the output.
    """
    if not terminal_shows_input():
        return None
    console = Console(event_base, history, reader)
    editor = find_line_editor(console.line_read)
    if editor is None:
        return None
    printed = ConsoleOutput(event_base, output, console, writer)
    console.start(editor, printed.write)
    return console, printed


class Console:
    """What is typed.

    Args:
        event_base: Who reads it.
        history: What was typed earlier.
        reader: Who is told of it.
    """

    _editor: LineEditor

    def __init__(self, event_base: EventBase, history: History, reader: Reader) -> None:
        self._event_base = event_base
        self._history = history
        self._reader = reader
        self._signals: list[int] = []
        self._is_over = self._is_paused = self._is_hidden = self._is_watched = False
        self._is_echoed = True
        self._prompt = b""

    def start(self, editor: LineEditor, write: Callable[[bytes], object]) -> None:
        """Begin.

        Args:
            editor: The editor.
            write: Prints what there is to say of the history.
        """
        self._editor = editor
        self._write = write
        self._load_history()
        self._take_signals()
        self._take_terminal()
        self._begin_line()

    def _take_terminal(self) -> None:
        self._is_echoed = terminal_shows_input()
        self._editor.take_terminal()

    # -- lines -----------------------------------------------------------------------------------

    def _begin_line(self) -> None:
        self._editor.begin(self._prompt)
        self._steer()

    def _read_key(self, *event: object) -> None:
        self._editor.read_key()

    def line_read(self, line: bytes | None) -> None:
        """Tell of a line, and begin the next one."""
        if line is None:
            self._end()
            self._reader.input_ended(None)
            return
        self._prompt = b""
        if self._is_echoed:
            self._remember(line)
        self._reader.input_received(line + b"\n")
        if not self._is_over:
            self._begin_line()

    def _load_history(self) -> None:
        try:
            self._history.load()
        except OSError as error:
            self._forget(error)
        for line in self._history.lines:
            self._editor.add_to_history(line)

    def _remember(self, line: bytes) -> None:
        try:
            is_new = self._history.remember(line)
        except OSError as error:
            self._forget(error)
            is_new = True
        if is_new:
            self._editor.add_to_history(line)

    def _forget(self, error: OSError) -> None:
        """Say that nothing is remembered for another time."""
        self._history = History(None)
        self._write(f"trunkline: what is typed is not remembered: {error}\n".encode())

    # -- what a session does with it -------------------------------------------------------------

    def pause_reading(self) -> None:
        """Tell nothing, until `resume_reading`."""
        self._is_paused = True
        self._steer()

    def resume_reading(self) -> None:
        """Undo that."""
        self._is_paused = False
        self._steer()

    def abort(self) -> None:
        """Tell nothing any more."""
        self._end()

    def _steer(self) -> None:
        """Read keys when there is a line on the screen for them, and who takes it."""
        is_wanted = self._editor.is_editing and not (self._is_paused or self._is_hidden)
        if is_wanted and not self._is_watched:
            self._event_base.set_io_handler(self._editor, "read", self._read_key)
        elif self._is_watched and not is_wanted:
            self._event_base.remove_fd_handlers(self._editor)
        self._is_watched = is_wanted

    def _end(self) -> None:
        """Leave the terminal as it was. May be repeated."""
        if self._is_over:
            return
        self._is_over = True
        if self._editor.is_editing:
            self._hide_line()
            self._editor.end()
        self._steer()
        self._editor.leave_terminal()
        while self._signals:
            self._event_base.remove_signal_handler(self._signals.pop())

    # -- what is printed meanwhile ---------------------------------------------------------------

    @property
    def shows_prompt(self) -> bool:
        """Whether there is a line on the screen, or will be, before which something can stand."""
        return self._editor.is_editing and self._is_echoed

    def hide(self) -> bytes:
        """Take away the line, and what stands before it, which is returned."""
        self._hide_line()
        prompt, self._prompt = self._prompt, b""
        return prompt

    def _hide_line(self) -> None:
        if self.shows_prompt and not self._is_hidden:
            self._editor.hide()
            self._is_hidden = True

    def show(self, prompt: bytes) -> None:
        """Put it back, behind something else."""
        self._prompt = prompt
        if self._is_hidden and self._editor.is_editing:
            self._editor.show(prompt)
        self._is_hidden = False
        self._steer()

    # -- signals ---------------------------------------------------------------------------------

    def _take_signals(self) -> None:
        """Have signals as calls of the event base, unless they are ignored."""
        base = self._event_base
        self._signals += watch_ending(base, self._ended)
        for number, callback in (
            (signal.SIGINT, self._interrupted),
            (signal.SIGTSTP, self._stopped),
        ):
            if handle_unless_ignored(base, number, callback):
                self._signals.append(number)
        # The library has a handler for it that Python cannot put back.
        signal.signal(signal.SIGWINCH, signal.SIG_DFL)
        base.set_signal_handler(signal.SIGWINCH, self._resized)
        self._signals.append(signal.SIGWINCH)

    def _interrupted(self, number: int) -> None:
        raise KeyboardInterrupt

    def _ended(self, number: int) -> None:
        self._end()
        signal.raise_signal(number)

    def _stopped(self, number: int) -> None:
        """Stop, as others do at Ctrl-Z, and go on when that is asked for."""
        was_hidden = self._is_hidden
        self._hide_line()
        self._editor.leave_terminal()
        self._event_base.remove_signal_handler(number)
        signal.raise_signal(number)
        self._event_base.set_signal_handler(number, self._stopped)
        self._take_terminal()
        if not was_hidden:
            self.show(self._prompt)

    def _resized(self, number: int) -> None:
        self._editor.resize(is_hidden=self._is_hidden)


class ConsoleOutput:
    """What is printed where somebody types.

    Args:
        event_base: Who does it.
        file: The terminal.
        console: What is typed there.
        writer: Who is told of it.
    """

    def __init__(
        self, event_base: EventBase, file: OwnedNumber, console: Console, writer: Writer
    ) -> None:
        self._console = console
        self._writer = writer
        self._is_full = False
        self._prompt = b""  # of a line that is to be shown when there is room
        self._output = open_output(event_base, file, self, high_water=0)

    def write(self, data: bytes) -> None:
        """Print something, and put what is being typed below."""
        console = self._console
        text = console.hide() + self._prompt + data
        self._prompt = b""
        if console.shows_prompt:
            text, self._prompt = _parted(text)
        self._output.write(text)
        if not self._is_full:
            self._show()

    def _show(self) -> None:
        prompt, self._prompt = self._prompt, b""
        self._console.show(prompt)

    def finish(self) -> None:
        """Write what is queued, and tell that this is done."""
        self._output.write(self._console.hide() + self._prompt)
        self._output.finish()

    def abort(self) -> None:
        """Drop what is queued."""
        self._output.abort()

    def output_full(self) -> None:
        """Show no line for now."""
        self._is_full = True
        self._writer.output_full()

    def output_has_room(self) -> None:
        """Show it."""
        self._is_full = False
        self._show()
        self._writer.output_has_room()

    def output_closed(self, error: Exception | None) -> None:
        """Pass it on."""
        self._writer.output_closed(error)


def _parted(text: bytes) -> tuple[bytes, bytes]:
    """Return the lines of a text, and what stands behind the last of them."""
    lines, newline, rest = text.rpartition(b"\n")
    if len(rest) > _LONGEST_PROMPT:
        return text + b"\n", b""
    return lines + newline, rest.expandtabs()
