"""How a connection ends: orderly, at once, with a reset, and without destroying the last answer."""

import contextlib
import inspect
import os
import pickle
import socket
import sys
import time
from functools import partial

import pytest
from sockets.helpers import Call, listening, stream_and_peer
from support.peers import receive_all, receive_exactly, reset
from support.processes import Program
from support.signal_points import collect_what_was_lost, interrupted_at
from support.timing import MS, PATIENCE

from trunkline import (
    LINGER_TIMEOUT,
    ActiveSocket,
    ConnectionReset,
    EndOfFile,
    Hangup,
    SocketClosed,
    TimedOut,
    make_socket,
    make_socket_from_fd,
)
from trunkline._sys import lingering
from trunkline._sys.readiness import wait_for_any
from trunkline._sys.socket_descriptor import SocketDescriptor
from trunkline.sockets import active_socket

LONG = 10 * PATIENCE
MUCH = 1_000_000  # bytes, more than the buffers of a local socket


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


# -- orderly --------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [socket.AF_UNIX, socket.AF_INET])
def test_closing_sends_what_is_queued_and_then_the_end(family: socket.AddressFamily) -> None:
    with stream_and_peer(family) as (stream, peer):
        stream.write("last words")
        stream.close()
        assert receive_all(peer) == b"last words"


def test_closing_waits_until_the_queue_is_sent() -> None:
    with stream_and_peer(output_buffer_size=2 * MUCH) as (stream, peer):
        stream.write(bytes(MUCH))
        with Call(stream.close) as call:
            assert len(receive_exactly(peer, MUCH)) == MUCH
            call.result()
            assert peer.recv(1) == b""


def test_closing_waits_no_longer_than_the_streams_timeout_and_closes_all_the_same() -> None:
    with stream_and_peer(output_buffer_size=2 * MUCH, timeout=30 * MS) as (stream, _):
        stream.write(bytes(MUCH))
        number = stream.fileno()
        start = time.monotonic()
        with pytest.raises(
            TimedOut, match=r"^close .*time limit passed with \d+ bytes unsent"
        ) as no:
            stream.close()
        assert 30 * MS <= time.monotonic() - start < PATIENCE
        assert 0 < no.value.unsent <= MUCH
        assert no.value.deadline
        assert pickle.loads(pickle.dumps(no.value)).unsent == no.value.unsent
        assert stream.closed
        assert not is_open(number)
        stream.close()


def test_closing_can_have_a_limit_of_its_own() -> None:
    with stream_and_peer(output_buffer_size=2 * MUCH, timeout=LONG) as (stream, _):
        stream.write(bytes(MUCH))
        with pytest.raises(TimedOut) as no:
            stream.close(timeout=0)
        assert no.value.unsent
        assert stream.closed


def test_without_any_limit_closing_takes_a_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active_socket, "CLOSE_TIMEOUT", 30 * MS)
    with stream_and_peer(output_buffer_size=2 * MUCH) as (stream, _):
        with pytest.raises(TimedOut), stream:
            stream.write(bytes(MUCH))
        assert stream.closed


def test_a_peer_that_is_gone_is_told_of_and_the_socket_is_closed() -> None:
    with stream_and_peer() as (stream, peer):
        peer.close()
        stream.write("too late")
        number = stream.fileno()
        with pytest.raises(Hangup, match=r"^close "):
            stream.close()
        assert stream.closed
        assert not is_open(number)
        stream.close()


def test_a_with_block_closes_even_if_closing_fails() -> None:
    with stream_and_peer() as (stream, peer):
        peer.close()
        stream.write("too late")
        with pytest.raises(Hangup), stream:
            pass
        assert stream.closed


def test_closing_after_a_reset_that_was_noticed_is_quiet() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        stream.write("never to be sent")
        reset(peer)
        with pytest.raises(ConnectionReset):
            stream.read(timeout=PATIENCE)
        stream.close()
        assert stream.closed


def test_closing_after_a_hang_up_that_was_noticed_is_quiet() -> None:
    with stream_and_peer() as (stream, peer):
        peer.close()
        stream.write("too late")
        with pytest.raises(Hangup):
            stream.finish_output()
        stream.close()


def test_closing_brings_an_encoding_with_state_back_to_its_beginning() -> None:
    with stream_and_peer(external_format="iso2022_jp") as (stream, peer):
        stream.write("日本")
        stream.close()
        assert receive_all(peer) == "日本".encode("iso2022_jp")


