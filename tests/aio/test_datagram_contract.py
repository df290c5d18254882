"""What holds for datagram sockets that block holds for those to await: the same tests, again.

They are called with datagrams whose loop runs while they are called.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from types import ModuleType
from typing import Any, Self

import pytest
from aio.loops import LoopFactory, each_loop
from sockets import test_datagram_errors, test_datagram_socket

from trunkline import DatagramSocket, aio

MODULES: tuple[ModuleType, ...] = (test_datagram_socket, test_datagram_errors)

_OTHER_CLASS = "is about the class of sockets that block"

LEFT_OUT = {
    "test_a_call_for_streams_is_a_type_error_that_names_both": _OTHER_CLASS,
    "test_a_multiplexer_takes_it": _OTHER_CLASS,
    "test_it_is_among_many_that_are_waited_for": _OTHER_CLASS,
    "test_python_gets_it": _OTHER_CLASS,
    "test_what_takes_connections_does_not_take_it": _OTHER_CLASS,
    "test_a_server_that_answers_a_client_that_is_gone_goes_on": "serves in a thread",
    "test_whoever_was_not_bound_is_not_bound_after_disconnecting": "binds",
    "test_a_socket_is_bound_once_and_a_port_has_one_owner": "binds",
}
for module in MODULES:
    for name, value in vars(module).items():
        if name.startswith("test_") and name not in LEFT_OUT:
            globals()[name] = value


class Driven:
    """Datagrams whose loop runs while something is awaited, and that wait if they are told to."""

    def __init__(self, loop: asyncio.AbstractEventLoop, datagrams: aio.AsyncDatagrams) -> None:
        self._loop = loop
        self._datagrams = datagrams

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._datagrams, name)
        if not callable(value):
            return value

        def call(*args: Any, **options: Any) -> Any:
            if name in ("send_to", "send_many", "receive_from", "receive_many"):
                options.setdefault("timeout", 0)

            async def do() -> Any:
                result = value(*args, **options)
                return await result if isinstance(result, Awaitable) else result

            return self._loop.run_until_complete(do())

        return call

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        async def do() -> Any:
            return await anext(self._datagrams)

        try:
            return self._loop.run_until_complete(do())
        except StopAsyncIteration:
            raise StopIteration from None

    def __repr__(self) -> str:
        return repr(self._datagrams._socket)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._datagrams.close()


@pytest.fixture(autouse=True)
def _awaited(make_loop: LoopFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    loop = make_loop()

    def driven(make: Callable[..., DatagramSocket]) -> Callable[..., Any]:
        async def adopt(socket: DatagramSocket) -> aio.AsyncDatagrams:
            return aio.adopt_datagrams(socket)

        def make_driven(*args: Any, **options: Any) -> Driven:
            return Driven(loop, loop.run_until_complete(adopt(make(*args, **options))))

        return make_driven

    for module in MODULES:
        for name in ("datagrams", "connected_to"):
            monkeypatch.setattr(module, name, driven(getattr(module, name)))
    yield
    loop.close()


pytestmark = each_loop
