"""Many conversations, in which the callbacks do bad things at random; then nothing may be left.

`test_under_faults` runs it, in a process that meets hostile faults: connections break, and there
are no descriptors. Who has been told what is checked all the same:

    python tests/evented/turmoil.py BACKEND SEED
"""

import contextlib
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from trunkline import SocketError
from trunkline.evented import (
    AsyncSocket,
    Event,
    current_event_loop,
    delay,
    interval,
    local_connect,
    local_server,
    notifier,
    start_event_loop,
    tcp_connect,
    tcp_server,
)

CLIENTS = 400
LIMIT = 0.25  # seconds, after which a conversation in which something is lost is over

T = TypeVar("T")


class Misdeed(Exception):
    """What callbacks raise."""


class Turmoil:
    """Servers, clients, and what becomes of them.

    Attributes:
        done: How often each bad thing was done.
    """

    def __init__(self, seed: int, directory: Path) -> None:
        self.done: Counter[str] = Counter()
        self._dice = random.Random(seed)
        self._path = directory / "socket"
        self._sockets: dict[AsyncSocket, int] = {}  # all, and how many events each was told
        self._closed: set[AsyncSocket] = set()  # those that were closed by a callback
        self._caught: list[Exception] = []
        self._misdeeds: list[Callable[[AsyncSocket | None], None]] = [
            self._raise,
            self._close_its_own,
            self._close_another,
            self._call_the_loop,
            self._call_later,
        ]

    def run(self, backend: str) -> None:
        """Begin, and go on until all have ended; then look what is left."""
        start_event_loop(self._main, backend=backend, catch_app_errors=self._caught.append)
        assert len(self._sockets) >= CLIENTS
        assert {type(error) for error in self._caught} == {Misdeed}, self._caught
        for sock, told in self._sockets.items():
            assert sock.closed
            assert sock.fileno() == -1
            assert told == 1 or (told == 0 and sock in self._closed), (sock, told)

    def _main(self) -> None:
        current_event_loop().default_event_handler = self._late_event
        callbacks: list[Any] = [self._read, self._event]
        options: Any = {"connect_cb": self._accepted, "write_cb": self._misbehave}
        self._tcp = persist(
            lambda: tcp_server("127.0.0.1", 0, *callbacks, read_timeout=LIMIT, **options)
        )
        self._local = persist(
            lambda: local_server(self._path, *callbacks, read_timeout=LIMIT, **options)
        )
        self._before = self._numbers()
        self._ticking = interval(self._tick, 0.002)

    def _tick(self) -> None:
        if len(self._sockets) < CLIENTS:
            self._connect()
        elif not any(not sock.closed for sock in self._sockets):
            if self._numbers() == self._before:
                for handle in (self._tcp, self._local):
                    handle.close()
                self._ticking.free()
            return
        self._misbehave(None)

    def _numbers(self) -> tuple[int, int, dict[str, int]]:
        """Return how many handlers, timers and handles there are, but for those of the test."""
        loop = current_event_loop()
        statistics = loop.event_base.statistics()
        handles = dict(loop.statistics().handles)
        ticking = handles.pop("interval", 0)
        return statistics.handlers, statistics.timers - ticking, handles

    # -- conversations ---------------------------------------------------------------------------

    def _connect(self) -> None:
        callbacks: list[Any] = [self._read, self._event]
        options: Any = {
            "data": bytes(self._dice.randrange(1, 100_000)),
            "connect_cb": self._misbehave,
            "write_cb": self._misbehave,
            "read_timeout": LIMIT,
        }
        sock: AsyncSocket
        if self._dice.random() < 0.5:
            sock = tcp_connect("127.0.0.1", self._tcp.local_name.port, *callbacks, **options)
        else:
            sock = local_connect(self._path, *callbacks, **options)
        self._sockets[sock] = 0

    def _accepted(self, sock: AsyncSocket) -> None:
        self._sockets[sock] = 0
        self._misbehave(sock)

    def _read(self, sock: AsyncSocket, data: bytes) -> None:
        sock.write(data[:-1])  # so that it comes to an end
        self._misbehave(sock)

    def _event(self, event: Event) -> None:
        self._sockets[event.source] += 1
        self._misbehave(event.source)

    def _late_event(self, event: Event) -> None:
        assert event.source.closed, event

    # -- what they do ----------------------------------------------------------------------------

    def _misbehave(self, own: AsyncSocket | None) -> None:
        if self._dice.random() < 0.2:
            misdeed = self._dice.choice(self._misdeeds)
            self.done[misdeed.__name__] += 1
            misdeed(own)

    def _raise(self, own: AsyncSocket | None) -> None:
        raise Misdeed

    def _close_its_own(self, own: AsyncSocket | None) -> None:
        if own is not None and not own.closed:
            self._closed.add(own)
            (own.close if self._dice.random() < 0.5 else own.abort)()

    def _close_another(self, own: AsyncSocket | None) -> None:
        self._close_its_own(self._dice.choice(list(self._sockets)))

    def _call_the_loop(self, own: AsyncSocket | None) -> None:
        loop = current_event_loop()
        for call in (loop.run, loop.close, loop.event_base.dispatch):
            with contextlib.suppress(RuntimeError):
                call()
                raise AssertionError(f"{call} went well")

    def _call_later(self, own: AsyncSocket | None) -> None:
        again = self._dice.choice([delay, lambda call: delay(call, 0.01), self._notify])
        again(lambda: self._misbehave(own))

    def _notify(self, callback: Callable[[], object]) -> None:
        notifier(callback).trigger()


def persist(make: Callable[[], T]) -> T:
    """Try again until there are descriptors."""
    while True:
        with contextlib.suppress(SocketError):
            return make()


def main(backend: str, seed: str) -> None:
    with tempfile.TemporaryDirectory() as directory:
        turmoil = Turmoil(int(seed), Path(directory))
        turmoil.run(backend)
        assert len(turmoil.done) == 5, turmoil.done
    print(*(f"{name}: {count}" for name, count in turmoil.done.items()), sep=", ")


if __name__ == "__main__":
    main(*sys.argv[1:])
