"""What the page for those who come from Lisp sends them to is there."""

import builtins
import contextlib
import importlib
import inspect
import pkgutil
import re
import sys

import pytest
from docs.pages import DOCS, ROOT, rows

import trunkline

TEXT = (DOCS / "from-lisp.md").read_text(encoding="utf-8")
SYSTEMS = ("IOLib", "PORT", "cl-async", "LispWorks", "CLISP")
ANSWER = re.compile(r"`[^`]+`(?:, `[^`]+`)*(?: and its like)?|later|not: .+")


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_a_system_has_is_answered_with_what_is_there(system: str) -> None:
    table = rows(TEXT, system)
    assert table
    wrong = []
    for names, answer, _ in table:
        codes = [] if answer.startswith(("later", "not:")) else re.findall(r"`([^`]+)`", answer)
        wrong += [f"{names}: {code}" for code in codes if not exists(code)]
        if not ANSWER.fullmatch(answer):
            wrong.append(f"{names}: {answer}")
    assert not wrong


def test_nothing_is_answered_twice() -> None:
    for system in SYSTEMS:
        names = [names for names, *_ in rows(TEXT, system)]
        assert len(names) == len(set(names))


NOTHING = object()


def exists(code: str) -> bool:
    """Say whether there is such a name or file, here or in Python, and whether it takes that."""
    name, _, arguments = code.partition("(")
    if "/" in name:
        return (ROOT / name).is_file()
    thing = meant(name)
    documented = inspect.getdoc(thing) or ""
    return thing is not NOTHING and all(
        re.search(rf"^ *{argument}: ", documented, re.M)
        for argument in re.findall(r"(\w+)=", arguments)
    )


def meant(name: str) -> object:
    """Return what a dotted name stands for: something public of ours, or of Python's."""
    first, *attributes = name.split(".")
    thing: object = NOTHING
    if first == "trunkline":
        with contextlib.suppress(ImportError, AttributeError):
            return pkgutil.resolve_name(name)  # which imports what is on the way
    elif first in trunkline.__all__:
        thing = getattr(trunkline, first)
    elif hasattr(builtins, first):
        thing = getattr(builtins, first)
    elif first in sys.stdlib_module_names:
        thing = importlib.import_module(first)
    for attribute in attributes:
        thing = getattr(thing, attribute, NOTHING)
    return thing


@pytest.mark.parametrize(
    "code",
    [
        "make_socket(no_such_argument=)",
        "EventBase.no_such_method",
        "no_such",
        "os.nothing",
        "trunkline.no.such",
    ],
)
def test_what_is_not_there_is_found(code: str) -> None:
    assert not exists(code)
