"""What the pages say of the command line is what it says itself, and what they show happens."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.helpers import ENVIRONMENT, shell
from docs.pages import DOCS, ROOT, blocks, rows, without_code
from support.peers import echo_server

from trunkline.cli.exit_status import ExitStatus
from trunkline.cli.program import ENVIRONMENT as VARIABLES
from trunkline.cli.program import program
from trunkline.cli.target import FORMS, PLACES

GUIDE = DOCS / "guide" / "command_line.md"
REFERENCE = DOCS / "reference" / "command_line.md"

NUMBERS = re.compile(r"\d+(\.\d+)? (m?s\b)|127\.0\.0\.1:\d+|\[::1\]:\d+")


def plain(cells: list[str]) -> tuple[str, ...]:
    return tuple(cell.replace("`", "") for cell in cells)


def test_the_reference_has_the_tables() -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    assert [plain(cells) for cells in rows(text, "form")] == [*FORMS]
    assert [plain(cells) for cells in rows(text, "address")] == [*PLACES]
    statuses = [(str(int(status)), status.meaning) for status in ExitStatus]
    assert [plain(cells) for cells in rows(text, "number")] == statuses
    assert [cells[0].strip("`") for cells in rows(text, "variable")] == [
        name for name, _ in VARIABLES.rows
    ]


@pytest.mark.parametrize("page", [GUIDE, REFERENCE, ROOT / "README.md"], ids=lambda page: page.stem)
def test_the_options_and_commands_of_a_page_exist(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    known = {option for each in program.commands.values() for p in each.params for option in p.opts}
    known |= {"--help"}
    for line in re.findall(r"trunkline (\w+)([^\n`]*)", text):
        command, rest = line
        if command in program.commands:
            assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= known
    named = set(re.findall(r"`(--[a-z-]+)", without_code(text)))
    assert named - {"--ssl"} <= known


@pytest.fixture
def port() -> Iterator[int]:
    with echo_server() as server:
        yield server.address[1]


def transcripts() -> list[tuple[str, str]]:
    """Return the commands that the guide shows together with what they print."""
    return [
        (block.partition("\n")[0][2:], block.partition("\n")[2])
        for block in blocks(GUIDE.read_text(encoding="utf-8"), "text")
        if block.startswith("$ ")
    ]


@pytest.mark.slow
@pytest.mark.exact_io("each piece that comes is shown by itself")
@pytest.mark.parametrize(("line", "output"), transcripts())
def test_what_the_guide_shows_happens(line: str, output: str, port: int) -> None:
    typed = line.replace("localhost:9999", f"127.0.0.1:{port}").replace("trunkline ", "$T ", 1)
    ended = shell(typed)
    printed = (ended.stderr + ended.stdout).decode()
    if "localhost:9999" in output:  # a name has whichever addresses it has
        output = re.sub(r"^(to be tried|trying \[|connect \[).*\n", "", output, flags=re.M)
        printed = re.sub(r"^to be tried.*\n", "", printed, flags=re.M)
        output = output.replace("localhost:9999", "127.0.0.1:9999")
    assert NUMBERS.sub("#", printed) == NUMBERS.sub("#", output)
    assert ENVIRONMENT["COLUMNS"] == "80"
