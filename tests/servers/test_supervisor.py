"""Supervisors: starting, replacing and ending workers, by signals and when they die."""

import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from servers.supervised import (
    Client,
    ask_another,
    is_refused,
    kill,
    supervised,
    wait_until_refused,
)
from support.peers import connect, receive_all
from support.timing import MS, PATIENCE

from trunkline import PassiveSocket, Server, Supervisor, SupervisorStatistics, make_socket
from trunkline.servers.worker import Place, Worker

pytestmark = pytest.mark.slow

# ---- The end ----


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_drain_lets_the_clients_finish_and_accepts_nobody(number: int) -> None:
    with supervised(workers=2) as it, Client(it.address) as client:
        client.read_pid()
        it.signal(number)
        it.program.wait_for_line("worker 1 .* is to end")
        wait_until_refused(it.address)
        assert client.ask() == "answer to it\n"
        assert it.finish().endswith("(started=2, lost=0, killed=0, replacements=0)")


def test_ctrl_c_strikes_the_workers_too_and_they_leave_it_to_the_supervisor() -> None:
    with supervised() as it, Client(it.address) as client:
        client.read_pid()
        os.killpg(it.program.process.pid, signal.SIGINT)
        it.wait_for_workers("0:draining:0")
        assert client.ask() == "answer to it\n"
        assert "lost=0" in it.finish()


@pytest.mark.parametrize("signals", [[signal.SIGQUIT], [signal.SIGTERM, signal.SIGINT]])
def test_the_end_at_once(signals: list[int]) -> None:
    with supervised(drain_timeout=None) as it, Client(it.address) as client:
        client.read_pid()
        for number in signals:
            it.signal(number)
            it.program.wait_for_line(f"received {signal.Signals(number).name}")
        assert it.finish().endswith("(started=1, lost=0, killed=0, replacements=0)")
        with pytest.raises(ConnectionResetError):
            client.read_pid()


def test_clients_that_take_too_long_are_cut() -> None:
    with supervised(drain_timeout=50 * MS) as it, Client(it.address) as client:
        client.read_pid()
        it.signal(signal.SIGTERM)
        assert "killed=0" in it.finish()
        with pytest.raises(ConnectionError):
            client.read_pid()


@pytest.mark.parametrize("outer", [None, PATIENCE])
def test_a_server_s_own_drain_timeout_counts_if_it_is_shorter(outer: float | None) -> None:
    own = {"drain_timeout": 50 * MS}
    with supervised(drain_timeout=outer, server=own) as it, Client(it.address) as client:
        client.read_pid()
        it.signal(signal.SIGTERM)
        assert "killed=0" in it.finish()
        with pytest.raises(ConnectionError):
            client.read_pid()


STUBBORN = """
class Stubborn:
    def __init__(self, sockets):
        self.sockets = sockets
    def start(self):
        pass
    def wait(self, timeout=None):
        return threading.Event().wait(timeout)
    def shutdown(self, timeout):
        threading.Event().wait()

make_server = Stubborn
"""


def test_a_worker_that_takes_too_long_to_end_is_killed() -> None:
    with supervised(more=STUBBORN, drain_timeout=10 * MS, kill_timeout=50 * MS) as it:
        it.signal(signal.SIGTERM)
        it.program.wait_for_line(r"ERROR .*worker 0 .*takes too long, and is killed")
        assert it.finish().endswith("(started=1, lost=0, killed=1, replacements=0)")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has it")
def test_in_the_end_nobody_connects_who_would_not_be_accepted() -> None:
    with supervised(more=STUBBORN, drain_timeout=None) as it:
        it.signal(signal.SIGTERM)
        it.wait_for_workers("0:draining:0")  # where it still has the socket
        with socket.socket() as late:
            late.settimeout(100 * MS)
            with pytest.raises(TimeoutError):
                late.connect(it.address)
        it.signal(signal.SIGQUIT)
        it.finish()


def test_without_a_limit_it_is_not() -> None:
    with supervised(drain_timeout=None, kill_timeout=0) as it, Client(it.address) as client:
        client.read_pid()
        it.signal(signal.SIGTERM)
        it.wait_for_workers("0:draining:0")
        assert client.ask() == "answer to it\n"
        assert "killed=0" in it.finish()


