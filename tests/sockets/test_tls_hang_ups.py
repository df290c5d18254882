"""A peer that takes no more, found by whoever reads: TLS sends there, too, and forgets nothing."""

import socket
import ssl
from typing import Any

import pytest
from sockets.helpers import Call
from sockets.tls_helpers import ROLES, VERSIONS, fill, ours_and_pythons, receive_all
from support.certificates import Certificates
from support.peers import socket_pair
from support.timing import MS, PATIENCE

from trunkline import (
    ActiveSocket,
    ConnectionReset,
    Hangup,
    TimedOut,
    TLSTruncated,
    make_socket_from_fd,
)

each_way = pytest.mark.parametrize("role", ROLES)
each_version = pytest.mark.parametrize("version", VERSIONS)

# It tells at once that the peer has closed, and of TCP it would take a while.
FAMILY = socket.AF_UNIX

TICKETS = "server", "1.3"  # who sends some behind the handshake


@each_way
@each_version
def test_who_writes_is_told_what_a_read_has_found(
    certificates: Certificates, role: str, version: str
) -> None:
    with ours_and_pythons(certificates, role, version, FAMILY) as (ours, peer):
        peer.sendall(b"a line\n")
        peer.close()
        ours.write_line("a question")
        assert ours.read_line() == "a line"
        assert ours.has_buffered_output
        with pytest.raises(Hangup):
            ours.finish_output()
        assert ours.force_output()  # once is enough
        # What a client has not read resets the connection: the tickets.
        with pytest.raises(ConnectionReset if (role, version) == TICKETS else TLSTruncated):
            ours.read_line()


@each_way
def test_so_is_who_closes(certificates: Certificates, role: str) -> None:
    with ours_and_pythons(certificates, role, family=FAMILY) as (ours, peer):
        peer.sendall(b"a line\n")
        peer.close()
        ours.write_line("a question")
        assert ours.read_line() == "a line"
        with pytest.raises(Hangup):
            ours.close()


def test_what_is_no_loss_is_not_told(certificates: Certificates) -> None:
    with ours_and_pythons(certificates, "server", family=FAMILY) as (ours, peer):
        ours.write_line("all of it", flush=True)
        peer.sendall(b"a line\n")
        peer.close()
        assert ours.read_line() == "a line"
        ours.close()


@pytest.mark.exact_io("what each says comes in one piece")
@each_version
def test_what_came_with_the_handshake_is_read_though_nobody_takes_the_answer(
    certificates: Certificates, version: str
) -> None:
    """A server answers it with tickets, and the client has what it wants."""
    with (
        socket_pair(FAMILY) as (mine, theirs),
        make_socket_from_fd(mine.detach(), dup=False, timeout=PATIENCE) as ours,
    ):
        ours._put_in_tls(certificates.server_tls, server_side=True)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = certificates.client_context(version).wrap_bio(
            incoming, outgoing, server_hostname="localhost"
        )
        go_on(client, ours, theirs, incoming, outgoing)
        client.write(b"a line\n")
        theirs.sendall(outgoing.read())
        theirs.close()
        assert ours.read_line() == "a line"


@pytest.mark.exact_io("who looks is counted")
@pytest.mark.parametrize("has_more", [False, True])
def test_who_reads_waits_for_a_peer_that_takes_no_answers(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch, has_more: bool
) -> None:
    """Nothing is read then, and to look again and again whether there is something is in vain."""
    with ours_and_pythons(certificates, "server", family=FAMILY) as (ours, peer):
        channel: Any = ours._channel
        fill(channel)
        peer.sendall(b"a line\n")
        if has_more:
            ours.write_line("something else")
        looks: list[object] = []

        def look(buffer: Any) -> int | None:
            looks.append(buffer)
            count: int | None = receive_into(buffer)
            return count

        receive_into = channel.receive_into
        monkeypatch.setattr(channel, "receive_into", look)
        with pytest.raises(TimedOut):
            ours.read_line(timeout=20 * MS)
        assert len(looks) < 10
        with Call(receive_all, peer):
            assert ours.read_line() == "a line"
            ours.close()


@pytest.mark.exact_io("a fault looks as if there were no room")
@each_way
def test_what_was_encrypted_and_has_not_left_is_unsent(
    certificates: Certificates, role: str
) -> None:
    with ours_and_pythons(certificates, role, family=FAMILY) as (ours, _):
        while ours.force_output():
            ours.write(bytes(1_000))
        with pytest.raises(TimedOut, match="with 1000 bytes unsent") as no:
            ours.close(timeout=0)
        assert no.value.unsent == 1_000


def go_on(
    client: ssl.SSLObject,
    ours: ActiveSocket,
    theirs: socket.socket,
    incoming: ssl.MemoryBIO,
    outgoing: ssl.MemoryBIO,
) -> None:
    """Have the client shake hands; what it has to say in the end is not sent."""
    while True:
        try:
            client.do_handshake()
            return
        except ssl.SSLWantReadError:
            theirs.sendall(outgoing.read())
            ours._handshake_at_once()
            incoming.write(theirs.recv(65_536))
