"""Starting and ending: the one place in which what goes wrong becomes a line and a status.

Ctrl-C may come at any moment, also while modules are still being imported, and ends everything
without a word: so this imports next to nothing before it is ready for that. A reader of the output
that has seen enough, like `head`, ends it, too. What a network or a file does is one line on the
error stream. Only what is our own mistake has a traceback.
"""

import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

__all__ = ("main", "print_error", "run", "say")

NEEDED = {
    "click": "cli",
    "h11": "cli",
    "rich": "cli",
    "prometheus_client": "metrics",
}  # packages, and extras
HINT = "the command line needs more than the library: pip install 'trunkline[{extra}]'"

INTERRUPTED = 130  # `ExitStatus.INTERRUPTED`, before that could be imported


def run() -> NoReturn:
    """Run the command line as a process of its own, which ends with it."""
    try:
        status = main()
        import signal

        signal.signal(signal.SIGINT, signal.SIG_IGN)  # there is nothing left to interrupt
    except KeyboardInterrupt:
        status = INTERRUPTED
    sys.exit(status)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line, and return the status to end with.

    Args:
        arguments: The words behind the program's name. Default: those that it was started with.

    Returns:
        An `ExitStatus`.
    """
    try:
        status = _guarded(lambda: _run_program(arguments))
        return _guarded(lambda: _flushed(status))
    except KeyboardInterrupt:
        return INTERRUPTED


def _guarded(function: Callable[[], int]) -> int:
    """Call a function that returns a status; say what goes wrong, and return what comes of it."""
    from .exit_status import ExitStatus, status_of

    try:
        return function()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in NEEDED:
            raise
        say(f"{HINT.format(extra=NEEDED[package])} ({package} is missing)")
        return ExitStatus.NOT_INSTALLED
    except BrokenPipeError as error:
        if hasattr(error, "operation"):  # it is a peer that is gone
            say(str(error))
            return status_of(error)
        from .._sys.standard_streams import drop_output

        drop_output()
        return ExitStatus.NO_READER
    except Exception as error:
        if not _is_expected(error):
            raise
        say(_text_of(error))
        return status_of(error)


def _is_expected(error: Exception) -> bool:
    """Whether somebody else than the author of this has caused it."""
    from ..errors import TrunklineError

    return isinstance(error, TrunklineError | OSError)


def _text_of(error: Exception) -> str:
    """Return what to say of an error: Python's own errors about files in the form of ours."""
    from errno import errorcode

    from ..errors import TrunklineError

    if isinstance(error, TrunklineError) or not (isinstance(error, OSError) and error.strerror):
        return str(error)
    name = errorcode.get(error.errno or 0, error.errno)
    where = "" if error.filename is None else f"{error.filename}: "
    return f"{where}{error.strerror} [{name}]"


def _run_program(arguments: Sequence[str] | None) -> int:
    import os

    import click

    from .program import COMPLETION_VARIABLE, NAME, program

    wish = os.environ.get(COMPLETION_VARIABLE)
    if wish is not None:
        from click.shell_completion import shell_complete

        return shell_complete(program, {}, NAME, COMPLETION_VARIABLE, wish)
    words = sys.argv[1:] if arguments is None else [*arguments]
    # Not `program.main`, which has its own mind about Ctrl-C and about output that nobody reads.
    try:
        with program.make_context(NAME, words) as context:
            program.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    return 0


def say(text: str) -> None:
    """Print a line on the error stream, whatever others have put into it."""
    from .._printable import printable

    print_error(f"trunkline: {printable(text)}")


def print_error(line: str) -> None:
    """Print a line on the error stream, if there is one, and if it takes anything."""
    if sys.stderr is None:
        return
    try:
        print(line, file=sys.stderr, flush=True)
    except OSError:
        from .._sys.standard_streams import drop_output

        drop_output(2)


def _flushed(status: int) -> int:
    """Have what was printed leave, while somebody can be told that it does not.

    Args:
        status: What to end with otherwise. If that is an error, it has been told.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        from .._sys.standard_streams import drop_output

        drop_output()
        if not status:
            raise
    return status