@pytest.mark.slow
def test_workers_without_a_supervisor_drain_and_end() -> None:
    with supervised(workers=2) as it, Client(it.address) as client:
        client.read_pid()
        it.program.kill()
        it.program.wait()
        wait_until_refused(it.address)
        assert client.ask() == "answer to it\n"
        it.program.read_to_end()  # which is when all processes have ended


# ---- Workers that end by themselves ----


@pytest.mark.parametrize(
    ("number", "name"),
    [(signal.SIGKILL, "SIGKILL"), (signal.SIGRTMIN + 1, f"signal {signal.SIGRTMIN + 1}")],
)
def test_a_worker_that_dies_is_replaced(number: int, name: str) -> None:
    with supervised(workers=2) as it:
        with Client(it.address) as client:
            pid = client.read_pid()
            kill(pid, number)
            it.program.wait_for_line(rf"WARNING .* has ended, by {name}$")
            with pytest.raises(ProcessLookupError):
                kill(pid, 0)  # nothing is left of it, as there is of a zombie
            it.wait_for_workers("0:ready:0", "1:ready:0")
        with Client(it.address) as client:
            client.read_pid()
            assert client.ask() == "answer to it\n"
        it.signal(signal.SIGTERM)
        assert it.finish().endswith("(started=3, lost=1, killed=0, replacements=0)")


def test_a_worker_that_is_told_to_end_is_replaced_while_it_drains() -> None:
    with supervised() as it, Client(it.address) as client:
        pid = client.read_pid()
        kill(pid, signal.SIGTERM)
        assert it.wait_for_workers("0:draining:0", "0:ready:0")[0] == pid
        assert ask_another(it.address, pid) == "answer to it\n"
        assert client.ask() == "answer to it\n"
        it.wait_for_workers("0:ready:0")
        it.signal(signal.SIGTERM)
        assert "started=2, lost=1" in it.finish()


ENDING = """
def handler(connection):
    server.shutdown(wait=False)

def make_server(sockets):
    global server
    server = Server(handler, sockets=sockets)
    return server
"""


def test_a_server_that_ends_from_inside_is_replaced() -> None:
    with supervised(more=ENDING) as it:
        for _ in range(2):
            with connect(it.address) as client:
                assert receive_all(client) == b""
            it.wait_for_workers("0:ready:0")
        it.signal(signal.SIGTERM)
        assert "lost=2" in it.finish()


# Fails for as long as a file is there. What is in it is taken away, a byte each time, and with the
# last one the file.
FAILING = """
make_good_server = make_server

def make_server(sockets):
    file = Path(FILE)
    if file.exists():
        if left := file.read_bytes()[1:]:
            file.write_bytes(left)
        elif file.stat().st_size:
            file.unlink()
        raise RuntimeError("this is the failure")
    return make_good_server(sockets)
"""


@pytest.fixture
def failure(tmp_path: Path) -> Path:
    """Return a file that lets servers fail while it exists."""
    return tmp_path / "failure"


def failing(file: Path) -> str:
    return FAILING.replace("FILE", repr(str(file)))


@pytest.mark.slow
def test_a_worker_that_dies_at_once_is_replaced_later_and_later(failure: Path) -> None:
    failure.write_text("123")
    with supervised(more=failing(failure), ready=False) as it:
        for delay in ("0.1", "0.2", "0.4"):
            it.program.wait_for_line("RuntimeError: this is the failure")
            it.program.wait_for_line(f"WARNING .*ended at once; the next one starts in {delay} s")
        it.wait_for_workers("0:ready:0")
        with Client(it.address) as client:
            client.read_pid()
            assert client.ask() == "answer to it\n"
        it.signal(signal.SIGTERM)
        assert "started=4, lost=3" in it.finish()


def test_a_function_that_forgets_to_return_its_server_is_told_so() -> None:
    with supervised(more="def make_server(sockets): pass", ready=False) as it:
        it.program.wait_for_line("TypeError: make_server has returned None, and not a server")
        it.signal(signal.SIGTERM)
        it.finish()


