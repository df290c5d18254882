"""Making sockets: what each keyword does, and what a failure half-way leaves behind.

That nothing stays open is not said in each test: every test is judged by what it leaves behind.
"""

import os
import socket
import struct
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any, assert_type

import pytest
from sockets.helpers import (
    connected_sockets,
    full_listener,
    listening,
    no_descriptors_left,
    stream_and_peer,
)
from support.peers import ELSEWHERE, refusing_port, unused_port
from support.timing import MS, PATIENCE

from trunkline import (
    DEFAULT_BACKLOG,
    IPV6_LOOPBACK,
    ActiveSocket,
    AddressInUse,
    AddressNotAvailable,
    ConnectionRefused,
    LocalAddress,
    NoSuchDevice,
    NotConnected,
    PassiveSocket,
    PathNotFound,
    PermissionDenied,
    TimedOut,
    TooManyOpenFiles,
    make_socket,
)
from trunkline.sockets.options.names import OptionName

FAMILIES = {
    "internet": (socket.AF_INET, "ipv4"),
    "ipv4": (socket.AF_INET, "ipv4"),
    "ipv6": (socket.AF_INET6, "ipv6"),
    "local": (socket.AF_UNIX, "local"),
}
make_any_socket: Any = make_socket


def accept_queue_limit(listener: PassiveSocket) -> int:
    """Ask Linux for the backlog of a listening TCP socket; it is the `sacked` of its TCP_INFO."""
    with socket.socket(fileno=os.dup(listener.fileno())) as same:
        info = same.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    sacked: int = struct.unpack_from("I", info, 8 + 5 * 4)[0]
    return sacked


# -- fresh sockets --------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("connect", ["active", "passive"])
def test_a_fresh_socket_is_open_and_nothing_else(connect: str, family: str) -> None:
    number, label = FAMILIES[family]
    with make_any_socket(connect=connect, address_family=family) as sock:
        assert isinstance(sock, ActiveSocket if connect == "active" else PassiveSocket)
        assert not sock.closed
        assert sock.fileno() > 1
        assert sock.address_family == label
        assert not os.get_blocking(sock.fileno())
        assert not os.get_inheritable(sock.fileno())
        with socket.socket(fileno=os.dup(sock.fileno())) as same:
            assert (same.family, same.type) == (number, socket.SOCK_STREAM)
        if isinstance(sock, ActiveSocket):
            assert not sock.is_connected
            with pytest.raises(NotConnected):
                sock.remote_name  # noqa: B018 - it raises
        else:
            assert not sock.is_bound
            assert not sock.is_listening


def test_the_type_of_what_is_made_is_known_to_a_type_checker() -> None:
    with make_socket() as plain, make_socket(connect="active", address_family="local") as local:
        assert_type(plain, ActiveSocket)
        assert_type(local, ActiveSocket)
    with make_socket(connect="passive", address_family="ipv6") as passive:
        assert_type(passive, PassiveSocket)


# -- options of the connection --------------------------------------------------------------------


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("option", ["keepalive", "nodelay"])
def test_a_switch_is_set_on_an_active_socket(option: str, value: bool) -> None:
    with make_any_socket(**{option: value}) as sock:
        assert sock.get_option(option) is value


def test_small_pieces_are_sent_at_once_unless_told_otherwise() -> None:
    with make_socket() as sock:
        assert sock.get_option("nodelay") is True
        assert sock.get_option("keepalive") is False


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("option", ["keepalive", "nodelay"])
def test_accepted_sockets_inherit_a_switch(option: OptionName, value: bool) -> None:
    with connected_sockets({option: value}) as (_, server):
        assert server.get_option(option) is value


@pytest.mark.parametrize("connect", ["active", "passive"])
def test_a_socket_can_be_kept_to_one_interface(connect: str) -> None:
    loopback = next(name for _, name in socket.if_nameindex() if name.startswith("lo"))
    try:
        sock = make_any_socket(connect=connect, interface=loopback)
    except PermissionDenied:
        pytest.skip("binding to a device takes a privilege here")
    with sock:
        assert sock.get_option("bind_to_device") == loopback


def test_an_interface_that_there_is_not_is_an_error() -> None:
    with pytest.raises((NoSuchDevice, PermissionDenied)):
        make_socket(interface="nonesuch0")


# -- where an active socket is bound --------------------------------------------------------------


