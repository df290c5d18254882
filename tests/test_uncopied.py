"""What stands for something of the operating system's cannot be copied by accident."""

import copy
import pickle
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from trunkline import (
    EventBase,
    Server,
    Supervisor,
    TransportProtocol,
    adopt,
    create_async_io_state,
    listen,
    make_socket,
    make_socket_pair,
)
from trunkline.evented import EventLoop

WAYS: list[Callable[[Any], object]] = [copy.copy, copy.deepcopy, pickle.dumps]


def all_things(stack: ExitStack) -> Iterator[Any]:
    """Yield one of everything there is only one of."""
    enter = stack.enter_context
    base = enter(EventBase())
    yield base
    one, other = make_socket_pair()
    enter(one)
    yield one
    yield one.raw_io()
    transport = adopt(base, TransportProtocol(), other)
    stack.callback(transport.abort)
    yield transport
    yield base.set_io_handler(one, "read", print)
    yield base.add_timer(print, 60)
    passive = make_socket(connect="passive", local_host="127.0.0.1")
    yield passive
    yield enter(listen(base, passive, TransportProtocol))
    third, fourth = make_socket_pair()
    enter(fourth)
    state = create_async_io_state(base, third)
    stack.callback(state.close, abort=True)
    yield state
    yield enter(Server(print, host="127.0.0.1"))
    yield enter(Supervisor(lambda sockets: Server(print, sockets=sockets), host="127.0.0.1"))
    yield enter(EventLoop())


@pytest.mark.parametrize("way", WAYS)
def test_there_is_only_one(way: Callable[[Any], object]) -> None:
    with ExitStack() as stack:
        for thing in all_things(stack):
            with pytest.raises(
                TypeError, match=r"^\w+ objects cannot be copied or pickled|cannot pickle"
            ):
                way(thing)
            assert not getattr(thing, "closed", False)
