"""What those who know asyncio try on ours, and what to use instead."""

from typing import TYPE_CHECKING

from .._core.meant import Elsewhere, ElsewhereNames

__all__ = ("PythonLoopNames", "PythonReconnectorNames", "PythonServerNames", "PythonTransportNames")

_DISPATCHES = "dispatch() serves what is registered, until exit() is called or nothing is left"
_LATER = "add_timer(callback, seconds, one_shot=True) calls it later"
_HANDLES = "set_io_handler() watches a descriptor, and connect() makes a transport"
_FORGETS = "remove_fd_handlers() ends the watching"
_NAMES = "local_name and remote_name tell the two ends"
_WRITES = "write() sends all of it, now or later"
_ABORTS = "abort() drops what is queued, and closes now"
_CLOSES = "close() sends what is queued, and closes"
_PAUSES = "the protocol's pause_writing() and resume_writing() tell how much is queued"
_LISTENS_AT = "where it listens is the property local_name"
_GIVES_UP = "close() gives it up, with the connection that there is"
_DELIVERS = "what arrives goes to the protocol, as the delivery says"


class PythonLoopNames(ElsewhereNames):
    """What asyncio's loops, and `selectors`, have on what we call an event base."""

    if not TYPE_CHECKING:  # which are to find them missing
        add_reader = Elsewhere(_HANDLES)
        add_signal_handler = Elsewhere("set_signal_handler() has a callback called for a signal")
        add_writer = Elsewhere(_HANDLES)
        callLater = Elsewhere(_LATER)  # noqa: N815 - as Twisted has it
        call_at = Elsewhere(_LATER)
        call_later = Elsewhere(_LATER)
        connect = Elsewhere("connect(event_base, protocol, ...) is a function")
        create_connection = Elsewhere("connect(event_base, protocol, ...) is a function")
        create_server = Elsewhere("listen(event_base, socket, protocol_factory) is a function")
        create_task = Elsewhere("nothing is awaited here: a protocol's methods are called")
        is_running = Elsewhere("closed tells whether it has ended")
        listen = Elsewhere("listen(event_base, socket, protocol_factory) is a function")
        modify = Elsewhere(_HANDLES)
        register = Elsewhere(_HANDLES)
        remove_reader = Elsewhere(_FORGETS)
        remove_writer = Elsewhere(_FORGETS)
        run = Elsewhere(_DISPATCHES)
        run_in_executor = Elsewhere("a thread hands over what it has by call_soon_threadsafe()")
        run_forever = Elsewhere(_DISPATCHES)
        run_until_complete = Elsewhere(_DISPATCHES)
        select = Elsewhere(_DISPATCHES)
        set_exception_handler = Elsewhere("the property exception_handler can be set")
        start = Elsewhere(_DISPATCHES)
        stop = Elsewhere("exit() ends dispatch()")
        time = Elsewhere("now() is the time by its clock")
        unregister = Elsewhere(_FORGETS)


class PythonTransportNames(ElsewhereNames):
    """What asyncio's transports, and sockets, have."""

    __slots__ = ()

    if not TYPE_CHECKING:
        abortConnection = Elsewhere(_ABORTS)  # noqa: N815 - as Twisted has it
        can_write_eof = Elsewhere("write_eof() always can")
        drain = Elsewhere(_PAUSES)
        flush = Elsewhere(_PAUSES)
        get_extra_info = Elsewhere(_NAMES)
        get_protocol = Elsewhere("the property protocol is it")
        get_write_buffer_size = Elsewhere("the property buffered_output tells it")
        is_reading = Elsewhere("pause_reading() and resume_reading() may be repeated")
        loseConnection = Elsewhere(_CLOSES)  # noqa: N815 - as Twisted has it
        peername = Elsewhere(_NAMES)
        read = Elsewhere(_DELIVERS)
        read_line = Elsewhere(_DELIVERS)
        readline = Elsewhere(_DELIVERS)
        recv = Elsewhere(_DELIVERS)
        remote_host = Elsewhere("remote_name has the host, and the port")
        remote_port = Elsewhere("remote_name has the port, and the host")
        send = Elsewhere(_WRITES)
        sendall = Elsewhere(_WRITES)
        sendfile = Elsewhere("send_file() sends a file, now or later")
        set_write_buffer_limits = Elsewhere("set_water_marks() sets them")
        stop = Elsewhere(_CLOSES)
        shutdown = Elsewhere("write_eof() ends the output, and close() both directions")
        write_line = Elsewhere("write() takes text, its newlines included")


class PythonServerNames(ElsewhereNames):
    """What asyncio's servers have."""

    __slots__ = ()

    if not TYPE_CHECKING:
        getsockname = Elsewhere(_LISTENS_AT)
        is_serving = Elsewhere("the property closed tells whether it has ended")
        local_port = Elsewhere(_LISTENS_AT)
        port = Elsewhere(_LISTENS_AT)
        serve_forever = Elsewhere("the event base's dispatch() has connections accepted")
        sockets = Elsewhere("the property socket is the one that it has")
        start_serving = Elsewhere("it accepts as soon as it is made, while dispatch() runs")
        wait_closed = Elsewhere("stop(stopped=...) calls back when all connections have ended")


class PythonReconnectorNames(ElsewhereNames):
    """What others that connect again and again have."""

    if not TYPE_CHECKING:
        abort = Elsewhere(_GIVES_UP)
        cancel = Elsewhere(_GIVES_UP)
        stop = Elsewhere(_GIVES_UP)
        stopTrying = Elsewhere(_GIVES_UP)  # noqa: N815 - as Twisted has it
