"""The contexts of a `TLS`: made when they are needed, and anew when a file has changed."""

import contextlib
import os
import ssl
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .._core.log_record import about
from .._sys.watched_file import file_state
from ..errors import SocketError
from .errors import TLSError, from_ssl_error
from .machine import Machine

if TYPE_CHECKING:
    from logging import Logger

    from .description import TLS

__all__ = ("MOST_SESSIONS", "Contexts")

MOST_SESSIONS = 256
"""Of how many servers a session is kept."""

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_CLIENT_CERTIFICATES = {
    "ignored": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}

_State = tuple[Any, ...]


class Contexts:
    """The contexts of one `TLS`, for either side, and its clients' sessions. For all threads."""

    def __init__(self, tls: "TLS") -> None:
        self._tls = tls
        self._lock = threading.RLock()
        self._made: dict[bool, ssl.SSLContext] = {}
        # What the files were like when they were looked at last, for each side: they may have been
        # found broken.
        self._states: dict[bool, _State] = {}
        self._sessions: OrderedDict[str | None, tuple[ssl.SSLContext, ssl.SSLSession]]
        self._sessions = OrderedDict()

    def get(self, *, server_side: bool) -> ssl.SSLContext:
        """Return the context for a side; see `TLS.context`."""
        with self._lock:
            made = self._made.get(server_side)
            state = self._state()
            if made is not None and state == self._states[server_side]:
                return made
            try:
                context = self._make(server_side=server_side)
            except SocketError as error:
                if made is None:
                    raise
                self._states[server_side] = state
                _logger().error(
                    "going on with the old certificates, for the new ones are broken: %s",
                    error,
                    extra=about(error=error),
                )
                return made
            self._made[server_side], self._states[server_side] = context, state
            return context

    def reload(self) -> None:
        """Make all contexts anew, or none if that fails; see `TLS.reload`."""
        with self._lock:
            state = self._state()
            sides = list(self._made) or [self._tls.certificate is not None]
            made = {side: self._make(server_side=side) for side in sides}
            self._made.update(made)
            self._states.update(dict.fromkeys(made, state))
        for other in self._tls.by_server_name.values():
            other.reload()

    def _state(self) -> _State:
        tls = self._tls
        return tuple(
            None if path is None else file_state(path)
            for path in (tls.certificate, tls.key, tls.authorities)
        )

    # -- making them -----------------------------------------------------------------------------

    def _make(self, *, server_side: bool) -> ssl.SSLContext:
        tls = self._tls
        if server_side and tls.certificate is None:
            raise ValueError("a server needs a certificate, and this TLS has none")
        context = self._plain_context(server_side=server_side)
        context.minimum_version = _VERSIONS[tls.minimum_version]
        context.options |= ssl.OP_NO_RENEGOTIATION
        if tls.alpn:
            context.set_alpn_protocols(list(tls.alpn))
        if server_side:
            context.verify_mode = _CLIENT_CERTIFICATES[tls.client_certificate]
            if tls.by_server_name:
                context.sni_callback = self._choose
                for other in tls.by_server_name.values():
                    other.context(server_side=True)  # it is told now what is wrong
        if tls.certificate is not None:
            self._load_certificate(context)
        return context

    def _plain_context(self, *, server_side: bool) -> ssl.SSLContext:
        """Return a context that knows whom to believe."""
        tls = self._tls
        if not (server_side or tls.verify):
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            return context
        purpose = ssl.Purpose.CLIENT_AUTH if server_side else ssl.Purpose.SERVER_AUTH
        authorities = tls.authorities
        if authorities is None or (server_side and tls.client_certificate == "ignored"):
            return ssl.create_default_context(purpose)  # for clients, the system's
        state = file_state(authorities)
        is_directory = state is not None and state.is_directory
        where = {"capath" if is_directory else "cafile": os.fspath(authorities)}
        with _loading(authorities, "certificate"):
            return ssl.create_default_context(purpose, **where)

    def _load_certificate(self, context: ssl.SSLContext) -> None:
        tls = self._tls
        assert tls.certificate is not None
        # Without a password, OpenSSL would ask for it at the terminal.
        password = b"" if tls.password is None else tls.password
        path = tls.certificate
        if tls.key is not None and file_state(path) is not None and file_state(tls.key) is None:
            path = tls.key  # which is what will be missed
        with _loading(path, "certificate or key"):
            context.load_cert_chain(tls.certificate, tls.key, password)

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Take the certificate for the name that a client asks for (SNI)."""
        if name is None:
            return
        by_name = self._tls.by_server_name
        name = name.lower().rstrip(".")
        other = by_name.get(name) or by_name.get(f"*.{name.partition('.')[2]}")
        if other is not None:
            connection.context = other.context(server_side=True)

    # -- sessions --------------------------------------------------------------------------------

    def take_session(self, context: ssl.SSLContext, name: str | None) -> ssl.SSLSession | None:
        """Return a session with a server to go on with."""
        with self._lock:
            made_with, session = self._sessions.get(name, (None, None))
            return session if made_with is context else None

    def note_session(self, machine: Machine) -> None:
        """Keep the session of a client's connection, for as long as the server takes it.

        A server's connection has none to keep. A new one each time would be harder to follow for
        whoever listens, see RFC 8446, appendix C.4. But to ask Python for one costs some KiB that
        nobody gets back: up to 3.13, its copy is never freed.
        """
        if machine.server_side or machine.session_reused or not self._tls.resume:
            return
        session = machine.session
        if session is None or not (session.has_ticket or session.id):
            return
        with self._lock:
            self._sessions[machine.server_name] = (machine.context, session)
            self._sessions.move_to_end(machine.server_name)
            while len(self._sessions) > MOST_SESSIONS:
                self._sessions.popitem(last=False)


@contextlib.contextmanager
def _loading(path: str | os.PathLike[str], what: str) -> Iterator[None]:
    """Raise what is wrong with a file as one of our errors."""
    try:
        yield
    except ssl.SSLError as error:
        failure = from_ssl_error(error, "load", server_name=None)
        raise TLSError(
            strerror=f"no usable {what}",
            operation="load",
            address=os.fspath(path),
            library=failure.library,
            reason=failure.reason,
        ) from None
    except OSError as error:
        raise SocketError.from_errno(
            error.errno or 0, operation="load", address=os.fspath(path)
        ) from None


def _logger() -> "Logger":
    import logging

    return logging.getLogger("trunkline.tls")
