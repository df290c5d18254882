"""`trunkline serve` in one process: what it finds, where it listens, and how each way serves."""

import contextlib
import socket
import sys
from calendar import day_name
from pathlib import Path
from typing import Any

import pytest
from cli.helpers import assert_bad_usage, evented, serving
from servers.serving import eventually
from support.peers import connect, exchange, receive_all, receive_exactly

from trunkline import (
    ConnectionReset,
    LocalAddress,
    TimedOut,
    TLSTruncated,
    TransportProtocol,
    make_socket,
)
from trunkline.cli import main
from trunkline.cli.exit_status import ExitStatus
from trunkline.cli.serve.handlers import BadHandler, find_handler
from trunkline.cli.serve.services import SERVICES
from trunkline.cli.serve.subjects import SUBJECTS
from trunkline.cli.serve.supervised import AwaitedServer, EventedServer, outcome_of
from trunkline.cli.target import BadTarget, Target, parse_place

HERE = "cli.handlers_to_serve"


# -- where -----------------------------------------------------------------------------------------

PLACES = {
    "9999": Target("tcp", "localhost", 9999),
    "0": Target("tcp", "localhost", 0),
    "*:80": Target("tcp", "*", 80),
    ":0": Target("tcp", "*", 0),
    "localhost:0": Target("tcp", "localhost", 0),
    "[::1]:0": Target("tcp", parse_place("[::1]:1").host, 0),
    "unix:/run/s": Target("local", address=LocalAddress("/run/s")),
    "abstract:s": Target("local", address=LocalAddress("s", abstract=True)),
}


@pytest.mark.parametrize("text", PLACES)
def test_a_place_to_listen_at(text: str) -> None:
    assert parse_place(text) == PLACES[text]


@pytest.mark.parametrize(
    "text",
    ["65536", "*:x y", "udp:localhost:1", "tls:localhost:1", "srv:imap.example.org", "", "x"],
)
def test_what_is_nowhere_to_listen(text: str) -> None:
    with pytest.raises(BadTarget):
        parse_place(text)


# -- what ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "delivery"),
    [
        *((name, "callbacks", "bytes") for name in SERVICES),
        (f"{HERE}:by_thread", "threads", "bytes"),
        (f"{HERE}:ByCall", "threads", "bytes"),
        (f"{HERE}:by_task", "await", "bytes"),
        (f"{HERE}:awaited_object", "await", "bytes"),
        (f"{HERE}:Lines", "callbacks", "lines"),
        (f"{HERE}:Texts", "callbacks", "text"),
        (f"{HERE}:Inner.Bytes", "callbacks", "bytes"),
    ],
)
def test_what_it_was_made_for_is_found_out(name: str, kind: str, delivery: str) -> None:
    name = name.replace("ByCall", "called_object")
    found = find_handler(name)
    assert (found.kind, found.delivery) == (kind, delivery)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("http2", "none of echo, discard, daytime, chargen, http, proxy, exec, repl, and not"),
        ("no_such_module:x", "no module 'no_such_module'"),
        (f"{HERE}.deeper:x", "no module"),
        (f"{HERE}:nothing", "has no 'nothing'"),
        (f"{HERE}:NUMBER", "cannot be called"),
        (f"{HERE}:Useless", "takes no input"),
        (":x", "not module:function"),
        (f"{HERE}:", "not module:function"),
    ],
)
def test_what_cannot_serve_is_told_why(name: str, why: str) -> None:
    with pytest.raises(BadHandler, match=why):
        find_handler(name, SUBJECTS)


