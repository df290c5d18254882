"""Programs on an event base: their end is an event, their pipes are descriptors or transports."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from processes.helpers import descriptors, python
from support.backends import each_backend
from support.timing import MS, PATIENCE

from trunkline import (
    BrokenPipe,
    Busy,
    EventBase,
    PipeStream,
    Process,
    ProcessStatus,
    SocketClosed,
    TimedOut,
    TransportProtocol,
    adopt,
    create_process,
    fd_readable,
    wait_until_any_ready,
    wait_until_fd_ready,
)


@pytest.fixture(params=each_backend())
def base(request: pytest.FixtureRequest) -> Iterator[EventBase]:
    """An event base on each backend."""
    with EventBase(backend=request.param, exit_when_empty=True) as base:
        yield base


def stream(found: PipeStream | None) -> PipeStream:
    """Return a stream that is there."""
    assert found is not None
    return found


# -- the end ---------------------------------------------------------------------------------------


def test_the_end_of_a_program_is_an_event(base: EventBase) -> None:
    told: list[ProcessStatus] = []
    with create_process("cat") as process:
        handler = process.set_exit_handler(base, lambda ended: told.append(ended.status))
        assert not base.is_empty
        base.call_soon(stream(process.stdin).close)
        base.dispatch(timeout=PATIENCE)
        assert told == [ProcessStatus(False, exit_code=0)]
        assert handler.removed
        assert base.is_empty


def test_it_is_told_if_it_has_come_before_and_never_at_once(base: EventBase) -> None:
    told: list[Process] = []
    with create_process(["sleep", "1000"]) as process:
        process.kill()
        process.wait(timeout=PATIENCE)
        process.set_exit_handler(base, told.append)
        assert told == []
        base.dispatch(timeout=PATIENCE)
        assert told == [process]


def test_several_may_want_to_know_and_one_may_want_it_no_more(base: EventBase) -> None:
    told: list[int] = []
    before = descriptors()
    with create_process("cat") as process:
        process.set_exit_handler(base, lambda _: told.append(1))
        second = process.set_exit_handler(base, lambda _: told.append(2))
        process.set_exit_handler(base, lambda _: told.append(3))
        second.remove()
        second.remove()
        base.call_soon(stream(process.stdin).close)
        base.dispatch(timeout=PATIENCE)
    assert sorted(told) == [1, 3]
    assert descriptors() == before


def test_an_event_base_that_is_closed_tells_nobody(base: EventBase) -> None:
    with create_process("cat", stdout="null", stderr="null") as process:
        before = descriptors()
        handler = process.set_exit_handler(base, lambda _: None)
        base.close()
        assert handler.removed
        assert descriptors() < before
        with pytest.raises(SocketClosed):
            process.set_exit_handler(base, lambda _: None)


def test_it_is_told_without_a_descriptor_of_the_process(
    base: EventBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    told: list[Process] = []
    with create_process("cat") as process:
        process.set_exit_handler(base, told.append)
        removed = process.set_exit_handler(base, told.append)
        removed.remove()
        base.call_soon(stream(process.stdin).close)
        base.dispatch(timeout=PATIENCE)
        assert told == [process]


def test_a_handler_that_raises_ends_the_dispatch(base: EventBase) -> None:
    def fail(_: Process) -> None:
        raise ZeroDivisionError

    with create_process("true") as process:
        process.set_exit_handler(base, fail)
        with pytest.raises(ZeroDivisionError):
            base.dispatch(timeout=PATIENCE)


def test_what_is_no_event_base_or_no_callback_is_refused(base: EventBase) -> None:
    with create_process("true") as process:
        with pytest.raises(TypeError, match="event base comes first"):
            process.set_exit_handler(print, base)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="process"):
            process.set_exit_handler(base, lambda: None)  # type: ignore[misc,arg-type]


# -- descriptors -----------------------------------------------------------------------------------


def test_a_pipe_can_be_watched_and_its_buffered_lines_count(base: EventBase) -> None:
    lines: list[str] = []
    with create_process(["printf 'one\\ntwo\\nthree\\n'"], shell=True) as process:
        output = stream(process.stdout)

        def read(number: int, event: str, cause: Any) -> None:
            line = next(output, None)
            if line is None:
                output.close()  # which removes the handler
            else:
                lines.append(line)

        base.set_io_handler(output, "read", read)
        base.dispatch(timeout=PATIENCE)
        assert base.is_empty
    assert lines == ["one", "two", "three"]


def test_one_can_wait_for_a_pipe() -> None:
    with create_process("cat") as process:
        assert not fd_readable(stream(process.stdout))
        assert wait_until_fd_ready(stream(process.stdin), "write", timeout=PATIENCE).writable
        stream(process.stdin).write_line("x", flush=True)
        assert wait_until_fd_ready(stream(process.stdout), timeout=PATIENCE)


def test_one_can_wait_for_several_pipes() -> None:
    with create_process(["echo x >&2; sleep 1000"], shell=True) as process:
        output, errors = stream(process.stdout), stream(process.stderr)
        ready = wait_until_any_ready([output, errors], timeout=PATIENCE)
        assert [bool(each) for each in ready] == [False, True]
        assert errors.read_line(timeout=PATIENCE) == "x"
        process.kill()


# -- transports ------------------------------------------------------------------------------------


class Noting(TransportProtocol):
    """A protocol that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.told.append(data)

    def line_received(self, line: str) -> None:
        self.told.append(line)

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def eof_received(self) -> None:
        self.told.append("eof")

    def connection_lost(self, error: Exception | None) -> None:
        self.told.append(error)

    @property
    def received(self) -> bytes:
        """All bytes."""
        return b"".join(each for each in self.told if isinstance(each, bytes))


