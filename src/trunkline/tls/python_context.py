"""What programs that are written for Python's `ssl` give to say how to speak TLS."""

import ssl
from typing import Any

from .description import TLS

__all__ = ("python_context",)


def python_context(
    given: Any, *, server_side: bool, server_name: str | None
) -> TLS | ssl.SSLContext:
    """Return what was given, or Python's defaults where True was.

    Args:
        given: A context of Python's; a `TLS`; or, for a client, True.
        server_side: Whether this end waits for the other one to begin.
        server_name: Whom a client expects. If that is nobody, the defaults do not check it.

    Raises:
        TypeError: It is none of these.
        ValueError: A server cannot do with the defaults.
    """
    if isinstance(given, TLS | ssl.SSLContext):
        return given
    if given is not True:
        raise TypeError(f"how to speak TLS is told by a TLS or an ssl.SSLContext, got {given!r}")
    if server_side:
        raise ValueError("a server that speaks TLS needs a context with a certificate")
    context = ssl.create_default_context()
    if not server_name:
        context.check_hostname = False
    return context
