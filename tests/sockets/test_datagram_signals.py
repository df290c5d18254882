"""Signals that come while a datagram socket is used: no right stays taken, nothing stays open."""

import os
import socket
import sys
from collections.abc import Callable
from functools import partial

import pytest
from sockets.datagrams import connected_to, datagrams, pythons_name, receive
from sockets.helpers import Call, signals
from support.processes import Program
from support.signal_points import interrupted_at
from support.timing import MS, PATIENCE

from trunkline import DatagramSocket, make_socket


@pytest.mark.parametrize(
    "use",
    [
        lambda sock: sock.send_to(b"hello"),
        lambda sock: sock.send_to(b"hello", timeout=PATIENCE),
        lambda sock: sock.send_many([b"one", b"two"]),
        lambda sock: sock.receive_from(),
        lambda sock: sock.receive_from(bytearray(9), timeout=PATIENCE),
        lambda sock: sock.receive_many(2),
        lambda sock: sock.connect(*sock.remote_name),
        lambda sock: sock.disconnect(),
    ],
)
@pytest.mark.exact_io("a fault may be what ends the call")
def test_an_exception_of_a_handler_leaves_no_right_taken_wherever_it_strikes(
    use: Callable[[DatagramSocket], object],
) -> None:
    with datagrams() as server, connected_to(server) as client:
        client.disconnect()  # which imports something, and an import may not be interrupted
    for point in range(1000):
        with datagrams() as server, connected_to(server) as client:
            peer = client.local_name
            server.send_to(b"hello", peer, timeout=PATIENCE)
            was_interrupted = interrupted_at(point, partial(use, client))
            number = client.fileno()
            # Another thread would be told Busy, or wait.
            with Call(use_both_rights, client, server):
                pass
            client.close()
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(number)
        if not was_interrupted:
            break
    assert 5 < point < 999


def use_both_rights(client: DatagramSocket, server: DatagramSocket) -> None:
    client.connect(*server.local_name)
    client.send_to(b"after it", timeout=PATIENCE)
    server.send_to(b"the last one", client.local_name, timeout=PATIENCE)
    while receive(client).data != b"the last one":
        pass


def test_who_handles_a_signal_does_not_notice_it() -> None:
    with datagrams() as server, socket.socket(type=socket.SOCK_DGRAM) as peer:
        struck: list[int] = []

        def answer() -> None:
            struck.append(1)
            if len(struck) == 20:
                peer.sendto(b"at last", pythons_name(server))

        with signals(2 * MS, answer):
            assert receive(server).data == b"at last"


CONTROL_C = """
from trunkline import make_socket

with make_socket(type="datagram", local_host="127.0.0.1") as server:
    print("port", server.local_port, flush=True)
    for call in (lambda: server.receive_from(timeout=None), lambda: next(iter(server))):
        try:
            print("waiting", flush=True)
            call()
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    print("data", server.receive_from(timeout=None).data.decode(), flush=True)
"""


@pytest.mark.exact_io("the conversation with the program is not up to faults")
@pytest.mark.slow
def test_control_c_gets_through_and_spoils_nothing() -> None:
    with Program([sys.executable, "-c", CONTROL_C]) as program:
        port = int(program.wait_for_line(r"^port (\d+)$")[1])
        for _ in range(2):
            program.wait_for_line("^waiting$")
            program.interrupt()
            program.wait_for_line("^interrupted$")
        with make_socket("127.0.0.1", port, type="datagram") as client:
            client.send_to(b"unspoilt", timeout=PATIENCE)
        program.wait_for_line("^data unspoilt$")
        assert program.wait() == 0
