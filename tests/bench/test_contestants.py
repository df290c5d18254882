"""The contests and contestants fit together, and every server does what its service promises."""

import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.timing import PATIENCE

from bench.build import HERE, build_server
from bench.contestants import all_contestants
from bench.contests import all_contests
from bench.match import Setup, play
from bench.model import Contest, Contestant, Load
from bench.processes import Failed, choose_cores

CONTESTANTS = {contestant.key: contestant for contestant in all_contestants()}


def contest_of(contestant: Contestant, mode: str) -> Contest:
    lines = 5 if contestant.service == "lines" else 0
    loads = {
        "traffic": Load(connections=3, size=64, lines=lines, window=3),
        "large": Load(connections=2, size=4096, lines=lines * 100, window=2),
        "churn": Load(mode="churn", connections=3, size=64, lines=lines, sources=2),
        "idle": Load(mode="idle", connections=5, size=64, lines=lines),
    }
    return Contest(
        name=mode,
        title=mode,
        message="message",
        service=contestant.service,
        limit="",
        load=loads[mode],
    )


def test_names_are_unique() -> None:
    assert max(Counter(contestant.key for contestant in all_contestants()).values()) == 1
    assert max(Counter(contest.name for contest in all_contests()).values()) == 1


@pytest.mark.parametrize("contest", all_contests(), ids=lambda contest: contest.name)
def test_a_contests_limit_offers_its_service(contest: Contest) -> None:
    limit = CONTESTANTS[contest.limit]
    assert limit.library == "c"
    assert limit.service == contest.service
    assert "{" not in contest.headline


def test_every_program_is_there_and_every_server_takes_part() -> None:
    named = {contestant.program.removesuffix(".c") for contestant in all_contestants()}
    files = {file.stem for file in (HERE / "servers").glob("*.[pc]*") if file.suffix != ".h"}
    assert named == files - {"__init__", "__pycache__"}


@pytest.mark.slow
@pytest.mark.needs_program("cc")
@pytest.mark.parametrize("mode", ["traffic", "large", "churn", "idle"])
@pytest.mark.parametrize("key", CONTESTANTS)
def test_a_server_answers_rightly(
    key: str, mode: str, load_program: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    contestant = CONTESTANTS[key]
    if contestant.library == "rloop" and mode == "churn":
        reason = "rloop 0.5 leaves a socket open after its end of file"
        request.applymarker(pytest.mark.xfail(reason=reason, raises=Failed))
    for module in contestant.requires:
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed for {sys.executable}")
    programs = {"load": load_program}
    if contestant.program.endswith(".c"):
        programs[contestant.program] = build_server(contestant.program, tmp_path)
    server_core, load_core = choose_cores()
    setup = Setup(
        programs=programs,
        server_core=server_core,
        load_core=load_core,
        warmup=0.0,
        duration=0.3,
        patience=PATIENCE,
    )
    assert play(contest_of(contestant, mode), contestant, setup).messages > 0
