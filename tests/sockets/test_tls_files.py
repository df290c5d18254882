"""Files and other connections through TLS: what is sent is encrypted, wherever it comes from."""

import random
import socket
from pathlib import Path
from typing import Any

import pytest
from sockets.helpers import Call, stream_and_peer
from sockets.tls_helpers import ours_and_pythons
from sockets.tls_helpers import receive_exactly as receive_decrypted
from support.peers import receive_exactly

from trunkline import FileTooShort, TimedOut, splice

DATA = random.Random(3).randbytes(500_000)
roles = pytest.mark.parametrize("role", ["client", "server"])


@roles
def test_a_file_is_sent_through_it(certificates: Any, role: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(DATA)
    whole = b"before" + DATA + b"after"
    with (
        ours_and_pythons(certificates, role) as (stream, peer),
        path.open("rb") as file,
        Call(receive_decrypted, peer, len(whole)) as got,
    ):
        stream.write("before")
        assert stream.send_file(file) == len(DATA)
        stream.write("after", flush=True)
        assert got.result() == whole
        with pytest.raises(FileTooShort):
            stream.send_file(file, offset=1, count=len(DATA))


@pytest.mark.slow
def test_whoever_runs_out_of_time_can_go_on(certificates: Any, tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(DATA * 20)
    with ours_and_pythons(certificates, "client") as (stream, peer), path.open("rb") as file:
        stream.set_option("send_buffer", 4096)
        with pytest.raises(TimedOut) as caught:
            stream.send_file(file, timeout=0.05)
        assert file.tell() == caught.value.sent < len(DATA) * 20
        with Call(receive_decrypted, peer, len(DATA) * 20) as got:
            stream.send_file(file)
            assert got.result() == DATA * 20


@roles
def test_it_is_spliced_in_and_out(certificates: Any, role: str) -> None:
    with (
        ours_and_pythons(certificates, role) as (secure, secure_peer),
        stream_and_peer(socket.AF_INET) as (plain, plain_peer),
    ):
        with Call(secure_peer.sendall, DATA), Call(receive_exactly, plain_peer, len(DATA)) as got:
            assert splice(secure, plain, count=len(DATA)) == len(DATA)
            assert got.result() == DATA
        with (
            Call(plain_peer.sendall, DATA),
            Call(receive_decrypted, secure_peer, len(DATA)) as got,
        ):
            assert splice(plain, secure, count=len(DATA)) == len(DATA)
            assert got.result() == DATA
