"""What those who know asyncio and Python's `socket` try here, and what to use instead."""

from typing import TYPE_CHECKING

from .._core.meant import Elsewhere, ElsewhereNames

__all__ = ("PythonAsyncSocketNames", "PythonEventLoopNames", "PythonTcpServerNames")

_READS = "what comes goes to the read callback, as bytes or, with stream=True, as a stream"
_WRITES = "write() sends all of it, now or later"
_LATER = "delay(callback, seconds) is a function, which also works from inside the loop"
_WATCHES = "poll() watches a descriptor"
_LISTENS_AT = "where it listens is the property local_name"


class PythonAsyncSocketNames(ElsewhereNames):
    """What asyncio's transports and streams, and Python's sockets, have."""

    if not TYPE_CHECKING:  # which are to find them missing
        destroy = Elsewhere("abort() drops what is queued, and closes now")
        end = Elsewhere("close() sends what is queued, and closes")
        get_extra_info = Elsewhere("remote_name and local_name tell the two ends")
        is_closing = Elsewhere("the property closed tells it")
        pause = Elsewhere("disable() stops reading, or writing")
        pause_reading = Elsewhere("disable() stops reading, or writing")
        read = Elsewhere(_READS)
        readline = Elsewhere(_READS)
        recv = Elsewhere(_READS)
        resume = Elsewhere("enable() goes on reading, or writing")
        resume_reading = Elsewhere("enable() goes on reading, or writing")
        send = Elsewhere(_WRITES)
        sendall = Elsewhere(_WRITES)
        setTimeout = Elsewhere("set_timeouts() sets the limits of time")  # noqa: N815 - as Node's
        settimeout = Elsewhere("set_timeouts() sets the limits of time")


class PythonTcpServerNames(ElsewhereNames):
    """What asyncio's servers have."""

    if not TYPE_CHECKING:
        address = Elsewhere(_LISTENS_AT)
        connections = Elsewhere("the callbacks are given each connection")
        getsockname = Elsewhere(_LISTENS_AT)
        port = Elsewhere(_LISTENS_AT)
        serve_forever = Elsewhere("start_event_loop() serves until nothing is left to do")
        stop = Elsewhere("close() ends the listening")


class PythonEventLoopNames(ElsewhereNames):
    """What asyncio's loops have."""

    if not TYPE_CHECKING:
        add_reader = Elsewhere(_WATCHES)
        add_signal_handler = Elsewhere("signal_handler() is a function")
        add_writer = Elsewhere(_WATCHES)
        call_later = Elsewhere(_LATER)
        call_soon = Elsewhere(_LATER)
        call_soon_threadsafe = Elsewhere("notifier() wakes a loop from other threads")
        run_forever = Elsewhere("run(main) runs it until nothing is left to do")
        stop = Elsewhere("exit() ends it")
