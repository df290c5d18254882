"""What callbacks of every kind may do: raise, close their own, close others', call the loop again.

Whatever one of them does, the others are served, each failure is told once, and nothing is left.
"""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from evented.helpers import Failure, Noting, ScriptedResolver, Start, fail, in_turn, unwanted
from evented.socket_helpers import HELLO, Place, Script, Told, answer, iterations, play
from support.timing import PATIENCE

from trunkline.evented import (
    EventKind,
    current_event_loop,
    delay,
    dns_lookup,
    exit_event_loop,
    idle,
    interval,
    notifier,
    poll,
    signal_handler,
    start_event_loop,
    tcp_connect,
    tcp_server,
)
from trunkline.evented.events import EventCallback

Deed = Callable[[Any], object]
"""What a callback does. It is called with the handle or socket whose callback it is."""


class Stage:
    """What the kinds of callbacks need: somebody to talk to, and files.

    Args:
        place: Where a server answers.
        resources: What is closed after the loop.
    """

    def __init__(self, place: Place, resources: contextlib.ExitStack) -> None:
        self.place = place
        self.resources = resources
        self.resolver = ScriptedResolver({"one.example": "127.0.0.1"})

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Return two sockets that are connected to each other."""
        one, other = socket.socketpair()
        return self.resources.enter_context(one), self.resources.enter_context(other)

    def listener(self) -> socket.socket:
        """Return a plain socket that listens."""
        return self.resources.enter_context(socket.create_server(("127.0.0.1", 0)))

    def client_of(self, server: Any) -> socket.socket:
        """Return a plain socket that is connected to a server of the loop."""
        address = ("127.0.0.1", server.local_name.port)
        return self.resources.enter_context(socket.create_connection(address, PATIENCE))


@pytest.fixture
def stage(tcp_place: Place) -> Iterator[Stage]:
    """Where a test takes place."""
    with contextlib.ExitStack() as resources:
        yield Stage(tcp_place, resources)


# -- the kinds of callbacks ------------------------------------------------------------------------

Kind = Callable[[Stage, Deed, EventCallback], Any]
"""Has a deed done in a callback of that kind; it returns what is to be closed in the end."""


def of_handle(make: Callable[[Stage, Callable[..., object], EventCallback], Any]) -> Kind:
    """Return the kind of callback that `make` sets up, which does not get its handle."""

    def kind(stage: Stage, deed: Deed, event_cb: EventCallback) -> Any:
        handle = make(stage, lambda *_: deed(handle), event_cb)
        return handle

    return kind


def triggered(stage: Stage, callback: Callable[[], object], event_cb: EventCallback) -> Any:
    handle = notifier(callback, one_shot=False, event_cb=event_cb)
    handle.trigger()
    return handle


def signalled(stage: Stage, callback: Callable[[int], object], event_cb: EventCallback) -> Any:
    handle = signal_handler(signal.SIGUSR1, callback, event_cb=event_cb)
    signal.raise_signal(signal.SIGUSR1)
    return handle


def readable(stage: Stage, callback: Callable[[Any], object], event_cb: EventCallback) -> Any:
    reader, writer = stage.pair()
    writer.send(b"x")
    return poll(reader, callback, event_cb=event_cb)


def accepted(stage: Stage, deed: Deed, event_cb: EventCallback) -> Any:
    server = tcp_server("127.0.0.1", 0, None, event_cb, connect_cb=deed)
    stage.client_of(server)
    return server


def not_accepting(stage: Stage, deed: Deed, event_cb: EventCallback) -> Any:
    server = tcp_server("127.0.0.1", 0, None, lambda event: deed(event.source))
    with socket.socket(fileno=os.dup(server.fileno())) as same:
        same.shutdown(socket.SHUT_RDWR)
    return server


HANDLES: dict[str, Kind] = {
    "deferred call": of_handle(lambda _, callback, event_cb: delay(callback, event_cb=event_cb)),
    "delay": of_handle(lambda _, callback, event_cb: delay(callback, 0.001, event_cb=event_cb)),
    "interval": of_handle(
        lambda _, callback, event_cb: interval(callback, 0.001, event_cb=event_cb)
    ),
    "idler": of_handle(lambda _, callback, event_cb: idle(callback, event_cb=event_cb)),
    "notifier": of_handle(triggered),
    "signal": of_handle(signalled),
    "poller": of_handle(readable),
    "lookup": of_handle(
        lambda stage, callback, event_cb: dns_lookup(
            "one.example", callback, event_cb=event_cb, resolver=stage.resolver
        )
    ),
}
SOCKETS: dict[str, Kind] = {
    "connect": lambda stage, deed, event_cb: stage.place.connect(None, event_cb, connect_cb=deed),
    "read": lambda stage, deed, event_cb: stage.place.connect(
        lambda sock, data: deed(sock), event_cb, data=HELLO
    ),
    "read of a stream": lambda stage, deed, event_cb: stage.place.connect(
        lambda sock, stream: deed(sock), event_cb, data=HELLO, stream=True
    ),
    "write": lambda stage, deed, event_cb: stage.place.connect(
        None, event_cb, data=HELLO, write_cb=deed
    ),
    "accept": accepted,
}
EVENTS: dict[str, Kind] = {
    "event": lambda stage, deed, event_cb: stage.place.connect(
        None, lambda event: deed(event.source), data=HELLO
    ),
    "failure of a lookup": of_handle(
        lambda stage, callback, event_cb: dns_lookup(
            "127.0.0.1", unwanted, event_cb=callback, family="ipv6"
        )
    ),
}
if sys.platform == "linux":  # others do not let a socket that listens be shut down
    EVENTS["event of a server"] = not_accepting
KINDS = HANDLES | SOCKETS | EVENTS
AGAIN = ("interval", "idler", "poller")  # what is called again and again, until it is freed

EACH_KIND = pytest.mark.parametrize("kind", KINDS)


# -- what is done, and what is looked at -----------------------------------------------------------


class Doing:
    """A callback that does something, and when it is called again ends what it belongs to.

    Attributes:
        owns: What it belonged to, for each time that it was called.
    """

    def __init__(self, deed: Deed) -> None:
        self.owns: list[Any] = []
        self._deed = deed

    def __call__(self, own: Any) -> None:
        self.owns.append(own)
        if len(self.owns) == 1:
            self._deed(own)
        else:
            end(own)


def is_over(own: Any) -> bool:
    """Whether a handle is freed, or a socket closed."""
    over: bool = own.freed if hasattr(own, "freed") else own.closed
    return over


def end(own: Any) -> None:
    """Free a handle, or close a socket, unless it is over."""
    if not is_over(own):
        (own.free if hasattr(own, "free") else own.close)()


def numbers() -> tuple[int, int, Mapping[str, int]]:
    """Return how many handlers, timers, and handles of each kind there are just now."""
    loop = current_event_loop()
    statistics = loop.event_base.statistics()
    return statistics.handlers, statistics.timers, loop.statistics().handles


def served(told: Told) -> Script:
    """Check, in a script, that a client which has said hello is answered."""
    yield lambda: told.kinds
    assert told == [("read", HELLO), ("event", EventKind.EOF)]


def perform(
    start: Start,
    stage: Stage,
    kind: str,
    deed: Deed,
    event_cb: EventCallback = unwanted,
    *,
    prepare: Callable[[], Script] | None = None,
    **options: Any,
) -> Doing:
    """Do something in a callback, and check that nobody else notices, and that nothing is left.

    Args:
        prepare: What is done first, in the script.
    """
    doing = Doing(deed)
    old, new = Told(), Told()

    def script() -> Script:
        server = stage.place.serve(answer, lambda event: None)
        yield lambda: True
        before = numbers()
        bystander = stage.place.connect(old.read, old.event)
        yield lambda: bystander.is_connected
        if prepare is not None:
            yield from prepare()
        made = KINDS[kind](stage, doing, event_cb)
        yield lambda: len(doing.owns) > (kind in AGAIN and not is_over(made))
        bystander.write(HELLO)
        yield from served(old)
        stage.place.connect(new.read, new.event, data=HELLO)
        yield from served(new)
        for own in (made, *doing.owns):
            end(own)
        stage.resources.close()
        yield lambda: numbers() == before
        yield iterations()
        server.close()

    loop = start(play(script), **options)
    assert loop.statistics().handles == {}
    return doing


# -- raising ---------------------------------------------------------------------------------------


@EACH_KIND
def test_an_exception_leaves_the_loop_and_nothing_open(
    start: Start, stage: Stage, kind: str
) -> None:
    doing = Doing(fail)
    others: list[Any] = []

    def main() -> None:
        others.append(stage.place.serve(answer, lambda event: None))
        others.append(stage.place.connect(unwanted, unwanted))
        others.append(KINDS[kind](stage, doing, unwanted))

    with pytest.raises(Failure):
        start(main)
    assert len(doing.owns) == 1, "nothing is called once an error is about to leave the loop"
    assert all(map(is_over, others + doing.owns))
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL
    start(lambda: delay(lambda: None))


@pytest.mark.parametrize("first", [lambda own: None, end], ids=["", "closing its own first"])
@EACH_KIND
def test_an_exception_that_is_caught_is_told_once(
    start: Start, stage: Stage, kind: str, first: Deed
) -> None:
    events = Noting()
    caught: list[Exception] = []
    doing = perform(
        start, stage, kind, in_turn(first, fail), events, catch_app_errors=caught.append
    )
    errors: list[Exception | None] = [*caught]
    errors += [event.error for event in events if event.kind is EventKind.ERROR]
    [error] = errors
    assert isinstance(error, Failure)
    assert len(caught) == (kind in EVENTS), "what an event_cb raises is not told to itself"
    assert all(event.source is doing.owns[0] for event in events)
    if kind not in HANDLES:
        assert len(doing.owns) == 1
        assert len(events) == (kind in SOCKETS)


# -- closing ---------------------------------------------------------------------------------------


@EACH_KIND
def test_a_callback_may_close_its_own(start: Start, stage: Stage, kind: str) -> None:
    doing = perform(start, stage, kind, end)
    assert len(doing.owns) == 1


class Victims:
    """Handles and sockets of all kinds, none of which may call anybody."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._open: list[Any] = []
        self._resolver = ScriptedResolver({"one.example": "127.0.0.1"})
        self._resolver.gate.clear()

    def prepare(self) -> Script:
        """Open those that take some time, in a script."""
        listener = self._stage.listener()
        self._port = listener.getsockname()[1]
        self._sockets = [tcp_connect("127.0.0.1", self._port, unwanted, unwanted) for _ in "123"]
        yield lambda: all(sock.is_connected for sock in self._sockets)
        enter = self._stage.resources.enter_context
        self._peers = [enter(listener.accept()[0]) for _ in self._sockets]
        self._server = tcp_server("127.0.0.1", 0, unwanted, unwanted, connect_cb=unwanted)
        self._notifier = notifier(unwanted)
        self._signal_handler = signal_handler(signal.SIGUSR2, unwanted)
        reader, self._writer = self._stage.pair()
        self._poller = poll(reader, unwanted, write=False)
        self._lookup = dns_lookup(
            "one.example", unwanted, event_cb=unwanted, resolver=self._resolver
        )
        self._open += [
            *(*self._sockets, self._server, self._notifier, self._signal_handler),
            *(self._poller, self._lookup, delay(unwanted, 1000), interval(unwanted, 1000)),
        ]

    def close(self, _: Any) -> None:
        """Let each have something to be called for, and close it before it is."""
        self._peers[0].send(b"x")
        self._peers[1].shutdown(socket.SHUT_WR)
        self._sockets[2].write(b"x", write_cb=unwanted)
        self._stage.client_of(self._server)
        self._notifier.trigger()
        signal.raise_signal(signal.SIGUSR2)
        self._writer.send(b"x")
        self._resolver.gate.set()
        self._open += [
            *(delay(unwanted), delay(unwanted, 0), interval(unwanted, 0.0001), idle(unwanted)),
            dns_lookup("127.0.0.1", unwanted),
            tcp_connect("127.0.0.1", self._port, unwanted, unwanted, connect_cb=unwanted),
        ]
        for victim in self._open:
            end(victim)
        assert all(map(is_over, self._open))


