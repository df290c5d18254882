"""What is done with is kept by nobody: neither what is called, nor what it holds, nor a connection.

A compiled module counts references, and tells the collector of garbage what it holds, by itself.
"""

import contextlib
import gc
import resource
import socket
import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from multiplex.helpers import Channel
from multiplex.transport_helpers import run_until
from support.leaks import open_descriptors
from support.peers import receive_all
from support.timing import PATIENCE

from trunkline import (
    EventBase,
    Transport,
    TransportProtocol,
    adopt,
    listen,
    make_socket,
    make_socket_from_fd,
    make_socket_pair,
)


class Held(TransportProtocol):
    """Is called, is an argument, and is a protocol; it holds whatever it is given."""

    def __init__(self) -> None:
        self.things: list[object] = []
        self.count = 0

    def __call__(self, *_: object) -> None:
        self.count += 1

    def data_received(self, data: bytes) -> None:
        self.count += 1

    def connection_lost(self, error: object) -> None:
        self.count += 1

    def line_received(self, line: str) -> None:
        self.count += 1


ROUNDS = 200

Use = Callable[[EventBase, Held, Channel], object]

USES: dict[str, Use] = {}


def use(function: Use) -> Use:
    USES[function.__name__.replace("_", " ")] = function
    return function


def iterate(base: EventBase) -> None:
    """Make an iteration, which is when a timer that was removed is dropped."""
    base.call_soon(int)
    base.dispatch(timeout=0)


# ---- What uses it up ----


@use
def a_deferred_call(base: EventBase, held: Held, pair: Channel) -> None:
    base.call_soon(held, held, [held])
    base.dispatch(timeout=0)


@use
def a_call_from_another_thread(base: EventBase, held: Held, pair: Channel) -> None:
    base.call_soon_threadsafe(held, held)
    base.dispatch(timeout=0)


@use
def a_call_that_fails(base: EventBase, held: Held, pair: Channel) -> None:
    def fail(_: object) -> None:
        raise LookupError

    base.call_soon(fail, held)
    with pytest.raises(LookupError):
        base.dispatch(timeout=0)


@use
def a_timer_that_is_due(base: EventBase, held: Held, pair: Channel) -> None:
    base.add_timer(held, 0, one_shot=True)
    base.dispatch(timeout=0)


@use
def a_timer_that_is_removed(base: EventBase, held: Held, pair: Channel) -> None:
    timer = base.add_timer(held, 1000)
    assert base.remove_timer(timer)
    iterate(base)


@use
def a_timer_that_removes_itself(base: EventBase, held: Held, pair: Channel) -> None:
    def remove() -> None:
        base.remove_timer(timer)
        held()

    timer = base.add_timer(remove, 0)
    base.dispatch(timeout=0)
    base.dispatch(timeout=0)


@use
def a_handler(base: EventBase, held: Held, pair: Channel) -> None:
    base.set_io_handler(pair.writer, "write", held)
    base.dispatch(timeout=0)
    base.remove_fd_handlers(pair.writer)


@use
def a_handler_for_once(base: EventBase, held: Held, pair: Channel) -> None:
    base.set_io_handler(pair.writer, "write", held, one_shot=True)
    base.dispatch(one_shot=True, timeout=PATIENCE)


@use
def a_handler_that_times_out(base: EventBase, held: Held, pair: Channel) -> None:
    count = held.count
    base.set_io_handler(pair.reader, "read", held, timeout=1e-6)
    run_until(base, lambda: held.count > count)
    base.remove_fd_handlers(pair.reader)
    iterate(base)


@use
def a_handler_of_what_is_closed(base: EventBase, held: Held, pair: Channel) -> None:
    with make_socket_from_fd(pair.reader, dup=True) as sock:
        base.set_io_handler(sock, "read", held)
    base.dispatch(timeout=0)


@use
def a_transport(base: EventBase, held: Held, pair: Channel) -> None:
    one, other = make_socket_pair()
    with one:
        transport = adopt(base, held, other)
        one.write(b"x")
        one.finish_output()
        count = held.count
        run_until(base, lambda: held.count > count)
        transport.write(b"y")
        assert one.read(1) == b"y"
        transport.close()
        run_until(base, lambda: held.count > count + 1)


@use
def a_transport_whose_output_is_dropped(base: EventBase, held: Held, pair: Channel) -> None:
    one, other = make_socket_pair()
    with one:
        transport = adopt(base, held, other)
        for _ in range(4):
            transport.write(bytes(100_000))
        transport.set_protocol(Held())
        transport.set_protocol(held)
        count = held.count
        transport.abort()
        run_until(base, lambda: held.count > count)


@use
def a_listener(base: EventBase, held: Held, pair: Channel) -> None:
    passive = make_socket(connect="passive", local_host="127.0.0.1")
    listen(base, passive, lambda: held).close()
    base.dispatch(timeout=0)


each_use = pytest.mark.parametrize("use", USES.values(), ids=USES)


@each_use
def test_references_are_given_back_exactly(base: EventBase, pair: Channel, use: Use) -> None:
    held = Held()
    before = sys.getrefcount(held)
    for _ in range(5):
        use(base, held, pair)
    gc.collect()
    after = sys.getrefcount(held)
    assert after == before


@each_use
def test_no_memory_is_kept(base: EventBase, pair: Channel, use: Use) -> None:
    held = Held()
    for _ in range(20):  # what is made once is there then
        use(base, held, pair)
    gc.collect()
    before = sys.getallocatedblocks()
    for _ in range(ROUNDS):
        use(base, held, pair)
    gc.collect()
    assert sys.getallocatedblocks() - before < ROUNDS / 4


