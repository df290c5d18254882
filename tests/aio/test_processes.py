"""Child processes on the loop: their pipes, signals, ends, and how they are given up."""

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path
from typing import Any

import pytest
from support.timing import PATIENCE

from trunkline import aio
from trunkline.aio import running_loop
from trunkline.errors import PathNotFound, PermissionDenied

# More than any pipe holds.
LARGE = b"abcdefgh" * 250_000


class Noting(asyncio.SubprocessProtocol):
    """Notes what it is called for."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.output = b""
        self.lost: asyncio.Future[Exception | None] = running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append("made")

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.output += data

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        self.calls.append(("pipe", fd))

    def process_exited(self) -> None:
        self.calls.append("exited")

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append("lost")
        self.lost.set_result(exc)


async def run_cat() -> asyncio.subprocess.Process:
    """Start a program that copies its input to its output, and ends with that."""
    return await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)


def test_much_goes_both_ways() -> None:
    async def main() -> None:
        process = await run_cat()
        output, _ = await process.communicate(LARGE)
        assert output == LARGE
        assert process.returncode == 0

    aio.run(main())


def test_it_is_talked_to() -> None:
    async def main() -> None:
        process = await run_cat()
        assert process.stdin is not None
        assert process.stdout is not None
        for line in (b"one\n", b"two\n"):
            process.stdin.write(line)
            assert await process.stdout.readline() == line
        process.stdin.close()
        assert await process.stdout.read() == b""
        assert await process.wait() == 0

    aio.run(main())


def test_all_three_streams_of_a_shell() -> None:
    async def main() -> None:
        process = await asyncio.create_subprocess_shell(
            "read line; echo got $line; echo wrong >&2; exit 3",
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
        )
        assert await process.communicate(b"it\n") == (b"got it\n", b"wrong\n")
        assert process.returncode == 3

    aio.run(main())


def test_what_python_says_of_streams_holds(tmp_path: Path) -> None:
    async def main() -> None:
        path = tmp_path / "output"
        with path.open("wb") as file:
            process = await asyncio.create_subprocess_shell(
                "cat; echo $VALUE >&2; pwd",
                stdin=DEVNULL,
                stdout=file,
                stderr=STDOUT,
                cwd=tmp_path,
                env={"VALUE": "given", "PATH": os.defpath},
            )
            assert await process.wait() == 0
        assert path.read_text() == f"given\n{tmp_path}\n"
        assert (process.stdin, process.stdout, process.stderr) == (None, None, None)

    aio.run(main())


def test_the_protocol_is_told_in_order() -> None:
    async def main() -> None:
        loop = running_loop()
        transport, protocol = await loop.subprocess_exec(Noting, "cat")
        assert transport.get_pid() == transport.get_extra_info("subprocess").pid
        assert transport.get_returncode() is None
        assert transport.get_protocol() is protocol
        assert transport.get_pipe_transport(3) is None
        pipe: Any = transport.get_pipe_transport(0)
        assert isinstance(pipe, asyncio.WriteTransport)
        pipe.write(b"hello")
        pipe.close()
        assert await protocol.lost is None
        assert protocol.output == b"hello"
        assert protocol.calls[0] == "made"
        assert protocol.calls[-1] == "lost"
        between = [("pipe", 0), ("pipe", 1), ("pipe", 2), "exited"]
        assert sorted(protocol.calls[1:-1], key=str) == sorted(between, key=str)
        assert transport.get_returncode() == 0
        assert transport.is_closing()
        with pytest.raises(ProcessLookupError):
            transport.kill()

    aio.run(main())


@pytest.mark.parametrize(
    ("end", "number"),
    [
        ("kill", signal.SIGKILL),
        ("terminate", signal.SIGTERM),
        ("send_signal", signal.SIGUSR1),
    ],
)
def test_signals_end_it(end: str, number: signal.Signals) -> None:
    async def main() -> None:
        process = await run_cat()
        getattr(process, end)(*([number] if end == "send_signal" else []))
        assert await process.wait() == -number
        await process.communicate()

    aio.run(main())


def test_one_that_reads_nothing_is_no_trouble() -> None:
    async def main() -> None:
        process = await asyncio.create_subprocess_exec("true", stdin=PIPE)
        await process.communicate(LARGE)
        assert process.returncode == 0

    aio.run(main())


def test_its_end_is_known_while_others_have_its_pipes() -> None:
    async def main() -> None:
        process = await asyncio.create_subprocess_shell("tail -f /dev/null & echo $!", stdout=PIPE)
        assert process.stdout is not None
        pid = int(await process.stdout.readline())
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0
        os.kill(pid, signal.SIGKILL)
        assert await process.stdout.read() == b""

    aio.run(main())


def test_closing_kills() -> None:
    async def main() -> None:
        transport, protocol = await running_loop().subprocess_exec(Noting, "sleep", "1000")
        transport.close()
        transport.close()
        assert await protocol.lost is None
        assert transport.get_returncode() == -signal.SIGKILL

    aio.run(main())


def test_somebody_else_may_have_waited(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        transport, protocol = await running_loop().subprocess_exec(Noting, "cat")
        os.kill(transport.get_pid(), signal.SIGKILL)
        os.waitpid(transport.get_pid(), 0)
        await protocol.lost
        assert transport.get_returncode() == 255

    aio.run(main())
    assert "somebody else has waited" in caplog.text


def test_given_up_it_is_killed() -> None:
    async def main() -> None:
        starting = asyncio.ensure_future(run_cat())
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    aio.run(main())


def test_many_run_at_once() -> None:
    async def main() -> None:
        async def ask(number: int) -> bytes:
            process = await run_cat()
            output, _ = await process.communicate(b"%d" % number)
            return output

        answers = await asyncio.gather(*map(ask, range(8)))
        assert answers == [b"%d" % number for number in range(8)]

    aio.run(main())


def test_waiting_can_be_given_up() -> None:
    async def main() -> None:
        process = await run_cat()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(process.wait(), 0.001)
        process.kill()
        assert await process.wait() == -signal.SIGKILL
        await process.communicate()

    aio.run(main())


def test_one_that_is_not_there_is_told(tmp_path: Path) -> None:
    async def main() -> None:
        missing = str(tmp_path / "missing")
        with pytest.raises(FileNotFoundError) as caught:
            await run_program(missing)
        assert isinstance(caught.value, PathNotFound)
        assert caught.value.filename == missing
        (tmp_path / "text").write_text("no program")
        with pytest.raises(PermissionError) as refused:
            await run_program(str(tmp_path / "text"))
        assert isinstance(refused.value, PermissionDenied)

    aio.run(main())


async def run_program(program: str) -> None:
    """Start a program without arguments."""
    await running_loop().subprocess_exec(Noting, program)


@pytest.mark.parametrize(
    "option",
    [
        {"text": True},
        {"universal_newlines": True},
        {"encoding": "utf-8"},
        {"errors": "strict"},
        {"bufsize": 100},
    ],
)
def test_text_and_buffers_are_refused(option: dict[str, Any]) -> None:
    (name,) = option

    async def main() -> None:
        loop = running_loop()
        with pytest.raises(ValueError, match=name):
            await loop.subprocess_exec(Noting, "true", **option)
        with pytest.raises(ValueError, match=name):
            await loop.subprocess_shell(Noting, "true", **option)

    aio.run(main())


def test_what_is_run_is_checked() -> None:
    async def main() -> None:
        loop: Any = running_loop()
        with pytest.raises(ValueError, match="shell"):
            await loop.subprocess_exec(Noting, "true", shell=True)
        with pytest.raises(ValueError, match="shell"):
            await loop.subprocess_shell(Noting, "true", shell=False)
        with pytest.raises(ValueError, match="cmd must be a string"):
            await loop.subprocess_shell(Noting, ["true"])

    aio.run(main())


@pytest.mark.slow
def test_one_that_is_forgotten_is_told_of() -> None:
    """It is killed, too."""
    code = """if True:
        import asyncio
        from trunkline import aio

        async def main():
            loop = asyncio.get_running_loop()
            await loop.subprocess_exec(asyncio.SubprocessProtocol, "cat")

        aio.run(main())
    """
    argv = [sys.executable, "-W", "always", "-c", code]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert "unclosed transport <ProcessTransport" in done.stderr
