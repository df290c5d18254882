"""The guide is true: its examples run, its tables are complete, its names exist."""

import contextlib
import doctest
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from docs.pages import DOCS, README, ROOT, name_of, only_code, pages, rows, without_code

import trunkline
from trunkline import (
    EventBase,
    Socket,
    TrunklineError,
    make_socket,
)
from trunkline.sockets import keywords

PAGES = pytest.mark.parametrize("page", pages(), ids=name_of)
SOCKETS = DOCS / "guide" / "sockets.md"
DATAGRAMS = DOCS / "guide" / "datagrams.md"

# What a page may contain besides prose: examples that run here, or in the README's own test.
LANGUAGES = {"pycon", "sh", "text", "{eval-rst}", "{toctree}"}

# Of the machine that this was written on, and of how. They do not match themselves.
FOREIGN = re.compile(
    r"""
    /([h]ome|[r]oot|[w]ork|[U]sers|[t]mp|[o]pt|[m]nt)/
    | \b[s]essions?\b | \b[a]gents?\b | \b[p]rompts?\b | \b[i]ssues?\ \#?\d | (?<![\w&])\#\d+\b
    | \b[s]eed\ \d | \b[p]ypi\b | [p]ythonhosted | \b[w]orkspace\b
    """,
    re.VERBOSE | re.IGNORECASE,
)


# -- examples -------------------------------------------------------------------------------------


@contextlib.contextmanager
def everything_closed(names: dict[str, Any]) -> Iterator[None]:
    """Close the sockets and event bases that an example has left open under a name."""
    try:
        yield
    finally:
        for thing in names.values():
            if isinstance(thing, Socket | EventBase):
                with contextlib.suppress(TrunklineError):
                    thing.close()


@PAGES
def test_the_examples_of_a_page_do_what_it_says(page: Path) -> None:
    text = only_code(page.read_text(encoding="utf-8"), "pycon")
    examples = doctest.DocTestParser().get_doctest(text, {}, name_of(page), str(page), 0)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    report: list[str] = []
    with everything_closed(examples.globs):
        failed, _ = runner.run(examples, out=report.append, clear_globs=False)
    assert not failed, "".join(report)


def test_examples_that_are_wrong_are_found() -> None:
    text = only_code("# A page\n\n```pycon\n>>> 1 + 1\n3\n```\n\n>>> 1 + 1\n4\n", "pycon")
    examples = doctest.DocTestParser().get_doctest(text, {}, "a page", None, 0)
    assert [example.lineno for example in examples.examples] == [3]
    assert doctest.DocTestRunner().run(examples, out=lambda _: None).failed == 1


@PAGES
def test_a_page_has_no_example_that_is_not_run(page: Path) -> None:
    fences = re.findall(r"^ *```(.*)$", page.read_text(encoding="utf-8"), re.M)
    assert len(fences) % 2 == 0, "a block is not closed"
    allowed = LANGUAGES | {"python"} if page == README else LANGUAGES
    assert set(fences[::2]) <= allowed
    assert set(fences[1::2]) <= {""}


# -- names and links ------------------------------------------------------------------------------


@PAGES
def test_the_attributes_that_a_page_names_exist(page: Path) -> None:
    code = re.findall(r"`([A-Z]\w+)\.(\w+)[^`]*`", without_code(page.read_text(encoding="utf-8")))
    public = [(owner, name) for owner, name in code if owner in trunkline.__all__]
    missing = [
        f"{owner}.{name}" for owner, name in public if not hasattr(getattr(trunkline, owner), name)
    ]
    assert not missing


@PAGES
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    text = without_code(page.read_text(encoding="utf-8"))
    targets = re.findall(r"\[[^\]]+\]\(([^)\s]+)\)", text)
    for target in targets:
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file(), target
        assert file.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(file), target


def anchors(page: Path) -> set[str]:
    """Return what the headings of a page are called in links."""
    headings = re.findall(r"^#+ (.*)$", without_code(page.read_text(encoding="utf-8")), re.M)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@PAGES
def test_a_page_has_one_title(page: Path) -> None:
    text = without_code(page.read_text(encoding="utf-8"))
    assert text.startswith("# ")
    assert len(re.findall(r"^# ", text, re.M)) == 1


