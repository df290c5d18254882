"""How a program speaks TLS: what a user says, and the contexts of Python's that come of it."""

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from os import PathLike, fspath
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

from .._core.host_text import to_ascii
from ..addresses import Endpoint, IPAddress
from .contexts import Contexts
from .errors import from_ssl_error
from .machine import Machine
from .nested import new_machine

__all__ = (
    "TLS",
    "TLSLike",
    "check_tls",
    "context_with",
    "make_machine",
    "note_session",
    "server_name_of",
)

Path: TypeAlias = str | PathLike[str]
Password: TypeAlias = str | bytes | Callable[[], str | bytes]

ClientCertificate: TypeAlias = Literal["ignored", "optional", "required"]
_CLIENT_CERTIFICATES = ("ignored", "optional", "required")
MinimumVersion: TypeAlias = Literal["1.2", "1.3"]
_VERSIONS = ("1.2", "1.3")


@dataclass(frozen=True, kw_only=True, eq=False)
class TLS:
    """How to speak TLS, for clients and servers alike. It does not change.

    Make one and use it again and again: its contexts are made when they are first needed, and are
    made anew when one of its files has changed. New connections get the new ones, and those that
    there are go on as they are. If a new file is broken, that is logged, and the old ones stay.

    Attributes:
        certificate: The file (PEM) with this end's certificate, and those of whom it was signed by,
            but for the last. A server needs one; a client shows it where it is asked for one.
        key: The file with its key. Default: the key is in the same file.
        password: What the key is encrypted with, or a function that returns it.
        authorities: The file, or directory, with the certificates of those whom to believe.
            Default: for a client, the system's.
        alpn: What to speak inside of TLS, the best first, like ``("h2", "http/1.1")``; see
            RFC 7301.
        client_certificate: For a server: whether clients are to show a certificate of their own,
            signed by one of the `authorities`. ``"ignored"``, ``"optional"`` or ``"required"``.
        minimum_version: The lowest version of TLS: ``"1.2"`` or ``"1.3"``.
        server_name: For a client: whom to ask for and to expect. Default: the host it connects to.
        verify: For a client: whether the server has to prove who it is. False is for tests, and for
            networks where nobody else can be: anybody in between can read and change everything.
        resume: For a client: go on with earlier sessions with the same server, which is faster.
        by_server_name: For a server: other certificates, by the names that clients may ask for. A
            ``"*"`` stands for the first part of a name. Of each, only `certificate`, `key` and
            `password` count.

    Raises:
        TypeError, ValueError: An attribute is none of those that it can be.
    """

    certificate: Path | None = None
    key: Path | None = None
    password: Password | None = field(default=None, repr=False)
    authorities: Path | None = None
    alpn: Sequence[str] = ()
    client_certificate: ClientCertificate = "ignored"
    minimum_version: MinimumVersion = "1.2"
    server_name: str | IPAddress | None = None
    verify: bool = True
    resume: bool = True
    by_server_name: Mapping[str, "TLS"] = field(default_factory=dict)
    _contexts: Contexts = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _check(self)
        change = object.__setattr__  # it is frozen from now on
        change(self, "alpn", tuple(self.alpn))
        others = {name.lower(): self._with_certificate_of(other) for name, other in _named(self)}
        change(self, "by_server_name", MappingProxyType(others))
        change(self, "_contexts", Contexts(self))

    def _with_certificate_of(self, other: "TLS") -> "TLS":
        """Return what is the same but for the certificate: OpenSSL takes some of it from there."""
        given = {name: getattr(other, name) for name in _OF_A_CERTIFICATE}
        return replace(self, by_server_name={}, **given)

    def context(self, *, server_side: bool) -> ssl.SSLContext:
        """Return the context of Python's for one of the sides, for code that wants one.

        It is the same one until a file has changed.

        Raises:
            TLSError: A file has no certificate or key in it, or they do not belong to each other.
            PathNotFound, SocketError: A file cannot be read.
            ValueError: There is no certificate, which a server needs.
        """
        return self._contexts.get(server_side=server_side)

    def reload(self) -> None:
        """Read all files again now, for the connections that come.

        It is not needed: a changed file is noticed with the next connection. You would want it to
        be told what is wrong.

        Raises:
            TLSError, SocketError: As for `context`. All stays as it was.
        """
        self._contexts.reload()

    def __reduce__(self) -> Any:
        given = {each.name: getattr(self, each.name) for each in fields(self) if each.init}
        given["by_server_name"] = dict(self.by_server_name)
        return _make, (given,)


