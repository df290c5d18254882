"""The partner of the clients notices every wrong byte, and answers with the text that all know."""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.timing import PATIENCE

from bench.numbered import TEXT
from bench.processes import Program, make_environment

pytestmark = pytest.mark.needs_program("cc")

Start = Callable[..., tuple[Program, socket.socket]]


@pytest.fixture
def start(load_program: Path) -> Iterator[Start]:
    with ExitStack() as stack:

        def start(size: int, answer: int) -> tuple[Program, socket.socket]:
            command = [str(load_program), "--mode=partner", f"--size={size}", f"--answer={answer}"]
            core = min(os.sched_getaffinity(0))
            partner = stack.enter_context(
                Program(command, core=core, environment=make_environment())
            )
            port = int(partner.read_line(PATIENCE))
            client = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
            return partner, stack.enter_context(client)

        yield start


def test_each_request_is_answered_with_so_many_bytes_of_the_text(start: Start) -> None:
    _, client = start(10, 3000)
    client.sendall(TEXT[:29])  # two requests, and the most of a third
    with client.makefile("rb") as file:
        assert file.read(6000) == TEXT[:6000]
        client.sendall(TEXT[29:30])
        assert file.read(3000) == TEXT[6000:9000]


def test_the_text_is_repeated(start: Start) -> None:
    _, client = start(len(TEXT), 100)
    client.sendall(TEXT + TEXT)
    with client.makefile("rb") as file:
        assert file.read(200) == TEXT[:200]


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(TEXT[:64] + TEXT[128:192], id="lost"),
        pytest.param(TEXT[:64] + TEXT[:64], id="doubled"),
        pytest.param(TEXT[:100] + b"x", id="altered"),
    ],
)
def test_a_wrong_byte_is_an_error(start: Start, wrong: bytes) -> None:
    partner, client = start(1000, 1)
    client.sendall(wrong)
    assert partner.ends_within(PATIENCE)
    assert json.loads(partner.read_rest())["error"].startswith("wrong text between byte 0")


def test_it_ends_with_its_client(start: Start) -> None:
    partner, client = start(10, 10)
    client.close()
    assert partner.ends_within(PATIENCE)
    assert partner.read_rest() == ""
