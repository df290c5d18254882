"""Asynchronous states: requests, their callbacks, time limits, and how it all ends."""

import contextlib
import socket
import struct
from typing import Any

import pytest
from servers.async_states_helpers import (
    HOST,
    Answers,
    raising_base,
    receives,
    run_until,
    settle,
    state_and_peer,
)
from support.peers import connect, reset
from support.timing import MS, PATIENCE

from trunkline import (
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
)
from trunkline.testing.clock import ManualClock


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


def test_after_a_line_that_is_too_long_the_next_one_can_be_read(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        peer.sendall(b"x" * 100)
        state.read_line(answers.read, limit=50)
        run_until(event_base, lambda: answers.all)
        assert isinstance(answers.error(), LineTooLong)
        state.skip_line(answers.read, timeout=10 * MS)
        run_until(event_base, lambda: answers.all)
        assert isinstance(answers.error(), TimedOut)  # what there was of it is gone
        state.skip_line(answers.read)
        settle(event_base)
        peer.sendall(b"y" * 50 + b"\nnext\nlast")
        run_until(event_base, lambda: answers.all)
        state.read_line(answers.read)
        run_until(event_base, lambda: len(answers.all) == 2)
        peer.close()
        state.skip_line(answers.read)
        run_until(event_base, lambda: len(answers.all) == 3)
        state.skip_line(answers.read)
        run_until(event_base, lambda: len(answers.all) == 4)
        *answered, (nothing, error) = answers.all
        assert answered == [(151, None), ("next", None), (4, None)]
        assert (nothing, type(error)) == (0, EndOfFile)
        assert error is not None
        assert str(error).startswith("skip_line ")


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
        assert receives(peer, b"xxx")


def test_there_is_one_request_to_read_at_a_time(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        state.read_line(answers.read)
        with pytest.raises(Busy, match="read_line has not been answered yet"):
            state.read_some(answers.read)
        peer.sendall(b"a line\n")
        run_until(event_base, lambda: answers.all)
        assert answers.all == [("a line", None)]
        state.read_some(answers.read)


@pytest.mark.parametrize("before", ["nothing", "an answer", "a limit that passes"])
def test_nothing_is_received_that_nobody_has_asked_for(before: str, answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        if before == "an answer":
            peer.sendall(b"x")
        if before != "nothing":
            state.read_some(answers.read, timeout=PATIENCE if before == "an answer" else 1 * MS)
            run_until(event_base, lambda: answers.all)
            answers.all.clear()
        peer.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 64 << 20:  # more than any system takes in
                sent += peer.send(bytes(65_536))
                settle(event_base)
        assert sent < 64 << 20
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
        assert sent - unread - count < 3 * len(event_base._scratch) + unsent(peer)


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
        assert receives(peer, b"still open\n")


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
        assert receives(peer, "one zwölf one ".encode())


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
        assert receives(peer, b"x" * 50)


def test_text_that_cannot_be_written_is_an_error_at_once(answers: Answers) -> None:
    with raising_base() as event_base, state_and_peer(event_base) as (state, peer):
        with pytest.raises(UnicodeEncodeError):
            state.write("\ud800", answers.write)
        with pytest.raises(TypeError):
            state.write(1, answers.write)  # type: ignore[arg-type]
        state.write("x", answers.write)
        run_until(event_base, lambda: answers.all)
        assert receives(peer, b"x")


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
        state.read_line(answers.read)
        peer.sendall(b"a line\n")
        run_until(event_base, lambda: len(answers.all) == 3)
        assert event_base.is_empty  # of timers, too


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
        assert receives(peer, b"one two three")
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
