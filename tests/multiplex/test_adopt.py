"""Moving live connections between blocking sockets and transports, with what belongs to them."""

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from multiplex.transport_helpers import (
    Recorder,
    both_families,
    connected,
    fill,
    receive_while,
    run_until,
    settle,
)
from support.peers import receive_all, receive_exactly, reset, socket_pair
from support.timing import PATIENCE

from trunkline import (
    ActiveSocket,
    Busy,
    ConnectionReset,
    EventBase,
    NotConnected,
    SocketClosed,
    TimedOut,
    Transport,
    adopt,
    make_socket,
    make_socket_from_fd,
)


@contextlib.contextmanager
def conversation(
    family: socket.AddressFamily = socket.AF_UNIX, external_format: str = "utf-8"
) -> Iterator[tuple[ActiveSocket, socket.socket]]:
    """Yield a connected socket of ours and its peer, a plain one."""
    with socket_pair(family) as (near, peer):
        peer.settimeout(PATIENCE)
        ours = make_socket_from_fd(
            near.detach(), dup=False, external_format=external_format, timeout=PATIENCE
        )
        try:
            yield ours, peer
        finally:
            ours.close(abort=True)


# -- to the event base -----------------------------------------------------------------------------


@both_families
def test_a_connection_goes_on_where_it_was(base: EventBase, family: socket.AddressFamily) -> None:
    with conversation(family, "utf-8/crlf") as (ours, peer):
        peer.sendall(b"first\r\nsecond\r\nthird, ")
        assert ours.read_line() == "first"
        ours.write("unsent, ")
        name = ours.remote_name
        protocol = Recorder()
        transport = adopt(base, protocol, ours, delivery="lines")
        assert (ours.closed, ours.fileno()) == (True, -1)
        assert protocol.calls == [("connection_made", transport)]
        assert transport.remote_name == name
        assert transport.external_format.eol == "crlf"
        run_until(base, lambda: protocol.lines == ["second"], "what was there")
        peer.sendall(b"and more\r\n")
        run_until(base, lambda: protocol.lines == ["second", "third, and more"], "the rest")
        transport.write("and answered\n")
        assert receive_while(base, peer, 22) == b"unsent, and answered\r\n"
        transport.close()
        assert receive_all(peer) == b""
        run_until(base, lambda: protocol.is_lost, "the end")


def test_what_was_received_is_delivered_though_nothing_more_comes(base: EventBase) -> None:
    with conversation() as (ours, peer):
        peer.sendall(b"one\ntwo")
        peer.shutdown(socket.SHUT_WR)
        assert ours.read_line() == "one"
        protocol = Recorder()
        adopt(base, protocol, ours)
        run_until(base, lambda: protocol.is_lost, "the end")
        assert protocol.data == b"two"
        assert protocol.names[-2:] == ["eof_received", "connection_lost"]


def test_an_event_base_that_had_handlers_for_the_socket_lets_go_of_them(base: EventBase) -> None:
    with conversation() as (ours, peer):
        base.set_io_handler(ours, "read", lambda number, event, cause: pytest.fail("called"))
        protocol = Recorder()
        transport = adopt(base, protocol, ours)
        peer.sendall(b"hello")
        run_until(base, lambda: protocol.data == b"hello", "the data")
        transport.abort()
        settle(base)
        assert base.is_empty


def test_what_cannot_be_adopted_stays_as_it_is(base: EventBase) -> None:
    protocol = Recorder()
    with conversation() as (ours, peer):
        with pytest.raises(ValueError, match="mail"):
            adopt(base, protocol, ours, delivery="mail")  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            adopt(base, protocol, ours, speed=3)  # type: ignore[call-arg]
        peer.sendall(b"still there\n")
        assert ours.read_line() == "still there"
        ours.close()
        with pytest.raises(SocketClosed):
            adopt(base, protocol, ours)
    with make_socket(address_family="ipv4") as unconnected, pytest.raises(NotConnected):
        adopt(base, protocol, unconnected)
    settle(base)
    assert protocol.calls == []
    assert base.is_empty


def test_a_closed_event_base_adopts_nothing(base: EventBase) -> None:
    base.close()
    with conversation() as (ours, peer):
        with pytest.raises(SocketClosed, match="event base"):
            adopt(base, Recorder(), ours)
        ours.write("alive")
        ours.finish_output()
        assert receive_exactly(peer, 5) == b"alive"


def test_a_connection_that_was_reset_is_not_adopted(base: EventBase) -> None:
    with conversation(socket.AF_INET) as (ours, peer):
        reset(peer)
        with pytest.raises(ConnectionReset):
            ours.read()
        with pytest.raises(ConnectionReset):
            adopt(base, Recorder(), ours)


