"""The rules of this tree: what imports what, how long things are, what is never written.

They hold because they are tested. Each rule first has to find the fault in an example of its own,
and then finds none in the tree. What is allowed where stands in the tables at the top.
"""

import ast
import gc
import graphlib
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from support.source import Import, Source, called_name, length

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "trunkline"

# From the bottom up. A component imports from its own layer and from those below, also for types.
LAYERS: tuple[frozenset[str], ...] = (
    frozenset({"_choice", "_compiled", "_implementation", "_printable"}),
    frozenset({"errors", "addresses"}),
    frozenset({"_core"}),
    frozenset({"_sys", "_native"}),
    frozenset({"streams"}),
    frozenset({"tls"}),
    frozenset({"sockets"}),
    frozenset({"multiplex"}),
    frozenset({"processes", "names"}),
    frozenset({"servers", "evented", "aio"}),
    frozenset({"logs", "metrics"}),
    frozenset({"cli", "dialects"}),
    frozenset({"__init__", "__main__"}),
)

# Outside the layers: they may import anything, and nothing in the package may import them.
APART = frozenset({"paths", "testing"})

# Modules of the standard library that only these components import, other than for types.
RESERVED: dict[str, frozenset[str]] = {
    "asyncio": frozenset({"aio", "testing"}),
    "select": frozenset({"_sys", "testing"}),
    "selectors": frozenset({"_sys", "testing"}),
    "socket": frozenset({"_sys", "errors", "addresses", "testing"}),
    "ssl": frozenset({"tls", "testing"}),
}

# What logic without I/O has no use for.
NOT_IN_CORE = frozenset(
    {"asyncio", "os", "select", "selectors", "signal", "socket", "ssl", "threading", "time"}
)

# The functions of `os` that are system calls on descriptors, and who may call them.
# fmt: off
DESCRIPTOR_CALLS = frozenset({
    "close", "dup", "dup2", "eventfd", "fdopen", "get_blocking", "open", "pipe", "pipe2", "pread",
    "pwrite", "read", "readv", "sendfile", "set_blocking", "set_inheritable", "write", "writev",
})
# fmt: on
DESCRIPTOR_CALLERS = frozenset({"_sys", "testing"})

MAY_PRINT = frozenset({"cli"})

LONGEST_FILE = 800  # lines
LONGEST_FUNCTION = 70  # lines, without its docstring

# The share of the code that importing asyncio loads that importing us may load; and with what a
# client needs.
IMPORT_SHARE = 0.4
CLIENT_IMPORT_SHARE = 0.7

Rule = Callable[[Source], Iterable[str]]


def component(module: str) -> str:
    """Return what stands below the package in a dotted name: `errors`, `_core`, `__init__`."""
    known = frozenset.union(*LAYERS, APART)
    below = [*module.split("."), "__init__"][1]
    return below if below in known else "__init__"  # as in `from trunkline import Socket`


def own_imports(source: Source) -> Iterator[Import]:
    """Return what a module imports from this package."""
    return (found for found in source.imports if found.root == PACKAGE)


# ---- The rules for src. The first line of each is the message. ----


def imports_point_downwards(source: Source) -> Iterator[str]:
    """A component imports from its own layer and those below it, and from none above."""
    height = {name: number for number, layer in enumerate(LAYERS) for name in layer}
    importer = component(source.module)
    for found in own_imports(source):
        imported = component(found.name)
        if imported in APART and imported != importer:
            yield f"{found.line}: imports {found.name}, which is for users and tests"
        elif importer not in APART and height[imported] > height[importer]:
            yield f"{found.line}: {importer} imports {found.name}"


def components_have_a_layer(source: Source) -> Iterator[str]:
    """Every component stands in the table of layers."""
    if component(source.module) == "__init__" and source.module != PACKAGE:
        yield f"1: {source.module}"


def some_modules_are_reserved(source: Source) -> Iterator[str]:
    """Sockets and descriptors are reached through `_sys`, and asyncio only from `aio`."""
    importer = component(source.module)
    for found in source.imports:
        owners = RESERVED.get(found.root)
        if owners is not None and importer not in owners and not found.for_types:
            yield f"{found.line}: {importer} imports {found.root}"


def core_does_no_io(source: Source) -> Iterator[str]:
    """`_core` is logic without I/O, threads and clocks."""
    if component(source.module) == "_core":
        for found in source.imports:
            if found.root in NOT_IN_CORE and not found.for_types:
                yield f"{found.line}: imports {found.root}"


