"""Who runs the tasks: threads for each, or a pool, which has its limit whatever happens."""

import threading
from queue import SimpleQueue
from typing import Any

import pytest
from support.timing import PATIENCE

from trunkline.servers.threads import Runner, make_runner


def ended(runner: Runner) -> bool:
    return not runner.join(lambda: PATIENCE)


def test_a_pool_has_so_many_threads_and_lets_the_rest_wait() -> None:
    runner = make_runner("pool", 2, "pool")
    names: SimpleQueue[str] = SimpleQueue()
    gate = threading.Semaphore(0)

    def task() -> None:
        names.put(threading.current_thread().name)
        assert gate.acquire(timeout=PATIENCE)

    for _ in range(5):
        runner.run(task, "")
    assert {names.get(timeout=PATIENCE) for _ in range(2)} == {"pool, thread 1", "pool, thread 2"}
    gate.release(3)
    for _ in range(3):
        names.get(timeout=PATIENCE)
    gate.release(2)
    assert ended(runner)


@pytest.mark.parametrize("threads", ["per_connection", "pool"])
def test_a_task_knows_from_its_first_moment_where_it_runs(threads: Any) -> None:
    runner = make_runner(threads, 100, "")
    seen: list[bool] = []
    for _ in range(100):
        runner.run(lambda: seen.append(runner.runs_this()), "")
    assert ended(runner)
    assert seen == [True] * 100
    assert not runner.runs_this()


@pytest.mark.parametrize("threads", ["per_connection", "pool"])
def test_threads_that_do_not_end_are_named(threads: Any) -> None:
    runner = make_runner(threads, 1, "pool")
    gate = threading.Event()
    runner.run(lambda: gate.wait(PATIENCE), "stuck")
    [thread] = runner.join(lambda: 0.0)
    assert thread.name == ("stuck" if threads == "per_connection" else "pool, thread 1")
    gate.set()
    assert ended(runner)
