"""Raw sockets, with the kernel as the peer: it answers requests for an echo.

All of ICMP on this machine comes to each of them, so that a test looks for what is its own.
"""

import os
import subprocess
import sys
from itertools import count
from typing import Any

import pytest
from sockets.datagrams import NEEDS_IPV6, receive
from sockets.raw import NEEDS_RAW
from support.timing import PATIENCE

from trunkline import (
    IPV4_LOOPBACK,
    AddressFamilyNotSupported,
    Endpoint,
    ICMPMessage,
    IPv4Header,
    OptionNotSupported,
    ProtocolNotSupported,
    RawSocket,
    Sender,
    WouldBlock,
    make_socket,
)
from trunkline.sockets.datagrams.received import sender_of

linux = pytest.mark.skipif(sys.platform != "linux", reason="as Linux has it")

pytestmark = pytest.mark.exact_io("a message is cut, or not sent")

VERSIONS = pytest.mark.parametrize("version", [4, pytest.param(6, marks=NEEDS_IPV6)])
HOSTS: dict[Any, str] = {4: "127.0.0.1", 6: "::1"}

_identifiers = count(os.getpid() % 30_000 + 1)


def raw(version: int, **options: Any) -> RawSocket:
    options.setdefault("protocol", "icmp")
    family: Any = f"ipv{version}"
    made: Any = make_socket(type="raw", address_family=family, **options)
    assert isinstance(made, RawSocket)
    return made


def request(version: Any, data: bytes = b"is anybody there?") -> ICMPMessage:
    return ICMPMessage.echo_request(next(_identifiers), 1, data, version=version)


def reply_to(asked: ICMPMessage, asking: RawSocket) -> tuple[ICMPMessage, Sender]:
    """Return the reply, when it has come."""
    while True:
        data, sender = receive(asking)
        if asked.version == 4:
            header, data = IPv4Header.split(data) or (None, b"")
            assert header is not None
            assert header.source == sender.host
        message = ICMPMessage.decode(data, version=asked.version)
        assert message is not None
        if message.is_echo_reply and message.rest == asked.rest:
            return message, sender


# -- what they are ---------------------------------------------------------------------------------


@NEEDS_RAW
@VERSIONS
def test_the_kernel_answers(version: Any) -> None:
    asked = request(version)
    with raw(version) as asking:
        assert asking.send_to(asked.encode(), HOSTS[version]) == len(asked.encode())
        reply, sender = reply_to(asked, asking)
    assert reply.payload == asked.payload
    assert sender == Endpoint(sender.host, 0)
    assert str(sender.host) == HOSTS[version]


@NEEDS_RAW
@VERSIONS
def test_with_a_peer_there_is_no_receiver_to_name(version: Any) -> None:
    asked = request(version)
    with raw(version, remote_host=HOSTS[version]) as asking:
        asking.send_to(asked.encode())
        assert reply_to(asked, asking)[0].payload == asked.payload
        assert asking.send_many([asked.encode(), (asked.encode(), asking.remote_name)]) == 2
        assert asking.remote_port == asking.local_port == 0
        asking.disconnect()
        assert not asking.is_connected


@NEEDS_RAW
@VERSIONS
def test_who_has_sent_something_can_be_answered(version: Any) -> None:
    asked = request(version)
    with raw(version) as asking, raw(version, local_host=HOSTS[version]) as other:
        asking.send_to(asked.encode(), HOSTS[version])
        _, sender = reply_to(asked, other)
        asked = request(version)
        other.send_to(asked.encode(), sender)
        assert reply_to(asked, asking)
        of_udp = sender_of((HOSTS[version], 53, 0, 0)[: 2 if version == 4 else 4], sender._family)
        assert asking.send_to(asked.encode(), of_udp)
        assert asking.send_to(asked.encode(), Endpoint(sender.host, 53))


@NEEDS_RAW
@VERSIONS
def test_a_name_without_a_port_is_told(version: Any) -> None:
    host = HOSTS[version]
    with raw(version) as sock:
        assert repr(sock) == f"<IPv{version} raw socket for protocol {sock.protocol}>"
        assert sock.is_bound is False
        sock.bind(host)
        assert repr(sock).endswith(f"protocol {sock.protocol} bound to {host}>")
        assert sock.is_bound == (not sock.closed)
        assert (str(sock.local_host), sock.local_port) == (host, 0)
        with pytest.raises(ValueError, match="is bound already"):
            sock.bind(host)
        sock.connect(host)
        assert repr(sock).endswith(f"protocol {sock.protocol} connected to {host}>")
        assert sock.address_family == f"ipv{version}"
    assert repr(sock) == f"<IPv{version} raw socket, closed>"
    assert sock.protocol == {4: 1, 6: 58}[version]


@NEEDS_RAW
def test_iteration_goes_on_until_the_socket_is_closed() -> None:
    asked = request(4)
    with raw(4, local_host="127.0.0.1") as sock:
        sock.send_to(asked.encode(), "127.0.0.1")
        for data, _ in sock:
            if asked.rest in data:
                sock.close()


