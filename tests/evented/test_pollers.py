"""Pollers: descriptors that somebody else reads and writes."""

import os
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from evented.helpers import Failure, Start, fail, in_turn, unwanted
from multiplex.helpers import Channel, open_channel
from support.timing import PATIENCE

from trunkline import SocketClosed, make_socket_pair
from trunkline.evented import (
    HandleFreed,
    Poller,
    current_event_loop,
    delay,
    exit_event_loop,
    interval,
    notifier,
    poll,
)


@pytest.fixture
def channel() -> Iterator[Channel]:
    """A pair of sockets."""
    with open_channel() as channel:
        yield channel


def test_a_poller_is_called_when_there_is_something_to_read(start: Start, channel: Channel) -> None:
    read: list[bytes] = []

    def main() -> None:
        def ready(event: str) -> None:
            assert event == "read"
            read.append(channel.receive())
            if b"".join(read) == b"omg lol":
                poller.free()
            else:
                delay(lambda: channel.send(b" lol"))

        poller = poll(channel.reader, ready)
        delay(lambda: channel.send(b"omg"))

    start(main)
    assert b"".join(read) == b"omg lol"


def test_a_poller_is_called_when_there_is_room_to_write(start: Start, channel: Channel) -> None:
    channel.fill()
    seen: list[str] = []

    def main() -> None:
        def ready(event: str) -> None:
            seen.append(event)
            poller.free()

        poller = poll(channel.writer, ready, read=False, write=True)
        delay(in_turn(lambda: seen.append("drained"), lambda: channel.drain()))

    start(main)
    assert seen == ["drained", "write"]


def test_a_poller_for_both_is_called_for_each(start: Start, channel: Channel) -> None:
    channel.send()
    seen: list[str] = []

    def main() -> None:
        def ready(event: str) -> None:
            seen.append(event)
            if len(seen) == 2:
                poller.free()

        poller = poll(channel.reader, ready, read=True, write=True)

    start(main)
    assert seen == ["read", "write"]


def test_a_poller_freed_by_its_first_call_is_not_called_again(
    start: Start, channel: Channel
) -> None:
    channel.send()
    seen: list[str] = []

    def main() -> None:
        poller = poll(
            channel.reader,
            in_turn(seen.append, lambda event: poller.free()),
            write=True,
        )

    start(main)
    assert seen == ["read"]


def test_end_of_file_is_something_to_read(start: Start, channel: Channel) -> None:
    channel.close_writer()
    seen: list[bytes] = []

    def main() -> None:
        poller = poll(
            channel.reader,
            in_turn(lambda event: seen.append(channel.receive()), lambda event: poller.free()),
        )

    start(main)
    assert seen == [b""]


