"""Finding out early that datagrams would be delivered to nobody."""

from typing import Any

from ..._core.meant import meant_instead
from ..protocol_methods import ProtocolMethods
from .protocol import DatagramDelivery, DatagramProtocol

__all__ = ("check_datagram_protocol",)

_METHODS = {"one": "datagram_received", "many": "datagrams_received"}

# What others call the two.
_ELSEWHERE = {"each": "one", "single": "one", "batch": "many", "all": "many", "list": "many"}

_KNOWN = ProtocolMethods(DatagramProtocol, "datagram endpoint", _METHODS.values())


def check_datagram_protocol(protocol: Any, delivery: DatagramDelivery) -> str:
    """Return the name of the method that datagrams are delivered to.

    Raises:
        TypeError: The protocol does not have it; or a method of its class cannot be called as it
            will be; see `ProtocolMethods.check_taking`.
        ValueError: There is no such delivery.
    """
    if not isinstance(delivery, str) or delivery not in _METHODS:
        meant = meant_instead(str(delivery), _METHODS, _ELSEWHERE)
        raise ValueError(f"datagrams have no delivery as {delivery!r}{meant}")
    name = _METHODS[delivery]
    _KNOWN.check_taking(protocol, delivery, [name])
    return name
