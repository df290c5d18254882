"""Opening datagram endpoints, at once or after names were looked up, and adopting sockets."""

import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from multiplex.datagram_helpers import (
    NEEDS_IPV6,
    Noting,
    local_peer,
    opened,
    peer_of,
    receive,
    send,
)
from multiplex.transport_helpers import run_until, settle
from sockets.datagrams import free_name, name_of
from sockets.raw import NEEDS_RAW
from support.timing import PATIENCE

from trunkline import (
    AddressInUse,
    Busy,
    ConnectionRefused,
    DatagramSocket,
    Endpoint,
    EventBase,
    IPv4Address,
    IPv6Address,
    LocalAddress,
    NoName,
    NotConnected,
    PathNotFound,
    Resolution,
    ResolverError,
    SocketClosed,
    TimedOut,
    adopt,
    adopt_datagrams,
    make_socket,
    make_socket_from_fd,
    make_socket_pair,
    open_datagrams,
)
from trunkline.testing.clock import ManualClock


class Directory:
    """A resolver that knows some names, and can be made to take its time.

    Args:
        **hosts: The addresses of each name.
    """

    def __init__(self, **hosts: tuple[str, ...]) -> None:
        self.hosts = hosts
        self.may_answer = threading.Event()
        self.may_answer.set()

    def resolve(self, host: str, *, family: str = "internet", timeout: Any = None) -> Resolution:
        assert self.may_answer.wait(PATIENCE)
        if host not in self.hosts:
            raise NoName(operation="resolve", host=host)
        addresses = [
            IPv6Address(each) if ":" in each else IPv4Address(each) for each in self.hosts[host]
        ]
        return Resolution(tuple(addresses), host)

    def reverse(self, address: Any, *, timeout: Any = None) -> str:
        raise NotImplementedError


# -- names -----------------------------------------------------------------------------------------


def test_it_is_open_at_once_where_there_is_nothing_to_look_up(base: EventBase) -> None:
    protocol = Noting()
    with peer_of() as peer:
        name = name_of(peer)
        with opened(base, protocol, remote_host=name.host, remote_port=name.port) as endpoint:
            assert endpoint.is_open
            assert protocol.names == ["connection_made"]
            assert endpoint.remote_name == name
            assert endpoint.local_name.host == IPv4Address("127.0.0.1")
            assert str(endpoint.local_name) == str(Endpoint(*endpoint.local_name))


def test_what_is_sent_before_names_are_looked_up_leaves_afterwards(base: EventBase) -> None:
    protocol = Noting(pause_writing=lambda: None)
    with peer_of() as peer:
        options: Any = {
            "remote_host": "peer",
            "remote_port": name_of(peer).port,
            "local_host": "here",
            "resolver": Directory(peer=("127.0.0.1",), here=("127.0.0.1",)),
            "high_water": 100,
        }
        with opened(base, protocol, **options) as endpoint:
            assert (endpoint.is_open, endpoint.is_closing) == (False, False)
            assert (endpoint.remote_name, endpoint.local_name) == (None, None)
            assert repr(endpoint) == "<DatagramEndpoint, opening>"
            endpoint.send_to(b"1")
            endpoint.send_many([b"2", b"3"])
            assert protocol.names == ["pause_writing"]
            with pytest.raises(ValueError, match="not open yet"):
                endpoint.send_to(b"4", name_of(peer))
            with pytest.raises(SocketClosed, match="not open yet"):
                endpoint.join("239.255.0.1")
            with pytest.raises(NotConnected):
                endpoint.detach()
            assert receive(base, peer, 3) == [b"1", b"2", b"3"]
            assert endpoint.is_open
            assert endpoint.remote_name == name_of(peer)
            assert protocol.names == ["pause_writing", "connection_made", "resume_writing"]


@NEEDS_IPV6
def test_the_first_address_to_which_there_is_a_way_is_taken(base: EventBase) -> None:
    with peer_of() as peer:
        options: Any = {
            "remote_host": "peer",
            "remote_port": name_of(peer).port,
            "local_host": "127.0.0.1",
            "resolver": Directory(peer=("::1", "127.0.0.1")),
        }
        with opened(base, Noting(), **options) as endpoint:
            endpoint.send_to(b"hello")
            assert receive(base, peer) == [b"hello"]


