"""Ending servers by signals."""

import contextlib
import signal
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any

from .._core.deadline import check_timeout
from ..multiplex.signal_handlers import check_signal
from ..streams.stream import DEFAULT_TIMEOUT, Timeout
from .server import Server

__all__ = ("shutdown_on_signals",)

# Seconds after the second signal: for handlers that end because their connections are cut.
_AT_ONCE = 0.25


@contextlib.contextmanager
def shutdown_on_signals(
    *servers: Server,
    signals: Iterable[int] = (signal.SIGTERM, signal.SIGINT),
    timeout: Timeout = DEFAULT_TIMEOUT,
) -> Iterator[None]:
    """Within a ``with`` block, let signals end servers in good order.

    The first signal lets them drain, see `Server.shutdown`; the next one cuts what is left, and
    does not wait for handlers that go on nevertheless: they are named in the log. From then on, and
    after the block, the signals do what they did before it. Where such a handler runs in the main
    thread, because the server has no others, the second one does that too, after a moment::

        with Server(handler, host="127.0.0.1", port=7777) as server, shutdown_on_signals(server):
            server.serve_forever()

    Args:
        *servers: The servers to end.
        signals: The signals. Default: SIGTERM and SIGINT, which is Ctrl-C.
        timeout: Seconds for the clients, in place of the servers' `drain_timeout`.

    Raises:
        ValueError: This is not the main thread, which alone may handle signals; or one of them is
            none, or cannot be handled.
        TypeError: An argument is of the wrong type.
    """
    if not servers:
        raise TypeError("there is no server that signals could end: shutdown_on_signals(server)")
    for server in servers:
        if not isinstance(server, Server):
            raise TypeError(f"what signals end are servers, and {type(server).__name__} is none")
    numbers = _numbers(signals)
    if timeout is not DEFAULT_TIMEOUT:
        check_timeout(timeout)
    has_struck = False
    insisting: list[threading.Thread] = []

    def strike(number: int, frame: FrameType | None) -> None:
        nonlocal has_struck
        # Noted first: the next signal may strike before this loop is over.
        is_first, has_struck = not has_struck, True
        if is_first:
            for server in servers:
                server.shutdown(timeout, wait=False)
            return
        restoring.close()
        for server in servers:
            server.shutdown(0, join_timeout=_AT_ONCE, wait=False)
        hindered = [server for server in servers if server._keeps_this_thread()]
        if hindered:
            arguments = number, hindered, threading.get_ident()
            thread = threading.Thread(target=_insist, args=arguments, daemon=True)
            insisting.append(thread)
            thread.start()

    try:
        with contextlib.ExitStack() as restoring:
            _handle(numbers, strike, restoring)
            yield
    finally:
        for each in insisting:
            each.join()  # which has nothing to wait for any more


def _insist(number: int, servers: list[Server], thread: int) -> None:
    """Send a signal again, unless the handlers return that keep a thread."""
    have_let_go = [server._wait_until_it_lets_go() for server in servers]
    if not all(have_let_go):
        if hasattr(signal, "pthread_kill"):  # which also wakes that thread
            signal.pthread_kill(thread, number)
        else:
            signal.raise_signal(number)


def _numbers(signals: Any) -> list[int]:
    if isinstance(signals, str) or not isinstance(signals, Iterable):
        raise TypeError(f"signals are several, in a list for example: not {signals!r}")
    numbers = list(signals)
    for number in numbers:
        check_signal(number)
    return numbers


def _handle(signals: Iterable[int], handler: Any, restoring: contextlib.ExitStack) -> None:
    for number in signals:
        try:
            before: Any = signal.signal(number, handler)
        except OSError:
            raise ValueError(f"signal {number} cannot be handled") from None
        # None stands for a handler that was not installed by Python, and cannot be put back.
        restoring.callback(signal.signal, number, signal.SIG_DFL if before is None else before)
