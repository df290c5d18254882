"""One contestant in one contest, once: the smallest unit of the benchmark.

The server is a fresh process every time, so that no run inherits the state of another. The load
generator says "ready" when the server has been warmed up and has nothing left to do; then the
server's clock is read, the measured part runs, and the clock is read again when every answer is in.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import cpu_time_ns, memory_bytes, schedstat
from bench.model import Contest, Contestant, Load
from bench.processes import Failed, Program, make_environment

START_TIMEOUT = 20.0
"""Seconds that a server may take until it prints its port."""

PREPARE_TIMEOUT = 120.0
"""Seconds that warming up, or opening all the idle connections, may take."""

DYING_TIMEOUT = 0.5
"""Seconds that a server gets to be dead after a run has failed."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What is the same for every run.

    Attributes:
        programs: The compiled C programs: "load", and each C server under its file's name.
        server_core: The core that servers run on.
        load_core: The core that the load generator runs on.
        warmup: Seconds of load before the measured part.
        duration: Seconds that the measured part takes.
        patience: Seconds without any answer after which a server counts as stuck.
    """

    programs: Mapping[str, Path]
    server_core: int
    load_core: int
    warmup: float
    duration: float
    patience: float


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one run has shown.

    Attributes:
        cost: What the contest is about, in its unit: CPU time a message, or memory a connection.
        messages: How many messages (lines, connections) were answered, all of them correctly.
        seconds: How long that took.
        cpu_s: The server's CPU time meanwhile.
        waiting_s: How long the server could have run but somebody else was on its core.
        threads: How many threads the server has.
        p50_us: Median time from sending a request until all of its answer was there.
        p99_us: What 99 of 100 requests took at most.
        p999_us: What 999 of 1000 requests took at most.
        max_us: What the slowest request took.
    """

    cost: float
    messages: int
    seconds: float
    cpu_s: float
    waiting_s: float
    threads: int
    p50_us: float
    p99_us: float
    p999_us: float
    max_us: float


def play(contest: Contest, contestant: Contestant, setup: Setup) -> Measurement:
    """Let a contestant take part in a contest once.

    Raises:
        Failed: The server did not start, died, hung, or answered wrongly.
    """
    command = server_command(contestant, setup.programs)
    environment = make_environment(contestant.environment)
    with Program(command, core=setup.server_core, environment=environment) as server:
        port = _read_port(server)
        memory_before = memory_bytes(server.pid)
        load_command = [str(setup.programs["load"]), *load_arguments(contest.load, port, setup)]
        with Program(load_command, core=setup.load_core, environment=make_environment()) as load:
            try:
                return _observe(contest, server, load, setup, memory_before)
            except Failed as failure:
                # A dead server explains better what the load has noticed; it noticed the closed
                # connections first, the server may still be dying.
                if not server.ends_within(DYING_TIMEOUT):
                    raise
                raise Failed(f"the server {server.describe_end()} ({failure})") from None


def server_command(contestant: Contestant, programs: Mapping[str, Path]) -> list[str]:
    """Return the command that starts a server; every Python server runs on this interpreter."""
    if contestant.program.endswith(".c"):
        return [str(programs[contestant.program]), *contestant.arguments]
    return [sys.executable, "-m", f"bench.servers.{contestant.program}", *contestant.arguments]


def load_arguments(load: Load, port: int, setup: Setup) -> list[str]:
    """Return the load generator's arguments."""
    values: dict[str, object] = {
        "mode": load.mode,
        "port": port,
        "connections": load.connections,
        "size": load.size,
        "lines": load.lines,
        "window": load.window,
        "sources": load.sources,
        "warmup": setup.warmup,
        "duration": setup.duration,
        "patience": setup.patience,
    }
    return [f"--{name}={value}" for name, value in values.items()]


def _read_port(server: Program) -> int:
    line = server.read_line(START_TIMEOUT)
    if not line.isdigit():
        raise Failed(f"printed {line!r} instead of its port")
    return int(line)


def _observe(
    contest: Contest, server: Program, load: Program, setup: Setup, memory_before: int
) -> Measurement:
    _expect_ready(load.read_line(PREPARE_TIMEOUT))
    memory_grown = memory_bytes(server.pid) - memory_before
    statistics_before = schedstat(server.pid)
    cpu_before = cpu_time_ns(server.pid)

    load.write_line("go")
    result = _read_result(load.read_line(setup.duration + PREPARE_TIMEOUT))

    cpu_ns = cpu_time_ns(server.pid) - cpu_before
    statistics = schedstat(server.pid)
    if contest.measure == "memory":
        cost = memory_grown / 1024 / contest.load.connections
    else:
        cost = cpu_ns / 1000 / result["messages"]
    return Measurement(
        cost=cost,
        messages=result["messages"],
        seconds=result["seconds"],
        cpu_s=cpu_ns / 1e9,
        waiting_s=(statistics.waiting_ns - statistics_before.waiting_ns) / 1e9,
        threads=statistics.threads,
        p50_us=result["p50_us"],
        p99_us=result["p99_us"],
        p999_us=result["p999_us"],
        max_us=result["max_us"],
    )


def _expect_ready(line: str) -> None:
    if line != "ready":
        raise Failed(json.loads(line)["error"])


def _read_result(line: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(line)
    if "error" in result:
        raise Failed(result["error"])
    return result
