"""Medians, ratios and ranks are what they say, and nobody who has failed disappears."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from support.measurements import run

from bench.model import Contest
from bench.report import Outcome, Ranking, Spread, rank, table


def rank_costs(contest: Contest, costs: Mapping[str, Sequence[float | str]]) -> Ranking:
    outcomes: dict[str, list[Outcome]] = {
        key: [cost if isinstance(cost, str) else run(cost) for cost in values]
        for key, values in costs.items()
    }
    return rank(contest, outcomes)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([3.0], (3.0, 3.0, 3.0)),
        ([3.0, 1.0], (2.0, 1.0, 3.0)),
        ([9.0, 1.0, 4.0], (4.0, 1.0, 9.0)),
    ],
)
def test_a_spread_is_the_median_and_the_ends(
    values: list[float], expected: tuple[float, float, float]
) -> None:
    spread = Spread.of(values)
    assert (spread.median, spread.low, spread.high) == expected


def test_ratios_are_taken_within_a_round(echo_contest: Contest) -> None:
    # The machine was three times slower in the second round: for both, so the ratio is the same.
    ranking = rank_costs(echo_contest, {"c-echo": [2.0, 6.0, 2.0], "mine": [3.0, 9.0, 4.0]})
    limit, mine = ranking.standings
    assert limit.ratio == Spread(median=1.0, low=1.0, high=1.0)
    assert mine.ratio == Spread(median=1.5, low=1.5, high=2.0)
    assert mine.cost == Spread(median=4.0, low=3.0, high=9.0)


def test_the_cheapest_is_first_whoever_it_is(echo_contest: Contest) -> None:
    ranking = rank_costs(echo_contest, {"c-echo": [2.0], "slow": [9.0], "fast": [1.0]})
    assert [standing.contestant for standing in ranking.standings] == ["fast", "c-echo", "slow"]
    assert [standing.rank for standing in ranking.standings] == [1, 2, 3]
    assert ranking.standings[0].ratio == Spread(median=0.5, low=0.5, high=0.5)


@pytest.mark.parametrize(
    ("mine", "others", "ranks"),
    [
        pytest.param([1, 1, 1, 1, 1], [2, 2, 2, 2, 2], {"mine": 1, "other": 2}, id="always"),
        pytest.param([1, 1, 1, 1, 9], [2, 2, 2, 2, 2], {"mine": 1, "other": 2}, id="four of five"),
        pytest.param([1, 1, 1, 9, 9], [2, 2, 2, 2, 2], {"mine": 1, "other": 1}, id="three of five"),
        pytest.param([2, 2], [2, 2], {"mine": 1, "other": 1}, id="equal"),
    ],
)
def test_a_rank_needs_four_of_five_rounds(
    echo_contest: Contest, mine: list[float], others: list[float], ranks: dict[str, int]
) -> None:
    ranking = rank_costs(echo_contest, {"mine": mine, "other": others})
    assert {standing.contestant: standing.rank for standing in ranking.standings} == ranks


def test_equals_share_a_rank_and_the_next_one_counts_both(echo_contest: Contest) -> None:
    costs = {"a": [1.0, 2.0], "b": [2.0, 1.0], "c": [3.0, 3.0]}
    ranking = rank_costs(echo_contest, costs)
    assert [standing.rank for standing in ranking.standings] == [1, 1, 3]


def test_ranks_follow_the_medians_even_if_a_rounds_luck_says_otherwise(
    echo_contest: Contest,
) -> None:
    costs = {"steady": [2.0] * 5, "close": [2.1] * 5, "erratic": [1.0, 1.0, 3.0, 3.0, 3.0]}
    standings = rank_costs(echo_contest, costs).standings
    assert [(standing.contestant, standing.rank) for standing in standings] == [
        ("steady", 1),
        ("close", 2),
        ("erratic", 2),
    ]


def test_throughput_latency_and_use_are_medians_of_the_rounds(echo_contest: Contest) -> None:
    runs = [
        run(2.0, messages=100, seconds=1.0, cpu_s=0.5, p50_us=1.0, p99_us=3.0, p999_us=5.0),
        run(4.0, messages=300, seconds=1.0, cpu_s=0.7, p50_us=2.0, p99_us=4.0, p999_us=9.0),
        run(8.0, messages=200, seconds=1.0, cpu_s=0.6, p50_us=9.0, p99_us=9.0, p999_us=9.0),
    ]
    (standing,) = rank(echo_contest, {"mine": runs}).standings
    assert standing.throughput == 200
    assert standing.busy == 0.6
    assert (standing.p50_us, standing.p99_us, standing.p999_us) == (2.0, 4.0, 9.0)
    assert standing.per_cpu_second == 1e6 / 4.0


def test_one_failed_round_is_enough_and_the_reason_stays(echo_contest: Contest) -> None:
    ranking = rank_costs(echo_contest, {"c-echo": [2.0, 2.0], "mine": [1.0, "wrong answer"]})
    assert [standing.contestant for standing in ranking.standings] == ["c-echo"]
    assert ranking.failed == {"mine": ("wrong answer",)}
    assert "FAILED  mine, in 1 round: wrong answer" in table(echo_contest, ranking)


def test_without_a_limit_there_are_no_ratios(echo_contest: Contest) -> None:
    ranking = rank_costs(echo_contest, {"c-echo": ["died", "died"], "mine": [1.0, 1.0]})
    assert ranking.standings[0].ratio is None
    assert "FAILED  c-echo, in 2 rounds: died" in table(echo_contest, ranking)


def test_to_a_limit_that_costs_nothing_there_are_no_ratios(echo_contest: Contest) -> None:
    ranking = rank_costs(echo_contest, {"c-echo": [0.0, 1.0], "mine": [1.0, 1.0]})
    assert [standing.ratio for standing in ranking.standings] == [None, None]
    assert [standing.contestant for standing in ranking.standings] == ["c-echo", "mine"]


def test_the_order_is_that_of_the_ratios(echo_contest: Contest) -> None:
    # Over all rounds the erratic machine makes "second" look cheaper; round by round it is not.
    costs = {"c-echo": [1.0, 2.0, 4.0], "first": [1.5, 3.0, 6.0], "second": [2.9, 2.9, 9.0]}
    standings = rank_costs(echo_contest, costs).standings
    assert [standing.contestant for standing in standings] == ["c-echo", "first", "second"]
    assert standings[1].cost.median > standings[2].cost.median


def test_all_may_have_failed(echo_contest: Contest) -> None:
    ranking = rank_costs(echo_contest, {"c-echo": ["died"], "mine": ["hung"]})
    assert table(echo_contest, ranking).splitlines()[-2:] == [
        "FAILED  c-echo, in 1 round: died",
        "FAILED  mine, in 1 round: hung",
    ]


def test_a_table_has_a_line_for_everybody(echo_contest: Contest) -> None:
    ranking = rank_costs(echo_contest, {"mine": [3.0, 5.0], "c-echo": [2.0, 2.0]})
    title, _, head, first, second = table(echo_contest, ranking).splitlines()
    assert title == "Echo of 100 bytes"
    assert head.split()[:3] == ["rank", "contestant", "µs/message"]
    assert first.split()[:3] == ["1", "c-echo", "2.00"]
    assert " ".join(second.split()[:10]) == "2 mine 4.00 3.00 - 5.00 2.00 1.50 - 2.50"


def test_a_table_of_memory_says_nothing_of_time(echo_contest: Contest) -> None:
    contest = replace(echo_contest, measure="memory")
    ranking = rank_costs(contest, {"c-echo": [2.0]})
    assert ranking.standings[0].per_cpu_second is None
    text = table(contest, ranking)
    assert "KiB/message" in text
    assert "p99" not in text


def test_runs_on_a_core_that_somebody_else_used_are_counted(echo_contest: Contest) -> None:
    runs = [run(2.0), run(2.0, waiting_s=0.2), run(2.0, waiting_s=0.2, threads=9)]
    ranking = rank(echo_contest, {"mine": runs})
    # With nine threads it is its own threads that wait for each other.
    assert ranking.standings[0].disturbed == 1
    assert table(echo_contest, ranking).endswith("using the server's core: 1")
