"""The demo believes nothing: tests with the tutorial's programs and with ones that lie, die, hang.

Each run is a real one, of the demo and of both programs. The programs that misbehave are written
here, on the standard library alone, and stand in for the tutorial's under the same names.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pty
import re
import signal
import subprocess
import sys
import unicodedata
from typing import TYPE_CHECKING

import demo
import pytest
from data import make_scripts

pytestmark = pytest.mark.thorough

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

# The demo with another directory of programs, and with little patience for those that do not end.
RUN_DEMO = """
import sys, pathlib, demo, demo_programs
demo_programs.GRACE_S = float(sys.argv.pop(1))
sys.exit(demo.main(sys.argv[2:], pathlib.Path(sys.argv[1])))
"""

SERVER = """
import os, signal, socket, sys, threading

def answer(number, line):
    {fault}
    return line

def serve(connection):
    print("A thread is handling the connection from somebody!")
    with connection, connection.makefile("rwb") as stream:
        for number, line in enumerate(stream, 1):
            print("Read line from somebody:", line.decode().removesuffix("\\r\\n"))
            stream.write(answer(number, line))
            stream.flush()
            print("Wrote line to somebody:", line.decode().removesuffix("\\r\\n"))

{start}
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(f"Listening on socket bound to: 0.0.0.0:{{listener.getsockname()[1]}}")
    try:
        while True:
            print("Waiting to accept a connection...")
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
    except KeyboardInterrupt:
        sys.exit(130)
"""

CLIENT = """
import os, signal, socket, sys

{start}
with socket.create_connection(("127.0.0.1", int(sys.argv[-1]))) as connection:
    print("Connected to server here from my local connection there!")
    stream = connection.makefile("rwb")
    for number, line in enumerate(sys.stdin, 1):
        {fault}
        stream.write(line.removesuffix("\\n").encode() + b"\\r\\n")
        stream.flush()
        sys.stdout.buffer.write(stream.readline().removesuffix(b"\\r\\n") + b"\\n")
print("Got end-of-file. Server closed connection on read!")
print("Client Exited.")
"""

LINES = ["Ein Gespräch", "", "  звонок\tв  сеть ", "電話 \u2028 \x85 \f 📞", "quit?", "the last"]


def write_stand_ins(
    directory: Path,
    *,
    server_fault: str = "pass",
    server_start: str = "",
    client_fault: str = "pass",
    client_start: str = "",
) -> Path:
    """Write a server and a client that do as the tutorial's, but for the faults; return where."""
    server = SERVER.format(fault=server_fault, start=server_start)
    client = CLIENT.format(fault=client_fault, start=client_start)
    (directory / f"{demo.SERVER}.py").write_text(server, encoding="utf-8")
    (directory / f"{demo.CLIENT}.py").write_text(client, encoding="utf-8")
    return directory


def write_text(directory: Path, content: str | bytes | None = None) -> Path:
    """Write a text to stream, by default the small one of this module; return where it is."""
    if content is None:
        content = "".join(f"{line}\n" for line in LINES)
    path = directory / "text.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def start_demo(
    programs: Path,
    *arguments: str | Path,
    stdout: int = subprocess.PIPE,
    grace: float = 20.0,
    process_group: int | None = None,
) -> subprocess.Popen[str]:
    """Start the demo with the programs in a directory, in a wide terminal if it has one."""
    environment = {**os.environ, "PYTHONPATH": str(demo.EXAMPLES), "TERM": "xterm"}
    environment["COLUMNS"] = "200"  # Nothing is wrapped, so that a test can look for it.
    environment.pop("FORCE_COLOR", None)  # It makes rich take a pipe for a terminal.
    options = [str(grace), str(programs), *map(str, arguments)]
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", RUN_DEMO, *options],
        stdout=stdout,
        stderr=subprocess.PIPE,
        env=environment,
        encoding="utf-8",
        process_group=process_group,
    )


def run_demo(programs: Path, *arguments: str | Path, grace: float = 20.0) -> tuple[int, str]:
    """Run the demo to its end; return its exit status and its output. No process may be left."""
    with start_demo(programs, *arguments, grace=grace) as process:
        output, errors = process.communicate(timeout=50)
    assert errors == ""
    assert_no_process_left(output)
    return process.returncode, output


