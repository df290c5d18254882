"""What the network says of datagrams that were sent: whom it is told, and who survives it."""

import contextlib
import errno
import pickle
import socket
import sys
from typing import Any

import pytest
from sockets.datagrams import (
    FAMILIES,
    NEEDS_IPV6,
    connected_to,
    datagrams,
    free_name,
    pythons,
    pythons_name,
    receive,
)
from sockets.helpers import Call
from support import icmp
from support.timing import MS, PATIENCE

from trunkline import (
    ConnectionRefused,
    DatagramSocket,
    HostUnreachable,
    NetworkUnreachable,
    NoBufferSpace,
    PermissionDenied,
    SocketError,
    TimedOut,
    WouldBlock,
    make_socket,
)
from trunkline._sys.datagram_descriptor import DatagramDescriptor

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the queue")


def send(sock: DatagramSocket, data: bytes, *receiver: Any) -> None:
    sock.send_to(data, *receiver, timeout=PATIENCE)


@FAMILIES
def test_a_peer_that_is_gone_is_the_error_of_the_next_receive(family: socket.AddressFamily) -> None:
    name = free_name(family)
    with make_socket(*name, type="datagram") as client:
        send(client, b"anybody there?")
        with pytest.raises(ConnectionRefused) as caught:
            receive(client)
        assert (caught.value.operation, caught.value.address) == ("receive", name)
        copy = pickle.loads(pickle.dumps(caught.value))
        assert (copy.operation, copy.address) == ("receive", name)
        with pytest.raises(TimedOut):  # it is told once
            client.receive_from(timeout=MS)


@pytest.mark.exact_io("which call comes next is not up to faults")
def test_it_is_the_error_of_the_next_send_if_that_comes_first() -> None:
    with datagrams() as server:
        client = connected_to(server)
        with client:
            server.close()
            send(client, b"one")
            with pytest.raises(ConnectionRefused) as caught:
                send(client, b"two")
            assert caught.value.operation == "send"
            send(client, b"three")
            with pytest.raises(ConnectionRefused):
                client.send_many([b"four", b"five"], timeout=PATIENCE)


def test_what_came_before_the_error_is_not_lost() -> None:
    with datagrams() as server, connected_to(server) as client:
        for data in (b"one", b"two"):
            send(server, data, client.local_name)
        send(client, b"")
        receive(server)
        server.close()
        send(client, b"anybody there?")
        got: list[bytes] = []
        told = 0
        for _ in range(3):
            try:
                got.append(receive(client).data)
            except ConnectionRefused:
                told += 1
        assert (got, told) == ([b"one", b"two"], 1)


def test_neither_are_those_that_were_received_with_it() -> None:
    with datagrams() as client:
        with datagrams() as server:
            client.connect(*server.local_name)
            server.send_many([(b"%d" % n, client.local_name) for n in range(3)], timeout=PATIENCE)
        send(client, b"anybody there?")
        got: list[bytes] = []
        told = 0
        while len(got) < 3 or not told:
            try:
                got += [each.data for each in client.receive_many(9, timeout=PATIENCE)]
            except ConnectionRefused:
                told += 1
        assert (got, told) == ([b"0", b"1", b"2"], 1)


@FAMILIES
def test_a_server_that_answers_a_client_that_is_gone_goes_on(family: socket.AddressFamily) -> None:
    with datagrams(family) as server:
        name = pythons_name(server)

        def serve() -> int:
            count = 0
            for data, sender in server:
                server.send_to(data.upper(), sender, timeout=PATIENCE)
                count += 1
            return count

        with Call(serve) as serving:
            for _ in range(20):
                with pythons(family) as hasty:
                    hasty.sendto(b"never mind", name)
            with pythons(family) as patient:
                patient.sendto(b"hello", name)
                assert patient.recv(100) == b"HELLO"
            server.close()  # as from anywhere else
            assert serving.result() == 21


def iterate_once(sock: DatagramSocket) -> bytes:
    return next(iter(sock)).data


def test_iterating_over_a_peer_that_is_gone_is_an_error_and_can_go_on() -> None:
    with datagrams() as client:
        with datagrams() as server:
            name = server.local_name
            client.connect(*name)
        send(client, b"anybody there?")
        with pytest.raises(ConnectionRefused):
            iterate_once(client)
        with make_socket(type="datagram", local_host=name.host, local_port=name.port) as later:
            send(later, b"now I am", client.local_name)
            assert iterate_once(client) == b"now I am"


@LINUX
@FAMILIES
@pytest.mark.exact_io("a fault hides what is in the queue, which has to be counted")
def test_without_a_peer_it_is_told_to_whoever_asks(
    family: socket.AddressFamily,
) -> None:
    gone = [free_name(family), free_name(family)]
    with datagrams(family, report_errors=True) as client, datagrams(family) as server:
        told = []
        for name in gone:
            # The system takes the next ones no further until the error has been told.
            with contextlib.suppress(ConnectionRefused):
                send(client, b"anybody there?", name)
            with pytest.raises(ConnectionRefused) as caught:
                receive(client)
            told.append(caught.value.address)
        assert told == gone
        send(server, b"I am", client.local_name)
        assert receive(client).data == b"I am"
        with pytest.raises(TimedOut):
            client.receive_from(timeout=MS)
        with pytest.raises(WouldBlock):
            client.receive_from()


