"""Starting programs: what they are given, what they say, and what is told if they cannot start."""

import os
import pickle
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from processes.helpers import descriptors, is_gone, python
from support.signal_points import struck_at
from support.timing import MS, PATIENCE

from trunkline import (
    Hangup,
    PathIsDirectory,
    PathNotDirectory,
    PathNotFound,
    PermissionDenied,
    Process,
    ProcessNotChild,
    ProcessStatus,
    SocketClosed,
    TimedOut,
    create_process,
)

# -- talking to it ---------------------------------------------------------------------------------


def test_a_program_is_talked_to_while_it_runs() -> None:
    with create_process("cat") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for line in ("Grüße", "世界"):
            process.stdin.write_line(line)
            assert process.stdout.read_line(timeout=PATIENCE) == line  # it is sent before the wait
        assert process.is_running
        process.stdin.close()
        assert process.stdout.read(timeout=PATIENCE) == b""
    assert process.status == ProcessStatus(False, exit_code=0)
    assert process.status.succeeded


def test_more_is_sent_before_a_read_than_a_pipe_holds() -> None:
    """The program waits for the end of a question that is larger than its pipe."""
    size = 300_000
    program = python(
        f"import sys; d = sys.stdin.buffer.read({size}); sys.stdout.buffer.write(d[-5:])"
    )
    with create_process(program) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(size // 10_000):
            process.stdin.write(b"x" * 10_000, timeout=PATIENCE)
        assert process.stdout.read_exactly(5, timeout=PATIENCE) == b"xxxxx"


def test_what_is_left_unsent_waits_for_room_beside_the_answer() -> None:
    program = python(
        "import os; os.write(1, b'ready\\n')\n"
        "while not os.read(0, 1000).endswith(b'.'): pass\n"
        "os.write(1, b'done\\n')"
    )
    with create_process(program) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.read_line(timeout=PATIENCE) == "ready"
        os.kill(process.pid, signal.SIGSTOP)
        while process.stdin.force_output():
            process.stdin.write(b"y" * 1000)
        process.stdin.write(b".")
        with pytest.raises(TimedOut):
            process.stdout.read_line(timeout=1 * MS)
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout.read_line(timeout=PATIENCE) == "done"


def test_a_pipe_goes_one_way() -> None:
    with create_process("cat") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        with pytest.raises(TypeError, match="stdin of cat can only be written to"):
            process.stdin.read()
        with pytest.raises(TypeError, match="stdout of cat can only be read from"):
            process.stdout.write("x")
        assert process.pty is None


def test_the_standard_error_has_a_stream_of_its_own_or_goes_to_the_output() -> None:
    with create_process(["echo oops >&2"], shell=True) as process:
        assert process.stderr is not None
        assert list(process.stderr) == ["oops"]
    with create_process(["echo oops >&2"], shell=True, stderr="stdout") as process:
        assert process.stderr is None
        assert process.stdout is not None
        assert list(process.stdout) == ["oops"]


def test_streams_have_the_external_format() -> None:
    with create_process("cat", external_format="latin-1/crlf") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write_line("ä")
        process.stdin.close()
        assert process.stdout.read_exactly(3, timeout=PATIENCE) == b"\xe4\r\n"


def test_writing_to_a_program_that_reads_no_more_is_a_hangup() -> None:
    with create_process("true", stdout="null", stderr="null") as process:
        assert process.stdin is not None
        process.wait(timeout=PATIENCE)
        with pytest.raises(Hangup, match="stdin of true"):
            process.stdin.write("x", flush=True)
    with create_process("true") as process:
        assert process.stdin is not None
        process.stdin.write("never read")  # which closing does not mind


def test_a_pipe_that_nobody_reads_sends_no_signal() -> None:
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        with create_process("true") as process:
            assert process.stdin is not None
            process.wait(timeout=PATIENCE)
            with pytest.raises(Hangup):
                process.stdin.write("x", flush=True)
        assert signal.SIGPIPE not in signal.sigpending()
        assert signal.SIGPIPE not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.signal(signal.SIGPIPE, before)


def test_closing_a_stream_wakes_whoever_reads_it() -> None:
    told: list[BaseException] = []
    begun = threading.Event()
    with create_process("cat") as process:
        output = process.stdout
        assert output is not None

        def read() -> None:
            begun.set()
            try:
                output.read_line(timeout=PATIENCE)
            except SocketClosed as error:
                told.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        begun.wait(PATIENCE)
        output.close()
        thread.join(PATIENCE)
    assert len(told) == 1


def test_what_cannot_be_sent_in_time_is_told_when_the_stream_is_closed() -> None:
    with create_process(python("import time; time.sleep(1000)")) as process:
        assert process.stdin is not None
        with pytest.raises(TimedOut):
            process.stdin.write(b"x" * 1_000_000, timeout=0)
        with pytest.raises(TimedOut) as caught:
            process.stdin.close(timeout=1 * MS)
        assert caught.value.unsent > 0
        assert process.stdin.closed
        process.kill()


# -- where its streams lead ------------------------------------------------------------------------


def test_files_are_read_and_made_and_made_empty(tmp_path: Path) -> None:
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_text("what is copied")
    target.write_text("what was there before, and is longer")
    with create_process("cat", stdin=source, stdout=target):
        pass
    assert target.read_text() == "what is copied"


def test_descriptors_are_given_and_stay_ours(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    with (
        open(reader, "rb") as reading,
        open(writer, "wb") as writing,
        create_process(["echo", "hello"], stdout=writing, stderr=writing.fileno()) as process,
    ):
        process.wait(timeout=PATIENCE)
        assert (process.stdout, process.stderr) == (None, None)
        assert reading.read(6) == b"hello\n"


def test_a_program_reads_nothing_from_null() -> None:
    with create_process("cat", stdin="null") as process:
        assert process.stdin is None
        assert process.stdout is not None
        assert process.stdout.read(timeout=PATIENCE) == b""


def test_a_program_inherits_nothing_but_the_three() -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    try:
        listing = python("import os; print(*sorted(os.listdir('/proc/self/fd'), key=int))")
        with create_process("sleep", stdin="null") as other, create_process(listing) as process:
            assert other.pid
            assert process.stdout is not None
            numbers = process.stdout.read_line(timeout=PATIENCE).split()
            assert numbers[:3] == ["0", "1", "2"]
            assert len(numbers) == 4  # the last one is of the listing itself
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.slow
def test_ours_may_be_closed() -> None:
    code = """
import os, sys
os.close(0), os.close(1), os.close(2)
from trunkline import create_process, run_program
with create_process("cat", stderr="stdout") as process:
    process.stdin.write_line("through the pipes")
    process.stdin.close()
    line = process.stdout.read_line(timeout=10)
result = run_program(["echo one; echo two >&2"], shell=True, timeout=10)
with create_process(["tty; tty >&2"], shell=True, stdin="pty", stdout="pty", stderr="pty") as p:
    said = list(p.pty)
with open(sys.argv[1], "w") as file:
    print(line, result.stdout, result.stderr, len(said), said[0][:8], sep="|", file=file)
"""
    reader, writer = os.pipe()
    with open(reader) as told:
        program = [sys.executable, "-c", code, f"/dev/fd/{writer}"]
        with subprocess.Popen(program, pass_fds=[writer]):
            os.close(writer)
            assert told.read() == "through the pipes|one\n|two\n|2|/dev/pts\n"


# -- terminals -------------------------------------------------------------------------------------


def test_a_program_may_have_a_terminal() -> None:
    command = ["test -t 0 && test -t 1 && test -t 2 && read line && echo got $line"]
    with create_process(command, shell=True, stdin="pty", stdout="pty", stderr="pty") as process:
        assert process.pty is not None
        assert (process.stdin, process.stdout, process.stderr) == (None, None, None)
        process.pty.write("hello\n")
        assert [line.strip() for line in process.pty] == ["hello", "got hello"]  # it echoes
    assert process.status.succeeded


def test_a_terminal_controls_a_session_of_its_own() -> None:
    command = ["echo asked >/dev/tty; read answer </dev/tty; echo $answer; ps -o sid= -p $$"]
    with create_process(command, shell=True, pty=True, stdin="null") as process:
        assert process.pty is not None
        assert process.stdout is not None
        assert process.pty.read_line(timeout=PATIENCE).strip() == "asked"
        process.pty.write("secret\n", flush=True)
        assert process.stdout.read_line(timeout=PATIENCE) == "secret"
        assert int(process.stdout.read_line(timeout=PATIENCE)) == process.pid


def test_ctrl_c_on_its_terminal_is_a_signal() -> None:
    with create_process("cat", stdin="pty", stdout="pty", stderr="null") as process:
        assert process.pty is not None
        process.pty.write("ready\n")
        for _ in "the terminal", "cat":
            assert process.pty.read_line(timeout=PATIENCE).strip() == "ready"
        process.pty.write("\x03", flush=True)
        assert process.wait(timeout=PATIENCE).signal == signal.SIGINT


@pytest.mark.skipif(sys.platform != "linux", reason="only there threads are looked at")
def test_a_terminal_may_be_given_while_there_are_threads() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait)
    thread.start()
    try:
        with create_process("tty", stdin="pty", stdout="pty", stderr="null") as process:
            assert process.pty is not None
            assert list(process.pty)[0].startswith("/dev/")  # noqa: RUF015 - to the end
    finally:
        stop.set()
        thread.join()


# -- how it runs -----------------------------------------------------------------------------------


def test_the_environment_is_ours_or_all_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUNKLINE_TEST", "ours")
    command = ["/bin/sh", "-c", "echo ${TRUNKLINE_TEST-none} ${OTHER-none}"]
    environments: list[tuple[dict[str, str] | None, str]] = [
        (None, "ours none"),
        ({}, "none none"),
        ({"OTHER": "theirs"}, "none theirs"),
    ]
    for environment, said in environments:
        with create_process(command, environment=environment) as process:
            assert process.stdout is not None
            assert process.stdout.read_line(timeout=PATIENCE) == said


def test_a_program_is_looked_for_in_the_path_of_its_environment(tmp_path: Path) -> None:
    program = tmp_path / "only-here"
    program.write_text("#!/bin/sh\necho found\n")
    program.chmod(0o755)
    with create_process("only-here", environment={"PATH": str(tmp_path)}) as process:
        assert process.stdout is not None
        assert process.stdout.read_line(timeout=PATIENCE) == "found"
    with pytest.raises(PathNotFound, match="only-here"):
        create_process("only-here")


def test_it_begins_in_a_directory(tmp_path: Path) -> None:
    with create_process("pwd", current_directory=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.read_line(timeout=PATIENCE) == str(tmp_path)


def test_a_shell_runs_a_script_with_arguments() -> None:
    with create_process(["echo $#: $2", "one", "it's; two"], shell=True) as process:
        assert process.stdout is not None
        assert process.stdout.read_line(timeout=PATIENCE) == "2: it's; two"


def test_names_need_not_be_valid_in_any_encoding(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    (tmp_path / name).write_text("inside")
    with create_process(["cat", name], current_directory=tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.read(timeout=PATIENCE) == b"inside"
    missing = os.fsdecode(b"no-such-\xe9")
    with pytest.raises(PathNotFound) as caught:
        create_process(missing)
    str(caught.value).encode()  # it can be printed
    assert caught.value.address == missing


@pytest.mark.parametrize("option", ["new_group", "new_session"])
def test_it_may_lead_a_group(option: str) -> None:
    options: dict[str, Any] = {option: True}
    with create_process(["sleep 1000 & wait"], shell=True, **options) as process:
        assert os.getpgid(process.pid) == process.pid
        assert (os.getsid(process.pid) == process.pid) == (option == "new_session")
        assert process.kill(group=True)
        assert process.wait(timeout=PATIENCE).signal == signal.SIGTERM
        assert not process.kill(group=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may be somebody else")
def test_it_may_run_as_somebody_else_and_without_the_groups_of_root() -> None:
    with create_process(["id -u; id -g; id -G"], shell=True, uid=65534, gid=65533) as process:
        assert process.stdout is not None
        assert list(process.stdout) == ["65534", "65533", "65533"]
    with create_process(["id -G"], shell=True, uid=65534, groups=[1, 2]) as process:
        assert process.stdout is not None
        assert set(list(process.stdout)[0].split()) == {"0", "1", "2"}  # noqa: RUF015


def test_it_may_run_as_our_real_user() -> None:
    with create_process(["id -u"], shell=True, reset_ids=True) as process:
        assert process.stdout is not None
        assert process.stdout.read_line(timeout=PATIENCE) == str(os.getuid())


def test_signals_do_there_what_they_do_by_default() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with create_process(["grep", "SigIgn\\|SigCgt\\|SigBlk", "/proc/self/status"]) as process:
            assert process.stdout is not None
            masks = [int(line.split()[1], 16) for line in process.stdout]
            assert not any(mask & 1 << (signal.SIGPIPE - 1) for mask in masks)
            assert not any(mask & 1 << (signal.SIGUSR1 - 1) for mask in masks)
    finally:
        signal.signal(signal.SIGUSR1, before)


# -- its end ---------------------------------------------------------------------------------------


def test_the_status_tells_the_exit_code() -> None:
    with create_process(["exit 7"], shell=True) as process:
        status = process.wait(timeout=PATIENCE)
        assert status == ProcessStatus(False, exit_code=7) == process.status
        assert not status.succeeded
        assert str(status) == "exit code 7"
        assert not process.is_running
        assert not process.kill()
        assert repr(process) == f"<Process {process.pid}, /bin/sh, exit code 7>"


def test_the_status_tells_the_signal() -> None:
    with create_process(["sleep", "1000"]) as process:
        assert process.status == ProcessStatus(True)
        assert str(process.status) == "running"
        assert process.kill()
        assert process.wait(timeout=PATIENCE) == ProcessStatus(False, signal=signal.SIGTERM)
        assert str(process.status) == "ended by SIGTERM"


def test_the_status_tells_of_a_core_file(tmp_path: Path) -> None:
    code = (
        "import os, resource as r;"
        "r.setrlimit(r.RLIMIT_CORE, (r.getrlimit(r.RLIMIT_CORE)[1],) * 2); os.abort()"
    )
    with create_process(python(code), current_directory=tmp_path) as process:
        status = process.wait(timeout=PATIENCE)
        assert status.signal == signal.SIGABRT
        # Whether one is made is the machine's affair; Python's own way has to agree.
    with subprocess.Popen(python(code), cwd=tmp_path) as other:
        _, raw = os.waitpid(other.pid, 0)
        other.returncode = 0
        assert os.WCOREDUMP(raw) == status.core_dumped
    assert str(ProcessStatus(False, signal=6, core_dumped=True)) == "ended by SIGABRT, core dumped"


def test_a_wait_that_takes_too_long_is_an_error() -> None:
    with create_process(["sleep", "1000"]) as process:
        with pytest.raises(TimedOut, match="wait sleep"):
            process.wait(timeout=1 * MS)
        assert process.is_running
        process.kill()


def test_several_threads_may_wait() -> None:
    said: list[ProcessStatus] = []
    with create_process("cat") as process:
        threads = [
            threading.Thread(target=lambda: said.append(process.wait(timeout=PATIENCE)))
            for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        assert process.stdin is not None
        process.stdin.close()
        for thread in threads:
            thread.join()
    assert said == [ProcessStatus(False, exit_code=0)] * 4


def test_who_asks_while_another_one_asks_is_told_the_same() -> None:
    was_asked_in_between = True
    point = 0
    while was_asked_in_between:
        said: list[ProcessStatus] = []
        with create_process("true") as process:
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

            def ask(process: Process = process, said: list[ProcessStatus] = said) -> None:
                said.append(process.status)

            was_asked_in_between = struck_at(point, ask, ask)
        assert said == [ProcessStatus(False, exit_code=0)] * (1 + was_asked_in_between), point
        point += 1


def test_it_is_waited_for_without_a_descriptor_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    with create_process(["sleep", "1000"]) as process:
        with pytest.raises(TimedOut):
            process.wait(timeout=1 * MS)
        process.kill(signal.SIGKILL)
        assert process.wait(timeout=PATIENCE).signal == signal.SIGKILL


def test_leaving_by_an_exception_kills_it_and_its_group() -> None:
    script = "trap '' TERM; sleep 1000 & echo $!; wait"
    process = create_process([script], shell=True, new_group=True)
    assert process.stdout is not None
    grandchild = int(process.stdout.read_line(timeout=PATIENCE))
    with pytest.raises(ZeroDivisionError), process:
        raise ZeroDivisionError
    assert process.status.signal == signal.SIGKILL
    while not is_gone(grandchild):
        pass


def test_closing_waits_for_its_end_and_may_be_repeated() -> None:
    process = create_process("cat")
    process.close()
    assert process.status.succeeded
    process.close()
    process.close(abort=True)
    assert process.stdin is not None
    assert process.stdin.closed


def test_closing_may_take_too_long() -> None:
    process = create_process(["sleep", "1000"])
    with pytest.raises(TimedOut, match="close sleep"):
        process.close(timeout=1 * MS)
    assert process.is_running
    assert process.stdin is not None
    assert process.stdin.closed
    process.close(abort=True)
    assert process.status.signal == signal.SIGKILL


def test_one_that_is_forgotten_goes_on_and_is_reaped_in_the_end() -> None:
    process = create_process("cat", stdout="null", stderr="null")
    pid, stdin = process.pid, process.stdin
    assert stdin is not None
    with pytest.warns(ResourceWarning, match="unclosed <Process .* running"):
        del process
    os.kill(pid, 0)
    stdin.close()
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    create_process("true").close()  # which looks after it
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, 0)


def test_somebody_else_may_have_waited_for_it() -> None:
    with create_process("true", stdin="null", stdout="null", stderr="null") as process:
        os.waitpid(process.pid, 0)
        assert process.wait(timeout=PATIENCE) == ProcessStatus(False)
        assert not process.status.succeeded
        assert not process.kill()
        assert str(process.status) == "ended, and nobody knows how"


def test_a_fork_has_no_part_in_it() -> None:
    with create_process("cat") as process:
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                with pytest.raises(ProcessNotChild):
                    process.wait(timeout=0)
                with pytest.raises(ProcessNotChild):
                    process.kill()
                repr(process)
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(pid, 0)[1] == 0
        assert process.is_running


def test_a_status_can_be_pickled_and_a_process_cannot() -> None:
    status = ProcessStatus(False, exit_code=3)
    assert pickle.loads(pickle.dumps(status)) == status
    with create_process("true") as process, pytest.raises(TypeError):
        pickle.dumps(process)


# -- what cannot be started ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "named"),
    [
        (["no-such-program-anywhere"], {}, PathNotFound, "exec no-such-program-anywhere"),
        (["/no/such/program"], {}, PathNotFound, "exec /no/such/program"),
        (["/etc/passwd"], {}, PermissionDenied, "exec /etc/passwd"),
        (["/etc/passwd/x"], {}, PathNotDirectory, "exec /etc/passwd/x"),
        (["true"], {"current_directory": "/no/such"}, PathNotFound, "chdir /no/such"),
        (["true"], {"current_directory": "/etc/passwd"}, PathNotDirectory, "chdir /etc/passwd"),
        (["true"], {"stdin": Path("/no/such/file")}, PathNotFound, "open /no/such/file"),
        (["true"], {"stdout": Path("/etc")}, PathIsDirectory, "open /etc"),
        (["true"], {"stderr": 999_999}, SocketClosed, "stderr descriptor 999999"),
    ],
)
def test_what_cannot_be_started_is_told_and_leaves_nothing(
    arguments: list[str], options: dict[str, Any], kind: type[Exception], named: str
) -> None:
    before = descriptors()
    for terminal in (False, True):
        with pytest.raises(kind, match=named):
            create_process(arguments, pty=terminal, **options)
    assert descriptors() == before


def test_too_few_descriptors_are_told_and_none_is_left() -> None:
    code = """
import os, resource
from trunkline import TooManyOpenFiles, create_process, run_program
create_process("true").close()
used = len(os.listdir("/proc/self/fd")) - 1
met = set()
for more in range(18):
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + more, 4096))
    for pty in False, True:
        try:
            process = create_process("true", pty=pty)
        except TooManyOpenFiles as error:
            met.add(error.operation)
        else:
            process.close()
            met.add(None)
    assert run_program("true").status.succeeded if more > 16 else True
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))
    assert len(os.listdir("/proc/self/fd")) - 1 == used, more
print(*sorted(map(str, met)))
"""
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert run.stderr == ""
    assert {"None", "pipe", "openpty", "exec"} <= set(run.stdout.split())


@pytest.mark.parametrize(
    ("arguments", "options", "kind", "message"),
    [
        ([], {}, ValueError, "cannot be empty"),
        ("", {}, ValueError, "cannot be empty"),
        (b"true", {}, TypeError, "text or a path"),
        (7, {}, TypeError, "text or a path"),
        (["true", 7], {}, TypeError, "an argument is text"),
        (["true", b"x"], {}, TypeError, "an argument is text"),
        (["true", "a\0b"], {}, ValueError, "NUL"),
        ("true", {"stdin": "file.txt"}, ValueError, r"pathlib\.Path"),
        ("true", {"stdin": "stdout"}, ValueError, "stdin is one of"),
        ("true", {"stdout": -1}, ValueError, "at least|from 0"),
        ("true", {"stdout": True}, TypeError, "integer"),
        ("true", {"stderr": object()}, TypeError, "has a descriptor"),
        ("true", {"environment": ["A=b"]}, TypeError, "mapping"),
        ("true", {"environment": {"A=": "b"}}, ValueError, "name of a variable"),
        ("true", {"environment": {"A": 1}}, TypeError, "the variable A"),
        ("true", {"uid": -1}, ValueError, "uid"),
        ("true", {"uid": "root"}, TypeError, "uid"),
        ("true", {"reset_ids": True, "uid": 1}, ValueError, "reset_ids"),
        ("true", {"current_directory": 7}, TypeError, "current_directory"),
        ("true", {"external_format": "no-such"}, ValueError, "no-such"),
        ("true", {"cwd": "/"}, TypeError, "current_directory"),
        ("true", {"env": {}}, TypeError, "environment"),
        ("true", {"start_new_session": True}, TypeError, "new_session"),
    ],
)
def test_wrong_arguments_are_refused(
    arguments: Any, options: dict[str, Any], kind: type[Exception], message: str
) -> None:
    before = descriptors()
    with pytest.raises(kind, match=message):
        create_process(arguments, **options)
    assert descriptors() == before


def test_there_is_no_such_signal() -> None:
    with create_process("cat") as process:
        with pytest.raises(ValueError, match="no signal"):
            process.kill(12345)
        with pytest.raises(TypeError):
            process.kill("TERM")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="new_group=True"):
            process.kill(group=True)
    assert isinstance(process, Process)
