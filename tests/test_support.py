"""Tests of the tests' own tools: a leak check that finds no leaks would let everything pass."""

import os
import re
import runpy
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import pytest
from support import leaks, processes, timing
from support.peers import (
    PeerServer,
    connect,
    echo_server,
    exchange,
    has_ipv6,
    netcat,
    receive_all,
    refusing_port,
    reset,
    socket_pair,
    unused_port,
)
from support.processes import Program, example
from support.programs import require
from support.received import SHOWN
from support.timing import MS, PATIENCE

pytestmark = pytest.mark.slow

IPV6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on the loopback interface")
INTERNET = pytest.mark.parametrize(
    "family", [socket.AF_INET, pytest.param(socket.AF_INET6, marks=IPV6)]
)


# ---- Our plugins, seen from outside: whole runs of pytest on small files. ----


class Run(NamedTuple):
    """What a run of pytest in a process of its own came to."""

    status: int
    output: str
    complaints: dict[str, str]  # by test: why it failed, erred or was skipped, or ""


def run_pytest(directory: Path, tests: str, **environment: str) -> Run:
    """Run pytest on one file of tests, with our plugins but without our configuration."""
    (directory / "test_inner.py").write_text(tests)
    plugins = "support.leaks", "support.programs", "support.processes", "no:randomly"
    options = [f"-p{plugin}" for plugin in plugins]
    pytest_command = [sys.executable, "-mpytest", *options, "-Werror", "--junitxml=report.xml"]
    run = subprocess.run(
        # This shell lets nothing be interrupted, like one that runs us in the background.
        ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *pytest_command],
        env={
            **{name: value for name, value in os.environ.items() if "TRUNKLINE" not in name},
            **environment,
            "PYTHONPATH": str(Path(__file__).parent),
        },
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
        check=False,
    )
    cases = ElementTree.parse(directory / "report.xml").iter("testcase")
    complaints = {case.get("name", ""): "\n".join(case.itertext()) for case in cases}
    return Run(run.returncode, run.stdout, complaints)


