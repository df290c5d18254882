"""The listener: whom it accepts and when, and what it survives."""

import contextlib
import json
import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from multiplex.helpers import UNDER_FAULTS, quiet
from multiplex.transport_helpers import (
    Failure,
    Recorder,
    failures_of,
    receive_while,
    run_until,
    settle,
)
from sockets.helpers import no_descriptors_left
from support.peers import receive_exactly
from support.programs import require
from support.timing import MS, PATIENCE

from trunkline import (
    EventBase,
    PassiveSocket,
    SocketClosed,
    SocketError,
    make_socket,
)
from trunkline._core.accept_policy import EPISODE_GAP
from trunkline._core.back_off import BackOff
from trunkline._sys import shortage
from trunkline.multiplex.listener import Listener, listen
from trunkline.multiplex.transport import Transport
from trunkline.sockets import listening_socket
from trunkline.testing import faults
from trunkline.testing.clock import ManualClock
from trunkline.testing.faults import Faults


@pytest.fixture(params=["tcp", "local"])
def passive(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[PassiveSocket]:
    """A socket that listens."""
    if request.param == "tcp":
        made = make_socket(connect="passive", local_host="127.0.0.1")
    else:
        made = make_socket(
            address_family="local", connect="passive", local_filename=str(tmp_path / "socket")
        )
    with made:
        yield made


@pytest.fixture
def tcp() -> Iterator[PassiveSocket]:
    """One that listens on TCP, where the family does not matter."""
    with make_socket(connect="passive", local_host="127.0.0.1") as made:
        yield made


def connect(passive: PassiveSocket) -> socket.socket:
    """Connect a plain socket."""
    if passive.address_family == "local":
        client = socket.socket(socket.AF_UNIX)
        address: Any = passive.local_filename.path
    else:
        client = socket.socket()
        address = ("127.0.0.1", passive.local_port)
    client.settimeout(PATIENCE)
    client.connect(address)
    return client


class Factory:
    """Makes protocols, and keeps them."""

    def __init__(self, **then: Callable[..., Any]) -> None:
        self.then = then
        self.made: list[Recorder] = []

    def __call__(self) -> Recorder:
        protocol = Recorder()
        protocol.then = self.then
        self.made.append(protocol)
        return protocol

    @property
    def count(self) -> int:
        """How many connections there have been."""
        return sum("connection_made" in each.names for each in self.made)

    def abort_all(self) -> None:
        """End all connections."""
        for each in self.made:
            if "connection_made" in each.names:
                each.transport.abort()


@contextlib.contextmanager
def listening(
    base: EventBase, passive: PassiveSocket, factory: Any, **options: Any
) -> Iterator[Listener]:
    """Yield a listener; at the end it is closed, and so are its connections."""
    with listen(base, passive, factory, **options) as listener:
        try:
            yield listener
        finally:
            if isinstance(factory, Factory):
                factory.abort_all()
            if not base.closed:
                settle(base)


# ---- Accepting ----


def test_each_connection_gets_a_transport_with_the_options(
    base: EventBase, passive: PassiveSocket
) -> None:
    factory = Factory(line_received=lambda line: factory.made[0].transport.write(f"{line}!\n"))
    options = {"delivery": "lines", "external_format": "utf-8/crlf"}
    with listening(base, passive, factory, **options) as listener, connect(passive) as client:
        assert listener.socket is passive
        assert listener.local_name == passive.local_name
        client.sendall(b"hello\r\n")
        run_until(base, lambda: factory.count and factory.made[0].lines)
        assert receive_while(base, client, 8) == b"hello!\r\n"
        transport = factory.made[0].transport
        assert transport.event_base is base
        assert transport.local_name == passive.local_name
        if passive.address_family != "local":
            assert transport.remote_name.port == client.getsockname()[1]


@pytest.mark.exact_io("it counts iterations")
def test_all_that_wait_are_accepted_in_one_iteration(
    base: EventBase, passive: PassiveSocket
) -> None:
    factory = Factory()
    with contextlib.ExitStack() as stack, listening(base, passive, factory):
        for _ in range(10):
            stack.enter_context(connect(passive))
        before = base.statistics().iterations
        base.dispatch(one_shot=True, timeout=PATIENCE)
        assert factory.count == 10
        assert base.statistics().iterations - before <= 2


def test_but_not_so_many_that_all_else_has_to_wait(base: EventBase, tcp: PassiveSocket) -> None:
    factory = Factory()
    with contextlib.ExitStack() as stack, listening(base, tcp, factory):
        for _ in range(100):
            stack.enter_context(connect(tcp))
        base.dispatch(one_shot=True, timeout=PATIENCE)
        assert factory.count < 100
        assert factory.count >= 2 or UNDER_FAULTS  # an injected EAGAIN looks as if nobody came
        run_until(base, lambda: factory.count == 100)


@pytest.mark.parametrize("in_callback", [False, True])
def test_nobody_is_accepted_while_it_is_paused(
    base: EventBase, passive: PassiveSocket, in_callback: bool
) -> None:
    def made(transport: Transport) -> None:
        if in_callback:
            listener.pause()

    factory = Factory(connection_made=made)
    with (
        listening(base, passive, factory) as listener,
        connect(passive) as first,
        connect(passive),
    ):
        if not in_callback:
            listener.pause()
            listener.pause()
        else:
            run_until(base, lambda: factory.count == 1)
        with quiet(base):
            base.dispatch(timeout=10 * MS)
        assert factory.count == in_callback
        listener.resume()
        listener.resume()
        run_until(base, lambda: factory.count == 2)
        factory.made[0].transport.write(b"welcome")
        assert receive_while(base, first, 7) == b"welcome"


@pytest.mark.parametrize("in_callback", [False, True])
def test_connections_outlive_the_listener(
    base: EventBase, passive: PassiveSocket, in_callback: bool
) -> None:
    def made(transport: Transport) -> None:
        if in_callback:
            listener.close()

    factory = Factory(connection_made=made)
    failures = failures_of(base)
    with listening(base, passive, factory) as listener, connect(passive) as client:
        run_until(base, lambda: factory.count)
        listener.close()
        listener.close()
        listener.pause()
        listener.resume()
        assert listener.closed
        assert passive.closed
        assert "Listener" in repr(listener)
        with pytest.raises(OSError, match=r"refused|No such file|directory"):
            connect_again(client)
        client.sendall(b"x")
        run_until(base, lambda: factory.made[0].data == b"x")
        assert failures == []


def connect_again(client: socket.socket) -> None:
    with socket.socket(client.family) as second:
        second.connect(client.getpeername())


def test_it_leaves_nothing_in_the_event_base(backend: str, tcp: PassiveSocket) -> None:
    with EventBase(backend=backend, exit_when_empty=True) as base:
        listener = listen(base, tcp, Recorder, idle_timeout=3600, read_timeout=60)
        assert base.statistics().timers == 0
        listener.close()
        base.dispatch(timeout=PATIENCE)
        assert base.is_empty


# ---- What others do wrong ----


def test_a_factory_that_fails_costs_one_connection(base: EventBase, passive: PassiveSocket) -> None:
    failures = failures_of(base)
    factory = Factory()
    errors = [Failure()]

    def make() -> Recorder:
        if errors:
            raise errors.pop()
        return factory()

    with listening(base, passive, make) as listener:
        with connect(passive) as client:
            run_until(base, lambda: failures)
            assert client.recv(1) == b""
        with connect(passive):
            run_until(base, lambda: factory.count)
            factory.abort_all()
        [(error, where)] = failures
        assert isinstance(error, Failure)
        assert where is listener
        settle(base)


def test_ctrl_c_in_a_factory_comes_out_and_the_listener_goes_on(
    base: EventBase, passive: PassiveSocket
) -> None:
    factory = Factory()
    errors = [KeyboardInterrupt()]

    def make() -> Recorder:
        if errors:
            raise errors.pop()
        return factory()

    with listening(base, passive, make):
        with connect(passive) as client:
            with pytest.raises(KeyboardInterrupt):
                run_until(base, lambda: not errors)
            assert client.recv(1) == b""
        with connect(passive):
            run_until(base, lambda: factory.count)
            factory.abort_all()
            settle(base)


def test_a_bad_connection_made_costs_one_connection(
    base: EventBase, passive: PassiveSocket
) -> None:
    failures = failures_of(base)

    def fail(transport: Transport) -> None:
        raise Failure

    factory = Factory(connection_made=fail)
    with listening(base, passive, factory):
        for count in (1, 2):
            with connect(passive) as client:
                run_until(base, lambda count=count: len(failures) == count)  # type: ignore[misc]
                assert client.recv(1) == b""


@pytest.mark.parametrize(
    "options",
    [
        {"delivery": "words"},
        {"external_format": "nonsense"},
        {"high_water": -1},
        {"idle_timeout": 0},
        {"no_such_option": 1},
        {"protocol": None},
    ],
)
def test_a_mistake_in_the_options_is_found_at_once(
    base: EventBase, tcp: PassiveSocket, options: dict[str, Any]
) -> None:
    with pytest.raises((TypeError, ValueError)):
        listen(base, tcp, Recorder, **options)
    assert not tcp.closed  # it is the caller's
    assert base.fd_monitored(tcp, "read") is None


def test_what_is_closed_cannot_listen(base: EventBase, tcp: PassiveSocket) -> None:
    tcp.close()
    with pytest.raises(SocketClosed):
        listen(base, tcp, Recorder)


# ---- Errors of accepting ----


class Refusing:
    """Stands for accept(2), which fails so many times with an error."""

    def __init__(self, passive: PassiveSocket, code: int, count: int) -> None:
        self.really_accept: Callable[[], Any] = partial(PassiveSocket._accept_descriptor, passive)
        self.code = code
        self.count = count
        self.calls = 0

    def __call__(self) -> Any:
        self.calls += 1
        if self.calls <= self.count:
            raise SocketError.from_errno(self.code, operation="accept")
        return self.really_accept()


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[PassiveSocket, str, int], Refusing]:
    """A function that lets accepting fail."""

    def refuse(passive: PassiveSocket, name: str, count: int) -> Refusing:
        import errno

        refusing = Refusing(passive, getattr(errno, name), count)
        monkeypatch.setattr(passive, "_accept_descriptor", refusing)
        return refusing

    return refuse


