"""The summary compares the best with the best, round by round, and says why somebody is missing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from support.measurements import run

from bench.model import Contest
from bench.report import Spread
from bench.summary import Summary, summarize, summarize_loops, table


def summarize_costs(
    contest: Contest,
    costs: Mapping[str, Sequence[float | str]],
    absent: Mapping[str, str] | None = None,
) -> Summary:
    outcomes = {
        key: [cost if isinstance(cost, str) else run(cost) for cost in values]
        for key, values in costs.items()
    }
    return summarize(contest, outcomes, absent or {})


def ratios(summary: Summary) -> dict[str, Spread | None]:
    return {other.name: other.ratio for other in summary.comparisons}


def test_the_cheapest_of_each_library_are_compared(echo_contest: Contest) -> None:
    costs = {
        "c-echo": [1.0],
        "trunkline-slow": [9.0],
        "trunkline-fast": [3.0],
        "uvloop-streams": [4.0],
        "uvloop-protocol": [2.0],
    }
    summary = summarize_costs(echo_contest, costs)
    assert (summary.ours, summary.cost) == ("trunkline-fast", Spread.of([3.0]))
    assert [(other.name, other.contestant) for other in summary.comparisons] == [
        ("c", "c-echo"),
        ("uvloop", "uvloop-protocol"),
    ]
    assert ratios(summary) == {"c": Spread.of([3.0]), "uvloop": Spread.of([1.5])}


def test_a_ratio_is_taken_within_a_round(echo_contest: Contest) -> None:
    # The machine was three times slower in the second round, for both.
    costs = {"c-echo": [1.0, 3.0, 1.0], "trunkline-echo": [2.0, 6.0, 3.0]}
    assert ratios(summarize_costs(echo_contest, costs)) == {"c": Spread.of([2.0, 2.0, 3.0])}


def test_interfaces_that_differ_too_much_stand_by_themselves(echo_contest: Contest) -> None:
    costs = {
        "c-echo": [1.0],
        "trunkline-echo": [2.0],
        "makefile-text": [4.0],
        "makefile-binary": [1.0],
    }
    compared = ratios(summarize_costs(echo_contest, costs))
    assert compared["makefile-text"] == Spread.of([0.5])
    assert compared["makefile-binary"] == Spread.of([2.0])


def test_whoever_is_not_among_the_peers_is_left_to_the_tables(echo_contest: Contest) -> None:
    costs: dict[str, list[float | str]] = {
        "c-echo": [1.0],
        "trunkline-echo": [2.0],
        "trio-echo": ["hung"],
    }
    summary = summarize_costs(echo_contest, costs, {"gevent-echo": "no wheel"})
    assert list(ratios(summary)) == ["c"]
    assert summary.missing == {}


def test_a_limit_that_is_a_peer_as_well_is_compared_once(echo_contest: Contest) -> None:
    contest = replace(echo_contest, limit="socket-import")
    costs = {"socket-import": [1.0], "trunkline-import": [2.0]}
    assert ratios(summarize_costs(contest, costs)) == {"socket": Spread.of([2.0])}


def test_each_program_of_asyncios_is_compared_with_itself_on_other_loops(
    echo_contest: Contest,
) -> None:
    costs: dict[str, list[float]] = {
        "c-echo": [1.0],
        "trunkline-transport": [1.0],
        "trunkline-aio-protocol": [3.0],
        "trunkline-aio-streams": [6.0],
        "asyncio-protocol": [4.0],
        "asyncio-streams": [8.0],
        "uvloop-streams": [3.0],
    }
    outcomes = {key: [run(cost) for cost in values] for key, values in costs.items()}
    protocol, streams = summarize_loops(echo_contest, outcomes, {"uvloop-protocol": "no wheel"})
    assert (protocol.ours, streams.ours) == ("trunkline-aio-protocol", "trunkline-aio-streams")
    assert ratios(protocol) == {"c": Spread.of([3.0]), "asyncio": Spread.of([0.75]), "uvloop": None}
    assert protocol.missing == {"uvloop-protocol": "absent: no wheel"}
    assert ratios(streams)["uvloop"] == Spread.of([2.0])
    assert "Our event loop's cost" in table([protocol], who="Our event loop")


def test_the_reasons_of_those_who_failed_or_are_absent_stand_below(echo_contest: Contest) -> None:
    costs: dict[str, list[float | str]] = {
        "c-echo": [1.0, 1.0],
        "trunkline-echo": [2.0, 2.0],
        "trunkline-wrong": ["wrong answer", 1.0],
        "asyncio-echo": [1.0, "hung"],
    }
    summary = summarize_costs(echo_contest, costs, {"uvloop-echo": "needs a compiler"})
    assert ratios(summary) == {"c": Spread.of([2.0, 2.0]), "asyncio": None, "uvloop": None}
    _, _, heads, *lines = table([summary]).splitlines()
    assert heads.split("  ")[-1] == "x others"
    assert lines == [
        "echo     trunkline-echo  2.00 µs/message  2.00 (2.00 - 2.00)  missing    missing",
        "MISSING  echo: trunkline-wrong: failed in 1 round: wrong answer",
        "MISSING  echo: asyncio-echo: failed in 1 round: hung",
        "MISSING  echo: uvloop-echo: absent: needs a compiler",
    ]


def test_one_failed_contestant_does_not_silence_its_library(echo_contest: Contest) -> None:
    costs: dict[str, list[float | str]] = {
        "c-echo": [1.0],
        "trunkline-echo": [2.0],
        "uvloop-protocol": ["hung"],
        "uvloop-streams": [4.0],
    }
    summary = summarize_costs(echo_contest, costs)
    assert ratios(summary)["uvloop"] == Spread.of([0.5])
    assert summary.missing == {"uvloop-protocol": "failed in 1 round: hung"}


def test_if_ours_has_failed_there_is_its_reason_and_no_ratio(echo_contest: Contest) -> None:
    costs: dict[str, list[float | str]] = {"c-echo": [1.0], "trunkline-echo": ["died"]}
    summary = summarize_costs(echo_contest, costs)
    assert (summary.ours, summary.cost, ratios(summary)) == (None, None, {"c": None})
    assert table([summary]).splitlines()[-2:] == [
        "echo     missing  -         -        -          -",
        "MISSING  echo: trunkline-echo: failed in 1 round: died",
    ]


def test_to_a_limit_that_costs_nothing_there_is_no_ratio(echo_contest: Contest) -> None:
    summary = summarize_costs(echo_contest, {"c-echo": [0.0], "trunkline-echo": [1.0]})
    assert ratios(summary) == {"c": None}
    assert "missing" not in table([summary])
