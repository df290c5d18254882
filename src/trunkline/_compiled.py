"""Whether compiled modules can be used, where there are any; `_choice` asks."""

import _imp
import sys
from _frozen_importlib_external import ExtensionFileLoader, spec_from_file_location
from os.path import exists
from types import SimpleNamespace
from typing import Any

from ._choice import COMPILED, NOTHING, VARIABLE, path_of

__all__ = ("choose",)


def choose(wanted: str, missing: list[str]) -> tuple[str, str]:
    """Have the modules of one build found, from now on; return which build it is, and why."""
    if wanted not in ("", "pure", "native"):
        raise ValueError(f"{VARIABLE} is pure or native, not {wanted!r}")
    asked = f"{VARIABLE} says so" if wanted else ""
    obstacle = asked if wanted == "pure" else _obstacle(missing)
    if not obstacle:
        sys.meta_path.insert(0, SimpleNamespace(find_spec=_find_compiled))
        return "native", asked or "the compiled modules are here"
    if wanted == "native":
        raise ImportError(f"{VARIABLE} is native, but {obstacle}")
    sys.meta_path.insert(0, SimpleNamespace(find_spec=_find_source))
    return "pure", obstacle


# For `sys.meta_path`: they find what has a source and is compiled, too, the one or the other.


def _find_source(name: str, path: Any = None, target: Any = None) -> Any:
    module = _compiled_module(name)
    return module and spec_from_file_location(name, path_of(module, ".py"))


def _find_compiled(name: str, path: Any = None, target: Any = None) -> Any:
    module = _compiled_module(name)
    if module is None:
        return None
    loader = _LoaderWithSource(name, path_of(module, _imp.extension_suffixes()[0]))
    return spec_from_file_location(name, loader=loader)


def _compiled_module(name: str) -> str | None:
    package, _, module = name.partition(".")
    return module if package == "trunkline" and module in COMPILED else None


class _LoaderWithSource(ExtensionFileLoader):
    """Loads a compiled module, and has its source, out of which a traceback shows lines."""

    def get_source(self, fullname: str) -> str:  # type: ignore[override] # of others it has none
        module = fullname.partition(".")[2]
        twin = path_of(f"_native.{module}", ".pyx")
        with open(twin if exists(twin) else path_of(module, ".py"), encoding="utf-8") as source:
            return source.read()


def _obstacle(missing: list[str]) -> str:
    if len(missing) == len(COMPILED):
        return NOTHING
    if missing:
        return f"the compiled modules are not complete: trunkline.{missing[0]} is missing"
    if "t" in getattr(sys, "abiflags", ""):
        return "this Python has no global lock, which the compiled modules rely on"
    if not _is_main_interpreter():
        return "the compiled modules work in the main interpreter only"
    return ""


def _is_main_interpreter() -> bool:
    override = getattr(_imp, "_override_multi_interp_extensions_check", None)
    if override is None:  # before CPython 3.12
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            return True
        return bool(interpreters.get_current() == interpreters.get_main())
    try:
        override(override(0))  # put back what it was
    except RuntimeError:  # it is for others than the main one
        return True
    return False
