"""`trunkline bench`: when messages go, when they are answered, how that is counted and shown."""

import contextlib
import json
import signal
import threading
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cli.helpers import assert_bad_usage, command
from hypothesis import given
from hypothesis import strategies as st
from servers.serving import serving
from support.certificates import Certificates
from support.peers import PeerServer, echo, echo_server, receive_exactly, refusing_port, reset
from support.timing import MS, PATIENCE

from trunkline import ConnectionRefused, EventBase
from trunkline.cli import main
from trunkline.cli.bench.exchanges import EXCHANGES, Answered, exchange_maker
from trunkline.cli.bench.histogram import Histogram, steps
from trunkline.cli.bench.load import Counts, Load, Plan
from trunkline.cli.bench.result import Result, time_text
from trunkline.cli.bench.schedule import Schedule
from trunkline.cli.bench.svg import svg
from trunkline.cli.exit_status import ExitStatus

# -- counting --------------------------------------------------------------------------------------


def filled(*seconds: float) -> Histogram:
    histogram = Histogram()
    for each in seconds:
        histogram.add(each)
    return histogram


@given(st.lists(st.floats(1e-6, 10_000), min_size=1), st.floats(0, 100))
def test_percentiles_are_right_within_a_hundredth(times: list[float], percent: float) -> None:
    histogram = filled(*times)
    found = histogram.percentile(percent)
    not_above = sum(each <= found for each in times)
    assert not_above >= len(times) * percent / 100
    below = sum(each < found / (1 + 1 / 128) - 2e-6 for each in times)
    assert below <= len(times) * percent / 100
    assert sum(count for _, count in histogram.buckets()) == len(times)
    assert found <= histogram.longest == max(times)


def test_a_histogram_of_nothing() -> None:
    histogram = Histogram()
    assert (histogram.count, histogram.mean, histogram.longest) == (0, 0.0, 0.0)
    assert histogram.percentile(50) == 0.0


def test_times_between_edges() -> None:
    histogram = filled(0.0005, 0.001, 0.0015, 0.003, 0.02)
    assert histogram.between([0.001, 0.002, 0.005, 0.01, 0.02]) == [1, 2, 1, 0, 1]


@pytest.mark.parametrize(
    ("shortest", "longest", "edges"),
    [
        (0.0015, 0.02, [2e-3, 5e-3, 1e-2, 2e-2]),
        (0.001, 0.001, [1e-3]),
        (0.0, 1e-6, [1e-6]),
        (3.0, 30.0, [5.0, 10.0, 20.0, 50.0]),
    ],
)
def test_steps_are_round(shortest: float, longest: float, edges: list[float]) -> None:
    assert steps(shortest, longest, (1.0, 2.0, 5.0)) == pytest.approx(edges)


# -- moments ---------------------------------------------------------------------------------------


def test_messages_are_spread_evenly_over_connections() -> None:
    schedule = Schedule(2, 10.0, 100.0, 1.0)
    assert schedule.total == 10
    taken = []
    for connection in range(2):
        schedule.set_idle(connection)
    for number in range(20):
        now = 100.0 + number * 0.05
        for connection, moment in schedule.take(now):
            taken.append((connection, round(moment - 100.0, 6)))
            schedule.set_idle(connection)
    assert taken == [(number % 2, number / 10) for number in range(10)]
    assert (schedule.taken, schedule.unsent, schedule.next_moment()) == (10, 0, None)


def test_a_connection_that_is_over_sends_nothing_until_there_is_another() -> None:
    schedule = Schedule(2, 10.0, 0.0, 1.0)
    for connection in range(2):
        schedule.set_idle(connection)
    schedule.withdraw(0)
    schedule.withdraw(0)
    assert [*schedule.take(0.25)] == [(1, 0.1)]
    schedule.set_idle(0)
    assert [*schedule.take(0.25)] == [(0, 0.0)]


def test_a_message_that_has_to_wait_keeps_its_moment() -> None:
    schedule = Schedule(1, 10.0, 0.0, 1.0)
    schedule.set_idle(0)
    assert [*schedule.take(0.0)] == [(0, 0.0)]
    assert [*schedule.take(0.5)] == []  # it is still waiting for its answer
    latencies = []
    for _ in range(5):
        schedule.set_idle(0)
        latencies += [0.55 - moment for _, moment in schedule.take(0.55)]
    assert latencies == pytest.approx([0.45, 0.35, 0.25, 0.15, 0.05])
    schedule.set_idle(0)
    assert schedule.next_moment() == 0.6
    assert [*schedule.take(1.0)] == []
    assert schedule.unsent == 4


# -- what is said ----------------------------------------------------------------------------------

HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CLOSING = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
INTERIM = b"HTTP/1.1 103 Early Hints\r\n\r\n"

ANSWERS: list[tuple[str, bytes, Answered]] = [
    ("lines", b"hello\n", Answered()),
    ("lines", b"a\nb\n", Answered("more than one line", keeps=False)),
    ("http", HTTP, Answered()),
    ("http", CHUNKED, Answered()),
    ("http", INTERIM + HTTP, Answered()),
    ("http", MISSING, Answered("status 404")),
    ("http", b"SSH-2.0-x\r\n\r\n", Answered("wrong answer", keeps=False)),
]


@pytest.mark.parametrize(("name", "data", "answered"), ANSWERS)
def test_answers(name: str, data: bytes, answered: Answered) -> None:
    exchange = exchange_maker(name, 10, "localhost:80", "/")()
    for _ in range(1 + answered.keeps):
        assert exchange.request()
        assert exchange.take(data) == answered
        if not answered.keeps:
            continue
        exchange.request()
        found = [exchange.take(data[number : number + 1]) for number in range(len(data))]
        assert found == [None] * (len(data) - 1) + [answered]


def test_an_echo_is_the_same() -> None:
    exchange = EXCHANGES["echo"](200, "", "")
    message = exchange.request()
    assert len(message) == 200
    assert exchange.take(message[:150]) is None
    assert exchange.take(message[150:]) == Answered()
    assert exchange.take(exchange.request() + b"x") == Answered("wrong answer", keeps=False)


def test_a_response_may_end_with_its_connection() -> None:
    exchange = exchange_maker("http", 10, "localhost:80", "/")()
    assert b"Host: localhost:80\r\n" in exchange.request()
    assert exchange.take(CLOSING) is None
    assert exchange.take(b"") == Answered(keeps=False)
    exchange = exchange_maker("http", 10, "localhost:80", "/")()
    exchange.request()
    assert exchange.take(HTTP[:-1]) is None
    assert exchange.take(b"") == Answered("wrong answer", keeps=False)


SIZE = 100  # bytes of a message

# -- load ------------------------------------------------------------------------------------------


def run_load(
    address: tuple[str, int],
    name: str = "echo",
    begin: Callable[[object], object] = lambda name: None,
    **options: Any,
) -> Counts:
    """Put load on a server."""
    plan = Plan(
        family="internet",
        options={"remote_host": address[0], "remote_port": address[1]},
        make_exchange=exchange_maker(name, SIZE, "localhost", "/"),
        **{"connections": 3, "rate": 1000, "duration": 0.1, "timeout": PATIENCE, **options},
    )
    with EventBase() as base:
        load = Load(base, plan, begin)
        load.run()
    return load.counts


def test_each_message_is_answered_and_counted() -> None:
    begun: list[object] = []
    with echo_server() as server:
        counts = run_load(server.address, begin=begun.append)
    assert [str(name) for name in begun] == [f"127.0.0.1:{server.address[1]}"]
    assert counts.sent + counts.unsent == 100
    assert counts.answered == counts.latency.count == counts.sent > 0
    assert counts.bytes_sent == counts.bytes_received == 100 * counts.sent
    assert counts.errors == {}
    assert 0 < counts.latency.percentile(50) <= counts.latency.longest <= counts.seconds


def test_who_would_have_waited_is_counted() -> None:
    def stall(connection: Any) -> None:
        message = receive_exactly(connection, SIZE)
        assert not threading.Event().wait(100 * MS)
        connection.sendall(message)
        echo(connection)

    with PeerServer(stall) as server:
        counts = run_load(server.address, connections=1, rate=200, duration=0.25)
    # One answer took so long. Those that were to go meanwhile have waited, too.
    late = sum(count for seconds, count in counts.latency.buckets() if seconds > 30 * MS)
    assert late >= max(2, counts.answered // 5)
    assert counts.latency.longest >= 100 * MS


def breaking(how: str) -> Callable[[Any], None]:
    """Return a handler that serves one message of each connection, and then does something else."""

    def handle(connection: Any) -> None:
        connection.sendall(receive_exactly(connection, SIZE))
        receive_exactly(connection, SIZE)
        if how == "reset":
            reset(connection)
        elif how == "wrong":
            connection.sendall(b"wrong")
            connection.recv(65_536)
        elif how == "silent":
            connection.recv(65_536)

    def handle_calmly(connection: Any) -> None:
        with contextlib.suppress(ConnectionError):
            handle(connection)

    return handle_calmly


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        ("reset", "ConnectionReset"),
        ("end", "EndOfFile"),
        ("wrong", "wrong answer"),
        ("silent", "TimedOut"),
    ],
)
def test_errors_are_counted_by_their_kinds_and_others_take_over(how: str, kind: str) -> None:
    timeout = 50 * MS if how == "silent" else PATIENCE
    with PeerServer(breaking(how)) as server:
        counts = run_load(server.address, duration=0.3, rate=100, timeout=timeout)
    assert set(counts.errors) == {kind}
    assert counts.answered >= 1
    assert counts.answered + sum(counts.errors.values()) == counts.sent


