"""What `dir` shows of something public is there to be used, and the reference says how."""

import ast
import inspect
import re
import textwrap
from functools import cache
from typing import NamedTuple

import pytest
from docs.pages import DOCS

import trunkline
from trunkline import aio, evented, logs, metrics, names, paths
from trunkline._core.meant import Elsewhere
from trunkline.dialects import clisp, lispworks, port
from trunkline.testing import certificates, dns

SPACES = {
    each.__name__: each
    for each in (
        trunkline,
        aio,
        evented,
        clisp,
        lispworks,
        port,
        logs,
        metrics,
        names,
        paths,
        dns,
        certificates,
    )
}
DIRECTIVE = re.compile(r"^\.\. auto(?:class|exception):: ([\w.]+)\.(\w+)\n((?:   .*\n)*)", re.M)


class Described(NamedTuple):
    """What a directive says of the members of a class."""

    named: frozenset[str]
    all_of_it: bool
    inherited: bool
    left_out: frozenset[str]


@cache
def reference() -> dict[type, Described]:
    """Return the classes that the reference has."""
    found = {}
    for page in sorted((DOCS / "reference").glob("*.md")):
        for space, name, options in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            members = re.search(r":members:((?:.*\n)(?:      .*\n)*)", options)
            left_out = re.search(r":exclude-members:((?:.*\n)(?:      .*\n)*)", options)
            named = frozenset(re.findall(r"\w+", members[1] if members else ""))
            found[getattr(SPACES[space], name)] = Described(
                named,
                members is not None and not named,
                ":inherited-members:" in options,
                frozenset(re.findall(r"\w+", left_out[1] if left_out else "")),
            )
    return found


CLASSES = {
    f"{space}.{name}": thing
    for space, module in SPACES.items()
    for name in module.__all__
    if isinstance(thing := getattr(module, name), type) and "trunkline" in thing.__module__
}


def is_pythons(name: str, cls: type) -> bool:
    """Say whether a base that is not of ours has it, too: then Python's documentation does."""
    return any(hasattr(each, name) for each in cls.__mro__ if each not in ours(cls))


def ours(cls: type) -> list[type]:
    """Return a class of ours, and those of ours that it is made of."""
    return [each for each in cls.__mro__ if each.__module__.startswith("trunkline")]


@cache
def source_of(cls: type) -> str:
    """Return the source of a class, which takes long to find."""
    return inspect.getsource(cls)


def shown(cls: type) -> set[str]:
    """Return the names without an underscore that classes and objects of it have because of us."""
    return {name for each in ours(cls) for name in given(each) if not name.startswith("_")}


@cache
def given(cls: type) -> frozenset[str]:
    """Return the names that a class itself gives to classes and objects."""
    names = {name for name, it in vars(cls).items() if not isinstance(it, Elsewhere)}
    for node in ast.walk(ast.parse(textwrap.dedent(source_of(cls)))):
        match node:
            case ast.Attribute(value=ast.Name(id="self"), ctx=ast.Store()):
                names.add(node.attr)
    return frozenset(names)


def is_described(name: str, cls: type) -> bool:
    """Say whether the reference has an attribute of a class."""
    for each in ours(cls):
        said = reference().get(each)
        if said is None:
            continue
        argument_or_attribute = rf"^ {{4}}(?:\w+, )*{name}(?:, \w+)*: |`{name}`"
        if re.search(argument_or_attribute, inspect.getdoc(each) or "", re.M):
            return True
        if name not in said.left_out and (name in said.named or is_among_all(name, each, said)):
            return True
    return False


def is_among_all(name: str, cls: type, said: Described) -> bool:
    if not said.all_of_it:
        return False
    if re.search(rf'self\.{name}\b.*\n +"""', source_of(cls)):
        return True  # the text below it is its own
    owners = [each for each in ours(cls) if name in vars(each)]
    is_here = bool(owners) and (said.inherited or owners[0] is cls)
    return is_here and bool(inspect.getdoc(inspect.getattr_static(owners[0], name)))


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_all_that_is_shown_is_described(name: str) -> None:
    cls = CLASSES[name]
    names = [each for each in sorted(shown(cls)) if not is_pythons(each, cls)]
    assert [each for each in names if not is_described(each, cls)] == []