@NEEDS_RAW
def test_nothing_is_waited_for_unless_it_is_told_to() -> None:
    with raw(4, protocol=253) as sock, pytest.raises(WouldBlock):  # for experiments, RFC 3692
        sock.receive_from()


# -- protocols -------------------------------------------------------------------------------------


@NEEDS_RAW
@pytest.mark.parametrize(("protocol", "number"), [(89, 89), ("icmp", 1), ("udp", 17), (255, 255)])
def test_a_protocol_is_a_number_or_a_name(protocol: Any, number: int) -> None:
    with raw(4, protocol=protocol) as sock:
        assert sock.protocol == number


@pytest.mark.parametrize(
    ("protocol", "error", "told"),
    [
        ("nothing-of-it", ValueError, "no internet protocol of the name 'nothing-of-it'"),
        (256, ValueError, "from 0 to 255"),
        (-1, ValueError, "from 0 to 255"),
        (1.5, TypeError, "a protocol is an integer"),
        (True, TypeError, "a protocol is an integer"),
    ],
)
def test_what_is_no_protocol_is_told(protocol: Any, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        raw(4, protocol=protocol, remote_host="name.invalid")


def test_a_raw_socket_needs_a_protocol() -> None:
    with pytest.raises(TypeError, match="needs a protocol"):
        make_socket(type="raw")


@NEEDS_RAW
def test_what_the_system_does_not_have_is_told() -> None:
    with pytest.raises(ProtocolNotSupported):
        raw(4, protocol=0)


# -- headers ---------------------------------------------------------------------------------------


@NEEDS_RAW
def test_a_header_is_sent_along() -> None:
    asked = request(4)
    header = IPv4Header(IPV4_LOOPBACK, IPV4_LOOPBACK, 1, 33)
    with make_socket(type="raw", include_headers=True) as sending, raw(4) as receiving:
        assert sending.get_option("include_headers") is True
        sending.send_to(header.join(asked.encode()), "127.0.0.1")
        while True:
            parts = IPv4Header.split(receive(receiving).data)
            assert parts is not None
            if parts[0].hops == 33 and parts[1] == asked.encode():
                break


@NEEDS_RAW
@NEEDS_IPV6
@linux
def test_a_header_of_ipv6_is_sent_along() -> None:
    # RFC 8200: version, length, the next header, hops, and both addresses; the checksum is ours.
    loopback = bytes(15) + b"\1"
    with (
        make_socket("::1", type="raw", include_headers=True) as one,
        raw(6, protocol=253) as it,
    ):
        one.send_to(b"\x60\0\0\0\0\2\xfd\x40" + 2 * loopback + b"hi")
        assert receive(it).data == b"hi"


# -- filters ---------------------------------------------------------------------------------------


@NEEDS_RAW
@VERSIONS
@linux
def test_only_those_types_come_that_were_asked_for(version: Any) -> None:
    asked = request(version)
    reply = {4: 0, 6: 129}[version]
    with raw(version) as sock:
        sock.set_option("icmp_types", {reply})
        # The request comes back, too, on the loopback interface, and comes first.
        sock.send_to(asked.encode(), HOSTS[version])
        data = receive(sock).data
        assert (data[20:] if version == 4 else data)[0] == reply


@NEEDS_RAW
@linux
def test_only_sockets_of_icmp_have_its_types() -> None:
    with raw(4, protocol=89) as sock:
        with pytest.raises(OptionNotSupported, match=r"^getsockopt icmp_types: "):
            sock.get_option("icmp_types")
        with pytest.raises(OptionNotSupported, match=r"^setsockopt icmp_types: "):
            sock.set_option("icmp_types", {0})


# -- who may ---------------------------------------------------------------------------------------

AS_NOBODY = """
import os
from trunkline import PermissionDenied, make_socket
from trunkline.sockets.datagrams import make_datagram_socket  # nobody may read it
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    make_socket(type="raw", protocol="icmp", local_host="127.0.0.1")
except PermissionDenied as error:
    print(error)
"""


@NEEDS_RAW
@linux
@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root becomes somebody else")
@pytest.mark.slow
def test_who_may_not_is_told_what_it_takes() -> None:
    command = [sys.executable, "-c", AS_NOBODY]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stdout == (
        "socket 127.0.0.1:0: raw sockets are for the superuser, or take CAP_NET_RAW [EPERM]\n"
    )


def test_a_datagram_socket_takes_two_protocols() -> None:
    wrong: Any = "tcp"
    with pytest.raises(ValueError, match="protocol is 'udp' or 'icmp', not 'tcp'"):
        make_socket(type="datagram", protocol=wrong)
    with make_socket(type="datagram", protocol="udp", local_host="127.0.0.1") as sock:
        assert sock.local_port != 0


@pytest.mark.parametrize("options", [{"local_host": "::1"}, {"remote_host": "::1"}])
def test_an_address_of_another_family_is_told(options: Any) -> None:
    with pytest.raises((ValueError, AddressFamilyNotSupported)):
        raw(4, **options)


@NEEDS_RAW
def test_a_failure_leaves_nothing_open() -> None:
    with pytest.raises(OSError, match=r"bind 192\.0\.2\.1:0"):
        raw(4, local_host="192.0.2.1")
