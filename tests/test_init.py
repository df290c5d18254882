"""The package itself: what it exports, and that importing it costs next to nothing."""

import importlib
import subprocess
import sys
from importlib import metadata

import pytest

import trunkline


def loaded_by(code: str) -> set[str]:
    """Run a bare interpreter on a line of code, and return the modules that it has loaded then."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-Ic", script], check=True, capture_output=True, text=True
    )
    return set(run.stdout.split())


def modules() -> list[str]:
    return sorted(trunkline._NAMES)


def test_everything_that_the_modules_export_is_exported_and_nothing_else() -> None:
    exported = [
        name
        for module in modules()
        for name in importlib.import_module(f"trunkline.{module}").__all__
    ]
    assert sorted(exported) == list(trunkline.__all__)
    assert len(exported) == len(set(exported)), "two modules export the same name"


@pytest.mark.parametrize("module", modules())
def test_each_name_is_the_one_of_its_module(module: str) -> None:
    source = importlib.import_module(f"trunkline.{module}")
    assert set(trunkline._NAMES[module].split()) == set(source.__all__)
    for name in source.__all__:
        assert getattr(trunkline, name) is getattr(source, name)


def test_type_checkers_are_told_of_the_same_modules() -> None:
    with open(trunkline.__file__) as file:
        text = file.read()
    for module in modules():
        assert f"from .{module} import *" in text
    assert text.count("import *") == len(modules())


def test_a_star_import_brings_everything() -> None:
    namespace: dict[str, object] = {}
    exec("from trunkline import *", namespace)
    assert namespace.keys() - {"__builtins__"} == {*trunkline.__all__}


def test_dir_lists_everything_and_nothing_twice() -> None:
    listed = dir(trunkline)
    assert {*trunkline.__all__, "__version__", "__all__", "__doc__"} <= {*listed}
    assert listed == sorted(set(listed))


@pytest.mark.parametrize("name", ["no_such_name", "SOCKET", "_private", "__no_such__", "socket"])
def test_an_unknown_attribute_is_an_attribute_error_that_names_it(name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'trunkline' has no attribute '{name}'"):
        getattr(trunkline, name)
    assert not hasattr(trunkline, name)
    assert name not in dir(trunkline)


def test_an_unknown_name_is_an_import_error() -> None:
    with pytest.raises(ImportError, match="no_such_name"):
        exec("from trunkline import no_such_name")


def test_the_version_is_that_of_the_distribution() -> None:
    assert trunkline.__version__ == metadata.version("trunkline")


def test_importing_it_imports_neither_sockets_nor_asyncio_nor_its_own_modules() -> None:
    added = loaded_by("import trunkline") - loaded_by("pass")
    assert "trunkline" in added
    ours = {each for each in added if each.startswith("trunkline.")}
    choosing = {"trunkline._choice"}  # which decides what all the others are
    assert choosing <= ours <= choosing | {"trunkline._compiled"}
    assert not added & {"socket", "_socket", "select", "selectors", "ssl", "threading", "asyncio"}
    assert "ipaddress" not in added


@pytest.mark.parametrize(
    ("name", "unwanted"),
    [
        ("ensure_address", {"socket", "asyncio", "threading", "trunkline.sockets"}),
        ("ConnectionRefused", {"asyncio", "threading", "trunkline.sockets"}),
        ("ExternalFormat", {"asyncio", "trunkline.sockets"}),
        ("make_socket", {"asyncio", "ssl", "subprocess", "concurrent.futures"}),
    ],
)
@pytest.mark.slow
def test_a_name_loads_what_it_needs_and_no_more(name: str, unwanted: set[str]) -> None:
    loaded = loaded_by(f"import trunkline\ntrunkline.{name}")
    assert not loaded & unwanted
    assert any(each.startswith("trunkline.") for each in loaded)


def test_a_name_is_looked_up_once() -> None:
    code = "import trunkline\ntrunkline.Endpoint\nassert 'Endpoint' in vars(trunkline)"
    assert "trunkline.addresses" in loaded_by(code)


WITHOUT_POSIX = """
import os, select, signal, socket, ssl, sys

def take_away(module, names):
    for name in names:
        vars(module).pop(name, None)

take_away(os, ["fork", "register_at_fork", "waitpid", "set_blocking", "get_blocking"])
take_away(select, [each for each in dir(select) if "poll" in each.lower()])
take_away(signal, ["pthread_sigmask", "siginterrupt"])
others = {"SIGINT", "SIGTERM", "SIGABRT", "SIG_DFL", "SIG_IGN"}
take_away(signal, [each for each in dir(signal) if each.startswith("SIG") and each not in others])
take_away(socket, ["AF_UNIX", "SO_REUSEPORT", "MSG_NOSIGNAL", "MSG_DONTWAIT", "MSG_MORE"])
take_away(socket, [each for each in dir(socket) if each.startswith(("AF_NETLINK", "AF_PACKET"))])
sys.modules.update(dict.fromkeys(["fcntl", "pwd", "resource", "termios"]))
sys.platform = "win32"
"""


@pytest.mark.slow
def test_it_can_be_imported_where_there_is_no_posix() -> None:
    names = [
        "servers",
        "evented",
        "dialects.port",
        "dialects.lispworks",
        "dialects.clisp",
        "testing.clock",
    ]
    imports = "".join(f"import trunkline.{name}\n" for name in names)
    everything = "from trunkline import *\nfrom trunkline.multiplex import *\n"
    loaded = loaded_by(WITHOUT_POSIX + everything + imports)
    assert {f"trunkline.{name}" for name in names} <= loaded


@pytest.mark.slow
def test_a_system_that_cannot_fork_is_told_at_once() -> None:
    make = "trunkline.Supervisor(print, host='127.0.0.1')"
    caught = f"try:\n    {make}\nexcept trunkline.OperationNotSupported: import xml"
    assert "xml" in loaded_by(f"{WITHOUT_POSIX}\nimport trunkline\n{caught}")
