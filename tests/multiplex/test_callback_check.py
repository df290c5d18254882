"""A callback that would do nothing is refused where it is given, or told when it has done nothing.

What is called as often as timers and deferred calls is not looked at before.
"""

import signal
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import pytest
from multiplex.helpers import Channel, dispatch_quietly
from multiplex.transport_helpers import Recorder, connected
from support.timing import PATIENCE

from trunkline import EventBase, PassiveSocket, listen, make_socket, reconnect


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
