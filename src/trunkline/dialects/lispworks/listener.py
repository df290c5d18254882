"""The listener: Python's read-eval-print loop, over a connection.

Whoever can connect to it can do in this process whatever its user can do. What the evaluated code
prints goes to its client, by a `print` of its own: the process's standard output is everybody's,
and stays what it is.
"""

import ast
import builtins
import codeop
import contextlib
import io
import logging
import threading
import traceback
from collections.abc import Callable
from functools import partial
from typing import Any

from ..._core.log_record import about
from ..._printable import printable
from ...errors import EndOfFile, SocketError, StreamError
from ...sockets import ActiveSocket

__all__ = ("Listener", "make_stream_and_run_listener")

logger: logging.Logger = logging.getLogger("trunkline.dialects")

_FILE_NAME = "<listener>"


def make_stream_and_run_listener(handle: ActiveSocket) -> None:
    """Give a client a read-eval-print loop, in a thread of its own.

    It is what a server does that is started without a function. The client first sends a name for
    the thread, a string as Python writes it, and a newline. What it sends from then on is
    evaluated, until it ends its input or calls ``exit()``.

    Args:
        handle: The connection. The thread closes it.
    """
    name = f"listener for {handle.remote_name}"
    thread = threading.Thread(target=Listener(handle).run, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:  # the server goes on: there may be room for the next one
        logger.error("no %s: %s", name, error, extra=about(peer=handle.remote_name, error=error))
        handle.close(abort=True)


class Listener:
    """A client's read-eval-print loop. Its variables are the client's own."""

    def __init__(self, stream: ActiveSocket) -> None:
        self._stream = stream
        self._output = _Output(stream)
        self._is_complete: Callable[..., object] = codeop.CommandCompiler()
        # A copy for this client: the code finds these wherever it looks for a builtin.
        self._builtins = {
            **vars(builtins),
            "print": partial(print, file=self._output),
            "input": self._input,
            "exit": _exit,
            "quit": _exit,
        }
        self._namespace: dict[str, Any] = {
            "__name__": "__listener__",
            "__doc__": None,
            "__builtins__": self._builtins,
        }

    def run(self) -> None:
        """Serve the client to its end."""
        # What is read may have either newline. What is written is encoded by `_Output`.
        self._stream.external_format = "utf-8/crlf"
        try:
            self.converse()
            self._stream.close()
        except EndOfFile:
            self._close()
        except (SocketError, StreamError) as error:
            extra = about(peer=self._stream.remote_name, error=error)
            logger.info("%s has ended: %s", threading.current_thread().name, error, extra=extra)
        finally:
            self._stream.close(abort=True)

    def converse(self) -> None:
        """Say and hear everything; an override may begin otherwise."""
        if self._read_name():
            self.loop()

    def _close(self) -> None:
        with contextlib.suppress(SocketError):  # the client is gone, and has been told everything
            self._stream.close()

    def _read_name(self) -> bool:
        """Name the thread as the client says; return whether it has said that as it should."""
        line = self._stream.read_line()
        try:
            name = ast.literal_eval(line.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            name = None
        if not isinstance(name, str) or not name:
            # Strict on purpose. A browser can be made to connect to this machine, and to send what
            # somebody else wants evaluated; but never to begin with a string.
            self._output.write('The first line is a name for this listener, like "name".\n')
            return False
        threading.current_thread().name = printable(name)
        return True

    # -- reading and evaluating ------------------------------------------------------------------

    def loop(self, line: str | None = None) -> None:
        """Evaluate statement after statement, until ``exit()``.

        Args:
            line: The first line, if it was asked for and read already.
        """
        source = ""
        while True:
            source += self.ask("... " if source else ">>> ") if line is None else line
            line = None
            try:
                if self._is_unfinished(source):
                    source += "\n"
                    continue
                self._evaluate(source)
            except SystemExit:
                return
            except BaseException as error:  # whatever it is, the client wants to know
                self._show(error)
            source = ""

    def _is_unfinished(self, source: str) -> bool:
        return self._is_complete(source, _FILE_NAME, "single") is None

    def _evaluate(self, source: str) -> None:
        # Statement by statement, since code compiled as "single" shows its values by a hook that
        # the whole process has in common.
        for statement in ast.parse(source, _FILE_NAME).body:
            if isinstance(statement, ast.Expr):
                expression = ast.Expression(statement.value)
                code = compile(expression, _FILE_NAME, "eval", dont_inherit=True)
                self._display(eval(code, self._namespace))
            else:
                module = ast.Module([statement], type_ignores=[])
                exec(compile(module, _FILE_NAME, "exec", dont_inherit=True), self._namespace)

    def ask(self, question: str) -> str:
        """Print something, and return the line that the client answers."""
        self._output.write(question)
        self._output.flush()
        return self._stream.read_line()

    # -- printing --------------------------------------------------------------------------------

    def _display(self, value: object) -> None:
        if value is not None:
            self._output.write(f"{value!r}\n")
            self._builtins["_"] = value

    def _show(self, error: BaseException) -> None:
        """Show the traceback of an exception, beginning with the client's own code."""
        place = error.__traceback__
        while place is not None and place.tb_frame.f_code.co_filename != _FILE_NAME:
            place = place.tb_next
        self._output.write("".join(traceback.format_exception(type(error), error, place)))

    def _input(self, question: object = "") -> str:
        return self.ask(str(question))


class _Output(io.TextIOBase):
    """A file that is the client's screen, and may be written to by several threads."""

    def __init__(self, stream: ActiveSocket) -> None:
        super().__init__()
        self._stream = stream
        self._lock = threading.Lock()

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        # What UTF-8 cannot have must not end the conversation.
        data = text.encode("utf-8", "backslashreplace")
        with self._lock:
            self._stream.write(data)
            if "\n" in text:
                self._stream.finish_output()
        return len(text)

    def flush(self) -> None:
        with self._lock:
            if not self._stream.closed:  # Python flushes a file that it throws away
                self._stream.finish_output()


def _exit(code: object = None) -> None:
    """End the client's listener; the process goes on."""
    raise SystemExit(code)
