"""Asynchronous states: requests, their callbacks, time limits, and how it all ends."""

import contextlib
import os
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sockets.test_make_socket import accept_queue_limit
from support.peers import connect, has_ipv6, refusing_port, reset
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    AddressInUse,
    AsyncIOState,
    Busy,
    ConnectionReset,
    DecodingError,
    EndOfFile,
    EventBase,
    LineTooLong,
    Listener,
    SocketClosed,
    TimedOut,
    accept_tcp_connections_creating_async_io_states,
    create_async_io_state,
    make_socket,
    make_socket_pair,
)
from trunkline.testing.clock import ManualClock

HOST = "127.0.0.1"
needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="there is no IPv6 here")

# What a program must not write; type checkers would find it.
accept_anything: Any = accept_tcp_connections_creating_async_io_states


class Answers:
    """Callbacks that keep what they are called with, and then do what they are told to."""

    def __init__(self) -> None:
        self.all: list[tuple[Any, Exception | None]] = []

    def read(self, state: AsyncIOState, taken: Any, error: Exception | None) -> None:
        """Keep the answer to a request to read."""
        self.all.append((taken, error))

    def write(self, state: AsyncIOState, error: Exception | None) -> None:
        """Keep the answer to a request to write."""
        self.all.append(("written", error))

    def error(self) -> Exception:
        """Return the error of the only answer, and forget it."""
        ((_, error),) = self.all
        assert error is not None
        self.all.clear()
        return error


