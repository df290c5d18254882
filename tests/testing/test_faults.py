"""Each kind of fault really happens, and only where it was promised.

The programs under test are children with `LD_PRELOAD` set: plain standard-library sockets, so that
what is seen is the injector's doing. Each prints one JSON value, its observations; what the
injector did is in the report.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from trunkline.testing import faults
from trunkline.testing.faults import Faults

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# What every child has; a failure is the name of the error.
PRELUDE = """
import errno, json, os, select, socket, sys, tempfile

def attempt(function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]

def failure(function, *arguments):
    outcome = attempt(function, *arguments)
    return outcome if isinstance(outcome, str) else ""

def insist(function, *arguments):
    while isinstance(outcome := attempt(function, *arguments), str):
        pass
    return outcome

def tcp_pair():
    listener = insist(socket.create_server, ("127.0.0.1", 0))
    active = insist(socket.create_connection, listener.getsockname())
    return active, insist(listener.accept)[0]

def show(value):
    print(json.dumps(value))
"""


@dataclass(frozen=True)
class Outcome:
    """What a child saw, and what the injector counted."""

    seen: Any
    counts: Counter[str]


@dataclass(frozen=True)
class Runner:
    """Runs programs under faults."""

    library: Path
    directory: Path

    def start(
        self, environment: Mapping[str, str], program: str, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", "-c", PRELUDE + program]
        return subprocess.run(
            command,
            env=dict(environment),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def __call__(self, plan: Faults, program: str, stdin: str = "") -> Outcome:
        report = self.directory / "report"
        report.unlink(missing_ok=True)
        done = self.start(plan.environment(self.library, report=report), program, stdin)
        assert (done.returncode, done.stderr) == (0, ""), f"{plan}\n{done.stderr}"
        return Outcome(json.loads(done.stdout), faults.read_report(report))


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("missing program: cc")
    if not faults.available():
        pytest.skip("faults are injected on Linux with glibc only")
    return faults.build(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def run(library: Path, tmp_path: Path) -> Runner:
    return Runner(library, tmp_path)


# ---- short ----

LENGTHS = """
a, b = socket.socketpair()
b.setblocking(False)
seen = []
for _ in range(100):
    seen += [a.send(bytes(1000)), attempt(lambda: len(b.recv(100_000)))]
show(seen)
"""


def test_the_same_seed_gives_the_same_faults(run: Runner) -> None:
    first, again = run(Faults.benign(7), LENGTHS), run(Faults.benign(7), LENGTHS)
    assert first == again
    assert run(Faults.benign(8), LENGTHS).seen != first.seen


def test_a_short_transfer_moves_at_least_one_byte_and_not_all(run: Runner) -> None:
    outcome = run(
        Faults(short=1000),
        "a, b = socket.socketpair(); show([a.send(bytes(100)) for _ in range(200)])",
    )
    assert min(outcome.seen) >= 1
    assert max(outcome.seen) <= 99
    assert len(set(outcome.seen)) > 10
    assert outcome.counts["send short"] == outcome.counts["send calls"] == 200


# How to send, how to receive, and what the two are counted as.
TRANSFERS = {
    "send and recv": ("a.send(data)", "b.recv(size)", "send recv"),
    "sendmsg and recvmsg": ("a.sendmsg(split(data))", "scatter(message)", "send recv"),
    "recvfrom": ("a.send(data)", "b.recvfrom(size)[0]", "send recv"),
    "write and read": ("os.write(a.fileno(), data)", "os.read(b.fileno(), size)", "write read"),
    "writev and readv": ("os.writev(a.fileno(), split(data))", "scatter(vector)", "write read"),
    "sendfile": (
        "os.sendfile(a.fileno(), file.fileno(), position, len(data))",
        "b.recv(size)",
        "send recv",
    ),
    "a pipe": ("os.write(out, data)", "os.read(into, size)", "write read"),
}

PUMP = """
a, b = socket.socketpair()
a.setblocking(False)
into, out = os.pipe()
os.set_blocking(out, False)
size, whole, position, received = 5000, os.urandom(200_000), 0, b""
file = tempfile.TemporaryFile(buffering=0)
file.write(whole)

