"""Reading the kernel's accounts of another process: its CPU time and its memory.

CPU time is the scheduler's own sum, in nanoseconds, of the time the process was running on a core,
in user and in kernel mode. For a single thread it is the first number in `/proc/PID/schedstat`.
A thread's number disappears with the thread, though, and a server that makes a thread for every
connection would look nearly free; so the sum is read from the process's CPU clock
(`clock_getcpuclockid(3)`), which adds the same numbers up and keeps what ended threads have used.
A test compares the two.
"""

import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Schedstat:
    """What `/proc/PID/task/*/schedstat` says, added up over the threads that are alive.

    Attributes:
        running_ns: Time on a core.
        waiting_ns: Time in which a thread could have run but its core was taken: by another thread
            of the same server, or by somebody who has no business there.
        threads: How many threads there are.
    """

    running_ns: int
    waiting_ns: int
    threads: int


def cpu_time_ns(pid: int) -> int:
    """Return the CPU time that a process and all its threads, ended ones included, have used."""
    # The kernel's number for "the scheduler's clock of process pid": the complement of the pid,
    # shifted by three, and 2 for CPUCLOCK_SCHED. The C library computes the same.
    return time.clock_gettime_ns((~pid << 3) | 2)


def schedstat(pid: int) -> Schedstat:
    """Return the scheduler's statistics of a process's living threads."""
    running = waiting = threads = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            on_core, in_queue, _ = (task / "schedstat").read_text().split()
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread has ended since the directory was listed
        running += int(on_core)
        waiting += int(in_queue)
        threads += 1
    return Schedstat(running_ns=running, waiting_ns=waiting, threads=threads)


def memory_bytes(pid: int) -> int:
    """Return how much memory a process has written to and holds: its anonymous pages.

    Program text and libraries are not in it: how many of their pages count as a process's own
    depends on who else is running. Nor is the kernel's memory, for sockets and their buffers.
    """
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        name, *value = line.split()
        if name == "Anonymous:":
            return int(value[0]) * 1024  # the kernel writes kB and means KiB
    raise ValueError(f"/proc/{pid}/smaps_rollup does not tell the anonymous pages")
