"""Programs with callbacks."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from evented.helpers import Failure, Noting, Start, fail, in_turn, unwanted
from support.timing import PATIENCE

from trunkline import PathNotFound, PermissionDenied, ProcessStatus
from trunkline.evented import (
    AsyncSocket,
    EventKind,
    Piped,
    SocketStream,
    SpawnedProcess,
    current_event_loop,
    delay,
    exit_event_loop,
    spawn,
)

Ends = list[tuple[SpawnedProcess, int, int]]


def noting(ends: Ends) -> Any:
    """Return an `exit_cb` that notes what it is called with."""
    return lambda *told: ends.append(told)


def socket_of(end: AsyncSocket | SocketStream | None) -> AsyncSocket:
    """Return one of the ends, which is a socket."""
    assert isinstance(end, AsyncSocket)
    return end


def test_a_program_is_run_and_its_end_is_called_back(start: Start, tmp_path: Path) -> None:
    ends: Ends = []
    made: list[SpawnedProcess] = []

    def main() -> None:
        made.append(spawn("touch", [tmp_path / "file"], exit_cb=noting(ends)))
        assert current_event_loop().statistics().handles == {"process": 1}
        assert (made[0].input, made[0].output, made[0].error_output) == (None, None, None)
        assert not made[0].freed

    start(main)
    assert (tmp_path / "file").exists()
    assert ends == [(made[0], 0, 0)]
    assert made[0].freed
    assert made[0].status == ProcessStatus(False, exit_code=0)
    assert not made[0].kill()


@pytest.mark.parametrize("name", ["output", "error_output"])
def test_what_it_says_is_read_and_what_is_written_it_reads(start: Start, name: str) -> None:
    ends: Ends = []
    said: list[bytes] = []
    events = Noting()

    def main() -> None:
        def read(socket: AsyncSocket, data: bytes) -> None:
            assert socket is getattr(process, name)
            said.append(data)

        outputs: dict[str, Any] = {name: Piped(read_cb=read)}
        process = spawn(
            "sh",
            ["-c", "cat" if name == "output" else "cat >&2"],
            exit_cb=noting(ends),
            event_cb=events,
            input=Piped(),
            **outputs,
        )
        socket_of(process.input).write("hello")
        socket_of(process.input).write(b"--42--")
        socket_of(process.input).close()

    start(main)
    assert b"".join(said) == b"hello--42--"
    assert [told[1:] for told in ends] == [(0, 0)]
    assert [event.kind for event in events] == [EventKind.EOF]


def test_streams_are_in_the_place_of_sockets(start: Start) -> None:
    said: list[bytes] = []

    def main() -> None:
        def read(socket: AsyncSocket, stream: SocketStream) -> None:
            assert stream is process.output
            said.append(stream.read_available())

        process = spawn(
            "cat",
            input=Piped(stream=True),
            output=Piped(read_cb=read, stream=True, external_format="utf-8/lf"),
            event_cb=lambda event: None,
        )
        assert isinstance(process.input, SocketStream)
        process.input.write("one\ntwo\n")
        process.input.close()

    start(main)
    assert b"".join(said) == b"one\ntwo\n"


def test_the_write_callback_says_when_all_has_gone(start: Start) -> None:
    size = 1 << 20
    count: list[int] = []

    def main() -> None:
        process = spawn(
            "cat",
            input=Piped(write_cb=AsyncSocket.close),
            output=Piped(read_cb=lambda socket, data: count.append(len(data))),
            event_cb=lambda event: None,
        )
        socket_of(process.input).write(bytes(size))

    start(main)
    assert sum(count) == size


def test_a_program_that_is_not_there_is_told_at_once(start: Start) -> None:
    def main() -> None:
        with pytest.raises(PathNotFound, match="no-such-program"):
            spawn("no-such-program", exit_cb=unwanted, output=Piped(read_cb=unwanted))
        with pytest.raises(PermissionDenied):
            spawn("/etc/passwd", exit_cb=unwanted)
        with pytest.raises(PathNotFound, match="/no/such"):
            spawn("true", exit_cb=unwanted, working_directory="/no/such")
        assert current_event_loop().statistics().handles == {}

    start(main)


def test_a_signal_that_ends_it_is_told(start: Start) -> None:
    ends: Ends = []

    def main() -> None:
        process = spawn("sleep", ["1000"], exit_cb=noting(ends))
        delay(lambda: process.kill(signal.SIGINT))

    start(main)
    assert [told[1:] for told in ends] == [(0, signal.SIGINT)]


def test_the_environment_and_the_directory_are_given(start: Start, tmp_path: Path) -> None:
    said: list[bytes] = []

    def main() -> None:
        spawn(
            "/bin/sh",
            ["-c", "echo $THING; pwd"],
            env={"THING": "there"},
            working_directory=tmp_path,
            output=Piped(read_cb=lambda socket, data: said.append(data)),
            event_cb=lambda event: None,
        )

    start(main)
    assert b"".join(said).decode().splitlines() == ["there", str(tmp_path)]


def test_it_inherits_what_we_have(start: Start, capfd: pytest.CaptureFixture[str]) -> None:
    start(lambda: spawn("echo", ["hello"], output="inherit"))
    assert capfd.readouterr().out == "hello\n"


def test_an_input_that_nobody_reads_ends_with_the_program(start: Start) -> None:
    events = Noting()
    start(lambda: spawn("true", input=Piped(event_cb=events)))
    assert [event.kind for event in events] == [EventKind.EOF]


def test_a_loop_that_ends_leaves_the_program_alone(start: Start) -> None:
    made: list[SpawnedProcess] = []

    def main() -> None:
        made.append(spawn("sleep", ["1000"], exit_cb=unwanted))
        delay(exit_event_loop)

    start(main)
    assert made[0].freed
    assert made[0].status.running
    assert made[0].kill(signal.SIGKILL)
    os.waitpid(made[0].pid, 0)


def test_without_a_reference_or_freed_it_does_not_keep_the_loop_alive(start: Start) -> None:
    made: list[SpawnedProcess] = []

    def main() -> None:
        made.append(spawn("sleep", ["1000"], exit_cb=unwanted))
        made[0].unref()
        made.append(spawn("sleep", ["1000"], exit_cb=unwanted))
        made[1].free()
        made[1].free()

    start(main)
    for process in made:
        os.kill(process.pid, signal.SIGKILL)
        os.waitpid(process.pid, 0)


def test_what_the_exit_callback_raises_is_dealt_with(start: Start) -> None:
    with pytest.raises(Failure):
        start(lambda: spawn("true", exit_cb=fail))
    events = Noting()
    start(lambda: spawn("true", exit_cb=fail, event_cb=events), catch_app_errors=True)
    assert [type(event.error) for event in events] == [Failure]


def test_sleep_sort(start: Start) -> None:
    """Of programs that run at the same time, each end is called back when it comes."""
    ended: list[str] = []
    pipes = [os.pipe() for _ in "abc"]

    def main() -> None:
        def release(name: str) -> Any:
            def ended_one(*_: object) -> None:
                ended.append(name)
                if name != "a":
                    os.close(pipes["abc".index(name) - 1][1])

            return ended_one

        for name, (reader, _) in zip("abc", pipes, strict=True):
            spawn(
                "sh",
                ["-c", f"exec cat <>/dev/null </proc/{os.getpid()}/fd/{reader}"],
                exit_cb=release(name),
            )
        os.close(pipes[2][1])

    start(main)
    for reader, _ in pipes:
        os.close(reader)
    assert ended == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("arguments", "options", "kind"),
    [
        (("true",), {"input": "pipe"}, ValueError),
        (("true",), {"output": None}, TypeError),
        (("true", "one text"), {}, TypeError),
        (("true", [7]), {}, TypeError),
        ((7,), {}, TypeError),
        (("true",), {"exit_cb": lambda: None}, TypeError),
        (("true",), {"event_cb": lambda: None}, TypeError),
        (("true",), {"output": Piped(read_cb=lambda: None)}, TypeError),  # type: ignore[arg-type]
        (("true",), {"input": Piped(write_cb=lambda: None)}, TypeError),  # type: ignore[misc,arg-type]
        (("true",), {"output": Piped(external_format="no-such")}, ValueError),
        (("true",), {"env": ["A"]}, TypeError),
    ],
)
def test_wrong_arguments_are_refused_and_leave_nothing(
    start: Start, arguments: Any, options: dict[str, Any], kind: type[Exception]
) -> None:
    def main() -> None:
        with pytest.raises(kind):
            spawn(*arguments, **options)
        assert current_event_loop().statistics().handles == {}
        assert current_event_loop().event_base.statistics().handlers == 0

    start(main)


def test_there_has_to_be_a_loop() -> None:
    with pytest.raises(RuntimeError):
        spawn("true")


def test_a_callback_may_spawn_and_kill(start: Start) -> None:
    ends: Ends = []

    def main() -> None:
        def again(*_: object) -> None:
            process = spawn("sleep", ["1000"], exit_cb=noting(ends))
            assert process.kill()

        spawn("true", exit_cb=again)

    start(main)
    assert [told[1:] for told in ends] == [(0, signal.SIGTERM)]


def test_its_text_says_how_it_is_doing(start: Start) -> None:
    texts: list[str] = []

    def main() -> None:
        process = spawn("cat", input=Piped(), exit_cb=lambda each, *_: texts.append(repr(each)))
        texts.append(repr(process))
        assert repr(process) == f"<SpawnedProcess {process.pid}, running>"
        in_turn(socket_of(process.input).close)()

    start(main)
    assert texts[1].endswith("exit code 0>")
    assert PATIENCE
