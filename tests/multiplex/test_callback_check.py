"""A callback that would do nothing is refused where it is given, or told when it has done nothing.

What is called as often as timers and deferred calls is not looked at before.
"""

import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest
from multiplex.helpers import Channel, dispatch_quietly
from multiplex.transport_helpers import Recorder, connected, run_until
from support.peers import refusing_port
from support.timing import PATIENCE

from trunkline import Blocks, EventBase, Frames, PassiveSocket, listen, make_socket, reconnect


async def coroutine(*args: Any) -> None:
    """Do nothing, unless somebody awaits it."""


def generator(*args: Any) -> Iterator[Any]:
    yield args


async def async_generator(*args: Any) -> AsyncIterator[Any]:
    yield args


class Callee:
    async def __call__(self, *args: Any) -> None:
        """Do nothing, unless somebody awaits it."""


EACH_UNPLAIN = pytest.mark.parametrize(
    "callback", [coroutine, generator, async_generator, Callee(), partial(coroutine, 1)]
)


def hidden(*args: Any) -> object:
    """Hide what would have to be awaited."""
    return coroutine(*args)


def set_exception_handler(base: EventBase, socket: PassiveSocket, callback: Any) -> object:
    base.exception_handler = callback
    return None


GIVEN: dict[str, Callable[[EventBase, PassiveSocket, Any], object]] = {
    "set_io_handler": lambda base, socket, callback: base.set_io_handler(socket, "read", callback),
    "set_signal_handler": lambda base, socket, callback: base.set_signal_handler(
        signal.SIGUSR1, callback
    ),
    "exception_handler": set_exception_handler,
    "listen": lambda base, socket, callback: listen(base, socket, callback),
    "error_callback": lambda base, socket, callback: listen(
        base, socket, Recorder, error_callback=callback
    ),
    "failed": lambda base, socket, callback: reconnect(
        base, Recorder, remote_host="127.0.0.1", remote_port=9, failed=callback
    ),
    "random": lambda base, socket, callback: reconnect(
        base, Recorder, remote_host="127.0.0.1", remote_port=9, random=callback
    ),
    "reconnect": lambda base, socket, callback: reconnect(
        base, callback, remote_host="127.0.0.1", remote_port=9
    ),
    "stopped": lambda base, socket, callback: listen(base, socket, Recorder).stop(stopped=callback),
}


@pytest.mark.parametrize("given", GIVEN)
@EACH_UNPLAIN
def test_it_is_refused_at_once(base: EventBase, given: str, callback: Any) -> None:
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as socket,
        pytest.raises(TypeError, match=r"is a plain function, and .* (async|generator)"),
    ):
        GIVEN[given](base, socket, callback)
    dispatch_quietly(base)
    assert base.is_empty


@pytest.mark.parametrize(
    ("given", "callback"),
    [
        ("set_io_handler", lambda number: None),
        ("set_signal_handler", lambda: None),
        ("exception_handler", lambda error: None),
        ("error_callback", lambda: None),
        ("failed", lambda error: None),
    ],
)
def test_so_is_one_that_cannot_be_called_with_what_it_gets(
    base: EventBase, given: str, callback: Any
) -> None:
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as socket,
        pytest.raises(TypeError, match=r"is called with \(.*\), and .*<lambda> cannot be"),
    ):
        GIVEN[given](base, socket, callback)


CALLED: dict[str, Callable[[EventBase, Any], object]] = {
    "call_soon": lambda base, callback: base.call_soon(callback),
    "call_soon_threadsafe": lambda base, callback: base.call_soon_threadsafe(callback),
    "add_timer": lambda base, callback: base.add_timer(callback, 0, one_shot=True),
}


@pytest.mark.parametrize("collect_timing", [False, True])
@pytest.mark.parametrize("called", CALLED)
@EACH_UNPLAIN
def test_it_is_told_by_dispatch(
    backend: str, called: str, callback: Any, collect_timing: bool
) -> None:
    with EventBase(backend=backend, collect_timing=collect_timing) as base:
        CALLED[called](base, callback)
        with pytest.raises(TypeError, match="a callback is a plain function, and"):
            base.dispatch(timeout=PATIENCE)
        assert base.is_empty


