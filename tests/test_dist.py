"""What is built for others: the description that an index shows, and the look at what was built."""

import io
import re
import subprocess
import sysconfig
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from support.source import Source

from setup import long_description, without_relative_links
from tools.check_dist import (
    faults_of_description,
    faults_of_source,
    faults_of_wheel,
    tracked,
)

ROOT = Path(__file__).resolve().parents[1]

TREE = {"Makefile", "src/trunkline/py.typed", "src/trunkline/a.py", ".ci/run", "bench/.gitignore"}


def source_of(directory: Path, *names: str) -> Path:
    """Make a source distribution of these files, all empty."""
    path = directory / "trunkline-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"trunkline-1/{name}"), io.BytesIO())
    return path


def wheel_of(directory: Path, *names: str, tag: str = "py3-none-any") -> Path:
    """Make a wheel of these files, all empty."""
    path = directory / f"trunkline-1-{tag}.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "")
    return path


# ---- The description ----


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("one [contract](docs/a.md) for", "one contract (`docs/a.md`) for"),
        ("a [text over\ntwo lines](a.md).", "a text over\ntwo lines (`a.md`)."),
        ("see [LICENSE](LICENSE)", "see `LICENSE`"),
        ("[`examples/`](examples/)", "`examples/`"),
        ("[here](#there), [a](https://a.example/)", "[here](#there), [a](https://a.example/)"),
        (
            "```python\nhandlers[0](client)\n```\n[a](b)",
            "```python\nhandlers[0](client)\n```\na (`b`)",
        ),
    ],
)
def test_a_link_to_a_file_becomes_its_path(text: str, shown: str) -> None:
    assert without_relative_links(text) == shown


def test_the_description_is_the_readme_and_has_no_dead_links() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert list(faults_of_description(readme)), "the README has links to files"
    assert not list(faults_of_description(long_description()))
    assert long_description().startswith(readme[: readme.index("[")])


def test_a_description_is_asked_for() -> None:
    assert list(faults_of_description(None)) == list(faults_of_description(" \n"))
    assert list(faults_of_description(""))


# ---- What was built ----


def test_a_complete_source_distribution_has_no_faults(tmp_path: Path) -> None:
    made = ("PKG-INFO", "setup.cfg", "src/trunkline.egg-info/SOURCES.txt")
    whole = source_of(tmp_path, "Makefile", "src/trunkline/py.typed", "src/trunkline/a.py", *made)
    assert not list(faults_of_source(whole, TREE))


def test_what_a_source_distribution_lacks_or_has_too_much_is_named(tmp_path: Path) -> None:
    archive = source_of(tmp_path, "Makefile", "src/trunkline/a.py", "docs/_build/index.html")
    assert list(faults_of_source(archive, TREE)) == [
        "trunkline-1.tar.gz lacks src/trunkline/py.typed",
        "trunkline-1.tar.gz has docs/_build/index.html, out of place",
    ]


def test_a_complete_wheel_has_no_faults(tmp_path: Path) -> None:
    names = ("trunkline/py.typed", "trunkline/a.py", "trunkline-1.dist-info/METADATA")
    assert not list(faults_of_wheel(wheel_of(tmp_path, *names), TREE))


def test_what_a_wheel_lacks_or_has_too_much_is_named(tmp_path: Path) -> None:
    wheel = wheel_of(tmp_path, "trunkline/a.py", "tests/test_a.py")
    assert list(faults_of_wheel(wheel, TREE)) == [
        "trunkline-1-py3-none-any.whl lacks trunkline/py.typed",
        "trunkline-1-py3-none-any.whl has tests/test_a.py, out of place",
    ]


def test_a_wheel_with_compiled_modules_has_one_for_each_that_is_declared(tmp_path: Path) -> None:
    tree = {"src/trunkline/a.py", "src/trunkline/a.pxd", "src/trunkline/b.py"}
    sources = [name.removeprefix("src/") for name in tree]
    compiled = f"trunkline/a{sysconfig.get_config_var('EXT_SUFFIX')}"
    whole = wheel_of(tmp_path, "trunkline/", *sources, compiled, tag="cp3-cp3-linux")
    assert not list(faults_of_wheel(whole, tree))
    lacking = wheel_of(tmp_path, *sources, tag="cp3-cp3-other")
    assert list(faults_of_wheel(lacking, tree)) == [f"{lacking.name} lacks {compiled}"]
    having = wheel_of(tmp_path, *sources, compiled)
    assert list(faults_of_wheel(having, tree)) == [f"{having.name} has {compiled}, out of place"]


@pytest.mark.needs_program("git")
def test_the_tree_is_what_git_knows_and_is_there(tmp_path: Path) -> None:
    for name in "known", "gone", "unknown":
        (tmp_path / name).touch()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "known", "gone"], cwd=tmp_path, check=True)
    (tmp_path / "gone").unlink()
    assert tracked(tmp_path) == {"known"}


# ---- What is offered ----


def needless_extras(extras: dict[str, list[str]], imported: set[str]) -> list[str]:
    """Return the extras that install something of which the package imports nothing."""
    names = {
        extra: {re.split(r"[^\w-]", need)[0].replace("-", "_") for need in needs}
        for extra, needs in extras.items()
    }
    return [extra for extra, needs in names.items() if not needs & imported]


def test_an_extra_that_gives_nothing_is_found() -> None:
    extras = {"cli": ["rich>=13"], "dns": ["pycares>=4; os_name == 'posix'"], "none": []}
    assert needless_extras(extras, {"os", "pycares"}) == ["cli", "none"]


@pytest.mark.slow
def test_every_extra_gives_something() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    modules = [Source.read(path, ROOT / "src") for path in (ROOT / "src").rglob("*.py")]
    imported = {found.root for module in modules for found in module.imports}
    assert "socket" in imported
    assert not needless_extras(project.get("optional-dependencies", {}), imported)