def only_sys_calls_the_system(source: Source) -> Iterator[str]:
    """Only `_sys` makes system calls on descriptors."""
    if component(source.module) not in DESCRIPTOR_CALLERS:
        banned = {f"os.{name}" for name in DESCRIPTOR_CALLS}
        for call in source.calls:
            if called_name(call) in banned:
                yield f"{call.lineno}: {called_name(call)}"
        for found in source.imports:
            if found.name in banned:
                yield f"{found.line}: imports {found.name}"


def nothing_sleeps(source: Source) -> Iterator[str]:
    """Nothing sleeps: wait for what is to happen instead."""
    for call in source.calls:
        if called_name(call) == "time.sleep":
            yield f"{call.lineno}: time.sleep"
    for found in source.imports:
        if found.name == "time.sleep":
            yield f"{found.line}: imports time.sleep"


def nothing_prints(source: Source) -> Iterator[str]:
    """A library does not print."""
    if component(source.module) not in MAY_PRINT:
        for call in source.calls:
            if called_name(call) == "print":
                yield f"{call.lineno}: print"


def nothing_is_left_to_do(source: Source) -> Iterator[str]:
    """What is left to do is not written in the code."""
    for number, line in enumerate(source.text.splitlines(), start=1):
        if found := re.search(r"\b(FIXME|TODO|XXX)\b", line):
            yield f"{number}: {found[0]}"


def files_are_short(source: Source) -> Iterator[str]:
    """A file has one idea, and not too many lines."""
    lines = source.text.count("\n")
    if lines > LONGEST_FILE:
        yield f"{LONGEST_FILE}: {lines} lines"


def functions_are_short(source: Source) -> Iterator[str]:
    """A function fits a screen."""
    for function in source.functions:
        if length(function) > LONGEST_FUNCTION:
            yield f"{function.lineno}: {function.name} has {length(function)} lines"


def modules_say_why_they_exist(source: Source) -> Iterator[str]:
    """Every module begins with a docstring."""
    if not ast.get_docstring(source.tree):
        yield "1: no docstring"


# ---- The rules for the tests ----

CONNECTING = re.compile(r"\b(bind|connect|connect_ex|create_connection|create_server|make_socket)$")


def ports_are_not_fixed(source: Source) -> Iterator[str]:
    """A test binds to port 0 and connects to where something listens."""
    for call in source.calls:
        if CONNECTING.search(called_name(call)):
            for port in filter(is_port, map(port_number, arguments(call))):
                yield f"{call.lineno}: {called_name(call)} with port {port}"


def arguments(call: ast.Call) -> Iterator[ast.expr]:
    """Yield a call's arguments that may be ports: in a tuple, second in line, or by name."""
    for number, argument in enumerate(call.args):
        if isinstance(argument, ast.Tuple):
            yield from argument.elts[1:2]
        elif number == 1:
            yield argument
    yield from (word.value for word in call.keywords if word.arg in ("port", "local_port"))


def port_number(argument: ast.expr) -> object:
    """Return the value of a literal, of anything else None."""
    return argument.value if isinstance(argument, ast.Constant) else None


