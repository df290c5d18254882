"""What those who know Python's `socket`, or our streams, try on datagram sockets."""

from typing import TYPE_CHECKING

from ..._core.meant import Elsewhere, ElsewhereNames, OtherKind

__all__ = ("PythonDatagramNames", "PythonPacketNames")

_LISTENERS = "passive sockets"
_STREAMS = "stream sockets"
_NO_WAIT = "calls that may wait have a timeout, and 0 is not to wait"


class PythonDatagramNames(ElsewhereNames):
    """Those that a datagram socket has under another name, and those that only streams have."""

    if not TYPE_CHECKING:
        connect_ex = Elsewhere("connect() raises what has failed")
        getpeername = Elsewhere("the peer's name is the property remote_name")
        gettimeout = Elsewhere(_NO_WAIT)
        recv = Elsewhere("receive_from() returns a datagram, and its sender")
        recv_into = Elsewhere("receive_from() takes a buffer, too")
        recvfrom = Elsewhere("receive_from() returns a datagram, and its sender")
        recvfrom_into = Elsewhere("receive_from() takes a buffer, too")
        recvmsg = Elsewhere("receive_from() returns a datagram, and its sender")
        send = Elsewhere("send_to() sends to the peer, too")
        sendall = Elsewhere("send_to() sends a datagram, as a whole")
        sendmsg = Elsewhere("send_to() sends a datagram")
        sendto = Elsewhere("send_to() sends a datagram")
        settimeout = Elsewhere(_NO_WAIT)
        accept = OtherKind(_LISTENERS, "receive_from() returns what anybody has sent")
        listen = OtherKind(_LISTENERS, "bind() is enough to receive")
        finish_output = OtherKind(_STREAMS, "send_to() sends at once")
        force_output = OtherKind(_STREAMS, "send_to() sends at once")
        read = OtherKind(_STREAMS, "receive_from() returns a datagram")
        read_exactly = OtherKind(_STREAMS, "receive_from() returns a datagram")
        read_into = OtherKind(_STREAMS, "receive_from() takes a buffer, too")
        read_line = OtherKind(_STREAMS, "receive_from() returns a datagram")
        read_text = OtherKind(_STREAMS, "receive_from() returns a datagram")
        read_until = OtherKind(_STREAMS, "receive_from() returns a datagram")
        shutdown = OtherKind(_STREAMS, "close() ends it, and disconnect() leaves the peer")
        write = OtherKind(_STREAMS, "send_to() sends a datagram")
        write_line = OtherKind(_STREAMS, "send_to() sends a datagram")


class PythonPacketNames(ElsewhereNames):
    """Those that a packet socket does not have, since only one that listens has."""

    if not TYPE_CHECKING:
        accept = OtherKind(_LISTENERS, "make_socket(connect='passive', ...) makes one")
        listen = OtherKind(_LISTENERS, "make_socket(connect='passive', ...) makes one")
