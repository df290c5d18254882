"""Everybody takes part in every round, in an order that changes and can be had again."""

import pytest
from support.measurements import run

from bench import rounds
from bench.match import Measurement, Setup
from bench.model import Contest, Contestant
from bench.processes import Failed

FIELD = [
    Contestant(library=name, interface="echo", services=("echo",), program="none.c")
    for name in "abcd"
]
STRANGER = Contestant(library="x", interface="lines", services=("lines",), program="none.c")
SETUP = Setup(programs={}, server_core=0, load_core=1, warmup=0, duration=0, patience=1)
MEASUREMENT = run(1.0)


@pytest.fixture
def order(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The contestants in the order in which they have played."""
    order: list[str] = []

    def play(contest: Contest, contestant: Contestant, setup: Setup) -> Measurement:
        order.append(contestant.library)
        if contestant.library == "d":
            raise Failed("dropped its message")
        return MEASUREMENT

    monkeypatch.setattr(rounds, "play", play)
    return order


def test_everybody_plays_once_a_round_and_nobody_else(
    order: list[str], echo_contest: Contest
) -> None:
    outcomes = rounds.hold([echo_contest], [*FIELD, STRANGER], SETUP, rounds=3, seed=1)
    assert [sorted(order[start : start + 4]) for start in (0, 4, 8)] == [["a", "b", "c", "d"]] * 3
    assert outcomes["echo"]["a-echo"] == [MEASUREMENT] * 3


def test_a_failure_is_kept_and_the_others_go_on(order: list[str], echo_contest: Contest) -> None:
    outcomes = rounds.hold([echo_contest], FIELD, SETUP, rounds=2, seed=1)
    assert outcomes["echo"]["d-echo"] == ["dropped its message"] * 2
    assert len(outcomes["echo"]["a-echo"]) == 2


def test_the_order_changes_with_the_round_and_repeats_with_the_seed(
    order: list[str], echo_contest: Contest
) -> None:
    for seed in (7, 7, 8):
        rounds.hold([echo_contest], FIELD, SETUP, rounds=5, seed=seed)
    first, again, other = order[:20], order[20:40], order[40:]
    assert first == again
    assert first != other
    assert len({tuple(first[start : start + 4]) for start in range(0, 20, 4)}) > 1
