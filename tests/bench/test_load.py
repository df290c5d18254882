"""The load generator notices every wrong answer and counts the right ones right."""

import socket
import threading
from collections.abc import Callable

import pytest

from bench.numbered import MIB, TEXT

from .conftest import Handler, RunLoad

pytestmark = pytest.mark.needs_program("cc")

Serve = Callable[[Handler], int]

# Seconds. A run that finds an error ends at once, and until then it must go on, however busy the
# machine is. In the other runs, what is counted has to happen.
UNTIL_FOUND = 20
LONG_ENOUGH = 1


def echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


def test_messages_and_bytes_are_those_that_the_server_has_seen(
    serve: Serve, run_load: RunLoad
) -> None:
    seen: list[int] = []

    def count(connection: socket.socket) -> None:
        while data := connection.recv(65536):
            seen.append(len(data))
            connection.sendall(data)

    result = run_load(serve(count), connections=3, size=100, duration=LONG_ENOUGH)
    warmup = 3 * 100  # one message on each connection, before "go"
    assert result["bytes"] == sum(seen) - warmup
    assert result["messages"] * 100 == result["bytes"]
    assert result["messages"] > 0
    assert result["seconds"] >= LONG_ENOUGH


def test_lines_have_the_asked_length_and_come_as_many_at_once(
    serve: Serve, run_load: RunLoad
) -> None:
    batches: list[bytes] = []

    def answer_batches(connection: socket.socket) -> None:
        with connection.makefile("rb") as file:
            while batch := file.read(7 * 20):
                batches.append(batch)
                connection.sendall(batch)

    result = run_load(serve(answer_batches), size=20, lines=7, duration=LONG_ENOUGH)
    assert all(len(line) == 20 for line in batches[0].splitlines(keepends=True))
    assert batches[0].count(b"\n") == 7
    assert len(set(batches)) > 1
    assert result["messages"] == 7 * (len(batches) - 1)


def test_a_window_is_so_many_requests_before_the_first_answer(
    serve: Serve, run_load: RunLoad
) -> None:
    def answer_by_fours(connection: socket.socket) -> None:
        with connection.makefile("rb") as file:
            while requests := file.read(4 * 10):
                connection.sendall(requests)

    assert run_load(serve(answer_by_fours), size=10, window=4)["messages"] % 4 == 0
    handler = answer_by_fours
    stuck = run_load(serve(handler), size=10, window=3, patience=0.2, duration=UNTIL_FOUND)
    assert stuck["error"] == "no answer for 0.2 s"


def test_messages_larger_than_the_sockets_buffers_pass(serve: Serve, run_load: RunLoad) -> None:
    result = run_load(serve(echo), size=3_000_000, window=2)
    assert result["bytes"] == result["messages"] * 3_000_000


def test_percentiles_are_ordered_and_positive(serve: Serve, run_load: RunLoad) -> None:
    result = run_load(serve(echo), duration=LONG_ENOUGH)
    assert 0 < result["p50_us"] <= result["p99_us"] <= result["p999_us"]
    assert result["p999_us"] <= result["max_us"] * (1 + 1 / 64)


def alter_after(count: int, alter: Callable[[bytes], bytes]) -> Handler:
    """Make a handler that answers `count` messages rightly and then alters one."""

    def handle(connection: socket.socket) -> None:
        for number in range(1_000_000):
            data = connection.recv(64)
            if not data:
                return
            connection.sendall(alter(data) if number == count else data)

    return handle


@pytest.mark.parametrize(
    "alter",
    [
        pytest.param(lambda data: data[:-1] + bytes([data[-1] ^ 1]), id="one bit of the last byte"),
        pytest.param(lambda data: bytes([data[0] ^ 128]) + data[1:], id="one bit of the first"),
        pytest.param(lambda data: data[32:] + data[:32], id="two halves exchanged"),
        pytest.param(lambda data: data[::-1], id="backwards"),
        pytest.param(lambda data: bytes(64), id="zeros"),
    ],
)
@pytest.mark.parametrize("mode", ["traffic", "churn", "idle"])
def test_a_corrupted_answer_is_an_error(
    serve: Serve, run_load: RunLoad, mode: str, alter: Callable[[bytes], bytes]
) -> None:
    count = 3 if mode == "traffic" else 0
    handler = alter_after(count, alter)
    result = run_load(serve(handler), mode=mode, size=64, duration=UNTIL_FOUND)
    assert result["error"].startswith("wrong answer on connection 0: byte ")


