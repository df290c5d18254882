"""The alert that tells the peer of an error: it leaves when who has it leaves by that error."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest
from sockets.helpers import Call
from sockets.tls_helpers import ROLES, VERSIONS, ours_and_pythons
from support.certificates import Certificates

from trunkline import ActiveSocket, TimedOut, TLSError, make_socket_from_fd

NO_RECORD = b"\x17\x03\x03\x00\x20" + bytes(32)

pytestmark = pytest.mark.exact_io("what is spoilt is cut")


@contextlib.contextmanager
def spoilt(
    certificates: Certificates, role: str = "server", version: str = "1.3", much: int = 3_000_000
) -> Iterator[tuple[ActiveSocket, ssl.SSLSocket]]:
    """Yield an end of ours that was sent what is no record, and has room for the alert or none."""
    with ours_and_pythons(certificates, role, version, socket.AF_UNIX) as (ours, peer):
        if much:
            with pytest.raises(TimedOut):
                ours.write(bytes(much), timeout=0.001)
        with make_socket_from_fd(peer.fileno(), dup=True) as below:
            below.write(NO_RECORD, flush=True)
            below.close(abort=True)
        yield ours, peer


def receive_alert(peer: ssl.SSLSocket) -> str | None:
    """Receive until the other end tells of an error; return that."""
    try:
        while peer.recv(65_536):
            pass
    except ssl.SSLError as error:
        return error.reason
    return None


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("much", [0, 3_000_000])
def test_who_leaves_by_the_error_tells_the_peer(
    certificates: Certificates, role: str, version: str, much: int
) -> None:
    with (
        spoilt(certificates, role, version, much) as (ours, peer),
        Call(receive_alert, peer) as receiving,
    ):
        with pytest.raises(TLSError), ours:
            ours.read_line()
        assert ours.closed
        assert receiving.result() == "SSLV3_ALERT_BAD_RECORD_MAC"


def test_who_is_interrupted_leaves_at_once(certificates: Certificates) -> None:
    with spoilt(certificates) as (ours, peer):
        with pytest.raises(TLSError):
            ours.read_line()
        with Call(receive_alert, peer) as receiving:
            with pytest.raises(KeyboardInterrupt), ours:
                raise KeyboardInterrupt
            assert receiving.result() == "UNEXPECTED_EOF_WHILE_READING"


@pytest.mark.parametrize("limits", [{"timeout": 0, "linger": 600}, {"timeout": 600, "linger": 0}])
def test_closing_waits_for_it_no_longer_than_it_may(
    certificates: Certificates, limits: dict[str, Any]
) -> None:
    with spoilt(certificates) as (ours, _):
        with pytest.raises(TLSError):
            ours.read_line()
        ours.close(**limits)
        assert ours.closed
