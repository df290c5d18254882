"""Who is at the other end of a local socket, as the system vouches for it; see unix(7)."""

import socket
import struct
from collections.abc import Iterable
from typing import NamedTuple

from ..errors import NotConnected, OptionNotSupported
from .datagram_descriptor import ControlMessage
from .socket_descriptor import SocketDescriptor

__all__ = (
    "ROOM_FOR_CREDENTIALS",
    "Credentials",
    "ask_for_credentials",
    "credentials_in",
    "credentials_of_peer",
)

_OF_PEER = getattr(socket, "SO_PEERCRED", None)  # Linux has it
_ASK = getattr(socket, "SO_PASSCRED", None)
_MESSAGE = getattr(socket, "SCM_CREDENTIALS", None)
_FORMAT = struct.Struct("@iII")  # struct ucred
_NOBODY = 2**32 - 1

ROOM_FOR_CREDENTIALS = getattr(socket, "CMSG_SPACE", int)(_FORMAT.size)
"""Bytes that are enough for them beside a message."""


class Credentials(NamedTuple):
    """A process, and as whom it runs.

    Attributes:
        pid: The number of the process, 0 for one that cannot be seen from here. When it has ended,
            another one may get its number.
        uid: The number of its user.
        gid: The number of its group.
    """

    pid: int
    uid: int
    gid: int


def credentials_of_peer(descriptor: SocketDescriptor) -> Credentials:
    """Return who was the peer when the connection was made.

    Raises:
        NotConnected: There is no connection.
        OptionNotSupported: The platform does not tell.
    """
    if _OF_PEER is None:
        raise OptionNotSupported(operation="getsockopt credentials", address=descriptor.where)
    data = descriptor.get_option_bytes(socket.SOL_SOCKET, _OF_PEER, _FORMAT.size)
    found = Credentials(*_FORMAT.unpack(data))
    if found.uid == _NOBODY:
        raise NotConnected(operation="getsockopt credentials", address=descriptor.where)
    return found


def ask_for_credentials(descriptor: SocketDescriptor) -> None:
    """Have the system say of each message from now on who has sent it.

    Raises:
        OptionNotSupported: It cannot.
    """
    if _ASK is None:
        raise OptionNotSupported(operation="setsockopt credentials", address=descriptor.where)
    descriptor.set_option(socket.SOL_SOCKET, _ASK, 1)


def credentials_in(control: Iterable[ControlMessage]) -> Credentials | None:
    """Return who has sent a message, or None if the system has not said it."""
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, _MESSAGE) and len(data) >= _FORMAT.size:
            return Credentials(*_FORMAT.unpack_from(data))
    return None