def run_until(event_base: EventBase, condition: Callable[[], object]) -> None:
    """Dispatch until something is true."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it has not come true"
        event_base.dispatch(one_shot=True, timeout=10 * MS)


def settle(event_base: EventBase) -> None:
    """Dispatch what is there to be done."""
    for _ in range(5):
        event_base.dispatch(one_shot=True, timeout=0)


@contextlib.contextmanager
def raising_base(clock: ManualClock | None = None) -> Iterator[EventBase]:
    """Yield an event base; what goes to its exception handler fails the test."""
    options: dict[str, Any] = {} if clock is None else {"clock": clock}
    failures: list[BaseException] = []
    with EventBase(**options) as event_base:
        event_base.exception_handler = lambda error, source: failures.append(error)
        yield event_base
    assert not failures


@contextlib.contextmanager
def state_and_peer(
    event_base: EventBase, **options: Any
) -> Iterator[tuple[AsyncIOState, socket.socket]]:
    """Yield a state, and the other end of its connection."""
    with socket.create_server((HOST, 0)) as listener:
        active = make_socket(remote_host=HOST, remote_port=listener.getsockname()[1])
        peer, _ = listener.accept()
    with peer:
        peer.settimeout(PATIENCE)
        state = create_async_io_state(event_base, active, **options)
        yield state, peer
        state.close(abort=True)
        settle(event_base)


@pytest.fixture
def answers() -> Answers:
    return Answers()


# -- reading --------------------------------------------------------------------------------------


def test_what_was_asked_for_comes_in_the_order_of_the_requests(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        peer.sendall("one\nzwölf\r\n1234567890".encode())

        def read_exactly(state: AsyncIOState, line: str, error: Exception | None) -> None:
            answers.read(state, line, error)
            state.read_exactly(4, read_some)

        def read_some(state: AsyncIOState, data: bytes, error: Exception | None) -> None:
            answers.read(state, data, error)
            state.read_some(read_rest, size=2)

        def read_rest(state: AsyncIOState, data: bytes, error: Exception | None) -> None:
            answers.read(state, data, error)
            state.read_some(answers.read)

        state.read_line(answers.read)
        run_until(event_base, lambda: answers.all)
        state.read_line(read_exactly)
        run_until(event_base, lambda: len(answers.all) == 5)
        assert answers.all == [
            ("one", None),
            ("zwölf\r", None),
            (b"1234", None),
            (b"56", None),
            (b"7890", None),
        ]


def test_a_request_waits_until_all_is_there(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        for piece in (b"ab", b"cd", b"e\n"):
            assert not answers.all
            peer.sendall(piece)
            state.read_line(answers.read) if piece == b"ab" else None
            settle(event_base)
        run_until(event_base, lambda: answers.all)
        assert answers.all == [("abcde", None)]


def test_no_callback_is_called_from_inside_of_the_request(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        peer.sendall(b"one\ntwo\nthree\n")
        depth = 0

        def note(state: AsyncIOState, line: str, error: Exception | None) -> None:
            nonlocal depth
            depth += 1
            assert depth == 1
            answers.read(state, line, error)
            state.write("x", answers.write)
            if line != "three":
                state.read_line(note)
            depth -= 1

        state.read_line(note)
        run_until(event_base, lambda: len(answers.all) == 6)
        assert peer.recv(10) == b"xxx"


def test_there_is_one_request_to_read_at_a_time(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        state.read_line(answers.read)
        with pytest.raises(Busy, match="read_line has not been answered yet"):
            state.read_some(answers.read)
        peer.sendall(b"a line\n")
        run_until(event_base, lambda: answers.all)
        assert answers.all == [("a line", None)]
        state.read_some(answers.read)


def test_nothing_is_received_that_nobody_has_asked_for(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        peer.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                sent += peer.send(bytes(65_536))
                settle(event_base)
        settle(event_base)
        with pytest.raises(BlockingIOError):
            peer.send(b"more")
        state.read_exactly(sent, answers.read)
        run_until(event_base, lambda: answers.all)
        assert answers.all == [(bytes(sent), None)]


def test_a_flood_of_lines_is_not_gathered_while_they_are_read_one_by_one() -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        peer.setblocking(False)
        count = 0

        def count_line(state: AsyncIOState, line: str, error: Exception | None) -> None:
            nonlocal count
            count += 1
            state.read_line(count_line)

        state.read_line(count_line)
        sent = 0
        for _ in range(200):
            with contextlib.suppress(BlockingIOError):
                sent += peer.send(b"\n" * 65_536)
            event_base.dispatch(one_shot=True, timeout=0)
        # What was sent, and not read, is with the system: a few pieces at most were taken in.
        unread = struct.unpack("i", fionread(state))[0]
        assert sent - unread - count < 3 * len(event_base.scratch) + unsent(peer)


def fionread(state: AsyncIOState) -> bytes:
    """Ask how many bytes wait to be received."""
    import fcntl
    import termios

    return fcntl.ioctl(state._transport.fileno(), termios.FIONREAD, bytes(4))


def unsent(peer: socket.socket) -> int:
    """Ask how many bytes wait to be sent."""
    import fcntl
    import termios

    count: int = struct.unpack("i", fcntl.ioctl(peer.fileno(), termios.TIOCOUTQ, bytes(4)))[0]
    return count


def test_the_end_is_an_error_and_comes_again(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        peer.sendall(b"last")
        peer.shutdown(socket.SHUT_WR)
        state.read_line(answers.read)
        run_until(event_base, lambda: answers.all)
        assert answers.all == [("last", None)]
        for read in (state.read_line, state.read_some):
            answers.all.clear()
            read(answers.read)
            run_until(event_base, lambda: answers.all)
            ((taken, error),) = answers.all
            assert not taken
            assert isinstance(error, EndOfFile)
            assert str(state.remote_name) in str(error)
        state.write("still open\n")  # the other half is
        run_until(event_base, lambda: True)
        assert peer.recv(100) == b"still open\n"


def test_a_block_that_is_cut_short_comes_with_the_end(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        peer.sendall(b"abc")
        peer.shutdown(socket.SHUT_WR)
        state.read_exactly(4, answers.read)
        run_until(event_base, lambda: answers.all)
        ((taken, error),) = answers.all
        assert taken == b"abc"
        assert isinstance(error, EndOfFile)


@pytest.mark.parametrize(
    ("sent", "error"), [(b"x" * 11 + b"\n", LineTooLong), (b"\xff\n", DecodingError)]
)
def test_a_line_that_cannot_be_read_can_be_read_in_another_way(
    sent: bytes, error: type[Exception], answers: Answers
) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        peer.sendall(sent)
        state.read_line(answers.read, limit=10)
        run_until(event_base, lambda: answers.all)
        assert isinstance(answers.error(), error)
        state.read_exactly(len(sent), answers.read)
        run_until(event_base, lambda: answers.all)
        assert answers.all == [(sent, None)]


@pytest.mark.parametrize("size", [0, 1])
def test_sizes_may_be_small(size: int, answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        peer.sendall(b"x")
        state.read_exactly(size, answers.read)
        run_until(event_base, lambda: answers.all)
        state.read_some(answers.read, size=1 - size)
        run_until(event_base, lambda: len(answers.all) == 2)
        assert answers.all == [(b"x"[:size], None), (b"x"[size:], None)]


def test_a_reset_is_an_error(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        state.read_line(answers.read)
        settle(event_base)
        reset(peer)
        run_until(event_base, lambda: answers.all)
        assert isinstance(answers.error(), ConnectionReset)
        assert state.closed
        state.read_line(answers.read)
        state.write("x", answers.write)
        run_until(event_base, lambda: len(answers.all) == 2)
        assert all(isinstance(error, ConnectionReset) for _, error in answers.all)


# -- writing --------------------------------------------------------------------------------------


def test_writes_are_carried_out_in_order(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        data = bytearray(b"one ")
        state.write(data, answers.write)
        state.write("zwölf ", answers.write)
        state.write(data, answers.write)
        state.write(b"", answers.write)
        data[:] = b"....."
        assert not answers.all
        run_until(event_base, lambda: len(answers.all) == 4)
        assert answers.all == [("written", None)] * 4
        assert peer.recv(100) == "one zwölf one ".encode()


def test_the_callback_waits_until_the_system_has_it_all(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        size = 16 << 20
        state.write(bytes(size), answers.write)
        state.write(b"the end", lambda state, error: state.close())
        settle(event_base)
        assert not answers.all
        received = 0
        while received < size:
            received += len(peer.recv(1 << 20))
            event_base.dispatch(one_shot=True, timeout=0)
        run_until(event_base, lambda: answers.all)
        assert answers.all == [("written", None)]
        rest = b""
        peer.setblocking(False)
        while received + len(rest) < size + 7:
            event_base.dispatch(one_shot=True, timeout=0)
            with contextlib.suppress(BlockingIOError):
                rest += peer.recv(100)
        assert (bytes(size) + b"the end").endswith(rest)


def test_a_callback_may_write_more(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):

        def again(state: AsyncIOState, error: Exception | None) -> None:
            assert error is None
            answers.write(state, error)
            if len(answers.all) < 50:
                state.write("x", again)

        state.write("x", again)
        run_until(event_base, lambda: len(answers.all) == 50)
        assert peer.recv(100) == b"x" * 50


def test_text_that_cannot_be_written_is_an_error_at_once(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        with pytest.raises(UnicodeEncodeError):
            state.write("\ud800", answers.write)
        with pytest.raises(TypeError):
            state.write(1, answers.write)
        state.write("x", answers.write)
        run_until(event_base, lambda: answers.all)
        assert peer.recv(10) == b"x"


# -- time limits ----------------------------------------------------------------------------------


@pytest.mark.parametrize("own", [True, False])
def test_a_request_to_read_has_its_time_and_takes_nothing_away(own: bool, answers: Answers) -> None:
    clock = ManualClock()
    with (
        raising_base(clock) as event_base,
        state_and_peer(event_base, read_timeout=100 if own else 5) as (state, peer),
    ):
        peer.sendall(b"half ")
        limit: dict[str, Any] = {"timeout": 5} if own else {}
        state.read_line(answers.read, **limit)
        settle(event_base)
        clock.advance(4.9)
        settle(event_base)
        assert not answers.all
        clock.advance(0.2)
        settle(event_base)
        error = answers.error()
        assert isinstance(error, TimedOut)
        assert error.deadline
        state.read_line(answers.read, timeout=None)
        peer.sendall(b"a line\n")
        settle(event_base)
        clock.advance(1000)
        run_until(event_base, lambda: answers.all)
        assert answers.all == [("half a line", None)]


def test_a_request_that_was_answered_has_no_limit_any_more(answers: Answers) -> None:
    clock = ManualClock()
    with (
        raising_base(clock) as event_base,
        state_and_peer(event_base, read_timeout=5, write_timeout=5) as (state, peer),
    ):
        peer.sendall(b"a line\n")
        state.read_line(answers.read)
        state.write("x", answers.write)
        run_until(event_base, lambda: len(answers.all) == 2)
        clock.advance(10)
        settle(event_base)
        assert not state.closed
        assert len(answers.all) == 2


@pytest.mark.parametrize("own", [True, False])
def test_a_write_that_takes_too_long_ends_the_connection(own: bool, answers: Answers) -> None:
    clock = ManualClock()
    with (
        raising_base(clock) as event_base,
        state_and_peer(event_base, write_timeout=100 if own else 5) as (state, _),
    ):
        limit: dict[str, Any] = {"timeout": 5} if own else {}
        state.write(bytes(64 << 20), answers.write, **limit)
        state.write(b"more", answers.write)
        state.read_line(answers.read)
        clock.advance(4.9)
        settle(event_base)
        assert not answers.all
        clock.advance(0.2)
        settle(event_base)
        assert [type(error) for _, error in answers.all] == [TimedOut] * 3
        assert state.closed


# -- the end --------------------------------------------------------------------------------------


def test_closing_carries_the_writes_out_first(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        for text in ("one ", "two ", "three"):
            state.write(text, answers.write)
        state.read_line(answers.read)
        state.close()
        state.close()
        state.write("four", answers.write)
        run_until(event_base, lambda: len(answers.all) == 5)
        assert peer.recv(100) == b"one two three"
        assert peer.recv(100) == b""
        assert [error for taken, error in answers.all if taken and error is None] == [None] * 3
        failed = [error for _, error in answers.all if error is not None]
        assert [type(error) for error in failed] == [SocketClosed] * 2


def test_aborting_answers_everything_at_once(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, _):
        state.write(bytes(64 << 20), answers.write)
        state.write("more", answers.write)
        state.read_line(answers.read)
        state.close(abort=True)
        state.close()
        assert state.closed
        run_until(event_base, lambda: len(answers.all) == 3)
        assert [type(error) for _, error in answers.all] == [SocketClosed] * 3


def test_what_has_arrived_can_be_read_when_the_state_is_closed(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        peer.sendall(b"one\ntwo\n")
        state.read_line(answers.read)
        run_until(event_base, lambda: answers.all)
        state.close()
        settle(event_base)
        state.read_line(answers.read)
        run_until(event_base, lambda: len(answers.all) == 2)
        assert answers.all[1] == ("two", None)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_callback_that_fails_ends_its_connection_only(at_once: bool, answers: Answers) -> None:
    failures: list[BaseException] = []

    def fail(state: AsyncIOState, *_: object) -> None:
        raise LookupError("the callback has failed")

    with EventBase() as event_base:
        event_base.exception_handler = lambda error, source: failures.append(error)
        with state_and_peer(event_base) as (state, peer), state_and_peer(event_base) as others:
            if at_once:
                state.write("x", fail)
            else:
                state.read_line(fail)
                settle(event_base)
                peer.sendall(b"a line\n")
            run_until(event_base, lambda: failures)
            assert state.closed
            assert [type(error) for error in failures] == [LookupError]
            assert not others[0].closed


def test_whatever_a_connection_function_raises_ends_its_connection_only() -> None:
    failures: list[BaseException] = []

    def fail(listener: Listener, state: AsyncIOState) -> None:
        raise LookupError("the function has failed")

    with EventBase() as event_base:
        event_base.exception_handler = lambda error, source: failures.append(error)
        with accept_tcp_connections_creating_async_io_states(
            event_base, None, fail, address=HOST
        ) as listener:
            for _ in range(2):
                with connect((HOST, listener.local_name.port)) as client:
                    run_until(event_base, lambda: failures)
                    settle(event_base)
                    with contextlib.suppress(ConnectionError):
                        assert client.recv(1) == b""
                failures.clear()


# -- accepting ------------------------------------------------------------------------------------


def test_each_connection_is_given_to_the_function_as_a_state() -> None:
    def answer(state: AsyncIOState, line: str, error: Exception | None) -> None:
        if error is not None:
            state.close()
            return
        state.write(f"You sent: '{line}'\n")
        state.read_line(answer)

    def welcome(listener: Listener, state: AsyncIOState) -> None:
        states.append((listener, state))
        state.read_line(answer)

    states: list[tuple[Listener, AsyncIOState]] = []
    with raising_base() as event_base:
        with accept_tcp_connections_creating_async_io_states(
            event_base, None, welcome, address=HOST, name="talk", user_info=7, read_timeout=60
        ) as listener:
            clients = [connect((HOST, listener.local_name.port)) for _ in range(3)]
            run_until(event_base, lambda: len(states) == 3)
        for number, client in enumerate(clients):
            client.sendall(f"{number}\n".encode())
        settle(event_base)
        for number, client in enumerate(clients):
            assert client.recv(100) == f"You sent: '{number}'\n".encode()
            client.close()
        run_until(event_base, lambda: all(state.closed for _, state in states))
        for told, state in states:
            assert told is listener
            assert (state.name, state.user_info) == ("talk", 7)
            assert (state.read_timeout, state.write_timeout) == (60, None)
            assert "'talk'" in repr(state)


@contextlib.contextmanager
def accepting(event_base: EventBase, **options: Any) -> Iterator[tuple[Listener, list[Any]]]:
    """Yield a listener, and what it makes."""
    states: list[AsyncIOState] = []
    arguments = {"service": None, "address": HOST, **options}
    listener = accept_anything(
        event_base, connection_function=lambda _, state: states.append(state), **arguments
    )
    with listener:
        yield listener, states
    for state in states:
        state.close(abort=True)
    settle(event_base)


@pytest.mark.parametrize(
    ("arguments", "nodelay", "keepalive"),
    [({}, 1, 0), ({"nodelay": False, "keepalive": True}, 0, 1)],
)
def test_the_connections_have_the_options(
    arguments: dict[str, bool], nodelay: int, keepalive: int
) -> None:
    with (
        raising_base() as event_base,
        accepting(event_base, **arguments) as (listener, states),
        connect((HOST, listener.local_name.port)),
    ):
        run_until(event_base, lambda: states)
        number = os.dup(states[0]._transport.fileno())
        with socket.socket(fileno=number) as same:
            assert same.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == nodelay
            assert same.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == keepalive


def test_the_text_has_the_format(answers: Answers) -> None:
    with (
        raising_base() as event_base,
        accepting(event_base, external_format="latin-1/crlf") as (listener, states),
        connect((HOST, listener.local_name.port)) as client,
    ):
        client.sendall(b"\xe9\r\n")
        run_until(event_base, lambda: states)
        states[0].read_line(answers.read)
        states[0].write("ü\n", answers.write)
        run_until(event_base, lambda: len(answers.all) == 2)
        assert ("é", None) in answers.all
        assert client.recv(10) == b"\xfc\r\n"


def test_it_listens_where_it_is_told_to() -> None:
    with raising_base() as event_base, accepting(event_base, address="127.0.0.2") as (one, _):
        assert str(one.local_name.host) == "127.0.0.2"
        port = one.local_name.port
        with pytest.raises(AddressInUse), accepting(event_base, address="127.0.0.2", service=port):
            pass
    with (
        refusing_port() as taken,
        raising_base() as event_base,
        pytest.raises(AddressInUse),
        accepting(event_base, service=str(taken)),
    ):
        pass


def test_a_port_can_be_reused_by_those_who_ask_for_it() -> None:
    with (
        raising_base() as event_base,
        accepting(event_base, reuseport=True) as (one, _),
        accepting(event_base, reuseport=True, service=one.local_name.port) as (other, _),
    ):
        assert other.local_name == one.local_name


@pytest.mark.parametrize(
    ("ipv6", "bound"), [(False, "0.0.0.0"), pytest.param(True, "::", marks=needs_ipv6)]
)
def test_the_family_can_be_chosen(ipv6: bool, bound: str) -> None:
    with raising_base() as event_base, accepting(event_base, address=None, ipv6=ipv6) as (one, _):
        assert str(one.local_name.host) == bound


@pytest.mark.parametrize(("arguments", "expected"), [({}, 5), ({"backlog": 3}, 3)])
def test_the_backlog_is_the_systems_limit(arguments: dict[str, int], expected: int) -> None:
    with raising_base() as event_base, accepting(event_base, **arguments) as (listener, _):
        assert accept_queue_limit(listener.socket) == expected


# -- what a state is made of ----------------------------------------------------------------------


def test_a_state_of_a_socket_begins_with_what_it_has_received(answers: Answers) -> None:
    ours, theirs = make_socket_pair(external_format="latin-1")
    with raising_base() as event_base, theirs:
        theirs.write("one\ntwo é\n")
        theirs.finish_output()
        assert ours.read_line(timeout=PATIENCE) == "one"
        state = create_async_io_state(event_base, ours, name="it", user_info="info")
        assert ours.closed
        assert (state.name, state.user_info) == ("it", "info")
        assert state.event_base is event_base
        settle(event_base)
        state.read_line(answers.read)
        run_until(event_base, lambda: answers.all)
        assert answers.all == [("two é", None)]
        state.close()
        settle(event_base)


def test_a_state_knows_both_names() -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        assert tuple(map(str, state.remote_name)) == tuple(map(str, peer.getsockname()))
        assert tuple(map(str, state.local_name)) == tuple(map(str, peer.getpeername()))


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"connection_function": None}, TypeError),
        ({"service": 65_536}, ValueError),
        ({"address": "not an address"}, ValueError),
        ({"ipv6": "neither"}, ValueError),
        ({"read_timeout": "long"}, TypeError),
        ({"write_timeout": -1}, ValueError),
        ({"external_format": "no-such-format"}, ValueError),
    ],
)
def test_mistakes_are_found_at_once(arguments: dict[str, Any], error: type[Exception]) -> None:
    with EventBase() as event_base, pytest.raises(error):
        accept_anything(event_base, **{"service": None, "connection_function": print, **arguments})


def test_mistakes_in_a_request_leave_no_request(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, _):
        request: Any
        for request in (
            lambda: state.read_some(answers.read, size=-1),
            lambda: state.read_exactly(-1, answers.read),
            lambda: state.read_line(answers.read, limit=-1),
            lambda: state.read_line(answers.read, timeout=-1),
            lambda: state.write("x", answers.write, timeout=-1),
        ):
            with pytest.raises(ValueError, match="negative"):
                request()
        not_callable: Any = 1
        with pytest.raises(TypeError):
            state.read_line(not_callable)
        with pytest.raises(TypeError):
            state.write("x", not_callable)
        state.read_line(answers.read)


def test_bytes_cannot_be_read_where_text_is_decoded_ahead(answers: Answers) -> None:
    ours, theirs = make_socket_pair(external_format="utf-16")
    with raising_base() as event_base, theirs:
        state = create_async_io_state(event_base, ours)
        for read in (state.read_some, lambda callback: state.read_exactly(1, callback)):
            with pytest.raises(ValueError, match="bytes cannot be read"):
                read(answers.read)
        theirs.write("text\n")
        theirs.finish_output()
        state.read_line(answers.read)
        run_until(event_base, lambda: answers.all)
        assert answers.all == [("text", None)]
        state.close(abort=True)
        settle(event_base)


def test_a_closed_event_base_accepts_nobody() -> None:
    with EventBase() as event_base:
        pass
    with pytest.raises(SocketClosed):
        accept_anything(event_base, None, print, address=HOST)
    one, other = make_socket_pair()
    with one, other:
        assert isinstance(one, ActiveSocket)
        with pytest.raises(SocketClosed):
            create_async_io_state(event_base, one)