def test_what_is_interrupted_while_closing_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    with stream_and_peer() as (stream, _):
        stream.write("x")
        number = stream.fileno()
        monkeypatch.setattr(stream, "_flush", interrupt)
        with pytest.raises(KeyboardInterrupt):
            stream.close()
        assert stream.closed
        assert not is_open(number)


def test_an_unconnected_socket_is_simply_closed() -> None:
    sock = make_socket()
    sock.close()
    assert sock.closed


# -- at once --------------------------------------------------------------------------------------


def test_an_abort_drops_what_is_queued() -> None:
    with stream_and_peer() as (stream, peer):
        stream.write("sent")
        stream.finish_output()
        stream.write("dropped")
        stream.close(abort=True)
        assert receive_all(peer) == b"sent"


def test_an_abort_does_not_wait() -> None:
    with stream_and_peer(output_buffer_size=2 * MUCH) as (stream, peer):
        stream.write(bytes(MUCH))
        peer.sendall(b"unread")
        start = time.monotonic()
        stream.close(abort=True)
        assert time.monotonic() - start < LINGER_TIMEOUT


def test_a_reset_is_noticed_by_the_peer_at_once() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        stream.write("dropped")
        stream.close(reset=True)
        with pytest.raises(ConnectionResetError):
            peer.recv(100)


def test_without_a_reset_the_peer_sees_the_end() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        stream.close(abort=True)
        assert peer.recv(100) == b""


def test_a_reset_of_a_local_socket_is_an_abort() -> None:
    with stream_and_peer() as (stream, peer):
        stream.write("dropped")
        stream.close(reset=True)
        assert peer.recv(100) == b""


def test_a_socket_without_a_peer_can_be_reset() -> None:
    sock = make_socket()
    sock.close(reset=True)
    assert sock.closed


def test_aborting_a_copy_leaves_the_connection_to_the_other_copy() -> None:
    # As of a server that forks a child for each client, and closes its own copy.
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"request\n")
        assert stream.receive_from(1, timeout=PATIENCE, peek=True)[0] == b"r"
        with make_socket_from_fd(stream.fileno()) as copy:
            stream.close(abort=True)
            assert copy.read_line(timeout=PATIENCE) == "request"
            copy.write_line("reply")
            copy.finish_output()
            assert receive_exactly(peer, 6) == b"reply\n"


# -- lingering ------------------------------------------------------------------------------------


def answer(stream: ActiveSocket, linger: float = LINGER_TIMEOUT) -> None:
    """Serve as a server that has seen enough of a request: answer, and close."""
    assert stream.read_line(timeout=PATIENCE) == "PUT"
    stream.write("too large\n")
    stream.close(linger=linger)


@pytest.mark.exact_io("an injected EINTR looks as if nothing were unread")
def test_an_answer_survives_a_request_that_was_not_read() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer), Call(answer, stream) as serving:
        peer.sendall(b"PUT\n" + bytes(8 * MUCH))
        assert receive_all(peer) == b"too large\n"
        peer.close()
        serving.result()
        assert stream.closed


@pytest.mark.exact_io("an injected EINTR looks as if nothing were unread")
def test_so_does_one_on_a_connection_that_nobody_waited_for() -> None:
    def answer_at_once() -> None:
        assert stream.read_line(timeout=PATIENCE) == "PUT"
        stream.write("too large\n", flush=True)
        stream.close()

    with listening() as listener, make_socket() as stream:
        stream.connect(listener.local_host, listener.local_port, timeout=0)
        with listener.accept() as peer, Call(answer_at_once) as serving:
            peer.write(b"PUT\n" + bytes(8 * MUCH), flush=True, timeout=PATIENCE)
            assert peer.read_line(timeout=PATIENCE) == "too large"
            peer.close(abort=True)
            serving.result()


@pytest.mark.parametrize(
    ("option", "wrong", "error"),
    [
        ("linger", None, TypeError),
        ("linger", "2", TypeError),
        ("linger", -1, ValueError),
        ("linger", float("nan"), ValueError),
        ("timeout", "2", TypeError),
        ("timeout", -1, ValueError),
    ],
)
def test_what_is_no_time_is_told_before_anything_is_done(
    option: str, wrong: object, error: type[Exception]
) -> None:
    with stream_and_peer() as (stream, peer):
        stream.write("last words")
        with pytest.raises(error):
            stream.close(**{option: wrong})  # type: ignore[arg-type]
        stream.close()
        assert receive_all(peer) == b"last words"


