"""What it takes to connect to a host: whom to resolve, where to connect to, and with which options.

Nothing here waits for a connection. `make_socket` carries a plan out by blocking, and the event
base by callbacks.
"""

from typing import Any, NamedTuple

from .._core.deadline import Deadline, check_timeout
from .._printable import printable
from .._sys.sockaddr import AF_INET, family_of
from .._sys.socket_descriptor import STREAM, SocketDescriptor
from ..addresses import Endpoint, IPAddress, ensure_address, how_to_take_apart
from ..errors import NoName
from .connecting import ATTEMPT_DELAY
from .families import InternetFamily, family_number
from .names import check_port
from .options import set_option
from .resolving import Resolver, ask_for_addresses, ensure_hostname, literal_address

__all__ = ("ConnectPlan", "InternetSettings", "Route", "bind_address", "family_to_open")


class InternetSettings(NamedTuple):
    """What is set on each internet descriptor before it is bound or connected."""

    keepalive: bool
    nodelay: bool
    interface: str | None
    reuse_address: bool = False
    source: Endpoint | None = None

    def open_descriptor(self, family: int, address: object) -> SocketDescriptor:
        """Return a new descriptor; `address` is for the text of an error."""
        descriptor = SocketDescriptor.open(family, STREAM, address=address)
        try:
            set_option(descriptor, "nodelay", self.nodelay)
            if self.keepalive:
                set_option(descriptor, "keepalive", self.keepalive)
            if self.interface is not None:
                set_option(descriptor, "bind_to_device", self.interface)
            if self.source is not None:
                if self.reuse_address:
                    set_option(descriptor, "reuse_address", True)
                descriptor.bind(self.source)
        except BaseException:
            descriptor.close()
            raise
        return descriptor


class Route(NamedTuple):
    """Where to connect to, now that all names are resolved.

    Attributes:
        names: The addresses to try, best first; none if there is nobody to connect to.
        address: What errors call the whole.
        family: Which family the descriptors are to be of.
        settings: What is set on each of them.
    """

    names: tuple[Endpoint, ...]
    address: object
    family: InternetFamily
    settings: InternetSettings

    def open_descriptor(self, name: Endpoint | None) -> SocketDescriptor:
        """Return a descriptor that can be connected to one of the addresses."""
        if name is None:
            source = self.settings.source
            number = family_to_open(self.family, source.host if source else None)
            return self.settings.open_descriptor(number, source)
        return self.settings.open_descriptor(family_to_open(self.family, name.host), name)


class ConnectPlan:
    """A connection that is to be made. The arguments are those of `make_socket`.

    Raises:
        TypeError, ValueError: They do not go together, or one is none of those that it can be.
    """

    def __init__(
        self,
        family: InternetFamily,
        *,
        local_host: Any = None,
        local_port: int | str | None = None,
        remote_host: Any = None,
        remote_port: int | str | None = None,
        reuse_address: bool = True,
        keepalive: bool = False,
        nodelay: bool = True,
        interface: str | None = None,
        resolver: Resolver | None = None,
        attempt_delay: float | None = ATTEMPT_DELAY,
    ) -> None:
        if (remote_host is None) != (remote_port is None):
            hint = how_to_take_apart(remote_host) or "give both or neither"
            raise TypeError(f"remote_host and remote_port belong together: {hint}")
        if local_host is None and local_port is not None:
            raise TypeError("local_port needs a local_host, without which nothing is bound")
        self.family: InternetFamily = family
        self._settings = InternetSettings(keepalive, nodelay, interface, reuse_address)
        self.resolver: Resolver | None = resolver
        self._source = local_host, 0 if local_port is None else check_port(local_port)
        self._target = remote_host, 0 if remote_port is None else check_port(remote_port)
        self.attempt_delay: float | None = check_timeout(attempt_delay)
        """Seconds between the starts of two attempts; None is one after the other."""
        self.needs_resolver: bool = any(
            host is not None and _literal_address(host, family) is None
            for host in (local_host, remote_host)
        )
        """Whether one of the hosts is a name, so that `resolve` may take its time."""

    @property
    def name_to_look_up(self) -> str | None:
        """The name of the host to connect to, if that is all that takes a resolver."""
        local_host, remote_host = self._source[0], self._target[0]
        if local_host is not None and _literal_address(local_host, self.family) is None:
            return None
        is_name = remote_host is not None and _literal_address(remote_host, self.family) is None
        return remote_host if is_name else None

    def resolve(self, deadline: Deadline, found: tuple[IPAddress, ...] | None = None) -> Route:
        """Look up what is a name.

        Args:
            deadline: The time limit.
            found: The addresses of `name_to_look_up`, if somebody has looked them up already.

        Raises:
            ResolverError: A name could not be resolved.
            TimedOut: The time is up.
        """
        local_host, local_port = self._source
        source = None
        if local_host is not None:
            host = bind_address(local_host, self.family, self.resolver, deadline)
            source = Endpoint(host, local_port)
        settings = self._settings._replace(source=source)
        remote_host, port = self._target
        if remote_host is None:
            return Route((), None, self.family, settings)
        hosts = self._remote_hosts(remote_host, source, deadline, found)
        names = tuple(Endpoint(host, port) for host in hosts)
        address = f"{remote_host}:{port}" if len(names) > 1 else names[0]
        return Route(names, address, self.family, settings)

    def _remote_hosts(
        self,
        host: Any,
        source: Endpoint | None,
        deadline: Deadline,
        found: tuple[IPAddress, ...] | None,
    ) -> tuple[IPAddress, ...]:
        """Return the addresses to try, which fit the one that the socket is bound to."""
        address = _literal_address(host, self.family)
        if address is not None:
            return (address,)
        if found is None:
            found = ask_for_addresses(
                self.resolver, host, family=self.family, timeout=deadline.remaining()
            ).addresses
        if source is not None:
            found = tuple(each for each in found if each.version == source.host.version)
            if not found:
                raise NoName(
                    strerror=f"no address of the family of {source.host}",
                    operation="resolve",
                    host=host,
                )
        return found

    def __str__(self) -> str:
        host, port = self._target
        return printable(f"{host}:{port}")


def family_to_open(family: InternetFamily, host: IPAddress | None) -> int:
    """Return the family of the descriptor: an IPv6 one can have IPv4 addresses, as mapped ones."""
    if family == "internet":
        return AF_INET if host is None else family_of(Endpoint(host, 0))
    return family_number(family)


def bind_address(
    host: Any,
    family: InternetFamily,
    resolver: Resolver | None,
    deadline: Deadline | None = None,
) -> IPAddress:
    """Return the address to bind to."""
    address = _literal_address(host, family)
    if address is not None:
        return address
    timeout = None if deadline is None else deadline.remaining()
    return ensure_hostname(host, family=family, resolver=resolver, timeout=timeout)


def _literal_address(host: Any, family: InternetFamily) -> IPAddress | None:
    """Return the address that `host` is, or None for a name; IPv6 sockets can have IPv4 ones."""
    address = literal_address(host)
    if address is not None and family == "ipv4":
        ensure_address(address, "ipv4")
    return address
