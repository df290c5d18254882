"""What those who know Python's `socket` try on ours, and what to use instead."""

from typing import TYPE_CHECKING

from .._core.meant import Elsewhere, ElsewhereNames, OtherKind

__all__ = (
    "PythonConnectionNames",
    "PythonListenerNames",
    "PythonSocketNames",
)

_CONNECTIONS = "connected sockets"
_DATAGRAMS = "datagram sockets"
_LISTENERS = "passive sockets"
_NO_WAIT = "calls that may wait have a timeout, and 0 is not to wait"


class PythonSocketNames(ElsewhereNames):
    """The methods of Python's sockets that no socket of ours has by that name."""

    if not TYPE_CHECKING:  # which are to find them missing
        detach = Elsewhere("to_socket() returns one of Python's sockets")
        family = Elsewhere("the property address_family tells it")
        dup = Elsewhere("make_socket_from_fd() makes a socket of a duplicate of fileno()")
        getblocking = Elsewhere(_NO_WAIT)
        getsockname = Elsewhere("this end's name is the property local_name")
        getsockopt = Elsewhere("get_option() takes an option's name, see OPTION_NAMES")
        setblocking = Elsewhere(_NO_WAIT)
        setsockopt = Elsewhere("set_option() takes an option's name, see OPTION_NAMES")


class PythonConnectionNames(ElsewhereNames):
    """Those that a socket with a peer has under another name."""

    if not TYPE_CHECKING:
        abort = Elsewhere("close(abort=True) drops what is queued")
        accept = Elsewhere("make_socket(connect='passive', ...) makes a socket that accepts")
        at_eof = Elsewhere("at the end a read returns nothing, and read_line() raises EndOfFile")
        encoding = Elsewhere("the property external_format tells the encoding, and can be set")
        connect_ex = Elsewhere("connect() raises what has failed, connect(timeout=0) only starts")
        get_extra_info = Elsewhere("remote_name, local_name and get_option() tell what there is")
        getpeername = Elsewhere("the peer's name is the property remote_name")
        gettimeout = Elsewhere("the limit of time is the property timeout")
        is_closing = Elsewhere("the property closed tells it")
        listen = Elsewhere("make_socket(connect='passive', ...) makes a socket that listens")
        makefile = Elsewhere("an active socket is a stream itself, and raw_io() a file object")
        mode = Elsewhere("a stream takes text and bytes alike, and both ways")
        name = Elsewhere("the two ends' names are the properties local_name and remote_name")
        peek = Elsewhere("peek_char() returns a character and leaves it to be read")
        readable = Elsewhere("wait_until_fd_ready() tells whether something has come")
        recv = Elsewhere("read() takes what has arrived, receive_from() what the system has")
        recv_into = Elsewhere("read_into() fills a buffer, receive_from() takes what is there")
        recvfrom = Elsewhere("receive_from() takes what the system has")
        recvmsg = Elsewhere("receive_from() takes what the system has")
        send = Elsewhere("write() and finish_output() send all of it, send_to() what fits")
        sendall = Elsewhere("write() and finish_output() send all of it")
        sendfile = Elsewhere("send_file() sends a file")
        sendmsg = Elsewhere("send_to() sends what fits")
        sendto = Elsewhere("send_to() sends what fits")
        settimeout = Elsewhere("the limit of time is the property timeout")
        wait_closed = Elsewhere("close() itself waits until what is queued was sent")
        writable = Elsewhere("wait_until_fd_ready() tells whether there is room")
        write_eof = Elsewhere("shutdown(write=True) sends what is queued, and ends the output")
        disconnect = OtherKind(_DATAGRAMS, "close() ends a connection")
        join = OtherKind(_DATAGRAMS, "make_socket(type='datagram') makes one")
        leave = OtherKind(_DATAGRAMS, "make_socket(type='datagram') makes one")
        receive_many = OtherKind(_DATAGRAMS, "read() takes what has arrived")
        send_many = OtherKind(_DATAGRAMS, "write() gathers what is written")


class PythonListenerNames(ElsewhereNames):
    """Those that a socket that listens has under another name."""

    if not TYPE_CHECKING:
        gettimeout = Elsewhere(_NO_WAIT)
        host = Elsewhere("where it listens is local_host, and local_name with the port")
        port = Elsewhere("where it listens is local_port, and local_name with the host")
        recv = Elsewhere("accept() returns a connection, from which one reads")
        serve_forever = Elsewhere("Server(handler, sockets=[it]) serves those who connect")
        settimeout = Elsewhere(_NO_WAIT)
        shutdown = Elsewhere("close() ends the listening")
        receive_from = OtherKind(_CONNECTIONS, "accept() returns such a socket")
        send_to = OtherKind(_CONNECTIONS, "accept() returns such a socket")