def test_what_is_said_without_being_asked_is_an_error() -> None:
    def handle(connection: Any) -> None:
        with contextlib.suppress(ConnectionError):
            connection.sendall(b"220 welcome\r\n")
            connection.recv(65_536)

    with PeerServer(handle) as server:
        counts = run_load(server.address, rate=20, duration=0.2)
    assert counts.errors["unasked"] + counts.errors["wrong answer"] >= 1


def test_that_nobody_listens_is_raised() -> None:
    with refusing_port() as port, pytest.raises(ConnectionRefused):
        run_load(("127.0.0.1", port))


# -- what is shown ---------------------------------------------------------------------------------


def some_result(**options: Any) -> Result:
    counts = Counts(
        latency=filled(*[0.00015] * 60, *[0.0004] * 30, *[0.003] * 9, 0.045),
        answered=100,
        sent=103,
        bytes_sent=6_592,
        bytes_received=6_400,
        seconds=2.0,
    )
    counts.errors.update({"TimedOut": 2, "wrong answer": 1})
    for name, value in options.items():
        setattr(counts, name, value)
    return Result("127.0.0.1:9999", "echo", 10, 50, 2.0, 64, counts)


TEXT = """\
echo at 127.0.0.1:9999: 10 connections, 50 messages a second

sent         103, 51.5 a second, 6.4 KiB
answered     100, 50.0 a second, 6.2 KiB
errors       2 TimedOut, 1 wrong answer
latency      930 µs in the mean, 45 ms at most

        50 %        90 %        99 %      99.9 %     99.99 %
      151 µs      402 µs     3.01 ms       45 ms       45 ms

up to
200 µs           60   60.0 %  ############################################
500 µs           30   30.0 %  ######################
1 ms              0    0.0 %
2 ms              0    0.0 %
5 ms              9    9.0 %  #######
10 ms             0    0.0 %
20 ms             0    0.0 %
50 ms             1    1.0 %  #
"""


def test_the_whole_text() -> None:
    assert "\n".join([*some_result().lines(), ""]) == TEXT


def test_what_else_may_be_told() -> None:
    result = some_result(unsent=7, lateness=filled(*[0.01] * 10), errors=Counts().errors)
    lines = result.lines()
    assert "errors       none" in lines
    assert "not sent     7, while connections waited for answers" in lines
    assert lines[-2].startswith("Beware: 1 % of the messages to idle connections went 10 ms late")
    assert max(map(len, lines)) <= 80


def test_nothing_was_answered() -> None:
    result = some_result(latency=Histogram(), answered=0)
    assert len(result.lines()) == 5
    assert ET.fromstring(svg(result)) is not None
    assert result.plain()["latency"]["p50"] == 0


def test_json_has_it_all() -> None:
    told = json.loads(json.dumps(some_result().plain()))
    assert told["latency"]["max"] == 0.045
    assert told["errors"] == {"TimedOut": 2, "wrong answer": 1}
    assert sum(count for _, count in told["histogram"]) == 100


def test_the_picture_has_a_bar_for_each_step() -> None:
    result = some_result()
    picture = ET.fromstring(svg(result))
    space = "{http://www.w3.org/2000/svg}"
    bars = [each for each in picture.iter(f"{space}rect") if each.find(f"{space}title") is not None]
    counts = [int((bar.find(f"{space}title").text or "").split()[-1]) for bar in bars]  # type: ignore[union-attr]
    assert sum(counts) == 100
    heights = [float(bar.get("height", "")) for bar in bars]
    assert max(heights) == heights[counts.index(60)] == pytest.approx(2 * heights[counts.index(30)])
    for each in picture.iter():
        for name in ("x", "x1", "x2"):
            assert 0 <= float(each.get(name, "0")) <= 800
    texts = {each.text for each in picture.iter(f"{space}text")}
    assert {"99 %: 3.01 ms", "1 ms", "10 ms", "60"} <= texts