# Hangs if a file is there, which is gone when it says so.
HANGING = """
make_good_server = make_server

def make_server(sockets):
    if Path(FILE).exists():
        Path(FILE).unlink()
        say("hanging")
        threading.Event().wait()
    return make_good_server(sockets)
"""


def test_a_worker_that_takes_too_long_to_start_is_killed(failure: Path) -> None:
    failure.touch()
    more = HANGING.replace("FILE", repr(str(failure)))
    # The next worker has the same time to start, which has to be enough on a busy machine.
    with supervised(more=more, ready=False, start_timeout=2000 * MS) as it:
        it.program.wait_for_line("^hanging$")
        it.program.wait_for_line("ERROR .*takes too long, and is killed")
        it.wait_for_workers("0:ready:0")
        it.signal(signal.SIGTERM)
        assert "lost=1, killed=1" in it.finish()


# ---- Replacing workers ----


def test_new_workers_are_ready_before_old_ones_drain() -> None:
    with supervised() as it, Client(it.address) as client:
        pid = client.read_pid()
        it.signal(signal.SIGHUP)
        assert it.wait_for_workers("0:ready:0", "0:starting:1")[0] == pid
        assert it.wait_for_workers("0:draining:0", "0:ready:1")[0] == pid
        assert ask_another(it.address, pid) == "answer to it\n"
        assert client.ask() == "answer to it\n"
        it.wait_for_workers("0:ready:1")
        it.signal(signal.SIGTERM)
        assert it.finish().endswith("(started=2, lost=0, killed=0, replacements=1)")


def test_where_new_workers_cannot_start_the_old_ones_go_on(failure: Path) -> None:
    with supervised(more=failing(failure)) as it:
        failure.touch()
        it.signal(signal.SIGHUP)
        for delay in ("0.1", "0.2"):
            it.program.wait_for_line(f"ended at once; the next one starts in {delay} s")
        it.signal(signal.SIGHUP)  # which does not wait for the delay, and forgets it
        it.program.wait_for_line("ended at once; the next one starts in 0.1 s")
        with Client(it.address) as client:
            client.read_pid()
            assert client.ask() == "answer to it\n"
        failure.unlink()
        it.signal(signal.SIGHUP)
        it.wait_for_workers("0:ready:3")
        it.signal(signal.SIGTERM)
        assert "replacements=3" in it.finish()


# Where there is a named pipe, begins when there is something in it.
WAITING = """
make_good_server = make_server

def make_server(sockets):
    if Path(FILE).exists():
        say("waiting")
        with open(FILE, "rb", 0) as pipe:
            pipe.read(1)
    return make_good_server(sockets)
"""


@contextmanager
def pipe_at(path: Path) -> Iterator[Callable[[], object]]:
    """Make a named pipe; yield what takes it away, and lets go who waits for it."""
    os.mkfifo(path)
    number = os.open(path, os.O_RDWR)  # which waits for nobody

    def let_go() -> None:
        path.unlink()
        os.write(number, bytes(1))

    try:
        yield let_go
    finally:
        os.close(number)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere O_RDWR is undefined for pipes")
def test_replacements_that_come_while_workers_start_are_one(failure: Path) -> None:
    with supervised(more=WAITING.replace("FILE", repr(str(failure)))) as it:
        with pipe_at(failure) as let_go:
            it.signal(signal.SIGHUP)
            it.program.wait_for_line("^waiting$")
            for _ in range(20):
                it.signal(signal.SIGHUP)
                it.program.wait_for_line("received SIGHUP")
            let_go()
            it.wait_for_workers("0:ready:2")
        it.signal(signal.SIGTERM)
        assert it.finish().endswith("(started=3, lost=0, killed=0, replacements=2)")