def split(data):
    return [data[:1], data[1:7], b"", data[7:1000], data[1000:]]

def scatter(receive):
    parts = [bytearray(1), bytearray(10), bytearray(0), bytearray(100), bytearray(3000)]
    count = receive(parts)
    return b"".join(parts)[:count]

def message(parts):
    return b.recvmsg_into(parts)[0]

def vector(parts):
    return os.readv(b.fileno(), parts)

while len(received) < len(whole):
    data = whole[position:position + 20_000]
    sent = attempt(lambda: SEND) if data else 0
    position += sent if isinstance(sent, int) else 0
    if len(received) < position:
        received += RECEIVE
show(received == whole)
"""


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_short_transfers_lose_nothing(run: Runner, transfer: str) -> None:
    send, receive, counted = TRANSFERS[transfer]
    outcome = run(Faults(short=900), PUMP.replace("SEND", send).replace("RECEIVE", receive))
    assert outcome.seen is True
    assert all(outcome.counts[f"{operation} short"] > 10 for operation in counted.split())


def test_a_shortened_list_of_buffers_ends_inside_them_and_between_them(run: Runner) -> None:
    program = """
a, b = socket.socketpair()
show([os.writev(a.fileno(), [b"0123456789"] * 10) for _ in range(200)])
"""
    outcome = run(Faults(short=1000, seed=1), program)
    assert {length % 10 == 0 for length in outcome.seen if length > 10} == {True, False}


WHOLE = {
    "a datagram": """
into = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
into.bind(("127.0.0.1", 0))
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(50):
    seen += [out.sendto(bytes(1000), into.getsockname()), len(into.recvfrom(2000)[0])]
""",
    "a local datagram": """
a, b = socket.socketpair(type=socket.SOCK_DGRAM)
for _ in range(50):
    seen += [a.send(bytes(1000)), len(b.recv(2000)), a.sendmsg([bytes(500)] * 2)]
    seen += [len(b.recvmsg(2000)[0])]
""",
    "a packet": """
a, b = socket.socketpair(type=socket.SOCK_SEQPACKET)
for _ in range(50):
    seen += [a.send(bytes(1000)), len(os.read(b.fileno(), 2000))]
""",
    "an atomic write to a pipe": """
into, out = os.pipe()
for _ in range(16):
    seen += [os.write(out, bytes(1000))]
""",
    "a message with descriptors": """
a, b = socket.socketpair()
for _ in range(50):
    seen += [socket.send_fds(a, [bytes(1000)], [0])]
    data, fds, _flags, _address = socket.recv_fds(b, 1000, 1)
    seen += [len(data)]
    os.close(fds[0])
""",
}


@pytest.mark.parametrize("thing", WHOLE)
def test_what_the_kernel_moves_whole_is_not_shortened(run: Runner, thing: str) -> None:
    outcome = run(Faults(short=1000), f"seen = []\n{WHOLE[thing]}\nshow(seen)")
    assert set(outcome.seen) == {1000}
    looked_at = sum(count for name, count in outcome.counts.items() if name.endswith("calls"))
    assert looked_at >= 16
    assert not [name for name in outcome.counts if name.endswith("short")]


def test_peeking_and_waiting_for_all_are_not_shortened(run: Runner) -> None:
    program = """
a, b = tcp_pair()
a.sendall(bytes(1000))
b.recv(1, socket.MSG_WAITALL)
peeks = [len(b.recv(999, socket.MSG_PEEK | socket.MSG_WAITALL)) for _ in range(20)]
show([peeks, len(b.recv(999, socket.MSG_WAITALL))])
"""
    outcome = run(Faults(short=1000), program)
    assert outcome.seen == [[999] * 20, 999]
    assert outcome.counts["recv short"] == 0


# ---- interrupted ----


def test_python_does_not_notice_interruptions_and_the_report_does(run: Runner) -> None:
    program = """
