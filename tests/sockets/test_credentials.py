"""Who is at the other end of a local socket: another process, as the system vouches for it."""

import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
from sockets.datagrams import receive
from support.processes import Program
from support.timing import PATIENCE

from trunkline import (
    Credentials,
    NotConnected,
    SocketClosed,
    make_socket,
    make_socket_pair,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux tells them")

OURS = Credentials(os.getpid(), os.getuid(), os.getgid())
CONNECT = """
import socket, sys
with socket.socket(socket.AF_UNIX, getattr(socket, sys.argv[1])) as sock:
    sock.connect(sys.argv[2])
    sock.send(b"hello")
    sys.stdin.read()
"""


@pytest.mark.parametrize("kind", ["stream", "seqpacket"])
def test_a_server_knows_which_process_has_connected(kind: Any, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    options: Any = {"type": kind, "address_family": "local", "local_filename": path}
    with (
        make_socket(connect="passive", **options) as listener,
        Program([sys.executable, "-c", CONNECT, f"SOCK_{kind.upper()}", path]) as program,
        listener.accept(timeout=PATIENCE) as connection,
    ):
        credentials = connection.peer_credentials
        assert credentials == (program.process.pid, OURS.uid, OURS.gid)
        assert pickle.loads(pickle.dumps(credentials)) == credentials
        program.close_stdin()
        assert program.wait() == 0
        assert connection.peer_credentials == credentials  # it is remembered
    with pytest.raises(SocketClosed):
        assert connection.peer_credentials


@pytest.mark.parametrize("kind", ["stream", "seqpacket", "datagram"])
def test_a_client_knows_who_listens_and_a_pair_who_has_made_it(kind: Any, tmp_path: Path) -> None:
    one, other = make_socket_pair(type=kind)
    with one, other:
        assert one.peer_credentials == other.peer_credentials == OURS
    if kind != "datagram":
        options: Any = {"type": kind, "address_family": "local"}
        path = tmp_path / "socket"
        with (
            make_socket(connect="passive", local_filename=path, **options),
            make_socket(remote_filename=path, **options) as client,
        ):
            assert client.peer_credentials == OURS


@pytest.mark.parametrize("kind", ["stream", "datagram"])
def test_who_has_no_connection_has_no_peer(kind: Any) -> None:
    options: Any = {"type": kind, "address_family": "local"}
    with make_socket(**options) as alone, pytest.raises(NotConnected):
        assert alone.peer_credentials


@pytest.mark.exact_io("a message is cut, or not sent")
def test_each_datagram_tells_who_has_sent_it(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    options: Any = {"type": "datagram", "address_family": "local"}
    with (
        make_socket(local_filename=path, credentials=True, **options) as server,
        Program([sys.executable, "-c", CONNECT, "SOCK_DGRAM", path]) as program,
        make_socket(remote_filename=path, **options) as ours,
    ):
        received = receive(server)
        assert received.sender.credentials == (program.process.pid, OURS.uid, OURS.gid)
        program.close_stdin()
        assert program.wait() == 0
        ours.send_to(b"me, too")
        received = receive(server)
        assert received.sender.credentials == OURS


def test_who_does_not_ask_is_not_told() -> None:
    one, other = make_socket_pair(type="datagram")
    with one, other:
        one.send_to(b"hello")
        assert receive(other).sender.credentials is None