def test_the_position_and_the_bytes_of_a_corruption_are_named(
    serve: Serve, run_load: RunLoad
) -> None:
    handler = alter_after(2, lambda data: data[:5] + bytes([data[5] ^ 0xFF]) + data[6:])
    error = run_load(serve(handler), size=64, duration=UNTIL_FOUND)["error"]
    assert error.startswith(f"wrong answer on connection 0: byte {2 * 64 + 5} is 0x")
    wrong, sent = (int(word.rstrip(","), 16) for word in error.split() if word.startswith("0x"))
    assert wrong == sent ^ 0xFF


def test_an_old_answer_instead_of_the_new_one_is_an_error(serve: Serve, run_load: RunLoad) -> None:
    def repeat_the_first(connection: socket.socket) -> None:
        first = connection.recv(64)
        connection.sendall(first)
        while connection.recv(64):
            connection.sendall(first)

    result = run_load(serve(repeat_the_first), size=64, duration=UNTIL_FOUND)
    assert "wrong answer" in result["error"]


def test_another_connections_answer_is_an_error(serve: Serve, run_load: RunLoad) -> None:
    both_are_here = threading.Barrier(2)
    messages: list[bytes] = []

    def answer_with_the_others(connection: socket.socket) -> None:
        mine = connection.recv(64)
        messages.append(mine)
        both_are_here.wait(20)
        connection.sendall(next(message for message in messages if message is not mine))
        connection.recv(64)

    handler = answer_with_the_others
    result = run_load(serve(handler), connections=2, size=64, duration=UNTIL_FOUND)
    assert "wrong answer" in result["error"]


@pytest.mark.parametrize("mode", ["traffic", "churn", "idle"])
def test_more_than_was_sent_is_an_error(serve: Serve, run_load: RunLoad, mode: str) -> None:
    def answer_twice(connection: socket.socket) -> None:
        while data := connection.recv(64):
            connection.sendall(data + data)

    result = run_load(serve(answer_twice), mode=mode, size=64, duration=UNTIL_FOUND)
    assert result["error"] == "connection 0: more came back than was sent"


@pytest.mark.parametrize("mode", ["traffic", "churn", "idle"])
def test_a_closed_connection_is_an_error(serve: Serve, run_load: RunLoad, mode: str) -> None:
    def hang_up(connection: socket.socket) -> None:
        connection.recv(64)

    result = run_load(serve(hang_up), mode=mode, size=64, duration=UNTIL_FOUND)
    assert result["error"] == "connection 0: closed by the server"


@pytest.mark.parametrize(
    ("mode", "error"),
    [
        ("traffic", "no answer for 0.2 s"),
        ("churn", "no answer for 0.2 s"),
        ("idle", "connection 0: no answer for 0.2 s"),
    ],
)
def test_a_silent_server_is_an_error(
    serve: Serve, run_load: RunLoad, mode: str, error: str
) -> None:
    def swallow(connection: socket.socket) -> None:
        while connection.recv(64):
            pass

    options = {"mode": mode, "size": 64, "patience": 0.2, "duration": UNTIL_FOUND}
    assert run_load(serve(swallow), **options)["error"] == error


def test_churn_counts_connections_and_rotates_their_sources(
    serve: Serve, run_load: RunLoad
) -> None:
    peers: list[str] = []

    def note_peer(connection: socket.socket) -> None:
        peers.append(connection.getpeername()[0])
        echo(connection)

    options = {"mode": "churn", "connections": 2, "sources": 3, "duration": LONG_ENOUGH}
    result = run_load(serve(note_peer), **options)
    assert result["messages"] == len(peers) - 2  # two were the warm-up
    assert result["messages"] > 3
    assert set(peers) == {"127.0.0.1", "127.0.0.2", "127.0.0.3"}