a, b = tcp_pair()
into, out = os.pipe()
a.sendall(b"hello")
poll = select.poll()
poll.register(b, select.POLLIN)
epoll = select.epoll()
epoll.register(b, select.EPOLLIN)
ready = [select.select([b], [], [], 5) == ([b], [], []), len(poll.poll(5000)), len(epoll.poll(5))]
show([ready, b.recv(5).decode(), os.write(out, b"pipe"), os.read(into, 4).decode()])
"""
    outcome = run(Faults(interrupted=1000), program)
    assert outcome.seen == [[True, 1, 1], "hello", 4, "pipe"]
    interrupted = {name: outcome.counts[f"{name} EINTR"] for name in ("recv", "send", "accept")}
    assert interrupted == {"recv": 3, "send": 3, "accept": 3}
    assert outcome.counts["read EINTR"] == outcome.counts["write EINTR"] == 3
    assert outcome.counts["wait EINTR"] >= 9
    assert outcome.counts["connect EINTR"] == 1  # Python waits for the connection instead.


def test_no_more_than_three_calls_in_a_row_fail_even_at_the_highest_rate(run: Runner) -> None:
    program = """
pairs = [socket.socketpair() for _ in range(2)]
for a, b in pairs:
    a.sendall(bytes(10))
    b.setblocking(False)
show([[attempt(lambda: len(b.recv(1))) for _ in range(8)] for a, b in pairs])
"""
    outcome = run(Faults(would_block=1000), program)
    assert outcome.seen == [["EAGAIN", "EAGAIN", "EAGAIN", 1] * 2] * 2


def test_an_interrupted_connect_goes_on_and_connects(run: Runner) -> None:
    program = """
import ctypes
listener = socket.create_server(("127.0.0.1", 0))
client = socket.socket()
port = listener.getsockname()[1]
address = socket.AF_INET.to_bytes(2, sys.byteorder) + port.to_bytes(2, "big")
address += socket.inet_aton("127.0.0.1") + bytes(8)
libc = ctypes.CDLL(None, use_errno=True)  # Python's own connect would hide the interruption.
result = libc.connect(client.fileno(), address, len(address))
error = errno.errorcode[ctypes.get_errno()]
accepted, _ = listener.accept()
select.select([], [client], [])
client.sendall(b"hello")
show([result, error, os.get_blocking(client.fileno()), accepted.recv(5).decode()])
"""
    outcome = run(Faults(script="connect:EINTR"), program)
    assert outcome.seen == [-1, "EINTR", True, "hello"]
    assert outcome.counts["connect EINTR"] == 1


def test_a_connect_that_could_not_be_interrupted_is_not(run: Runner, tmp_path: Path) -> None:
    program = f"""
local = socket.socket(socket.AF_UNIX)
local.bind({str(tmp_path / "socket")!r})
local.listen()
socket.socket(socket.AF_UNIX).connect(local.getsockname())
internet = socket.create_server(("127.0.0.1", 0))
client = socket.socket()
client.setblocking(False)
show(client.connect_ex(internet.getsockname()) in (0, errno.EINPROGRESS))
"""
    outcome = run(Faults(interrupted=1000), program)
    assert outcome.seen is True
    assert outcome.counts["connect calls"] == 2
    assert outcome.counts["connect EINTR"] == 0


# ---- would block ----

# Each operation could be done four times over without waiting.
WOULD_BLOCK = """
(a, b), (c, d), (e, f) = tcp_pair(), socket.socketpair(), socket.socketpair()
listener = socket.create_server(("127.0.0.1", 0))
clients = [socket.create_connection(listener.getsockname()) for _ in range(4)]
c.send(b"xxxx")
e.send(b"xxxx")
for each in (a, d, f, listener):
    each.setblocking(BLOCKING)