def test_names_can_be_looked_up_by_the_system(base: EventBase) -> None:
    protocol = Noting()
    with opened(base, protocol, local_host="localhost", address_family="ipv4") as endpoint:
        run_until(base, lambda: endpoint.is_open)
        assert endpoint.local_name.host == IPv4Address("127.0.0.1")
        with peer_of(endpoint) as peer:
            send(peer, b"hello")
            run_until(base, lambda: protocol.data == [b"hello"])


def test_a_name_that_there_is_not_is_told(base: EventBase) -> None:
    for options in ({"remote_host": "x", "remote_port": 9}, {"local_host": "x"}):
        protocol = Noting()
        with opened(base, protocol, resolver=Directory(), **options):
            run_until(base, lambda: protocol.is_lost)  # noqa: B023 - it is called here
            assert isinstance(protocol.loss, ResolverError)
            assert protocol.names == ["connection_lost"]


def test_so_is_a_port_that_somebody_has(base: EventBase) -> None:
    protocol = Noting()
    with peer_of() as peer:
        options: Any = {"local_host": "here", "resolver": Directory(here=("127.0.0.1",))}
        with opened(base, protocol, local_port=name_of(peer).port, **options):
            run_until(base, lambda: protocol.is_lost)
            assert isinstance(protocol.loss, AddressInUse)


def test_where_there_is_nothing_to_look_up_it_is_raised(base: EventBase, tmp_path: Path) -> None:
    protocol = Noting()
    with peer_of() as peer, pytest.raises(AddressInUse):
        open_datagrams(
            base, protocol, local_host="127.0.0.1", local_port=name_of(peer).port, idle_timeout=9
        )
    with pytest.raises(PathNotFound):
        open_datagrams(base, protocol, address_family="local", remote_filename=tmp_path / "never")
    assert protocol.calls == []
    assert base.is_empty


def test_looking_up_has_a_limit(timed_base: EventBase, clock: ManualClock) -> None:
    directory, protocol = Directory(), Noting()
    directory.may_answer.clear()
    options: Any = {"remote_host": "peer", "remote_port": 9, "resolver": directory}
    with opened(timed_base, protocol, connect_timeout=3, **options) as endpoint:
        endpoint.send_to(b"hello")
        clock.advance(4)
        run_until(timed_base, lambda: protocol.is_lost)
        assert isinstance(protocol.loss, TimedOut)
        directory.may_answer.set()
        settle(timed_base)


@pytest.mark.parametrize("end", ["abort", "close"])
def test_it_can_be_given_up_before_it_is_open(base: EventBase, end: str) -> None:
    directory, protocol = Directory(peer=("127.0.0.1",)), Noting()
    directory.may_answer.clear()
    options: Any = {"remote_host": "peer", "remote_port": 9, "resolver": directory}
    with opened(base, protocol, **options) as endpoint:
        getattr(endpoint, end)()
        directory.may_answer.set()
        run_until(base, lambda: protocol.is_lost)
        settle(base)
        assert protocol.loss is None
        assert protocol.names == ["connection_lost"]


def test_what_is_queued_is_sent_though_it_is_closed_before(base: EventBase) -> None:
    directory, protocol = Directory(peer=("127.0.0.1",)), Noting()
    directory.may_answer.clear()
    with peer_of() as peer:
        options: Any = {"remote_host": "peer", "remote_port": name_of(peer).port}
        with opened(base, protocol, resolver=directory, **options) as endpoint:
            endpoint.send_to(b"hello")
            endpoint.close()
            directory.may_answer.set()
            assert receive(base, peer) == [b"hello"]
            run_until(base, lambda: protocol.is_lost)
            assert protocol.names == ["connection_lost"]


# -- local ones ------------------------------------------------------------------------------------


def test_local_datagrams(base: EventBase, tmp_path: Path) -> None:
    server = Noting(datagram_received=lambda data, sender: server.endpoint.send_to(data, sender))
    with (
        opened(
            base, server, address_family="local", local_filename=tmp_path / "server"
        ) as endpoint,
        local_peer(tmp_path / "client", endpoint) as peer,
    ):
        send(peer, b"hello", b"")
        assert receive(base, peer, 2) == [b"hello", b""]
        assert server.calls[1][1][1] == LocalAddress(tmp_path / "client")
        assert endpoint.local_name == LocalAddress(tmp_path / "server")
    assert not (tmp_path / "server").exists()


