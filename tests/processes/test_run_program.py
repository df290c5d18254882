"""Running programs to their ends, whatever they do with their pipes, and whatever comes between."""

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from processes.helpers import descriptors, is_gone, python
from support.timing import MS, PATIENCE

from trunkline import (
    DecodingError,
    OutputTooLong,
    PathNotFound,
    ProcessStatus,
    ProgramResult,
    ProgramTimedOut,
    TimedOut,
    run_program,
)

SUCCESS = ProcessStatus(False, exit_code=0)


def test_a_program_is_run_and_tells_how_it_ended_and_what_it_said() -> None:
    result = run_program(["echo out; echo err >&2; exit 3"], shell=True)
    assert result == ProgramResult(ProcessStatus(False, exit_code=3), "out\n", "err\n")
    assert pickle.loads(pickle.dumps(result)) == result


def test_bytes_are_asked_for_by_no_format() -> None:
    result = run_program(["printf 'a\\377'"], shell=True, external_format=None)
    assert (result.stdout, result.stderr) == (b"a\xff", b"")


def test_a_format_is_for_the_input_and_the_outputs() -> None:
    result = run_program("cat", input="ä\n", external_format="latin-1/crlf")
    assert result.stdout == "ä\n"
    assert run_program("cat", input="ä\n", external_format="utf-16").stdout == "ä\n"
    wc = run_program(["wc", "-c"], input="ä\n", external_format="latin-1/crlf")
    assert int(wc.stdout) == 3


def test_what_is_no_text_is_an_error_that_has_it() -> None:
    with pytest.raises(DecodingError, match="run_program /bin/sh") as caught:
        run_program(["printf 'a\\377'"], shell=True)
    assert caught.value.object == b"a\xff"


def test_outputs_that_are_no_pipes_are_empty(tmp_path: Path) -> None:
    result = run_program(["echo", "x"], stdout=tmp_path / "out", stderr="null")
    assert (result.stdout, result.stderr) == ("", "")
    assert (tmp_path / "out").read_text() == "x\n"
    assert run_program(["echo x >&2"], shell=True, stderr="stdout").stdout == "x\n"
    assert run_program("cat", stdin=tmp_path / "out").stdout == "x\n"


def test_without_input_there_is_none() -> None:
    assert run_program("cat").stdout == ""
    assert run_program("cat", input="").stdout == ""
    assert run_program("cat", input=b"").stdout == ""


# -- much of everything ----------------------------------------------------------------------------

MUCH = 3 << 20


def test_a_program_that_fills_both_its_pipes_holds_up_nobody() -> None:
    program = python(
        f"import os\nfor n in range({MUCH >> 16}):\n"
        "  os.write(2, b'e' * 65536); os.write(1, b'o' * 65536)"
    )
    result = run_program(program, external_format=None, timeout=PATIENCE)
    assert (len(result.stdout), len(result.stderr)) == (MUCH, MUCH)
    assert result.status == SUCCESS


def test_it_is_fed_while_it_answers() -> None:
    given = os.urandom(MUCH)
    result = run_program("cat", input=given, external_format=None, timeout=PATIENCE)
    assert result.stdout == given


def test_a_program_that_does_not_read_its_input_holds_up_nobody() -> None:
    assert run_program("true", input="x" * MUCH, timeout=PATIENCE).status == SUCCESS
    # Nor does one that closes it, and goes on.
    result = run_program(["exec <&-; echo on"], shell=True, input="x" * MUCH, timeout=PATIENCE)
    assert result.stdout == "on\n"


def test_one_that_closes_its_outputs_is_fed_on(tmp_path: Path) -> None:
    target = tmp_path / "out"
    script = f"exec >&- 2>&-; cat >{target}"
    assert run_program([script], shell=True, input="x" * MUCH, timeout=PATIENCE).status == SUCCESS
    assert target.stat().st_size == MUCH


