"""Netlink sockets, with the kernel and each other as peers."""

import errno
import os
import socket
import struct
import sys
from functools import partial
from typing import Any

import pytest
from sockets.datagrams import LARGE, receive, receive_what_comes_late
from support.timing import PATIENCE

from trunkline import (
    AddressInUse,
    ConnectionRefused,
    Endpoint,
    LocalAddress,
    NetlinkAddress,
    NetlinkSocket,
    NoBufferSpace,
    SocketClosed,
    SocketError,
    WouldBlock,
    ensure_address,
    make_socket,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux has them")

HEADER = struct.Struct("=IHHII")  # struct nlmsghdr
GET_LINKS, DUMP, REQUEST = 18, 0x300, 1
ERROR, DONE = 2, 3
USERS = "usersock"  # what is for programs among themselves


def netlink(**options: Any) -> NetlinkSocket:
    made: Any = make_socket(type="raw", address_family="netlink", **options)
    assert isinstance(made, NetlinkSocket)
    return made


def message(kind: int, flags: int, data: bytes = b"", sequence: int = 7) -> bytes:
    return HEADER.pack(HEADER.size + len(data), kind, flags, sequence, 0) + data


@pytest.mark.exact_io("a message is cut, or not sent")
def test_the_kernel_tells_the_interfaces() -> None:
    with netlink() as sock:
        sock.send_to(message(GET_LINKS, REQUEST | DUMP, bytes(16)))
        answer = b""
        while True:
            data, sender = receive(sock)
            assert sender == NetlinkAddress(0, 0)
            assert sender.port == 0
            answer += data
            if HEADER.unpack_from(data)[1] == DONE:
                break
    for _, name in socket.if_nameindex():
        assert name.encode() + b"\0" in answer


@pytest.mark.exact_io("a message is cut, or not sent")
def test_what_the_kernel_does_not_know_is_answered() -> None:
    with netlink(protocol=0) as sock:
        sock.send_to(message(9999, REQUEST))
        data = receive(sock).data
        _, kind, *_ = HEADER.unpack_from(data)
        assert kind == ERROR
        assert struct.unpack_from("=i", data, HEADER.size) == (-errno.EOPNOTSUPP,)


@pytest.mark.exact_io("a message is cut, or not sent")
def test_it_is_bound_when_it_is_made() -> None:
    with netlink(protocol=USERS, local_port=2**31 + os.getpid()) as sock:
        assert sock.is_bound
        assert sock.local_name == NetlinkAddress(2**31 + os.getpid(), 0)
        assert sock.local_port == 2**31 + os.getpid()
        assert sock.multicast_groups == 0
        assert sock.address_family == "netlink"
        assert sock.protocol == 2
        assert repr(sock) == f"<netlink socket bound to {sock.local_port}@0>"
        with pytest.raises(ValueError, match="is bound already"):
            sock.bind()
        with pytest.raises(AddressInUse):
            netlink(protocol=USERS, local_port=sock.local_port)
        for name in ("local_host", "local_filename"):
            with pytest.raises(TypeError, match="but ports and groups"):
                getattr(sock, name)
    assert repr(sock) == "<netlink socket, closed>"
    assert sock.local_port == 2**31 + os.getpid()  # it is remembered
    with pytest.raises(SocketClosed):
        sock.send_to(b"")


@pytest.mark.exact_io("a message is cut, or not sent")
def test_programs_send_each_other_messages() -> None:
    with netlink(protocol=USERS) as one, netlink(protocol=USERS) as other:
        assert one.send_to(b"-hello-", other.local_name, start=1, end=6) == 5
        data, sender = receive(other)
        assert (data, sender.name) == (b"hello", one.local_name)
        other.send_to(b"answer", sender)
        assert receive(one).data == b"answer"
        assert other.send_many([(b"a", sender), (b"b", one.local_name)]) == 2
        assert [each.data for each in (receive(one), receive(one))] == [b"a", b"b"]
        with pytest.raises(WouldBlock):
            one.receive_from()


@pytest.mark.exact_io("a message is cut, or not sent")
def test_a_message_of_any_size_is_received_whole() -> None:
    with netlink(protocol=USERS) as one, netlink(protocol=USERS) as other:
        large = bytes(100_000)
        one.send_to(large, other.local_name, timeout=PATIENCE)
        received = receive(other)
        assert received.data == large
        assert not received.truncated
        one.send_to(large, other.local_name, timeout=PATIENCE)
        received = receive(other, 10)
        assert (received.data, received.truncated) == (large[:10], True)


@pytest.mark.exact_io("a message is cut, or not sent")
def test_a_large_one_that_comes_while_somebody_looks_is_not_cut_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with netlink(protocol=USERS) as one, netlink(protocol=USERS) as other:
        send = partial(one.send_to, receiver=other.local_name)
        received = receive_what_comes_late(other, send, monkeypatch)
        assert (received.data, received.truncated) == (LARGE, False)


@pytest.mark.skipif(os.getuid() != 0, reason="sending to groups takes a privilege")
@pytest.mark.exact_io("a message is cut, or not sent")
def test_groups_are_joined_and_left() -> None:
    with netlink(protocol=USERS, multicast_groups=0b100) as one, netlink(protocol=USERS) as other:
        assert one.multicast_groups == 0b100
        other.join(3)
        with netlink(protocol=USERS) as speaker:
            groups = NetlinkAddress(speaker.local_port, 0b100)  # and this port, too
            speaker.send_to(b"news", groups)
            for each in (one, other):
                data, sender = receive(each)
                assert (data, sender.name) == (b"news", NetlinkAddress(speaker.local_port, 0b100))
            one.leave(3)
            speaker.send_to(b"more", groups)
            assert receive(other).data == b"more"
            with pytest.raises(WouldBlock):
                one.receive_from()


@pytest.mark.exact_io("a message is cut, or not sent")
def test_nobody_is_at_a_port() -> None:
    with netlink(protocol=USERS) as sock:
        with netlink(protocol=USERS) as gone:
            name = gone.local_name
        with pytest.raises(ConnectionRefused):
            sock.send_to(b"x", name)


@pytest.mark.exact_io("a message is cut, or not sent")
def test_what_was_lost_is_told_and_the_rest_is_still_there() -> None:
    with netlink() as sock, netlink() as asking:
        sock.set_option("receive_buffer", 1)  # the system makes it as small as it can be
        for _ in range(3):  # answers to dumps wait for room, others do not
            sock.send_to(message(9999, REQUEST, bytes(4000)))
        with pytest.raises(NoBufferSpace):
            sock.receive_many(10)
        asking.send_to(message(GET_LINKS, REQUEST | DUMP, bytes(16)))
        assert receive(asking).data


@pytest.mark.parametrize(
    ("options", "error", "told"),
    [
        ({"protocol": "tcp"}, ValueError, "a netlink protocol is one of route, "),
        ({"protocol": 32}, ValueError, "from 0 to 31"),
        ({"local_port": -1}, ValueError, "from 0 to 4294967295"),
        ({"local_port": "http"}, TypeError, "a port is an integer"),
        ({"multicast_groups": 2**32}, ValueError, "from 0 to 4294967295"),
    ],
)
@pytest.mark.exact_io("a message is cut, or not sent")
def test_what_cannot_be_is_told(options: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        netlink(**options)


@pytest.mark.exact_io("a message is cut, or not sent")
def test_a_protocol_that_is_not_there_is_told() -> None:
    with pytest.raises(SocketError):
        netlink(protocol=31)


@pytest.mark.exact_io("a message is cut, or not sent")
def test_names_of_others_are_told() -> None:
    wrong: Any
    with netlink(protocol=USERS) as sock:
        for wrong in (Endpoint(ensure_address("127.0.0.1"), 1), LocalAddress("/x")):
            with pytest.raises(TypeError, match=r"this netlink socket does not send to .*family="):
                sock.send_to(b"x", wrong)
        with pytest.raises(TypeError, match="a receiver is a sender or a name, not int"):
            sock.send_to(b"x", 5)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="a group is from 1 to"):
            sock.join(0)
    with make_socket(type="datagram") as udp, pytest.raises(TypeError, match="netlink"):
        udp.send_to(b"x", NetlinkAddress(1, 0))
