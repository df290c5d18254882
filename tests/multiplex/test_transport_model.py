"""Anything in any order: what arrives is the beginning of what was sent, and the end comes once.

One machine does what a protocol, its peer and the system may do, in any order and on each backend;
the other tests say what exactly happens when.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from multiplex.helpers import UNDER_FAULTS
from multiplex.transport_helpers import (
    FAMILIES,
    Recorder,
    connected,
    failures_of,
    run_until,
    settle,
)
from support.peers import reset
from support.programs import require
from support.timing import PATIENCE

from trunkline import EventBase, available_backends
from trunkline._sys.socket_descriptor import SocketDescriptor
from trunkline.errors import SocketError
from trunkline.testing import faults
from trunkline.testing.faults import Faults

DELIVERIES = ("bytes", "text", "lines", "buffer")


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"))


def numbered(first: int, size: int) -> bytes:
    """Return bytes in which a missing, doubled or misplaced piece shows; they are ASCII lines."""
    return b"".join(b"%07d\n" % number for number in range(first, first + size))


class AnyOrder(RuleBasedStateMachine):
    """A transport, its peer, and whatever they may do."""

    @initialize(
        backend=st.sampled_from(available_backends()),
        family=st.sampled_from(list(FAMILIES.values())),
        delivery=st.sampled_from(DELIVERIES),
        keep_open=st.booleans(),
        habit=st.sampled_from(("echo", "pause", "none")),
    )
    def begin(self, backend: str, family: Any, delivery: Any, keep_open: bool, habit: str) -> None:
        self.before = open_descriptors()
        self.stack = contextlib.ExitStack()
        self.base = self.stack.enter_context(EventBase(backend=backend))
        self.failures = failures_of(self.base)
        self.protocol = Recorder(keep_open=keep_open)
        for name in ("data_received", "text_received", "line_received", "buffer_updated"):
            self.protocol.then[name] = self.received
        self.habit = habit
        self.transport, self.peer = self.stack.enter_context(
            connected(self.base, self.protocol, family, delivery=delivery, high_water=5000)
        )
        self.peer.settimeout(0)
        self.numbers = 0
        self.peers_numbers = 0
        self.sent = b""
        self.peer_sent = b""
        self.peer_received = b""
        self.is_paused = False
        self.is_finished = False
        self.count_when_lost: int | None = None

    def received(self, argument: Any) -> None:
        assert not self.is_paused, "something was delivered while reading was paused"
        if self.habit == "echo":
            self.write(1)
        elif self.habit == "pause":
            self.pause()

    @rule(size=st.sampled_from((1, 3, 100, 40_000)))
    def write(self, size: int) -> None:
        data = numbered(self.numbers, size)
        self.numbers += size
        try:
            self.transport.write(data)
        except ValueError:
            assert self.is_finished
            return
        if not self.is_finished:
            self.sent += data

    @rule()
    def write_eof(self) -> None:
        self.is_finished = self.is_finished or not self.transport.is_closing
        self.transport.write_eof()

    @rule()
    def pause(self) -> None:
        self.transport.pause_reading()
        self.is_paused = True

    @rule()
    def resume(self) -> None:
        self.is_paused = False
        self.transport.resume_reading()

    @rule(delivery=st.sampled_from(DELIVERIES))
    def deliver_in_another_form(self, delivery: Any) -> None:
        self.transport.set_delivery(delivery)

    @rule(ending=st.sampled_from(("close", "abort", "reset")))
    def end(self, ending: str) -> None:
        if ending == "close":
            self.transport.close()
        else:
            self.transport.abort(reset=ending == "reset")

    @rule(size=st.sampled_from((1, 2, 50, 5000)), is_cut=st.booleans())
    def peer_sends(self, size: int, is_cut: bool) -> None:
        data = self.rest_to_send() + numbered(self.peers_numbers, size)
        self.peers_numbers += size
        if is_cut:
            data = data[:-3]
        with contextlib.suppress(OSError):
            self.peer_sent += data[: self.peer.send(data)]

    def rest_to_send(self) -> bytes:
        """What is missing of what the peer was going to send."""
        return numbered(0, self.peers_numbers)[len(self.peer_sent) :]

    @rule()
    def peer_receives(self) -> None:
        with contextlib.suppress(OSError):
            self.peer_received += self.peer.recv(1 << 20)

    @rule(how=st.sampled_from(("shut down", "close", "reset")))
    def peer_ends(self, how: str) -> None:
        with contextlib.suppress(OSError):
            if how == "shut down":
                self.peer.shutdown(socket.SHUT_WR)
            elif how == "close":
                self.peer.close()
            else:
                reset(self.peer)

    @rule(rounds=st.integers(1, 6))
    def dispatch(self, rounds: int) -> None:
        for _ in range(rounds):
            self.base.dispatch(timeout=0)

    @precondition(lambda self: hasattr(self, "protocol"))
    @invariant()
    def holds(self) -> None:
        protocol = self.protocol
        assert self.failures == []
        assert protocol.names.count("connection_lost") <= 1
        assert protocol.names.count("eof_received") <= 1
        assert all(inner == "pause_writing" for _, inner in protocol.nested)
        if protocol.is_lost:
            if self.count_when_lost is None:
                self.count_when_lost = len(protocol.calls)
            assert len(protocol.calls) == self.count_when_lost
            assert protocol.loss is None or isinstance(protocol.loss, SocketError)
        marks = [name for name in protocol.names if name in ("pause_writing", "resume_writing")]
        assert marks[::2] == ["pause_writing"] * len(marks[::2])
        assert marks[1::2] == ["resume_writing"] * len(marks[1::2])
        assert self.sent.startswith(self.peer_received)
        delivered = protocol.everything
        # The last line may have had no newline.
        assert (self.peer_sent + b"\n").startswith(delivered)

    def teardown(self) -> None:
        if not hasattr(self, "protocol"):
            return
        was_clean = not self.transport.is_closing
        self.transport.abort()
        settle(self.base)
        self.holds()
        assert self.protocol.is_lost
        assert self.transport.fileno() == -1
        assert was_clean is (self.protocol.loss is None) or not was_clean
        self.stack.close()
        assert open_descriptors() == self.before


AnyOrder.TestCase.settings = settings(
    max_examples=20 if UNDER_FAULTS else 40, stateful_step_count=30, deadline=None
)
test_anything_in_any_order = pytest.mark.slow(AnyOrder.TestCase)


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
@pytest.mark.parametrize("delivery", DELIVERIES)
@pytest.mark.slow
def test_much_both_ways_in_every_form(
    base: EventBase, family: socket.AddressFamily, delivery: Any
) -> None:
    left, right = Recorder(keep_open=True), Recorder(keep_open=True)
    left.buffer = right.buffer = bytearray(5000)
    with (
        connected(base, left, family, delivery=delivery, high_water=10_000) as (one, peer),
        connected(base, right, family, delivery=delivery, attach=False) as (other, _),
    ):
        descriptor = SocketDescriptor(peer)
        other._attach(descriptor, descriptor.remote_name())
        for number in range(0, 40_000, 5000):
            one.write(numbered(number, 5000))
            other.write(numbered(number, 5000))
            base.dispatch(timeout=0)
            base.dispatch(timeout=0)
        for transport in (one, other):
            transport.write_eof()
        run_until(base, lambda: left.is_lost and right.is_lost)
        assert left.everything == right.everything == numbered(0, 40_000)
        assert left.loss is right.loss is None


# ---- Under the fault injector ----

PROGRAM = """
import hashlib, json, os, sys
from trunkline import EventBase, TrunklineError, make_socket
from trunkline._sys.socket_descriptor import SocketDescriptor
from trunkline.multiplex.listener import listen
from trunkline.multiplex.transport import Transport
import socket