def test_a_target_is_no_markup() -> None:
    result = Result('unix:/<&">', "echo", 1, 1, 1, 1, Counts())
    assert ET.fromstring(svg(result))[0].text == 'echo at unix:/<&">'


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0 µs"), (0.000999, "999 µs"), (0.001, "1 ms"), (0.0123, "12.3 ms"), (1.5, "1.5 s")],
)
def test_times_are_short(seconds: float, text: str) -> None:
    assert time_text(seconds) == text


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def port() -> Iterator[int]:
    with echo_server() as server:
        yield server.address[1]


QUICK = ("--duration", "0.05", "--connections", "2")


def test_as_text_with_a_picture(
    port: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture.svg"
    assert main(["bench", f"127.0.0.1:{port}", *QUICK, "--svg", str(path)]) == 0
    output = capsys.readouterr().out
    assert output.startswith(f"echo at 127.0.0.1:{port}: 2 connections, 1000 messages a second")
    assert max(map(len, output.splitlines())) <= 80
    assert ET.fromstring(path.read_text()) is not None


def test_as_json(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", f"127.0.0.1:{port}", *QUICK, "--json"]) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out)
    assert (told["connections"], told["rate"], told["size"]) == (2, 1000, 64)
    assert told["answered"] == told["sent"] > 0
    assert captured.err == ""  # it is this machine


def test_a_page_of_the_standard_library_s_server(capsys: pytest.CaptureFixture[str]) -> None:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/page?x=1" else 404)
            self.send_header("Content-Length", "5")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        words = ["bench", f"127.0.0.1:{server.server_port}", *QUICK, "--protocol", "http", "--json"]
        assert main([*words, "--path", "/page?x=1"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["answered"] == told["sent"] > 0
        assert main(words) == ExitStatus.FAILED
        told = json.loads(capsys.readouterr().out)
        assert told["errors"] == {"status 404": told["sent"]}
        server.shutdown()
        thread.join(PATIENCE)


def test_by_tls(certificates: Certificates, capsys: pytest.CaptureFixture[str]) -> None:
    authority = str(certificates.authority.certificate)
    with serving(tls=certificates.server_tls) as server:
        target = f"tls:localhost:{server.port}"
        words = ["bench", target, *QUICK, "--protocol", "lines", "--json"]
        assert main([*words, "--ca", authority]) == 0
        told = json.loads(capsys.readouterr().out)
        assert (told["target"], told["errors"]) == (target, {})
        assert told["answered"] == told["sent"] > 0
        assert main([*words, "--insecure"]) == 0
        assert main(words) == ExitStatus.TLS_FAILED


@pytest.mark.slow
def test_ctrl_c_ends_it_and_what_there_is_is_told() -> None:
    has_begun = threading.Event()

    def handle(connection: Any) -> None:
        with contextlib.suppress(ConnectionError):
            connection.sendall(connection.recv(65_536))
            connection.sendall(connection.recv(65_536))
            has_begun.set()
            echo(connection)

    with (
        PeerServer(handle) as server,
        command("bench", f"127.0.0.1:{server.address[1]}", "--duration=1000") as bench,
    ):
        assert has_begun.wait(PATIENCE)
        bench.process.send_signal(signal.SIGINT)
        assert bench.wait() == ExitStatus.INTERRUPTED
    assert "errors       none" in bench.output
    assert "Traceback" not in bench.output


def test_errors_have_a_status(capsys: pytest.CaptureFixture[str]) -> None:
    with PeerServer(lambda connection: None) as server:
        words = ["bench", f"127.0.0.1:{server.address[1]}", *QUICK]
        assert main(words) == ExitStatus.FAILED
    assert "errors       none" not in capsys.readouterr().out
    with refusing_port() as port:
        assert main(["bench", f"127.0.0.1:{port}", *QUICK]) == ExitStatus.REFUSED


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["nowhere"], "write nowhere:port"),
        (["udp:localhost:1"], "load is put on a connection"),
        (["srv:x.example.org"], "load is put on a connection"),
        (["localhost:1", "--insecure"], "write tls:localhost:1"),
        (["tls:unix:/s"], "--insecure"),
        (["localhost:1", "--path", "a b"], "is no path"),
        (["localhost:1", "--rate", "0"], "no number of things"),
    ],
)
def test_what_cannot_be_meant_is_told(
    words: list[str], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert_bad_usage(["bench", *words], why, capsys)


@pytest.mark.parametrize(("host", "is_ours"), [("127.0.0.1", True), ("192.0.2.7", False)])
def test_load_on_others_is_warned_of(
    host: str, is_ours: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    from trunkline import Endpoint, IPv4Address
    from trunkline.cli.bench_command import _warn_of_others

    _warn_of_others(Endpoint(IPv4Address(host), 80))
    assert ("another machine" in capsys.readouterr().err) == (not is_ours)
