"""The parts of building that are worked out; everything else stands in `pyproject.toml`.

What a package index shows: a link of the README to a file beside it works in a checkout and leads
nowhere on an index. There is no public address to put in its place. So the link becomes its text
and the file's path, and in the end it is said where the files are.

What is compiled: all modules that have a `.pxd`, where that works; else nothing, which is said
once, and all works as it is. The environment variable ``TRUNKLINE_IMPL`` insists on one of both,
with ``native`` or ``pure``. An installation for development, whose sources change, compiles only if
it says ``native``.
"""

import os
import re
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from setuptools import Command

ROOT = Path(__file__).resolve().parent
PACKAGE = "trunkline"

# ---- What is shown ----

LINK = re.compile(r"\[(?P<text>[^]\[]+)\]\((?P<target>[^)\s]+)\)")
ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:|#")  # a URL, or a place on the page itself

EPILOGUE = "\nThe files that are named here come with the source distribution.\n"


def without_relative_links(text: str) -> str:
    """Return a Markdown text whose links to files are paths; code has none, and stays."""
    fenced = re.compile(r"^(```.*?^```$)", re.M | re.S)
    parts = fenced.split(text)  # those with an odd number are code
    parts[::2] = [LINK.sub(as_path, part) for part in parts[::2]]
    return "".join(parts)


def as_path(link: re.Match[str]) -> str:
    """Return the text of a link and the path that it leads to, or a link that holds anywhere."""
    text, target = link["text"], link["target"]
    if ABSOLUTE.match(target):
        return link[0]
    return f"`{target}`" if text.strip("`") == target else f"{text} (`{target}`)"


def long_description() -> str:
    """Return what a package index shows."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return without_relative_links(readme) + EPILOGUE


# ---- What is compiled ----

VARIABLE = "TRUNKLINE_IMPL"

CYTHON = "cython>=3.1"  # needed by who compiles, and by nobody else

# The commands that compile, or would.
BUILDING = frozenset({"bdist_wheel", "build", "build_ext", "editable_wheel", "install"})

PROBE = """
#include <Python.h>
static struct PyModuleDef probe = {PyModuleDef_HEAD_INIT, "probe", NULL, 0, NULL};
PyMODINIT_FUNC PyInit_probe(void) { return PyModule_Create(&probe); }
"""

DIRECTIVES = {
    "language_level": 3,
    "annotation_typing": False,  # a `.pxd` says what is typed; annotations are for type checkers
    "auto_pickle": False,  # what has an inside of C would be copied
    "binding": True,  # functions keep their signatures and texts
    "nonecheck": True,  # without it, None in the place of an object is read as one
}

# What Python itself was built with takes twice as long, and gains nothing that can be measured.
# Warnings are of what Cython has written.
FLAGS = [] if "CFLAGS" in os.environ else ["-O2", "-g0", "-w"]


def native_modules() -> dict[str, str]:
    """Return what is compiled: the sources, by the names of the modules.

    Those are the modules with a `.pxd` beside them; what stands in its place below `_native`, if
    there is something, is compiled instead of their Python source.
    """
    package = ROOT / "src" / PACKAGE
    sources = {}
    for face in sorted(package.rglob("*.pxd")):
        relative = face.relative_to(package)
        twin = package / "_native" / relative.with_suffix(".pyx")
        source = twin if twin.exists() else face.with_suffix(".py")
        name = ".".join((PACKAGE, *relative.with_suffix("").parts))
        sources[name] = str(source.relative_to(ROOT))
    return sources


def obstacle_to_building() -> str:
    """Return why nothing can be compiled here, or nothing."""
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return "compiled modules are for CPython with its global lock"
    if find_spec("Cython") is None:
        return "there is no Cython"
    return "" if can_compile() else "there is no C compiler that finds Python's headers"


def can_compile() -> bool:
    """Try the smallest extension that there is."""
    from setuptools import Distribution, Extension
    from setuptools.errors import BaseError, CCompilerError

    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory) / "probe.c"
        source.write_text(PROBE, encoding="ascii")
        probe = Distribution({"ext_modules": [Extension("probe", [str(source)])]})
        command = probe.get_command_obj("build_ext")
        command.build_lib = command.build_temp = directory
        try:
            command.ensure_finalized()
            command.run()
        except (BaseError, CCompilerError):
            return False
    return True


def build_command(*, must_compile: bool) -> "type[Command]":
    """Return the command that compiles: all of it, or nothing."""
    from Cython.Build import cythonize
    from setuptools.command.build_ext import build_ext

    class BuildNative(build_ext):  # type: ignore[misc] # it has no types
        """Compiles; where that fails, and need not work, the sources are there."""

        def finalize_options(self) -> None:
            super().finalize_options()
            self.parallel: int = self.parallel or os.cpu_count() or 1

        def translate(self) -> None:
            """Have Cython write C, where it has not done so yet."""
            translated = cythonize(  # type: ignore[no-untyped-call]
                self.extensions,
                build_dir="build/cython",
                include_path=["src"],  # where a twin that lies elsewhere finds the faces
                nthreads=self.parallel,
                compiler_directives=DIRECTIVES,
            )
            sources = {extension.name: extension.sources for extension in translated}
            for extension in self.extensions:
                extension.sources = sources[extension.name]

        def run(self) -> None:
            """Compile, where that is wanted."""
            if self.editable_mode and not must_compile:
                return
            try:
                self.translate()
                super().run()
            except Exception as error:
                if must_compile:
                    raise
                for path in self.get_outputs():
                    Path(path).unlink(missing_ok=True)
                say_that_it_is_pure(f"compiling has failed: {error}")

    return BuildNative


def say_that_it_is_pure(reason: str) -> None:
    """Say that nothing was compiled, and that this is no misfortune."""
    sys.stderr.write(f"{PACKAGE} is built without compiled modules, and works: {reason}\n")


def compiled_parts(wanted: str) -> dict[str, Any]:
    """Return what else the setup takes where modules are compiled, or nothing.

    Args:
        wanted: What the environment variable says.
    """
    from setuptools import Extension

    if wanted == "pure":
        return {}
    if "egg_info" in sys.argv and find_spec("Cython") is None:
        # What builds in an environment of its own asks by this what else it has to install there.
        return {"setup_requires": [CYTHON]}
    if BUILDING.isdisjoint(sys.argv):
        return {}
    if obstacle := obstacle_to_building():
        if wanted == "native":
            raise SystemExit(f"{VARIABLE} is native, but nothing can be compiled: {obstacle}")
        say_that_it_is_pure(obstacle)
        return {}
    return {
        "cmdclass": {"build_ext": build_command(must_compile=wanted == "native")},
        "ext_modules": [
            Extension(name, [source], extra_compile_args=FLAGS)
            for name, source in native_modules().items()
        ],
    }


def main() -> None:
    """Set the package up."""
    from setuptools import setup  # here, for who builds has it, and who tests need not

    setup(
        long_description=long_description(),
        long_description_content_type="text/markdown",
        **compiled_parts(os.environ.get(VARIABLE, "")),
    )


if __name__ == "__main__":
    main()
