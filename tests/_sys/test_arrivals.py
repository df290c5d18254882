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


def test_where_it_does_not_work_it_does_nothing() -> None:
    stop_arrivals(2**20)
    left, right = socket.socketpair()
    with left, right:
        stop_arrivals(left.fileno())