# ---- What is forgotten instead ----

Forget = Callable[[EventBase, Held], object]

FORGOTTEN: dict[str, Forget] = {
    "a deferred call": lambda base, held: base.call_soon(print, held),
    "a call from another thread": lambda base, held: base.call_soon_threadsafe(held),
    "a timer": lambda base, held: held.things.append(base.add_timer(held, 1000)),
    "a timer that was removed": lambda base, held: base.remove_timer(base.add_timer(held, 1000)),
}


def forget(function: Forget) -> Forget:
    FORGOTTEN[function.__name__.replace("_", " ")] = function
    return function


@forget
def many_deferred_calls(base: EventBase, held: Held) -> None:
    for _ in range(5000):
        base.call_soon(held, held)


@forget
def a_handler_and_its_socket(base: EventBase, held: Held) -> None:
    sockets = make_socket_pair()
    held.things.append(sockets)
    base.set_io_handler(sockets[0], "read", held, timeout=1000)
    base.set_io_handler(sockets[0], "write", held)
    base.dispatch(one_shot=True, timeout=PATIENCE)


@forget
def a_transport_with_input_and_output(base: EventBase, held: Held) -> None:
    one, other = make_socket_pair()
    transport = adopt(base, held, other)
    held.things += [one, transport]
    transport.set_timeouts(idle=1000)
    transport.write(bytes(1_000_000))
    one.write(b"x")
    one.finish_output()
    run_until(base, lambda: held.count)


@forget
def a_transport_that_holds_half_a_line(base: EventBase, held: Held) -> None:
    one, other = make_socket_pair()
    transport = adopt(base, held, other, delivery="lines")
    held.things += [one, transport]
    one.write("line\nhalf a ")
    one.finish_output()
    run_until(base, lambda: held.count)


@forget
def a_listener_with_a_connection(base: EventBase, held: Held) -> None:
    passive = make_socket(connect="passive", local_host="127.0.0.1")
    held.things.append(listen(base, passive, lambda: held))
    held.things.append(make_socket("127.0.0.1", passive.local_port))
    base.dispatch(one_shot=True, timeout=PATIENCE)


@forget
def an_error_with_its_traceback(base: EventBase, held: Held) -> None:
    def fail() -> None:
        raise LookupError(base, held)

    base.call_soon(fail)
    with pytest.raises(LookupError) as raised:
        base.dispatch()
    held.things.append(raised.value)


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("forget", FORGOTTEN.values(), ids=FORGOTTEN)
def test_a_circle_that_nobody_has_is_collected(backend: str, forget: Forget) -> None:
    held = Held()
    is_alive = weakref.ref(held)
    base = EventBase(backend=backend)
    held.things.append(base)
    forget(base, held)
    del base, held
    gc.collect()
    assert is_alive() is None


# ---- Connections ----


AT_ONCE = 50


class Answer(TransportProtocol):
    """Sends back what it gets, and ends; the last one that is open ends the dispatch."""

    open = 0

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)
        self.transport.close()

    def connection_lost(self, error: object) -> None:
        Answer.open -= 1
        if not Answer.open:
            self.transport.event_base.exit()


def come_and_go(base: EventBase, address: Any, count: int) -> None:
    """Have connections accepted, answered and ended, some at a time."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    for _ in range(count // AT_ONCE):
        Answer.open = AT_ONCE
        with contextlib.ExitStack() as clients:
            sockets = [clients.enter_context(socket.socket(family)) for _ in range(AT_ONCE)]
            for number, client in enumerate(sockets):
                client.connect(address)
                client.sendall(b"%d" % number)
            base.dispatch(timeout=PATIENCE)
            assert not Answer.open
            for number, client in enumerate(sockets):
                client.settimeout(PATIENCE)
                assert receive_all(client) == b"%d" % number


def memory_in_use() -> int:
    """Return how many bytes this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@pytest.mark.alone
@pytest.mark.timeout(300)
@pytest.mark.parametrize("is_local", [True, False], ids=["local", "tcp"])
@pytest.mark.parametrize(
    "count",
    [
        pytest.param(10_000, marks=pytest.mark.slow),
        pytest.param(1_000_000, marks=[pytest.mark.soak, pytest.mark.timeout(3600)]),
    ],
)
def test_connections_that_come_and_go_leave_nothing(
    tmp_path: Path, count: int, is_local: bool
) -> None:
    with EventBase() as base:
        path = str(tmp_path / "socket")
        where: dict[str, Any] = {"local_filename": path, "address_family": "local"}
        where = where if is_local else {"local_host": "127.0.0.1"}
        passive = make_socket(connect="passive", **where)
        listener = listen(base, passive, Answer)
        address = path if is_local else ("127.0.0.1", passive.local_port)
        come_and_go(base, address, 1000)  # what is made once is there then
        gc.collect()
        objects, blocks = len(gc.get_objects()), sys.getallocatedblocks()
        descriptors, memory = open_descriptors(), memory_in_use()
        come_and_go(base, address, count)
        gc.collect()
        assert open_descriptors() == descriptors
        assert len(gc.get_objects()) - objects < 100
        assert sys.getallocatedblocks() - blocks < 1000  # not one for ten of them
        assert memory_in_use() - memory < 4 << 20  # not four bytes for each of a million
        assert listener.accepted == count + 1000
        listener.close()
