"""The system calls of sockets, whose errors are ours, and descriptors that change hands."""

import errno
import gc
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sockets.helpers import no_descriptors_left
from support.leaks import open_descriptors
from support.peers import connect, refusing_port, socket_pair
from support.signal_points import collect_what_was_lost, interrupted_at

from trunkline import (
    AddressFamilyNotSupported,
    ConnectionRefused,
    Endpoint,
    NotASocket,
    NotConnected,
    OptionNotSupported,
    PathNotFound,
    SocketClosed,
    SocketError,
    TooManyOpenFiles,
    ensure_address,
    from_socket,
    make_socket,
    make_socket_from_fd,
)
from trunkline._sys.sockaddr import KNOWN_FAMILIES
from trunkline._sys.socket_descriptor import SocketDescriptor
from trunkline._sys.waker import Waker

LOOPBACK = ensure_address("127.0.0.1")


@pytest.fixture
def fresh() -> Iterator[SocketDescriptor]:
    descriptor = SocketDescriptor.open(socket.AF_INET, socket.SOCK_STREAM)
    yield descriptor
    descriptor.close()


@pytest.fixture
def pair() -> Iterator[tuple[SocketDescriptor, socket.socket]]:
    with socket_pair() as (mine, peer):
        descriptor = SocketDescriptor(mine)
        yield descriptor, peer
        descriptor.close()


# -- making ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", [family for family in KNOWN_FAMILIES if family is not None])
def test_a_new_one_does_not_block_and_is_not_inherited(family: int) -> None:
    descriptor = SocketDescriptor.open(family, socket.SOCK_STREAM)
    assert not os.get_blocking(descriptor.number)
    assert not os.get_inheritable(descriptor.number)
    assert descriptor.family == family
    assert descriptor.kind == socket.SOCK_STREAM
    descriptor.close()


def test_an_accepted_one_does_not_block_and_is_not_inherited(fresh: SocketDescriptor) -> None:
    fresh.bind(Endpoint(LOOPBACK, 0))
    fresh.listen(1)
    name = fresh.local_name()
    assert isinstance(name, Endpoint)
    with socket.create_connection((str(name.host), name.port)) as client:
        fresh_reading = fresh.reading
        with fresh_reading:
            fresh.wait_readable(_no_limit(), "accept")
        connection, peer = _insist(fresh.accept)
        assert not os.get_blocking(connection.number)
        assert not os.get_inheritable(connection.number)
        assert peer == Endpoint(LOOPBACK, client.getsockname()[1])
        connection.close()


def test_what_the_system_has_not_is_an_error_that_names_the_address() -> None:
    with pytest.raises(AddressFamilyNotSupported, match=r"^socket somewhere: "):
        SocketDescriptor.open(9999, socket.SOCK_STREAM, address="somewhere")


def test_no_descriptor_left_is_an_error(fresh: SocketDescriptor) -> None:
    with no_descriptors_left():
        with pytest.raises(TooManyOpenFiles, match=r"^socket: "):
            SocketDescriptor.open(socket.AF_INET, socket.SOCK_STREAM)
        with pytest.raises(TooManyOpenFiles, match=r"^socketpair: "):
            SocketDescriptor.open_pair(socket.SOCK_STREAM)
        with pytest.raises(TooManyOpenFiles, match=r"^adopt: "):
            SocketDescriptor.borrow(fresh.number).own_duplicate()
        with pytest.raises(TooManyOpenFiles, match=r"^to_socket: "):
            fresh.empty_socket()


def test_with_one_descriptor_left_a_pair_leaves_none_behind() -> None:
    with no_descriptors_left(spare=1):
        with pytest.raises(TooManyOpenFiles):
            SocketDescriptor.open_pair(socket.SOCK_STREAM)
        os.close(os.dup(0))


# -- changing hands -------------------------------------------------------------------------------


def test_a_borrowed_one_stays_as_it_is() -> None:
    with socket_pair() as (left, right):
        number = left.fileno()
        os.set_blocking(number, True)
        descriptor = SocketDescriptor.borrow(number)
        assert descriptor.number == number
        assert descriptor.check_kind() == descriptor.local_name()
        assert os.get_blocking(number)
        descriptor.close()
        del descriptor
        gc.collect()
        left.sendall(b"x")
        assert right.recv(1) == b"x"


def test_one_that_is_owned_does_not_block_and_is_closed() -> None:
    with socket_pair() as (left, _):
        number = left.fileno()
        os.set_blocking(number, True)
        descriptor = SocketDescriptor.borrow(number)
        descriptor.own(left.detach)
        assert descriptor.number == number
        assert not os.get_blocking(number)
        descriptor.close()
        with pytest.raises(OSError, match="Bad file"):
            os.fstat(number)