def _make(given: dict[str, Any]) -> TLS:
    return TLS(**given)


def _check(tls: TLS) -> None:
    for name in ("certificate", "key", "authorities"):
        path = getattr(tls, name)
        if path is not None and not isinstance(path, (str, PathLike)):
            raise TypeError(f"{name} is the path of a file, not {type(path).__name__}")
        if path is not None and not isinstance(fspath(path), str):
            raise TypeError(f"{name} is a path that is text")
    if tls.certificate is None and (tls.key is not None or tls.password is not None):
        raise ValueError("key and password belong to a certificate, and there is none")
    if not (
        tls.password is None or isinstance(tls.password, (str, bytes)) or callable(tls.password)
    ):
        raise TypeError("password is text, bytes, or a function that returns one of them")
    names: object = tls.alpn
    if isinstance(names, (str, bytes)):
        raise TypeError("alpn is a tuple of names, not one of them")
    for name in tls.alpn:
        if not isinstance(name, str):
            raise TypeError(f"alpn has names of protocols, not {name!r}")
        if not (0 < len(name) < 256 and name.isascii()):
            raise ValueError(f"alpn has names of 1 to 255 ASCII characters, not {name!r}")
    _check_choice("client_certificate", tls.client_certificate, _CLIENT_CERTIFICATES)
    _check_choice("minimum_version", tls.minimum_version, _VERSIONS)
    if tls.client_certificate != "ignored" and tls.authorities is None:
        raise ValueError("client_certificate needs authorities: who may sign clients' certificates")
    if tls.server_name is not None:
        server_name_of(tls.server_name)
    for name in ("verify", "resume"):
        if not isinstance(getattr(tls, name), bool):
            raise TypeError(f"{name} is True or False, not {getattr(tls, name)!r}")
    _check_others(tls)


def _check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} is {' or '.join(map(repr, choices))}, not {value!r}")


_OF_A_CERTIFICATE = ("certificate", "key", "password")


def _named(tls: TLS) -> list[tuple[str, TLS]]:
    return [(to_ascii(name), other) for name, other in tls.by_server_name.items()]


def _check_others(tls: TLS) -> None:
    others: object = tls.by_server_name
    if not isinstance(others, Mapping):
        raise TypeError(f"by_server_name is a mapping of names, not {type(others).__name__}")
    if tls.by_server_name and tls.certificate is None:
        raise ValueError("by_server_name has other certificates, and there is no first one")
    for name, other in _named(tls):
        if not isinstance(other, TLS):
            raise TypeError(f"by_server_name has a TLS for each name, not {type(other).__name__}")
        if other.certificate is None:
            raise ValueError(f"by_server_name has no certificate for {name!r}")
        for each in fields(TLS):
            if each.name in _OF_A_CERTIFICATE or not each.init:
                continue
            if getattr(other, each.name) != getattr(_defaults, each.name):
                raise ValueError(
                    f"{each.name} is the same for all server names: give it to the TLS that has "
                    "by_server_name"
                )


TLSLike: TypeAlias = "TLS | ssl.SSLContext | bool"
"""How to speak TLS: a `TLS`; one of Python's contexts; or True for a client's safe defaults."""

_defaults = TLS()


_NO_NAME = "whom the server's certificate should be of is not known: say server_name"


def check_tls(tls: TLSLike, *, server_side: bool, has_host: bool = True) -> "TLS | ssl.SSLContext":
    """Return what stands for a way to speak TLS, if it can be used on one of the sides.

    Args:
        tls: What was given.
        server_side: Which side this is.
        has_host: Whether a client knows to whom it connects.

    Raises:
        TypeError: It is none.
        ValueError: It is for the other side, or has a name to check and there is none.
        TLSError, SocketError: A file that it needs is not as it should be.
    """
    return _checked(tls, server_side=server_side, has_host=has_host)[0]


