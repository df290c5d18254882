"""Trunkline: network programming for Python.

One socket, four ways to drive it: block on it, give it a thread, hang callbacks on it, await it.

Everything public is here. The names are imported from their modules when they are first used, so
that a program pays for what it uses.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from . import _choice as _choice  # which decides what all the others are

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from ._implementation import *
    from .addresses import *
    from .errors import *
    from .multiplex import *
    from .multiplex.datagrams import *
    from .multiplex.file_transfer import *
    from .processes import *
    from .servers import *
    from .sockets import *
    from .sockets.datagrams import *
    from .sockets.from_descriptor import *
    from .sockets.options.public import *
    from .sockets.passing import *
    from .sockets.python_sockets import *
    from .sockets.splicing import *
    from .streams import *
    from .tls import *

# What type checkers read above, once more for the interpreter. A test compares the two.
_NAMES = {
    "_implementation": "Implementation implementation",
    "addresses": """
        Address AddressLike Endpoint IPAddress IPV4_LOOPBACK IPV4_UNSPECIFIED
        IPV6_INTERFACE_LOCAL_ALL_NODES IPV6_INTERFACE_LOCAL_ALL_ROUTERS
        IPV6_LINK_LOCAL_ALL_NODES IPV6_LINK_LOCAL_ALL_ROUTERS IPV6_LOOPBACK
        IPV6_SITE_LOCAL_ALL_ROUTERS IPV6_UNSPECIFIED IPv4Address IPv6Address LocalAddress
        MAX_IPV4_VALUE NetlinkAddress dotted_to_ipaddr ensure_address ipaddr_to_dotted
        map_ipv4_address_to_ipv6 map_ipv6_address_to_ipv4
    """,
    "errors": """
        AddressFamilyNotSupported AddressInUse AddressNotAvailable AlreadyConnected BadDNSMessage
        BadProxyHeader BrokenPipe Busy ConnectFailed ConnectionAborted ConnectionInProgress
        ConnectionRefused ConnectionReset DecodingError DestinationRequired EndOfFile
        EndpointShutdown FileTooShort FrameTooLong Hangup HostDown HostUnreachable Interrupted
        LineTooLong MessageTooLong NetworkDown NetworkReset NetworkUnreachable NoBufferSpace NoName
        NoNetwork NoRecord NoSuchDevice NotASocket NotConnected OperationNotSupported
        OptionNotSupported OutOfMemory OutputTooLong PathExists PathIsDirectory
        PathNotDirectory PathNotFound PermissionDenied ProcessNotChild ProcessNotFound
        ProgramTimedOut ProtocolError
        ProtocolNotSupported QueryRefused ResolverError ServerFailure SocketClosed SocketError
        StreamError TimedOut TooManyOpenFiles TrunklineError TryAgain WouldBlock
    """,
    "multiplex": """
        Blocks Cause DEFAULT_HIGH_WATER Delivery EventBase Frames IOHandler IOStatus Listener
        Readiness Reconnector Statistics Timer Transport TransportProtocol adopt available_backends
        connect fd_readable fd_writable listen reconnect wait_until_any_ready wait_until_fd_ready
    """,
    "multiplex.datagrams": """
        DEFAULT_QUEUE_LIMIT DatagramDelivery DatagramEndpoint DatagramProtocol RECEIVES_AT_ONCE
        adopt_datagrams open_datagrams
    """,
    "multiplex.file_transfer": "FileTransfer",
    "processes": """
        DEFAULT_GRACE DEFAULT_OUTPUT_LIMIT ExitHandler PipeStream Process ProcessOptions
        ProcessStatus ProgramResult StandardStream create_process run_program
    """,
    "servers": """
        AsyncIOState DEFAULT_DRAIN_TIMEOUT DEFAULT_IDLE_TIMEOUT DEFAULT_MAX_CONNECTIONS
        JOIN_TIMEOUT OpenConnection ProxyHeader ProxyTLV Server ServerConnection ServerStatistics
        Supervised Supervisor SupervisorStatistics Traffic WorkerReport WorkerStatus
        accept_tcp_connections_creating_async_io_states
        activated_sockets create_async_io_state proxy_header proxy_protocol shutdown_on_signals
    """,
    "sockets": """
        ATTEMPT_DELAY ActiveSocket CLOSE_TIMEOUT DEFAULT_BACKLOG HostEntry LINGER_TIMEOUT
        PassiveSocket Resolution Resolver Socket SystemResolver ensure_hostname
        lookup_hostname make_socket make_socket_pair
    """,
    "sockets.datagrams": """
        DatagramSocket ICMPMessage IPv4Header LARGEST_DATAGRAM NetlinkSocket PacketSocket
        PassivePacketSocket RawSocket Received Sender
    """,
    "sockets.passing": """
        Credentials FileDescriptors MOST_FILE_DESCRIPTORS
    """,
    "sockets.from_descriptor": "make_socket_from_fd",
    "sockets.options.public": "OPTION_NAMES TCPInfo",
    "sockets.python_sockets": "from_socket",
    "sockets.splicing": "splice",
    "streams": """
        DEFAULT_BUFFER_SIZE DEFAULT_LIMIT DEFAULT_TIMEOUT ExternalFormat ExternalFormatLike
        Stream StreamIO ensure_external_format
    """,
    "tls": "NotTLS TLS TLSCertificateError TLSError TLSMismatch TLSTruncated",
}
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names.split()}

__all__ = tuple(sorted(_MODULE_OF))


def __getattr__(name: str) -> Any:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