def test_churn_sees_a_server_that_does_not_close(serve: Serve, run_load: RunLoad) -> None:
    is_over = threading.Event()

    def keep_open(connection: socket.socket) -> None:
        echo(connection)
        is_over.wait(10)

    # The answers have to come in time, too.
    options = {"mode": "churn", "connections": 2, "patience": 2, "duration": UNTIL_FOUND}
    result = run_load(serve(keep_open), **options)
    is_over.set()
    assert result["error"] == (
        "all 2 connections were answered, but for 2 s the server has closed none of them"
    )


def test_idle_connections_are_all_open_at_the_same_time(serve: Serve, run_load: RunLoad) -> None:
    first_requests = second_requests = 0
    everybody_is_here: list[bool] = []

    def count(connection: socket.socket) -> None:
        nonlocal first_requests, second_requests
        data = connection.recv(64)
        first_requests += 1
        connection.sendall(data)
        data = connection.recv(64)
        second_requests += 1
        everybody_is_here.append(first_requests == 20)
        connection.sendall(data)
        connection.recv(64)

    result = run_load(serve(count), mode="idle", connections=20, size=64)
    assert result["messages"] == 20
    assert second_requests == 20
    assert everybody_is_here == [True] * 20


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (
            {"mode": "chatter"},
            "--mode must be traffic, churn, idle, bulk, datagrams, partner or names, not 'chatter'",
        ),
        ({"connections": 0}, "--connections must be a number from 1 to 1e+06, not '0'"),
        ({"size": "many"}, "--size must be a number from 1 to 1.67772e+07, not 'many'"),
        ({"window": "2x"}, "--window must be a number from 1 to 65536, not '2x'"),
        (
            {"colour": "red"},
            "usage: load --mode traffic|churn|idle|bulk|datagrams --port PORT [options]",
        ),
    ],
)
def test_a_wrong_option_is_an_error(
    run_load: RunLoad, options: dict[str, object], error: str
) -> None:
    assert run_load(1, **options)["error"] == error


def answer_in_bulk(connection: socket.socket, answers: Callable[[int], bytes]) -> None:
    """Answer each 1,000 bytes that have come."""
    with connection.makefile("rb") as file:
        number = 0
        while len(file.read(1000)) == 1000:
            connection.sendall(answers(number))
            number += 1


def text(number: int) -> bytes:
    begin = number * 100 % MIB
    return (TEXT + TEXT)[begin : begin + 100]


def test_bulk_counts_turns(serve: Serve, run_load: RunLoad) -> None:
    answered: list[int] = []

    def answer(number: int) -> bytes:
        answered.append(number)
        return text(number)

    def handler(connection: socket.socket) -> None:
        answer_in_bulk(connection, answer)

    result = run_load(
        serve(handler), mode="bulk", connections=2, size=1000, answer=100, duration=LONG_ENOUGH
    )
    assert result["messages"] == len(answered) - 2  # one on each connection before "go"
    assert result["bytes"] == result["messages"] * 1100


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        pytest.param(
            lambda number: text(number) + text(number + 1), "before everything", id="early"
        ),
        pytest.param(lambda number: text(number + number // 3), "wrong text", id="lost"),
        pytest.param(lambda number: text(number)[: (number + 1) % 2 * 100], "no answer", id="mute"),
    ],
)
def test_a_wrong_answer_in_bulk_is_found(
    serve: Serve, run_load: RunLoad, answers: Callable[[int], bytes], error: str
) -> None:
    def handler(connection: socket.socket) -> None:
        answer_in_bulk(connection, answers)

    found = run_load(
        serve(handler), mode="bulk", size=1000, answer=100, patience=0.5, duration=UNTIL_FOUND
    )
    assert error in found["error"]
