"""Python files as syntax trees, for the tests that hold this repository to its own rules.

A rule is a function that takes one `Source` and yields its offences, so that it can be shown to
find something in a few bad lines before it is trusted to find nothing in the tree.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, Self

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Import(NamedTuple):
    """One imported name, absolute and dotted: ``from ..errors import Busy`` in ``trunkline.a.b``
    is ``trunkline.errors.Busy``.
    """

    name: str
    line: int
    for_types: bool  # under `if TYPE_CHECKING:`
    deferred: bool  # inside a function

    @property
    def root(self) -> str:
        """The package or module that the name is in."""
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Source:
    """One Python file.

    Attributes:
        module: Its dotted name; a package's is that of its `__init__`, without it.
        text: What it says.
        is_package: Whether it is an `__init__`.
    """

    module: str
    text: str
    is_package: bool = False

    @classmethod
    def read(cls, path: Path, root: Path) -> Self:
        """Read a file whose module name begins below `root`."""
        module = ".".join(path.relative_to(root).with_suffix("").parts)
        return cls.make(module, path.read_text(encoding="utf-8"))

    @classmethod
    def make(cls, module: str, text: str) -> Self:
        """Make a module; a package's name ends in `.__init__`."""
        package = module.removesuffix(".__init__")
        return cls(package, text, is_package=package != module)

    @cached_property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text)

    @property
    def imports(self) -> list[Import]:
        """Everything that it imports anywhere."""
        return self._found.imports

    @property
    def calls(self) -> list[ast.Call]:
        """Every call in it."""
        return self._found.calls

    @property
    def functions(self) -> list[Function]:
        """Every function and method in it, nested ones too."""
        return self._found.functions

    @cached_property
    def _found(self) -> "_Found":
        """What the rules are about, of which there are several: the tree is gone through once."""
        found = _Found([], [], [])
        left: list[tuple[ast.AST, bool, bool]] = [(self.tree, False, False)]
        while left:
            node, for_types, deferred = left.pop()
            if isinstance(node, ast.Call):
                found.calls.append(node)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                found.imports.extend(
                    Import(name, node.lineno, for_types, deferred) for name in self._names(node)
                )
            elif isinstance(node, Function):
                found.functions.append(node)
                deferred = True
            elif isinstance(node, ast.Lambda):
                deferred = True
            guarded = node.body if isinstance(node, ast.If) and _is_for_types(node.test) else ()
            left.extend(
                (child, for_types or child in guarded, deferred)
                for child in ast.iter_child_nodes(node)
            )
        return found

    def _names(self, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
        base = "" if isinstance(node, ast.Import) else f"{node.module}." if node.module else ""
        if isinstance(node, ast.ImportFrom) and node.level:
            ups = node.level - self.is_package
            parts = self.module.split(".")
            base = ".".join([*parts[: len(parts) - ups], base])
        return (base + alias.name for alias in node.names)


class _Found(NamedTuple):
    """What a file has of each."""

    imports: list[Import]
    calls: list[ast.Call]
    functions: list[Function]


def _is_for_types(condition: ast.expr) -> bool:
    return ast.unparse(condition) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def called_name(call: ast.Call) -> str:
    """Return the name that is called, with the names before it: `time.sleep`.

    What is called without a name, or comes from something that has none, is empty: `.close`.
    """
    names: list[str] = []
    node = call.func
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    names.append(node.id if isinstance(node, ast.Name) else "")
    return ".".join(reversed(names))


def length(function: Function) -> int:
    """Count a function's lines, without its decorators and its docstring."""
    first = function.body[0]
    end = function.end_lineno or function.lineno
    lines = end - function.lineno + 1
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines
