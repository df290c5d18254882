"""What those who know asyncio, or our other classes, try on datagram endpoints."""

from typing import TYPE_CHECKING

from ..._core.meant import Elsewhere, ElsewhereNames, OtherKind

__all__ = ("PythonEndpointNames",)

_NAMES = "local_name and remote_name tell the two ends"
_DELIVERS = "what arrives goes to the protocol, as the delivery says"
_PAUSES = "the protocol's pause_writing() and resume_writing() tell how much is queued"
_SENDS = "send_to() sends a datagram, now or later"
_TRANSPORTS = "transports"
_SOCKETS = "datagram sockets"
_DETACH = "detach() makes one of this"


class PythonEndpointNames(ElsewhereNames):
    """What an endpoint has under another name, and what only other kinds of things have."""

    __slots__ = ()

    if not TYPE_CHECKING:
        drain = Elsewhere(_PAUSES)
        flush = Elsewhere(_PAUSES)
        get_extra_info = Elsewhere(_NAMES)
        get_protocol = Elsewhere("the property protocol is it")
        get_write_buffer_size = Elsewhere("the property buffered_output tells it")
        is_reading = Elsewhere("pause_reading() and resume_reading() may be repeated")
        peername = Elsewhere(_NAMES)
        recv = Elsewhere(_DELIVERS)
        recvfrom = Elsewhere(_DELIVERS)
        remote_host = Elsewhere("remote_name has the host, and the port")
        remote_port = Elsewhere("remote_name has the port, and the host")
        local_host = Elsewhere("local_name has the host, and the port")
        local_port = Elsewhere("local_name has the port, and the host")
        send = Elsewhere(_SENDS)
        sendall = Elsewhere(_SENDS)
        sendto = Elsewhere(_SENDS)
        set_write_buffer_limits = Elsewhere("set_water_marks() sets them")
        stop = Elsewhere("close() sends what is queued, and closes")
        bind = OtherKind(_SOCKETS, "open_datagrams() takes local_host and local_port")
        connect = OtherKind(_SOCKETS, _DETACH)
        disconnect = OtherKind(_SOCKETS, _DETACH)
        receive_from = OtherKind(_SOCKETS, _DELIVERS)
        receive_many = OtherKind(_SOCKETS, "delivery='many' delivers all that have come")
        hold_output = OtherKind(_TRANSPORTS, "whoever is to send later keeps it until then")
        set_delivery = OtherKind(_TRANSPORTS, "set_protocol() takes the delivery, too")
        write = OtherKind(_TRANSPORTS, _SENDS)
        write_eof = OtherKind(_TRANSPORTS, "datagrams have no end of file")
        writelines = OtherKind(_TRANSPORTS, "send_many() sends several datagrams")
