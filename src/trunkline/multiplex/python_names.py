"""What those who know asyncio try on ours, and what to use instead."""

from typing import TYPE_CHECKING

from .._core.meant import Elsewhere, ElsewhereNames

__all__ = ("PythonLoopNames", "PythonTransportNames")

_DISPATCHES = "dispatch() serves what is registered, until exit() is called or nothing is left"
_LATER = "add_timer(callback, seconds, one_shot=True) calls it later"
_HANDLES = "set_io_handler() watches a descriptor, and connect() makes a transport"
_FORGETS = "remove_fd_handlers() ends the watching"
_NAMES = "local_name and remote_name tell the two ends"
_WRITES = "write() sends all of it, now or later"
_DELIVERS = "what arrives goes to the protocol, as the delivery says"


class PythonLoopNames(ElsewhereNames):
    """What asyncio's loops, and `selectors`, have on what we call an event base."""

    if not TYPE_CHECKING:  # which are to find them missing
        add_reader = Elsewhere(_HANDLES)
        add_signal_handler = Elsewhere("set_signal_handler() has a callback called for a signal")
        add_writer = Elsewhere(_HANDLES)
        call_at = Elsewhere(_LATER)
        call_later = Elsewhere(_LATER)
        is_running = Elsewhere("closed tells whether it has ended")
        modify = Elsewhere(_HANDLES)
        register = Elsewhere(_HANDLES)
        remove_reader = Elsewhere(_FORGETS)
        remove_writer = Elsewhere(_FORGETS)
        run = Elsewhere(_DISPATCHES)
        run_forever = Elsewhere(_DISPATCHES)
        run_until_complete = Elsewhere(_DISPATCHES)
        select = Elsewhere(_DISPATCHES)
        start = Elsewhere(_DISPATCHES)
        stop = Elsewhere("exit() ends dispatch()")
        time = Elsewhere("now() is the time by its clock")
        unregister = Elsewhere(_FORGETS)


class PythonTransportNames(ElsewhereNames):
    """What asyncio's transports, and sockets, have."""

    __slots__ = ()

    if not TYPE_CHECKING:
        can_write_eof = Elsewhere("write_eof() always can")
        get_extra_info = Elsewhere(_NAMES)
        get_protocol = Elsewhere("the property protocol is it")
        get_write_buffer_size = Elsewhere("the property buffered_output tells it")
        is_reading = Elsewhere("pause_reading() and resume_reading() may be repeated")
        read = Elsewhere(_DELIVERS)
        read_line = Elsewhere(_DELIVERS)
        recv = Elsewhere(_DELIVERS)
        send = Elsewhere(_WRITES)
        sendall = Elsewhere(_WRITES)
        set_write_buffer_limits = Elsewhere("set_water_marks() sets them")
        shutdown = Elsewhere("write_eof() ends the output, and close() both directions")
        write_line = Elsewhere("write() takes text, its newlines included")