def test_of_a_duplicate_the_original_stays_the_callers() -> None:
    with socket_pair() as (left, right):
        descriptor = SocketDescriptor.borrow(left.fileno())
        descriptor.own_duplicate()
        assert descriptor.number != left.fileno()
        assert not os.get_inheritable(descriptor.number)
        descriptor.close()
        left.settimeout(10)
        left.sendall(b"x")
        assert right.recv(1) == b"x"


def test_a_file_is_not_a_socket(tmp_path: Path) -> None:
    with open(tmp_path / "file", "w") as file:
        with pytest.raises(NotASocket, match=r"^adopt: "):
            SocketDescriptor.borrow(file.fileno())
        os.fstat(file.fileno())


def test_a_closed_descriptor_cannot_be_borrowed() -> None:
    number = os.dup(0)
    os.close(number)
    with pytest.raises(SocketClosed, match=r"^adopt: "):
        SocketDescriptor.borrow(number)


def test_a_detached_one_lives_on_under_its_number(
    pair: tuple[SocketDescriptor, socket.socket],
) -> None:
    descriptor, peer = pair
    number = descriptor.number
    assert descriptor.detach() == number
    assert descriptor.is_closed
    assert descriptor.number == -1
    descriptor.close()
    os.write(number, b"x")
    assert peer.recv(1) == b"x"
    os.close(number)


@pytest.mark.parametrize(
    ("family", "kind"),
    [(socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_UNIX, socket.SOCK_SEQPACKET)],
)
def test_only_stream_sockets_are_taken(family: int, kind: int) -> None:
    descriptor = SocketDescriptor.open(family, kind)
    with pytest.raises(ValueError, match="not a stream socket of a known family"):
        descriptor.check_kind()
    descriptor.close()


# -- errors ---------------------------------------------------------------------------------------


def test_a_name_in_use_is_in_the_error(fresh: SocketDescriptor) -> None:
    with refusing_port() as port:
        name = Endpoint(LOOPBACK, port)
        with pytest.raises(SocketError, match=rf"^bind 127\.0\.0\.1:{port}: ") as caught:
            fresh.bind(name)
        assert caught.value.address == name


def test_a_socket_without_a_peer_has_no_remote_name(fresh: SocketDescriptor) -> None:
    with pytest.raises(NotConnected, match=r"^getpeername: "):
        fresh.remote_name()


def test_a_missing_path_is_in_the_error(tmp_path: Path) -> None:
    descriptor = SocketDescriptor.open(socket.AF_UNIX, socket.SOCK_STREAM)
    address = ensure_address(str(tmp_path / "nothing"), "local")
    with pytest.raises(PathNotFound, match=rf"^connect {address}: "):
        descriptor.connect(address)
    descriptor.close()


def test_the_error_of_a_connection_is_told_once(fresh: SocketDescriptor) -> None:
    with refusing_port() as port:
        name = Endpoint(LOOPBACK, port)
        with pytest.raises(SocketError):
            fresh.connect(name)
        with fresh.writing:
            fresh.wait_writable(_no_limit(), "connect")
        error = fresh.connect_error(name)
    assert isinstance(error, ConnectionRefused)
    assert error.address == name
    assert fresh.connect_error(name) is None


def test_nothing_to_receive_is_none(pair: tuple[SocketDescriptor, socket.socket]) -> None:
    descriptor, _ = pair
    assert descriptor.receive(1) is None
    assert descriptor.receive_into(bytearray(1)) is None
    while descriptor.send(bytes(100_000)) is not None:
        pass


@pytest.mark.parametrize("name", ["receive", "receive_into", "send"])
def test_nothing_to_receive_of_a_closed_one_says_that_it_is_closed(
    pair: tuple[SocketDescriptor, socket.socket], name: str
) -> None:
    descriptor, _ = pair
    while descriptor.send(bytes(100_000)) is not None:
        pass
    with descriptor.reading:  # so that the number stays
        descriptor.is_closed = True
        with pytest.raises(SocketClosed):
            getattr(descriptor, name)({"receive": 1}.get(name, bytearray(1)))
        descriptor.is_closed = False


def test_an_unknown_option_is_an_error(fresh: SocketDescriptor) -> None:
    with pytest.raises(OptionNotSupported):
        fresh.get_option(socket.SOL_SOCKET, 9999)
    with pytest.raises(OptionNotSupported):
        fresh.get_option_bytes(socket.SOL_SOCKET, 9999, 8)
    with pytest.raises(OptionNotSupported):
        fresh.set_option(socket.SOL_SOCKET, 9999, 1)