def test_too_much_output_ends_it_and_is_an_error() -> None:
    with pytest.raises(OutputTooLong, match="more than 1000 bytes of output") as caught:
        run_program("yes", output_limit=1000, timeout=PATIENCE)
    error = caught.value
    assert error.limit == 1000
    assert len(error.result.stdout) == 1000
    assert error.result.status.signal == signal.SIGTERM
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.limit, copy.result) == (error.limit, error.result)


def test_what_comes_beyond_the_limit_may_be_dropped() -> None:
    program = python("import os; os.write(1, b'a' * 10 + b'b' * 50_000); os.write(2, b'c' * 7)")
    result = run_program(program, output_limit=10, drop_excess=True)
    assert (result.stdout, result.stderr, result.dropped) == ("a" * 10, "c" * 7, 50_000)
    assert result.status == SUCCESS
    assert run_program(["echo"], output_limit=1).stdout == "\n"  # it is the limit, and not more
    with pytest.raises(OutputTooLong):
        run_program(["echo"], output_limit=0)


# -- limits of time --------------------------------------------------------------------------------


@pytest.mark.slow
def test_when_time_is_up_it_is_asked_to_end() -> None:
    script = "trap 'echo ended; exit 9' TERM; echo begun; while :; do sleep 0.01; done"
    with pytest.raises(ProgramTimedOut, match="run_program /bin/sh: time limit passed") as caught:
        run_program([script], shell=True, timeout=300 * MS, grace=PATIENCE)
    error = caught.value
    assert isinstance(error, TimedOut)
    assert error.deadline
    assert error.result.status == ProcessStatus(False, exit_code=9)
    assert error.result.stdout == b"begun\nended\n"
    copy = pickle.loads(pickle.dumps(error))
    assert copy.result == error.result