met = {"good": 0, "wrong": 0, "lost": 0, "made": 0, "others": [], "ours": []}
LINES = [f"line {number} " + "x" * (number % 300) for number in range(2000)]

class Echo:
    def connection_made(self, transport):
        self.transport = transport
        self.transports.add(transport)
        met["made"] += 1
    def line_received(self, line):
        self.transport.write(line + "\\n")
    def data_received(self, data):
        self.transport.write(data)
    def pause_writing(self):
        self.transport.pause_reading()
    def resume_writing(self):
        self.transport.resume_reading()
    def eof_received(self):
        return False
    def connection_lost(self, error):
        met["lost"] += 1
        self.transports.discard(self.transport)
        if error is not None:
            met["ours" if isinstance(error, TrunklineError) else "others"].append(repr(error))
    transports = set()

class Client(Echo):
    def connection_made(self, transport):
        super().connection_made(transport)
        self.got = []
        transport.writelines(line + "\\n" for line in LINES)
        transport.write_eof()
    def line_received(self, line):
        self.got.append(line)
    def connection_lost(self, error):
        super().connection_lost(error)
        if self.got == LINES:
            met["good"] += 1
        elif self.got != LINES[:len(self.got)] and self.got[:-1] != LINES[:len(self.got) - 1]:
            met["wrong"] += 1