def test_a_socket_that_another_thread_uses_is_not_adopted(base: EventBase) -> None:
    with conversation() as (ours, peer):
        received: list[bytes] = []
        reader = threading.Thread(target=lambda: received.append(ours.read()))
        reader.start()
        try:
            while True:
                try:
                    with ours._descriptor.reading:
                        pass
                except Busy:
                    break
            with pytest.raises(Busy):
                adopt(base, Recorder(), ours)
        finally:
            peer.sendall(b"!")
            reader.join(PATIENCE)
        assert received == [b"!"]


def test_half_decoded_text_is_not_given_away(base: EventBase) -> None:
    with conversation(external_format="utf-16-le") as (ours, peer):
        peer.sendall("ab".encode("utf-16-le")[:3])
        assert ours.read_char() == "a"
        for _ in range(20):  # so that half of a character is received, whatever the faults
            with pytest.raises(TimedOut):
                ours.read_char(timeout=0)
        with pytest.raises(ValueError, match="format"):
            adopt(base, Recorder(), ours)
        peer.sendall("ab".encode("utf-16-le")[3:])
        assert ours.read_char() == "b"
        protocol = Recorder()
        transport = adopt(base, protocol, ours, delivery="text")
        peer.sendall("c".encode("utf-16-le"))
        run_until(base, lambda: protocol.got("text_received") == ["c"], "the text")
        transport.abort()
        settle(base)


# -- and back --------------------------------------------------------------------------------------


@both_families
def test_and_back(base: EventBase, family: socket.AddressFamily) -> None:
    protocol = Recorder()
    with connected(
        base, protocol, family, delivery="lines", external_format="utf-8/crlf", idle_timeout=3
    ) as (transport, peer):
        protocol.then["line_received"] = lambda line: transport.pause_reading()
        peer.sendall(b"one\r\ntwo\r\nthr")
        run_until(base, lambda: protocol.lines == ["one"], "a line")
        with transport.detach() as ours:
            assert ours.remote_name == transport.remote_name
            assert (transport.is_closing, transport.fileno()) == (True, -1)
            ours.timeout = PATIENCE
            assert ours.read_line() == "two"
            peer.sendall(b"ee\r\n")
            assert ours.read_line() == "three"
            ours.write_line("answer")
            ours.finish_output()
            assert receive_exactly(peer, 8) == b"answer\r\n"
        settle(base)
        assert "connection_lost" not in protocol.names
        assert base.is_empty


def test_what_is_queued_goes_along(base: EventBase) -> None:
    protocol = Recorder()
    with connected(base, protocol) as (transport, peer):
        data = fill(transport)
        ours = transport.detach()
        finishing = threading.Thread(target=ours.close)
        finishing.start()
        assert receive_all(peer) == data
        finishing.join(PATIENCE)
        assert ours.closed


def test_from_inside_of_a_callback(base: EventBase) -> None:
    taken: list[ActiveSocket] = []
    protocol = Recorder()

    def take(data: bytes) -> None:
        protocol.transport.write(b"to be sent by the other")
        taken.append(protocol.transport.detach())

    protocol.then["data_received"] = take
    with connected(base, protocol) as (_, peer):
        peer.sendall(b"?")
        run_until(base, lambda: taken, "the header")
        peer.sendall(b"body")
        peer.shutdown(socket.SHUT_WR)
        settle(base)
        with taken[0] as ours:
            assert ours.read_exactly(4, timeout=PATIENCE) == b"body"
            ours.finish_output()
            assert receive_exactly(peer, 23) == b"to be sent by the other"
        assert protocol.names == ["connection_made", "data_received"]


def test_there_and_back_again(base: EventBase) -> None:
    with conversation() as (ours, peer):
        peer.sendall(b"some\nbytes\n")
        assert ours.read_line() == "some"
        for _ in range(3):
            protocol = Recorder()
            transport = adopt(base, protocol, ours)
            transport.pause_reading()
            settle(base)
            assert protocol.data == b""
            ours = transport.detach()
        with ours:
            assert ours.read_line(timeout=PATIENCE) == "bytes"


def test_what_cannot_be_detached(base: EventBase) -> None:
    protocol = Recorder()
    with pytest.raises(NotConnected):
        Transport(base, protocol).detach()
    with connected(base, protocol) as (transport, _):
        transport.write_eof()
        with pytest.raises(ValueError, match="write_eof"):
            transport.detach()
        assert transport.is_connected
        transport.close()
        with pytest.raises(NotConnected):
            transport.detach()