def test_pipes_can_be_transports(base: EventBase) -> None:
    told, fed = Noting(), Noting()
    before = descriptors()
    with create_process("cat", stderr="null") as process:
        adopt(base, told, stream(process.stdout))
        feeding = adopt(base, fed, stream(process.stdin))
        assert stream(process.stdin).closed
        assert stream(process.stdout).closed
        feeding.write(b"hello")
        feeding.write_eof()
        base.dispatch(timeout=PATIENCE)
        assert told.received == b"hello"
        assert told.told[-2:] == ["eof", None]
        assert fed.told == [None]
    assert descriptors() == before


def test_much_goes_through_with_back_pressure(base: EventBase) -> None:
    told, fed = Noting(), Noting()
    size = 2 << 20
    with create_process("cat", stderr="null") as process:
        adopt(base, told, stream(process.stdout))
        feeding = adopt(base, fed, stream(process.stdin))
        feeding.write(bytes(size))
        assert fed.told == ["pause"]
        feeding.close()
        base.dispatch(timeout=PATIENCE)
    assert len(told.received) == size
    assert fed.told == ["pause", None]


def test_lines_are_delivered_and_what_was_buffered_comes_first(base: EventBase) -> None:
    told = Noting()
    with create_process(["printf 'one\\ntwo\\nthree'"], shell=True) as process:
        output = stream(process.stdout)
        assert output.read_line(timeout=PATIENCE) == "one"
        adopt(base, told, output, delivery="lines")
        base.dispatch(timeout=PATIENCE)
    assert told.told == ["two", "three", "eof", None]


def test_what_was_written_to_the_stream_is_sent_by_the_transport(base: EventBase) -> None:
    told = Noting()
    with create_process("cat") as process:
        stream(process.stdin).write("before ")
        feeding = adopt(base, Noting(), stream(process.stdin))
        feeding.write("after")
        feeding.close()
        adopt(base, told, stream(process.stdout))
        base.dispatch(timeout=PATIENCE)
    assert told.received == b"before after"


