"""The command line, which is `python -m trunkline` and, once installed, `trunkline`.

`run` is what a process begins with, and `main` what it does. They need the extra `cli`, and say so
where that is missing: nothing here imports more than the standard library before they are called.

Each command is a module with its options and its help, `..._command`, which imports what does the
work only when the command is run. Errors are not caught there, unless there is more to say about
them: `starting` prints any that a network may cause as one line, and ends with the status that
`exit_status` has for it. Help, the pages of the manual and the completion of shells are made of the
same text.
"""

from .starting import main, run

__all__ = ("main", "run")
