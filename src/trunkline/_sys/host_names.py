"""The system's name service: getaddrinfo(3) and getnameinfo(3), which read hosts files, ask DNS
servers, and whatever else the machine has been told to ask.

They take as long as they like and cannot be stopped. With a time limit they are therefore called in
a thread of their own, which is left to itself when the time is up.
"""

import socket
import threading
from collections.abc import Callable
from typing import TypeVar

from .._core.host_text import to_ascii
from ..addresses import Endpoint, IPAddress
from ..errors import NoName, ResolverError, ServerFailure, SocketError, TimedOut, TryAgain
from .latch import Latch
from .sockaddr import name_from_sockaddr

__all__ = ("addresses_of", "name_of")

T = TypeVar("T")


def _codes(*names: str) -> set[int]:
    return {getattr(socket, name) for name in names if hasattr(socket, name)}


_KINDS: tuple[tuple[set[int], type[ResolverError]], ...] = (
    (_codes("EAI_AGAIN"), TryAgain),
    (_codes("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY"), NoName),
    (_codes("EAI_FAIL"), ServerFailure),
)


def addresses_of(
    host: str, family: int, timeout: float | None
) -> tuple[str | None, list[IPAddress]]:
    """Return a host's canonical name, where there is one, and its addresses, best first.

    Raises:
        ResolverError: `NoName`, `TryAgain`, `ServerFailure`, …
        TimedOut: It took longer than `timeout` seconds.
        ValueError: The text cannot be the name of a host.
    """

    def look_up() -> tuple[str | None, list[IPAddress]]:
        entries = socket.getaddrinfo(
            asked, None, family, socket.SOCK_STREAM, 0, socket.AI_CANONNAME
        )
        addresses: dict[IPAddress, None] = {}
        canonical = None
        for kind, _, _, name, sockaddr in entries:
            canonical = canonical or name or None
            if kind in (socket.AF_INET, socket.AF_INET6):
                endpoint = name_from_sockaddr(sockaddr, kind)
                assert isinstance(endpoint, Endpoint)
                addresses[endpoint.host] = None
        return canonical, list(addresses)

    asked = to_ascii(host)
    return _resolve(look_up, "resolve", host, timeout)


def name_of(address: IPAddress, timeout: float | None) -> str:
    """Return the name of the host with that address.

    Raises:
        ResolverError, TimedOut: As in `addresses_of`; `NoName` where the address has no name.
    """

    def look_up() -> str:
        name, _ = socket.getnameinfo((str(address), 0), socket.NI_NAMEREQD)
        return name

    return _resolve(look_up, "reverse", address, timeout)


def _resolve(look_up: Callable[[], T], operation: str, host: object, timeout: float | None) -> T:
    try:
        return _call_within(timeout, look_up)
    except TimeoutError:
        raise TimedOut.expired(operation, host) from None
    except socket.gaierror as error:
        code = error.errno or 0
        kind = next((kind for codes, kind in _KINDS if code in codes), ResolverError)
        raise kind(code, error.strerror or "", operation=operation, host=host) from None
    except UnicodeError as error:
        raise ValueError(f"not the name of a host: {host!r} ({error})") from None
    except OSError as error:
        raise SocketError.from_errno(error.errno or 0, operation=operation, address=host) from None


def _call_within(timeout: float | None, function: Callable[[], T]) -> T:
    if timeout is None:
        return function()
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(function())
        except BaseException as error:  # it is raised again below, whatever it is
            failures.append(error)
        answered.set()

    answered = Latch()
    threading.Thread(target=run, name="trunkline-resolve", daemon=True).start()
    answered.wait(timeout)
    if failures:
        raise failures[0]
    if not results:
        raise TimeoutError
    return results[0]