show({
    "recv": [attempt(lambda: len(d.recv(1, FLAGS))) for _ in range(4)],
    "send": [attempt(a.send, b"x", FLAGS) for _ in range(4)],
    "accept": [failure(listener.accept) for _ in range(4)],
    "read": [attempt(lambda: len(os.read(f.fileno(), 1))) for _ in range(4)],
})
"""
ALL_DONE: dict[str, list[Any]] = {
    "recv": [1] * 4,
    "send": [1] * 4,
    "accept": [""] * 4,
    "read": [1] * 4,
}
ONE_DONE = {kind: ["EAGAIN"] * 3 + done[3:] for kind, done in ALL_DONE.items()}


@pytest.mark.parametrize(
    ("blocking", "flags", "expected"),
    [
        (False, "0", ONE_DONE),
        (True, "0", ALL_DONE),
        (True, "socket.MSG_DONTWAIT", ONE_DONE | {"accept": [""] * 4, "read": [1] * 4}),
    ],
    ids=["not blocking", "blocking", "asked not to wait"],
)
def test_only_what_must_not_wait_would_block(
    run: Runner, blocking: bool, flags: str, expected: Mapping[str, object]
) -> None:
    program = WOULD_BLOCK.replace("BLOCKING", str(blocking)).replace("FLAGS", flags)
    outcome = run(Faults(would_block=1000), program)
    assert outcome.seen == expected
    injected = sum(count for name, count in outcome.counts.items() if name.endswith("EAGAIN"))
    assert injected == json.dumps(outcome.seen).count("EAGAIN")


@pytest.mark.parametrize("ends", ["os.pipe()", "(end.fileno() for end in (a, b))"])
def test_a_waker_blocks_only_while_its_reader_has_something_to_read(run: Runner, ends: str) -> None:
    program = f"""
a, b = socket.socketpair()
into, out = {ends}
os.set_blocking(out, False)
empty = []
for _ in range(20):
    empty.append(attempt(os.write, out, b"!"))
    os.read(into, 1)
os.write(out, b"!")
show([empty, attempt(os.write, out, b"!")])
"""
    outcome = run(Faults(would_block=1000), program)
    assert outcome.seen == [[1] * 20, "EAGAIN"]


def test_what_is_registered_edge_triggered_never_blocks_or_falls_short(run: Runner) -> None:
    program = """
def drain(flags):
    a, b = socket.socketpair()
    b.setblocking(False)
    epoll = select.epoll()
    epoll.register(b, select.EPOLLIN | flags)
    seen = []
    for _ in range(50):
        a.sendall(bytes(100))
        seen.append(attempt(lambda: len(b.recv(10_000))))
    return seen
show([drain(select.EPOLLET), drain(0)])
"""
    outcome = run(Faults(short=500, would_block=500), program)
    edge, level = outcome.seen
    assert set(edge) == {100}
    assert "EAGAIN" in level


# ---- resets, descriptors, memory ----


def test_internet_connections_are_reset(run: Runner) -> None:
    program = """
pairs = [tcp_pair() for _ in range(20)]
seen = [[attempt(a.send, b"x") for a, _ in pairs], [attempt(b.recv, 1) for _, b in pairs]]
show([*seen, failure(socket.socket().recv, 1)])
"""
    outcome = run(Faults(seed=1, reset=1000), program)
    sent, received, not_connected = outcome.seen
    assert set(sent) == {"ECONNRESET", "EPIPE"}
    assert set(received) == {"ECONNRESET"}
    assert not_connected == "ENOTCONN"
    assert outcome.counts["accept ECONNABORTED"] == 3 * 20


def test_a_connection_that_was_reset_stays_dead(run: Runner) -> None:
    program = """
a, b = tcp_pair()
show([attempt(b.recv, 1), len(b.recv(1)), attempt(b.send, b"x"), len(a.recv(1))])
"""
    outcome = run(Faults(script="recv:ECONNRESET"), program)
    assert outcome.seen == ["ECONNRESET", 0, "EPIPE", 0]


@pytest.mark.slow
def test_a_pipe_or_local_socket_is_broken_by_a_script_only(run: Runner) -> None:
    program = """
a, b = socket.socketpair()
into, out = os.pipe()
show([attempt(a.send, b"x"), attempt(lambda: len(b.recv(1))), attempt(os.write, out, b"x")])
"""
    assert run(Faults(reset=1000), program).seen == [1, 1, 1]
    assert run(Faults(memory=1000), program).seen == [1, 1, 1]
    script = "send:EPIPE,recv:ECONNRESET,write:EPIPE"
    assert run(Faults(script=script), program).seen == ["EPIPE", "ECONNRESET", "EPIPE"]


def test_memory_runs_out_for_connections_and_datagrams(run: Runner) -> None:
    program = """
