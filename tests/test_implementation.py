"""Which build runs: the choice between sources and compiled modules, which is all or none."""

import ast
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from setup import native_modules, obstacle_to_building
from trunkline import Implementation, implementation
from trunkline._choice import COMPILED

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "trunkline"
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")

SHOWN = "import trunkline; print(trunkline.implementation())"


def run(code: str, path: Path | None = None, wanted: str | None = None) -> str:
    """Run a line of code with a package, and return what it prints, or its last line of error."""
    environment = {name: text for name, text in os.environ.items() if name != "TRUNKLINE_IMPL"}
    if wanted is not None:
        environment["TRUNKLINE_IMPL"] = wanted
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    argv = [sys.executable, "-c", code]
    ended = subprocess.run(argv, env=environment, capture_output=True, text=True, cwd=path)
    return ended.stdout.strip() or ended.stderr.strip().rpartition("\n")[2]


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """Make a package that has only the choice, with compiled modules that are empty files."""
    for name in ("__init__", "_choice", "_compiled", "_implementation"):
        (tmp_path / "trunkline").mkdir(exist_ok=True)
        shutil.copy(PACKAGE / f"{name}.py", tmp_path / "trunkline")
    for module in COMPILED:
        for each in (source_in(tmp_path, module), compiled_in(tmp_path, module)):
            each.parent.mkdir(exist_ok=True, parents=True)
            each.touch()
    return tmp_path


def source_in(path: Path, module: str) -> Path:
    return path.joinpath("trunkline", *module.split(".")).with_suffix(".py")


def compiled_in(path: Path, module: str) -> Path:
    return source_in(path, module).with_suffix(SUFFIX)


# ---- What is told ----


def test_it_is_always_the_same_one_and_cannot_be_changed() -> None:
    told = implementation()
    assert told is implementation()
    assert told.name in ("pure", "native")
    with pytest.raises(AttributeError, match="'name' of an Implementation cannot be set"):
        told.name = "other"
    with pytest.raises(AttributeError, match="'reason' of an Implementation cannot be deleted"):
        del told.reason
    with pytest.raises(AttributeError):
        told.other = 1


def test_as_text_it_is_both_the_name_and_the_reason() -> None:
    told = Implementation("pure", "there are no compiled modules here")
    assert str(told) == "pure (there are no compiled modules here)"
    assert repr(told) == "<Implementation pure (there are no compiled modules here)>"


def test_what_is_told_is_what_runs() -> None:
    from trunkline._core import output_queue

    is_compiled = not output_queue.__file__.endswith(".py")
    assert implementation().name == ("native" if is_compiled else "pure")
    assert implementation().name == os.environ["TRUNKLINE_IMPL"]


# ---- What is chosen ----


def test_compiled_modules_are_used_where_they_are(package: Path) -> None:
    assert run(SHOWN, package) == "native (the compiled modules are here)"
    assert run(SHOWN, package, "native") == "native (TRUNKLINE_IMPL says so)"
    load = "import trunkline._core.newlines"
    assert "ImportError" in run(load, package), "an empty file can be loaded"


def test_sources_are_used_where_they_are_asked_for(package: Path) -> None:
    assert run(SHOWN, package, "pure") == "pure (TRUNKLINE_IMPL says so)"
    load = "import trunkline, importlib\nimport trunkline._core.newlines as m; print(m.__file__)"
    assert run(load, package, "pure") == str(source_in(package, "_core.newlines"))


def test_where_one_is_missing_none_is_used(package: Path) -> None:
    compiled_in(package, "multiplex.event_base").unlink()
    lack = "the compiled modules are not complete: trunkline.multiplex.event_base is missing"
    assert run(SHOWN, package) == f"pure ({lack})"
    load = "import trunkline\nimport trunkline._core.newlines as m; print(m.__file__)"
    assert run(load, package) == str(source_in(package, "_core.newlines"))
    assert run(SHOWN, package, "native") == f"ImportError: TRUNKLINE_IMPL is native, but {lack}"


def test_where_there_are_none_nothing_stands_in_the_way_of_imports(package: Path) -> None:
    for module in COMPILED:
        compiled_in(package, module).unlink()
    finders = "import sys; n = len(sys.meta_path); import trunkline; print(len(sys.meta_path) - n)"
    assert run(finders, package) == "0"
    assert run(SHOWN, package, "") == "pure (there are no compiled modules here)"
    message = "ImportError: TRUNKLINE_IMPL is native, but there are no compiled modules here"
    assert run(SHOWN, package, "native") == message


def test_another_word_is_an_error() -> None:
    message = "ValueError: TRUNKLINE_IMPL is pure or native, not 'C'"
    assert run("import trunkline", wanted="C") == message


# Python has no public way to make one before 3.14.
IN_ANOTHER_INTERPRETER = """
import os, sys
try:
    import _interpreters as interpreters
except ImportError:
    import _xxsubinterpreters as interpreters
code = "import sys; sys.path[:] = {path}\\n{code}"
made = interpreters.create()
sys.stdout.flush()
error = getattr(interpreters, "run_string")(made, code)
if error:
    print(error)
interpreters.destroy(made)
"""


def run_elsewhere(code: str, path: Path | None = None, wanted: str | None = None) -> str:
    """The same as `run`, in an interpreter that is not the main one."""
    paths = [str(path or PACKAGE.parent), *sys.path]
    return run(IN_ANOTHER_INTERPRETER.format(path=paths, code=code), path, wanted)


def test_in_another_interpreter_sources_are_used(package: Path) -> None:
    only = "the compiled modules work in the main interpreter only"
    assert run_elsewhere(SHOWN, package) == f"pure ({only})"
    assert only in run_elsewhere(SHOWN, package, "native")


