"""TLS that is interrupted: what is encrypted leaves once, and what has come is decrypted once.

A record that got lost, or came twice, would end the connection: the next one could not be read.
"""

import contextlib
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sockets.helpers import Call
from sockets.tls_helpers import VERSIONS, ours_and_pythons
from support.certificates import Certificates
from support.signal_points import interrupted_at
from support.timing import PATIENCE

from trunkline import ActiveSocket, NoBufferSpace, TimedOut

MUCH = 400_000  # bytes, more than small buffers of the system's have

both_versions = pytest.mark.parametrize("version", VERSIONS)

pytestmark = pytest.mark.exact_io("faults are other things that strike somewhere")


@contextlib.contextmanager
def ours_and_a_reader(
    certificates: Certificates, version: str
) -> Iterator[tuple[ActiveSocket, Callable[[str], list[str]]]]:
    """Yield a stream, and a function that returns the lines that come as far as a certain one."""
    with ours_and_pythons(certificates, "server", version) as (ours, peer):
        received = peer.makefile("r")

        def lines_to(last: str) -> list[str]:
            return list(iter(lambda: received.readline().removesuffix("\n"), last))

        with received:
            yield ours, lines_to


@both_versions
def test_no_record_is_lost_wherever_a_handler_interrupts_sending(
    certificates: Certificates, version: str
) -> None:
    def write(line: str) -> None:
        ours.write(line + "\n", flush=True)

    with ours_and_a_reader(certificates, version) as (ours, lines_to):
        for point in range(1000):
            was_interrupted = interrupted_at(point, partial(write, f"line {point}"))
            write(f"end of {point}")
            assert {*lines_to(f"end of {point}")} <= {f"line {point}"}
            if not was_interrupted:
                break
    assert 20 < point < 999


def test_nor_where_only_some_of_it_leaves(certificates: Certificates) -> None:
    def send() -> None:
        with contextlib.suppress(TimedOut):
            ours.finish_output(timeout=0)

    local = socket.AF_UNIX  # where it is exact how much there is room for
    with ours_and_pythons(certificates, "server", family=local) as (ours, peer):
        ours.set_option("send_buffer", 4608)
        with contextlib.suppress(TimedOut):
            ours.write(b"x" * MUCH, timeout=0)
        peer.setblocking(False)
        received = bytearray()
        point = 0
        while ours.has_buffered_output:
            point = point + 1 if interrupted_at(point, send) else 0
            with contextlib.suppress(ssl.SSLWantReadError):
                received += peer.recv(3000)
        peer.settimeout(PATIENCE)
        with Call(ours.write, b"!", flush=True):
            while not received.endswith(b"!"):
                received += peer.recv(3000)
        assert received.count(b"x") >= MUCH


@both_versions
def test_none_is_lost_wherever_a_handler_interrupts_receiving(
    certificates: Certificates, version: str
) -> None:
    with ours_and_pythons(certificates, "server", version) as (ours, peer):
        for point in range(1000):
            peer.sendall(b"a line\n")
            was_interrupted = interrupted_at(point, ours.read_line)
            peer.sendall(b"the last one\n")
            while ours.read_line(timeout=PATIENCE) != "the last one":
                pass
            if not was_interrupted:
                break
    assert 20 < point < 999


@pytest.mark.slow
def test_none_is_lost_wherever_a_handler_interrupts_the_end(certificates: Certificates) -> None:
    def end() -> None:
        ours.shutdown(write=True)

    for point in range(1000):
        with ours_and_pythons(certificates, "server") as (ours, peer):
            peer.sendall(b"one\ntwo\n")
            was_interrupted = interrupted_at(point, end)
            end()
            peer.sendall(b"three\n")
            assert peer.recv(10) == b""
            assert [ours.read_line() for _ in range(3)] == ["one", "two", "three"]
        if not was_interrupted:
            break
    assert 20 < point < 999


class Lacking:
    """A channel for whose output the system has no memory, once."""

    def __init__(self, below: Any) -> None:
        self._below = below
        self._is_lacking = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)

    def send_by(self, give: Callable[..., int]) -> int | None:
        if self._is_lacking:
            self._is_lacking = False
            raise NoBufferSpace(operation="send")
        sent: int | None = self._below.send_by(give)
        return sent


def test_none_is_lost_for_which_the_system_has_no_memory(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ours_and_a_reader(certificates, "1.3") as (ours, lines_to):
        channel: Any = ours._channel
        monkeypatch.setattr(channel, "_below", Lacking(channel._below))
        with pytest.raises(NoBufferSpace):
            ours.write("first\n", flush=True)
        ours.write("last\n", flush=True)
        assert lines_to("last") == ["first"]
