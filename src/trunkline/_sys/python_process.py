"""Child processes as Python's `subprocess` starts them, for those who know its arguments."""

import subprocess
from typing import Any, TypeAlias

from ..errors import SocketError

__all__ = ("PIPE", "PythonProcess", "start_python_process")

PIPE = subprocess.PIPE

PythonProcess: TypeAlias = "subprocess.Popen[bytes]"


def start_python_process(command: Any, **options: Any) -> PythonProcess:
    """Start a program, with pipes that are not buffered; see `subprocess.Popen`.

    Raises:
        PathNotFound, PermissionDenied, SocketError: It cannot be started. The error's `filename` is
            that of Python's error.
        Whatever else `subprocess.Popen` raises.
    """
    try:
        return subprocess.Popen(command, bufsize=0, **options)
    except OSError as error:
        name = error.filename
        typed = SocketError.from_errno(error.errno or 0, operation="start", address=name)
        typed.filename = name
        raise typed from None