LEAKY_AND_CLEAN = """
import gc, os, select, socket, subprocess, sys, threading
import pytest
from hypothesis import given, strategies
from support.leaks import child_processes
from support.processes import Program

kept = []

def test_socket():
    kept.append(socket.create_server(("127.0.0.1", 0)))

def test_forgotten_socket():
    cycle = [socket.socket()]
    cycle.append(cycle)

def test_pipe():
    kept.extend(os.pipe())

def test_epoll_that_only_the_collector_closes():
    cycle = [select.epoll()]
    cycle.append(cycle)

def test_thread():
    kept.append(threading.Thread(target=threading.Event().wait, name="lingerer", daemon=True))
    kept[-1].start()

def test_running_process():
    # Its answer shows that it has begun: a moment earlier it may have no command line yet.
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    kept.append(subprocess.Popen(["sh", "-c", "echo; read forever"], **pipes))
    kept[-1].stdout.readline()

def test_process_that_nobody_waited_for():
    os.waitid(os.P_PID, os.posix_spawnp("true", ["true"], {}), os.WEXITED | os.WNOWAIT)

def test_clean_successor_of_processes():
    assert not child_processes()

def test_failure():
    sock = socket.socket()
    raise LookupError("this alone")

def test_clean_successor_of_a_failure():
    gc.collect()

@pytest.fixture(scope="module")
def wide():
    with socket.socket() as sock:
        yield sock

def test_clean_thread(wide):
    told = threading.Event()
    threading.Thread(target=told.wait).start()
    told.set()

def test_clean_files(wide, tmp_path, capfd):
    for path in tmp_path / "a", tmp_path / "b":
        path.write_text(capfd.readouterr().out)

@given(strategies.integers())
def test_clean_examples(number):
    assert number == number

def test_clean_process():
    with Program([sys.executable, "-c", "input()"]):
        pass

def test_replaces_what_a_wider_fixture_had(wide):
    with socket.socket() as other:
        os.dup2(other.fileno(), wide.fileno())

def test_skipped():
    sock = socket.socket()
    pytest.skip("something else is missing")
"""


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the tests above once; threads that are to be caught need not get long to finish."""
    directory = tmp_path_factory.mktemp("leaky")
    return run_pytest(directory, LEAKY_AND_CLEAN, TRUNKLINE_TEST_TIME_SCALE="0.5")


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        ("socket", r"the test left behind:\n +descriptor \d+: .*INET SOCK_STREAM \('127.0.0.1', "),
        ("forgotten_socket", r"descriptor \d+: .*INET SOCK_STREAM"),
        ("pipe", r"left behind:\n +descriptor \d+: pipe.*\n +descriptor \d+: pipe"),
        ("epoll_that_only_the_collector_closes", r"left behind:\n +descriptor \d+: .*eventpoll"),
        ("thread", r"left behind:\n +thread 'lingerer', in Condition.wait, /.*threading.py:\d+"),
        ("running_process", r"left behind:\n +process \d+: sh -c echo; read forever\n"),
        ("process_that_nobody_waited_for", r"left behind:\n +process \d+, not waited for"),
        ("replaces_what_a_wider_fixture_had", r"left behind:\n +descriptor \d+: socket"),
    ],
)
def test_a_test_that_leaves_something_behind_fails_and_says_what(
    leaky: Run, test: str, complaint: str
) -> None:
    assert leaky.status == pytest.ExitCode.TESTS_FAILED
    assert re.search(complaint, leaky.complaints[f"test_{test}"])


@pytest.mark.parametrize("test", re.findall(r"def test_clean_(\w+)", LEAKY_AND_CLEAN))
def test_a_test_that_cleans_up_passes(leaky: Run, test: str) -> None:
    assert leaky.complaints[f"test_clean_{test}"] == ""


@pytest.mark.parametrize(
    ("test", "complaint"), [("failure", "this alone"), ("skipped", "something else is missing")]
)
def test_what_a_test_that_raised_still_holds_is_not_a_leak(
    leaky: Run, test: str, complaint: str
) -> None:
    assert complaint in leaky.complaints[f"test_{test}"]
    assert "left behind" not in leaky.complaints[f"test_{test}"]


def test_a_leak_of_a_wider_fixture_fails_the_run(tmp_path: Path) -> None:
    tests = """
        import os, pytest
        @pytest.fixture(scope="module")
        def leak():
            return os.pipe()
        def test_one(leak): pass
        def test_two(leak): pass
    """
    run = run_pytest(tmp_path, "if True:" + tests)
    assert run.status == pytest.ExitCode.TESTS_FAILED
    assert run.complaints["test_one"] == ""
    assert "a fixture wider than a test" in run.complaints["test_two"]


@pytest.mark.parametrize("has_lists", sorted({False, leaks.HAS_LISTS_OF_CHILDREN}))
def test_children_are_found_with_and_without_a_list_of_them(
    monkeypatch: pytest.MonkeyPatch, has_lists: bool
) -> None:
    monkeypatch.setattr(leaks, "HAS_LISTS_OF_CHILDREN", has_lists)
    before = leaks.child_processes()
    with Program(["cat"]) as cat:
        pid = cat.process.pid
        assert leaks.child_processes() - before == ({pid} if has_lists else {0})
        cat.close_stdin()
        cat.read_to_end()
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        assert leaks.child_processes() - before == {pid}
    assert leaks.child_processes() == before


NEEDY = """
import pytest
from support.programs import require

@pytest.mark.needs_program("sh", "no-such-program")
def test_mark(): pass

@pytest.fixture
def program():
    return require("no-such-program")

def test_fixture(program): pass

@pytest.mark.needs_program("neither-this")
def test_other(): pass

@pytest.mark.needs_program("sh")
def test_present():
    assert require("sh").endswith("/sh")
"""


def test_a_missing_program_skips_and_is_counted(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, NEEDY)
    assert run.status == pytest.ExitCode.OK
    assert re.search(r"^.*1 passed, 3 skipped", run.output, re.MULTILINE)
    assert "skipped for missing programs: neither-this 1, no-such-program 2\n" in run.output
    assert run.complaints["test_fixture"].endswith("missing program: no-such-program")


def test_a_missing_program_fails_where_none_may_be_missing(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, NEEDY, TRUNKLINE_REQUIRE_PROGRAMS="1")
    assert run.status == pytest.ExitCode.TESTS_FAILED
    assert re.search(r"^.*1 passed, 3 errors", run.output, re.MULTILINE)
    for test in "mark", "fixture":
        assert "missing program: no-such-program" in run.complaints[f"test_{test}"]


CONVERSING = """
import sys, threading
import pytest
from support.peers import PeerServer, connect, receive_all
from support.processes import Program