@pytest.mark.slow
def test_a_replacement_comes_after_one_that_cannot_start(failure: Path) -> None:
    more = HANGING.replace("FILE", repr(str(failure)))
    with supervised(more=more, start_timeout=2000 * MS) as it:
        failure.touch()
        it.signal(signal.SIGHUP)
        it.program.wait_for_line("^hanging$")
        it.signal(signal.SIGHUP)
        it.program.wait_for_line("ERROR .*takes too long, and is killed")
        it.wait_for_workers("0:ready:2")
        it.signal(signal.SIGTERM)
        assert it.finish().endswith("(started=3, lost=1, killed=1, replacements=2)")


def test_the_end_does_not_wait_for_a_replacement(failure: Path) -> None:
    more = HANGING.replace("FILE", repr(str(failure)))
    with supervised(more=more, start_timeout=None, drain_timeout=0, kill_timeout=0) as it:
        failure.touch()
        it.signal(signal.SIGHUP)
        it.program.wait_for_line("^hanging$")
        it.signal(signal.SIGHUP)
        it.signal(signal.SIGTERM)
        assert "replacements=1" in it.finish()


# What happens while it reloads has come when it is over.
SIGNALLING = """
def reload():
    for number in [signal.SIGHUP] * 70_000 + [signal.SIGTERM]:
        signal.raise_signal(number)

options["reload"] = reload
"""


def test_the_end_comes_before_reloads_and_is_never_lost() -> None:
    with supervised(more=SIGNALLING) as it:
        it.signal(signal.SIGHUP)
        assert it.finish().endswith("(started=1, lost=0, killed=0, replacements=0)")


RELOADING = """
async def reload_later():
    pass

def reload():
    global handler
    if Path(FILE).exists():
        FAIL
    handler = lambda connection: connection.write_line("new")
    say("reloaded by", os.getpid())

options["reload"] = reload
"""


@pytest.mark.parametrize(
    ("fail", "told"),
    [
        ("raise RuntimeError('not now')", "RuntimeError: not now"),
        ("return reload_later()", "TypeError: a callback is a plain function, and reload "),
    ],
)
def test_reloading_happens_in_the_supervisor_before_workers_are_started(
    failure: Path, fail: str, told: str
) -> None:
    more = RELOADING.replace("FILE", repr(str(failure))).replace("FAIL", fail)
    with supervised(more=more) as it:
        it.signal(signal.SIGHUP)
        assert it.program.wait_for_line(r"reloaded by (\d+)")[1] == str(it.program.process.pid)
        it.wait_for_workers("0:ready:1")
        with connect(it.address) as client:
            assert receive_all(client) == b"new\n"
        failure.touch()
        it.signal(signal.SIGHUP)
        it.program.wait_for_line("reloading has failed, and nothing is replaced")
        it.program.wait_for_line(told)
        with connect(it.address) as client:
            assert receive_all(client) == b"new\n"
        it.signal(signal.SIGTERM)
        assert "started=2, lost=0, killed=0, replacements=1" in it.finish()


# ---- What belongs to whom ----

TELLING = """
def handler(connection):
    numbers = os.listdir("/proc/self/fd")
    pipes = [name for name in numbers if is_pipe(name) and int(name) > 2]
    listeners = sum(one.is_listening for one in supervisor.sockets)
    connection.write_line(f"{os.getpid()} {len(pipes)} {listeners}")

def is_pipe(name):
    try:
        return os.readlink("/proc/self/fd/" + name).startswith("pipe:")
    except OSError:
        return False
"""


@pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux's /proc")
def test_workers_have_their_own_pipes_and_sockets_and_no_others() -> None:
    found: dict[int, tuple[int, int]] = {}
    with supervised(more=TELLING, workers=3, reuse_port=True) as it:
        while len(found) < 3:
            with connect(it.address) as client:
                pid, *numbers = map(int, receive_all(client).split())
            found[pid] = numbers[0], numbers[1]
        it.signal(signal.SIGTERM)
        it.finish()
    # Those to the supervisor, and both ends of the one for signals.
    assert set(found.values()) == {(6, 1)}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into Linux's /proc")
def test_a_supervisor_keeps_nothing_of_its_former_workers() -> None:
    with supervised() as it:
        descriptors = f"/proc/{it.program.process.pid}/fd"
        before = len(os.listdir(descriptors))
        for generation in (1, 2, 3):
            it.signal(signal.SIGHUP)
            it.wait_for_workers(f"0:ready:{generation}")  # when the old one has ended, too
        assert len(os.listdir(descriptors)) == before
        it.signal(signal.SIGTERM)
        it.finish()