# -- what is refused -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"line_limit": 9}, TypeError, "internet datagram socket does not take line_limit"),
        ({"nodelay": True}, TypeError, "internet datagram socket does not take nodelay"),
        ({"local_filename": "x"}, TypeError, "does not take local_filename"),
        ({"external_format": "utf-8"}, TypeError, "external_format; it is for type='stream'"),
        ({"hi_water": 1}, TypeError, "perhaps high_water is meant"),
        ({"address_family": "internet7"}, ValueError, "address_family is"),
        ({"address_family": "netlink"}, TypeError, "no netlink datagram socket"),
        ({"include_headers": True}, TypeError, "include_headers; it is for type='raw'"),
        ({"delivery": "lines"}, ValueError, "no delivery as 'lines'"),
        ({"delivery": "batch"}, ValueError, "perhaps many is meant"),
        ({"size": 0}, ValueError, "size"),
        ({"queue_limit": -1}, ValueError, "queue_limit"),
        ({"high_water": "x"}, TypeError, "high_water"),
        ({"remote_host": "127.0.0.1"}, TypeError, "belong together"),
        ({"connect_timeout": -1, "local_host": "127.0.0.1"}, ValueError, "connect_timeout"),
        ({"reuse_port": True}, TypeError, "need a local_host"),
        ({"resolver": Directory, "local_host": "x"}, TypeError, "and not its class"),
    ],
)
def test_options_that_it_does_not_take(
    base: EventBase, options: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        open_datagrams(base, Noting(), **options)
    assert base.is_empty


def test_misplaced_arguments(base: EventBase) -> None:
    call: Callable[..., Any] = open_datagrams
    with pytest.raises(TypeError, match="the event base comes first, and Noting is none"):
        call(Noting(), base)
    with pytest.raises(TypeError, match="takes by name where to"):
        call(base, Noting(), "127.0.0.1", 9)
    base.close()
    with pytest.raises(SocketClosed, match="the event base is closed"):
        call(base, Noting(), local_host="127.0.0.1")


# -- adopting --------------------------------------------------------------------------------------


def test_a_socket_goes_on_where_it_was(base: EventBase) -> None:
    protocol = Noting()
    ours = make_socket(type="datagram", local_host="127.0.0.1", packet_info=True)
    name = ours.local_name
    with peer_of() as peer:
        peer.connect((str(name.host), name.port))
        send(peer, b"1", b"2")
        assert ours.receive_from(timeout=PATIENCE).data == b"1"
        endpoint = adopt_datagrams(base, protocol, ours)
        assert (ours.closed, ours.fileno()) == (True, -1)
        assert protocol.calls == [("connection_made", (endpoint,))]
        assert endpoint.local_name == name
        run_until(base, lambda: protocol.data == [b"2"])
        sender = protocol.calls[1][1][1]
        assert sender.local_host == name.host
        with endpoint.detach() as again:
            assert isinstance(again, DatagramSocket)
            assert (endpoint.is_closing, endpoint.fileno()) == (True, -1)
            assert (again.local_name, again.is_bound) == (name, True)
            again.send_to(b"back", sender, timeout=PATIENCE)
            assert peer.recv(9) == b"back"
            send(peer, b"3")
            assert again.receive_from(timeout=PATIENCE).sender.local_host == name.host
            with pytest.raises(NotConnected):
                endpoint.detach()
        settle(base)
        assert protocol.names == ["connection_made", "datagram_received"]
    assert base.is_empty


def test_one_with_a_peer_keeps_it(base: EventBase) -> None:
    with peer_of() as peer:
        name = name_of(peer)
        endpoint = adopt_datagrams(base, Noting(), make_socket(*name, type="datagram"))
        assert endpoint.remote_name == name
        endpoint.send_to(b"1")
        assert receive(base, peer) == [b"1"]
        with endpoint.detach() as again:
            assert again.remote_name == name
            again.disconnect()
            again.connect(*name)


def test_pairs_can_be_adopted(base: EventBase) -> None:
    one, other = make_socket_pair(type="datagram")
    protocol = Noting()
    with other:
        endpoint = adopt_datagrams(base, protocol, one, delivery="many")
        other.send_to(b"hello", timeout=PATIENCE)
        run_until(base, lambda: protocol.data == [b"hello"])
        endpoint.send_to(b"welcome")
        assert other.receive_from(timeout=PATIENCE).data == b"welcome"
        endpoint.close()
        settle(base)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the queue")
@pytest.mark.exact_io("a fault hides the error")
def test_an_error_that_was_not_told_goes_along(base: EventBase) -> None:
    name = free_name()
    protocol = Noting()
    for adopted in (False, True):
        with opened(base, Noting(), remote_host=name.host, remote_port=name.port) as endpoint:
            endpoint.send_to(b"anybody there?")
            endpoint.send_to(b"really?")  # which is told of the first one
            with endpoint.detach() as again:
                if adopted:
                    other = adopt_datagrams(base, protocol, again)
                    run_until(base, lambda: protocol.errors)
                    assert isinstance(protocol.errors[0], ConnectionRefused)
                    other.abort()
                    settle(base)
                else:
                    with pytest.raises(ConnectionRefused):
                        again.send_to(b"hello")


def test_what_is_queued_has_no_place_in_a_socket(base: EventBase) -> None:
    one, other = make_socket_pair(type="datagram")
    with other:
        endpoint = adopt_datagrams(base, Noting(), one)
        while not endpoint.buffered_output:
            endpoint.send_to(bytes(1000))
        with pytest.raises(ValueError, match="queued"):
            endpoint.detach()
        assert endpoint.is_open
        endpoint.abort()
        settle(base)


def test_what_cannot_be_adopted(base: EventBase) -> None:
    call: Callable[..., Any] = adopt_datagrams
    one, other = make_socket_pair()
    packets = make_socket_pair(type="seqpacket")
    ours = make_socket(type="datagram", local_host="127.0.0.1")
    with one, other, packets[0], packets[1], ours:
        with pytest.raises(TypeError, match=r"no ActiveSocket: adopt\(\) takes that"):
            call(base, Noting(), one)
        with pytest.raises(TypeError, match=r"no DatagramSocket: adopt_datagrams\(\) takes that"):
            adopt(base, Noting(), ours)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match=r"no PacketSocket: set_io_handler\(\) tells"):
            call(base, Noting(), packets[0])
        with pytest.raises(TypeError, match=r"adopt_datagrams\(\) does not take local_host"):
            call(base, Noting(), ours, local_host="127.0.0.1")
        with pytest.raises(TypeError, match="no datagram_received"):
            call(base, object(), ours)
        with ours._descriptor.reading, pytest.raises(Busy):
            call(base, Noting(), ours)
        assert ours.is_bound
    with pytest.raises(SocketClosed):
        call(base, Noting(), ours)
    assert base.is_empty


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has netlink")
def test_a_netlink_socket_is_not_adopted(base: EventBase) -> None:
    call: Callable[..., Any] = adopt_datagrams
    with make_socket(type="raw", address_family="netlink") as netlink:
        with pytest.raises(TypeError, match=r"no NetlinkSocket: set_io_handler\(\) tells"):
            call(base, Noting(), netlink)
        assert netlink.is_bound


@NEEDS_RAW
def test_a_raw_socket_is_not_adopted(base: EventBase) -> None:
    with make_socket(type="raw", protocol="icmp", local_host="127.0.0.1") as raw:
        with pytest.raises(TypeError, match=r"no RawSocket: set_io_handler\(\) tells"):
            adopt_datagrams(base, Noting(), raw)
        assert raw.is_bound


def test_what_is_adopted_may_be_inherited(base: EventBase) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs:
        theirs.bind(("127.0.0.1", 0))
        number = os.dup(theirs.fileno())
    made = make_socket_from_fd(number, type="datagram", dup=False)
    protocol = Noting()
    endpoint = adopt_datagrams(base, protocol, made)
    with peer_of(endpoint) as peer:
        send(peer, b"hello")
        run_until(base, lambda: protocol.data)
    endpoint.close()
    settle(base)