@pytest.fixture
def program():
    with Program([sys.executable, "-c", "print('dear diary', flush=True); input()"]) as program:
        yield program

def test_that_fails(program):
    with Program(["sh", "-c", "echo to whom it may concern; echo alas >&2"]) as other:
        other.wait()
    program.read_until("diary")
    assert False

def test_that_comes_after():
    assert False

def test_interrupt_works_where_a_shell_ignores_it():
    with Program([sys.executable, "-c", "print('ready', flush=True); input()"]) as program:
        program.wait_for_line("ready")
        program.interrupt()
        program.wait_for_line("KeyboardInterrupt")

@pytest.mark.parametrize("error", [ValueError, OSError])
def test_a_peer_that_raises(error):
    def refuse(connection):
        raise error("what a peer raised")
    with PeerServer(refuse) as server, connect(server.address) as client:
        assert receive_all(client) == b""
"""


@pytest.fixture(scope="module")
def conversing(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Run the tests above once."""
    return run_pytest(tmp_path_factory.mktemp("conversing"), CONVERSING)


def test_a_failure_shows_what_its_programs_printed(conversing: Run) -> None:
    shown = conversing.output.partition("_ test_that_fails _")[2]
    shown, _, after = shown.partition("_ test_that_comes_after _")
    assert re.search(r"^\$ .*dear diary.*  \(still running\)\ndear diary\n", shown, re.MULTILINE)
    assert re.search(r"^\$ sh .*  \(exit status 0\)\nto whom .*\nalas\n", shown, re.MULTILINE)
    assert "to whom it may concern" not in after


def test_an_interrupt_works_where_a_shell_ignores_it(conversing: Run) -> None:
    assert conversing.complaints["test_interrupt_works_where_a_shell_ignores_it"] == ""


@pytest.mark.parametrize("error", ["ValueError", "OSError"])
def test_what_a_peer_raises_fails_the_test(conversing: Run, error: str) -> None:
    assert "what a peer raised" in conversing.complaints[f"test_a_peer_that_raises[{error}]"]


# ---- Programs ----


def python(code: str, *, separate_errors: bool = False) -> Program:
    """Return a small program, with `sys` and `os` imported and nothing buffered."""
    code = f"import os, sys\n{code}"
    return Program([sys.executable, "-ISuc", code], separate_errors=separate_errors)


def test_reading_goes_on_behind_the_last_match() -> None:
    with python("print('port 12 port 34 port 56')") as program:
        assert [program.read_until(r"port (\d+)")[1] for _ in range(3)] == ["12", "34", "56"]
        assert program.read_to_end() == "\n"
        assert program.output == "port 12 port 34 port 56\n"


def test_a_line_is_looked_at_when_it_is_whole() -> None:
    with python("print('x\\nport 12', end='')\ninput()\nprint('34\\nrest', end='')") as program:
        program.read_until("port 1")
        program.send("\n")
        assert program.wait_for_line("34")[0] == "34"
    with python("print('x\\nport 12', end='')\ninput()\nprint('34\\nrest', end='')") as program:
        program.send("\n")
        assert program.wait_for_line(r"port (\d+)$")[1] == "1234"
        assert program.wait_for_line("re")[0] == "re"


def test_what_never_comes_fails_in_time_and_shows_the_rest() -> None:
    with python("print('something else')\ninput()") as program:
        program.wait_for_line("something")
        for wait in program.read_until, program.wait_for_line:
            with pytest.raises(AssertionError, match=r"(?s)within 0.*still running.*thing else"):
                wait("never", timeout=20 * MS)
        with pytest.raises(AssertionError, match="did not end within"):
            program.wait(20 * MS)


