"""TLS as asyncio's methods are told of it, and what they raise when it fails."""

from typing import TYPE_CHECKING, Any, NamedTuple

from ..errors import ConnectionAborted, ConnectionReset, TimedOut
from ..tls.description import TLS
from ..tls.errors import TLSTruncated
from ..tls.machine import Machine
from ..tls.nested import new_machine
from ..tls.python_context import python_context

if TYPE_CHECKING:
    from ..tls.description import TLSLike

__all__ = (
    "HandshakeCutOff",
    "HandshakeTimedOut",
    "Securing",
    "handshake_error",
    "machine_info",
    "make_securing",
    "plain_machine",
)

HANDSHAKE_TIMEOUT = 60.0
SHUTDOWN_TIMEOUT = 30.0
"""Seconds for the beginning and for the end of TLS, unless told otherwise: asyncio's."""


class HandshakeTimedOut(ConnectionAborted, TimedOut):
    """The TLS handshake has taken too long, and so the connection was given up.

    To asyncio's users that is the one, to ours the other.
    """


class HandshakeCutOff(TLSTruncated, ConnectionReset):
    """The peer has ended the connection during the handshake; likewise."""


class Securing(NamedTuple):
    """How a connection is to speak TLS.

    Attributes:
        tls: How to.
        server_side: Whether this end waits for the other one to begin.
        server_name: Whom a client asks for, and expects.
        handshake_timeout: Seconds for the handshake.
        shutdown_timeout: Seconds for closing in good order.
    """

    tls: "TLSLike"
    server_side: bool
    server_name: str | None
    handshake_timeout: float
    shutdown_timeout: float


def make_securing(
    ssl: Any,
    *,
    server_side: bool = False,
    server_hostname: str | None = None,
    handshake_timeout: float | None,
    shutdown_timeout: float | None,
) -> Securing | None:
    """Return how to speak TLS, or None if that was not asked for.

    Args:
        ssl: A context of Python's, or a `TLS`; for a client, True stands for Python's defaults.
        server_side, server_hostname, handshake_timeout, shutdown_timeout: See `Securing`.

    Raises:
        TypeError, ValueError: It is none; a time is not positive; or TLS was not asked for, and
            something of it is told.
    """
    if ssl is None or ssl is False:
        for name, value in (
            ("server_hostname", server_hostname),
            ("ssl_handshake_timeout", handshake_timeout),
            ("ssl_shutdown_timeout", shutdown_timeout),
        ):
            if value is not None:
                raise ValueError(f"{name} is only meaningful with ssl")
        return None
    return Securing(
        python_context(ssl, server_side=server_side, server_name=server_hostname),
        server_side,
        server_hostname or None,
        _seconds("ssl_handshake_timeout", handshake_timeout, HANDSHAKE_TIMEOUT),
        _seconds("ssl_shutdown_timeout", shutdown_timeout, SHUTDOWN_TIMEOUT),
    )


def _seconds(name: str, given: float | None, default: float) -> float:
    if given is None:
        return default
    if given <= 0:
        raise ValueError(f"{name} should be a positive number, got {given!r}")
    return given


def plain_machine(
    tls: "TLSLike", *, server_side: bool, server_name: str | None, below: Machine | None
) -> Machine | None:
    """Return the machine for a context of Python's, or None for a `TLS`, which knows more.

    Whom to expect is what was said, and no more than that.
    """
    if isinstance(tls, TLS):
        return None
    context: Any = tls
    return new_machine(context, server_side=server_side, server_name=server_name, below=below)


def handshake_error(error: Exception | None, seconds: float) -> Exception:
    """Return what asyncio's users expect of a connection that has ended before it began."""
    if error is None:
        return ConnectionAborted(strerror="the connection was closed", operation="handshake")
    if isinstance(error, TimedOut):
        return HandshakeTimedOut(
            strerror=f"SSL handshake is taking longer than {seconds} seconds: "
            "aborting the connection",
            operation=error.operation,
            address=error.address,
        )
    if isinstance(error, TLSTruncated):
        return HandshakeCutOff(operation=error.operation, address=error.address)
    return error


def machine_info(machine: Machine, name: str) -> Any:
    """Return what `asyncio.BaseTransport.get_extra_info` tells of TLS, or None."""
    connection = machine.ssl_object
    if name == "sslcontext":
        return connection.context
    if name == "ssl_object":
        return connection
    if name == "peercert":
        return connection.getpeercert()
    if name == "cipher":
        return connection.cipher()
    if name == "compression":
        return connection.compression()
    return None
