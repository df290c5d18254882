"""What the page for those who come from Lisp sends them to is there."""

import builtins
import contextlib
import importlib
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator

import pytest
from docs.pages import DOCS, ROOT, rows

import trunkline

TEXT = (DOCS / "from-lisp.md").read_text(encoding="utf-8")
SYSTEMS = ("IOLib", "PORT", "cl-async", "LispWorks", "CLISP", "Bordeaux threads")
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


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_the_remarks_speak_of_is_there(system: str) -> None:
    wrong = []
    for names, answer, remark in rows(TEXT, system):
        if not answer.startswith(("later", "not:")):
            spoken_of = re.findall(r"`([^`]+)`", remark)
            codes = re.findall(r"`([^`]+)`", answer) + [each for each in spoken_of if exists(each)]
            things = [meant(code.partition("(")[0]) for code in codes]
            wrong += [f"{names}: {each}" for each in spoken_of if not is_said_of(each, things)]
    assert not wrong


NOTHING = object()

# What is no name: Lisp's keywords, Python's constants, options of programs, how names are written,
# and the one that is wrong.
NO_NAMES = re.compile(r":[-\w]+( \w+)?|True|False|None|with|-.*|[A-Z]+|snake_case|reuse_addr")


def is_said_of(code: str, things: list[object]) -> bool:
    """Say whether this is a name of its own, or a part, an option or a value of one of these."""
    name = code.partition("=")[0]
    if NO_NAMES.fullmatch(code) or exists(code) or name.strip('"') in trunkline.OPTION_NAMES:
        return True
    around = [each for thing in things for each in (thing, *what_is_around(thing))]
    if name.startswith('"'):
        return any(name in text_of(each) for each in around)
    return any(hasattr(each, name) or names_option(each, name) for each in around)


def text_of(thing: object) -> str:
    return inspect.getdoc(thing) or ""


def names_option(thing: object, name: str) -> bool:
    """Say whether something has an argument, or an attribute, of this name."""
    if re.search(rf"^ *(\w+, )*{re.escape(name)}(, \w+)*: ", text_of(thing), re.M):
        return True
    try:
        return callable(thing) and name in inspect.signature(thing).parameters
    except ValueError:  # it is of C, and says nothing
        return False


def what_is_around(thing: object) -> Iterator[object]:
    """Yield the class that a method is of, and what a function returns."""
    yield getattr(trunkline, getattr(thing, "__qualname__", "").partition(".")[0], None)
    returned = getattr(thing, "__annotations__", {}).get("return")
    yield from (returned, *getattr(returned, "__args__", ()))


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