def test_an_event_base_runs_in_another_interpreter() -> None:
    code = (
        "import trunkline; base = trunkline.EventBase(); base.add_timer(base.exit, 0)\\n"
        "base.dispatch(); base.close(); print(trunkline.implementation().name)"
    )
    assert run_elsewhere(code) == "pure"


# ---- What is compiled ----


def test_what_is_compiled_is_what_has_a_face() -> None:
    assert set(native_modules()) == {f"trunkline.{module}" for module in COMPILED}
    assert list(COMPILED) == sorted(COMPILED)
    for source in native_modules().values():
        assert (ROOT / source).exists()


FACE = re.compile(r"^cdef class (\w+)(?:\((\w+)\))?:$")
ATTRIBUTES = re.compile(r"^    cdef (?:public )?(?:long long|\w+) (\w+(?:, \w+)*)$")


def declared(module: str) -> Iterator[tuple[str, str, set[str]]]:
    """Yield the name, the base and the attributes of each class that a face declares."""
    name, base, attributes = "", "", set[str]()
    for line in source_in(PACKAGE.parent, module).with_suffix(".pxd").read_text().splitlines():
        if found := FACE.match(line):
            if name:
                yield name, base, attributes
            name, base, attributes = found[1], found[2] or "object", set()
        elif found := ATTRIBUTES.match(line):
            attributes |= set(found[1].split(", "))
    if name:
        yield name, base, attributes


def assigned(module: str, name: str) -> set[str] | None:
    """Return the attributes that a class of a source has, or None if the source has no such class.

    They are those of its slots; where it has none, those that its methods assign.
    """
    for kind in ast.parse(source_in(PACKAGE.parent, module).read_text()).body:
        if isinstance(kind, ast.ClassDef) and kind.name == name:
            break
    else:
        return None
    slots = vars(getattr(import_module(f"trunkline.{module}"), name)).get("__slots__")
    if slots is not None:
        return {slots} if isinstance(slots, str) else set(slots)
    properties = {each.name for each in kind.body if isinstance(each, ast.FunctionDef)}
    return {
        node.attr
        for node in ast.walk(kind)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
        if isinstance(node.value, ast.Name) and node.value.id == "self"
    } - properties


@pytest.mark.parametrize("module", COMPILED)
def test_a_face_has_the_attributes_that_the_source_has(module: str) -> None:
    # It has to be kept up by hand, and a compiled class takes no attribute that it does not name.
    faces = {name: attributes for each in COMPILED for name, _, attributes in declared(each)}
    if native_modules()[f"trunkline.{module}"].endswith(".pyx"):
        return  # a twin has attributes of its own
    for name, base, attributes in declared(module):
        expected = assigned(module, name)
        if expected is None:
            continue  # it is a class of the twin's own
        kind = getattr(import_module(f"trunkline.{module}"), name)
        assert kind.__base__.__name__ == base
        inherited = set[str]().union(*(faces.get(each.__name__, ()) for each in kind.__mro__[1:]))
        always = {"__dict__", "__weakref__"}  # in a class without slots
        assert attributes - always == expected - inherited - always, name


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what a build needs, without anything that was compiled."""
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("*.so"))
    return tmp_path


PURE = "trunkline is built without compiled modules, and works: "


@pytest.mark.thorough
@pytest.mark.parametrize("wanted", ["", "pure"])
def test_without_a_compiler_the_sources_are_built_which_is_said_once(
    checkout: Path, wanted: str
) -> None:
    ended = build(checkout, wanted, CC="false")
    assert not ended.returncode, ended.stderr
    reason = "there is no C compiler that finds Python's headers"
    assert ended.stderr.count(PURE + reason) == ended.stderr.count(PURE) == (wanted != "pure")
    built = checkout / "build" / "lib"  # its name has the platform where something is compiled
    assert run(SHOWN, built) == "pure (there are no compiled modules here)"


@pytest.mark.thorough
def test_without_a_compiler_who_insists_is_told(checkout: Path) -> None:
    ended = build(checkout, "native", CC="false")
    assert ended.returncode
    reason = "nothing can be compiled: there is no C compiler that finds Python's headers"
    assert f"TRUNKLINE_IMPL is native, but {reason}" in ended.stderr


@pytest.mark.thorough
@pytest.mark.parametrize("wanted", ["", "native"])
def test_where_one_module_fails_none_is_built_and_who_insists_is_told(
    checkout: Path, wanted: str
) -> None:
    if obstacle := obstacle_to_building():
        pytest.skip(obstacle)
    for face in checkout.rglob("*.pxd"):
        if face.stem not in ("uncopied", "newlines"):  # two are compiled sooner than all
            face.unlink()
    source = checkout / "src" / "trunkline" / "_core" / "uncopied.py"
    source.write_text("this is no Python")
    ended = build(checkout, wanted)
    assert "_core/uncopied.py" in ended.stderr + ended.stdout
    assert not list(checkout.rglob("*.so"))
    if wanted == "native":
        assert ended.returncode
    else:
        assert not ended.returncode, ended.stderr
        assert ended.stderr.count(f"{PURE}compiling has failed: ") == ended.stderr.count(PURE) == 1
        (built,) = (checkout / "build").glob("lib*")
        assert run(SHOWN, built) == "pure (there are no compiled modules here)"


def build(checkout: Path, wanted: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build"],
        cwd=checkout,
        env=os.environ | variables | {"TRUNKLINE_IMPL": wanted},
        capture_output=True,
        text=True,
    )