def test_the_file_of_a_local_socket_is_the_supervisor_s(tmp_path: Path) -> None:
    path = tmp_path / "socket"

    def ask() -> bytes:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(path))
            client.sendall(b"it\n")
            return receive_all(client)

    with supervised(path=str(path)) as it:
        assert re.fullmatch(rb"\d+\nanswer to it\n", ask())
        it.signal(signal.SIGHUP)
        it.wait_for_workers("0:ready:1")
        assert re.fullmatch(rb"\d+\nanswer to it\n", ask())
        it.signal(signal.SIGTERM)
        it.finish()
    assert not path.exists()


def test_what_a_watcher_raises_is_logged() -> None:
    more = """
watch_well = watch
def watch(supervisor):
    watch_well(supervisor)
    raise RuntimeError("watching badly")
"""
    with supervised(more=more) as it:
        it.program.wait_for_line("RuntimeError: watching badly")
        it.signal(signal.SIGTERM)
        assert "lost=0" in it.finish()


KEEPING = """
from trunkline import make_socket, make_socket_from_fd

keeper = make_socket(connect="passive", local_host="127.0.0.1")
options["sockets"] = [make_socket_from_fd(keeper.fileno(), connect="passive")]

def after():
    make_socket(remote_host="127.0.0.1", remote_port=keeper.local_port).close()
    keeper.accept(timeout=float(PATIENCE)).close()
    keeper.close()
    say("accepted")
"""


def test_a_socket_that_is_not_only_the_supervisor_s_goes_on_listening() -> None:
    with supervised(more=KEEPING.replace("PATIENCE", str(PATIENCE))) as it:
        it.signal(signal.SIGTERM)
        it.program.wait_for_line("^accepted$")
        it.finish()


# ---- In this process, without any worker ----


def make_server(sockets: Any) -> Server:
    raise AssertionError("there is no worker")


def test_it_listens_as_soon_as_it_is_made_and_closes_what_it_owns() -> None:
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as given,
        Supervisor(make_server, host=["127.0.0.1"], sockets=[given], backlog=3) as supervisor,
    ):
        host, other = supervisor.sockets
        assert isinstance(host, PassiveSocket)
        assert other is given
        assert not is_refused(("127.0.0.1", host.local_port))
        assert supervisor.workers == ()
        assert supervisor.statistics() == SupervisorStatistics()
        assert f"127.0.0.1:{host.local_port}" in repr(supervisor)
    assert host.closed
    assert given.closed


def test_with_reuse_port_each_worker_has_sockets_of_its_own(tmp_path: Path) -> None:
    with (
        make_socket(connect="passive", local_host="127.0.0.1", reuse_port=True) as given,
        Supervisor(
            make_server,
            workers=3,
            host="127.0.0.1",
            path=tmp_path / "local",
            sockets=[given],
            reuse_port=True,
        ) as supervisor,
    ):
        groups = [set(place.sockets) for place in supervisor._places]
        names = {socket.local_name for socket in supervisor.sockets}
    # Those that there are only one of are everybody's.
    assert [len(group) for group in groups] == [3, 3, 3]
    assert len(set.intersection(*groups)) == 2
    assert len(names) == 3


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"workers": 0}, ValueError),
        ({"workers": True}, TypeError),
        ({"workers": 2.0}, TypeError),
        ({"host": None}, TypeError),
        ({"host": None, "path": "x", "reuse_port": True}, TypeError),
        ({"drain_timeout": -1}, ValueError),
        ({"kill_timeout": "1"}, TypeError),
        ({"start_timeout": -1}, ValueError),
        ({"reload": 1}, TypeError),
        ({"watch": 1}, TypeError),
        ({"no_such_option": 1}, TypeError),
    ],
    ids=str,
)
def test_mistakes_are_found_at_once(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        Supervisor(make_server, **{"host": "127.0.0.1", **options})


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("processes", "; perhaps workers is meant"),
        ("num_workers", "; perhaps workers is meant"),
        ("graceful_timeout", "; perhaps drain_timeout is meant"),
        ("bind", "; perhaps host or path or sockets is meant"),
        ("local_port", "; perhaps port is meant"),
        ("wokers", "; perhaps workers is meant"),
        ("drain_timeuot", "; perhaps drain_timeout is meant"),
        ("nodely", "; perhaps nodelay is meant"),
        ("xyzzy", ""),
    ],
)
def test_a_wrong_name_is_told_the_right_one(name: str, hint: str) -> None:
    options: dict[str, Any] = {name: 1}
    with pytest.raises(TypeError) as raised:
        Supervisor(make_server, host="127.0.0.1", **options)
    assert str(raised.value) == f"a supervisor does not take {name}{hint}"