def test_what_ignores_that_is_killed_with_all_its_group(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    script = f"trap '' TERM; (echo $$ >>{pids}; sleep 1000) & echo $! >>{pids}; sleep 1000"
    before = time.monotonic()
    with pytest.raises(ProgramTimedOut) as caught:
        run_program([script], shell=True, timeout=200 * MS, grace=20 * MS)
    assert time.monotonic() - before < PATIENCE
    assert caught.value.result.status.signal == signal.SIGKILL
    for pid in map(int, pids.read_text().split()):
        while not is_gone(pid):
            pass


def test_one_that_is_stopped_is_ended_too() -> None:
    with pytest.raises(ProgramTimedOut) as caught:
        run_program(["kill -STOP $$"], shell=True, timeout=100 * MS, grace=PATIENCE)
    assert caught.value.result.status.signal == signal.SIGTERM


def test_what_it_has_started_may_keep_its_output_open_no_longer_than_that() -> None:
    before = time.monotonic()
    with pytest.raises(ProgramTimedOut) as caught:
        run_program(["echo x; sleep 1000 &"], shell=True, timeout=200 * MS, grace=PATIENCE)
    assert time.monotonic() - before < PATIENCE
    assert caught.value.result.stdout == b"x\n"
    assert caught.value.result.status == SUCCESS  # the program itself had ended


@pytest.mark.slow
def test_what_has_left_its_group_is_not_waited_for() -> None:
    before = time.monotonic()
    with pytest.raises(ProgramTimedOut) as caught:
        run_program(["setsid sleep 1000 & echo $!"], shell=True, timeout=300 * MS, grace=50 * MS)
    assert time.monotonic() - before < PATIENCE
    os.kill(int(caught.value.result.stdout), signal.SIGKILL)


def test_what_may_not_be_ended_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that runs as somebody else by now, like ``sudo``."""
    pids: list[int] = []

    def refuse(pid: int, number: int) -> None:
        pids.append(pid)
        raise PermissionError(1, "refused")

    monkeypatch.setattr(os, "killpg", refuse)
    monkeypatch.setattr("trunkline.processes.run.PATIENCE", 10 * MS)
    with pytest.raises(ProgramTimedOut) as caught:
        run_program(["sleep", "1000"], timeout=10 * MS, grace=10 * MS)
    monkeypatch.undo()
    assert caught.value.result.status.running
    os.kill(pids[0], signal.SIGKILL)
    os.waitpid(pids[0], 0)


def test_a_time_limit_of_nothing_is_up_at_once() -> None:
    with pytest.raises(ProgramTimedOut):
        run_program(["sleep", "1000"], timeout=0)


def test_without_a_descriptor_of_the_process_all_is_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert run_program("cat", input="x", timeout=PATIENCE).stdout == "x"
    assert run_program("true", stdout="null", stderr="null", timeout=PATIENCE).status == SUCCESS
    with pytest.raises(ProgramTimedOut) as caught:
        run_program(["trap '' TERM; sleep 1000"], shell=True, timeout=50 * MS, grace=20 * MS)
    assert caught.value.result.status.signal == signal.SIGKILL


# -- interruptions ---------------------------------------------------------------------------------


class Interruption(BaseException):
    """What a signal handler raises, like `KeyboardInterrupt`."""


@contextlib.contextmanager
def raising_handler() -> Iterator[None]:
    """Let SIGUSR1 raise."""

    def handle(number: int, frame: object) -> None:
        raise Interruption

    before = signal.signal(signal.SIGUSR1, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("deaf", [False, True])
def test_an_interruption_leaves_no_child(tmp_path: Path, deaf: bool) -> None:
    pid_file = tmp_path / "pid"
    os.mkfifo(pid_file)
    trap = "trap '' TERM; " if deaf else ""
    pids: list[int] = []

    def interrupt() -> None:
        pids.append(int(pid_file.read_text()))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    thread = threading.Thread(target=interrupt)
    with raising_handler():
        thread.start()
        with pytest.raises(Interruption):
            run_program(
                [f"{trap}echo $$ >{pid_file}; while :; do sleep 0.01; done"],
                shell=True,
                grace=50 * MS if deaf else PATIENCE,
            )
    thread.join()
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


@pytest.mark.slow
def test_ctrl_c_twice_waits_for_nothing(tmp_path: Path) -> None:
    code = f"""
import sys
from trunkline import run_program
run_program(["trap '' TERM INT; echo $$ >{tmp_path}/pid; echo >{tmp_path}/ready; sleep 1000"],
            shell=True, grace=1000)
"""
    os.mkfifo(tmp_path / "ready")
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE) as program:
        (tmp_path / "ready").read_text()
        pid = int((tmp_path / "pid").read_text())
        while program.poll() is None:
            program.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(50 * MS)
        assert program.returncode == -signal.SIGINT
        while not is_gone(pid):
            pass


# -- what cannot be run ----------------------------------------------------------------------------


def test_a_program_that_is_not_there_is_told() -> None:
    before = descriptors()
    with pytest.raises(PathNotFound, match="exec no-such-program"):
        run_program("no-such-program", input="x" * MUCH)
    assert descriptors() == before


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"input": 7}, TypeError, "input is text or"),
        ({"input": "x", "external_format": None}, TypeError, "input is bytes"),
        ({"input": "x", "stdin": "inherit"}, TypeError, "leave stdin out"),
        ({"stdout": "pty"}, ValueError, "create_process"),
        ({"timeout": -1}, ValueError, "negative"),
        ({"grace": None}, TypeError, "grace"),
        ({"output_limit": -1}, ValueError, "output_limit"),
        ({"cwd": "/"}, TypeError, "current_directory"),
        ({"capture_output": True}, TypeError, "capture_output"),
        ({"input": "\ud800"}, UnicodeEncodeError, "surrogates"),
    ],
)
def test_wrong_arguments_are_refused(
    options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    before = descriptors()
    with pytest.raises(kind, match=message):
        run_program("cat", **options)
    assert descriptors() == before


def test_many_threads_run_programs_at_the_same_time() -> None:
    said: list[str] = []

    def run(number: int) -> None:
        said.append(run_program("cat", input=str(number) * 100_000, timeout=PATIENCE).stdout)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said) == [str(number) * 100_000 for number in range(8)]
