"""What goes on beside a supervisor's work: asking workers how they are, and serving that."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
from servers.supervised import Client, Supervised, kill, stop, supervised
from support.peers import connect, receive_all

from trunkline import Supervisor, make_socket

pytestmark = pytest.mark.slow

# Whoever connects to the second port, and ends, is told how the workers are.
BESIDE = """
from trunkline import TransportProtocol, make_socket

class Telling(TransportProtocol):
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        if data == b"fail":
            raise ValueError("beside")
        if data == b"twice":
            supervisor.ask_workers(self.tell)
        supervisor.ask_workers(self.tell)
    def tell(self, reports):
        if not self.transport.is_closing:
            self.transport.write("".join(f"REPORT\\n" for each in reports).encode())
            self.transport.close()

real_init = Supervisor.__init__
def init(self, *arguments, **options):
    real_init(self, *arguments, **options)
    socket = make_socket(connect="passive", local_host="127.0.0.1", local_port=0)
    say("beside", socket.local_port)
    self.listen_beside(socket, Telling)
    self.event_base.add_timer(lambda: say("tick"), 0, one_shot=True)
Supervisor.__init__ = init
"""

REPORT = (
    "{each.status.place} {each.status.state} "
    "{each.statistics and each.statistics.accepted} {each.statistics and each.statistics.active} "
    "{each.traffic and each.traffic.bytes_received} {(each.memory or 0) > 1_000_000}"
)


def telling(**options: Any) -> Any:
    """Return a supervised program that tells on another port how its workers are."""
    return supervised(more=BESIDE.replace("REPORT", REPORT), **options)


def port_beside(it: Supervised) -> int:
    """Return that port."""
    for line in it.program.output.splitlines():
        if line.startswith("beside "):
            return int(line.removeprefix("beside "))
    raise AssertionError("it has not said where")


def ask(it: Supervised, what: bytes = b"?") -> list[str]:
    """Ask there."""
    with connect(("127.0.0.1", port_beside(it))) as client:
        client.sendall(what)
        return receive_all(client).decode().splitlines()


@pytest.mark.parametrize("backend", ["epoll", "poll", "select"])
def test_workers_tell_how_they_are(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_BACKEND", backend)
    with telling(workers=2) as it:
        assert ask(it) == ["0 ready 0 0 0 True", "1 ready 0 0 0 True"]
        with Client(it.address) as client:
            client.read_pid()
            told = ask(it, b"twice")
            assert sorted(line[2:] for line in told) == ["ready 0 0 0 True", "ready 1 1 0 True"]
            assert client.ask() == "answer to it\n"
        it.signal(signal.SIGTERM)
        it.finish()
        assert "\ntick\n" in it.program.output


def test_a_worker_that_drains_tells_too_and_one_that_does_not_answer_is_told_of() -> None:
    with telling() as it, Client(it.address) as client:
        pid = client.read_pid()
        kill(pid, signal.SIGTERM)
        (new,) = it.wait_for_workers("0:draining:0", "0:ready:0")[1:]
        assert ask(it) == ["0 draining 1 1 0 True", "0 ready 0 0 0 True"]
        stop(new)
        assert ask(it) == ["0 draining 1 1 0 True", "0 ready None None None False"]
        kill(new, signal.SIGCONT)
        assert client.ask() == "answer to it\n"
        it.signal(signal.SIGTERM)
        it.finish()


def test_workers_have_nothing_of_it() -> None:
    with telling() as it:
        with connect(("127.0.0.1", port_beside(it))) as client:  # which a new worker would inherit
            it.signal(signal.SIGHUP)
            it.wait_for_workers("0:ready:1")
            client.sendall(b"?")
            assert receive_all(client) == b"0 ready 0 0 0 True\n"  # and the end
        it.signal(signal.SIGTERM)
        it.finish()


def test_what_fails_there_is_logged_and_all_goes_on() -> None:
    with telling() as it:
        assert ask(it, b"fail") == []
        it.program.wait_for_line("ValueError: beside")
        assert ask(it) == ["0 ready 0 0 0 True"]
        it.signal(signal.SIGTERM)
        it.finish()


def test_what_a_timer_raises_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise ValueError("beside")

    with unrun() as supervisor:
        supervisor.event_base.add_timer(fail, 0, one_shot=True)
        supervisor._go_on_beside()
    (record,) = caplog.records
    assert record.getMessage() == "supervisor: what goes on beside has failed"


def test_a_supervisor_that_never_runs_closes_it_too() -> None:
    with unrun() as supervisor:
        socket = make_socket(connect="passive", local_host="127.0.0.1")
        listener = supervisor.listen_beside(socket, _protocol)
        base = supervisor.event_base
    assert listener.closed
    assert base.closed


def unrun() -> Supervisor:
    """Return a supervisor, which is not run."""
    make_server: Callable[..., Any] = lambda sockets: None  # noqa: E731
    return Supervisor(make_server, host="127.0.0.1")


def _protocol() -> Any:
    raise AssertionError("nobody connects")