def is_port(value: object) -> bool:
    """Say whether this is a port that somebody may have; others are there to be refused."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 65536


# ---- The rules find what they are for ----

LONG = "def f():\n" + "    pass\n" * LONGEST_FUNCTION

BAD: list[tuple[Rule, str, str]] = [
    (imports_point_downwards, "_core.lines", "from ..sockets import socket"),
    (
        imports_point_downwards,
        "_sys.__init__",
        "def f():\n    from ..multiplex.base import EventBase",
    ),
    (imports_point_downwards, "errors", "from . import _core"),
    (imports_point_downwards, "errors", "from trunkline import Stream"),
    (imports_point_downwards, "streams.a", "if TYPE_CHECKING:\n    from ..sockets import Socket"),
    (imports_point_downwards, "servers.a", "import trunkline.cli"),
    (imports_point_downwards, "cli", "from .testing import faults"),
    (imports_point_downwards, "__init__", "from .paths import Path"),
    (components_have_a_layer, "unheard_of.module", ""),
    (some_modules_are_reserved, "servers.threads", "import asyncio.events"),
    (some_modules_are_reserved, "streams.a", "from select import poll"),
    (some_modules_are_reserved, "multiplex.a", "def f():\n    import selectors"),
    (some_modules_are_reserved, "_core.a", "if not TYPE_CHECKING:\n    import socket"),
    (core_does_no_io, "_core.a", "import os.path"),
    (
        core_does_no_io,
        "_core.__init__",
        "class A:\n    def f(self):\n        from time import monotonic",
    ),
    (core_does_no_io, "_core.a", "if TYPE_CHECKING:\n    pass\nelse:\n    import ssl"),
    (only_sys_calls_the_system, "multiplex.a", "import os\nos.close(1)"),
    (only_sys_calls_the_system, "processes", "from os import pipe, environ"),
    (nothing_sleeps, "_sys.clock", "import time\ntime.sleep(1)"),
    (nothing_sleeps, "_sys.clock", "from time import monotonic, sleep"),
    (nothing_prints, "servers", "print()"),
    (nothing_is_left_to_do, "errors", "x = 1  # TODO: 2"),
    (files_are_short, "errors", "\n" * (LONGEST_FILE + 1)),
    (functions_are_short, "errors", LONG),
    (functions_are_short, "errors", LONG.replace("def", "async def").replace("pass", "'', 1", 1)),
    (modules_say_why_they_exist, "errors", "import os"),
    (ports_are_not_fixed, "test", "sock.bind(('127.0.0.1', 8080))"),
    (ports_are_not_fixed, "test", "sock.connect(address, 9999)"),
    (ports_are_not_fixed, "test", "with make_socket(connect='passive', local_port=25): pass"),
]

GOOD: list[tuple[Rule, str, str]] = [
    (imports_point_downwards, "sockets.a", "from ..streams import Stream\nfrom . import b"),
    (imports_point_downwards, "aio.__init__", "from ..servers import Server\nimport sockets"),
    (
        imports_point_downwards,
        "__init__",
        "from .sockets import make_socket\nfrom .cli import main",
    ),
    (imports_point_downwards, "testing.a", "from . import faults\nfrom ..cli import main"),
    (components_have_a_layer, "__init__", ""),
    (components_have_a_layer, "__main__", ""),
    (some_modules_are_reserved, "streams.a", "if TYPE_CHECKING:\n    from socket import socket"),
    (some_modules_are_reserved, "aio.loop", "import asyncio, socketserver"),
    (core_does_no_io, "_core.a", "import typing\nif typing.TYPE_CHECKING:\n    import time"),
    (core_does_no_io, "_sys.a", "import os"),
    (only_sys_calls_the_system, "_sys.a", "os.close(1)"),
    (only_sys_calls_the_system, "streams.a", "stream.close()\nos.getpid()"),
    (nothing_sleeps, "aio.a", "import time\nawait_(asyncio.sleep(0))"),
    (nothing_prints, "cli", "print()"),
    (nothing_is_left_to_do, "errors", "XXXL = 'TODOS'"),
    (files_are_short, "errors", "\n" * LONGEST_FILE),
    (functions_are_short, "errors", LONG.replace("pass", "'''One.\nTwo.\n'''", 1)),
    (modules_say_why_they_exist, "errors", "'''Because.'''"),
    (ports_are_not_fixed, "test", "sock.bind(('127.0.0.1', 0))\nsock.connect((host, port))"),
    (ports_are_not_fixed, "test", "connect(host, 70000)\nmake_socket('active', True, port=-1)"),
    (ports_are_not_fixed, "test", "ensure_address('127.0.0.1', 80)\ndisconnect(1, 2)"),
]


def snippet(name: str, text: str) -> Source:
    """Return a module of the package, or the package itself, that nobody wrote."""
    return Source.make(f"{PACKAGE}.{name}", text)


@pytest.mark.parametrize(("rule", "module", "text"), BAD)
@pytest.mark.slow
def test_a_rule_finds_what_it_is_for(rule: Rule, module: str, text: str) -> None:
    assert list(rule(snippet(module, text)))


@pytest.mark.parametrize(("rule", "module", "text"), GOOD)
def test_a_rule_finds_nothing_else(rule: Rule, module: str, text: str) -> None:
    assert not list(rule(snippet(module, text)))


def test_every_rule_is_shown_to_find_something() -> None:
    assert {rule for rule, *_ in BAD} == {rule for rule, *_ in GOOD} == {*SRC_RULES, *TEST_RULES}


# ---- The tree keeps the rules ----

SRC_RULES: list[Rule] = [
    imports_point_downwards,
    components_have_a_layer,
    some_modules_are_reserved,
    core_does_no_io,
    only_sys_calls_the_system,
    nothing_sleeps,
    nothing_prints,
    nothing_is_left_to_do,
    files_are_short,
    functions_are_short,
    modules_say_why_they_exist,
]
TEST_RULES: list[Rule] = [nothing_sleeps, ports_are_not_fixed]


@cache
def sources(directory: str) -> dict[Path, Source]:
    """Read all Python files below a directory, by their paths from the root."""
    base = ROOT / directory
    found = {path.relative_to(ROOT): Source.read(path, base) for path in base.rglob("*.py")}
    assert found, f"no Python files in {base}"
    return found


def offences(rule: Rule, directory: str) -> Iterator[str]:
    """Yield what a rule finds, as paths and lines that an editor can follow, below what it says."""
    found = [
        f"    {path}:{offence}"
        for path, source in sorted(sources(directory).items())
        for offence in rule(source)
    ]
    if found:
        yield "\n".join([inspect.getdoc(rule) or rule.__name__, *found])


@pytest.fixture
def no_collecting() -> Iterator[None]:
    """Have nobody look for circles among the hundred thousands of nodes, which takes longest."""
    gc.disable()
    yield
    sources.cache_clear()  # for the same reason
    gc.enable()


# All rules of a directory are one test, because its files have to be read.
@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.usefixtures("no_collecting")
@pytest.mark.parametrize(("directory", "rules"), [("src", SRC_RULES), ("tests", TEST_RULES)])
def test_the_tree_keeps_the_rules(directory: str, rules: list[Rule]) -> None:
    found = [text for rule in rules for text in offences(rule, directory)]
    assert not found, "\n".join(found)


def first_imports(package: Iterable[Source]) -> dict[str, set[str]]:
    """Return for each module which others must be imported before its own import is over."""
    package = list(package)
    modules = {source.module for source in package}

    def module_of(name: str) -> str:
        while name not in modules:
            name = name.rpartition(".")[0]
        return name

    return {
        source.module: {
            module_of(found.name)
            for found in own_imports(source)
            if not found.for_types and not found.deferred
        }
        for source in package
    }


@pytest.mark.slow
@pytest.mark.usefixtures("no_collecting")
def test_no_modules_import_each_other_in_a_circle() -> None:
    graphlib.TopologicalSorter(first_imports(sources("src").values())).prepare()


def test_a_circle_is_found_and_a_deferred_import_is_none() -> None:
    packages = [snippet("__init__", ""), snippet("a.__init__", "")]
    one, two = snippet("a.one", "from . import two"), snippet("a.two", "from .one import A")
    later = snippet("a.two", "def f():\n    from . import one")
    graphlib.TopologicalSorter(first_imports([*packages, one, later])).prepare()
    with pytest.raises(graphlib.CycleError):
        graphlib.TopologicalSorter(first_imports([*packages, one, two])).prepare()


def test_every_public_name_says_what_it_is() -> None:
    import trunkline

    silent = [name for name in trunkline.__all__ if not explained(getattr(trunkline, name))]
    assert not silent, f"public names without a docstring: {', '.join(silent)}"


def explained(thing: object) -> bool:
    """Say whether a class, function or module has a docstring; other things cannot have one."""
    if not (inspect.isclass(thing) or inspect.isroutine(thing) or inspect.ismodule(thing)):
        return True
    generated = f"{thing.__name__}("  # as `dataclass` and `NamedTuple` write for themselves
    return bool(thing.__doc__) and not (thing.__doc__ or "").startswith(generated)


@pytest.mark.slow
def test_every_example_is_tested() -> None:
    # Parts of paths and texts alike: a test is named for the program, or it names it.
    texts = "\n".join(
        f"{path}\n{source.text}"
        for path, source in sources("tests").items()
        if path.parts[1] == "examples"
    )
    examples = sorted(path.stem for path in (ROOT / "examples").glob("ex*.py"))
    untested = [name for name in examples if not re.search(rf"(\b|test_){name}(\b|_)", texts)]
    assert not untested, f"examples that no test in tests/examples names: {', '.join(untested)}"


# ---- What importing costs ----

COUNT_LOADED_CODE = """
import marshal, sys
left_out = {{*sys.modules, "trunkline._compiled"}}  # which is for those who have compiled something
{code}
specs = [getattr(sys.modules[name], "__spec__", None) for name in sys.modules.keys() - left_out]
sources = [spec for spec in specs if hasattr(getattr(spec, "loader", None), "get_code")]
codes = [spec.loader.get_code(spec.name) for spec in sources]
print(sum(len(marshal.dumps(code)) - len(code.co_filename) for code in codes if code))
"""


def loaded_code(code: str) -> int:
    """Run a bare interpreter on a line of code, and return how many bytes of code it has loaded.

    That is most of what an import costs and, unlike its time, the same on each machine, wherever
    the code lies.
    """
    argv = [sys.executable, "-Ic", COUNT_LOADED_CODE.format(code=code)]
    return int(subprocess.run(argv, check=True, capture_output=True, text=True).stdout)


@pytest.mark.parametrize(
    ("code", "share"),
    [
        ("import trunkline", IMPORT_SHARE),
        ("from trunkline import make_socket, lookup_hostname", CLIENT_IMPORT_SHARE),
    ],
)
@pytest.mark.slow
def test_importing_costs_less_than_importing_asyncio(code: str, share: float) -> None:
    assert 0 < loaded_code(code) <= share * loaded_code("import asyncio")
