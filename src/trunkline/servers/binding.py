"""Making the listening sockets of a server."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from typing import Any, TypeAlias

from .._core.external_format import ExternalFormatLike
from ..addresses import IPV4_UNSPECIFIED, IPV6_UNSPECIFIED, AddressLike, LocalAddress
from ..errors import AddressFamilyNotSupported, AddressInUse, AddressNotAvailable
from ..sockets.keywords import BufferOptions, NetworkOptions, StreamOptions
from ..sockets.make_socket import make_socket
from ..sockets.names import check_port
from ..sockets.passive_socket import PassiveSocket

__all__ = (
    "SERVER_BACKLOG",
    "Hosts",
    "Paths",
    "ServerSocketOptions",
    "SupervisorSocketOptions",
    "bind_all",
)

SERVER_BACKLOG = 4096
"""How many connections may wait for a server. It is what Linux allows unless told otherwise.

A connection for which there is no room is not refused: its client tries again after a second, and
then more and more rarely. So a burst of clients is better kept waiting here.
"""

Hosts: TypeAlias = AddressLike | Sequence[AddressLike] | None
PathOrAddress: TypeAlias = str | PathLike[str] | LocalAddress
Paths: TypeAlias = PathOrAddress | Sequence[PathOrAddress] | None


class ServerSocketOptions(BufferOptions, NetworkOptions, total=False):
    """What a server takes for the sockets that it makes, and has no argument of its own for."""

    v6_only: bool


class SupervisorSocketOptions(ServerSocketOptions, total=False):
    """The same for a supervisor."""

    external_format: ExternalFormatLike


_ANY = "*"

# How often another free port is asked for, when the one that an address got is taken at another.
_ATTEMPTS = 16

# What a machine says that has no IPv6.
_NO_SUCH_FAMILY = (AddressFamilyNotSupported, AddressNotAvailable)

# What local sockets take of the options.
_FOR_LOCAL = frozenset({*StreamOptions.__annotations__, "backlog", "reuse_address", "tls"})

# What can still be said of sockets that are there already.
_FOR_READY_MADE = frozenset({"backlog", "external_format", "tls"})


def bind_all(
    host: Hosts,
    port: int | str,
    path: Paths,
    sockets: Iterable[PassiveSocket],
    options: Mapping[str, Any],
) -> list[PassiveSocket]:
    """Return sockets that listen, at all of these places; see `Server`.

    Raises:
        AddressInUse, PermissionDenied, SocketError: One of them cannot be had. None is left behind.
        TypeError, ValueError: An argument is not what it can be, or no place is named.
    """
    backlog = options.get("backlog")
    options = {name: value for name, value in options.items() if value is not None}
    hosts, paths, given = _several(host), _several(path), list(sockets)
    for socket in given:
        if not isinstance(socket, PassiveSocket):
            raise TypeError(f"sockets are passive stream sockets, not {type(socket).__name__}")
    if not (hosts or paths or given):
        raise TypeError("a server needs a place to listen at: host, path or sockets")
    superfluous = [name for name in options if name not in _FOR_READY_MADE]
    if superfluous and not (hosts or paths):
        raise TypeError(f"sockets that are ready-made do not take {', '.join(superfluous)}")
    options["backlog"] = SERVER_BACKLOG if backlog is None else backlog
    number = check_port(port)
    if number and not hosts:
        raise TypeError("a port needs a host")
    with contextlib.ExitStack() as undoing:
        found = _bind_hosts(hosts, number, options, undoing) if hosts else []
        for_local = {name: options[name] for name in options if name in _FOR_LOCAL or not hosts}
        found += _bind_paths(paths, for_local, undoing)
        _let_listen(given, options["backlog"])
        if options.get("tls") is not None:
            for socket in given:
                socket._take_tls(options["tls"])
        undoing.pop_all()
    return found + given


def _several(value: Any) -> list[Any]:
    if value is None:
        return []
    # Text, bytes, and a sequence of numbers are each one address, see `ensure_address`.
    if not isinstance(value, Sequence) or isinstance(value, str | bytes | bytearray):
        return [value]
    numbers = sum(isinstance(part, int) for part in value)
    if numbers == len(value) > 0:
        return [value]
    if numbers:
        # It could be an IPv4 address, but hardly ever is meant to.
        raise TypeError(f"a port is an argument of its own, and no address: {value!r}")
    return list(value)


# The loops are in functions of their own. CPython 3.13 does not count the jump back to the start of
# a loop among what a block around it protects, and Ctrl-C may strike there.


def _bind_hosts(
    hosts: list[Any], port: int, options: Mapping[str, Any], undoing: contextlib.ExitStack
) -> list[PassiveSocket]:
    """Bind all hosts to one port: if any will do, to one that is free everywhere."""
    for attempts_left in range(_ATTEMPTS, 0, -1):
        with contextlib.ExitStack() as attempt:
            found: list[PassiveSocket] = []
            try:
                _try_to_bind_hosts(hosts, port, options, attempt, found)
            except AddressInUse:
                if port or not found or attempts_left == 1:
                    raise
            else:
                undoing.push(attempt.pop_all())
                return found
    raise AssertionError("the last attempt returns or raises")


def _try_to_bind_hosts(
    hosts: list[Any],
    port: int,
    options: Mapping[str, Any],
    undoing: contextlib.ExitStack,
    found: list[PassiveSocket],
) -> None:
    for host, may_be_missing in _expand(hosts):
        at = port or (found[0].local_port if found else 0)
        with contextlib.suppress(*(_NO_SUCH_FAMILY if may_be_missing else ())):
            listener = make_socket(connect="passive", local_host=host, local_port=at, **options)
            undoing.callback(listener.close)
            found.append(listener)


def _bind_paths(
    paths: list[Any], options: Mapping[str, Any], undoing: contextlib.ExitStack
) -> list[PassiveSocket]:
    found = []
    for path in paths:
        listener = make_socket(
            connect="passive", address_family="local", local_filename=path, **options
        )
        undoing.callback(listener.close)
        found.append(listener)
    return found


def _let_listen(sockets: list[PassiveSocket], backlog: int) -> None:
    for socket in sockets:
        if not socket.is_listening:
            socket.listen(backlog)


def _expand(hosts: list[Any]) -> Iterator[tuple[Any, bool]]:
    """Yield each host to bind to, and whether to do without if the machine has no such family."""
    for host in hosts:
        if host == _ANY:
            # Two sockets rather than one for both families, which would call IPv4 clients by
            # IPv4-mapped addresses.
            yield IPV4_UNSPECIFIED, False
            yield IPV6_UNSPECIFIED, True
        else:
            yield host, False
