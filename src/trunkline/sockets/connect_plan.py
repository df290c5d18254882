"""What it takes to connect to a host: whom to resolve, where to connect to, and with which options.

Nothing here waits for a connection. `make_socket` carries a plan out by blocking, and the event
base by callbacks.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from .._core.connect_race import ATTEMPT_DELAY
from .._core.deadline import Deadline, check_timeout
from .._printable import printable
from .._sys.sockaddr import AF_INET, family_of
from .._sys.socket_descriptor import STREAM, SocketDescriptor
from ..addresses import Endpoint, IPAddress, ensure_address, how_to_take_apart
from ..errors import NoName
from .families import InternetFamily, family_number
from .names import check_port
from .options import set_option
from .resolving import Resolver, check_resolver, ensure_hostname, literal_address

__all__ = ("ConnectPlan", "InternetSettings", "Route", "bind_address", "family_to_open")


class InternetSettings(NamedTuple):
    """What is set on each internet descriptor before it is bound or connected."""

    keepalive: bool
    nodelay: bool
    interface: str | None
    reuse_address: bool = False
    source: Endpoint | None = None
    fast_open: bool = False

    def open_descriptor(self, family: int, address: object) -> SocketDescriptor:
        """Return a new descriptor; `address` is for the text of an error."""
        descriptor = SocketDescriptor.open(family, STREAM, address=address)
        try:
            descriptor.set_nodelay(self.nodelay)
            if self.keepalive:
                set_option(descriptor, "keepalive", self.keepalive)
            if self.fast_open:
                set_option(descriptor, "tcp_fastopen_connect", True)
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


class Route:
    """Where to connect to and from where, as soon as the addresses of a name are known.

    Args:
        family: Which family the descriptors are to be of.
        settings: What is set on each of them, the address to connect from included.
        host: Whom to connect to: an address, a name, or None for nobody.
        port: The port there.
    """

    def __init__(
        self,
        family: InternetFamily,
        settings: InternetSettings,
        host: IPAddress | str | None,
        port: int,
    ) -> None:
        self._family = family
        self._settings = settings
        self._host = host
        self._port = port

    @property
    def name_to_look_up(self) -> str | None:
        """The name of the host to connect to, if it is one."""
        return self._host if isinstance(self._host, str) else None

    @property
    def wanted_family(self) -> InternetFamily:
        """Which addresses of that name are of use."""
        source = self._settings.source
        if source is None or self._family != "internet":
            return self._family
        return "ipv4" if source.host.version == 4 else "ipv6"

    def names_of(self, addresses: Iterable[IPAddress]) -> tuple[Endpoint, ...]:
        """Return where to connect to, given the addresses of the name.

        Raises:
            NoName: None of them fits the address to connect from.
        """
        source = self._settings.source
        if source is None:
            return tuple(Endpoint(address, self._port) for address in addresses)
        names = tuple(
            Endpoint(address, self._port)
            for address in addresses
            if address.version == source.host.version
        )
        if not names:
            raise NoName(
                strerror=f"no address of the family of {source.host}",
                operation="resolve",
                host=self._host,
            )
        return names

    @property
    def source(self) -> Endpoint | None:
        """Where to connect from, if that is said."""
        return self._settings.source

    @property
    def target(self) -> Endpoint | None:
        """Where to connect to, if it is not a name."""
        if self._host is None or isinstance(self._host, str):
            return None
        return Endpoint(self._host, self._port)

    def open_descriptor(self, name: Endpoint | None) -> SocketDescriptor:
        """Return a descriptor that can be connected to one of the addresses."""
        settings = self._settings
        if name is None:
            source = settings.source
            number = family_to_open(self._family, source.host if source else None)
            return settings.open_descriptor(number, source)
        return settings.open_descriptor(family_to_open(self._family, name.host), name)

    def __str__(self) -> str:
        return printable(f"{self._host}:{self._port}")


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
        fast_open: bool = False,
    ) -> None:
        if (remote_host is None) != (remote_port is None):
            hint = how_to_take_apart(remote_host) or "give both or neither"
            raise TypeError(f"remote_host and remote_port belong together: {hint}")
        if local_host is None and local_port is not None:
            raise TypeError("local_port needs a local_host, without which nothing is bound")
        self.family: InternetFamily = family
        self._settings = InternetSettings(
            keepalive, nodelay, interface, reuse_address, fast_open=fast_open
        )
        self.resolver: Resolver = check_resolver(resolver)
        self._source = (
            _address_or_name(local_host, family),
            0 if local_port is None else check_port(local_port),
        )
        self._target = (
            _address_or_name(remote_host, family),
            0 if remote_port is None else check_port(remote_port),
        )
        self.attempt_delay: float | None = check_timeout(attempt_delay)
        """Seconds between the starts of two attempts; None is one after the other."""

    @property
    def source_to_look_up(self) -> str | None:
        """The name of the address to connect from, if it has one."""
        host = self._source[0]
        return host if isinstance(host, str) else None

    @property
    def target_host(self) -> IPAddress | str | None:
        """The address, or the name, of the host to connect to."""
        return self._target[0]

    def route(self, source: IPAddress | None) -> Route:
        """Return the way, given the address that `source_to_look_up` is the name of."""
        host, port = self._source
        address = source if isinstance(host, str) else host
        settings = self._settings
        if address is not None:
            settings = settings._replace(source=Endpoint(address, port))
        return Route(self.family, settings, *self._target)

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
) -> IPAddress | None:
    """Return the address to bind to, if there is one."""
    address = _address_or_name(host, family)
    if not isinstance(address, str):
        return address
    timeout = None if deadline is None else deadline.remaining()
    return ensure_hostname(address, family=family, resolver=resolver, timeout=timeout)


def _address_or_name(host: Any, family: InternetFamily) -> IPAddress | str | None:
    """Return what a host is given as, if it is; an IPv6 socket can have an IPv4 address."""
    if host is None:
        return None
    address = literal_address(host)
    if address is None:
        assert isinstance(host, str)
        return host
    if family == "ipv4":
        ensure_address(address, "ipv4")
    return address
