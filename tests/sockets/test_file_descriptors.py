"""File descriptors over local sockets: they come with their bytes, and none stays open by itself.

That none does is looked at after each test, as everywhere.
"""

import contextlib
import gc
import os
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sockets.helpers import no_descriptors_left, stream_and_peer
from support.signal_points import interrupted_at
from support.timing import MS, PATIENCE

from trunkline import (
    MOST_FILE_DESCRIPTORS,
    ActiveSocket,
    DatagramSocket,
    EventBase,
    FileDescriptors,
    Hangup,
    LocalAddress,
    NotConnected,
    ProtocolError,
    Received,
    SocketClosed,
    TimedOut,
    TooManyOpenFiles,
    TransportProtocol,
    adopt,
    make_socket,
    make_socket_from_fd,
    make_socket_pair,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="as Linux has it")
MESSAGES = pytest.mark.parametrize("kind", ["datagram", pytest.param("seqpacket", marks=linux)])


class Pipe:
    """A pipe, by which a test sees whether its writing end is open anywhere."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def give_away(self) -> None:
        """Close the end that was sent."""
        os.close(self.writer)
        self.writer = -1

    @property
    def is_open_elsewhere(self) -> bool:
        """Whether somebody could write, once it was given away."""
        try:
            return os.read(self.reader, 1) != b""
        except BlockingIOError:
            return True


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    os.close(pipe.reader)
    if pipe.writer >= 0:
        os.close(pipe.writer)


@contextlib.contextmanager
def streams(**options: Any) -> Iterator[tuple[ActiveSocket, ActiveSocket]]:
    options.setdefault("file_descriptors", True)
    one, other = make_socket_pair(timeout=PATIENCE, **options)
    with one, other:
        yield one, other


@contextlib.contextmanager
def messages(kind: Any) -> Iterator[tuple[DatagramSocket, DatagramSocket]]:
    one, other = make_socket_pair(type=kind, file_descriptors=True)
    with one, other:
        yield one, other


# -- streams ---------------------------------------------------------------------------------------


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_descriptors_come_with_their_line(pipe: Pipe) -> None:
    with streams() as (one, other):
        one.write_line("nothing comes with this")
        one.send_file_descriptors([pipe.writer, pipe.reader], b"two come with this\n")
        assert other.read_line() == "nothing comes with this"
        assert other.read_line() == "two come with this"
        with other.take_file_descriptors(2) as descriptors:
            assert len(descriptors) == 2
            assert [os.fstat(each)[:2] for each in descriptors] == [
                os.fstat(each)[:2] for each in (pipe.writer, pipe.reader)
            ]
            assert not any(map(os.get_inheritable, descriptors))
            os.write(descriptors[0], b"x")
        assert os.read(pipe.reader, 1) == b"x"
        assert len(descriptors) == 0
        assert repr(descriptors) == "<file descriptors none>"


@pytest.mark.parametrize(
    "read",
    [
        lambda stream: stream.read_line(),
        lambda stream: stream.read_exactly(6),
        lambda stream: stream.read_text(6),
        lambda stream: stream.read_char(),
        lambda stream: next(stream),
        lambda stream: stream.read_into(bytearray(6)),
        lambda stream: stream.receive_from(100, timeout=PATIENCE),
        lambda stream: stream.receive_from(bytearray(100), timeout=PATIENCE),
        lambda stream: stream.raw_io().read(100),
    ],
)
@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_whatever_reads_the_byte_brings_the_descriptor(
    read: Callable[[ActiveSocket], object], pipe: Pipe
) -> None:
    with streams() as (one, other):
        one.send_file_descriptors([pipe.writer], b"hello\n")
        read(other)
        with other.take_file_descriptors(1):
            pass


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_what_is_peeked_at_does_not_come_yet(pipe: Pipe) -> None:
    with streams() as (one, other):
        one.send_file_descriptors([pipe.writer], b"hello")
        assert other.receive_from(5, peek=True, timeout=PATIENCE)[0] == b"hello"
        assert not other.take_file_descriptors()
        assert other.read_exactly(5) == b"hello"
        assert len(other.take_file_descriptors()) == 1


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_they_are_taken_in_their_order(pipe: Pipe) -> None:
    with streams() as (one, other):
        one.send_file_descriptors([pipe.reader, pipe.writer], b"a")
        one.send_file_descriptors([pipe.writer], b"b")
        assert other.read_exactly(2) == b"ab"
        kinds = [os.fstat(each).st_ino for each in (pipe.reader, pipe.writer)]
        first, rest = other.take_file_descriptors(1), other.take_file_descriptors()
        assert [os.fstat(each).st_ino for each in (*first, *rest)] == [kinds[0], *kinds[1:] * 2]
        first.close()
        rest.close()


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_one_that_was_not_sent_is_told(pipe: Pipe) -> None:
    with streams() as (one, other):
        one.send_file_descriptors([pipe.writer], b"two come with this\n")
        assert other.read_line()
        with pytest.raises(ProtocolError, match="of 2 file descriptors 1 have come"):
            other.take_file_descriptors(2)
        with other.take_file_descriptors(1):
            pass


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_more_data_than_fits_follows_its_descriptors(pipe: Pipe) -> None:
    data = os.urandom(1_000_000)
    with streams() as (one, other):
        with pytest.raises(TimedOut):
            one.send_file_descriptors([pipe.writer], data, timeout=20 * MS)
        received = other.read_exactly(1000)
        with other.take_file_descriptors(1):
            pass
        while len(received) < len(data):
            one.force_output()
            received += other.read()
        assert received == data
        assert not other.take_file_descriptors()


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_if_no_byte_was_sent_nothing_was(pipe: Pipe) -> None:
    with streams() as (one, other):
        with pytest.raises(TimedOut):
            one.write(bytes(10_000_000), timeout=20 * MS)
        with pytest.raises(TimedOut):
            one.send_file_descriptors([pipe.writer], b"last", timeout=20 * MS)
        one.clear_output()
        one.shutdown(write=True)
        while other.read():
            pass
        assert not other.take_file_descriptors()


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_without_a_wish_for_them_none_is_taken_in(pipe: Pipe) -> None:
    with streams(file_descriptors=False) as (one, other):
        one.send_file_descriptors([pipe.writer], b"hello\n")
        pipe.give_away()
        assert other.read_line() == "hello"
        assert not pipe.is_open_elsewhere
        with pytest.raises(ValueError, match="was not made with file_descriptors=True"):
            other.take_file_descriptors()


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_what_nobody_takes_is_closed(pipe: Pipe) -> None:
    with streams() as (one, other):
        one.send_file_descriptors([pipe.writer], b"hello\n")
        pipe.give_away()
        other.read_line()
        was_open = pipe.is_open_elsewhere
    assert (was_open, pipe.is_open_elsewhere) == (True, False)
    with pytest.raises(SocketClosed):
        other.take_file_descriptors()


@pytest.mark.parametrize("lets_go", [lambda taken: taken.close(), lambda taken: None])
@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_what_is_let_go_of_is_closed(
    lets_go: Callable[[FileDescriptors], None], pipe: Pipe
) -> None:
    with streams() as (one, other):
        one.send_file_descriptors([pipe.writer], b"hello\n")
        pipe.give_away()
        other.read_line()
        taken = other.take_file_descriptors()
        lets_go(taken)
        del taken
        assert not pipe.is_open_elsewhere


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_what_is_taken_out_is_the_callers(pipe: Pipe) -> None:
    with streams() as (one, other):
        one.send_file_descriptors([pipe.writer], b"hello\n")
        pipe.give_away()
        other.read_line()
        with other.take_file_descriptors() as taken:
            number = taken.take()
            with pytest.raises(ValueError, match="no file descriptor is left"):
                taken.take()
        assert pipe.is_open_elsewhere
        os.close(number)


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_one_that_the_caller_has_closed_does_no_harm(pipe: Pipe) -> None:
    with streams() as (one, other):
        one.send_file_descriptors([pipe.reader, pipe.writer, pipe.reader], b"hello\n")
        other.read_line()
        with other.take_file_descriptors() as taken:
            os.close(taken[1])


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_a_connection_changes_hands(tmp_path: Path) -> None:
    listener = make_socket(connect="passive", local_host="127.0.0.1")
    with listener, make_socket("127.0.0.1", listener.local_port, timeout=PATIENCE) as client:
        with streams() as (one, other):
            with listener.accept() as accepted:
                one.send_file_descriptors([accepted], b"take this\n")
                accepted.close(abort=True)
            assert other.read_line() == "take this"
            with other.take_file_descriptors(1) as taken:
                server = make_socket_from_fd(taken[0])
        with server:
            server.write_line("hello", flush=True)
            assert client.read_line() == "hello"
            assert server.remote_name == client.local_name


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_listeners_hand_the_wish_on(tmp_path: Path, pipe: Pipe) -> None:
    path = tmp_path / "socket"
    with (
        make_socket(
            connect="passive", address_family="local", local_filename=path, file_descriptors=True
        ) as listener,
        make_socket(address_family="local", remote_filename=path) as client,
        listener.accept() as server,
    ):
        client.send_file_descriptors([pipe.writer])
        assert server.read_exactly(1) == b"\0"
        assert len(server.take_file_descriptors(1)) == 1
        assert client.peer_credentials.pid == os.getpid()


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_descriptors_of_others(pipe: Pipe) -> None:
    """Python's own functions are at the other end."""
    with stream_and_peer(file_descriptors=True, timeout=PATIENCE) as (stream, peer):
        socket.send_fds(peer, [b"hello\n"], [pipe.writer])
        assert stream.read_line() == "hello"
        assert len(stream.take_file_descriptors()) == 1
        stream.send_file_descriptors([pipe.writer, pipe.reader], b"answer")
        data, numbers, *_ = socket.recv_fds(peer, 100, 10)
        assert data == b"answer"
        assert len(numbers) == 2
        for number in numbers:
            os.close(number)