@pytest.mark.parametrize("page", [*pages(), DOCS / "conf.py"], ids=name_of)
def test_a_page_is_about_trunkline_alone(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    found = [f"{number}: {line}" for number, line in enumerate(lines, 1) if FOREIGN.search(line)]
    assert not found


def test_what_is_foreign_is_found() -> None:
    assert FOREIGN.search("see /" + "home/somebody/file")
    assert FOREIGN.search("fixes #" + "12")
    assert not FOREIGN.search("[the table](errors.md#the-table), &#39; and /etc/hosts")


# -- tables ---------------------------------------------------------------------------------------

KINDS: tuple[dict[str, Any], ...] = (
    {"connect": "active", "address_family": "ipv6"},  # IPv4 takes all but one of the same
    {"connect": "passive", "address_family": "ipv6"},
    {"connect": "active", "address_family": "local"},
    {"connect": "passive", "address_family": "local"},
)
ARGUMENTS = rows(SOCKETS.read_text(encoding="utf-8"), "argument")


@pytest.mark.parametrize("cells", ARGUMENTS, ids=lambda cells: cells[0].strip("`"))
def test_the_table_of_arguments_says_which_kinds_take_one(cells: list[str]) -> None:
    name = cells[0].strip("`")
    for kind, cell in zip(KINDS, cells[1:5], strict=True):
        assert cell in ("", "yes", "for clients")
        assert takes(kind, name) == bool(cell), f"{kind} and {name}"


DATAGRAM_KINDS: tuple[dict[str, Any], ...] = (
    {"type": "datagram", "address_family": "ipv6"},
    {"type": "datagram", "address_family": "local"},
)
DATAGRAM_ARGUMENTS = rows(DATAGRAMS.read_text(encoding="utf-8"), "argument")
RAW_KINDS: tuple[dict[str, Any], ...] = (
    {"type": "raw", "address_family": "ipv6"},
    {"type": "raw", "address_family": "netlink"},
)
RAW_ARGUMENTS = rows((DOCS / "guide" / "raw.md").read_text(encoding="utf-8"), "argument")


@pytest.mark.parametrize(
    ("kinds", "cells"),
    [
        *((DATAGRAM_KINDS, cells) for cells in DATAGRAM_ARGUMENTS),
        *((RAW_KINDS, cells) for cells in RAW_ARGUMENTS),
    ],
)
def test_the_tables_of_messages_say_which_kinds_take_an_argument(
    kinds: tuple[dict[str, Any], ...], cells: list[str]
) -> None:
    name = cells[0].strip("`")
    for kind, cell in zip(kinds, cells[1:3], strict=True):
        assert cell in ("", "yes")
        assert takes(kind, name) == bool(cell), f"{kind} and {name}"


@pytest.mark.parametrize(
    ("arguments", "kinds"),
    [
        (
            DATAGRAM_ARGUMENTS,
            (keywords.ConnectedDatagramOptions, keywords.LocalDatagramOptions),
        ),
        (RAW_ARGUMENTS, (keywords.ConnectedRawOptions, keywords.NetlinkOptions)),
    ],
)
def test_the_tables_of_messages_are_complete(arguments: list[list[str]], kinds: Any) -> None:
    taken = {name for kind in kinds for name in kind.__annotations__}
    assert {cells[0].strip("`") for cells in arguments} == taken


def takes(kind: dict[str, Any], name: str) -> bool:
    """Say whether a kind of socket takes an argument, of which this value is none for any."""
    arguments: dict[str, Any] = {**kind, name: object()}
    try:
        make_socket(**arguments).close()
    except TypeError as error:
        return "does not take" not in str(error)
    except (ValueError, TrunklineError):  # no such value, or no IPv6 here
        return True
    return True


def test_the_table_of_arguments_is_complete() -> None:
    kinds = (
        keywords.ActiveInternetOptions,
        keywords.PassiveInternetOptions,
        keywords.ActiveLocalOptions,
        keywords.PassiveLocalOptions,
    )
    taken = {name for kind in kinds for name in kind.__annotations__}
    assert {cells[0].strip("`") for cells in ARGUMENTS} == taken


# -- what there is in the tree --------------------------------------------------------------------


def test_the_page_of_programs_has_all_of_them() -> None:
    text = (DOCS / "guide" / "programs.md").read_text(encoding="utf-8")
    described = {cells[0].strip("`") for cells in rows(text, "program")}
    assert described == {path.stem for path in (ROOT / "examples").glob("ex*.py")}


def test_the_page_of_the_design_has_all_layers() -> None:
    text = (DOCS / "design.md").read_text(encoding="utf-8")
    described = {name for cells in rows(text, "layer") for name in re.findall(r"`(\w+)`", cells[0])}
    package = ROOT / "src" / "trunkline"
    components = {path.stem for path in package.glob("*.py")}
    components |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert described | {"paths", "testing"} == components