CALLS: dict[str, Callable[[SocketDescriptor], Any]] = {
    "bind": lambda descriptor: descriptor.bind(Endpoint(LOOPBACK, 0)),
    "listen": lambda descriptor: descriptor.listen(1),
    "accept": lambda descriptor: descriptor.accept(),
    "connect": lambda descriptor: descriptor.connect(Endpoint(LOOPBACK, 9)),
    "getsockname": lambda descriptor: descriptor.local_name(),
    "getpeername": lambda descriptor: descriptor.remote_name(),
    "receive": lambda descriptor: descriptor.receive(1),
    "send": lambda descriptor: descriptor.send(b"x"),
    "shutdown": lambda descriptor: descriptor.shutdown(read=True, write=True),
    "getsockopt": lambda descriptor: descriptor.get_option(socket.SOL_SOCKET, socket.SO_TYPE),
    "setsockopt": lambda descriptor: descriptor.set_option(
        socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1
    ),
}


@pytest.mark.parametrize("operation", CALLS)
def test_every_call_on_a_closed_one_says_that_it_is_closed(
    fresh: SocketDescriptor, operation: str
) -> None:
    fresh.close()
    with pytest.raises(SocketClosed, match=rf"^{operation}\b.*: the socket is closed") as caught:
        CALLS[operation](fresh)
    assert caught.value.errno == errno.EBADF


# -- closing under a user -------------------------------------------------------------------------


class _ClosedMeanwhile:
    """Stands for a descriptor's socket, which another thread closes just before each call."""

    def __init__(self, descriptor: SocketDescriptor) -> None:
        self._socket = descriptor._socket
        self._descriptor = descriptor

    def __getattr__(self, name: str) -> Any:
        if name in ("close", "shutdown"):
            return getattr(self._socket, name)
        closer = threading.Thread(target=self._descriptor.close)
        closer.start()
        closer.join()
        return getattr(self._socket, name)


@pytest.mark.parametrize("operation", ["receive", "receive_into", "send", "connect_error"])
def test_what_a_close_in_another_thread_looks_like_is_not_taken_for_the_peer(
    pair: tuple[SocketDescriptor, socket.socket], operation: str
) -> None:
    descriptor, _ = pair
    descriptor._socket = _ClosedMeanwhile(descriptor)  # type: ignore[assignment]
    calls: dict[str, Callable[[], object]] = {
        "receive": lambda: descriptor.receive(1),
        "receive_into": lambda: descriptor.receive_into(bytearray(1)),
        "send": lambda: descriptor.send(b"x"),
        "connect_error": lambda: descriptor.connect_error(Endpoint(LOOPBACK, 9)),
    }
    with descriptor.reading, descriptor.writing, pytest.raises(SocketClosed):
        calls[operation]()


@pytest.mark.parametrize("user", ["reading", "writing"])
def test_closing_wakes_whoever_waits(
    pair: tuple[SocketDescriptor, socket.socket], user: str
) -> None:
    descriptor, _ = pair
    with getattr(descriptor, user):
        number = descriptor.number
        descriptor.close()
        # Shut down: it is readable and writable for good, and it is still there.
        with socket.socket(fileno=os.dup(number)) as same:
            assert same.recv(1) == b""
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(number)


def _no_limit() -> Any:
    from trunkline._core.deadline import Deadline
    from trunkline._sys.clock import monotonic

    return Deadline(None, monotonic)


def _insist(call: Callable[[], Any]) -> Any:
    """Call until it does not say that it would block."""
    while (result := call()) is None:
        pass
    return result


# -- exceptions of signal handlers, at each place where Python runs one ---------------------------


def _accept() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with connect(listener.getsockname()):
            descriptor = SocketDescriptor(listener)
            accepted = descriptor.accept()
            assert accepted is not None
            accepted[0].close()
            descriptor.close()


def _make_a_pair() -> None:
    for descriptor in SocketDescriptor.open_pair(socket.SOCK_STREAM):
        descriptor.close()


def _transfer() -> None:
    SocketDescriptor.open(socket.AF_INET, socket.SOCK_STREAM).transfer().close()


def _give_to_python() -> None:
    make_socket().to_socket().close()


def _take_from_python() -> None:
    with socket.socket() as theirs:
        try:
            from_socket(theirs).close()
        finally:  # what it says that it has, it has
            if theirs.fileno() >= 0:
                assert theirs.gettimeout() is None
                assert os.get_blocking(theirs.fileno())
        assert theirs.fileno() == -1


def _duplicate() -> None:
    with socket.socket() as theirs:
        make_socket_from_fd(theirs.fileno()).close()


def _wake() -> None:
    Waker().close()


# What is lost on the way is closed when it is collected, and Python says so.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
# Where the object is collected just then, Python throws the exception away.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "action",
    [_accept, _make_a_pair, _transfer, _give_to_python, _take_from_python, _duplicate, _wake],
)
def test_ctrl_c_leaves_nothing_open_that_nobody_has(action: Callable[[], None]) -> None:
    before = open_descriptors()
    for point in range(1000):
        was_interrupted = interrupted_at(point, action)
        collect_what_was_lost()
        assert open_descriptors() == before
        if not was_interrupted:
            break
    assert 5 < point < 999