def test_it_is_told_that_nobody_reads_any_more(base: EventBase) -> None:
    fed = Noting()
    with create_process("true", stdout="null", stderr="null") as process:
        adopt(base, fed, stream(process.stdin))
        base.dispatch(timeout=PATIENCE)
    assert fed.told == ["eof", None]
    fed = Noting()
    with create_process(["sleep", "1000"], stdout="null", stderr="null") as process:
        feeding = adopt(base, fed, stream(process.stdin))
        feeding.write(bytes(1 << 20))
        process.kill()
        base.dispatch(timeout=PATIENCE)
    assert [type(each) for each in fed.told[-1:]] == [BrokenPipe]


def test_a_transport_of_an_output_writes_nothing(base: EventBase) -> None:
    with create_process("cat") as process:
        reading = adopt(base, Noting(), stream(process.stdout))
        with pytest.raises(ValueError, match="stdout of cat can only be read from"):
            reading.write(b"x")
        with pytest.raises(TypeError, match="stdout of cat is none"):
            reading.detach()
        assert (reading.remote_name, reading.local_name) == (None, None)
        reading.abort()


def test_a_transport_of_an_input_is_closed_with_it_or_aborted(base: EventBase) -> None:
    with create_process("cat") as process:
        fed = Noting()
        feeding = adopt(base, fed, stream(process.stdin))
        feeding.abort(reset=True)
        base.dispatch(timeout=PATIENCE)
        assert fed.told == [None]
        assert process.wait(timeout=PATIENCE).succeeded


def test_a_terminal_can_be_a_transport(base: EventBase) -> None:
    told = Noting()
    command = ["stty -echo; echo ready; read line; echo got $line"]
    with create_process(command, shell=True, stdin="pty", stdout="pty", stderr="null") as process:
        terminal = adopt(base, told, stream(process.pty), delivery="lines")

        def answer() -> None:
            if told.told:
                terminal.write("x\n")
                base.remove_timer(timer)

        timer = base.add_timer(answer, 1 * MS)
        base.dispatch(timeout=PATIENCE)
    lines = [each.strip() for each in told.told if isinstance(each, str) and each != "eof"]
    assert lines == ["ready", "got x"]
    assert told.told[-2:] == ["eof", None]


def test_a_callback_that_raises_ends_its_pipe_only(base: EventBase) -> None:
    class Failing(Noting):
        def data_received(self, data: bytes) -> None:
            raise ZeroDivisionError

    caught: list[Exception] = []
    base.exception_handler = lambda error, source: caught.append(error)
    told = Failing()
    with create_process(["echo out; echo err >&2"], shell=True) as process:
        others = Noting()
        adopt(base, told, stream(process.stdout))
        adopt(base, others, stream(process.stderr))
        base.dispatch(timeout=PATIENCE)
    assert [type(each) for each in caught] == [ZeroDivisionError]
    assert others.received == b"err\n"


def test_a_stream_that_somebody_reads_is_not_given_away(base: EventBase) -> None:
    begun = threading.Event()
    with create_process("cat") as process:
        output = stream(process.stdout)

        def read() -> None:
            begun.set()
            assert output.read(timeout=PATIENCE) == b""

        thread = threading.Thread(target=read)
        thread.start()
        begun.wait(PATIENCE)
        while True:
            try:
                output.read(timeout=0)
            except Busy:
                break
            except TimedOut:  # it has not begun yet
                continue
        with pytest.raises(Busy):
            adopt(base, Noting(), output)
        stream(process.stdin).close()
        thread.join()


def test_many_programs_at_once(base: EventBase) -> None:
    ended: list[int] = []
    outputs: list[Noting] = []
    processes = []
    for number in range(10):
        process = create_process(
            python(f"print('x' * 50_000); raise SystemExit({number})"), stdin="null"
        )
        processes.append(process)
        process.set_exit_handler(base, lambda each: ended.append(each.status.exit_code or 0))
        outputs.append(Noting())
        adopt(base, outputs[-1], stream(process.stdout))
    base.dispatch(timeout=PATIENCE)
    assert sorted(ended) == list(range(10))
    assert {len(each.received) for each in outputs} == {50_001}
    for process in processes:
        process.close()
    assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
