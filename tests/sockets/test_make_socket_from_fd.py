"""Sockets made of descriptors that something else has opened, and pairs: who owns what."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sockets.helpers import full_listener, listening, no_descriptors_left
from support.peers import connect, receive_exactly, socket_pair
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    LocalAddress,
    NotASocket,
    NotConnected,
    PassiveSocket,
    SocketClosed,
    TimedOut,
    TooManyOpenFiles,
    make_socket,
    make_socket_from_fd,
    make_socket_pair,
)

any_from_fd: Any = make_socket_from_fd


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


# -- ownership ------------------------------------------------------------------------------------


def test_a_duplicate_leaves_the_descriptor_to_the_caller() -> None:
    with socket_pair() as (left, right):
        with make_socket_from_fd(left.fileno()) as sock:
            assert sock.fileno() != left.fileno()
            assert not os.get_inheritable(sock.fileno())
            sock.write("ours")
        assert receive_exactly(right, 4) == b"ours"
        left.settimeout(PATIENCE)
        left.sendall(b"theirs")
        assert receive_exactly(right, 6) == b"theirs"


def test_without_a_duplicate_the_descriptor_is_the_sockets() -> None:
    with socket_pair() as (left, right):
        number = left.detach()
        with make_socket_from_fd(number, dup=False) as sock:
            assert sock.fileno() == number
            sock.write("ours")
        assert receive_exactly(right, 4) == b"ours"
        assert right.recv(100) == b""
        assert not is_open(number)


WRONG: dict[str, tuple[dict[str, Any], type[Exception]]] = {
    "a listening one as active": ({"connect": "active"}, ValueError),
    "an encoding that there is not": (
        {"connect": "passive", "external_format": "no-such-encoding"},
        ValueError,
    ),
    "a wrong buffer": ({"connect": "passive", "input_buffer_size": 0}, ValueError),
    "a wrong time limit": ({"connect": "passive", "timeout": "1"}, TypeError),
    "another kind": ({"connect": "both"}, ValueError),
    "an option of another kind": ({"connect": "passive", "backlog": 5}, TypeError),
}


@pytest.mark.parametrize("dup", [True, False])
@pytest.mark.parametrize("case", WRONG)
def test_after_a_failure_the_descriptor_is_the_callers_as_it_was(case: str, dup: bool) -> None:
    options, error = WRONG[case]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(True)
        with pytest.raises(error):
            any_from_fd(listener.fileno(), dup=dup, **options)
        assert is_open(listener.fileno())
        assert os.get_blocking(listener.fileno())
        with connect(listener.getsockname()), listener.accept()[0]:
            pass


@pytest.mark.parametrize("dup", [True, False])
def test_a_datagram_socket_is_made_if_that_is_said(dup: bool) -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as theirs,
        socket.socket(type=socket.SOCK_DGRAM) as peer,
    ):
        theirs.bind(("127.0.0.1", 0))
        fd = theirs.fileno() if dup else theirs.detach()
        with make_socket_from_fd(fd, dup=dup, type="datagram") as ours:
            assert ours.is_bound
            assert not ours.is_connected
            assert not os.get_blocking(ours.fileno())
            peer.sendto(b"hello", (str(ours.local_host), ours.local_port))
            data, sender = ours.receive_from(timeout=PATIENCE)
            assert data == b"hello"
            ours.connect(*sender)
            with make_socket_from_fd(ours.fileno(), type="datagram") as again:
                assert again.remote_name == sender
                assert again.local_name == ours.local_name


def test_one_that_nobody_has_bound_can_be_bound() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as theirs,
        make_socket_from_fd(theirs.fileno(), type="datagram") as ours,
    ):
        assert not ours.is_bound
        ours.bind("127.0.0.1")
        assert ours.local_port == theirs.getsockname()[1]


@pytest.mark.parametrize("dup", [True, False])
def test_what_is_none_is_refused_and_left_as_it_was(dup: bool) -> None:
    any_from_fd: Any = make_socket_from_fd
    with socket.socket() as stream:
        with pytest.raises(ValueError, match="not a datagram socket"):
            make_socket_from_fd(stream.fileno(), dup=dup, type="datagram")
        for options in ({"timeout": 1}, {"connect": "passive"}):
            with pytest.raises(TypeError, match="datagram socket"):
                any_from_fd(stream.fileno(), dup=dup, type="datagram", **options)
        with pytest.raises(ValueError, match="type is"):
            any_from_fd(stream.fileno(), dup=dup, type="seqpacket")
        assert os.get_blocking(stream.fileno())


@pytest.mark.parametrize("dup", [True, False])
def test_a_datagram_socket_is_refused_and_left_as_it_was(dup: bool) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        with pytest.raises(ValueError, match="not a stream socket"):
            make_socket_from_fd(datagrams.fileno(), dup=dup)
        assert os.get_blocking(datagrams.fileno())


@pytest.mark.parametrize("dup", [True, False])
def test_a_file_is_refused_and_left_as_it_was(dup: bool, tmp_path: Path) -> None:
    with open(tmp_path / "file", "w") as file:
        with pytest.raises(NotASocket):
            make_socket_from_fd(file.fileno(), dup=dup)
        assert is_open(file.fileno())


@pytest.mark.parametrize("dup", [True, False])
def test_a_closed_descriptor_is_an_error(dup: bool) -> None:
    number = os.dup(0)
    os.close(number)
    with pytest.raises(SocketClosed):
        make_socket_from_fd(number, dup=dup)


@pytest.mark.parametrize("dup", [True, False])
@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (-1, ValueError),
        (2**31, ValueError),
        (2**64, ValueError),
        (True, TypeError),
        ("3", TypeError),
        (None, TypeError),
        (3.0, TypeError),
    ],
)
def test_what_is_no_descriptor(wrong: Any, error: type[Exception], dup: bool) -> None:
    with pytest.raises(error, match="descriptor"):
        make_socket_from_fd(wrong, dup=dup)


def test_without_descriptors_there_is_no_duplicate() -> None:
    with socket_pair() as (left, _), no_descriptors_left():
        with pytest.raises(TooManyOpenFiles):
            make_socket_from_fd(left.fileno())
        assert is_open(left.fileno())


# -- what it is -----------------------------------------------------------------------------------


def test_a_connected_socket_knows_its_peer() -> None:
    with socket_pair(socket.AF_INET) as (left, _), make_socket_from_fd(left.fileno()) as sock:
        assert isinstance(sock, ActiveSocket)
        assert sock.is_connected
        assert (str(sock.remote_host), sock.remote_port) == left.getpeername()
        assert (str(sock.local_host), sock.local_port) == left.getsockname()


def test_an_unconnected_socket_can_be_connected() -> None:
    with (
        listening() as listener,
        socket.socket() as plain,
        make_socket_from_fd(plain.fileno()) as sock,
    ):
        assert not sock.is_connected
        with pytest.raises(NotConnected):
            sock.remote_name  # noqa: B018 - it raises
        sock.connect("127.0.0.1", listener.local_port)
        assert sock.is_connected


def test_an_ipv6_socket_is_one() -> None:
    with (
        socket.socket(socket.AF_INET6) as plain,
        make_socket_from_fd(plain.fileno()) as sock,
    ):
        assert sock.address_family == "ipv6"


def test_the_streams_options_hold() -> None:
    with (
        socket_pair() as (left, right),
        make_socket_from_fd(
            left.fileno(), external_format="latin-1/crlf", timeout=10 * MS, output_buffer_size=2
        ) as sock,
    ):
        sock.write("é\n")
        assert receive_exactly(right, 3) == b"\xe9\r\n"
        with pytest.raises(TimedOut):
            sock.read_line()


def test_a_listening_socket_accepts() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as plain,
        make_socket_from_fd(
            plain.fileno(), connect="passive", external_format="latin-1"
        ) as listener,
    ):
        assert isinstance(listener, PassiveSocket)
        assert listener.is_bound
        assert listener.is_listening
        port = plain.getsockname()[1]
        assert repr(listener) == f"<passive IPv4 stream socket waiting @ 127.0.0.1:{port}>"
        with connect(plain.getsockname()), listener.accept() as connection:
            assert str(connection.external_format) == "iso8859-1/lf"
        assert listener.accept(timeout=0) is None


def test_a_bound_socket_is_bound_and_can_listen() -> None:
    with socket.socket() as plain:
        plain.bind(("127.0.0.1", 0))
        with make_socket_from_fd(plain.fileno(), connect="passive") as listener:
            assert listener.is_bound
            assert not listener.is_listening
            port = plain.getsockname()[1]
            assert repr(listener) == f"<passive IPv4 stream socket bound to 127.0.0.1:{port}>"
            listener.listen()
            assert listener.is_listening


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_UNIX])
def test_a_fresh_socket_is_unbound(family: socket.AddressFamily) -> None:
    with (
        socket.socket(family) as plain,
        make_socket_from_fd(plain.fileno(), connect="passive") as listener,
    ):
        assert not listener.is_bound
        assert repr(listener).endswith(" stream socket, unbound>")


def test_the_file_of_a_local_socket_that_somebody_else_bound_is_theirs(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with socket.socket(socket.AF_UNIX) as plain:
        plain.bind(str(path))
        plain.listen()
        with make_socket_from_fd(plain.fileno(), connect="passive") as listener:
            assert listener.local_filename == LocalAddress(path)
        assert path.is_socket()


def test_a_socket_that_is_still_connecting_can_be_taken() -> None:
    with full_listener() as listener, socket.socket() as plain:
        plain.setblocking(False)
        assert plain.connect_ex(listener.getsockname()) != 0
        with make_socket_from_fd(plain.fileno()) as sock:
            assert not sock.is_connected


# -- pairs ----------------------------------------------------------------------------------------


def test_a_pair_is_connected() -> None:
    left, right = make_socket_pair()
    with left, right:
        assert left.is_connected
        assert right.is_connected
        assert left.address_family == right.address_family == "local"
        for one, other in ((left, right), (right, left)):
            one.write_line("hello")
            one.finish_output()
            assert other.read_line(timeout=PATIENCE) == "hello"
        assert repr(left) == "<active local stream socket connected to (unnamed)>"


def test_both_of_a_pair_have_the_options() -> None:
    for sock in make_socket_pair(external_format="latin-1/cr", timeout=3):
        assert str(sock.external_format) == "iso8859-1/cr"
        assert sock.timeout == 3
        sock.close()


@pytest.mark.parametrize(
    "wrong", [{"external_format": "no-such-encoding"}, {"timeout": -1}, {"output_buffer_size": 0}]
)
def test_a_pair_with_a_wrong_option_is_not_made(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        make_socket_pair(**wrong)


def test_a_pair_of_which_the_second_cannot_be_made_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    really_init: Callable[..., None] = ActiveSocket.__init__
    made: list[ActiveSocket] = []

    def init(self: ActiveSocket, *arguments: Any, **options: Any) -> None:
        if made:
            raise ZeroDivisionError
        made.append(self)
        really_init(self, *arguments, **options)

    monkeypatch.setattr(ActiveSocket, "__init__", init)
    with pytest.raises(ZeroDivisionError):
        make_socket_pair()
    assert made[0].closed


def test_an_end_of_a_pair_ends_the_other() -> None:
    left, right = make_socket_pair()
    with right:
        left.write("good bye")
        left.close()
        assert right.read_exactly(8, timeout=PATIENCE) == b"good bye"
        assert right.read(timeout=PATIENCE) == b""


def test_a_socket_can_be_handed_on_as_a_number() -> None:
    left, right = make_socket_pair()
    with left, right, make_socket_from_fd(left.fileno()) as same:
        same.write("through the other one")
        same.finish_output()
        assert right.read_exactly(21, timeout=PATIENCE) == b"through the other one"
    with make_socket() as fresh, make_socket_from_fd(fresh.fileno()) as same:
        assert repr(same) == repr(fresh)
