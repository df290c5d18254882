"""What goes through a server: bytes, receptions, times, and errors by their kinds."""

import pickle
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

import pytest
from servers.serving import Gate, ask, client_of, each_way, echo, eventually, serving, talk, visit
from support.peers import reset

from trunkline import ActiveSocket, OpenConnection, Traffic
from trunkline.servers.report import Answer, parse_answer
from trunkline.servers.traffic import TrafficCounts


def test_what_there_was_and_what_there_is() -> None:
    counts = TrafficCounts()
    counts.note_end(OpenConnection("a", 2.5, 10, 20, 3), None)
    counts.note_end(OpenConnection("b", 1.5, 1, 2, 1), ValueError)
    counts.note_end(OpenConnection("b", 1.0, 0, 0, 0), ValueError)
    now = [OpenConnection(str(age), age, 100, 1000, 5) for age in range(5)]
    assert counts.with_open(now) == Traffic(
        bytes_received=511,
        bytes_sent=5022,
        receptions=29,
        ended=3,
        seconds=5.0,
        errors={"ValueError": 2},
        longest=(now[4], now[3], now[2]),
    )


def test_kinds_of_errors_do_not_pile_up() -> None:
    counts = TrafficCounts()
    for number in range(60):
        counts.note_end(OpenConnection("a", 0.0, 0, 0), type(f"Error{number}", (Exception,), {}))
    counts.note_end(OpenConnection("a", 0.0, 0, 0), type("Error0", (Exception,), {}))
    errors = counts.with_open([]).errors
    assert len(errors) == 51
    assert (errors["Error0"], errors["others"]) == (2, 10)


@each_way
def test_a_server_counts_what_goes_through(threads: Any) -> None:
    with serving(echo, threads=threads) as server:
        assert ask(server, "hello") == "hello"
        eventually(lambda: server.statistics().finished == 1)
        with client_of(server) as client:
            assert talk(client, "abc") == "abc"
            eventually(lambda: server.traffic().bytes_sent == 10)
            traffic = server.traffic()
            (only,) = traffic.longest
            assert str(only.peer) == ":".join(map(str, client.getsockname()))
            assert (only.bytes_received, only.bytes_sent) == (4, 4)
    assert (traffic.bytes_received, traffic.bytes_sent, traffic.ended) == (10, 10, 1)
    assert traffic.receptions >= 3
    assert traffic.seconds > 0
    assert traffic.errors == {}
    assert server.traffic().longest == ()


def test_errors_are_counted_by_their_kinds() -> None:
    def handler(connection: ActiveSocket) -> None:
        what = connection.read_line()
        if what == "group":
            raise ExceptionGroup("both", [KeyError("x"), ValueError("y")])
        if what == "fail":
            raise ValueError(what)
        gate(connection)

    gate = Gate(lambda connection: print(connection.read_line()))
    faults: SimpleQueue[object] = SimpleQueue()
    with serving(handler, exception_hook=lambda error, connection: faults.put(error)) as server:
        for word in (b"fail\n", b"fail\n", b"group\n", b"", b"cut off"):
            visit(server, word) if word.endswith(b"\n") else client_of(server).close()
        with client_of(server) as client:
            client.sendall(b"reset\n")
            gate.next()
            reset(client)
        gate.open()
        eventually(lambda: server.statistics().active == 0)
        errors = dict(server.traffic().errors)
    assert errors == {"ValueError": 2, "KeyError": 1, "EndOfFile": 2, "ConnectionReset": 1}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"max_connections": 1, "at_limit": "refuse"}, "limit"),
        ({"max_connections_per_address": 1}, "address"),
    ],
)
def test_refusals_are_counted_by_their_reasons(options: dict[str, Any], reason: str) -> None:
    with serving(echo, **options) as server, client_of(server) as client:
        assert talk(client, "abc") == "abc"
        assert visit(server) == b""
        eventually(lambda: server.traffic().refusals == {reason: 1})


def test_what_a_worker_answers_is_understood_and_what_is_not_says_nothing() -> None:
    assert parse_answer(b"") == Answer()
    assert parse_answer(b"{}") == parse_answer(b"[1]") == parse_answer(b"\xff") == Answer()
    told = b'{"memory": 1, "statistics": {"accepted": 2, "newer": 3}, "traffic": null}'
    answer = parse_answer(told)
    assert answer.memory == 1
    assert answer.statistics is not None
    assert answer.statistics.accepted == 2
    assert replace(answer, statistics=None) == Answer(memory=1)
    assert pickle.loads(pickle.dumps(answer)) == answer
