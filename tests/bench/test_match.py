"""A run measures a good server, and says of a bad one what was wrong with it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.timing import PATIENCE

from bench.build import build_contestant
from bench.match import Setup, play
from bench.model import Contest, Contestant, Load
from bench.processes import Failed, choose_cores

pytestmark = pytest.mark.needs_program("cc")

MakeScript = Callable[[str], tuple[Contestant, dict[str, Path]]]

LISTEN = """
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
connections = []
def accept(count):
    connections.extend(listener.accept()[0] for _ in range(count))
"""


@pytest.fixture
def setup(load_program: Path) -> Setup:
    server_core, load_core = choose_cores()
    return Setup(
        programs={"load": load_program},
        server_core=server_core,
        load_core=load_core,
        warmup=0.01,
        duration=0.05,
        patience=PATIENCE,
    )


def add(setup: Setup, programs: dict[str, Path]) -> Setup:
    return replace(setup, programs={**setup.programs, **programs})


def test_a_good_server_is_measured(setup: Setup, echo_contest: Contest, tmp_path: Path) -> None:
    limit = Contestant(library="c", interface="echo", services=("echo",), program="epoll_echo.c")
    server = build_contestant(limit, tmp_path)
    setup = replace(add(setup, {"epoll_echo.c": server}), duration=1.0)
    found = play(echo_contest, limit, setup)
    assert found.messages > 10
    assert found.seconds >= 1
    assert 0 < found.cpu_s <= found.seconds + 0.01
    assert found.cost == pytest.approx(found.cpu_s * 1e6 / found.messages)
    assert found.threads == 1
    assert found.p50_us is not None
    assert found.p99_us is not None
    assert found.p999_us is not None
    assert 0 < found.p50_us <= found.p99_us <= found.p999_us


def test_memory_is_that_of_one_connection(
    setup: Setup, echo_contest: Contest, make_script: MakeScript
) -> None:
    hoard, programs = make_script(
        LISTEN
        + """
hoard = []
for _ in range(20):
    accept(1)
    hoard.append(bytearray(b"x") * 1_000_000)
    connections[-1].sendall(connections[-1].recv(100))
for connection in connections:
    connection.sendall(connection.recv(100))
listener.accept()
"""
    )
    contest = replace(
        echo_contest, measure="memory", load=Load(mode="idle", connections=20, size=100)
    )
    found = play(contest, hoard, add(setup, programs))
    assert found.cost == pytest.approx(1_000_000 / 1024, rel=0.1)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param("sys.exit(3)", "ended with status 3", id="does not start"),
        pytest.param(
            "raise ValueError('no socket today')",
            "ended with status 1: ValueError: no socket today",
            id="says why it does not start",
        ),
        pytest.param("print('hello')", "printed 'hello' instead of its port", id="no port"),
        pytest.param(
            LISTEN + "accept(2); os._exit(4)",
            "the server ended with status 4",
            id="dies with connections open",
        ),
        pytest.param(
            LISTEN + "accept(2); os.kill(os.getpid(), 11)",
            "the server was killed by signal 11",
            id="crashes",
        ),
        pytest.param(
            LISTEN + "accept(2)\nfor one in connections: one.sendall(bytes(len(one.recv(100))))\n"
            "listener.accept()",
            "wrong answer on connection",
            id="answers wrongly",
        ),
        pytest.param(
            LISTEN + "accept(2); listener.accept()", "no answer for 2 s", id="does not answer"
        ),
    ],
)
def test_a_bad_server_fails_with_the_reason(
    setup: Setup, echo_contest: Contest, make_script: MakeScript, source: str, reason: str
) -> None:
    contestant, programs = make_script(source)
    setup = replace(add(setup, programs), duration=PATIENCE)  # or until the reason is found
    if reason.startswith("no answer"):
        setup = replace(setup, patience=2.0)  # It has to start within this time, too.
    with pytest.raises(Failed) as failure:
        play(echo_contest, contestant, setup)
    assert str(failure.value).startswith(reason)


def test_a_server_that_dies_in_the_measured_part_has_failed(
    setup: Setup, echo_contest: Contest, make_script: MakeScript
) -> None:
    contestant, programs = make_script(
        LISTEN
        + """
accept(1)
for _ in range(500):
    connections[0].sendall(connections[0].recv(100))
sys.exit("out of luck")
"""
    )
    contest = replace(echo_contest, load=Load(connections=1, size=100))
    patient = replace(add(setup, programs), warmup=0.0, duration=30.0)
    with pytest.raises(Failed, match="the server ended with status 1: out of luck"):
        play(contest, contestant, patient)
