"""The socket and stream tests once more, while the system calls below them go wrong.

Benign faults (short transfers, interruptions, calls that would block) must not be noticed by
anybody: all the tests pass, except those marked `exact_io`, which say why. Hostile faults (resets,
no descriptors, no memory) may be noticed, but only as errors of ours: nothing hangs, nothing stays
open, and what arrives is what was sent.
"""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.programs import require
from support.timing import PATIENCE
from support.under_faults import LONGEST, run_tests_under

from trunkline.testing import faults
from trunkline.testing.faults import Faults

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 5 * PATIENCE  # seconds, for one program

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(2 * LIMIT)]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("cc")
    if not faults.available():
        pytest.skip("faults are injected on Linux with glibc only")
    return faults.build(tmp_path_factory.mktemp("faults"))


def run(
    plan: Faults, library: Path, directory: Path, *arguments: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, int]]:
    """Run Python under faults, and return what came of it, and which faults there were."""
    report = directory / "report"
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=plan.environment(library, report=report),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return done, faults.read_report(report)


ANY_SEED = pytest.param(None, marks=pytest.mark.soak, id="a random seed")


@pytest.mark.timeout(2 * LONGEST)
@pytest.mark.parametrize("seed", [pytest.param(1, id="seed 1"), ANY_SEED])
def test_benign_faults_are_noticed_by_nobody(tmp_path: Path, seed: int | None) -> None:
    operations = ("recv", "send", "accept", "wait")
    happened = ["recv short", "send short", "recv EAGAIN", "send EAGAIN", "accept EAGAIN"]
    happened += [f"{operation} EINTR" for operation in operations]
    options = ("-m", "not exact_io and not slow", "tests/sockets", "tests/streams")
    run_tests_under(Faults.benign(seed), tmp_path, "best", *options, happened=happened)


# What each hostile program begins and ends with. Whatever it meets that is not ours is a finding.
FRAME = '''
import contextlib, json, os, sys, threading
from trunkline import *

TIMEOUT = float(sys.argv[1])
met = {"ours": [], "others": [], "good": 0, "wrong": 0}

@contextlib.contextmanager
def only_our_errors():
    try:
        yield
    except TrunklineError as error:
        met["ours"].append(type(error).__name__)
        assert str(error)
    except BaseException as error:
        met["others"].append(repr(error))

def descriptors():
    return len(os.listdir("/proc/self/fd"))

def check(received, sent):
    """Take note whether what was received is all, or at least the beginning, of what was sent."""
    if received == sent:
        met["good"] += 1
    elif not sent.startswith(received):
        met["wrong"] += 1

def closing(sock):
    """Close, whatever that says, and see that it is closed then."""
    with only_our_errors():
        sock.close()
    assert sock.closed

def in_threads(function, count):
    threads = [threading.Thread(target=function, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

def insist(function):
    while True:
        with only_our_errors():
            return function()

before = descriptors()
PROGRAM
for _ in range(5000):  # connections may linger for a while
    if descriptors() == before:
        break
    threading.Event().wait(0.001)
met["left"] = descriptors() - before
print(json.dumps(met))
'''

ECHO = """
listener = insist(lambda: make_socket(
    connect="passive", local_host="127.0.0.1", timeout=TIMEOUT))

def serve(client):
    with only_our_errors():
        while data := client.read(10_000):
            client.write(data)
            client.finish_output()
    closing(client)

def accept():
    threads = []
    for client in listener:
        threads.append(threading.Thread(target=serve, args=(client,)))
        threads[-1].start()
    for thread in threads:
        thread.join()

def client(number):
    data = os.urandom(20_000 * (number % 5 + 1))
    received = bytearray()
    with only_our_errors():
        sock = make_socket(
            remote_host="127.0.0.1", remote_port=listener.local_port, timeout=TIMEOUT)
        with contextlib.closing(sock), only_our_errors():
            writer = threading.Thread(target=write, args=(sock, data))
            writer.start()
            with only_our_errors():
                while piece := sock.read(7000):
                    received += piece
            writer.join()
    check(bytes(received), data)

def write(sock, data):
    with only_our_errors():
        try:
            sock.write(data)
            sock.shutdown(write=True)
        except TrunklineError:
            sock.close(abort=True)  # or the reader would wait for the rest of it
            raise

server = threading.Thread(target=accept)
server.start()
for _ in range(3):
    in_threads(client, 8)
listener.close()
server.join()
"""

