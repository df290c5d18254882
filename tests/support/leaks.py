"""Fail each test that leaves something behind: a descriptor, a thread or a child process.

A network library that forgets one descriptor per connection passes every test of its behaviour and
dies in its first week. So this looks after every single test, as a pytest plugin. What a wider
fixture opened was there before the test and is not held against it; that it goes away too is looked
at once, when the session ends.

The accounts are made up without a garbage collection, on purpose. What only the collector closes
stays open for as long as it likes.
"""

import contextlib
import gc
import os
import signal
import socket
import stat
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

import pytest

from support.timing import MS

FINISHING = 5000 * MS  # for threads that were told to end and are about to, and have no turn
LINGERING = 1000 * MS
DESCRIPTORS = "/proc/self/fd" if sys.platform == "linux" else "/dev/fd"
TASKS = "/proc/self/task"
HAS_LISTS_OF_CHILDREN = Path(f"{TASKS}/{os.getpid()}/children").exists()  # Linux

Descriptor = tuple[int, int, int]  # number, device, inode: a number used again is another one

_raised = pytest.StashKey[bool]()  # of a test
_debris = pytest.StashKey[bool]()  # of a session


class Belongings(NamedTuple):
    """What this process has at one moment."""

    threads: frozenset[threading.Thread]
    children: frozenset[int]
    descriptors: frozenset[Descriptor]

    @classmethod
    def now(cls) -> Self:
        """Take stock."""
        return cls(running_threads(), child_processes(), open_descriptors())


def running_threads() -> frozenset[threading.Thread]:
    """Return the threads that Python started and that have not ended.

    A thread made elsewhere has at most a stand-in, which often outlives it and so says nothing.
    """
    threads = threading.enumerate()
    return frozenset(t for t in threads if not isinstance(t, threading._DummyThread))


def child_processes() -> frozenset[int]:
    """Return our children that nobody has waited for, running or not.

    Without Linux's lists of children the system names one that has ended, or says that there are
    some; those are process 0 here.
    """
    if HAS_LISTS_OF_CHILDREN:
        found: set[int] = set()
        for task in os.listdir(TASKS):
            # The thread may have just ended; another one inherits.
            with contextlib.suppress(OSError), open(f"{TASKS}/{task}/children") as children:
                found.update(map(int, children.read().split()))
        return frozenset(found)
    try:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return frozenset()
    return frozenset({ended.si_pid if ended else 0})


def open_descriptors() -> frozenset[Descriptor]:
    """Return our open descriptors, each with what it stands for."""
    found: set[Descriptor] = set()
    for number in map(int, os.listdir(DESCRIPTORS)):
        with contextlib.suppress(OSError):  # One of them was listing the directory.
            status = os.fstat(number)
            found.add((number, status.st_dev, status.st_ino))
    return frozenset(found)


def left_behind(before: Belongings, lingering: float = LINGERING) -> list[str]:
    """Describe what is there and was not there before, after waiting for threads that finish.

    Child processes are ended and reaped, so that no later test meets them.

    Args:
        before: What was there.
        lingering: For how many seconds descriptors are waited for, that a thread is about to close.
    """
    deadline = time.monotonic() + FINISHING
    for thread in running_threads() - before.threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    # What still lingers is closed by a thread that Python's list does not have.
    never = threading.Event()
    deadline = time.monotonic() + lingering
    while (after := Belongings.now()).descriptors - before.descriptors:
        if time.monotonic() >= deadline:
            break
        never.wait(1 * MS)
    children = sorted(after.children - before.children)
    leaks = [describe_thread(thread) for thread in after.threads - before.threads]
    leaks += [describe_child(pid) for pid in children]
    leaks += [describe_descriptor(fd) for fd, *_ in sorted(after.descriptors - before.descriptors)]
    for pid in filter(None, children):
        end_child(pid)
    return leaks


def describe_thread(thread: threading.Thread) -> str:
    """Name a thread, and say where it is."""
    frame = sys._current_frames().get(thread.ident or 0)
    if frame is None:
        return f"thread {thread.name!r}"
    code = frame.f_code
    return f"thread {thread.name!r}, in {code.co_qualname}, {code.co_filename}:{frame.f_lineno}"


def describe_child(pid: int) -> str:
    """Name a child process by its command line, if it still has one."""
    with contextlib.suppress(OSError):
        if command := Path(f"/proc/{pid}/cmdline").read_text(errors="replace"):
            return f"process {pid}: {command.replace(chr(0), ' ').strip()[:200]}"
    return f"process {pid}, not waited for"


def describe_descriptor(number: int) -> str:
    """Say what a descriptor is open on; of a socket, also who talks to whom."""
    try:
        kind = stat.filemode(os.fstat(number).st_mode)
        target = os.readlink(f"{DESCRIPTORS}/{number}") if sys.platform == "linux" else kind
        if not kind.startswith("s"):
            return f"descriptor {number}: {target}"
        with socket.socket(fileno=os.dup(number)) as found:
            names = f"{found.family.name} {found.type.name} {found.getsockname()}"
            with contextlib.suppress(OSError):  # It is not connected.
                names += f" to {found.getpeername()}"
        return f"descriptor {number}: {target} {names}"
    except OSError as error:
        return f"descriptor {number}: {error}"


def end_child(pid: int) -> None:
    """Kill and reap a child process."""
    with contextlib.suppress(ProcessLookupError, ChildProcessError):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def judge(leaks: list[str], whose: str) -> None:
    """Fail if there are any leaks."""
    if leaks:
        collect_quietly()
        pytest.fail("\n    ".join([f"{whose} left behind:", *leaks]), pytrace=False)


def collect_quietly() -> None:
    """Free what a failed test has forgotten to close, or the next one is blamed for the warning."""
    for name in "last_type", "last_value", "last_traceback", "last_exc":
        vars(sys).pop(name, None)  # for a debugger's post-mortem, which is over
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves something behind, unless it failed anyway.

    The traceback of a failure keeps the frames alive, and those keep whatever they had open.
    """
    if request.session.stash.get(_debris, False):
        collect_quietly()
    before = Belongings.now()
    yield
    raised = request.node.stash.get(_raised, False)
    leaks = left_behind(before, LINGERING if not raised else 0)
    request.session.stash[_debris] = bool(raised and leaks)
    if not raised:
        judge(leaks, "the test")


@pytest.fixture(scope="session", autouse=True)
def nothing_left_at_the_end(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a session whose module, package or session fixtures leave something behind."""
    before = Belongings.now()
    yield
    leaks = left_behind(before)
    if not request.session.testsfailed:
        judge(leaks, "a fixture wider than a test, or an import,")


def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Remember whether a test or its fixtures raised, if only in order to skip it."""
    if call.excinfo is not None:
        item.stash[_raised] = True