def read_until(process: subprocess.Popen[str], words: str) -> str:
    """Read the demo's output up to the line with the words in it, and return it."""
    assert process.stdout is not None
    output = ""
    for line in process.stdout:
        output += line
        if words in line:
            return output
    raise AssertionError(f"the demo ended without {words!r}: {output}")


def assert_no_process_left(output: str) -> None:
    for process in re.findall(r"is process (\d+)", output):
        with pytest.raises(ProcessLookupError):
            os.kill(int(process), 0)


@pytest.fixture(params=["tutorial", "stand-ins"])
def programs(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The directory of a pair that works."""
    if request.param == "stand-ins":
        return write_stand_ins(tmp_path)
    return demo.EXAMPLES


def test_what_went_in_comes_back(programs: Path, tmp_path: Path) -> None:
    text = write_text(tmp_path)
    status, output = run_demo(programs, "--text", text)
    assert status == 0, output
    assert f"{len(LINES)} of {len(LINES)} lines are back" in output
    digest = hashlib.sha256("\n".join(LINES).encode()).hexdigest()[:16]
    size = len("\r\n".join([*LINES, ""]).encode())
    for row in (
        f"lines      │ {len(LINES)}, the longest of {max(len(x.encode()) for x in LINES)} bytes",
        f"characters │ {sum(map(len, LINES))} ",
        "3 scripts  │ Latin, Cyrillic, Han ",
        f"went in    │ {size} bytes on the wire, SHA-256 {digest} ",
        f"came back  │ {size} bytes on the wire, SHA-256 {digest} ",
        "time       │ ",
    ):
        assert f"│ {row}" in output
    assert "What came back is what went in: yes" in output


def test_the_text_of_the_repository_comes_back(programs: Path) -> None:
    status, output = run_demo(programs)
    assert status == 0, output
    lines = demo.read_lines(make_scripts.SCRIPTS)
    assert f"│ lines      │ {len(lines):,}, the longest of 4,097 bytes" in output
    assert "What came back is what went in: yes" in output


@pytest.mark.parametrize(
    ("content", "count"),
    [
        pytest.param("one\ntwo", 2, id="no newline at the end"),
        pytest.param("one\r\ntwo\r\n", 2, id="CR LF"),
        pytest.param("\n", 1, id="one empty line"),
        pytest.param("\n\n", 2, id="two empty lines"),
        pytest.param("\ufeffone", 1, id="byte order mark"),
    ],
)
def test_other_texts_come_back_too(
    programs: Path, tmp_path: Path, content: str, count: int
) -> None:
    status, output = run_demo(programs, "--text", write_text(tmp_path, content))
    assert status == 0, output
    assert f"{count} of {count} lines are back" in output


def test_a_terminal_gets_a_bar_and_colours(programs: Path, tmp_path: Path) -> None:
    ours, its = pty.openpty()
    with start_demo(programs, "--text", write_text(tmp_path), stdout=its) as process:
        os.close(its)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:  # This is how Linux says that nobody holds the other side any more.
            pass
        os.close(ours)
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert process.returncode == 0
    assert f"━\x1b[0m \x1b[32m{len(LINES)}/{len(LINES)}\x1b[0m lines" in shown.decode()
    assert re.search("\x1b\\[1;32m *What came back is what went in: yes", shown.decode())
    assert "lines are back" not in shown.decode()


@pytest.mark.parametrize(
    ("fault", "described"),
    [
        pytest.param(
            'line = line.replace("ä".encode(), b"a")',
            ["Line 1 ", "character 10,", "U+00E4 became U+0061", "Ein Gespräch", "Ein Gesprach"],
            id="a letter",
        ),
        pytest.param(
            'import unicodedata; line = unicodedata.normalize("NFD", line.decode()).encode()',
            ["Line 1 ", "character 10,", "U+00E4 became U+0061"],
            id="a letter that looks the same",
        ),
        pytest.param(
            "line = line.strip() + b'\\r\\n'",
            ["Line 3 ", "character 1,", "U+0020 became U+0437", "went in:     звонок\\tв  сеть \n"],
            id="spaces at the edges",
        ),
        pytest.param(
            'line = line.replace(b"\\xe2\\x80\\xa8", b"\\r\\n")',
            ["Line 4 ", "character 4,", "U+2028 became the end", "went in:   電話 \\u2028 \\x85"],
            id="another end of the line",
        ),
        pytest.param(
            'line = line.replace(b"quit?", b"qu\\xefit")',
            ["Line 5 ", "character 3,", "qu\\xefit"],
            id="not UTF-8 any more",
        ),
        pytest.param(
            'line = b"\\r\\n" if number == 6 else line',
            ["Line 6 ", "character 1,", "U+0074 became the end", "came back: \n"],
            id="the last line",
        ),
    ],
)
def test_a_line_that_comes_back_changed_is_shown(
    tmp_path: Path, fault: str, described: list[str]
) -> None:
    programs = write_stand_ins(tmp_path, server_fault=fault)
    status, output = run_demo(programs, "--text", write_text(tmp_path))
    assert status == 1
    for words in described:
        assert words in output
    right = int(described[0].removeprefix("Line ")) - 1
    assert f"\n{right} of {len(LINES)} lines came back as they went in.\n" in output
    assert "yes" not in output


@pytest.mark.parametrize(
    ("faults", "described"),
    [
        pytest.param(
            {"server_start": "raise OSError('no sockets today')"},
            [f"{demo.SERVER} ended with exit status 1", "OSError: no sockets today"],
            id="server, before it listens",
        ),
        pytest.param(
            {"server_fault": "if number == 3: print('I am unwell'), os._exit(7)"},
            [f"{demo.SERVER} ended with exit status 7", "    I am unwell\n"],
            id="server, in the middle",
        ),
        pytest.param(
            {"server_fault": "if number == 3: signal.raise_signal(signal.SIGKILL)"},
            [f"{demo.SERVER} ended by SIGKILL", "Read line from somebody:   звонок\\tв"],
            id="server, killed",
        ),
        pytest.param(
            {"server_fault": "if number == 3: os._exit(0)"},
            [f"{demo.SERVER} ended with exit status 0", "Read line from somebody:   звонок\\tв"],
            id="server, without a word",
        ),
        pytest.param(
            {"client_start": "sys.exit('I would rather not')"},
            [f"{demo.CLIENT} ended with exit status 1", "I would rather not", "\n0 of 6 lines"],
            id="client, before it connects",
        ),
        pytest.param(
            {"client_fault": "if number == 3: raise KeyError('a thing')"},
            [f"{demo.CLIENT} ended with exit status 1", "KeyError: 'a thing'", "\n2 of 6 lines"],
            id="client, in the middle",
        ),
        pytest.param(
            {"client_fault": "if number == 3: signal.raise_signal(signal.SIGABRT)"},
            [f"{demo.CLIENT} ended by SIGABRT", "\n2 of 6 lines"],
            id="client, killed",
        ),
        pytest.param(
            {"client_fault": "if number == 3: os._exit(0)"},
            [f"{demo.CLIENT} ended with exit status 0", "\n2 of 6 lines"],
            id="client, without a word",
        ),
        pytest.param(
            {"client_start": "import atexit; atexit.register(os._exit, 5)"},
            [f"{demo.CLIENT} ended with exit status 5", "Client Exited.", "\n6 of 6 lines"],
            id="client, after all went well",
        ),
        pytest.param(
            {"server_start": "import atexit; atexit.register(os._exit, 9)"},
            [f"{demo.SERVER} ended with exit status 9", "\n6 of 6 lines"],
            id="server, after all went well",
        ),
        pytest.param(
            {"server_start": "signal.signal(signal.SIGINT, signal.SIG_IGN)"},
            [f"{demo.SERVER} ended by SIGKILL", "\n6 of 6 lines"],
            id="server, only by force",
        ),
    ],
)
def test_a_program_that_dies_is_named(
    tmp_path: Path, faults: dict[str, str], described: list[str]
) -> None:
    programs = write_stand_ins(tmp_path, **faults)
    # Only a program that cannot be ended otherwise uses up the grace.
    grace = 0.5 if "SIG_IGN" in faults.get("server_start", "") else 20.0
    status, output = run_demo(programs, "--text", write_text(tmp_path), grace=grace)
    assert status == 1
    for words in described:
        assert words in output
    assert "yes" not in output


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    status, output = run_demo(tmp_path, "--text", write_text(tmp_path))
    assert status == 1
    assert f"{demo.SERVER} ended with exit status 2" in output
    assert "No such file or directory" in output


@pytest.mark.parametrize(
    ("content", "described"),
    [
        pytest.param(b"one\n\xff\xfe\n", "byte 5 is not UTF-8: invalid start byte", id="bytes"),
        pytest.param(b"Gespr\xc3", "byte 6 is not UTF-8: unexpected end of data", id="cut"),
        pytest.param("one\nquit\ntwo\n", 'line 2 is "quit"', id="quit"),
        pytest.param("quit", 'line 1 is "quit"', id="only quit"),
        pytest.param("one\r\nquit\r\n", 'line 2 is "quit"', id="quit and CR LF"),
        pytest.param("one\ntwo\rthree\n", "line 2 has a CR in it", id="CR"),
        pytest.param("", "there is nothing in it", id="nothing"),
    ],
)
def test_a_text_that_cannot_be_echoed_is_refused(
    tmp_path: Path, content: str | bytes, described: str
) -> None:
    text = write_text(tmp_path, content)
    with start_demo(write_stand_ins(tmp_path), "--text", text) as process:
        output, errors = process.communicate(timeout=50)
    assert process.returncode == 2
    assert f"error: {text}: {described}" in errors
    assert output == ""  # Nothing was started.


def test_a_text_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with start_demo(write_stand_ins(tmp_path), "--text", tmp_path / "missing") as process:
        _, errors = process.communicate(timeout=50)
    assert process.returncode == 2
    assert "missing: No such file or directory" in errors


def test_a_missing_rich_is_named() -> None:
    run = "import sys; sys.modules['rich'] = None; import demo; demo.main([])"
    environment = {**os.environ, "PYTHONPATH": str(demo.EXAMPLES)}
    process = subprocess.run(
        [sys.executable, "-c", run], capture_output=True, encoding="utf-8", env=environment
    )
    assert process.returncode == 2
    assert "this needs rich" in process.stderr


# A server that keeps the third line to itself. The client waits for it, for ever.
SILENT = "if number == 3: threading.Event().wait()"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_programs_and_the_demo(tmp_path: Path, number: signal.Signals) -> None:
    programs = write_stand_ins(tmp_path, server_fault=SILENT)
    with start_demo(programs, "--text", write_text(tmp_path)) as process:
        output = read_until(process, "2 of 6 lines are back")
        process.send_signal(number)
        rest, errors = process.communicate(timeout=50)
    assert process.returncode == 128 + number
    assert f"Interrupted by {number.name}.\n2 of 6 lines came back" in rest
    assert errors == ""
    assert_no_process_left(output)


def in_the_middle(
    programs: Path, directory: Path, strike: Callable[[subprocess.Popen[str], str], None]
) -> tuple[int, str]:
    """Run the demo, and do something when the first of its many lines are back.

    We may come too late, because we had no turn meanwhile on a busy machine. Then there have to be
    more lines.

    Args:
        programs: The directory of the programs.
        directory: A place for the text.
        strike: What is done, with the demo and its output so far.

    Returns:
        The exit status of the demo and the rest of its output.
    """
    for count in (20_000, 100_000, 500_000):
        text = write_text(directory, "one line of many\n" * count)
        with start_demo(programs, "--text", text, process_group=0) as process:
            output = read_until(process, f"{count // 10:,} of {count:,} lines are back")
            with contextlib.suppress(ProcessLookupError):
                strike(process, output)
            rest, errors = process.communicate(timeout=50)
        assert errors == ""
        assert_no_process_left(output)
        if process.returncode:
            break
    return process.returncode, rest


def test_ctrl_c_in_a_terminal_reaches_the_programs_too(programs: Path, tmp_path: Path) -> None:
    def interrupt(process: subprocess.Popen[str], output: str) -> None:
        os.killpg(process.pid, signal.SIGINT)

    status, rest = in_the_middle(programs, tmp_path, interrupt)
    assert status == 130, rest


@pytest.mark.parametrize("name", [demo.SERVER, demo.CLIENT])
def test_a_program_that_is_killed_at_work_is_named(
    programs: Path, tmp_path: Path, name: str
) -> None:
    def kill(process: subprocess.Popen[str], output: str) -> None:
        victim = re.search(f"{name} .* is process (\\d+)", output)
        assert victim is not None
        os.kill(int(victim[1]), signal.SIGKILL)

    status, rest = in_the_middle(programs, tmp_path, kill)
    assert status == 1
    assert f"{name} ended by SIGKILL. The last that it printed:\n" in rest
    assert re.search(r"^    (.*one line of many|Wrote \d+ bytes to .*)$", rest, re.MULTILINE)


@pytest.mark.parametrize("timeout", ["0.6", "0"])
def test_the_time_limit_ends_the_programs_and_the_demo(tmp_path: Path, timeout: str) -> None:
    programs = write_stand_ins(tmp_path, server_fault=SILENT)
    arguments = ("--text", write_text(tmp_path), "--timeout", timeout)
    status, output = run_demo(programs, *arguments)
    assert status == 1
    assert "The time is up.\n" in output


def test_a_server_that_never_stops_talking_does_not_outlast_the_time_limit(tmp_path: Path) -> None:
    programs = write_stand_ins(tmp_path, server_start="while True: print('I say!')")
    status, output = run_demo(programs, "--timeout", "0.6", grace=0.5)
    assert status == 1
    assert "The time is up.\n" in output


@pytest.mark.skipif(
    unicodedata.unidata_version != "14.0.0", reason="the charts are those of Unicode 14"
)
def test_the_text_is_what_its_program_makes() -> None:
    assert make_scripts.SCRIPTS.read_bytes() == make_scripts.make_text().encode()


def test_the_text_has_in_it_what_breaks_programs() -> None:
    text = make_scripts.SCRIPTS.read_bytes().decode()
    lines = text.removesuffix("\n").split("\n")
    assert 3000 <= len(lines) <= 5000
    scripts = {demo.script_of(character) for character in set(text)} - {None}
    assert scripts >= {"Latin", "Greek", "Cyrillic", "Hebrew", "Arabic", "Devanagari", "Bengali"}
    assert scripts >= {"Tamil", "Thai", "Tibetan", "Ethiopic", "Cherokee", "Armenian", "Georgian"}
    assert scripts >= {"Hangul", "Hiragana", "Katakana", "Han", "Gothic"}
    assert set(lines) >= {"", " ", "   ", "  in the middle  ", "behind ", "behind\t", " quit"}
    assert set(text) >= {*make_scripts.NOT_LINE_ENDS, "\u200d", "\u202e", "\ufeff", "\U0010ffff"}
    assert {len(line.encode()) for line in lines} >= {0, 1, 4095, 4096, 4097}
    assert len({unicodedata.normalize("NFC", line) for line in lines}) < len(set(lines))


@pytest.mark.parametrize(
    ("character", "script"),
    [
        ("q", "Latin"),
        ("ß", "Latin"),
        ("Ж", "Cyrillic"),
        ("ก", "Thai"),
        ("電", "Han"),
        ("한", "Hangul"),
        ("ᐊ", "Canadian"),
        ("ʰ", None),  # a modifier letter, which belongs to no script
        ("ｱ", None),  # halfwidth
        ("µ", None),  # a sign
        ("𝔸", None),  # mathematical
        ("1", None),
        ("\u0301", None),
        ("🇦", None),  # a letter only by its name
        ("\n", None),
    ],
)
def test_the_script_of_a_letter_is_in_its_name(character: str, script: str | None) -> None:
    assert demo.script_of(character) == script