def failed(error, where):
    met["others"].append(repr(error))

def descriptors():
    return len(os.listdir("/proc/self/fd"))

def connect(base, passive):
    for _ in range(50):
        try:
            sock = socket.socket()
        except OSError:
            continue
        try:
            sock.connect(("127.0.0.1", passive.local_port))
        except OSError:
            sock.close()
            continue
        descriptor = SocketDescriptor(sock)
        transport = Transport(base, Client(), delivery="lines", external_format="utf-8/crlf")
        transport._attach(descriptor, passive.local_name)
        return

def make_passive():
    while True:
        try:
            return make_socket(connect="passive", local_host="127.0.0.1")
        except TrunklineError:
            pass

before = descriptors()
passive = make_passive()
with EventBase(backend=sys.argv[1]) as base:
    base.exception_handler = failed
    options = {"high_water": 20_000, "idle_timeout": 5}
    if sys.argv[2] == "lines":
        options |= {"delivery": "lines", "external_format": "utf-8/crlf"}
    with listen(base, passive, Echo, **options) as listener:
        for _ in range(6):
            connect(base, passive)
        base.dispatch(timeout=0.2)
        for _ in range(1000):
            if not Echo.transports:
                break
            base.dispatch(timeout=0.01)
met["left"] = descriptors() - before
print(json.dumps(met))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("cc")
    if not faults.available():
        pytest.skip("faults are injected on Linux with glibc only")
    return faults.build(tmp_path_factory.mktemp("faults"))


@pytest.mark.slow
@pytest.mark.exact_io("it has its own faults")
@pytest.mark.parametrize("delivery", ["lines", "bytes"])
@pytest.mark.parametrize("is_hostile", [False, True], ids=["benign", "hostile"])
def test_under_faults_nothing_is_lost_but_connections(
    backend: str, library: Path, tmp_path: Path, delivery: str, is_hostile: bool
) -> None:
    plan = Faults.hostile() if is_hostile else Faults.benign()
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", PROGRAM, backend, delivery],
        env=plan.environment(library, report=tmp_path / "report"),
        capture_output=True,
        text=True,
        timeout=3 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{plan}\n{done.stdout}{done.stderr}"
    met: dict[str, Any] = json.loads(done.stdout)
    assert met["others"] == [], plan
    assert met["wrong"] == 0, plan
    assert met["left"] == 0, plan
    assert met["lost"] == met["made"] > 0, plan
    counts = faults.read_report(tmp_path / "report")
    assert counts["recv short"] > 0, plan
    if not is_hostile:
        assert met["good"] == 6, (plan, met)
        assert met["ours"] == [], plan
        assert done.stderr == "", plan
