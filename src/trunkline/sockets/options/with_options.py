"""What has socket options: `get_option` and `set_option`, as type checkers know them."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, overload

from ..._sys.late_import import late_import
from ..._sys.sockaddr import AF_INET, AF_INET6
from ..._sys.socket_descriptor import STREAM, SocketDescriptor
from ...errors import OptionNotSupported
from . import get_option, set_option

if TYPE_CHECKING:
    from ..._core.tcp_info import TCPInfo
    from .names import (
        ICMPTypesOption,
        LingerOption,
        MTUDiscovery,
        MTUDiscoveryOption,
        NumberOption,
        NumberOrDefaultOption,
        NumberOrNoneOption,
        OptionName,
        ReadOnlyNumberOption,
        ReadOnlySwitchOption,
        SwitchOption,
        TextOption,
        TimeOption,
    )

__all__ = ("ConnectionWithOptions", "WithOptions")


class WithOptions:
    """The part of a socket, or of a transport, that has options."""

    __slots__ = ()

    def _descriptor_with_options(self, operation: str) -> SocketDescriptor:
        """Return the descriptor whose options they are.

        Raises:
            SocketError: There is none, and `operation` is what it was wanted for.
        """
        raise NotImplementedError

    def _option_was_set(self, name: str, value: object) -> None:
        """Take note of an option that concerns more than the system."""

    @overload
    def get_option(self, name: "SwitchOption | ReadOnlySwitchOption") -> bool: ...
    @overload
    def get_option(
        self, name: "NumberOption | NumberOrDefaultOption | ReadOnlyNumberOption"
    ) -> int: ...
    @overload
    def get_option(self, name: "NumberOrNoneOption | LingerOption") -> int | None: ...
    @overload
    def get_option(self, name: "TimeOption") -> float | None: ...
    @overload
    def get_option(self, name: "TextOption") -> str: ...
    @overload
    def get_option(self, name: "ICMPTypesOption") -> frozenset[int] | None: ...
    @overload
    def get_option(self, name: "MTUDiscoveryOption") -> "MTUDiscovery": ...
    @overload
    def get_option(self, name: "OptionName") -> Any: ...
    def get_option(self, name: "OptionName") -> Any:
        """Return the value of a socket option.

        Args:
            name: Its name, see `OPTION_NAMES`.

        Returns:
            A bool, an int, or a str, whichever the option is; for times the seconds as a float, or
            None where there is no limit; for ``"linger"`` the seconds, or None where it is off;
            for ``"icmp_types"`` a frozenset, or None where it is all of them.

        Raises:
            OptionNotSupported: This platform, or this kind of socket, does not have the option.
            NotConnected: It is one of connections, and there is none.
            SocketClosed: The socket is closed.
            ValueError: There is no option of that name, or it can only be set.
        """
        return get_option(self._descriptor_with_options(f"getsockopt {name}"), name)

    @overload
    def set_option(self, name: "SwitchOption", value: bool) -> None: ...
    @overload
    def set_option(self, name: "NumberOption", value: int) -> None: ...
    @overload
    def set_option(
        self, name: "NumberOrDefaultOption | NumberOrNoneOption", value: int | None
    ) -> None: ...
    @overload
    def set_option(self, name: "LingerOption", value: int | bool | None) -> None: ...
    @overload
    def set_option(self, name: "TimeOption", value: float | None) -> None: ...
    @overload
    def set_option(self, name: "TextOption", value: str) -> None: ...
    @overload
    def set_option(self, name: "ICMPTypesOption", value: Iterable[int] | None) -> None: ...
    @overload
    def set_option(self, name: "MTUDiscoveryOption", value: "MTUDiscovery") -> None: ...
    def set_option(self, name: "OptionName", value: Any) -> None:
        """Set a socket option.

        What is wrong with the value is found out before the system is asked. On an IPv6 socket an
        option of IP is set for IPv4-mapped addresses, too.

        Args:
            name: Its name, see `OPTION_NAMES`.
            value: Of the type that `get_option` returns; ``"linger"`` takes True too, for 15
                seconds, ``"hops"`` None, for the system's default, and ``"icmp_types"`` any
                numbers of types.

        Raises:
            OptionNotSupported: This platform, or this kind of socket, does not have the option; or
                the platform not what the option is set to.
            TypeError, ValueError: There is no option of that name, it can only be read, or the
                value is not one of the option's.
            PermissionDenied: It takes a privilege.
            SocketClosed, SocketError: The operating system said no.
        """
        set_option(self._descriptor_with_options(f"setsockopt {name}"), name, value)
        self._option_was_set(name, value)


class ConnectionWithOptions(WithOptions):
    """The same of a connection, of which TCP knows more."""

    __slots__ = ()

    def tcp_info(self) -> "TCPInfo":
        """Return what the system knows of the TCP connection at this moment (Linux).

        You would want it to find out why a connection is slow: whether packets are lost, the peer
        takes no more, or this end sends too little. It costs one system call.

        Raises:
            OptionNotSupported: This is no TCP connection, or the platform does not tell.
            NotConnected: It is not connected yet.
            SocketClosed: It is closed.
        """
        operation = "getsockopt tcp_info"
        descriptor = self._descriptor_of_connection(operation)
        descriptor.check_open(operation)
        is_tcp = descriptor.family in (AF_INET, AF_INET6) and descriptor.kind == STREAM
        if sys.platform != "linux" or not is_tcp:  # others have another structure
            raise OptionNotSupported(operation=operation, address=descriptor.where)
        # Few programs need it.
        with late_import(operation):
            from ..._core.tcp_info import LARGEST_TCP_INFO, parse_tcp_info

        return parse_tcp_info(descriptor.tcp_info(LARGEST_TCP_INFO))

    def _descriptor_of_connection(self, operation: str) -> SocketDescriptor:
        """Return the descriptor of what is, or was, connected; see `_descriptor_with_options`."""
        raise NotImplementedError
