"""The load generator notices what is wrong with the answers of a server of datagrams."""

import re
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from support.timing import PATIENCE

from .conftest import RunLoad

pytestmark = pytest.mark.needs_program("cc")

Answers = Callable[[int, bytes], list[bytes]]
"""What is sent back for a datagram, which has a number."""

Serve = Callable[[Answers], int]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a server that answers as a function says; return its port."""
    threads = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(PATIENCE)

        def start(answers: Answers) -> int:
            def run() -> None:
                number = 0
                while (received := server.recvfrom(65536))[0] != b"end":
                    for data in answers(number, received[0]):
                        server.sendto(data, received[1])
                    number += 1

            threads.append(threading.Thread(target=run))
            threads[-1].start()
            return int(server.getsockname()[1])

        yield start
        server.sendto(b"end", server.getsockname())
        for thread in threads:
            thread.join()


def test_datagrams_are_counted(serve: Serve, run_load: RunLoad) -> None:
    numbers: list[int] = []

    def answer(number: int, data: bytes) -> list[bytes]:
        numbers.append(number)
        return [data]

    result = run_load(serve(answer), mode="datagrams", connections=3, size=100, duration=0.2)
    assert result["messages"] == len(numbers) - 3  # one of each peer before "go"
    assert result["bytes"] == result["messages"] * 100
    assert result["messages"] > 3


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        pytest.param(lambda number, data: [data, data], "more came back|wrong answer", id="twice"),
        pytest.param(lambda number, data: [data[:-1]], "99 bytes came back", id="cut"),
        pytest.param(lambda number, data: [data[1:] + b"x"], "wrong answer", id="wrong"),
        pytest.param(lambda number, data: [data] * (number < 9), "no answer for 0.5 s", id="lost"),
    ],
)
def test_a_wrong_answer_is_found(
    serve: Serve, run_load: RunLoad, answers: Answers, error: str
) -> None:
    options = {"mode": "datagrams", "size": 100, "patience": 0.5, "duration": 20}
    assert re.search(error, run_load(serve(answers), **options)["error"])