def test_the_peer_sees_the_address_that_was_bound() -> None:
    with listening() as listener:
        port = listener.local_port
        with make_socket(local_host="127.0.0.2", remote_host="127.0.0.1", remote_port=port) as sock:
            assert sock.local_host == IPv4Address("127.0.0.2")
            with listener.accept() as connection:
                assert connection.remote_name == sock.local_name


def test_the_peer_sees_the_port_that_was_bound() -> None:
    chosen = unused_port()
    with (
        listening() as listener,
        make_socket(
            local_host="127.0.0.1",
            local_port=chosen,
            remote_host="127.0.0.1",
            remote_port=listener.local_port,
        ) as sock,
        listener.accept() as connection,
    ):
        assert sock.local_port == connection.remote_port == chosen


def test_an_active_socket_may_be_bound_and_not_yet_connected() -> None:
    with make_socket(local_host="127.0.0.1") as sock:
        assert sock.local_host == IPv4Address("127.0.0.1")
        assert sock.local_port > 0
        assert not sock.is_connected


def test_the_family_is_that_of_the_address_that_is_bound() -> None:
    with make_socket(local_host="::1") as sock:
        assert sock.address_family == "ipv6"


@pytest.mark.parametrize("value", [True, False])
def test_reusing_the_address_of_an_active_socket_can_be_forbidden(value: bool) -> None:
    with make_socket(local_host="127.0.0.1", reuse_address=value) as sock:
        assert sock.get_option("reuse_address") is value


# -- where a passive socket listens ---------------------------------------------------------------


def test_a_passive_socket_with_a_host_listens() -> None:
    with make_socket(connect="passive", local_host="127.0.0.1") as listener:
        assert listener.is_bound
        assert listener.is_listening
        assert listener.local_host == IPv4Address("127.0.0.1")
        assert listener.local_port > 0
        assert listener.get_option("accept_connections") is True


def test_a_passive_socket_listens_at_the_port_that_was_asked_for() -> None:
    chosen = unused_port()
    with listening(local_port=chosen) as listener:
        assert listener.local_port == chosen
    with listening(local_port=str(chosen)) as listener:
        assert listener.local_port == chosen


def test_a_port_may_be_the_name_of_a_service(monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = unused_port()
    monkeypatch.setattr(socket, "getservbyname", lambda name, protocol: chosen)
    with (
        listening(local_port="our-service") as listener,
        make_socket(remote_host="127.0.0.1", remote_port="our-service") as sock,
    ):
        assert listener.local_port == sock.remote_port == chosen


@pytest.mark.parametrize("backlog", [0, 3])
@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="nobody else tells")
def test_the_backlog_is_the_systems_limit(backlog: int) -> None:
    with listening(backlog=backlog) as listener:
        assert accept_queue_limit(listener) == backlog


@pytest.mark.skipif(not hasattr(socket, "TCP_INFO"), reason="nobody else tells")
def test_the_backlog_is_large_by_default() -> None:
    with listening() as listener:
        assert accept_queue_limit(listener) == min(DEFAULT_BACKLOG, socket.SOMAXCONN)


def test_a_port_that_is_fading_away_is_reused_unless_that_is_forbidden() -> None:
    with connected_sockets() as (client, server):
        port = server.local_port
        server.close()  # The end that closes first remembers the connection for a minute.
        assert client.read() == b""
        client.close()
    with pytest.raises(AddressInUse):
        listening_at(port, reuse_address=False)
    listening_at(port).close()


def listening_at(port: int, **options: Any) -> PassiveSocket:
    return make_socket(connect="passive", local_host="127.0.0.1", local_port=port, **options)


def test_a_port_is_shared_only_if_all_agree() -> None:
    with listening(reuse_port=True) as one:
        with listening_at(one.local_port, reuse_port=True) as other:
            assert other.local_port == one.local_port
        with pytest.raises(AddressInUse, match=rf"^bind 127\.0\.0\.1:{one.local_port}: "):
            listening_at(one.local_port)


def test_two_servers_cannot_have_one_address() -> None:
    with listening() as one, pytest.raises(AddressInUse) as caught:
        listening_at(one.local_port)
    assert caught.value.address == one.local_name


