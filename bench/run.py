"""The benchmark's command line: `python -m bench.run`, from the root of the repository."""

import argparse
import json
import random
import resource
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

from bench import charts, report, summary
from bench.build import build_contestant, build_load
from bench.certificate import make_certificate
from bench.contestants import all_contestants
from bench.contests import all_contests
from bench.facts import Facts, describe_machine, describe_versions, find_absent
from bench.match import Setup
from bench.model import Contest, Contestant, Load
from bench.processes import MALLOC, ROOT, choose_cores
from bench.rounds import Outcomes, hold

DESCRIPTORS = 20_000
"""How many descriptors a server may have: enough for ten thousand idle connections."""

QUICK = {"rounds": 2, "duration": 0.1, "warmup": 0.03, "patience": 2.0, "idle_connections": 1000}
"""The defaults that `--quick` stands for."""

QUICK_LIBRARIES = (
    "c",
    "trunkline",
    "asyncio",
    "uvloop",
    "socket",
    "makefile",
    "socketserver",
    "aiodns",
    "getaddrinfo",
)
"""Who takes part in it, unless somebody is asked for: the limits, ours, and whom most people would
use instead. A run of every other library would take as long again."""

Named = TypeVar("Named")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark.

    Args:
        arguments: The command line, by default the process's own.
    """
    options = _parse(arguments)
    contests = _select_contests(options)
    contestants = _select_contestants(options.contestant, contests)
    if options.list:
        _print_list(contests, contestants)
        return

    absent = find_absent(contestants)
    present = [contestant for contestant in contestants if contestant.key not in absent]
    setup = _prepare(options, contests, present)
    facts = _facts(options, setup, present, absent)
    print(_introduction(facts))

    outcomes = hold(contests, present, setup, rounds=options.rounds, seed=options.seed)
    rankings = {contest.name: report.rank(contest, outcomes[contest.name]) for contest in contests}
    for contest in contests:
        print(f"\n{report.table(contest, rankings[contest.name])}")

    summaries = {
        contest.name: summary.summarize(
            contest, outcomes[contest.name], _absent_from(contest, contestants, absent)
        )
        for contest in contests
    }
    print(f"\n{summary.table(list(summaries.values()))}")

    on_loops = [
        one
        for contest in contests
        for one in summary.summarize_loops(
            contest, outcomes[contest.name], _absent_from(contest, contestants, absent)
        )
    ]
    if on_loops:
        print(f"\n{summary.table(on_loops, who='Our event loop')}")

    results = _write(options.output, facts, contests, rankings, summaries, outcomes)
    print(f"\nwritten: {results}")
    if options.charts:
        drawn = charts.draw(results, options.output)
        print(f"drawn: {len(drawn)} charts")


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.run", description="Run the benchmark.")
    add = parser.add_argument
    add("--list", action="store_true", help="say which contests and contestants there are")
    add("--contest", action="append", help="only this contest; may be repeated")
    add("--contestant", action="append", help="only this contestant, or library; may be repeated")
    add("--rounds", type=int, default=5, help="default: %(default)s")
    add("--duration", type=float, default=1.0, help="seconds of a run (default: %(default)s)")
    add("--warmup", type=float, default=0.3, help="seconds before that (default: %(default)s)")
    add("--patience", type=float, default=10.0, help="seconds until a silent server has failed")
    add("--idle-connections", type=int, help="default: what the contest says")
    add("--seed", type=int, default=random.randrange(2**32), help="decides the order of the runs")
    add("--cores", type=_two_cores, help="SERVER,LOAD (default: two that share nothing)")
    add("--output", type=Path, default=ROOT / "bench" / "results", help="default: %(default)s")
    add("--no-charts", dest="charts", action="store_false", help="draw nothing")
    add("--quick", action="store_true", help="a rough impression, of the main libraries")
    # What is given explicitly still counts.
    if parser.parse_args(arguments).quick:
        parser.set_defaults(**QUICK)
    options = parser.parse_args(arguments)
    if options.quick and options.contestant is None:
        options.contestant = list(QUICK_LIBRARIES)  # to a default, what is given would be added
    return options


def _two_cores(text: str) -> tuple[int, int]:
    server, load = text.split(",")
    return int(server), int(load)


def _select_contests(options: argparse.Namespace) -> list[Contest]:
    contests = _pick("contest", options.contest, all_contests(), lambda one: {one.name})
    if options.quick and options.contest is None:
        contests = [contest for contest in contests if contest.quick]
    count = options.idle_connections
    return [
        replace(contest, load=replace(contest.load, connections=count))
        if count and isinstance(contest.load, Load) and contest.load.mode == "idle"
        else contest
        for contest in contests
    ]


def _select_contestants(
    wanted: Sequence[str] | None, contests: Iterable[Contest]
) -> list[Contestant]:
    """Return who was asked for and offers what a contest needs; the limits always take part."""
    everybody = all_contestants()
    picked = _pick("contestant", wanted, everybody, lambda one: {one.key, one.library})
    services = {contest.service for contest in contests}
    limits = {contest.limit for contest in contests}
    return [
        one
        for one in everybody
        if one.key in limits or (one in picked and services & set(one.services))
    ]


def _pick(
    kind: str,
    wanted: Sequence[str] | None,
    available: Iterable[Named],
    names_of: Callable[[Named], set[str]],
) -> list[Named]:
    """Return those that have one of the wanted names, or all when nothing is wanted.

    Raises:
        SystemExit: Nobody has one of the names; the message says which there are.
    """
    everybody = list(available)
    if wanted is None:
        return everybody
    known = set().union(*map(names_of, everybody))
    if unknown := sorted(set(wanted) - known):
        raise SystemExit(f"no {kind} {', '.join(unknown)}; there are: {', '.join(sorted(known))}")
    return [one for one in everybody if names_of(one) & set(wanted)]


def _print_list(contests: Iterable[Contest], contestants: Iterable[Contestant]) -> None:
    for contest in contests:
        print(f"{contest.name:22} {contest.headline}")
    print()
    for contestant in contestants:
        print(f"{contestant.key:24} {', '.join(contestant.services)}")


def _prepare(
    options: argparse.Namespace, contests: Iterable[Contest], contestants: Iterable[Contestant]
) -> Setup:
    """Make what the runs need, and set the limit that all children inherit.

    That is a certificate, the C programs compiled, and the cores chosen.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = DESCRIPTORS if most == resource.RLIM_INFINITY else min(DESCRIPTORS, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, most))
    if any(contest.service.startswith("tls") for contest in contests):
        make_certificate()
    programs = {"load": build_load()}
    for contestant in contestants:
        if contestant.program.endswith(".c"):
            programs[contestant.program] = build_contestant(contestant)
    server_core, load_core = options.cores or choose_cores()
    return Setup(
        programs=programs,
        server_core=server_core,
        load_core=load_core,
        warmup=options.warmup,
        duration=options.duration,
        patience=options.patience,
    )


