"""Letting nobody new connect to a socket that is about to be closed.

When a listening socket is closed, whoever is connected and was not accepted is cut off. Accepting
all of them first is not enough: others come meanwhile. So the door is shut before.
"""

import contextlib
import os
import socket
import struct
import sys
from array import array

__all__ = ("stop_arrivals",)

_SO_ATTACH_FILTER = 26  # see socket(7); Python has no name for it
_KEEP_NOTHING = struct.pack("HBBI", 0x06, 0, 0, 0)  # one instruction: return 0, as a length


def stop_arrivals(number: int) -> None:
    """Let no new connection arrive at a listening internet socket, for all who have it.

    Connections that have arrived can still be accepted. Who tries to connect gets no answer, tries
    again after a second, and is refused if the socket is closed by then. So it is not for a socket
    that somebody else goes on listening to.

    It works on Linux, and does nothing elsewhere: a filter on the socket drops what comes in.
    """
    if sys.platform != "linux":
        return
    code = array("B", _KEEP_NOTHING)
    program = struct.pack("HP", 1, code.buffer_info()[0])
    # It is an improvement, and no reason to fail.
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(number)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