def test_an_address_of_another_machine_cannot_be_bound() -> None:
    with pytest.raises(AddressNotAvailable, match=r"^bind 203\.0\.113\.1:0: "):
        make_socket(connect="passive", local_host="203.0.113.1")
    with pytest.raises(AddressNotAvailable):
        make_socket(local_host="203.0.113.1")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may")
def test_a_privileged_port_is_denied() -> None:
    with pytest.raises(PermissionDenied):
        listening_at(int("1"))


# -- IPv6 -----------------------------------------------------------------------------------------


def test_an_ipv6_socket_takes_ipv6_connections_only() -> None:
    with make_socket(connect="passive", local_host="::") as listener:
        assert listener.get_option("v6_only") is True
        port = listener.local_port
        with pytest.raises(ConnectionRefused):
            make_socket(remote_host=ELSEWHERE, remote_port=port)
        with (
            make_socket(remote_host="::1", remote_port=port) as client,
            listener.accept() as server,
        ):
            assert client.remote_name == server.local_name
            assert server.remote_host == IPV6_LOOPBACK


def test_a_dual_stack_socket_takes_ipv4_connections_under_mapped_addresses() -> None:
    with make_socket(connect="passive", local_host="::", v6_only=False) as listener:
        assert listener.get_option("v6_only") is False
        with (
            make_socket(remote_host="127.0.0.1", remote_port=listener.local_port) as client,
            listener.accept() as server,
        ):
            assert client.address_family == "ipv4"
            assert server.remote_host == IPv6Address("::ffff:127.0.0.1")
            assert server.remote_port == client.local_port


def test_an_ipv6_socket_can_connect_to_an_ipv4_address() -> None:
    with listening() as listener:
        port = listener.local_port
        with make_socket(
            address_family="ipv6", remote_host="127.0.0.1", remote_port=port
        ) as client:
            assert client.address_family == "ipv6"
            assert client.local_host == IPv6Address("::ffff:127.0.0.1")
            with listener.accept() as server:
                assert server.remote_host == IPv4Address("127.0.0.1")


def test_a_dual_stack_socket_can_be_bound_to_an_ipv4_address() -> None:
    with (
        make_socket(
            connect="passive", address_family="ipv6", local_host="127.0.0.1", v6_only=False
        ) as listener,
        make_socket(remote_host="127.0.0.1", remote_port=listener.local_port) as client,
        listener.accept() as server,
    ):
        assert listener.address_family == "ipv6"
        assert server.remote_port == client.local_port


def test_an_active_ipv6_socket_can_be_bound_to_an_ipv4_address() -> None:
    with make_socket(address_family="ipv6", local_host="127.0.0.1") as sock:
        assert sock.local_host == IPv6Address("::ffff:127.0.0.1")


@pytest.mark.parametrize("connect", ["active", "passive"])
def test_an_ipv4_socket_cannot_be_bound_to_an_ipv6_address(connect: str) -> None:
    with pytest.raises(ValueError, match="not an IPv4 address: ::1"):
        make_any_socket(connect=connect, address_family="ipv4", local_host="::1")


# -- the stream's options -------------------------------------------------------------------------


def test_text_is_utf_8_with_line_feeds_unless_told_otherwise() -> None:
    with connected_sockets() as (client, server):
        assert str(client.external_format) == str(server.external_format) == "utf-8/lf"
        assert client.timeout is server.timeout is None


def test_the_external_format_is_the_streams() -> None:
    with connected_sockets({"external_format": "latin-1/crlf"}, external_format="utf-8/cr") as (
        client,
        server,
    ):
        client.write("é\n")
        client.finish_output()
        assert server.read_exactly(3, timeout=PATIENCE) == "é\r".encode()
        server.write("é\n")
        server.finish_output()
        assert client.read_exactly(3, timeout=PATIENCE) == b"\xe9\r\n"


def test_the_timeout_is_the_streams() -> None:
    with connected_sockets({"timeout": 20 * MS}, timeout=30 * MS) as (client, server):
        assert client.timeout == 30 * MS
        assert server.timeout == 20 * MS
        for sock in (client, server):
            with pytest.raises(TimedOut):
                sock.read()


def test_the_timeout_is_that_of_connecting_too() -> None:
    with full_listener() as listener, pytest.raises(TimedOut, match=r"^connect .*:\d+: ") as caught:
        make_socket("127.0.0.1", listener.getsockname()[1], timeout=30 * MS)

    assert caught.value.deadline


