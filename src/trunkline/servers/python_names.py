"""What those who know other servers try on ours, and what to use instead."""

from typing import TYPE_CHECKING

from .._core.meant import Elsewhere, ElsewhereNames

__all__ = ("PythonServerNames", "PythonSupervisorNames")

_ENDS = "shutdown() ends it in good order, and close() at once"
_IS_READY = "it listens as soon as it is made"
_SERVES = "serve_forever() serves in this thread, and start() in the background"
_NAMES = "local_names has the names that it listens at, and port the port"
_HANDLES = "the handler is called with each connection, and what it raises goes to exception_hook"


class PythonServerNames(ElsewhereNames):
    """What `socketserver` and others have on a server."""

    if not TYPE_CHECKING:  # which are to find them missing
        address = Elsewhere(_NAMES)
        finish_request = Elsewhere(_HANDLES)
        handle_error = Elsewhere(_HANDLES)
        handle_request = Elsewhere(_SERVES)
        host = Elsewhere(_NAMES)
        is_alive = Elsewhere("closed tells whether it has ended")
        is_serving = Elsewhere("closed tells whether it has ended, and draining whether it is to")
        join = Elsewhere("wait() waits until it has ended")
        process_request = Elsewhere(_HANDLES)
        run = Elsewhere(_SERVES)
        serve = Elsewhere(_SERVES)
        server_activate = Elsewhere(_IS_READY)
        server_address = Elsewhere(_NAMES)
        server_bind = Elsewhere(_IS_READY)
        server_close = Elsewhere(_ENDS)
        socket = Elsewhere("sockets has those that listen")
        start_serving = Elsewhere(_SERVES)
        stop = Elsewhere(_ENDS)
        terminate = Elsewhere(_ENDS)
        wait_closed = Elsewhere("wait() waits until it has ended")


class PythonSupervisorNames(ElsewhereNames):
    """What other supervisors, and servers, have."""

    if not TYPE_CHECKING:
        join = Elsewhere("run() returns when its workers have ended")
        reload = Elsewhere("the signal SIGHUP replaces its workers while it runs")
        serve = Elsewhere("run() starts the workers, and returns when they have ended")
        serve_forever = Elsewhere("run() starts the workers, and returns when they have ended")
        shutdown = Elsewhere("the signal SIGTERM ends it in good order while it runs")
        start = Elsewhere("run() starts the workers, and returns when they have ended")
        stop = Elsewhere("the signal SIGTERM ends it in good order while it runs")
        terminate = Elsewhere("the signal SIGTERM ends it in good order while it runs")