def _facts(
    options: argparse.Namespace,
    setup: Setup,
    contestants: Iterable[Contestant],
    absent: dict[str, str],
) -> Facts:
    return {
        "machine": describe_machine(setup.server_core, setup.load_core),
        "settings": {
            "rounds": str(options.rounds),
            "duration": f"{setup.duration} s",
            "warmup": f"{setup.warmup} s",
            "seed": str(options.seed),
            **MALLOC,
        },
        "versions": describe_versions(contestants),
        "absent": absent,
    }


def _absent_from(
    contest: Contest, contestants: Iterable[Contestant], absent: dict[str, str]
) -> dict[str, str]:
    return {
        one.key: absent[one.key]
        for one in contestants
        if one.key in absent and contest.service in one.services
    }


def _introduction(facts: Facts) -> str:
    lines = []
    for heading, values in facts.items():
        lines.append(f"{heading}:" if values else f"{heading}: nobody")
        lines += [f"  {name}: {value}" for name, value in values.items()]
    return "\n".join(lines)


def _write(
    directory: Path,
    facts: Facts,
    contests: Iterable[Contest],
    rankings: dict[str, report.Ranking],
    summaries: dict[str, summary.Summary],
    outcomes: Outcomes,
) -> Path:
    """Write everything that was found out, single runs included, as JSON."""
    found = {
        contest.name: {
            "title": contest.headline,
            "message": contest.message,
            "measure": contest.measure,
            "unit": contest.unit,
            "limit": contest.limit,
            "load": asdict(contest.load),
            **asdict(rankings[contest.name]),
            "summary": asdict(summaries[contest.name]),
            "runs": {
                key: [{"failed": run} if isinstance(run, str) else asdict(run) for run in runs]
                for key, runs in outcomes[contest.name].items()
            },
        }
        for contest in contests
    }
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "results.json"
    file.write_text(json.dumps({**facts, "contests": found}, indent=1, ensure_ascii=False) + "\n")
    return file


if __name__ == "__main__":
    main()