@pytest.mark.parametrize("timeout", [None, PATIENCE])
def test_connecting_can_have_a_limit_of_its_own(timeout: float | None) -> None:
    with full_listener() as listener, pytest.raises(TimedOut):
        make_socket(
            "127.0.0.1", listener.getsockname()[1], timeout=timeout, connect_timeout=30 * MS
        )


def test_the_limit_of_connecting_is_none_of_the_streams() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        make_socket("127.0.0.1", listener.getsockname()[1], connect_timeout=PATIENCE) as sock,
    ):
        assert sock.timeout is None


def test_the_input_buffer_is_what_is_received_at_a_time() -> None:
    with stream_and_peer(input_buffer_size=4) as (stream, peer):
        peer.sendall(b"0123456789")
        pieces: list[bytes] = []
        while len(b"".join(pieces)) < 10:
            pieces.append(stream.read(timeout=PATIENCE))
        assert b"".join(pieces) == b"0123456789"
        assert max(map(len, pieces)) <= 4


def test_the_input_buffer_size_is_inherited_by_accepted_sockets() -> None:
    with connected_sockets({"input_buffer_size": 4}) as (client, server):
        client.write("0123456789")
        client.finish_output()
        assert len(server.read(timeout=PATIENCE)) <= 4


@pytest.mark.parametrize("accepted", [False, True])
def test_output_is_gathered_until_the_output_buffer_is_full(accepted: bool) -> None:
    options: dict[str, Any] = {"output_buffer_size": 4}
    with connected_sockets(options if accepted else {}, **({} if accepted else options)) as sockets:
        sender, receiver = reversed(sockets) if accepted else sockets
        sender.write("1234")
        assert sender.has_buffered_output
        with pytest.raises(TimedOut):
            receiver.read(timeout=10 * MS)
        sender.write("5")
        assert receiver.read_exactly(5, timeout=PATIENCE) == b"12345"


# -- local sockets --------------------------------------------------------------------------------


