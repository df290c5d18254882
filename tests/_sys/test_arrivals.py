"""Sockets at which nobody new arrives."""

import socket
import sys

import pytest
from support.peers import connect
from support.timing import PATIENCE

from trunkline._sys.arrivals import stop_arrivals

LOOPBACK = ("127.0.0.1", 0)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
def test_who_has_arrived_can_be_accepted_and_nobody_else_arrives() -> None:
    with socket.create_server(LOOPBACK) as listener, socket.socket() as late:
        listener.settimeout(PATIENCE)
        address = listener.getsockname()
        with connect(address) as early:
            stop_arrivals(listener.fileno())
            late.setblocking(False)
            with pytest.raises(BlockingIOError):  # it would have been connected at once
                late.connect(address)
            accepted, name = listener.accept()
            with accepted:
                assert name == early.getsockname()
                early.sendall(b"x")
                assert accepted.recv(1) == b"x"
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.accept()
        with pytest.raises(OSError, match="not connected"):
            late.getpeername()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
def test_who_is_on_the_way_arrives() -> None:
    with socket.create_server(LOOPBACK) as listener:
        listener.settimeout(PATIENCE)
        # The system now waits for data before it takes a connection for established.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 30)
        with connect(listener.getsockname()) as early:
            stop_arrivals(listener.fileno())
            early.sendall(b"x")
            with listener.accept()[0] as accepted:
                accepted.settimeout(PATIENCE)
                assert accepted.recv(1) == b"x"
                early.sendall(b"y")
                assert accepted.recv(1) == b"y"


def test_where_it_does_not_work_it_does_nothing() -> None:
    stop_arrivals(2**20)
    left, right = socket.socketpair()
    with left, right:
        stop_arrivals(left.fileno())
