"""One contestant in one contest, once: the smallest unit of the benchmark.

The contestant is a fresh process every time, so that no run inherits the state of another. Somebody
drives it: a server is driven by the load generator, all others drive themselves. The driver says
"ready" when the contestant has been warmed up and has nothing left to do; then the contestant's
clock is read, the measured part runs, and the clock is read again when every answer is in.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import cpu_time_ns, memory_bytes, schedstat
from bench.model import Contest, Contestant, Load, Task
from bench.processes import ROOT, Failed, Program, make_environment

START_TIMEOUT = 20.0
"""Seconds that a server, or a client's partner, may take until it prints its port."""

PREPARE_TIMEOUT = 120.0
"""Seconds that warming up, or opening all the idle connections, may take."""

DYING_TIMEOUT = 0.5
"""Seconds that the other side gets to be dead after a run has failed."""


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
        cpu_s: The contestant's CPU time meanwhile.
        waiting_s: How long it could have run but somebody else was on its core.
        threads: How many threads it has.
        p50_us: Median time from sending a request until all of its answer was there; this and what
            follows is None where there is no load generator to look at its clock.
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
    p50_us: float | None
    p99_us: float | None
    p999_us: float | None
    max_us: float | None


def play(contest: Contest, contestant: Contestant, setup: Setup) -> Measurement:
    """Let a contestant take part in a contest once.

    Raises:
        Failed: The contestant did not start, died, hung, or answered wrongly.
    """
    if isinstance(contest.load, Task):
        return _play_alone(contest, contest.load, contestant, setup)
    return _play_server(contest, contest.load, contestant, setup)


def _play_server(contest: Contest, load: Load, contestant: Contestant, setup: Setup) -> Measurement:
    command = program_command(contestant, setup.programs)
    environment = make_environment(contestant.environment)
    with Program(command, core=setup.server_core, environment=environment) as server:
        port = _read_port(server)
        memory_before = memory_bytes(server.pid)
        load_command = [str(setup.programs["load"]), *load_arguments(load, port, setup)]
        with Program(load_command, core=setup.load_core, environment=make_environment()) as driver:
            try:
                return _observe(contest, server, driver, setup, memory_before)
            except Failed as failure:
                # A dead server explains better what the load has noticed; it noticed the closed
                # connections first, the server may still be dying.
                if not server.ends_within(DYING_TIMEOUT):
                    raise
                raise Failed(f"the server {server.describe_end()} ({failure})") from None


def _play_alone(contest: Contest, task: Task, contestant: Contestant, setup: Setup) -> Measurement:
    """Let a contestant do a task; it says itself when it is ready, and what it has done."""
    with ExitStack() as stack:
        command = program_command(contestant, setup.programs)
        command += [contest.service, str(setup.warmup), str(setup.duration)]
        partner = None
        if task.request or task.names:
            partner = stack.enter_context(_start_partner(task, setup))
            command.append(str(_read_port(partner)))
        environment = make_environment(contestant.environment)
        program = stack.enter_context(
            Program(command, core=setup.server_core, environment=environment)
        )
        try:
            return _observe(contest, program, program, setup)
        except Failed:
            # A partner that was told nonsense has hung up, which is all that the client knows.
            if partner is not None and partner.ends_within(DYING_TIMEOUT):
                _read_result(partner.read_rest() or "{}")
            raise


def _start_partner(task: Task, setup: Setup) -> Program:
    command = [str(setup.programs["load"])]
    if task.names:
        command += ["--mode=names"]
    else:
        command += ["--mode=partner", f"--size={task.request}", f"--answer={task.answer}"]
    return Program(command, core=setup.load_core, environment=make_environment())


def program_command(contestant: Contestant, programs: Mapping[str, Path]) -> list[str]:
    """Return the command that starts a contestant; all in Python run on this interpreter."""
    if contestant.program.endswith(".c"):
        return [str(programs[contestant.program]), *contestant.arguments]
    if contestant.program.endswith(".py"):
        script = ROOT / "bench" / contestant.folder / contestant.program
        return [sys.executable, str(script), *contestant.arguments]
    module = f"bench.{contestant.folder}.{contestant.program}"
    return [sys.executable, "-m", module, *contestant.arguments]


def load_arguments(load: Load, port: int, setup: Setup) -> list[str]:
    """Return the load generator's arguments."""
    values: dict[str, object] = {
        "mode": load.mode,
        "port": port,
        "connections": load.connections,
        "size": load.size,
        "lines": load.lines,
        "answer": load.answer,
        "window": load.window,
        "sources": load.sources,
        "tls": int(load.tls),
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
    contest: Contest, program: Program, driver: Program, setup: Setup, memory_before: int = 0
) -> Measurement:
    """Read a program's accounts before and after what its driver, maybe itself, has it do."""
    _expect_ready(driver.read_line(PREPARE_TIMEOUT))
    memory_grown = memory_bytes(program.pid) - memory_before
    statistics_before = schedstat(program.pid)
    cpu_before = cpu_time_ns(program.pid)

    driver.write_line("go")
    result = _read_result(driver.read_line(setup.duration + PREPARE_TIMEOUT))

    cpu_ns = cpu_time_ns(program.pid) - cpu_before
    statistics = schedstat(program.pid)
    if contest.measure == "memory":
        assert isinstance(contest.load, Load)
        cost = memory_grown / 1024 / contest.load.connections
    elif contest.measure == "modules":
        cost = result["modules"]
    else:
        cost = cpu_ns / 1000 / result["messages"]
    return Measurement(
        cost=cost,
        messages=result["messages"],
        seconds=result["seconds"],
        cpu_s=cpu_ns / 1e9,
        waiting_s=(statistics.waiting_ns - statistics_before.waiting_ns) / 1e9,
        threads=statistics.threads,
        p50_us=result.get("p50_us"),
        p99_us=result.get("p99_us"),
        p999_us=result.get("p999_us"),
        max_us=result.get("max_us"),
    )


def _expect_ready(line: str) -> None:
    if line != "ready":
        raise Failed(json.loads(line)["error"])


def _read_result(line: str) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(line)
    if "error" in result:
        raise Failed(result["error"])
    return result