@pytest.mark.parametrize("name", ["ECONNABORTED", "EPROTO", "EPERM", "ENETDOWN"])
def test_a_client_that_is_gone_is_passed_over(
    base: EventBase, tcp: PassiveSocket, refuse: Any, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    refusing = refuse(tcp, name, 3)
    factory = Factory()
    with listening(base, tcp, factory), connect(tcp):
        base.dispatch(one_shot=True, timeout=PATIENCE)
        assert (factory.count, refusing.calls) == (1, 5) or UNDER_FAULTS
        run_until(base, lambda: factory.count == 1)
    assert caplog.records == []


@pytest.mark.parametrize("has_callback", [False, True])
def test_an_error_of_the_listening_socket_ends_the_accepting(
    base: EventBase, tcp: PassiveSocket, refuse: Any, has_callback: bool
) -> None:
    refuse(tcp, "EINVAL", 1)
    told: list[SocketError] = []
    failures = failures_of(base)
    factory = Factory()
    options = {"error_callback": told.append} if has_callback else {}
    with listening(base, tcp, factory, **options) as listener, connect(tcp):
        run_until(base, lambda: told or failures)
        with quiet(base):
            base.dispatch(timeout=10 * MS)
        assert factory.count == 0
        if has_callback:
            assert failures == []
        else:
            [(error, where)] = failures
            assert where is listener
            assert isinstance(error, SocketError)
        listener.resume()
        run_until(base, lambda: factory.count)


async def fail_later(error: SocketError) -> None:
    """Do nothing, unless somebody awaits it."""


def fail(error: SocketError) -> None:
    raise Failure


@pytest.mark.parametrize(
    ("error_callback", "kind"), [(fail, Failure), (lambda error: fail_later(error), TypeError)]
)
def test_an_error_callback_that_fails_has_its_place_too(
    base: EventBase, tcp: PassiveSocket, refuse: Any, error_callback: Any, kind: type[Exception]
) -> None:
    refuse(tcp, "EINVAL", 1)
    failures = failures_of(base)
    with listening(base, tcp, Factory(), error_callback=error_callback), connect(tcp):
        run_until(base, lambda: failures)
        assert isinstance(failures[0][0], kind)


# ---- Running out of descriptors ----


class Slow(BackOff):
    """A back-off that would let nothing happen in the time of a test."""

    def __init__(self) -> None:
        super().__init__(first=3600, factor=1, last=3600)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.message for each in caplog.records if each.levelno == logging.WARNING]


