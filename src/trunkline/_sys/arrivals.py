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

# A program for the system's packet filter: each instruction has a code, where to go on if it is
# true and if not, and a number. The packet begins with its TCP header.
_DROP_WHAT_OPENS = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # load the byte with the flags
        (0x45, 0, 1, 0x02),  # is SYN among them?
        (0x06, 0, 0, 0),  # keep nothing of it
        (0x06, 0, 0, 0xFFFFFFFF),  # keep all of it
    )
)


def stop_arrivals(number: int) -> None:
    """Let no new connection arrive at a listening internet socket, for all who have it.

    Connections that have arrived, or are on the way, can still be accepted. Who tries to connect
    gets no answer, tries again after a second, and is refused if the socket is closed by then. So
    it is not for a socket that somebody else goes on listening to.

    It works on Linux, and does nothing elsewhere: a filter on the socket drops what opens a
    connection.
    """
    if sys.platform != "linux":
        return
    code = array("B", _DROP_WHAT_OPENS)
    program = struct.pack("HP", len(code) // struct.calcsize("HBBI"), code.buffer_info()[0])
    # It is an improvement, and no reason to fail.
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(number)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