# -- limits and failures ---------------------------------------------------------------------------


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_when_there_is_no_room_for_all_none_stays_open(pipe: Pipe) -> None:
    with streams() as (one, other):
        one.send_file_descriptors([pipe.writer] * 3, b"hello\n")
        pipe.give_away()
        with no_descriptors_left(spare=2):
            assert other.read_line() == "hello"
            with pytest.raises(TooManyOpenFiles, match="have got lost"):
                other.take_file_descriptors()
        assert not pipe.is_open_elsewhere
        assert not other.take_file_descriptors()  # it is told once


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_who_takes_none_gets_no_more_than_so_many(pipe: Pipe) -> None:
    with streams() as (one, other):
        one.send_file_descriptors([pipe.writer] * MOST_FILE_DESCRIPTORS, b"a")
        assert other.read_exactly(1) == b"a"
        before = len(os.listdir("/proc/self/fd"))
        one.send_file_descriptors([pipe.writer], b"b")
        pipe.give_away()
        assert other.read_exactly(1) == b"b"
        assert len(os.listdir("/proc/self/fd")) == before - 1
        with pytest.raises(TooManyOpenFiles):
            other.take_file_descriptors(1)
        assert not pipe.is_open_elsewhere


@pytest.mark.exact_io("a fault may be what ends the call")
@pytest.mark.parametrize(
    "use",
    [
        lambda stream: stream.read_line(),
        lambda stream: stream.receive_from(100),
        lambda stream: stream.receive_from(bytearray(100)),
    ],
)
@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_an_exception_of_a_handler_leaves_none_open(
    use: Callable[[ActiveSocket], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", forget)
    assert_none_is_left_open(streams, use, lambda sock: sock.take_file_descriptors())


@pytest.mark.exact_io("a fault may be what ends the call")
@pytest.mark.parametrize(
    "use",
    [
        lambda sock: sock.receive_from().descriptors.close(),
        lambda sock: sock.receive_from(bytearray(9)),
        lambda sock: sock.receive_many(2),
    ],
)
@MESSAGES
@pytest.mark.exact_io("a message is cut, or not sent")
def test_so_it_is_of_messages(
    kind: Any, use: Callable[[DatagramSocket], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "unraisablehook", forget)
    assert_none_is_left_open(partial(messages, kind), use, lambda sock: None)


def forget(unraisable: object) -> None:
    """Keep nothing of an exception in a destructor; pytest would keep what is destroyed."""


def assert_none_is_left_open(
    pair: Callable[[], Any], use: Callable[[Any], object], take: Callable[[Any], object]
) -> None:
    for point in range(1000):
        pipe = Pipe()
        try:
            with pair() as (one, other):
                one.send_file_descriptors([pipe.writer] * 2, b"hello\n")
                pipe.give_away()

                def action(other: Any = other) -> None:
                    use(other)
                    take(other)

                was_interrupted = interrupted_at(point, action)
            gc.collect(0)
            assert not pipe.is_open_elsewhere, point
        finally:
            os.close(pipe.reader)
            if pipe.writer >= 0:
                os.close(pipe.writer)
        if not was_interrupted:
            break
    assert 5 < point < 999


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_a_peer_that_is_gone_is_a_hangup(pipe: Pipe) -> None:
    with streams() as (one, other):
        other.close()
        with pytest.raises(Hangup):
            one.send_file_descriptors([pipe.writer])


@linux
@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_a_socket_with_descriptors_that_were_not_taken_stays(pipe: Pipe) -> None:
    with streams() as (one, other), EventBase() as base:
        one.send_file_descriptors([pipe.writer])
        other.read_exactly(1)
        with pytest.raises(ValueError, match="take_file_descriptors"):
            other.to_socket()
        with pytest.raises(ValueError, match="take_file_descriptors"):
            adopt(base, TransportProtocol(), other)
        with other.take_file_descriptors(1):
            pass
        other.to_socket().close()


@pytest.mark.parametrize(
    ("wrong", "error", "told"),
    [
        (5, TypeError, "give a list"),
        (sys.stdin, TypeError, "give a list"),
        ([], ValueError, "from 1 to 253"),
        ([0] * 254, ValueError, "from 1 to 253"),
        ([-1], ValueError, "a file descriptor"),
        (["0"], TypeError, "a file descriptor is an integer, not str"),
        ([True], TypeError, "a file descriptor is an integer"),
        ([2**40], ValueError, "a file descriptor"),
        ([99_999], SocketClosed, "send"),
    ],
)
@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_what_cannot_be_sent(wrong: Any, error: type[Exception], told: str) -> None:
    with streams() as (one, other), messages("datagram") as (datagrams, _):
        with pytest.raises(error, match=told):
            one.send_file_descriptors(wrong)
        with pytest.raises(error, match=told):
            datagrams.send_file_descriptors(wrong)
        one.write_line("it goes on", flush=True)
        assert other.read_line() == "it goes on"


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_a_closed_object_cannot_be_sent() -> None:
    with streams() as (one, other):
        closed, _ = make_socket_pair()
        closed.close()
        _.close()
        with pytest.raises(SocketClosed):
            one.send_file_descriptors([closed])
        with pytest.raises(ValueError, match="at least one byte"):
            one.send_file_descriptors([0], b"")
        with pytest.raises(ValueError, match="a count is at least 1"):
            other.take_file_descriptors(0)
    with make_socket(address_family="local") as alone, pytest.raises(NotConnected):
        alone.send_file_descriptors([0])


@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_internet_sockets_pass_none() -> None:
    with make_socket() as tcp, make_socket(type="datagram") as udp:
        for call in (
            lambda: tcp.send_file_descriptors([0]),
            lambda: tcp.take_file_descriptors(),
            lambda: udp.send_file_descriptors([0]),
            lambda: tcp.peer_credentials,
            lambda: udp.peer_credentials,
        ):
            with pytest.raises(TypeError, match="address_family='local'"):
                call()
        with pytest.raises(ValueError, match="is for local sockets"):
            make_socket_from_fd(tcp.fileno(), file_descriptors=True)


# -- messages --------------------------------------------------------------------------------------


@MESSAGES
@pytest.mark.exact_io("a message is cut, or not sent")
def test_a_message_has_its_own(kind: Any, pipe: Pipe) -> None:
    with messages(kind) as (one, other):
        one.send_to(b"nothing")
        assert one.send_file_descriptors([pipe.writer, pipe.reader], b"two") == 3
        one.send_file_descriptors([pipe.writer], b"one")
        one.send_to(b"nothing again")
        counts = []
        for _ in range(4):
            received = other.receive_from(timeout=PATIENCE)
            assert received.descriptors is not None
            counts.append((received.data, len(received.descriptors)))
        assert counts == [(b"nothing", 0), (b"two", 2), (b"one", 1), (b"nothing again", 0)]


@MESSAGES
@pytest.mark.exact_io("a message is cut, or not sent")
def test_many_messages_have_theirs(kind: Any, pipe: Pipe) -> None:
    with messages(kind) as (one, other):
        for count in (1, 2, 3):
            one.send_file_descriptors([pipe.writer] * count)
        received: list[Received[bytes]] = []
        while len(received) < 3:
            received += other.receive_many(3, timeout=PATIENCE)
        assert [len(each.descriptors or ()) for each in received] == [1, 2, 3]


@MESSAGES
@pytest.mark.exact_io("a message is cut, or not sent")
def test_those_of_a_message_that_is_forgotten_are_closed(kind: Any, pipe: Pipe) -> None:
    with messages(kind) as (one, other):
        one.send_file_descriptors([pipe.writer])
        pipe.give_away()
        peeked = other.receive_from(peek=True, timeout=PATIENCE)
        assert not peeked.descriptors
        assert other.receive_from(bytearray(5), timeout=PATIENCE).descriptors
        assert not pipe.is_open_elsewhere


@MESSAGES
@pytest.mark.exact_io("a message is cut, or not sent")
def test_a_message_whose_descriptors_have_no_room_is_lost(kind: Any, pipe: Pipe) -> None:
    with messages(kind) as (one, other):
        one.send_file_descriptors([pipe.writer] * 3)
        one.send_to(b"next")
        pipe.give_away()
        with no_descriptors_left(spare=1), pytest.raises(TooManyOpenFiles, match="have got lost"):
            other.receive_from(timeout=PATIENCE)
        assert not pipe.is_open_elsewhere
        assert other.receive_from(timeout=PATIENCE).data == b"next"


@pytest.mark.exact_io("a message is cut, or not sent")
def test_a_datagram_socket_without_the_wish_takes_none_in(pipe: Pipe) -> None:
    one, other = make_socket_pair(type="datagram")
    with one, other:
        one.send_file_descriptors([pipe.writer], b"hello")
        pipe.give_away()
        received = other.receive_from(timeout=PATIENCE)
        assert (received.data, received.descriptors) == (b"hello", None)
        assert not pipe.is_open_elsewhere


@linux
@pytest.mark.exact_io("descriptors belong to bytes, which come later")
def test_a_receiver_is_named(pipe: Pipe) -> None:
    anything = LocalAddress("", abstract=True)
    options: Any = {"address_family": "local", "local_filename": anything}
    one = make_socket(type="datagram", **options)
    other = make_socket(type="datagram", file_descriptors=True, credentials=True, **options)
    with one, other:
        one.send_file_descriptors([pipe.writer], b"to a name", other.local_filename)
        received = other.receive_from(timeout=PATIENCE)
        assert len(received.descriptors or ()) == 1
        assert received.sender.credentials == (os.getpid(), os.getuid(), os.getgid())
        other.send_file_descriptors([pipe.writer], b"back", received.sender)
        assert one.receive_from(timeout=PATIENCE).data == b"back"