def test_an_error_is_something_to_read_and_to_write(start: Start) -> None:
    """A connection that is refused: the operation raises it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = listener.getsockname()
    seen: list[str] = []
    with socket.socket() as client:
        client.setblocking(False)
        client.connect_ex(address)

        def main() -> None:
            def ready(event: str) -> None:
                seen.append(event)
                poller.free()

            poller = poll(client, ready, read=False, write=True)

        start(main)
        assert client.connect_ex(address) != 0 or client.getsockopt(
            socket.SOL_SOCKET, socket.SO_ERROR
        )
    assert seen == ["write"]


def test_a_poller_keeps_the_loop_alive_and_without_a_reference_does_not(
    start_simulated: Start, channel: Channel
) -> None:
    calls: list[str] = []

    def main() -> None:
        poller = poll(channel.reader, unwanted)
        delay(in_turn(lambda: calls.append("there"), lambda: poller.unref()), 2).unref()
        interval(lambda: calls.append("too late"), 3).unref()

    start_simulated(main)
    assert calls == ["there"]


def test_two_pollers_cannot_poll_one_descriptor_for_the_same(
    start: Start, channel: Channel
) -> None:
    def main() -> None:
        poller = poll(channel.reader, unwanted)
        with pytest.raises(ValueError, match="already monitored for read"):
            poll(channel.reader, unwanted)
        with pytest.raises(ValueError, match="already monitored for read"):
            poll(channel.reader, unwanted, write=True)
        assert current_event_loop().event_base.statistics().handlers == 1
        assert current_event_loop().statistics().handles == {"poller": 1}
        poller.free()
        poll(channel.reader, unwanted).free()

    start(main)


def test_what_has_been_polled_half_is_undone(start: Start, channel: Channel) -> None:
    def main() -> None:
        writing = poll(channel.reader, lambda event: writing.free(), read=False, write=True)
        with pytest.raises(ValueError, match="already monitored for write"):
            poll(channel.reader, unwanted, write=True)
        assert current_event_loop().event_base.statistics().handlers == 1

    start(main)


@pytest.mark.parametrize(
    ("arguments", "options", "kind"),
    [
        ((-1, unwanted), {}, SocketClosed),
        (("x", unwanted), {}, TypeError),
        ((0, 3), {}, TypeError),
        ((0, unwanted), {"read": False}, ValueError),
    ],
)
def test_wrong_arguments_are_refused_and_leave_nothing(
    start: Start, arguments: tuple[Any, ...], options: dict[str, Any], kind: type[Exception]
) -> None:
    def main() -> None:
        with pytest.raises(kind):
            poll(*arguments, **options)
        assert current_event_loop().statistics().handles == {}
        assert current_event_loop().event_base.statistics().handlers == 0

    start(main)


def test_freeing_a_poller_spares_who_has_the_number_by_now(start: Start, channel: Channel) -> None:
    seen: list[str] = []

    def called(number: int, event: str, cause: object) -> None:
        seen.append(event)
        exit_event_loop()

    def main() -> None:
        old = poll(channel.reader, unwanted)
        os.dup2(other.reader, channel.reader)  # the number is another file's now
        current_event_loop().event_base.set_io_handler(channel.reader, "read", called)
        old.free()
        other.send()
        notifier(unwanted)  # keeps the loop alive, as the handler does not

    with open_channel() as other:
        start(main)
    assert seen == ["read"]


# -- sockets of Trunkline's ------------------------------------------------------------------------


def test_buffered_input_is_something_to_read(start: Start) -> None:
    lines: list[str] = []
    near, far = make_socket_pair()
    with near, far:
        far.write("one\ntwo\nthree\n")
        far.finish_output()

        def main() -> None:
            def ready(event: str) -> None:
                lines.append(near.read_line())
                if len(lines) == 3:
                    poller.free()

            poller = poll(near, ready)

        start(main)
    assert lines == ["one", "two", "three"]


def test_closing_a_socket_frees_its_poller(start: Start) -> None:
    pollers: list[Poller] = []
    near, far = make_socket_pair()
    with near, far:

        def main() -> None:
            pollers.append(poll(near, unwanted))
            delay(near.close)

        start(main)
        assert pollers[0].freed
        with pytest.raises(HandleFreed):
            pollers[0].ref()


def test_closing_a_socket_in_another_thread_frees_its_poller(start: Start) -> None:
    near, far = make_socket_pair()
    with near, far:
        thread = threading.Thread(target=near.close)

        def main() -> None:
            poll(near, unwanted)
            delay(thread.start)

        start(main)
        thread.join(PATIENCE)


def test_a_freed_poller_does_not_watch_its_socket(start: Start) -> None:
    near, far = make_socket_pair()
    with near, far:
        start(lambda: poll(near, unwanted).free())
        assert not near._descriptor._closing_callbacks
        start(lambda: poll(near, unwanted).unref())
        assert not near._descriptor._closing_callbacks


# -- callbacks that do what they like --------------------------------------------------------------


def test_a_callback_may_free_another_poller_that_is_ready(start: Start, channel: Channel) -> None:
    calls: list[int] = []
    with open_channel() as other:
        channel.send()
        other.send()

        def main() -> None:
            pollers = [
                poll(channel.reader, lambda event: free_both()),
                poll(other.reader, lambda event: free_both()),
            ]

            def free_both() -> None:
                calls.append(1)
                for poller in pollers:
                    poller.free()

        start(main)
    assert calls == [1]


def test_a_callback_that_fails_is_called_again(start: Start, channel: Channel) -> None:
    channel.send()
    errors: list[Exception] = []

    def note(error: Exception) -> None:
        errors.append(error)
        if len(errors) == 3:
            exit_event_loop()

    start(lambda: poll(channel.reader, fail), catch_app_errors=note)
    assert [type(error) for error in errors] == [Failure] * 3