@pytest.mark.exact_io("an injected EAGAIN looks as if whoever waited had gone")
def test_while_descriptors_are_short_it_does_not_spin_and_says_so_once(
    base: EventBase, tcp: PassiveSocket, caplog: pytest.LogCaptureFixture
) -> None:
    factory = Factory()
    with listening(base, tcp, factory), connect(tcp) as client:
        with no_descriptors_left():
            with quiet(base, iterations=12):  # it looks after 10, 20, 40, 80 milliseconds
                base.dispatch(timeout=150 * MS)
            [text] = warnings_of(caplog)
            assert str(tcp.local_name) in text
        run_until(base, lambda: factory.count)
        factory.made[0].transport.write(b"at last")
        assert receive_exactly(client, 7) == b"at last"
        assert len(warnings_of(caplog)) == 1
        assert base.statistics().timers == 0


def test_at_its_limit_it_is_short_again_and_again_and_says_so_once(
    base: EventBase, tcp: PassiveSocket, caplog: pytest.LogCaptureFixture, refuse: Any
) -> None:
    factory = Factory()
    with listening(base, tcp, factory):
        for shortages in range(1, 6):
            refuse(tcp, "EMFILE", 2)
            with connect(tcp):
                run_until(base, lambda n=shortages: factory.count == n)  # type: ignore[misc]
        assert len(warnings_of(caplog)) == 1


