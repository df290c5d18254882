"""What is compiled looks like its sources: to type checkers, and in tracebacks."""

import linecache
import os
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trunkline import ActiveSocket, EventBase, implementation, make_socket_pair
from trunkline._choice import COMPILED

ROOT = Path(__file__).resolve().parents[1]

# Where stubtest sees a difference that is none, as regular expressions.
ALLOWED = (
    # The initializer of a class without one of its own is, in C, one that takes anything; and what
    # an initializer in C takes is not told.
    r"trunkline\..*\.(OutputQueue|TimerQueue|EpollBackend|EventBase|_Gathered)\.__init__",
    # A class with attributes in C cannot be a base beside another such one. No version of Python
    # that we run on has the word for it.
    r"trunkline\..*\.(Timer|TimerQueue|EpollBackend|EpollEvents|Calls|EventBase|Monitor|Stream)",
    # What the source is, and the twin does not need.
    r"trunkline\._core\.call_queue\.CallQueue\..*",  # all of a deque
    r"trunkline\._core\.timer_queue\.(AnyTimer|Timer\.__slots__|TimerQueue\._sweep)",
    # Of the sources, too: that is how stubtest takes names of types, and what is cached.
    r"trunkline\._core\.newlines\.Eol",
    r"trunkline\.multiplex\.calls\.Arguments",
    r"trunkline\.multiplex\.handlers\.Event",
    r"trunkline\.multiplex\.transport_securing\._parts_of_tls",
)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(implementation().name == "pure", reason="nothing is compiled")
def test_what_type_checkers_read_is_what_was_compiled(tmp_path: Path) -> None:
    (tmp_path / "allowed").write_text("\n".join(ALLOWED))
    options = ("--concise", "--allowlist", tmp_path / "allowed", "--ignore-unused-allowlist")
    modules = [f"trunkline.{name}" for name in COMPILED]
    ended = subprocess.run(
        [sys.executable, "-m", "mypy.stubtest", *options, *modules],
        cwd=tmp_path,
        env=os.environ | {"MYPYPATH": str(ROOT / "src"), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("", "", 0)


def fail(*_: object) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize(
    ("register", "line"),
    [
        (lambda base, _: base.call_soon(fail), "result = callback(*args)"),
        (lambda base, _: base.add_timer(fail, 0), "result = timer.callback()"),
        (lambda base, sock: base.set_io_handler(sock, "write", fail), "result = callback(*args)"),
    ],
    ids=["a deferred call", "a timer", "a handler"],
)
def test_a_traceback_shows_the_lines_of_the_sources_wherever_that_is(
    register: Callable[[EventBase, ActiveSocket], Any],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    linecache.clearcache()  # of what was shown where it was found by chance
    one, other = make_socket_pair()
    with one, other, EventBase() as base:
        register(base, one)
        with pytest.raises(ZeroDivisionError) as raised:
            base.dispatch()
    lines = [frame.line for frame in traceback.extract_tb(raised.tb)]
    assert lines[1] == "self._iterate_until(one_shot, timeout, idle_timeout, *steps)"
    assert lines[-2:] == [line, "raise ZeroDivisionError"]
