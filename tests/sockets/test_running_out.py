"""A server that runs out of descriptors neither dies nor spins, and goes on when it can."""

import contextlib
import logging
import sys
import threading
import time
from collections.abc import Callable
from time import monotonic

import pytest
from sockets.helpers import Call, listening, no_descriptors_left
from support.peers import connect, receive_exactly
from support.processes import Program
from support.timing import MS, PATIENCE

from trunkline import (
    SocketClosed,
    TooManyOpenFiles,
    make_socket,
)
from trunkline._core.accept_policy import EPISODE_GAP
from trunkline._core.back_off import BackOff
from trunkline._sys import shortage
from trunkline._sys.socket_descriptor import SocketDescriptor
from trunkline.sockets import listening_socket


class Slow(BackOff):
    """A back-off that would let nothing happen in the time of a test."""

    def __init__(self) -> None:
        super().__init__(first=3600, factor=1, last=3600)


class Attempts:
    """Counts how often something was accepted, or was not."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self.third = threading.Event()
        really_accept = SocketDescriptor.accept

        def accept(descriptor: SocketDescriptor) -> object:
            self.count += 1
            if self.count == 3:
                self.third.set()
            return really_accept(descriptor)

        monkeypatch.setattr(SocketDescriptor, "accept", accept)


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> Attempts:
    return Attempts(monkeypatch)


def warnings_of_ours(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == "trunkline.sockets"]


@pytest.mark.exact_io("an injected EAGAIN looks as if nobody were there")
def test_without_waiting_the_shortage_is_an_error_and_the_client_goes_on_waiting() -> None:
    with listening() as listener, connect(("127.0.0.1", listener.local_port)) as client:
        with no_descriptors_left():
            for _ in range(3):
                with pytest.raises(TooManyOpenFiles, match=rf"^accept {listener.local_name}: "):
                    listener.accept(timeout=0)
        server = listener.accept(timeout=PATIENCE)
        assert server is not None
        with server:
            client.sendall(b"patience\n")
            assert server.read_line(timeout=PATIENCE) == "patience"


def test_with_a_time_limit_nobody_is_accepted_until_it_has_passed() -> None:
    with (
        listening() as listener,
        connect(("127.0.0.1", listener.local_port)),
        no_descriptors_left(),
    ):
        start = time.monotonic()
        assert listener.accept(timeout=80 * MS) is None
        assert 80 * MS <= time.monotonic() - start < PATIENCE


@pytest.mark.exact_io("an injected EAGAIN looks as if nobody were there")
@pytest.mark.slow
def test_while_it_lasts_the_processor_is_left_alone(attempts: Attempts) -> None:
    with (
        listening() as listener,
        connect(("127.0.0.1", listener.local_port)),
        no_descriptors_left(),
    ):
        start, used = time.monotonic(), time.process_time()
        assert listener.accept(timeout=400 * MS) is None
        elapsed, used = time.monotonic() - start, time.process_time() - used
    assert used < elapsed / 4
    assert 3 <= attempts.count <= 10  # after 10, 20, 40, 80, 160 milliseconds


@pytest.fixture
def quiet_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function that lets so much time pass that a shortage is worth telling again."""
    passed = [0.0]
    monkeypatch.setattr(listening_socket, "monotonic", lambda: monotonic() + passed[0])

    def pass_time() -> None:
        passed[0] += EPISODE_GAP + PATIENCE

    return pass_time


@pytest.mark.exact_io("an injected EAGAIN looks as if nobody were there")
def test_it_is_said_once(
    caplog: pytest.LogCaptureFixture, attempts: Attempts, quiet_time: Callable[[], None]
) -> None:
    with listening() as listener, connect(("127.0.0.1", listener.local_port)):
        with no_descriptors_left():
            assert listener.accept(timeout=60 * MS) is None
            assert listener.accept(timeout=20 * MS) is None
            assert attempts.count > 2
            [text] = warnings_of_ours(caplog)
            assert str(listener.local_name) in text
            assert "open files" in text
            assert caplog.records[0].levelno == logging.WARNING
        listener.accept().close()
        for _ in range(3):  # at its limit it is short again and again
            with connect(("127.0.0.1", listener.local_port)):
                with no_descriptors_left():
                    listener.accept(timeout=20 * MS)
                listener.accept().close()
        assert len(warnings_of_ours(caplog)) == 1
        quiet_time()
        with connect(("127.0.0.1", listener.local_port)), no_descriptors_left():
            listener.accept(timeout=20 * MS)
        assert len(warnings_of_ours(caplog)) == 2  # a new shortage is news