TLS_ECHO = """
import pathlib, tempfile
from trunkline.testing.certificates import Authority

with tempfile.TemporaryDirectory() as directory:
    authority = Authority(pathlib.Path(directory))
    server_tls = authority.issue().tls().context(server_side=True)
    client_tls = authority.client_tls(server_name="localhost").context(server_side=False)
""" + ECHO.replace('connect="passive",', 'connect="passive", tls=server_tls,').replace(
    "local_port, timeout", "local_port, tls=client_tls, timeout"
)

LINES = """
def talk(number):
    left, right = insist(lambda: make_socket_pair(timeout=TIMEOUT, external_format="utf-8/crlf"))
    text = "".join(f"строка {n}\\n" for n in range(500))
    received = ""

    def write():
        with only_our_errors():
            left.write(text)
            left.close()
        closing(left)

    writer = threading.Thread(target=write)
    writer.start()
    with only_our_errors():
        for line in right:
            received += line + "\\n"
    writer.join()
    closing(right)
    check(received, text)

in_threads(talk, 6)
"""

RACES = """
listener = insist(lambda: make_socket(connect="passive", local_host="127.0.0.1"))

class Names:
    def resolve(self, host, *, family="internet", timeout=None):
        addresses = ("::1", "127.0.0.2", "127.0.0.3", "127.0.0.1")
        return Resolution(tuple(map(ensure_address, addresses)), None)

for _ in range(60):
    with only_our_errors():
        sock = make_socket(
            remote_host="host.example", remote_port=listener.local_port, resolver=Names(),
            timeout=TIMEOUT, keepalive=True, local_host="127.0.0.1")
        met["good"] += sock.is_connected
        closing(sock)
    with only_our_errors():
        accepted = listener.accept(timeout=0)
        if accepted is not None:
            closing(accepted)
    with only_our_errors():
        fresh = make_socket(connect="passive")
        with contextlib.closing(fresh):
            fresh.bind("127.0.0.1")
            fresh.listen()
            fresh.set_option("keepalive", True)
closing(listener)
"""

DATAGRAMS = """
server = insist(lambda: make_socket(type="datagram", local_host="127.0.0.1"))

def serve():
    for data, sender in server:
        with only_our_errors():
            server.send_to(data, sender, timeout=TIMEOUT)

def client(number):
    with only_our_errors():
        sock = make_socket("127.0.0.1", server.local_port, type="datagram")
        with contextlib.closing(sock):
            for size in range(0, 20_000, 1000):
                sent = os.urandom(size)
                with only_our_errors():
                    sock.send_to(sent, timeout=TIMEOUT)
                    # An answer may get lost, for which the server has no memory.
                    met["good"] += sock.receive_from(timeout=0.2).data == sent

serving = threading.Thread(target=serve)
serving.start()
in_threads(client, 6)
server.close()
serving.join()
"""

PROGRAMS = {
    "an echo server": ECHO,
    "one with TLS": TLS_ECHO,
    "lines": LINES,
    "races": RACES,
    "datagrams": DATAGRAMS,
}
WORTH = {
    "an echo server": 1,
    "one with TLS": 1,
    "lines": 6,
    "races": 1,
    "datagrams": 20,
}  # how much has to go well at the least


@pytest.mark.parametrize("seed", [pytest.param(1, id="seed 1"), ANY_SEED])
@pytest.mark.parametrize("program", PROGRAMS)
def test_hostile_faults_are_noticed_as_errors_of_ours(
    library: Path, tmp_path: Path, program: str, seed: int | None
) -> None:
    plan = Faults.hostile(seed)
    text = FRAME.replace("PROGRAM", PROGRAMS[program])
    done, counts = run(plan, library, tmp_path, "-X", "dev", "-c", text, str(PATIENCE))
    complaints = re.sub(
        r"cannot accept connections at 127\.0\.0\.1:\d+ for now: .*\n", "", done.stderr
    )
    assert (done.returncode, complaints) == (0, ""), f"{plan}\n{done.stdout}{done.stderr}"
    met: dict[str, Any] = json.loads(done.stdout)
    assert met["others"] == [], plan
    assert met["wrong"] == 0, plan
    assert met["left"] == 0, plan
    assert met["good"] >= WORTH[program], (plan, met)
    assert sum(counts.values()) > 0, plan
    if program != "lines":  # which are local, and local connections are neither reset nor refused
        assert any(count for name, count in counts.items() if _is_hostile(name)), (plan, counts)