def test_what_a_module_lacks_is_its_own_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lacking_something.py").write_text("import no_such_thing_at_all\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="no_such_thing_at_all"):
        find_handler("lacking_something:x")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["echo"], "where to listen?"),
        (["echo", "0", "--threads", "4"], "--threads is for handlers of threads"),
        (["echo", "0", "--proxy-protocol", "here"], "here"),
        (["echo", "0", "--tls-key", "k"], "say --tls-cert"),
        (["echo", "0", "--workers", "0"], "no number of things"),
        (["echo", "0", "--metrics", "here there"], "here there"),
        (["echo", "--activate"], "no service manager has opened a socket"),
        ([f"{HERE}:two_arguments", "0"], "handler"),
        ([f"{HERE}:by_thread", "0", "--proxy-protocol", "here"], "here"),
        (["nothing", "0"], "not module:function"),
        (["echo", "here there:0"], "here there"),
    ],
)
def test_what_cannot_be_meant_is_told(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_bad_usage(["serve", *words], why, capsys)


def test_a_port_that_is_taken_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        status = main(["serve", "echo", f"127.0.0.1:{taken.getsockname()[1]}"])
    assert status == ExitStatus.LOCAL
    assert "Address already in use" in capsys.readouterr().err


def test_what_metrics_need_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with monkeypatch.context() as patch:  # and the log is left as it is
        patch.setattr("trunkline.cli.serve.log.start_logging", lambda form: None)
        status = main(["serve", "echo", "127.0.0.1:0", "--metrics", "0"])
    assert status == ExitStatus.NOT_INSTALLED
    assert "pip install 'trunkline[metrics]' (prometheus_client is missing)" in (
        capsys.readouterr().err
    )


# -- how -------------------------------------------------------------------------------------------


def test_echo() -> None:
    data = bytes(range(256)) * 4096
    with serving(evented(SERVICES["echo"])) as address:
        assert exchange(address, data) == data


def test_discard() -> None:
    with serving(evented(SERVICES["discard"])) as address:
        assert exchange(address, b"x" * 100_000) == b""


def test_daytime() -> None:
    with serving(evented(SERVICES["daytime"])) as address, connect(address) as client:
        told = receive_all(client).decode()
    day, _, rest = told.partition(", ")
    assert day in day_name
    assert rest.endswith("\r\n")


def test_chargen() -> None:
    with (
        serving(evented(SERVICES["chargen"])) as address,
        connect(address) as client,
        client.makefile("rb") as file,
    ):
        lines = [file.readline() for _ in range(10_000)]
    assert {len(line) for line in lines} == {74}
    assert lines[0].startswith(b" !\"#$%&'()")
    assert [line[0] for line in lines[:3]] == [0x20, 0x21, 0x22]
    assert lines[95] == lines[0]


def test_who_says_nothing_more_may_listen_to_chargen_for_ever() -> None:
    with serving(evented(SERVICES["chargen"])) as address, connect(address) as client:
        client.shutdown(socket.SHUT_WR)
        more_than_is_buffered = 20_000_000
        assert len(receive_exactly(client, more_than_is_buffered)) == more_than_is_buffered


def test_those_who_stay_are_told_and_then_cut() -> None:
    class Stays(TransportProtocol):
        def data_received(self, data: bytes) -> None:
            pass

    passive = make_socket(connect="passive", local_host="127.0.0.1", local_port=0)
    server = EventedServer([passive], Stays, delivery="bytes", max_connections=10)
    server.start()
    with connect(("127.0.0.1", passive.local_name[1])) as client:
        client.sendall(b"x")
        assert server.shutdown(0)
        with contextlib.suppress(ConnectionError):
            assert receive_all(client) == b""
    passive.close()


def test_callbacks_are_counted_as_a_server_counts() -> None:
    def make(sockets: Any) -> EventedServer:
        servers.append(evented(SERVICES["echo"])(sockets))
        return servers[-1]

    servers: list[EventedServer] = []
    with serving(make) as address:
        server = servers[0]
        assert exchange(address, b"hello") == b"hello"
        eventually(lambda: server.statistics().finished == 1)
        with connect(address) as client:
            client.sendall(b"abc")
            with client.makefile("rb") as file:
                assert file.read(3) == b"abc"
            eventually(lambda: server.traffic().bytes_sent == 8)
            counts, traffic = server.statistics(), server.traffic()
            peer = client.getsockname()
    assert (counts.accepted, counts.active, counts.peak, counts.finished) == (2, 1, 1, 1)
    assert (traffic.bytes_received, traffic.bytes_sent, traffic.ended) == (8, 8, 1)
    assert traffic.receptions >= 2
    (only,) = traffic.longest
    assert str(only.peer) == f"{peer[0]}:{peer[1]}"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (None, "finished"),
        (ValueError(), "failed"),
        (ConnectionReset(), "broken"),
        (TLSTruncated(), "rejected"),
        (TimedOut.expired("read", None), "timed_out"),
        (TimedOut(), "broken"),
    ],
)
def test_how_a_connection_has_ended(error: Exception | None, outcome: str) -> None:
    assert outcome_of(error).value == outcome


def test_by_tasks() -> None:
    found = find_handler(f"{HERE}:by_task")
    with serving(lambda sockets: AwaitedServer(found.handler, sockets=sockets)) as address:
        assert exchange(address, b"abc\n") == b"cba\n"


def test_what_is_wrong_with_tasks_is_told_by_starting() -> None:
    server = AwaitedServer(find_handler(f"{HERE}:by_task").handler, sockets=[], port=1)
    with pytest.raises(TypeError):
        server.start()
    with pytest.raises(TypeError):
        server.wait()