def test_the_end_of_the_output_fails_at_once() -> None:
    with python("print('goodbye')\nos.close(1)\nos.close(2)\ninput()") as program:
        for wait in program.read_until, program.wait_for_line:
            with pytest.raises(AssertionError, match=r"(?s)closed its output.*goodbye"):
                wait("never")


def test_an_endless_output_fails_before_memory_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "FLOOD", 100_000)
    with python("while True: print('on and on')") as program:
        with pytest.raises(AssertionError, match=r"(?s)without end.*\[\d+ characters\]") as caught:
            program.read_until("never")
        assert len(str(caught.value)) < 2 * SHOWN


def test_characters_arrive_whole_and_bytes_that_are_none_are_shown() -> None:
    with python(r"os.write(1, b'\xc3')" "\ninput()\n" r"os.write(1, b'\xa9\xff\r\n')") as program:
        program.send("\n")
        assert program.read_to_end() == "é\\xff\r\n"


@pytest.mark.needs_program("cat")
def test_more_text_than_fits_the_pipes_goes_through() -> None:
    text = "".join(f"{number} ünïcode\n" for number in range(50_000))
    with Program(["cat"]) as cat:
        cat.send(text)
        cat.close_stdin()
        assert cat.read_to_end() == text
        assert cat.wait() == 0


def test_typing_into_a_closed_program_is_a_broken_pipe() -> None:
    with python("") as program:
        program.wait()
        with pytest.raises(BrokenPipeError):
            program.send("hello")


def test_errors_are_part_of_the_output_or_apart() -> None:
    code = "sys.stderr.write('err\\n')\nsys.stdout.write('out\\n')"
    with python(code) as program:
        assert program.read_to_end() == "err\nout\n"
    with python(code, separate_errors=True) as program:
        assert program.read_to_end() == "out\n"
        assert program.wait_for_line("e(.*)", errors=True)[1] == "rr"
        assert program.errors == "err\n"


def test_the_exit_status_comes_with_all_output() -> None:
    with python("print('x' * 60_000)\nsys.exit(3)") as program:
        os.waitid(os.P_PID, program.process.pid, os.WEXITED | os.WNOWAIT)
        assert program.wait() == 3
        assert len(program.output) == 60_001


@pytest.mark.parametrize(("end", "signal"), [(Program.terminate, 15), (Program.kill, 9)])
def test_a_signal_is_a_negative_status(end: Callable[[Program], None], signal: int) -> None:
    with python("input()") as program:
        end(program)
        assert program.wait() == -signal


