"""Believing a proxy that says, in the PROXY protocol, who its client is."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias
from weakref import WeakKeyDictionary

from .._core.counts import check_count
from .._core.deadline import Deadline, check_timeout
from .._core.proxy_protocol import MAX_HEADER_SIZE, ProxyHeader, ProxyHeaderParser
from .._sys.clock import monotonic
from .._sys.sockaddr import Name
from ..addresses import Endpoint, IPAddress
from ..errors import BadProxyHeader, ConnectionReset, TimedOut, WouldBlock
from ..sockets.active_socket import ActiveSocket

__all__ = ("Network", "Preamble", "proxy_header", "proxy_protocol")

Network: TypeAlias = IPv4Network | IPv6Network | IPAddress | str
"""A network, or one address; or ``"local"``, for the peers of local sockets."""

_SMALLEST_LIMIT = 107  # bytes, of which a header of version 1 may have as many
_LARGEST_HEADER = 65_551  # bytes, in the format of version 2

_LOCAL = "local"

# A socket has no place for what only some servers want to know.
_headers: WeakKeyDictionary[ActiveSocket, ProxyHeader] = WeakKeyDictionary()


def proxy_protocol(
    trusted: Iterable[Network],
    *,
    required: bool = True,
    grace: float | None = 3.0,
    timeout: float | None = 5.0,
    max_size: int = MAX_HEADER_SIZE,
) -> Callable[[ActiveSocket], Name | None]:
    """Return what reads the header of the PROXY protocol, version 1 or 2, for a server's
    `preamble`.

    You want it behind a proxy like HAProxy that is told ``send-proxy`` or ``send-proxy-v2``: your
    handler then sees the names of the proxy's client, and of what that has connected to, as the
    socket's `remote_name` and `local_name`. `proxy_header` has whatever else the proxy has said.

    Whoever is believed can claim to be anybody. So only proxies that are trusted are; everybody
    else is an ordinary client, and a header that such a client sends is input like any other.

    Args:
        trusted: The addresses and networks of the proxies, like ``"10.0.0.0/8"``; ``"local"``
            trusts the peers of local sockets. IPv4 addresses match IPv4-mapped ones, too.
        required: Drop a trusted peer that does not send a header first. The protocol demands that.
            False takes it for a client of its own, which is for proxies that look after the server
            without a header, and safe only if no client of theirs can speak first. What has begun
            as nothing but a header begins still has to be one. A peer that resets the connection
            without a word, as checks of health do, has ended it.
        grace: Seconds that such a peer has to begin with a header, where none is required. One that
            is silent for longer, as who waits for a greeting is, is a client of its own: what it
            sends then is input, whatever it looks like. Three seconds leave time for a packet to be
            sent again. None is as long as `timeout`, and it is never longer. The server's limits
            drop a silent peer before that if they are shorter: `preamble_timeout`, `idle_timeout`
            and `lifetime`.
        timeout: Seconds for the whole header; None is for ever.
        max_size: The most bytes that a header of version 2 may have.

    Returns:
        A function for `Server`: it is called with the socket of a new connection, and returns the
        name of the proxy's client, or None where no proxy speaks for anybody. What follows the
        header stays to be read. It raises `BadProxyHeader`, `TimedOut` or another `SocketError`
        where there is no header, and the server then drops the connection and logs why.

    Raises:
        TypeError, ValueError: An argument is none of those that it can be.
    """
    if isinstance(trusted, str):
        raise TypeError("what is trusted is several networks, not one: put it into a list")
    check_count("max_size", max_size, least=_SMALLEST_LIMIT, most=_LARGEST_HEADER)
    networks = [_network(each) for each in trusted]
    if not networks:
        raise ValueError("nobody is trusted, so that no proxy would ever be believed")
    limit = check_timeout(timeout)
    patience = check_timeout(grace, "grace")
    if patience is None or (limit is not None and limit < patience):
        patience = limit
    return Preamble(networks, required, patience, limit, max_size)


def proxy_header(socket: ActiveSocket) -> ProxyHeader | None:
    """Return what the proxy has said of a connection, or None where no proxy was believed."""
    return _headers.get(socket)


class Preamble:
    """Reads a header; `proxy_protocol` makes it.

    Attributes:
        timeout: Seconds for the whole header; None is for ever.
        max_size: The most bytes of one.
    """

    def __init__(
        self,
        trusted: list[IPv4Network | IPv6Network | None],
        required: bool,
        grace: float | None,
        timeout: float | None,
        max_size: int,
    ) -> None:
        self._trusted = trusted
        self._required = required
        self._grace = grace
        self.timeout: float | None = timeout
        self.max_size: int = max_size

    def __call__(self, socket: ActiveSocket) -> Name | None:
        peer = socket.remote_name
        if not self.trusts(peer):
            return None
        try:
            header = self._read_header(socket)
        except BadProxyHeader as error:
            error.operation, error.address = "read_proxy_header", peer
            raise
        if header is None:
            return None
        _headers[socket] = header
        if header.destination is not None:
            socket._take_names(peer, header.destination)
        return header.source

    def trusts(self, peer: Name) -> bool:
        """Whether a peer is believed."""
        if not isinstance(peer, Endpoint):
            return None in self._trusted
        host = peer.host
        if isinstance(host, IPv6Address) and host.ipv4_mapped is not None:
            host = host.ipv4_mapped
        return any(network is not None and host in network for network in self._trusted)

    def _read_header(self, socket: ActiveSocket) -> ProxyHeader | None:
        """Receive the header, and nothing behind it; None if there need not be one, and is not."""
        parser = ProxyHeaderParser(self.max_size)
        whole, grace = (Deadline(each, monotonic) for each in (self.timeout, self._grace))
        taken = b""
        while parser.header is None:
            deadline = whole if self._required or parser.is_header else grace
            try:
                taken += self._take(socket, parser, deadline)
            except (BadProxyHeader, TimedOut) as error:
                # The limits of a server may have passed, too, and are not for us to forgive.
                is_ours = isinstance(error, BadProxyHeader) or deadline.remaining() == 0
                if self._required or parser.is_header or not is_ours:
                    raise
                socket._attach(taken, b"")  # as much as might have been a header's start
                return None
            except ConnectionReset:
                if self._required or taken:
                    raise
                return None
        return parser.header

    def _take(self, socket: ActiveSocket, parser: ProxyHeaderParser, deadline: Deadline) -> bytes:
        """Wait for input, and take as much of it as is the header's, if it is one."""
        # What is looked at stays with the system, until it is known whose it is.
        left = deadline.remaining()
        try:
            seen, _ = socket.receive_from(self.max_size, peek=True, timeout=left)
        except WouldBlock:  # there was no time left
            raise TimedOut.expired("read_proxy_header", socket.remote_name) from None
        if not seen:
            raise BadProxyHeader("the connection ended before the header did")
        count = parser.feed(seen)
        taken = b""
        while len(taken) < count:
            data, _ = socket.receive_from(count - len(taken), timeout=None)  # it is there
            taken += data
        return taken


def _network(value: Network) -> IPv4Network | IPv6Network | None:
    """Return a network, or None for the local sockets."""
    if value == _LOCAL:
        return None
    if not isinstance(value, (str, IPv4Network, IPv6Network, *IPAddress.__args__)):
        raise TypeError(f"a network is text or an `ipaddress` object, not {type(value).__name__}")
    return ip_network(value)