def _is_hostile(name: str) -> bool:
    return name.endswith(("ECONNRESET", "EPIPE", "EMFILE", "ENFILE", "ENOBUFS", "ENOMEM"))


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("recv:ECONNRESET@3", "ConnectionReset"),
        ("recv:ENOMEM@2", "OutOfMemory"),
        ("send:ENOBUFS@1", "NoBufferSpace"),
        ("send:ECONNRESET@2", "ConnectionReset"),
        ("socket:EMFILE", "TooManyOpenFiles"),
        ("socket:ENOBUFS", "NoBufferSpace"),
    ],
)
def test_each_error_of_the_system_has_its_class(
    library: Path, tmp_path: Path, script: str, expected: str
) -> None:
    program = """
left_number, right_number = (each.detach() for each in __import__("socket").socketpair())
left = make_socket_from_fd(left_number, dup=False, timeout=TIMEOUT)
right = make_socket_from_fd(right_number, dup=False, timeout=TIMEOUT)
with only_our_errors():
    make_socket().close()
with only_our_errors():
    for number in range(4):
        left.write(b"0123456789")
        left.finish_output()
        right.read_exactly(10)
left.close(abort=True)
right.close(abort=True)
"""
    plan = Faults(seed=1, script=script)
    text = FRAME.replace("PROGRAM", program)
    done, counts = run(plan, library, tmp_path, "-c", text, str(PATIENCE))
    assert (done.returncode, done.stderr) == (0, ""), f"{plan}\n{done.stdout}{done.stderr}"
    met = json.loads(done.stdout)
    assert met["ours"] == [expected], (plan, counts)
    assert met["others"] == []
    assert met["left"] == 0


def test_a_server_that_keeps_running_out_of_descriptors_serves_in_the_end(
    library: Path, tmp_path: Path
) -> None:
    program = """
listener = make_socket(connect="passive", local_host="127.0.0.1")
for _ in range(3):
    with make_socket(remote_host="127.0.0.1", remote_port=listener.local_port) as client:
        with listener.accept() as server:
            client.write_line("hello")
            client.finish_output()
            met["good"] += server.read_line(timeout=TIMEOUT) == "hello"
listener.close()
"""
    plan = Faults(seed=1, script="accept:EMFILE*3,accept:ECONNABORTED@5*2,accept:ENOBUFS@8")
    text = FRAME.replace("PROGRAM", program)
    done, counts = run(plan, library, tmp_path, "-c", text, str(PATIENCE))
    assert done.returncode == 0, f"{plan}\n{done.stdout}{done.stderr}"
    assert done.stderr.count("cannot accept connections at 127.0.0.1:") == 1
    met = json.loads(done.stdout)
    assert met == {"ours": [], "others": [], "good": 3, "wrong": 0, "left": 0}
    assert (counts["accept EMFILE"], counts["accept ECONNABORTED"]) == (3, 2)


def test_a_peer_is_told_why_it_was_refused_though_the_system_is_busy(
    library: Path, tmp_path: Path
) -> None:
    program = """
import pathlib, socket, ssl, tempfile
from trunkline.testing.certificates import Authority

def serve():
    with listener.accept()[0] as connection:
        try:
            context.wrap_socket(connection, server_side=True).read()
        except ssl.SSLError as error:
            alerts.append(error.reason)

alerts = []
with tempfile.TemporaryDirectory() as directory, socket.create_server(("127.0.0.1", 0)) as listener:
    authority, stranger = (Authority(pathlib.Path(directory)) for _ in range(2))
    context = authority.issue().tls().context(server_side=True)
    server = threading.Thread(target=serve)
    server.start()
    with only_our_errors():
        make_socket("localhost", listener.getsockname()[1], tls=stranger.client_tls())
    server.join()
assert alerts == ["TLSV1_ALERT_UNKNOWN_CA"], alerts
"""
    plan = Faults(seed=1, script="send:EAGAIN@2*3")  # Python's TLS writes, and does not send
    text = FRAME.replace("PROGRAM", program)
    done, counts = run(plan, library, tmp_path, "-c", text, str(PATIENCE))
    assert (done.returncode, done.stderr) == (0, ""), f"{plan}\n{done.stdout}{done.stderr}"
    assert json.loads(done.stdout)["ours"] == ["TLSCertificateError"]
    assert counts["send EAGAIN"] == 3