@pytest.fixture(params=["pidfd", "no pidfd"])
def either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notice the end of processes with and without the descriptor that tells it."""
    if request.param == "no pidfd":
        monkeypatch.delattr(os, "pidfd_open", raising=False)


@pytest.mark.usefixtures("either_way")
def test_the_end_is_noticed_however_it_is_told() -> None:
    with python("os.close(1)\nos.close(2)\ninput()\nsys.exit(4)") as program:
        program.send("\n")
        assert program.wait() == 4


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
@pytest.mark.parametrize("where", ["main", "thread"])
def test_a_program_is_idle_when_all_of_its_threads_wait(where: str) -> None:
    code = "import threading\ndef work():\n    print('busy')\n    while True: pass\n"
    if where == "main":
        code += "input()\nwork()"
    else:
        code += "input()\nthreading.Thread(target=work, daemon=True).start()\ninput()"
    with python(code) as program:
        program.wait_until_idle()
        program.send("\n")
        program.wait_for_line("busy")
        assert not program.is_idle()
        with pytest.raises(AssertionError, match="was busy for"):
            program.wait_until_idle(20 * MS)
        program.kill()
        program.wait()
        assert program.is_idle()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_a_program_is_interrupted_when_it_waits() -> None:
    code = "import time\nprint('about to')\nend = time.thread_time() + 0.2\n"
    code += "try:\n    while time.thread_time() < end: pass\nexcept KeyboardInterrupt:\n"
    code += "    print('too early')\ntry:\n    input()\nexcept KeyboardInterrupt:\n    print('now')"
    with python(code) as program:
        program.wait_for_line("about to")
        program.interrupt()
        assert program.read_to_end() == "now\n"


def test_what_runs_at_the_end_of_the_block_is_killed_with_its_children() -> None:
    child = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1]))).recv(1)"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        shell = ["sh", "-c", '"$@" & cat', "sh", sys.executable, "-ISc", child, port]
        with Program(shell) as program:
            connection, _ = listener.accept()
            program.kill()
            assert program.wait() == -9  # The child still holds the pipe, and does not count.
        with connection:
            connection.settimeout(PATIENCE)
            assert connection.recv(1) == b""


def test_a_program_that_does_not_exist_leaves_nothing() -> None:
    with pytest.raises(FileNotFoundError), Program(["/nonexistent"]):
        pass


def test_an_example_runs_as_a_reader_would_run_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / "probe.py").write_text(
        "import os, sys\n"
        "print(sys.argv, sys.flags.dev_mode, sys.warnoptions, os.getcwd())\n"
        "print({name: os.environ[name] for name in os.environ if name.startswith('PYTHON')})\n"
    )
    monkeypatch.setattr(processes, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", "/nonexistent")
    monkeypatch.setenv("PYTHONUNBUFFERED", "1")
    with example("probe", "--port", "0") as probe:
        probe.wait()
    argv, environment = probe.output.splitlines()
    arguments = ["examples/probe.py", "--port", "0"]
    assert argv == f"{arguments} True ['default', 'error::ResourceWarning'] {tmp_path}"
    assert eval(environment) == {
        "PYTHONPATH": str(tmp_path / "src"),
        "PYTHONDEVMODE": "1",
        "PYTHONWARNINGS": "error::ResourceWarning",
    }


# ---- Peers ----


@INTERNET
def test_an_echo_server_returns_more_than_the_buffers_hold(family: socket.AddressFamily) -> None:
    data = os.urandom(1 << 20) * 8
    with echo_server(family) as server:
        assert exchange(server.address, data) == data


def test_a_server_ends_with_connections_open() -> None:
    with echo_server() as server:
        idle = connect(server.address)
        idle.sendall(b"once")
        assert idle.recv(4) == b"once"
    with idle:
        assert idle.recv(1) == b""


def test_a_server_ends_while_it_sends() -> None:
    def flood(connection: socket.socket) -> None:
        while True:
            connection.sendall(bytes(65536))

    with PeerServer(flood) as server:
        deaf = connect(server.address)
        assert deaf.recv(1) == b"\0"
    deaf.close()


@INTERNET
def test_a_reset_is_a_reset_for_the_peer(family: socket.AddressFamily) -> None:
    with socket_pair(family) as (left, right):
        reset(left)
        with pytest.raises(ConnectionResetError):
            right.recv(1)


def test_the_ends_of_a_pair_are_connected() -> None:
    with socket_pair() as (left, right):
        left.sendall(b"hello")
        left.close()
        assert receive_all(right) == b"hello"


@INTERNET
def test_a_refusing_port_refuses_and_cannot_be_taken(family: socket.AddressFamily) -> None:
    host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
    with refusing_port(family) as port:
        with pytest.raises(ConnectionRefusedError):
            connect((host, port))
        with pytest.raises(OSError, match="in use"):
            socket.create_server((host, port), family=family)


def test_an_unused_port_can_be_bound() -> None:
    with socket.create_server(("127.0.0.1", unused_port())):
        pass


@pytest.mark.needs_program("nc")
def test_netcat_sends_its_input_and_prints_the_answer() -> None:
    with echo_server() as server:
        with netcat(*server.address, stdin="all at once\n") as nc:
            assert nc.read_to_end() == "all at once\n"
            assert nc.wait() == 0
        with netcat(*server.address) as nc:
            nc.send("one line\n")
            nc.wait_for_line("^one line$")


def test_a_required_program_has_a_path() -> None:
    assert os.access(require("sh"), os.X_OK)


@pytest.mark.parametrize(("scale", "ms", "patience"), [("5", 0.005, 50), ("0.5", 0.0005, 10)])
def test_a_slow_machine_gets_more_time_and_a_fast_one_no_less_patience(
    scale: str, ms: float, patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUNKLINE_TEST_TIME_SCALE", scale)
    values = runpy.run_path(timing.__file__)
    assert (values["MS"], values["PATIENCE"]) == (ms, patience)