@LINUX
@pytest.mark.exact_io("a fault hides what is in the queue, which has to be counted")
def test_an_error_in_the_queue_ends_a_wait_and_does_not_make_it_spin() -> None:
    with datagrams(report_errors=True) as client:
        name = free_name()
        send(client, b"anybody there?", name)
        # The error itself is taken away, as anybody may do who looks; the queue still has it.
        assert client.get_option("error") == errno.ECONNREFUSED
        with pytest.raises(ConnectionRefused) as caught:
            client.receive_from(timeout=PATIENCE)
        assert caught.value.address == name
        with pytest.raises(TimedOut):
            client.receive_from(timeout=MS)


@LINUX
def test_iterating_survives_what_is_told_of_others() -> None:
    with datagrams(report_errors=True) as server, datagrams() as client:
        for _ in range(3):
            with contextlib.suppress(ConnectionRefused):
                send(server, b"anybody there?", free_name())
        send(client, b"I am", server.local_name)
        assert iterate_once(server) == b"I am"


@LINUX
@pytest.mark.exact_io("a fault hides what is in the queue, which has to be counted")
def test_what_is_told_of_two_receivers_is_told_of_both() -> None:
    one, other = free_name(), free_name()
    with datagrams(report_errors=True) as client, icmp.forger() as forger:
        send(client, b"anybody there?", one)
        forger.say(icmp.HOST_UNREACHABLE, client.local_name, other)
        told = []
        for _ in range(2):
            with pytest.raises(SocketError) as caught:
                receive(client)
            told.append((type(caught.value), caught.value.address))
        assert told == [(ConnectionRefused, one), (HostUnreachable, other)]
        with pytest.raises(WouldBlock):
            client.receive_from()


@LINUX
@pytest.mark.exact_io("a fault hides what is in the queue, which has to be counted")
def test_what_is_told_in_the_midst_of_another_failure_is_told_later() -> None:
    name = free_name()
    with datagrams(report_errors=True) as client:
        send(client, b"anybody there?", name)
        with pytest.raises(SocketError) as caught:
            send(client, b"to all", "255.255.255.255", 9)
        assert isinstance(caught.value, PermissionDenied | ConnectionRefused)
        other = {PermissionDenied, ConnectionRefused} - {type(caught.value)}
        if other == {ConnectionRefused}:
            with pytest.raises(ConnectionRefused) as caught:
                receive(client)
            assert caught.value.address == name


@LINUX
@pytest.mark.parametrize(
    "what", [icmp.PROTOCOL_UNREACHABLE, icmp.SOURCE_ROUTE_FAILED, icmp.PARAMETER_PROBLEM]
)
def test_nobody_ends_a_server_by_whatever_he_says_of_its_answers(what: tuple[int, int]) -> None:
    with (
        datagrams(report_errors=True) as server,
        datagrams() as enemy,
        datagrams() as client,
        icmp.forger() as forger,
    ):
        forger.say(what, server.local_name, enemy.local_name)
        send(client, b"I am", server.local_name)
        assert iterate_once(server) == b"I am"


@NEEDS_IPV6
def test_a_way_that_there_is_not_is_told_at_once() -> None:
    with (
        make_socket(type="datagram", address_family="ipv6", local_host="::1") as sock,
        pytest.raises(NetworkUnreachable) as caught,
    ):
        sock.send_to(b"", "127.0.0.1", free_name().port, timeout=PATIENCE)
    assert "[::ffff:" in str(caught.value)


def test_errors_of_many_say_how_many_went_before() -> None:
    with datagrams() as sock:
        error = SocketError(errno.EIO, operation="send")
        assert error.sent == 0
        with pytest.raises(SocketError) as caught:
            sock.send_many(
                [(b"", sock.local_name), (bytes(70_000), sock.local_name)], timeout=PATIENCE
            )
        assert caught.value.sent == 1


class NoRoom:
    """Stands for a network interface that has no room for a while."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, in_vain: int) -> None:
        self.in_vain = in_vain
        self._send = DatagramDescriptor.bare_send_message
        monkeypatch.setattr(DatagramDescriptor, "bare_send_message", self._take)

    @property
    def _take(self) -> Any:
        def take(descriptor: DatagramDescriptor, *arguments: Any) -> int:
            if self.in_vain:
                self.in_vain -= 1
                raise OSError(errno.ENOBUFS, "no room")
            return self._send(descriptor, *arguments)

        return take


def test_an_interface_without_room_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with datagrams() as sock:
        interface = NoRoom(monkeypatch, 3)
        with pytest.raises(NoBufferSpace):
            sock.send_to(b"hello", sock.local_name)
        assert interface.in_vain == 2
        send(sock, b"hello", sock.local_name)
        assert receive(sock).data == b"hello"
        interface.in_vain = 1_000_000
        with pytest.raises(TimedOut):
            sock.send_to(b"hello", sock.local_name, timeout=5 * MS)
        assert interface.in_vain > 999_900
