"""The tutorial includes parts of the programs, by markers: `# [name]` … `# [/name]`.

A marker that has lost its other half would make a chapter swallow a program, or the build fail
long after the mistake was made.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
FILES = sorted(EXAMPLES.glob("*.py"))

MARKER = re.compile(r"# \[(?P<end>/?)(?P<name>[a-z]+(?:-[a-z]+)*)\]")
LOOKS_LIKE_ONE = re.compile(r"#\W*\[.*\]\s*$")


def sections(text: str) -> dict[str, str]:
    """Return the marked sections of a program by name, without the markers of those inside.

    Raises:
        ValueError: Something is wrong with the markers.
    """
    found: dict[str, str] = {}
    open_ones: dict[str, list[str]] = {}
    for line in text.splitlines(keepends=True):
        marker = MARKER.fullmatch(line.strip())
        if marker is None:
            if LOOKS_LIKE_ONE.search(line):
                raise ValueError(f"a misspelt marker: {line.strip()}")
            for lines in open_ones.values():
                lines.append(line)
        elif not marker["end"]:
            if marker["name"] in open_ones or marker["name"] in found:
                raise ValueError(f"a second [{marker['name']}]")
            open_ones[marker["name"]] = []
        else:
            if [marker["name"]] != list(open_ones)[-1:]:
                raise ValueError(f"[/{marker['name']}] is not the section that was opened last")
            name, lines = open_ones.popitem()
            found[name] = "".join(lines)
    if open_ones:
        raise ValueError(f"no end of {', '.join(open_ones)}")
    empty = [name for name, section in found.items() if not section.strip()]
    if empty:
        raise ValueError(f"nothing in {', '.join(empty)}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_sections_of_a_program_are_marked_properly(path: Path) -> None:
    found = sections(path.read_text(encoding="utf-8"))
    assert found or not path.name.startswith("ex")


def test_the_programs_are_found() -> None:
    assert len([path for path in FILES if path.name.startswith("ex")]) >= 9


def test_sections_may_stand_in_each_other() -> None:
    text = "a\n# [outer]\nb\n    # [inner-one]\n    c\n    # [/inner-one]\nd\n# [/outer]\ne\n"
    assert sections(text) == {"inner-one": "    c\n", "outer": "b\n    c\nd\n"}


def bad_texts() -> Iterator[tuple[str, str]]:
    """Yield texts with something wrong, and what that is."""
    yield "# [a]\nx\n", "no end of a"
    yield "x\n# [/a]\n", r"\[/a\] is not the section"
    yield "# [a]\nx\n# [b]\ny\n# [/a]\n# [/b]\n", r"\[/a\] is not the section"
    yield "# [a]\nx\n# [/a]\n# [a]\nx\n# [/a]\n", r"a second \[a\]"
    yield "# [a]\n# [a]\nx\n# [/a]\n# [/a]\n", r"a second \[a\]"
    yield "# [a]\n\n# [/a]\n", "nothing in a"
    yield "# [a]\n# [b]\n# [/b]\n# [/a]\n", "nothing in b, a"
    yield "#[a]\n", "misspelt"
    yield "# [ a]\n", "misspelt"
    yield "# [A]\n", "misspelt"
    yield "x = 1  # [a]\n", "misspelt"
    yield "# [a] \n## [/a]\n", "misspelt"


@pytest.mark.parametrize(("text", "problem"), list(bad_texts()))
def test_a_bad_marker_is_found(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        sections(text)
