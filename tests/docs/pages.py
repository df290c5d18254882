"""The documents, and what is in them that can be held to the code."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = ROOT / "README.md"
CHANGELOG = ROOT / "CHANGELOG.md"

_FENCE = re.compile(r"^```(\S*)$")


def pages() -> list[Path]:
    """Return all documents that people read."""
    below = (path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
    return [README, CHANGELOG, *sorted(below)]


def name_of(page: Path) -> str:
    """Return a page's path from the root, for the name of a test."""
    return page.relative_to(ROOT).as_posix()


def blocks(text: str, language: str) -> Iterator[str]:
    """Yield what is in the fenced blocks of a language, in order."""
    for block in re.findall(rf"^```{re.escape(language)}\n(.*?)^```$", text, re.DOTALL | re.M):
        assert isinstance(block, str)
        yield block


def only_code(text: str, language: str) -> str:
    """Return a page with every line blank that is not in a block of a language.

    So a line of code has the number that it has in the page.
    """
    inside: str | None = None
    kept = []
    for line in text.splitlines():
        fence = _FENCE.match(line)
        if fence:
            inside = None if inside is not None else fence[1]
        kept.append(line if inside == language and not fence else "")
    return "\n".join(kept) + "\n"


def without_code(text: str) -> str:
    """Return a page's prose: what is outside all fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.M)


def rows(text: str, first_heading: str) -> list[list[str]]:
    """Return the cells of all tables whose first column has a heading, without their headings."""
    found = []
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.lstrip().startswith("|"):
            inside = False
        elif cells[0] == first_heading:
            inside = True
        elif inside and not set(line) <= set("|- "):
            found.append(cells)
    return found


def assert_up_to_date(page: Path, begin: str, end: str, text: str) -> None:
    """Fail unless a part of a page, between two lines, is `text`; and put it right.

    Whoever has changed what the part is made of runs the test twice, and commits the page.
    """
    whole = page.read_text(encoding="utf-8")
    before, found, rest = whole.partition(f"{begin}\n")
    part, ending, after = rest.partition(f"{end}\n")
    assert found, f"{name_of(page)} has no line {begin!r}"
    assert ending, f"{name_of(page)} has no line {end!r}"
    wanted = f"\n{text.strip()}\n\n"
    if part != wanted:
        page.write_text(f"{before}{begin}\n{wanted}{end}\n{after}", encoding="utf-8")
        pytest.fail(f"{name_of(page)} was out of date and has been rewritten; look at the change")