out, into = (insist(socket.socket, socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
into.bind(("127.0.0.1", 0))
a, b = tcp_pair()
datagrams = [attempt(out.sendto, b"x", into.getsockname()) for _ in range(32)]
show([datagrams, [attempt(a.send, b"x") for _ in range(32)]])
"""
    for sent in run(Faults(seed=1, memory=500), program).seen:
        assert set(sent) == {1, "ENOBUFS", "ENOMEM"}


def test_a_broken_pipe_raises_the_signal_unless_asked_not_to(run: Runner) -> None:
    program = """
import signal
signals = []
signal.signal(signal.SIGPIPE, lambda number, frame: signals.append(number == signal.SIGPIPE))
(a, b), (c, d) = socket.socketpair(), socket.socketpair()
show([attempt(a.send, b"x", socket.MSG_NOSIGNAL), signals[:], attempt(c.send, b"x"), signals])
"""
    outcome = run(Faults(script="send:EPIPE*2"), program)
    assert outcome.seen == ["EPIPE", [], "EPIPE", [True]]


@pytest.mark.parametrize(
    ("plan", "errors"),
    [
        (Faults(seed=1, descriptors=1000), {"EMFILE", "ENFILE"}),
        (Faults(seed=1, memory=1000), {"ENOBUFS", "ENOMEM"}),
    ],
    ids=["descriptors", "memory"],
)
def test_accept_and_socket_run_out_and_recover(run: Runner, plan: Faults, errors: set[str]) -> None:
    program = """
sockets = [attempt(socket.socket) for _ in range(64)]
listener = sockets[3]
listener.listen()
listener.setblocking(False)  # So that an accept that is let through finds nobody, and says so.
accepts = [failure(listener.accept) for _ in range(64)]
show([[each if isinstance(each, str) else "" for each in sockets], accepts])
"""
    outcome = run(plan, program)
    sockets, accepts = outcome.seen
    assert sockets[3::4] == [""] * 16
    assert accepts[3::4] == ["EAGAIN"] * 16
    assert set(sockets) == errors | {""}
    assert set(accepts) == errors | {"EAGAIN"}


# ---- close ----


def test_an_interrupted_close_has_closed(run: Runner) -> None:
    program = """
before = set(os.listdir("/proc/self/fd"))
fds = [fd for _ in range(8) for fd in os.pipe()]
closed = [attempt(os.close, fd) for fd in fds]
show([closed, before == set(os.listdir("/proc/self/fd")), [attempt(os.fstat, fd) for fd in fds]])
"""
    outcome = run(Faults(interrupted_close=1000), program)
    closed, nothing_left, afterwards = outcome.seen
    assert set(closed) == {"EINTR"}
    assert nothing_left
    assert set(afterwards) == {"EBADF"}
    assert outcome.counts["close EINTR"] == 16


# ---- scripts ----

ACCEPTS = """
listener = socket.create_server(("127.0.0.1", 0))
clients = [socket.create_connection(listener.getsockname()) for _ in range(8)]
show([failure(listener.accept) for _ in range(8)])
"""
RECEIVES = """
pairs = [socket.socketpair() for _ in range(8)]
for a, b in pairs:
    a.send(b"x")
show([failure(b.recv, 1) for a, b in pairs])
"""
CONNECTS = """
listener = socket.create_server(("127.0.0.1", 0))
show([failure(socket.socket().connect, listener.getsockname()) for _ in range(8)])
"""


@pytest.mark.parametrize(
    ("script", "program", "expected"),
    [
        ("accept:EMFILE*5", ACCEPTS, dict.fromkeys(range(1, 6), "EMFILE")),
        ("accept:EPERM@2,accept:EPROTO@4*2", ACCEPTS, {2: "EPERM", 4: "EPROTO", 5: "EPROTO"}),
        ("recv:ECONNRESET@3", RECEIVES, {3: "ECONNRESET"}),
        ("connect:ECONNREFUSED,connect:EIO@8", CONNECTS, {1: "ECONNREFUSED", 8: "EIO"}),
        ("send:EPERM@9", RECEIVES, {}),  # There are eight.
        ("recv:EAGAIN*8", RECEIVES, {}),  # These sockets block: impossible, so not done.
    ],
)
def test_a_script_is_followed_to_the_letter(
    run: Runner, script: str, program: str, expected: Mapping[int, str]
) -> None:
    outcome = run(Faults(script=script), program)
    assert outcome.seen == [expected.get(nth, "") for nth in range(1, 9)]
    done = Counter(name.split()[1] for name in outcome.counts.elements() if "calls" not in name)
    assert done == Counter(expected.values())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("TRUNKLINE_FAULTS", "shirt=300"),
        ("TRUNKLINE_FAULTS", "short"),
        ("TRUNKLINE_FAULTS", "short=1001"),
        ("TRUNKLINE_FAULTS", "short=1x"),
        ("TRUNKLINE_FAULTS_SEED", "-"),
        ("TRUNKLINE_FAULTS_SCRIPT", "recv"),
        ("TRUNKLINE_FAULTS_SCRIPT", "recieve:EINTR"),
        ("TRUNKLINE_FAULTS_SCRIPT", "recv:EWHAT"),
        ("TRUNKLINE_FAULTS_SCRIPT", "recv:EINTR@0"),
        ("TRUNKLINE_FAULTS_SCRIPT", "recv:EINTR*2@3"),
        ("TRUNKLINE_FAULTS_REPORT", "/nowhere/report"),
    ],
)
@pytest.mark.slow
def test_a_typing_error_stops_the_program(run: Runner, variable: str, value: str) -> None:
    environment = Faults().environment(run.library) | {variable: value}
    done = run.start(environment, "show(1)")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("trunkline faults: ")
    assert value in done.stderr


# ---- what is left alone, and what is counted ----


def test_files_and_standard_streams_are_left_alone(run: Runner, tmp_path: Path) -> None:
    outcome = run(
        Faults(script="read:EIO*1000000,write:EIO*1000000"),
        f"""
path = {str(tmp_path / "file")!r}
with open(path, "wb", buffering=0) as file:
    written = file.write(bytes(10_000))
event = os.eventfd(1)
left_alone = [os.read(0, 100).decode(), os.write(2, b""), written, os.path.getsize(path)]
left_alone += [len(open(path, "rb", buffering=0).read(10_000)), len(os.read(event, 8))]
into, out = os.pipe()
show([left_alone, attempt(os.write, out, b"x"), attempt(os.read, into, 1)])
""",
        stdin="hello",
    )
    assert outcome.seen == [["hello", 0, 10_000, 10_000, 10_000, 8], "EIO", "EIO"]
    assert outcome.counts["read calls"] == outcome.counts["write calls"] == 1


def test_a_caller_in_c_finds_its_errno_and_its_message_as_they_were(run: Runner) -> None:
    program = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
into, out = os.pipe()
ctypes.set_errno(errno.EDOM)
libc.close(into)  # Looked at, and done: examining a pipe fails on the way.
a, b = socket.socketpair()
a.send(bytes(100))
buffer = ctypes.create_string_buffer(100)
parts = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 100)
message = (ctypes.c_size_t * 7)(0, 0, ctypes.addressof(parts), 1)
before = [*parts, *message]
received = libc.recvmsg(b.fileno(), message, 0)
show([errno.errorcode[ctypes.get_errno()], received < 100, before == [*parts, *message]])
"""
    outcome = run(Faults(short=1000), program)
    assert outcome.seen == ["EDOM", True, True]
    assert outcome.counts["close calls"] > 0
    assert outcome.counts["recv short"] == 1


def test_the_report_adds_up_processes_however_they_end(run: Runner, tmp_path: Path) -> None:
    report = tmp_path / "report"
    environment = Faults(script="recv:EINTR*2").environment(run.library, report=report)
    program = """
import signal
a, b = socket.socketpair()
a.sendall(b"xy")
b.recv(1)
if os.fork() == 0:
    b.recv(1)
    os._exit(0)
os.wait()
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert [run.start(environment, program).returncode for _ in range(2)] == [-9, -9]
    counts = faults.read_report(report)
    assert counts["recv EINTR"] == 2 * 2  # The forked child counts on: the script is behind it.
    assert counts["recv calls"] == 2 * 4


STANDARD_LIBRARY = """
import asyncio, subprocess

async def echo(reader, writer):
    while data := await reader.read(100_000):
        writer.write(data)
        await writer.drain()
    writer.close()

async def talk(port):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    data = os.urandom(300_000)
    writer.write(data)
    writer.write_eof()
    back = await reader.read()
    writer.close()
    return back == data

async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    loop = asyncio.get_running_loop()
    threads = [loop.run_in_executor(None, sum, range(10)) for _ in range(50)]
    results = await asyncio.gather(*(talk(port) for _ in range(4)), *threads)
    server.close()
    return results

command = [sys.executable, "-I", "-S", "-c", "import sys; print(sys.stdin.read())"]
child = subprocess.run(command, input="x" * 200_000, capture_output=True, text=True)
show([asyncio.run(main()), len(child.stdout), child.stderr])
"""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_correct_program_does_not_notice_benign_faults(run: Runner, seed: int) -> None:
    plan = Faults.benign(seed)
    outcome = run(plan, STANDARD_LIBRARY)
    assert outcome.seen == [[True] * 4 + [45] * 50, 200_001, ""], plan
    kinds = {name.split()[1] for name in outcome.counts}
    assert kinds == {"calls", "short", "EINTR", "EAGAIN"}


# ---- the Python side ----


def test_the_environment_keeps_what_was_there(tmp_path: Path) -> None:
    base = {"PATH": "/bin", "LD_PRELOAD": "/lib/other.so", "TRUNKLINE_FAULTS_SCRIPT": "old"}
    environment = Faults(seed=5, short=10, would_block=20).environment(tmp_path / "lib.so", base)
    assert environment == {
        "PATH": "/bin",
        "LD_PRELOAD": f"/lib/other.so:{tmp_path / 'lib.so'}",
        "TRUNKLINE_FAULTS_SEED": "5",
        "TRUNKLINE_FAULTS": "short=10,would-block=20",
        "TRUNKLINE_FAULTS_SCRIPT": "",
        "TRUNKLINE_FAULTS_REPORT": "",
    }
    assert base["TRUNKLINE_FAULTS_SCRIPT"] == "old"


def test_the_environment_starts_from_this_process_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_VARIABLE", "some value")
    monkeypatch.delenv("LD_PRELOAD", raising=False)
    environment = Faults().environment(tmp_path / "lib.so", report=tmp_path / "report")
    assert environment["SOME_VARIABLE"] == "some value"
    assert environment["LD_PRELOAD"] == str(tmp_path / "lib.so")
    assert environment["TRUNKLINE_FAULTS_REPORT"] == str(tmp_path / "report")


def test_a_path_that_the_loader_would_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="blanks or colons"):
        Faults().environment(tmp_path / "my lib.so", {})


def test_the_printed_plan_is_all_that_is_needed_to_repeat_it(run: Runner) -> None:
    plan = Faults(short=500, would_block=200, script="recv:short@2*3")
    printed = dict(word.split("=", 1) for word in shlex.split(str(plan)))
    environment = Faults(seed=0).environment(run.library) | printed
    assert run.start(environment, LENGTHS).stdout == json.dumps(run(plan, LENGTHS).seen) + "\n"
    assert eval(repr(plan)) == plan


def test_seeds_are_random_unless_given() -> None:
    assert len({Faults().seed for _ in range(4)} | {Faults.benign().seed for _ in range(4)}) == 8
    assert Faults.hostile(3).seed == Faults.benign(3).seed == 3
    assert Faults.hostile(3).reset > 0 == Faults.benign(3).reset


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"seed": 2**64}, {"short": 1001}, {"reset": -1}])
def test_senseless_numbers_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="is 0 to"):
        Faults(**wrong)  # type: ignore[arg-type]


def test_the_library_is_compiled_once(library: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert faults.build(library.parent) == library
    assert list(library.parent.iterdir()) == [library]


@pytest.mark.usefixtures("library")
def test_a_failed_build_says_what_the_compiler_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "broken.c"
    broken.write_text("int main(void) { return mistake; }\n")
    monkeypatch.setattr(faults, "SOURCE", broken)
    with pytest.raises(RuntimeError, match="mistake"):
        faults.build(tmp_path)
    assert list(tmp_path.iterdir()) == [broken]


def test_without_a_compiler_faults_are_not_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert not faults.available()


def test_a_report_that_nobody_wrote_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        faults.read_report(tmp_path / "report")