@pytest.mark.exact_io("an injected EINTR looks as if nothing were unread")
def test_a_time_to_linger_that_no_clock_can_reckon_with_is_for_ever() -> None:
    with stream_and_peer() as (stream, peer):
        peer.sendall(b"unread")
        stream.close(linger=10**400)
        assert peer.recv(1) == b""


def test_without_lingering_the_request_is_broken_off() -> None:
    # This is what the test before would see if nothing were done about it.
    with (
        stream_and_peer(socket.AF_INET) as (stream, peer),
        Call(answer, stream, 0),
        pytest.raises((ConnectionResetError, BrokenPipeError)),
    ):
        converse(peer)


def converse(peer: socket.socket) -> bytes:
    peer.sendall(b"PUT\n" + bytes(8 * MUCH))
    return receive_all(peer)


@pytest.mark.exact_io("all that was sent at once is received at once")
def test_what_is_in_the_streams_own_buffer_was_not_read_either() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"PUT\nthe beginning")
        while not stream.has_buffered_input:
            stream.peek_char(timeout=PATIENCE)
        with Call(answer, stream) as serving:
            assert receive_all(peer) == b"too large\n"
            # The end of it says that the answer is complete, and not that nobody listens.
            for _ in range(10):
                peer.sendall(bytes(MUCH))
            peer.close()
            serving.result()


def until_closed(number: int) -> None:
    """Wait until a descriptor's number was given back."""
    end = time.monotonic() + PATIENCE
    while is_open(number):
        assert time.monotonic() < end, "it is still open"
        wait_for_any((), 5 * MS)


@pytest.mark.parametrize("keeps_sending", [False, True])
@pytest.mark.exact_io("an injected EINTR looks as if nothing were unread")
@pytest.mark.slow
def test_lingering_is_bounded_and_nobody_waits_for_it(keeps_sending: bool) -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"unread")
        assert stream.receive_from(1, timeout=PATIENCE, peek=True)[0] == b"u"
        number = stream.fileno()
        start = time.monotonic()
        stream.close(linger=300 * MS)
        assert time.monotonic() - start < 300 * MS
        assert is_open(number)
        assert (stream.closed, stream.fileno()) == (True, -1)
        with contextlib.suppress(ConnectionError):
            while keeps_sending and is_open(number):
                peer.sendall(bytes(65_536))
        until_closed(number)
        assert 300 * MS <= time.monotonic() - start < LINGER_TIMEOUT


@pytest.mark.exact_io("an injected EINTR looks as if nothing were unread")
def test_many_may_linger_but_not_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "MOST_LINGERING", 3)
    with contextlib.ExitStack() as stack:
        pairs = [stack.enter_context(stream_and_peer(socket.AF_INET)) for _ in range(5)]
        numbers = [stream.fileno() for stream, _ in pairs]
        for stream, peer in pairs:
            peer.sendall(b"unread")
            assert stream.receive_from(1, timeout=PATIENCE, peek=True)[0] == b"u"
            stream.close(linger=10 * PATIENCE)
        assert [is_open(number) for number in numbers] == [False, False, True, True, True]
        for _, peer in pairs:
            peer.close()
        for number in numbers:
            until_closed(number)


@pytest.mark.exact_io("the faults would strike the pipes to the program, too")
@pytest.mark.slow
def test_a_process_lingers_before_it_ends() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Program([sys.executable, "-c", ENDS_AT_ONCE, str(listener.getsockname()[1])]) as program,
    ):
        listener.settimeout(PATIENCE)
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(PATIENCE)
            peer.sendall(b"unread")
            seen = receive_exactly(peer, 4)
            peer.sendall(bytes(MUCH))
            assert seen + receive_all(peer) == b"seenbye"
            peer.close()
        assert program.wait() == 0


ENDS_AT_ONCE = """
import sys
from trunkline import make_socket
with make_socket("127.0.0.1", int(sys.argv[1])) as sock:
    sock.receive_from(1, timeout=60, peek=True)
    sock.write("seen")
    sock.finish_output()
    sock.write("bye")
"""