@pytest.mark.exact_io("an injected EAGAIN looks as if nobody were there")
def test_it_is_said_even_if_somebody_has_looked_without_waiting_before(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        listening() as listener,
        connect(("127.0.0.1", listener.local_port)),
        no_descriptors_left(),
    ):
        with pytest.raises(TooManyOpenFiles):
            listener.accept(timeout=0)
        assert warnings_of_ours(caplog) == []  # who was told needs no message
        assert listener.accept(timeout=20 * MS) is None
        assert len(warnings_of_ours(caplog)) == 1


def test_it_goes_on_as_soon_as_something_of_ours_is_closed() -> None:
    with listening() as listener, make_socket() as spare:
        listener._back_off = Slow()  # were it not told, it would look again after an hour
        with (
            connect(("127.0.0.1", listener.local_port)) as client,
            no_descriptors_left(),
            Call(listener.accept) as accepting,
        ):
            while not shortage._waiting:
                assert accepting.is_running
            spare.close()
            with accepting.result() as server:
                assert server.remote_port == client.getsockname()[1]


def test_it_goes_on_after_a_while_when_something_else_closes_a_descriptor(
    attempts: Attempts,
) -> None:
    with (
        listening() as listener,
        connect(("127.0.0.1", listener.local_port)) as client,
        contextlib.ExitStack() as stack,
    ):
        stack.enter_context(no_descriptors_left())
        with Call(listener.accept) as accepting:
            assert attempts.third.wait(PATIENCE)
            stack.close()
            with accepting.result() as server:
                assert server.remote_port == client.getsockname()[1]


def test_closing_the_listener_wakes_it_from_its_waiting() -> None:
    with listening() as listener, connect(("127.0.0.1", listener.local_port)) as client:
        listener._back_off = Slow()
        with no_descriptors_left(), Call(listener.accept) as accepting:
            while not shortage._waiting:
                assert accepting.is_running
            listener.close()
            with pytest.raises(SocketClosed):
                accepting.result()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_reader_does_not_notice_the_shortage() -> None:
    with (
        listening() as listener,
        connect(("127.0.0.1", listener.local_port)) as client,
        listener.accept() as server,
        no_descriptors_left(),
    ):
        client.sendall(b"hello\n")
        assert server.read_line(timeout=PATIENCE) == "hello"
        server.write_line("hello")
        server.finish_output()
        assert receive_exactly(client, 6) == b"hello\n"


# A program that has not imported everything beforehand, as the tests have.
SERVER = """
import os, resource, sys
from trunkline import make_socket

listener = make_socket(connect="passive", local_host="127.0.0.1")
spare = make_socket()
resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
print("port", listener.local_port, flush=True)
sys.stdin.readline()
taken = []
try:
    while True:
        taken.append(os.dup(0))
except OSError:
    print("nothing left", flush=True)
print("accepted", listener.accept(timeout=float(sys.argv[1])), flush=True)
spare.close()
with listener.accept() as client:
    print("line", client.read_line(), flush=True)
"""


@pytest.mark.exact_io("the conversation with the program is not up to faults")
@pytest.mark.slow
def test_a_program_that_has_not_imported_everything_survives_it_too() -> None:
    with Program([sys.executable, "-c", SERVER, str(100 * MS)]) as program:
        port = int(program.wait_for_line(r"^port (\d+)$")[1])
        with connect(("127.0.0.1", port)) as client:
            client.sendall(b"still there\n")
            program.send("go\n")
            program.wait_for_line("^nothing left$")
            program.wait_for_line(r"cannot accept connections at 127\.0\.0\.1:\d+ for now")
            program.wait_for_line("^accepted None$")
            program.wait_for_line("^line still there$")
        assert program.wait() == 0