@pytest.mark.parametrize("name", ["start", "serve_forever", "stop", "shutdown", "reload"])
def test_a_method_of_another_name_is_told_what_to_use(name: str) -> None:
    with pytest.raises(AttributeError, match=f"^Supervisor has no {name}: .*(run|signal)"):
        getattr(Supervisor, name)


def test_options_of_sockets_are_taken() -> None:
    options: dict[str, Any] = {"nodelay": True, "timeout": 5, "external_format": "latin-1"}
    with Supervisor(make_server, host="127.0.0.1", **options) as supervisor:
        assert supervisor.sockets[0].is_listening


def test_what_makes_servers_is_a_function() -> None:
    with pytest.raises(TypeError, match=r"^make_server is callable, not NoneType$"):
        Supervisor(None, host="127.0.0.1")  # type: ignore[arg-type]


async def unplain(*args: Any) -> Any:
    """Do nothing, unless somebody awaits it."""


@pytest.mark.parametrize("name", ["make_server", "reload", "watch"])
def test_what_it_calls_is_no_async_function(name: str) -> None:
    functions: dict[str, Any] = {"make_server": make_server, name: unplain}
    with pytest.raises(TypeError, match=f"^{name} is a plain function, and unplain an async one"):
        Supervisor(host="127.0.0.1", **functions)


def test_it_runs_in_the_main_thread_and_only_without_others() -> None:
    errors: list[RuntimeError] = []

    def run() -> None:
        with pytest.raises(RuntimeError, match="main thread") as raised:
            supervisor.run()
        errors.append(raised.value)

    with Supervisor(make_server, host="127.0.0.1") as supervisor:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert errors
        is_over = threading.Event()
        other = threading.Thread(target=is_over.wait)
        other.start()
        try:
            with pytest.raises(RuntimeError, match="only thread"):
                supervisor.run()
        finally:
            is_over.set()
            other.join()
    with pytest.raises(RuntimeError, match="again"):
        supervisor.run()


def test_a_worker_is_not_put_off_for_ever() -> None:
    place = Place(0, [])
    assert max(place.put_off() for _ in range(2000)) == 30.0


def test_a_worker_that_has_served_for_long_is_replaced_at_once() -> None:
    place = Place(0, [])
    assert [place.put_off() for _ in range(3)] == [0.1, 0.2, 0.4]
    worker = Worker(place, generation=0, start_timeout=None)
    try:
        worker.state = "ready"
        assert place.note_loss(worker) == 0.8  # it was started just now
        worker.began -= 3600
        assert place.note_loss(worker) == 0
        assert place.put_off() == 0.1
        worker.state = "starting"
        assert place.note_loss(worker) == 0.2
    finally:
        worker.close()


@pytest.mark.parametrize(
    ("workers", "error"),
    [(0, ValueError), (10**7, ValueError), (1.5, TypeError), ("2", TypeError), (True, TypeError)],
)
def test_a_number_of_workers_is_one(workers: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="workers is"):
        Supervisor(make_server, host="127.0.0.1", workers=workers)


def test_where_it_listens_is_said_by_name() -> None:
    with pytest.raises(TypeError, match="says by name where they listen"):
        Supervisor(make_server, "127.0.0.1")  # type: ignore[arg-type]
