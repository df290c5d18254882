"""The contests and contestants fit together, and every server does what its service promises."""

import sys
from collections import Counter
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.timing import PATIENCE

import trunkline
from bench.build import HERE, build_contestant, openssl_flags
from bench.certificate import CERTIFICATE, make_certificate
from bench.contestants import all_contestants
from bench.contests import all_contests
from bench.match import Setup, play
from bench.model import Contest, Contestant, Load, Task
from bench.numbered import LINE, MIB
from bench.processes import Failed, choose_cores

pytestmark = pytest.mark.thorough

CONTESTANTS = {contestant.key: contestant for contestant in all_contestants()}


HAS_COMPILED = any(Path(trunkline.__file__).parent.rglob("*.so"))

MODES = {
    **dict.fromkeys(("sink", "tls sink"), ("in",)),
    **dict.fromkeys(("source", "tls source"), ("out",)),
    "datagrams": ("datagrams",),
}
FIRST = {one.services[0]: one.key for one in reversed(CONTESTANTS.values())}  # of each service
SERVERS = [
    (key, mode)
    for key, one in CONTESTANTS.items()
    if one.folder == "servers"
    for mode in MODES.get(one.services[0], ("traffic", "churn", "large", "idle"))
    if mode not in ("large", "idle") or key == FIRST[one.services[0]]
]
TASKS = [
    (contest, contestant)
    for contest in all_contests()
    if isinstance(contest.load, Task)
    for contestant in all_contestants()
    if contest.service in contestant.services
]


def contest_of(contestant: Contestant, mode: str) -> Contest:
    lines = 5 if "lines" in contestant.services[0] else 0
    loads = {
        "traffic": Load(connections=3, size=64, lines=lines, window=3),
        "large": Load(connections=2, size=4096, lines=lines * 100, window=2),
        "churn": Load(mode="churn", connections=3, size=64, lines=lines, sources=2),
        "idle": Load(mode="idle", connections=5, size=64, lines=lines),
        "in": Load(mode="bulk", connections=2, size=MIB, answer=LINE),
        "out": Load(mode="bulk", connections=2, size=LINE, answer=MIB),
        "datagrams": Load(mode="datagrams", connections=5, size=1024),
    }
    return Contest(
        name=mode,
        title=mode,
        message="message",
        service=contestant.services[0],
        limit="",
        load=replace(loads[mode], tls=contestant.services[0].startswith("tls")),
    )


def test_names_are_unique() -> None:
    assert max(Counter(contestant.key for contestant in all_contestants()).values()) == 1
    assert max(Counter(contest.name for contest in all_contests()).values()) == 1


@pytest.mark.parametrize("contest", all_contests(), ids=lambda contest: contest.name)
def test_a_contests_limit_offers_its_service(contest: Contest) -> None:
    limit = CONTESTANTS[contest.limit]
    assert limit.library == ("socket" if contest.service == "import" else "c")
    assert contest.service in limit.services
    assert "{" not in contest.headline


@pytest.mark.parametrize("folder", ["servers", "clients", "loops", "resolvers", "imports"])
def test_every_program_is_there_and_every_one_takes_part(folder: str) -> None:
    named = {Path(one.program).stem for one in all_contestants() if one.folder == folder}
    files = {file.stem for file in (HERE / folder).glob("*.[pc]*") if file.suffix != ".h"}
    assert named == files - {"__init__", "__pycache__"}


@pytest.mark.slow
@pytest.mark.needs_program("cc")
@pytest.mark.parametrize(("key", "mode"), SERVERS)
def test_a_server_answers_rightly(
    key: str, mode: str, load_program: Path, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    contestant = CONTESTANTS[key]
    if contestant.library == "rloop" and mode == "churn":
        reason = "rloop 0.5 leaves a socket open after its end of file"
        request.applymarker(pytest.mark.xfail(reason=reason, raises=Failed))
    setup = prepare(contestant, load_program, tmp_path)
    assert play(contest_of(contestant, mode), contestant, setup).messages > 0


@pytest.mark.slow
@pytest.mark.needs_program("cc")
@pytest.mark.parametrize(
    ("contest", "contestant"), TASKS, ids=[f"{task.name}-{one.key}" for task, one in TASKS]
)
def test_a_task_is_done_rightly(
    contest: Contest, contestant: Contestant, load_program: Path, tmp_path: Path
) -> None:
    seen = play(contest, contestant, prepare(contestant, load_program, tmp_path))
    assert seen.messages > 0
    if contest.measure == "cpu":
        assert seen.cost == pytest.approx(seen.cpu_s * 1e6 / seen.messages)
    else:
        assert seen.cost > 1


def prepare(contestant: Contestant, load_program: Path, directory: Path) -> Setup:
    for module in contestant.requires:
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed for {sys.executable}")
    if ("TRUNKLINE_IMPL", "native") in contestant.environment and not HAS_COMPILED:
        pytest.skip("nothing was compiled: make native")
    programs = {"load": load_program}
    if str(CERTIFICATE) in contestant.arguments:
        if not openssl_flags():
            pytest.skip("the headers of OpenSSL are not installed")
        make_certificate()
    if contestant.program.endswith(".c"):
        programs[contestant.program] = build_contestant(contestant, directory)
    server_core, load_core = choose_cores()
    return Setup(
        programs=programs,
        server_core=server_core,
        load_core=load_core,
        warmup=0.0,
        duration=0.1,
        patience=PATIENCE,
    )
