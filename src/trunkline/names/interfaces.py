"""The machine's network interfaces, by name and by index, and the addresses that they have."""

from .._core.counts import check_count, decimal_value
from .._core.interfaces import Interface, InterfaceAddress
from .._sys.interface_addresses import all_addresses
from .._sys.interfaces import interface_index, interface_name, interface_names
from ..errors import NoSuchDevice

__all__ = ("if_addresses", "list_interfaces", "lookup_interface")

_MOST = 2**31 - 1  # an index is an int to the system, and positive


def list_interfaces() -> tuple[Interface, ...]:
    """Return the machine's network interfaces, also those that are down or have no address.

    Raises:
        SocketError: The system cannot tell.
    """
    return tuple(Interface(name, index) for index, name in interface_names("list_interfaces"))


def lookup_interface(name_or_index: str | int) -> Interface:
    """Find a network interface by its name, or by its index.

    You would want it to check a name before it becomes the `interface` of a socket, or the zone of
    an address; or to say in words what the system tells as a number.

    Args:
        name_or_index: Its name, or another one that Linux lets it have, of at most 15 bytes; or its
            index, also as text, unless an interface has that for a name.

    Raises:
        NoSuchDevice: There is no such interface.
        SocketError: The system cannot tell.
        TypeError: It is neither text nor an integer.
        ValueError: It can be neither a name nor an index.
    """
    asked, operation = name_or_index, "lookup_interface"
    if isinstance(asked, str):
        index = _index_of(asked, operation)
    elif isinstance(asked, bool) or not isinstance(asked, int):
        raise TypeError(f"an interface is its name or its index, not {type(asked).__name__}")
    else:
        index = check_count("the index of an interface", asked, most=_MOST)
    return Interface(interface_name(index, operation, asked), index)


def _index_of(text: str, operation: str) -> int:
    if not text or "\0" in text:
        raise ValueError(f"no interface has such a name: {text!r}")
    try:
        return interface_index(text, operation, text)
    except NoSuchDevice:
        index = decimal_value(text)
        if index is None or not 1 <= index <= _MOST:
            raise
        return index


def if_addresses() -> tuple[InterfaceAddress, ...]:
    """Return the addresses that this machine has, interface by interface.

    You would want it to tell people where a server can be reached that listens at an unspecified
    address, or to choose the address to listen at. They may change at any time.

    It asks the kernel, and works on Linux.

    Raises:
        OperationNotSupported: It cannot be found out on this platform.
        WouldBlock: The interfaces change faster than they can be read.
        SocketError: The system does not tell.
    """
    return all_addresses()
