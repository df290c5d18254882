"""What several threads, and several processes, may do with one datagram socket."""

import os
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable

import pytest
from sockets.datagrams import connected_to, datagrams, free_name, receive
from sockets.helpers import Call, wait_for_a_waiter
from support.processes import Program
from support.timing import MS, PATIENCE

from trunkline import Busy, DatagramSocket, SocketClosed, TimedOut, make_socket, make_socket_pair


def forget_waiters(waiting: threading.Semaphore) -> None:
    while waiting.acquire(blocking=False):
        pass


def unconnected() -> tuple[DatagramSocket, ...]:
    return (datagrams(),)


def connected() -> tuple[DatagramSocket, ...]:
    return (make_socket(*free_name(), type="datagram"),)


def local() -> tuple[DatagramSocket, ...]:
    return make_socket_pair(type="datagram")


KINDS = pytest.mark.parametrize("make", [unconnected, connected, local])


@KINDS
@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_closing_ends_a_wait(
    make: Callable[[], tuple[DatagramSocket, ...]],
    timeout: float | None,
    waiting: threading.Semaphore,
) -> None:
    sock, *others = make()
    with Call(sock.receive_from, timeout=timeout) as receiving:
        wait_for_a_waiter(waiting)
        sock.close()
        with pytest.raises(SocketClosed) as caught:
            receiving.result()
        assert caught.value.operation == "receive"
    for other in others:
        other.close()


@KINDS
def test_closing_ends_an_iteration(
    make: Callable[[], tuple[DatagramSocket, ...]], waiting: threading.Semaphore
) -> None:
    sock, *others = make()
    with Call(lambda: list(sock)) as iterating:
        wait_for_a_waiter(waiting)
        sock.close()
        assert iterating.result() == []
    for other in others:
        other.close()


def test_a_second_one_that_receives_is_told_so(waiting: threading.Semaphore) -> None:
    with datagrams() as server, connected_to(server) as client:
        with Call(server.receive_from, timeout=PATIENCE) as receiving:
            wait_for_a_waiter(waiting)
            for call in (server.receive_from, lambda: server.receive_many(2)):
                with pytest.raises(Busy):
                    call()
            # Sending is nobody's business but one's own.
            server.send_to(b"meanwhile", client.local_name, timeout=PATIENCE)
            client.send_to(b"for the first", timeout=PATIENCE)
            assert receiving.result().data == b"for the first"
        assert receive(client).data == b"meanwhile"


def test_those_who_send_take_turns_and_nothing_is_torn() -> None:
    each, threads = 200, 4
    with datagrams() as server, connected_to(server) as client:
        server.set_option("receive_buffer", 4_000_000)
        credit = threading.Semaphore(20)  # the system throws away what nobody receives in time

        def send(letter: bytes) -> None:
            for _ in range(each):
                assert credit.acquire(timeout=PATIENCE)
                client.send_to(letter * 100, timeout=PATIENCE)

        with Call(send, b"a"), Call(send, b"b"), Call(send, b"c"), Call(send, b"d"):
            got: Counter[bytes] = Counter()
            for _ in range(each * threads):
                got[receive(server).data] += 1
                credit.release()
        assert got == {letter * 100: each for letter in (b"a", b"b", b"c", b"d")}


def fill(sender: DatagramSocket) -> int:
    """Send until there is no room any more, and return how often."""
    count = 0
    try:
        while True:
            sender.send_to(b"more", timeout=20 * MS)
            count += 1
    except TimedOut:
        return count


@pytest.mark.exact_io("there is room, and poll says that there is none, where a fault says so")
def test_who_does_not_wait_does_not_wait_for_others_either(waiting: threading.Semaphore) -> None:
    one, other = make_socket_pair(type="datagram")
    with one, other:
        count = fill(one)
        forget_waiters(waiting)
        with Call(one.send_to, b"later", timeout=PATIENCE) as sending:
            wait_for_a_waiter(waiting)
            with pytest.raises(BlockingIOError):
                one.send_to(b"at once")
            with pytest.raises(TimeoutError):
                one.send_to(b"soon", timeout=20 * MS)
            with Call(one.send_to, b"after it", timeout=PATIENCE) as patient:
                got = [receive(other).data for _ in range(count + 2)]
                assert {sending.result(), patient.result()} == {5, 8}
        assert got == [b"more"] * count + [b"later", b"after it"]


@pytest.mark.exact_io("there is room, and poll says that there is none, where a fault says so")
def test_closing_ends_a_wait_for_ones_turn(waiting: threading.Semaphore) -> None:
    one, other = make_socket_pair(type="datagram")
    with other:
        fill(one)
        forget_waiters(waiting)
        with Call(one.send_to, b"first", timeout=PATIENCE) as first:
            wait_for_a_waiter(waiting)
            with Call(one.send_to, b"second", timeout=PATIENCE) as second:
                one.close()
                for sending in (first, second):
                    with pytest.raises(SocketClosed):
                        sending.result()


SERVER = """
import sys
from trunkline import make_socket
with make_socket(type="datagram", local_host=sys.argv[1]) as server:
    print(server.local_port, flush=True)
    for data, sender in server:
        server.send_to(data.upper(), sender, timeout=10)
"""


@pytest.mark.exact_io("the conversation with the program is not up to faults")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_another_process_answers(host: str) -> None:
    with Program([sys.executable, "-c", SERVER, host]) as program:
        port = int(program.wait_for_line(r"^(\d+)$")[1])
        with make_socket(host, port, type="datagram") as client:
            for number in range(10):
                client.send_to(b"hello %d" % number, timeout=PATIENCE)
                assert receive(client).data == b"HELLO %d" % number


@pytest.mark.exact_io("the conversation with the program is not up to faults")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_forked_child_leaves_its_parents_socket_alone() -> None:
    program = """
import os, threading
from trunkline import make_socket
server = make_socket(type="datagram", local_host="127.0.0.1")
client = make_socket("127.0.0.1", server.local_port, type="datagram")
got = []
thread = threading.Thread(target=lambda: got.append(server.receive_from(timeout=10).data))
thread.start()
child = os.fork()
if child == 0:
    server.close()
    client.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
client.send_to(b"hello", timeout=10)
thread.join()
print(got)
server.close()
client.close()
"""
    # Newer Pythons warn of forks beside threads, which is what this is about.
    quietly = ["-W", "ignore::DeprecationWarning"]
    with Program([sys.executable, *quietly, "-c", program]) as parent:
        assert parent.read_to_end() == "[b'hello']\n"
        assert parent.wait() == 0


def test_a_number_that_is_used_again_is_nobody_elses() -> None:
    sock = datagrams()
    number = sock.fileno()
    sock.close()
    assert sock.fileno() == -1
    with socket.socket(type=socket.SOCK_DGRAM) as later:
        sock.close()
        assert later.fileno() >= 0
        assert number >= 0
        later.getsockname()