DELIVERED: dict[Any, tuple[str, bytes]] = {
    "bytes": ("data_received", b"x"),
    "text": ("text_received", b"x"),
    "lines": ("line_received", b"x\n"),
    "buffer": ("buffer_updated", b"x"),
    Blocks(1): ("block_received", b"x"),
    Frames(1): ("frame_received", b"\1x"),
}


@pytest.mark.parametrize("delivery", DELIVERED)
def test_a_protocol_is_told_to_the_exception_handler(base: EventBase, delivery: Any) -> None:
    told: list[Exception] = []
    base.exception_handler = lambda error, source: told.append(error)
    name, data = DELIVERED[delivery]
    protocol = Recorder()
    protocol.buffer = bytearray(10)
    setattr(protocol, name, hidden)
    with connected(base, protocol, delivery=delivery) as (_, peer):
        peer.sendall(data)
        run_until(base, lambda: protocol.is_lost)
    (error,) = told
    assert isinstance(error, TypeError)
    assert "hidden" in str(error)


@pytest.mark.parametrize("name", ["connection_made", "eof_received", "pause_writing"])
def test_so_is_what_it_is_told_besides(base: EventBase, name: str) -> None:
    told: list[Exception] = []
    base.exception_handler = lambda error, source: told.append(error)
    protocol = Recorder()
    setattr(protocol, name, hidden)
    with connected(base, protocol, high_water=10) as (transport, peer):
        peer.shutdown(socket.SHUT_WR)
        transport.hold_output()
        transport.write(bytes(100))
        run_until(base, lambda: protocol.is_lost)
    assert "hidden" in str(told[0])


@pytest.mark.parametrize("options", [{}, {"timeout": 0.001}, {"one_shot": True}])
def test_a_handler_that_hides_it_is_told_by_dispatch(
    base: EventBase, pair: Channel, options: Any
) -> None:
    if "timeout" not in options:
        pair.send()
    base.set_io_handler(pair.reader, "read", hidden, **options)
    with pytest.raises(TypeError, match="a callback is a plain function, and hidden"):
        base.dispatch(timeout=PATIENCE)


def test_so_is_one_for_a_signal(base: EventBase) -> None:
    base.set_signal_handler(signal.SIGUSR1, hidden)
    base.call_soon(signal.raise_signal, signal.SIGUSR1)
    with pytest.raises(TypeError, match="a callback is a plain function, and hidden"):
        dispatch_quietly(base)


def test_the_first_input_of_another_protocol_is_looked_at_like_the_rest(base: EventBase) -> None:
    told: list[Exception] = []
    base.exception_handler = lambda error, source: told.append(error)
    successor: Any = Recorder()
    successor.data_received = hidden
    with connected(base, Recorder()) as (transport, peer):
        transport.set_protocol(successor)
        peer.sendall(b"x")
        run_until(base, lambda: told)
    assert "hidden" in str(told[0])


def test_one_that_is_to_be_told_of_failed_attempts_has_failed_itself(base: EventBase) -> None:
    told: list[Exception] = []
    base.exception_handler = lambda error, source: told.append(error)
    with (
        refusing_port() as port,
        reconnect(base, Recorder, remote_host="127.0.0.1", remote_port=port, failed=hidden),
    ):
        run_until(base, lambda: told)
    assert "hidden" in str(told[0])


def test_an_exception_handler_that_hides_it_is_told_by_dispatch(base: EventBase) -> None:
    base.exception_handler = hidden
    protocol: Any = Recorder()
    protocol.data_received = hidden
    with connected(base, protocol) as (_, peer):
        peer.sendall(b"x")
        with pytest.raises(TypeError, match="a callback is a plain function, and hidden"):
            run_until(base, lambda: protocol.is_lost)


def test_what_another_one_returns_does_not_matter(base: EventBase, pair: Channel) -> None:
    base.call_soon(lambda: 1)
    base.add_timer(lambda: [2], 0, one_shot=True)
    dispatch_quietly(base)


def test_the_exception_handler_can_be_set_and_is_called(base: EventBase) -> None:
    told: list[tuple[Exception, Any]] = []

    def tell(error: Exception, source: Any) -> None:
        told.append((error, source))

    base.exception_handler = tell
    assert base.exception_handler is tell
    with connected(base, Recorder()) as (transport, _):
        base.exception_handler(ValueError(), transport)
    assert len(told) == 1