@pytest.fixture(params=["path", "bytes", "pathlib", "abstract"])
def local_name(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    path = tmp_path / "socket"
    if request.param == "abstract":
        return LocalAddress(str(path), abstract=True)
    return {"path": str(path), "bytes": os.fsencode(path), "pathlib": path}[request.param]


def test_local_sockets_connect(local_name: Any) -> None:
    with make_socket(
        connect="passive", address_family="local", local_filename=local_name
    ) as listener:
        assert listener.is_listening
        with (
            make_socket(address_family="local", remote_filename=local_name) as client,
            listener.accept() as server,
        ):
            assert client.remote_filename == listener.local_filename == server.local_filename
            client.write_line("local socket test")
            client.finish_output()
            client.close()
            assert server.read_line() == "local socket test"


def test_the_peer_sees_the_local_name_that_was_bound(tmp_path: Path) -> None:
    with (
        make_socket(
            connect="passive", address_family="local", local_filename=tmp_path / "server"
        ) as listener,
        make_socket(
            address_family="local",
            local_filename=tmp_path / "client",
            remote_filename=tmp_path / "server",
        ) as client,
        listener.accept() as server,
    ):
        assert server.remote_filename == client.local_filename == LocalAddress(tmp_path / "client")


def test_a_local_socket_may_be_bound_and_not_yet_connected(tmp_path: Path) -> None:
    with make_socket(address_family="local", local_filename=tmp_path / "x") as sock:
        assert sock.local_filename == LocalAddress(tmp_path / "x")
        assert not sock.is_connected


def test_a_local_passive_socket_takes_no_more_than_its_backlog(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with (
        make_socket(connect="passive", address_family="local", local_filename=path, backlog=0),
        make_socket(address_family="local", remote_filename=path),
        pytest.raises(TimedOut),
    ):
        make_socket(address_family="local", remote_filename=path, connect_timeout=20 * MS)


def test_a_file_that_a_dead_server_left_is_removed_unless_that_is_forbidden(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    options: dict[str, Any] = {"connect": "passive", "address_family": "local"}
    with pytest.raises(AddressInUse, match=rf"^bind {path}: "):
        make_socket(**options, local_filename=path, reuse_address=False)
    with make_socket(**options, local_filename=path) as listener:
        assert listener.is_listening


def test_a_live_servers_file_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "x"
    options: dict[str, Any] = {"connect": "passive", "address_family": "local"}
    with make_socket(**options, local_filename=path):
        with pytest.raises(AddressInUse):
            make_socket(**options, local_filename=path)
        with make_socket(address_family="local", remote_filename=path) as client:
            assert client.is_connected


def test_what_is_bound_and_does_not_listen_yet_keeps_its_path(tmp_path: Path) -> None:
    path = tmp_path / "x"
    passive: dict[str, Any] = {"connect": "passive", "address_family": "local"}
    with make_socket(**passive) as early:
        early.bind(path)
        with pytest.raises(AddressInUse, match=rf"^bind {path}: "):
            make_socket(**passive, local_filename=path)
        early.listen()
        with pytest.raises(AddressInUse, match=rf"^bind {path}: "):
            make_socket(**passive, local_filename=path)
        with make_socket(address_family="local", remote_filename=path) as client:
            assert client.is_connected
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("is_connected", [False, True])
def test_an_active_sockets_own_path_is_its_own_and_goes_with_it(
    tmp_path: Path, is_connected: bool
) -> None:
    path, server = tmp_path / "client", LocalAddress("a server", abstract=True)
    passive: dict[str, Any] = {"connect": "passive", "address_family": "local"}
    remote: dict[str, Any] = {"remote_filename": server} if is_connected else {}
    with (
        make_socket(**passive, local_filename=server),
        make_socket(address_family="local", local_filename=path, **remote) as client,
    ):
        assert path.is_socket()
        with pytest.raises(AddressInUse):
            make_socket(**passive, local_filename=path)
        client.close()
        assert list(tmp_path.iterdir()) == []


def test_connecting_to_a_path_with_nothing_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PathNotFound, match=rf"^connect {tmp_path / 'x'}: "):
        make_socket(address_family="local", remote_filename=tmp_path / "x")


# -- failing half-way -----------------------------------------------------------------------------


def test_a_refused_connection_leaves_nothing() -> None:
    with refusing_port() as port:
        for host in ("127.0.0.1", 2130706433, (127, 0, 0, 1), b"\x7f\0\0\1"):
            with pytest.raises(ConnectionRefused, match=rf"^connect 127\.0\.0\.1:{port}: "):
                make_socket(remote_host=host, remote_port=port)


def test_without_descriptors_there_is_an_error_and_nothing_else(tmp_path: Path) -> None:
    with refusing_port() as port, no_descriptors_left():
        for options in (
            {},
            {"connect": "passive"},
            {"address_family": "local"},
            {"remote_host": "127.0.0.1", "remote_port": port},
            {"connect": "passive", "address_family": "local", "local_filename": tmp_path / "x"},
        ):
            with pytest.raises(TooManyOpenFiles):
                make_any_socket(**options)


def test_a_socket_that_cannot_listen_is_closed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def cannot(self: PassiveSocket, backlog: int | None = None) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(PassiveSocket, "listen", cannot)
    with pytest.raises(ZeroDivisionError):
        make_socket(connect="passive", local_host="127.0.0.1")
    with pytest.raises(ZeroDivisionError):
        make_socket(connect="passive", address_family="local", local_filename=tmp_path / "x")
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("kind", [ActiveSocket, PassiveSocket])
@pytest.mark.parametrize("family", ["ipv4", "local"])
def test_a_descriptor_of_which_no_socket_can_be_made_is_closed(
    kind: type, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(kind, "__init__", fail)
    connect = "active" if kind is ActiveSocket else "passive"
    with pytest.raises(ZeroDivisionError):
        make_any_socket(connect=connect, address_family=family)


def test_a_local_socket_that_cannot_connect_is_closed(tmp_path: Path) -> None:
    with pytest.raises(PathNotFound):
        make_socket(
            address_family="local",
            local_filename=tmp_path / "mine",
            remote_filename=tmp_path / "nothing",
        )


@pytest.mark.parametrize("port", [[], -0.0, False, b""])
def test_a_port_that_is_none_is_not_taken_for_any(port: Any) -> None:
    with pytest.raises(TypeError, match="a port is"):
        make_socket(connect="passive", local_host="127.0.0.1", local_port=port)
    with pytest.raises(TypeError, match="a port is"):
        make_socket("127.0.0.1", 0, local_host="127.0.0.1", local_port=port)