def test_the_next_shortage_is_news(
    base: EventBase,
    tcp: PassiveSocket,
    caplog: pytest.LogCaptureFixture,
    refuse: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    factory = Factory()
    with listening(base, tcp, factory):
        for shortages in (1, 2):
            monkeypatch.setattr(
                listening_socket, "monotonic", lambda n=shortages: 2 * n * EPISODE_GAP
            )
            refuse(tcp, "EMFILE", 2)
            with connect(tcp):
                run_until(base, lambda n=shortages: factory.count == n)  # type: ignore[misc]
            assert len(warnings_of(caplog)) == shortages


@pytest.mark.parametrize("in_thread", [False, True])
def test_it_goes_on_when_something_of_ours_is_closed(
    base: EventBase, tcp: PassiveSocket, refuse: Any, in_thread: bool
) -> None:
    refusing = refuse(tcp, "EMFILE", 1)
    factory = Factory()
    with (
        make_socket() as spare,
        listening(base, tcp, factory) as listener,
        connect(tcp) as client,
    ):
        listener._back_off = Slow()
        run_until(base, lambda: refusing.calls)
        settle(base)
        assert factory.count == 0
        if in_thread:
            base.call_soon(lambda: None)
            closer = threading.Thread(target=spare.close)
            closer.start()
            closer.join()
        else:
            spare.close()
        # What wakes it is the closing, not this: it would be waiting for an hour.
        base.dispatch(one_shot=True, timeout=PATIENCE)
        run_until(base, lambda: factory.count)
        assert base.statistics().timers == 0
        client.sendall(b"x")
        run_until(base, lambda: factory.made[0].data == b"x")


def test_it_looks_again_by_itself_after_a_growing_delay(
    timed_base: EventBase, clock: ManualClock, tcp: PassiveSocket, refuse: Any
) -> None:
    refusing = refuse(tcp, "ENFILE", 4)
    factory = Factory()
    with listening(timed_base, tcp, factory), connect(tcp):
        for calls, delay in enumerate((0.01, 0.02, 0.04, 0.08), 1):
            run_until(timed_base, lambda calls=calls: refusing.calls == calls)  # type: ignore[misc]
            clock.advance(delay * 0.9)
            settle(timed_base)
            assert refusing.calls == calls
            clock.advance(delay * 0.2)
        run_until(timed_base, lambda: factory.count)


@pytest.mark.parametrize("ending", [Listener.close, Listener.pause])
def test_whoever_waits_for_a_descriptor_may_be_closed_or_paused(
    base: EventBase, tcp: PassiveSocket, refuse: Any, ending: Callable[[Listener], None]
) -> None:
    refusing = refuse(tcp, "EMFILE", 1000)
    with make_socket() as spare, listening(base, tcp, Factory()) as listener, connect(tcp):
        run_until(base, lambda: refusing.calls >= 2)
        ending(listener)
        listener.resume()
        settle(base)
        ending(listener)
        calls = refusing.calls
        spare.close()
        base.dispatch(timeout=30 * MS)
        assert refusing.calls == calls
    settle(base)
    assert base.statistics().timers == 0


def test_a_long_shortage_leaves_no_more_than_one_to_be_told(
    base: EventBase, tcp: PassiveSocket, refuse: Any
) -> None:
    before = len(shortage._callbacks)
    refusing = refuse(tcp, "EMFILE", 5)
    with listening(base, tcp, Factory()), connect(tcp):
        run_until(base, lambda: refusing.calls == 5)
        assert len(shortage._callbacks) == before + 1
        assert base.statistics().timers <= 1


def test_whoever_closes_something_is_not_told_of_an_event_base_that_is_closed(
    backend: str, tcp: PassiveSocket, refuse: Any
) -> None:
    refusing = refuse(tcp, "EMFILE", 5)
    with EventBase(backend=backend) as base:
        listener = listen(base, tcp, Factory())
        with connect(tcp):
            run_until(base, lambda: refusing.calls)
        base.close()
        make_socket().close()
        listener.close()


# ---- Under the fault injector ----

SERVER = """
import json, logging, sys
from trunkline import EventBase, make_socket
from trunkline.multiplex.listener import listen
import socket

class Echo:
    def connection_made(self, transport):
        self.transport = transport
    def data_received(self, data):
        self.transport.write(data)

logging.basicConfig(stream=sys.stderr)
passive = make_socket(connect="passive", local_host="127.0.0.1")
good = 0
with EventBase(backend=sys.argv[1]) as base, listen(base, passive, Echo) as listener:
    for _ in range(4):
        client = socket.create_connection(("127.0.0.1", passive.local_port))
        client.sendall(b"hello")
        client.settimeout(0)
        received = b""
        while len(received) < 5:
            base.dispatch(timeout=0.01)
            try:
                received += client.recv(5)
            except BlockingIOError:
                pass
        good += received == b"hello"
        client.close()
    base.dispatch(timeout=0.05)
    iterations = base.statistics().iterations
print(json.dumps({"good": good, "iterations": iterations}))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("cc")
    if not faults.available():
        pytest.skip("faults are injected on Linux with glibc only")
    return faults.build(tmp_path_factory.mktemp("faults"))


@pytest.mark.exact_io("it has its own faults")
@pytest.mark.parametrize(
    ("script", "warnings"),
    [
        ("accept:EMFILE*3", 1),
        ("accept:ECONNABORTED*3", 0),
        ("accept:ENOBUFS@2*2,accept:ECONNABORTED@6", 1),
    ],
)
@pytest.mark.slow
def test_a_server_survives_what_accept_may_say(
    backend: str, library: Path, tmp_path: Path, script: str, warnings: int
) -> None:
    plan = Faults(seed=1, script=script)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", SERVER, backend],
        env=plan.environment(library, report=tmp_path / "report"),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, f"{plan}\n{done.stdout}{done.stderr}"
    assert done.stderr.count("cannot accept connections") == warnings
    assert len(done.stderr.splitlines()) == warnings
    met = json.loads(done.stdout)
    assert met["good"] == 4
    assert met["iterations"] < 200
    counts = faults.read_report(tmp_path / "report")
    assert any(counts[f"accept {name}"] for name in ("EMFILE", "ECONNABORTED", "ENOBUFS"))
