"""The kernel's accounts are read right: of the right process, in the right unit, nothing lost."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bench.measure import cpu_time_ns, memory_bytes, schedstat

pytestmark = pytest.mark.alone


@contextmanager
def child(source: str) -> Iterator[subprocess.Popen[str]]:
    """Run a Python program that can be talked to, until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ask(process: subprocess.Popen[str]) -> str:
    """Let the child go one step on; return the line it prints when it has."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


BURN = """
import time
def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end: pass
"""


def test_cpu_time_is_what_the_process_has_burned_itself() -> None:
    tell = "input(); print(time.process_time()); "
    source = BURN + tell + tell.replace("print", "burn(0.2); print") + "input()"
    with child(source) as process:
        own_before = float(ask(process))
        before = cpu_time_ns(process.pid)
        own_after = float(ask(process))
        after = cpu_time_ns(process.pid)
    assert own_after - own_before >= 0.2
    assert (after - before) / 1e9 == pytest.approx(own_after - own_before, abs=0.05)
    assert after / 1e9 == pytest.approx(own_after, abs=0.05)


def test_sleeping_costs_nothing() -> None:
    with child("import time; input(); print(); input(); time.sleep(0.2); print()") as process:
        ask(process)
        before = cpu_time_ns(process.pid)
        ask(process)
        assert (cpu_time_ns(process.pid) - before) / 1e9 < 0.05


def test_cpu_time_agrees_with_schedstat_while_all_threads_live() -> None:
    source = BURN + (
        "import threading\n"
        "def work(): burn(0.1); done.release(); forever.wait()\n"
        "done, forever = threading.Semaphore(0), threading.Event()\n"
        "input()\n"
        "for _ in range(3): threading.Thread(target=work, daemon=True).start()\n"
        "for _ in range(3): done.acquire()\n"
        "print(); input()"
    )
    with child(source) as process:
        ask(process)
        statistics = schedstat(process.pid)
        assert statistics.threads == 4
        assert statistics.running_ns > 0.3e9
        assert cpu_time_ns(process.pid) == pytest.approx(statistics.running_ns, abs=20e6)


def test_cpu_time_keeps_what_ended_threads_have_used() -> None:
    source = BURN + (
        "import os, threading\n"
        "input()\n"
        "thread = threading.Thread(target=burn, args=(0.3,)); thread.start(); thread.join()\n"
        # Python's thread is over a moment before the kernel's is.
        "while len(os.listdir('/proc/self/task')) > 1: os.sched_yield()\n"
        "print(); input()"
    )
    with child(source) as process:
        ask(process)
        assert cpu_time_ns(process.pid) > 0.3e9
        assert schedstat(process.pid).running_ns < 0.25e9


def test_waiting_for_a_taken_core_is_seen() -> None:
    core = min(os.sched_getaffinity(0))
    pin = f"import os; os.sched_setaffinity(0, {{{core}}})\n"
    source = pin + BURN + "input(); print(); input(); burn(0.2); print(); input()"
    with child(source) as first, child(pin + "print(flush=True)\nwhile True: pass") as rival:
        assert rival.stdout is not None
        rival.stdout.readline()
        ask(first)
        before = schedstat(first.pid).waiting_ns
        ask(first)
        assert schedstat(first.pid).waiting_ns - before > 0.05e9


def test_memory_grows_by_what_is_written_to() -> None:
    source = "input(); print(); input(); block = bytearray(b'x') * 10_000_000; print(); input()"
    with child(source) as process:
        ask(process)
        before = memory_bytes(process.pid)
        ask(process)
        assert memory_bytes(process.pid) - before == pytest.approx(10_000_000, rel=0.05)


def test_a_process_that_is_gone_is_an_error() -> None:
    with child("pass") as process:
        process.wait()
        pid = process.pid
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(OSError, match="nvalid argument"):
        cpu_time_ns(pid)