@pytest.mark.exact_io("an injected EINTR looks as if nothing were unread")
def test_a_child_leaves_lingering_to_its_parent() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"unread")
        assert stream.receive_from(1, timeout=PATIENCE, peek=True)[0] == b"u"
        number = stream.fileno()
        stream.close(linger=10 * PATIENCE)
        pid = os.fork()
        if pid == 0:
            os._exit(int(is_open(number)))
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        assert is_open(number)
        peer.close()
        until_closed(number)


def test_the_bound_is_two_seconds_unless_told_otherwise() -> None:
    assert LINGER_TIMEOUT == 2.0
    assert inspect.signature(ActiveSocket.close).parameters["linger"].default == LINGER_TIMEOUT


@pytest.mark.exact_io("an injected EINTR looks as if nothing were unread")
def test_lingering_ends_when_the_peer_does() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"unread")
        stream.write("bye")
        number = stream.fileno()
        stream.close(linger=10 * PATIENCE)
        assert receive_all(peer) == b"bye"
        peer.close()
        until_closed(number)


@pytest.mark.exact_io("an injected EINTR looks as if nothing were unread")
def test_lingering_ends_quietly_when_the_peer_resets() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"unread")
        stream.write("bye")
        number = stream.fileno()
        stream.close(linger=10 * PATIENCE)
        assert receive_all(peer) == b"bye"
        reset(peer)
        until_closed(number)


@pytest.mark.exact_io("an injected EINTR looks as if nothing were unread")
# What is lost on the way is closed when it is collected, and Python says so.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.slow
def test_ctrl_c_ends_lingering_for_nobody_else() -> None:
    def close_one(point: int | None) -> bool:
        with stream_and_peer(socket.AF_INET) as (stream, peer):
            peer.sendall(b"unread")
            assert stream.receive_from(1, timeout=PATIENCE, peek=True)[0] == b"u"
            number = stream.fileno()
            close = partial(stream.close, linger=10 * PATIENCE)
            was_interrupted = point is not None and interrupted_at(point, close)
            close()
            assert stream.closed
            del stream, close
            peer.close()
            collect_what_was_lost()
            until_closed(number)
        return was_interrupted

    point = 0
    while close_one(point):
        close_one(None)
        point += 1
    assert point > 20


def test_with_nothing_unread_there_is_no_lingering() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"request\n")
        assert stream.read_line(timeout=PATIENCE) == "request"
        stream.write("answer\n")
        number = stream.fileno()
        stream.close(linger=10 * PATIENCE)
        assert not is_open(number)
        assert receive_all(peer) == b"answer\n"


@pytest.mark.exact_io("it receives at once")
@pytest.mark.parametrize("who", ["peer", "stream"])
def test_only_an_end_that_the_peer_has_said_makes_lingering_needless(
    monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    lingered: list[float] = []

    def linger(heir: SocketDescriptor, seconds: float) -> None:
        lingered.append(seconds)
        heir.close()

    monkeypatch.setattr(active_socket, "linger", linger)
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        if who == "peer":
            peer.shutdown(socket.SHUT_WR)
            with pytest.raises(EndOfFile):
                stream.read_line(timeout=PATIENCE)
        else:
            stream.shutdown(read=True)
            assert stream._receive_at_once("read")  # as another thread does that was reading
        assert stream._input.at_end
        stream.close()
        assert lingered == ([] if who == "peer" else [LINGER_TIMEOUT])


def test_a_peer_that_has_finished_is_not_waited_for() -> None:
    with stream_and_peer(socket.AF_INET) as (stream, peer):
        peer.sendall(b"unread")
        peer.shutdown(socket.SHUT_WR)
        number = stream.fileno()
        stream.close(linger=10 * PATIENCE)
        until_closed(number)


# -- by somebody else -----------------------------------------------------------------------------


def test_closing_while_another_thread_reads_sends_what_is_queued() -> None:
    with stream_and_peer() as (stream, peer), Call(stream.read) as reading:
        stream.write("last words")
        stream.close()
        assert receive_all(peer) == b"last words"
        with pytest.raises(SocketClosed):
            reading.result()


def test_closing_while_another_thread_writes_does_not_wait_for_it() -> None:
    with stream_and_peer() as (stream, _), Call(stream.write, bytes(10 * MUCH)) as writing:
        stream.close()
        with pytest.raises(SocketClosed):
            writing.result()
