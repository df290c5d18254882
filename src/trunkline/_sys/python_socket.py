"""Sockets of Python's, as something that others have made."""

import socket
import sys
from collections.abc import Callable
from functools import partial

from ..errors import SocketClosed

__all__ = ("PythonSocket", "check_python_socket", "detaching", "listens")

PythonSocket = socket.socket


def check_python_socket(thing: object) -> None:
    """Raise `TypeError` or `SocketClosed` unless something is a socket of Python's, and open."""
    if not isinstance(thing, socket.socket):
        raise TypeError(f"what is wanted is a socket of Python's, not {type(thing).__name__}")
    ssl = sys.modules.get("ssl")  # nobody has one of its sockets who has not imported it
    if ssl is not None and isinstance(thing, ssl.SSLSocket):
        raise TypeError("what a TLS socket receives can only be read by itself")
    if thing.fileno() < 0:
        raise SocketClosed(operation="from_socket")


def listens(python_socket: PythonSocket) -> bool:
    """Return whether it listens (SO_ACCEPTCONN)."""
    return bool(python_socket.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def detaching(python_socket: PythonSocket) -> Callable[[], int]:
    """Return what detaches it at once; in its own method, of Python, a signal handler may raise."""
    return partial(socket.SocketType.detach, python_socket)
