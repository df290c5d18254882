"""What the tests of sockets and streams have in common: connections, calls in threads, shortages.

Everything is bounded in time, and whatever a block has opened is gone at its end.
"""

import contextlib
import functools
import os
import resource
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from support.peers import socket_pair
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    Busy,
    PassiveSocket,
    TimedOut,
    make_socket,
    make_socket_from_fd,
)

T = TypeVar("T")


class Call(Generic[T]):
    """A call in a thread of its own, which has ended when the ``with`` block ends.

    What it raises is raised by `result`; if nobody asks for that, at the end of the block.
    """

    def __init__(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> None:
        self._results: list[T] = []
        self._failure: BaseException | None = None
        self._function = functools.partial(function, *args, **kwargs)
        self._thread = threading.Thread(target=self._run, name="call of a test", daemon=True)

    def _run(self) -> None:
        try:
            self._results.append(self._function())
        except BaseException as error:
            self._failure = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._thread.join(PATIENCE)
        if kind is None:
            assert not self._thread.is_alive(), "the call has not returned"
            if self._failure is not None:
                raise self._failure

    @property
    def is_running(self) -> bool:
        """Whether it has not returned yet."""
        return self._thread.is_alive()

    def result(self) -> T:
        """Wait for what the call returns, and return it, or raise what it raises."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the call has not returned"
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return self._results[0]


@contextlib.contextmanager
def stream_and_peer(
    family: socket.AddressFamily = socket.AF_UNIX, **options: Any
) -> Iterator[tuple[ActiveSocket, socket.socket]]:
    """Yield a stream and the standard library's socket at its other end; AF_INET is TCP."""
    with socket_pair(family) as (mine, peer):
        stream = make_socket_from_fd(mine.detach(), dup=False, **options)
        try:
            yield stream, peer
        finally:
            stream.close(abort=True)


def is_writing(stream: ActiveSocket) -> bool:
    """Return whether another thread has the right to write."""
    try:
        stream.clear_output()
    except Busy:
        return True
    return False


@contextlib.contextmanager
def listening(**options: Any) -> Iterator[PassiveSocket]:
    """Yield a socket that listens on the loopback interface."""
    options.setdefault("local_host", "127.0.0.1")
    with make_socket(connect="passive", **options) as listener:
        yield listener


@contextlib.contextmanager
def connected_sockets(
    listener_options: dict[str, Any] | None = None, **options: Any
) -> Iterator[tuple[ActiveSocket, ActiveSocket]]:
    """Yield the client and the server of a TCP connection between two sockets of ours."""
    with listening(**(listener_options or {})) as listener:
        client = make_socket(
            remote_host=listener.local_host, remote_port=listener.local_port, **options
        )
        server = listener.accept()
    try:
        yield client, server
    finally:
        client.close(abort=True)
        server.close(abort=True)


@contextlib.contextmanager
def full_listener(family: socket.AddressFamily = socket.AF_INET) -> Iterator[socket.socket]:
    """Yield a listening socket whose backlog is full: connecting to it takes until it accepts.

    A client asks once more after a second.
    """
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with socket.socket(family) as listener:
        listener.bind((host, 0))
        listener.listen(0)
        with socket.create_connection(listener.getsockname()[:2], timeout=PATIENCE):
            yield listener


@contextlib.contextmanager
def signals(interval: float, handler: Callable[[], object]) -> Iterator[None]:
    """Interrupt the main thread every so many seconds, and call `handler` there.

    SIGALRM would do it more simply, but belongs to whoever ends tests that hang.
    """
    stop = threading.Event()
    main = threading.main_thread().ident
    assert main is not None

    def strike() -> None:
        while not stop.wait(interval):
            signal.pthread_kill(main, signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda number, frame: handler())
    thread = threading.Thread(target=strike, name="signals")
    try:
        thread.start()
        yield
    finally:
        stop.set()
        thread.join(PATIENCE)
        signal.signal(signal.SIGUSR1, before)


@contextlib.contextmanager
def raising(after: float, error: type[BaseException]) -> Iterator[None]:
    """Let a signal's handler raise an error in the main thread, once, after so many seconds.

    The signal comes again and again: one that comes just before a call sleeps does not wake it.
    """
    raised = False

    def raise_once() -> None:
        nonlocal raised
        if not raised:
            raised = True
            raise error

    with signals(after, raise_once):
        yield


@contextlib.contextmanager
def no_descriptors_left(spare: int = 0) -> Iterator[None]:
    """Let this process have no descriptor to open, or just so many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    top = max(map(int, os.listdir("/proc/self/fd" if os.path.isdir("/proc") else "/dev/fd")))
    taken: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (top + 2 + spare, hard))
        with contextlib.suppress(OSError):
            while True:
                taken.append(os.dup(0))
        for _ in range(spare):
            os.close(taken.pop())
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        for number in taken:
            os.close(number)


def wait_for_a_waiter(waiting: threading.Semaphore) -> None:
    """Wait until another thread is about to wait for a descriptor; see the fixture `waiting`."""
    assert waiting.acquire(timeout=PATIENCE), "nobody waits"


def forget(waiting: threading.Semaphore) -> None:
    """Take no account of those who have waited so far."""
    while waiting.acquire(blocking=False):
        pass


class PlainChannel:
    """A channel of which the system can do nothing by itself, as one that changes its bytes."""

    def __init__(self, channel: Any) -> None:
        self._channel = channel

    def __getattr__(self, name: str) -> Any:
        if name == "send_file":
            raise AttributeError(name)
        return getattr(self._channel, name)


def fill(stream: ActiveSocket) -> int:
    """Send until the system takes no more, and return how much that was."""
    sent = 0
    stream.set_option("send_buffer", 4096)
    with contextlib.suppress(TimedOut):
        while True:
            stream.write(bytes(65_536), timeout=0.05)
            sent += 65_536
    return sent + 65_536
