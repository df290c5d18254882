"""Callbacks that raise, close, or call the loop: everything stays consistent, for all the others.

In each test there is a server that answers, a client whose callbacks do something bad, and another
client, which has to go on as if nothing had happened.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from evented.helpers import Failure, Start, fail, unwanted
from evented.socket_helpers import HELLO, Place, Script, answer, play

from trunkline import SocketClosed
from trunkline.evented import (
    AsyncSocket,
    Event,
    EventKind,
    current_event_loop,
    exit_event_loop,
    start_event_loop,
)

CALLBACKS = ("connect", "written", "read", "event")


class Client:
    """A client that says something, and does the bad thing in one of its callbacks.

    Attributes:
        called: The names of the callbacks, in order.
        events: What `event_cb` was told.
    """

    def __init__(self, place: Place, where: str, bad: Callable[[AsyncSocket], object]) -> None:
        self.called: list[str] = []
        self.events: list[Event] = []
        self._where = where
        self._bad = bad
        self.sock: AsyncSocket = place.connect(
            lambda sock, data: self._note("read", sock),
            self._event,
            connect_cb=lambda sock: self._note("connect", sock),
            write_cb=lambda sock: self._note("written", sock),
            data=HELLO,
        )

    def _event(self, event: Event) -> None:
        self.events.append(event)
        self._note("event", event.source)

    def _note(self, name: str, sock: AsyncSocket) -> None:
        if not (name == "read" and self.called[-1:] == ["read"]):  # however it is cut
            self.called.append(name)
        if name == self._where:
            self._bad(sock)


def is_closed(sock: AsyncSocket) -> bool:
    """Whether a socket is closed."""
    return sock.closed


def with_others(
    start: Start,
    place: Place,
    where: str,
    bad: Callable[[AsyncSocket], object],
    **options: Any,
) -> Client:
    """Have a client do something bad, and check that another one is served before and after."""
    clients: list[Client] = []

    def script() -> Script:
        server = place.serve(answer, lambda event: None)
        for number in range(3):
            client = Client(place, where, bad if number == 1 else lambda sock: None)
            clients.append(client)
            if number != 1:
                yield partial(len, client.events)
                assert client.called == ["connect", "written", "read", "event"]
            else:
                yield partial(is_closed, client.sock)
        server.close()

    loop = start(play(script), **options)
    assert loop.statistics().handles == {}
    return clients[1]


@pytest.mark.parametrize("where", CALLBACKS)
def test_an_exception_leaves_the_loop(start: Start, place: Place, where: str) -> None:
    clients: list[Client] = []

    def main() -> None:
        place.serve(answer, lambda event: None)
        clients.append(Client(place, where, fail))

    with pytest.raises(Failure):
        start(main)
    assert clients[0].called[-1] == where
    assert clients[0].sock.closed
    assert clients[0].sock.fileno() == -1


@pytest.mark.parametrize("where", CALLBACKS[:3])
def test_an_exception_that_is_caught_is_told_once_and_ends_its_socket_only(
    start: Start, place: Place, where: str
) -> None:
    caught: list[Exception] = []
    client = with_others(start, place, where, fail, catch_app_errors=caught.append)
    assert client.called[-2:] == [where, "event"]
    [event] = client.events
    assert event.kind is EventKind.ERROR
    assert event.source is client.sock
    assert isinstance(event.error, Failure)
    assert caught == []


def test_an_exception_of_the_event_callback_goes_to_the_one_who_catches(
    start: Start, place: Place
) -> None:
    caught: list[Exception] = []
    client = with_others(start, place, "event", fail, catch_app_errors=caught.append)
    assert [type(error) for error in caught] == [Failure], caught
    assert len(client.events) == 1


@pytest.mark.parametrize("where", CALLBACKS[:3])
def test_without_an_event_callback_the_one_who_catches_is_told(
    start: Start, place: Place, where: str
) -> None:
    caught: list[Exception] = []
    events: list[Event] = []
    clients: list[AsyncSocket] = []

    def main() -> None:
        current_event_loop().default_event_handler = events.append
        server = place.serve(answer, lambda event: None)

        def failing(sock: AsyncSocket, *_: bytes) -> None:
            server.close()
            raise Failure

        callbacks: dict[str, Any] = {"connect": "connect_cb", "written": "write_cb"}
        if where == "read":
            clients.append(place.connect(failing, data=HELLO))
        else:
            clients.append(place.connect(None, data=HELLO, **{callbacks[where]: failing}))

    start(main, catch_app_errors=caught.append)
    assert [type(error) for error in caught] == [Failure], caught
    # The server's end may not have got rid of its answer, which is another matter.
    assert clients[0] not in [event.source for event in events]


@pytest.mark.parametrize("where", CALLBACKS)
def test_a_callback_may_close_its_socket(start: Start, place: Place, where: str) -> None:
    client = with_others(start, place, where, AsyncSocket.close)
    assert client.called[-1] == where
    assert [event.kind for event in client.events] == [EventKind.EOF] * (where == "event")


@pytest.mark.parametrize("where", CALLBACKS[:3])
def test_a_callback_may_close_its_socket_and_raise(start: Start, place: Place, where: str) -> None:
    caught: list[Exception] = []

    def close_and_fail(sock: AsyncSocket) -> None:
        sock.close()
        raise Failure

    client = with_others(start, place, where, close_and_fail, catch_app_errors=caught.append)
    assert client.called[-2:] == [where, "event"]
    assert [event.kind for event in client.events] == [EventKind.ERROR]


@pytest.mark.parametrize("where", CALLBACKS)
def test_a_callback_may_close_anothers_socket(start: Start, place: Place, where: str) -> None:
    victims: list[AsyncSocket] = []

    def close_the_others(sock: AsyncSocket) -> None:
        while victims:
            victim = victims.pop()
            victim.close()
            with pytest.raises(SocketClosed):
                victim.write(b"x")

    def script() -> Script:
        server = place.serve(answer, lambda event: None)
        victims.extend(place.connect(unwanted, unwanted) for _ in range(3))
        yield lambda: all(victim.is_connected for victim in victims)
        client = Client(place, where, close_the_others)
        yield lambda: client.events
        assert client.called == ["connect", "written", "read", "event"]
        server.close()

    loop = start(play(script))
    assert victims == []
    assert loop.statistics().handles == {}


def test_what_is_ready_together_may_be_closed_by_the_first(start: Start, place: Place) -> None:
    called: list[AsyncSocket] = []

    def close_all(sock: AsyncSocket, data: bytes) -> None:
        called.append(sock)
        for one in accepted:
            one.close()

    accepted: list[AsyncSocket] = []

    def script() -> Script:
        server = place.serve(close_all, unwanted, connect_cb=accepted.append)
        peers = [place.peer() for _ in range(5)]
        yield lambda: len(accepted) == 5
        for peer in peers:
            peer.sendall(b"x")
        yield lambda: called
        for peer in peers:
            peer.close()
        server.close()

    start(play(script))
    assert len(called) == 1


@pytest.mark.parametrize("where", CALLBACKS)
def test_a_callback_that_calls_the_loop_is_told_off(start: Start, place: Place, where: str) -> None:
    told_off: list[str] = []

    def reenter(sock: AsyncSocket) -> None:
        loop = current_event_loop()
        calls: list[Callable[[], object]] = [
            lambda: start_event_loop(unwanted),
            loop.run,
            loop.event_base.dispatch,
        ]
        for call in calls:
            with pytest.raises(RuntimeError):
                call()
            told_off.append(where)

    client = with_others(start, place, where, reenter)
    assert client.called == ["connect", "written", "read", "event"]
    assert set(told_off) == {where}


@pytest.mark.parametrize("where", CALLBACKS)
def test_a_callback_may_exit_the_loop(start: Start, place: Place, where: str) -> None:
    clients: list[Client] = []

    def main() -> None:
        place.serve(answer, lambda event: None)
        clients.append(Client(place, where, lambda sock: exit_event_loop()))

    start(main)
    assert clients[0].sock.closed


@pytest.mark.parametrize("where", CALLBACKS)
def test_ctrl_c_in_a_callback_leaves_the_loop_and_nothing_open(
    start: Start, place: Place, where: str
) -> None:
    clients: list[Client] = []

    def interrupt(sock: AsyncSocket) -> None:
        raise KeyboardInterrupt

    def main() -> None:
        place.serve(answer, lambda event: None)
        clients.append(Client(place, where, interrupt))

    with pytest.raises(KeyboardInterrupt):
        start(main, catch_app_errors=True)
    assert clients[0].sock.closed
    assert clients[0].sock.fileno() == -1


def test_what_fails_in_the_default_event_handler_is_caught(start: Start, place: Place) -> None:
    caught: list[Exception] = []

    def script() -> Script:
        current_event_loop().default_event_handler = fail
        server = place.serve(None)
        place.peer().close()
        yield lambda: caught
        server.close()

    start(play(script), catch_app_errors=caught.append)
    assert [type(error) for error in caught] == [Failure], caught