@EACH_KIND
def test_a_callback_may_close_all_the_others(start: Start, stage: Stage, kind: str) -> None:
    victims = Victims(stage)
    events = Noting()
    perform(start, stage, kind, victims.close, events, prepare=victims.prepare)
    assert {event.kind for event in events} <= {EventKind.EOF}, "its own conversation has gone on"


# -- calling the loop ------------------------------------------------------------------------------


@EACH_KIND
def test_a_callback_that_calls_the_loop_is_told_off(start: Start, stage: Stage, kind: str) -> None:
    told_off: list[object] = []

    def reenter(_: Any) -> None:
        loop = current_event_loop()
        calls: list[Callable[[], object]] = [
            lambda: start_event_loop(unwanted),
            loop.run,
            loop.close,
            loop.event_base.dispatch,
        ]
        for call in calls:
            with pytest.raises(RuntimeError):
                call()
        assert current_event_loop() is loop
        told_off.append(loop)

    perform(start, stage, kind, reenter, Noting())
    assert len(told_off) == 1


@EACH_KIND
def test_a_callback_may_exit_the_loop(start: Start, stage: Stage, kind: str) -> None:
    doing = Doing(lambda own: exit_event_loop())
    made: list[Any] = []

    def main() -> None:
        stage.place.serve(answer, lambda event: None)
        made.append(KINDS[kind](stage, doing, unwanted))

    start(main)
    assert all(map(is_over, made + doing.owns))
