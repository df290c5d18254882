"""The part of the loop that looks names up: by the system, or by one of our resolvers."""

from ipaddress import ip_address
from typing import Any

from .._sys.loop_sockets import (
    ADDRESS_FAMILIES,
    IGNORED_FLAGS,
    NAME_REQUIRED,
    NUMERIC_HOST,
    STREAM_KIND,
    AddressInfo,
    look_up,
    look_up_name,
    numeric_info,
)
from ..errors import ResolverError
from ..multiplex.resolving import resolve_on, reverse_on
from ..sockets.resolving import Resolution, Resolver
from .files import FileLoop
from .settling import answer_of

__all__ = ("NameLoop",)


class NameLoop(FileLoop):
    """The part of an event loop that looks names up; see `EventLoop`."""

    def __init__(self, *, resolver: Resolver | None = None, **options: Any) -> None:
        self._resolver = resolver
        super().__init__(**options)

    async def getaddrinfo(
        self,
        host: bytes | str | None,
        port: bytes | str | int | None,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - as for `socket.getaddrinfo`
        proto: int = 0,
        flags: int = 0,
    ) -> list[Any]:
        """Look a host and a service up; see `socket.getaddrinfo`.

        The loop's resolver looks the host up, if it has one, and else the system in a thread. The
        system does so, too, where something is asked for that a resolver does not know.

        Raises:
            socket.gaierror: It was not found.
        """
        wanted = ADDRESS_FAMILIES.get(family)
        is_plain = isinstance(host, str) and host and not flags & ~IGNORED_FLAGS
        if self._resolver is None or wanted is None or not is_plain or _is_address(host):
            return await self.run_in_executor(None, look_up, host, port, family, type, proto, flags)
        # What else there is to know, of an address in place of the host.
        forms = await self.run_in_executor(None, look_up, None, port, family, type, proto, flags)
        found: Resolution = await answer_of(
            self,
            lambda answered, failed: resolve_on(
                self, self._resolver, str(host), wanted, answered, failed
            ),
        )
        return _infos_of(found, forms)

    async def getnameinfo(self, sockaddr: Any, flags: int = 0) -> tuple[str, str]:
        """Look the name of an address up; see `socket.getnameinfo` and `getaddrinfo`."""
        if self._resolver is None or flags & NUMERIC_HOST or not _is_address(sockaddr[0]):
            return await self.run_in_executor(None, look_up_name, sockaddr, flags)
        address = ip_address(sockaddr[0])
        host, service = await self.run_in_executor(
            None, look_up_name, sockaddr, flags & ~NAME_REQUIRED | NUMERIC_HOST
        )
        try:
            host = await answer_of(
                self,
                lambda answered, failed: reverse_on(
                    self, self._resolver, address, answered, failed
                ),
            )
        except ResolverError:
            if flags & NAME_REQUIRED:
                raise
        return host, service

    async def _address_infos(
        self,
        address: tuple[Any, ...],
        *,
        family: int = 0,
        type: int = STREAM_KIND,  # noqa: A002
        proto: int = 0,
        flags: int = 0,
    ) -> list[AddressInfo]:
        """Look an address up, if it is none already.

        Raises:
            OSError: Nothing was found.
        """
        host, port, *rest = address
        known = numeric_info(host, port, family, type, proto, rest)
        if known is not None:
            return [known]
        found = await self.getaddrinfo(
            host, port, family=family, type=type, proto=proto, flags=flags
        )
        if not found:
            raise OSError(f"getaddrinfo({host!r}) returned empty list")
        return found


def _is_address(host: Any) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _infos_of(found: Resolution, forms: list[Any]) -> list[AddressInfo]:
    """Return what `socket.getaddrinfo` would, of addresses and of what it said of another host."""
    infos: list[AddressInfo] = []
    for address in found.addresses:
        text, _, scope = str(address).partition("%")
        for family, kind, protocol, _, sockaddr in forms:
            if ADDRESS_FAMILIES[family] == f"ipv{address.version}":
                rest = (0, int(scope) if scope.isdecimal() else 0) if address.version == 6 else ()
                infos.append((family, kind, protocol, "", (text, sockaddr[1], *rest)))
    return infos