def _checked(
    tls: TLSLike, *, server_side: bool, has_host: bool
) -> "tuple[TLS | ssl.SSLContext, ssl.SSLContext]":
    """Do what `check_tls` says, and return the context besides: to get it looks at the files."""
    if tls is True:
        if server_side:
            raise ValueError("tls=True is for clients: a server needs a TLS with a certificate")
        tls = _defaults
    if isinstance(tls, TLS):
        context = tls.context(server_side=server_side)
        has_host = has_host or tls.server_name is not None
    elif isinstance(tls, ssl.SSLContext):
        context = tls
        wrong = ssl.PROTOCOL_TLS_CLIENT if server_side else ssl.PROTOCOL_TLS_SERVER
        if tls.protocol == wrong:
            one, other = ("a client", "a server") if server_side else ("a server", "a client")
            raise ValueError(f"this context is {one}'s, and {other} needs another")
    else:
        raise TypeError(f"tls is a TLS, a context of Python's, or True, not {type(tls).__name__}")
    if context.check_hostname and not (server_side or has_host):
        raise ValueError(_NO_NAME)
    return tls, context


def context_with(
    tls: TLS, *, server_side: bool, options: int, ciphers: str | None
) -> ssl.SSLContext:
    """Return a context of a `TLS` that nobody else has, with more said.

    Args:
        tls: How to speak.
        server_side: For which side.
        options: Options of OpenSSL's to be added.
        ciphers: OpenSSL's text for the ciphers that may be used up to TLS 1.2.

    Raises:
        TLSError, SocketError, ValueError: As for `TLS.context`; or there are no such ciphers.
    """
    context = Contexts(tls).get(server_side=server_side)
    context.options |= ssl.Options(options)
    if ciphers is not None:
        try:
            context.set_ciphers(ciphers)
        except ssl.SSLError as error:
            raise from_ssl_error(error, "set_ciphers", server_name=None) from None
    return context


def server_name_of(host: "str | IPAddress") -> str:
    """Return how TLS names a host: an address without its zone, or a name in ASCII.

    Raises:
        TypeError, ValueError: It can be no host.
    """
    if isinstance(host, str):
        name = to_ascii(host).rstrip(".")
        if not name:
            raise ValueError(f"a server's name cannot be {host!r}")
        return name
    return str(host).partition("%")[0]


def make_machine(
    tls: "TLSLike",
    *,
    server_side: bool,
    server_name: str | IPAddress | None,
    host: str | IPAddress | None,
    remote_name: object,
    below: Machine | None = None,
) -> Machine:
    """Return the machine for a connection.

    Whom a client expects is the first of four that is known: `server_name`, that of the `TLS`,
    `host`, and the host of `remote_name`.

    Args:
        tls: How to speak, see `check_tls`.
        server_side: Whether this end waits for the other one to begin.
        server_name: Whom the user has said just now that a client expects.
        host: To whom a client was told to connect.
        remote_name: To whom it is connected.
        below: The machine of the connection that it is to be within, if it is.

    Raises:
        ValueError: The client does not know whom to expect.
        TLSError, SocketError: As for `check_tls`.
    """
    tls, context = _checked(tls, server_side=server_side, has_host=True)
    if server_side:
        return new_machine(context, server_side=True, below=below)
    expected = server_name
    if not expected and isinstance(tls, TLS) and tls.server_name is not None:
        expected = tls.server_name
    if expected is None:
        expected = host
    if expected is None and isinstance(remote_name, Endpoint):
        expected = remote_name.host
    name = None if expected is None else server_name_of(expected)
    if context.check_hostname and name is None:
        raise ValueError(_NO_NAME)
    session = tls._contexts.take_session(context, name) if isinstance(tls, TLS) else None
    return new_machine(context, server_side=False, server_name=name, session=session, below=below)


def note_session(tls: "TLSLike", machine: Machine) -> None:
    """Keep a client's session, for the next connection to the same server."""
    if isinstance(tls, TLS):
        tls._contexts.note_session(machine)
