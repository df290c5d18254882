"""Options of a transport's connection, and what TCP knows of it."""

import socket
import sys

import pytest
from multiplex.transport_helpers import Recorder, connected, run_until, settle

from trunkline import EventBase, NotConnected, OptionNotSupported, SocketClosed

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="others do not tell")


def test_an_option_is_set_and_read(base: EventBase) -> None:
    with connected(base, Recorder(), socket.AF_INET) as (transport, _):
        transport.set_option("keepalive", True)
        assert transport.get_option("keepalive") is True
        with pytest.raises(TypeError, match=r"^keepalive: the option is True or False"):
            transport.set_option("keepalive", 1)  # type: ignore[call-overload]


@linux_only
def test_tcp_tells_what_it_knows(base: EventBase) -> None:
    with connected(base, Recorder(), socket.AF_INET) as (transport, peer):
        transport.write(b"12345")
        settle(base)
        assert peer.recv(5)
        info = transport.tcp_info()
        assert info.state == "established"
        assert info.bytes_sent == 5


@linux_only
def test_a_local_connection_has_no_such_thing(base: EventBase) -> None:
    with (
        connected(base, Recorder()) as (transport, _),
        pytest.raises(OptionNotSupported, match=r"^getsockopt tcp_info\b"),
    ):
        transport.tcp_info()


def test_before_and_after_the_connection_there_are_none(base: EventBase) -> None:
    with connected(base, Recorder(), socket.AF_INET, attach=False) as (transport, _):
        for call in (transport.tcp_info, lambda: transport.get_option("keepalive")):
            with pytest.raises(NotConnected, match=r"^getsockopt "):
                call()
    for call in (transport.tcp_info, lambda: transport.get_option("keepalive")):
        with pytest.raises(SocketClosed, match=r"^getsockopt "):
            call()
    with pytest.raises(SocketClosed, match=r"^setsockopt keepalive"):
        transport.set_option("keepalive", True)


@pytest.mark.parametrize(
    ("inline", "expected"), [(False, b"beforebehind"), (True, b"before!behind")]
)
def test_an_urgent_byte_comes_in_its_place_or_not_at_all(
    base: EventBase, inline: bool, expected: bytes
) -> None:
    protocol = Recorder()
    with connected(base, protocol, socket.AF_INET) as (transport, peer):
        transport.set_option("oob_inline", inline)
        peer.sendall(b"before")
        peer.send(b"!", socket.MSG_OOB)
        peer.sendall(b"behind")
        run_until(base, lambda: len(protocol.data) == len(expected))
        settle(base)
        assert protocol.data == expected
