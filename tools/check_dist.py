"""Look whether what was built is complete: source distribution, wheel, and what it installs.

Run it with an interpreter in whose environment the wheel is installed, and nothing else, from a
checkout: `python -I tools/check_dist.py dist`. It prints what is wrong, and says so in its status.
A wheel with compiled modules is in another directory, which is given as well.
What belongs to the tree is what Git knows, so that a new file or directory cannot be forgotten.
"""

import importlib
import importlib.metadata
import pkgutil
import re
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "trunkline"

# They say themselves, for type checkers, that they cannot be imported everywhere.
OF_SOME_SYSTEMS = frozenset({f"{PACKAGE}._sys.backends.kqueue"})

# What extras bring, without which some modules cannot be imported, and say so to their users.
OF_EXTRAS = frozenset({"click", "h11", "rich"})

# What only a checkout has a use for.
OF_THE_CHECKOUT = re.compile(r"\.ci/.*|(.*/)?\.git\w+")

MADE_BY_BUILDING = re.compile(r"PKG-INFO|setup\.cfg|src/\w+\.egg-info/.*")

COMPILED_SUFFIX: str = sysconfig.get_config_var("EXT_SUFFIX")

RELATIVE_LINK = re.compile(r"\]\((?![a-z][a-z0-9+.-]*:|#)([^)]*)\)")


def tracked(root: Path = ROOT) -> set[str]:
    """Return the paths, from the root, of the files that belong to a tree."""
    # The user who tests may be another one than who made the checkout, which Git takes for danger.
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z"]
    listing = subprocess.run(command, cwd=root, stdout=subprocess.PIPE, check=True)
    return {name for name in listing.stdout.decode().split("\0") if (root / name).is_file()}


def faults_of_source(archive: Path, tree: set[str]) -> Iterator[str]:
    """Yield what the source distribution lacks, and what is in it by mistake."""
    with tarfile.open(archive) as tar:
        files = {member.name.partition("/")[2] for member in tar if not member.isdir()}
    inside = {name for name in files if not MADE_BY_BUILDING.fullmatch(name)}
    yield from differences(archive, inside, {n for n in tree if not OF_THE_CHECKOUT.fullmatch(n)})


def faults_of_wheel(wheel: Path, tree: set[str]) -> Iterator[str]:
    """Yield what the wheel lacks, and what is in it by mistake.

    One that is not for every Python has all sources, and a compiled module for each `.pxd`.
    """
    with zipfile.ZipFile(wheel) as archive:
        files = {member.filename for member in archive.infolist() if not member.is_dir()}
    inside = {name for name in files if ".dist-info/" not in name}
    expected = {name.removeprefix("src/") for name in tree if name.startswith("src/")}
    if not wheel.stem.endswith("-none-any"):
        expected |= {
            name.removesuffix(".pxd") + COMPILED_SUFFIX
            for name in expected
            if name.endswith(".pxd")
        }
    yield from differences(wheel, inside, expected)


def differences(archive: Path, inside: set[str], expected: set[str]) -> Iterator[str]:
    """Yield where what is in an archive is not what should be."""
    yield from (f"{archive.name} lacks {name}" for name in sorted(expected - inside))
    yield from (f"{archive.name} has {name}, out of place" for name in sorted(inside - expected))


def faults_of_description(text: object) -> Iterator[str]:
    """Yield the links in a Markdown text that lead nowhere on a package index."""
    if not isinstance(text, str) or not text.strip():
        yield "there is no description"
        return
    for link in RELATIVE_LINK.finditer(text):
        yield f"the description has a relative link, {link[1]}"


def faults_of_installation() -> Iterator[str]:
    """Yield the modules that cannot be imported, and those that are not the installed ones."""
    package = importlib.import_module(PACKAGE)
    if not Path(package.__file__ or "").is_relative_to(sys.prefix):
        yield f"{package.__file__} is not what was installed in {sys.prefix}"
    for found in pkgutil.walk_packages(package.__path__, f"{PACKAGE}."):
        if found.name not in OF_SOME_SYSTEMS and not found.name.endswith("__main__"):
            try:
                importlib.import_module(found.name)
            except Exception as error:
                if getattr(error, "name", None) in OF_EXTRAS:
                    continue
                yield f"importing {found.name}: {error!r}"
    silent = [name for name in package.__all__ if not hasattr(package, name)]
    yield from (f"{PACKAGE}.__all__ names {name}, which is not there" for name in silent)


def main(directory: str, wheels: str | None = None) -> int:
    """Print all faults; return how the process should end."""
    (source,) = Path(directory).glob("*.tar.gz")
    (wheel,) = Path(wheels or directory).glob("*.whl")
    tree = tracked()
    faults = [
        *faults_of_source(source, tree),
        *faults_of_wheel(wheel, tree),
        *faults_of_description(importlib.metadata.metadata(PACKAGE).json.get("description")),
        *faults_of_installation(),
    ]
    print(*faults, sep="\n", end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
