"""What commands show on a terminal of eighty columns, and what goes elsewhere."""

import os
import re
from pathlib import Path

import pytest
from cli.helpers import ARGV, ENVIRONMENT, SHELL_COMMAND, run
from support.peers import echo_server
from support.processes import Program
from support.terminal import AS_SOMEBODY_TYPES, Terminal

from trunkline.cli.exit_status import ExitStatus
from trunkline.cli.program import program

pytestmark = pytest.mark.slow  # each starts several interpreters

ESCAPE = "\x1b"


def shown(*words: str, **environment: str) -> tuple[int, str]:
    """Run a command on a terminal to its end; return its status, and all that it has printed."""
    env = {**ENVIRONMENT, **environment}
    env.pop("COLUMNS")  # it is the terminal that tells
    with Program([*AS_SOMEBODY_TYPES, *ARGV, *words], env=env) as it:
        return it.wait(), it.output


@pytest.mark.parametrize("name", ["", "connect", "serve"])
def test_help_is_for_eighty_columns_and_breaks_only_what_is_not_to_be_copied(name: str) -> None:
    status, output = shown(*filter(None, [name]), "--help")
    assert status == 0
    examples = [each.line for each in (program.commands[name] if name else program).examples]  # type: ignore[attr-defined]
    lines = [line.rstrip() for line in output.splitlines()]
    assert max(len(line) for line in lines if line.strip() not in examples) <= 80
    assert {*examples} <= {line.strip() for line in lines}
    assert ESCAPE not in output


@pytest.mark.parametrize("is_plain", [True, False])
def test_colours_are_for_terminals_and_can_be_refused(is_plain: bool) -> None:
    status, output = shown("doctor", **({"NO_COLOR": "1"} if is_plain else {}))
    assert status in (ExitStatus.DONE, ExitStatus.FAILED)
    plain = re.sub(r"\x1b\[[\d;]*m", "", output)
    headings = plain.splitlines()[0].split()
    assert headings == ["what", "found"]
    assert max(map(len, plain.splitlines())) <= 80
    assert ("\x1b[1m" in output) == (not is_plain)
    assert ESCAPE not in run("doctor").output.decode()


def test_progress_is_shown_where_the_errors_go_to_a_terminal(tmp_path: Path) -> None:
    ends = [tmp_path / "first end", tmp_path / "second end"]
    for end in ends:
        os.mkfifo(end)
    script = """
        input() { echo x; cat "$1"; }
        input "$2/first end" | $T connect $1 > $2/elsewhere 2> $2/errors &
        input "$2/second end" | $T connect $1 > $2/output
        wait
        echo "ended"
    """.replace("$T", SHELL_COMMAND)
    with echo_server() as server:
        target = f"127.0.0.1:{server.address[1]}"
        words = ["bash", "-c", script, "bash", target, str(tmp_path)]
        with Program([*AS_SOMEBODY_TYPES, *words], env=ENVIRONMENT) as it:
            terminal = Terminal(it)
            text = terminal.wait_for(lambda text: "received" in text)
            line = r"2 bytes sent, 2 bytes received, \d+(\.\d+)? (bytes|KiB)/s, \d+ s"
            assert re.fullmatch(line, text.rstrip())
            for end in ends:
                end.write_bytes(b"")
            terminal.wait_for_lines("ended")
            assert it.wait() == 0
    assert (tmp_path / "output").read_bytes() == (tmp_path / "elsewhere").read_bytes() == b"x\n"
    assert (tmp_path / "errors").read_bytes() == b""
