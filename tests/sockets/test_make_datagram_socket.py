"""How far `make_socket` goes for datagrams: names, families, and what fails half-way."""

import sys
from pathlib import Path
from typing import Any

import pytest
from sockets.datagrams import NEEDS_IPV6, connected_to, datagrams, free_name, receive
from sockets.helpers import no_descriptors_left
from sockets.hosts import ONE, SIX, TWO, Names
from support.processes import Program
from support.timing import PATIENCE

from trunkline import (
    AddressInUse,
    AddressNotAvailable,
    ConnectFailed,
    DatagramSocket,
    NetworkUnreachable,
    NoName,
    NoSuchDevice,
    SocketError,
    TooManyOpenFiles,
    ensure_address,
    make_socket,
    make_socket_pair,
)

NOWHERE = ensure_address("::ffff:0.0.0.0")


def make(*arguments: Any, **options: Any) -> DatagramSocket:
    made: Any = make_socket(*arguments, type="datagram", **options)
    assert isinstance(made, DatagramSocket)
    return made


def test_a_name_is_looked_up_and_the_first_address_taken() -> None:
    names = Names(TWO, ONE)
    with datagrams() as server, make("here", server.local_port, resolver=names) as client:
        assert client.remote_host == TWO
        assert names.asked == [("here", "internet", None)]
        with make(
            "here", server.local_port, resolver=names, connect_timeout=5, address_family="ipv4"
        ):
            assert names.asked[-1][:2] == ("here", "ipv4")
            assert 0 < (names.asked[-1][2] or 0) <= 5


@NEEDS_IPV6
def test_an_address_to_which_there_is_no_way_is_passed_over() -> None:
    with make("here", free_name().port, resolver=Names(SIX, ONE), local_host="::1") as client:
        assert client.remote_host == SIX
    with make("here", free_name().port, resolver=Names(SIX, ONE), local_host="127.0.0.1") as client:
        assert client.remote_host == ONE


@NEEDS_IPV6
def test_if_there_is_no_way_to_any_all_of_them_are_told() -> None:
    names = Names(ensure_address("::ffff:127.0.0.1"), ensure_address("::ffff:127.0.0.2"))
    with pytest.raises(SocketError) as caught:
        make("here", free_name().port, resolver=names, local_host="::1")
    assert len(caught.value.attempts) == 2
    assert isinstance(caught.value, (NetworkUnreachable, ConnectFailed))
    with pytest.raises(NoName):
        make("here", free_name().port, resolver=Names(SIX), local_host="127.0.0.1")


def test_both_ends_can_be_named() -> None:
    with datagrams() as server, connected_to(server, local_host="127.0.0.2") as client:
        assert client.local_host == TWO
        client.send_to(b"hello", timeout=PATIENCE)
        assert receive(server).sender == client.local_name


@NEEDS_IPV6
def test_an_ipv6_socket_reaches_ipv4_addresses() -> None:
    with datagrams() as server, connected_to(server, address_family="ipv6") as client:
        assert client.address_family == "ipv6"
        client.send_to(b"hello", timeout=PATIENCE)
        assert receive(server).data == b"hello"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"local_port": 0}, TypeError),
        ({"remote_host": "127.0.0.1"}, TypeError),
        ({"remote_port": 1}, TypeError),
        ({"reuse_address": True}, TypeError),
        ({"reuse_port": True}, TypeError),
        ({"v6_only": True}, TypeError),
        ({"address_family": "ipv4", "v6_only": True}, TypeError),
        ({"local_host": "127.0.0.1", "v6_only": False}, TypeError),
        ({"local_host": "127.0.0.1", "local_port": 65_536}, ValueError),
        ({"local_host": "127.1"}, ValueError),
        ({"address_family": "ipv4", "local_host": "::1"}, ValueError),
        ({"broadcast": 1}, TypeError),
        ({"packet_info": None}, TypeError),
        ({"report_errors": "yes"}, TypeError),
        ({"interface": 1}, TypeError),
        ({"connect_timeout": -1}, ValueError),
        ({"address_family": "local", "local_filename": ""}, ValueError),
        ({"address_family": "local", "remote_filename": 1}, TypeError),
    ],
)
def test_what_a_datagram_socket_cannot_be(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        make(**options)


def test_what_fails_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    # The tests' own accounts would find it.
    with datagrams() as server:
        with pytest.raises(AddressInUse):
            make(local_host="127.0.0.1", local_port=server.local_port)
        with pytest.raises(AddressNotAvailable):
            make(local_host="192.0.2.254")
        with pytest.raises(NoSuchDevice):
            make(local_host="127.0.0.1", interface="no-such-thing")
        with pytest.raises(SocketError):
            make(
                address_family="local",
                local_filename=tmp_path / "here",
                remote_filename=tmp_path / "nobody",
            )
        assert not [*tmp_path.iterdir()]


@pytest.mark.exact_io("descriptors run out at a certain call")
def test_no_descriptor_left_is_told() -> None:
    make().close()
    with no_descriptors_left():
        with pytest.raises(TooManyOpenFiles):
            make()
        with pytest.raises(TooManyOpenFiles):
            make_socket_pair(type="datagram")


# Whatever has to be imported first.
SHORTAGE = """
import os, resource, socket
from trunkline import TooManyOpenFiles, from_socket, make_socket, make_socket_pair
from trunkline import make_socket_from_fd

theirs = socket.socket(type=socket.SOCK_DGRAM)
taken = []
resource.setrlimit(resource.RLIMIT_NOFILE, (40, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
try:
    while True:
        taken.append(os.dup(0))
except OSError:
    pass
for call in (
    lambda: make_socket(type="datagram"),
    lambda: make_socket_pair(type="seqpacket"),
    lambda: make_socket_from_fd(theirs.fileno(), type="datagram"),
    lambda: from_socket(theirs, type="datagram"),
):
    try:
        call()
    except TooManyOpenFiles as error:
        print(error.operation)
os.close(taken.pop())
os.close(taken.pop())
with make_socket(type="datagram", local_host="127.0.0.1") as sock:
    sock.connect("127.0.0.1", sock.local_port)
    taken.append(os.dup(0))
    try:
        sock.disconnect()
    except TooManyOpenFiles as error:
        print(error.operation)
    os.close(taken.pop())
    sock.disconnect()
    print("is connected:", sock.is_connected)
theirs.close()
"""


@pytest.mark.exact_io("descriptors run out at a certain call")
@pytest.mark.slow
def test_so_it_is_if_something_has_to_be_imported_first() -> None:
    with Program([sys.executable, "-c", SHORTAGE]) as program:
        told = program.read_to_end().splitlines()
        assert program.wait() == 0
    assert told == ["socket", "socketpair", "adopt", "adopt", "disconnect", "is connected: False"]
