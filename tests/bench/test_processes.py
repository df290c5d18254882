"""Children run where and as they should, and tell how they ended."""

import json
import os
import sys

import pytest

from bench.processes import MALLOC, Failed, Program, choose_cores, make_environment


def start(source: str, core: int | None = None) -> Program:
    command = [sys.executable, "-c", source]
    chosen = min(os.sched_getaffinity(0)) if core is None else core
    return Program(command, core=chosen, environment=make_environment())


@pytest.mark.parametrize("core", sorted(os.sched_getaffinity(0))[:2])
def test_a_child_and_its_threads_never_leave_their_core(core: int) -> None:
    source = (
        "import os, threading\n"
        "tell = lambda: print(*os.sched_getaffinity(0), flush=True)\n"
        "tell(); threading.Thread(target=tell).start()"
    )
    before = os.sched_getaffinity(0)
    with start(source, core) as program:
        assert [program.read_line(10), program.read_line(10)] == [str(core)] * 2
    assert os.sched_getaffinity(0) == before


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    with start("import json, os; print(json.dumps(dict(os.environ)))") as program:
        environment = json.loads(program.read_line(10))
    assert MALLOC.items() <= environment.items()
    assert "PYTHONASYNCIODEBUG" not in environment
    assert "MALLOC_ARENA_MAX" not in environment


def test_a_contestants_own_variables_are_set() -> None:
    assert make_environment([("CHOICE", "pure")])["CHOICE"] == "pure"


def test_lines_go_to_and_fro() -> None:
    with start("print(input()[::-1], flush=True); print('more'); input()") as program:
        program.write_line("stressed")
        assert program.read_line(10) == "desserts"
        program.write_line("")
        assert program.read_line(10) == "more"


def test_silence_is_a_failure() -> None:
    with start("input()") as program, pytest.raises(Failed, match=r"printed nothing for 0\.05 s"):
        program.read_line(0.05)


def test_an_end_is_told_with_the_last_complaint() -> None:
    with start("import sys; print('why', file=sys.stderr); sys.exit(7)") as program:
        with pytest.raises(Failed, match=r"^ended with status 7: why$"):
            program.read_line(10)
        assert program.ends_within(0)


def test_leaving_the_block_ends_the_child() -> None:
    with start("print(1, flush=True); import time; time.sleep(100)") as program:
        program.read_line(10)
        assert not program.ends_within(0.01)
    with pytest.raises(ProcessLookupError):
        os.kill(program.pid, 0)


def test_the_two_cores_differ_and_are_ours() -> None:
    server, load = choose_cores()
    assert server != load
    assert {server, load} <= os.sched_getaffinity(0)


def test_one_core_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0})
    with pytest.raises(RuntimeError, match="two cores"):
        choose_cores()
