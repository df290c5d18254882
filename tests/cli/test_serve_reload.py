"""`trunkline serve --reload`: workers that are replaced by what a module has become."""

import os
import sys
from pathlib import Path

import pytest
from cli.helpers import ENVIRONMENT, command
from support.peers import exchange

from trunkline.cli import main
from trunkline.cli.exit_status import ExitStatus
from trunkline.cli.serve.reloading import (
    ChangeWatch,
    forget_modules,
    keep_nothing_compiled,
    own_modules,
)


def test_a_file_that_has_changed_is_told_once(tmp_path: Path) -> None:
    paths = {name: tmp_path / name for name in ("a", "b")}
    for path in paths.values():
        path.write_text("1")
    files = {name: str(path) for name, path in paths.items()}
    watch = ChangeWatch(lambda: files)
    assert watch.changed() is None
    paths["a"].write_text("22")
    assert watch.changed() == files["a"]
    assert watch.changed() is None
    paths["b"].unlink()
    assert watch.changed() is None
    paths["b"].write_text("333")
    assert watch.changed() == files["b"]
    later = tmp_path / "c"
    later.write_text("1")
    files["c"] = str(later)
    assert watch.changed() is None
    os.utime(later, (1, 1))
    assert watch.changed() == files["c"]


def test_own_modules_are_those_that_are_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # and put back
    keep_nothing_compiled()
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / "being_written.py"
    path.write_text("value = 1")
    import being_written  # type: ignore[import-not-found]

    mine = own_modules()
    assert mine["being_written"] == str(path)
    assert not {"os", "click", "trunkline.cli", "__main__"} & {*mine}
    path.write_text("value = 2")
    forget_modules({"being_written": path, "nothing": path})
    import being_written as again

    assert (being_written.value, again.value) == (1, 2)
    del sys.modules["being_written"]


@pytest.mark.parametrize("words", [["echo", "0"], ["http", ".", "0"]], ids=str)
def test_what_cannot_be_meant_is_told(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)  # and put back
    assert main(["serve", *words, "--reload"]) == ExitStatus.BAD_USAGE
    assert "--reload is for handlers of yours" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_a_worker_is_replaced_by_what_its_module_has_become(tmp_path: Path) -> None:
    (tmp_path / "part.py").write_text("WORD = b'one'\n")
    main_module = tmp_path / "being_written.py"
    main_module.write_text(
        "import part\n\ndef handle(connection):\n    connection.write(part.WORD)\n"
    )
    path = f"{ENVIRONMENT['PYTHONPATH']}{os.pathsep}{tmp_path}"
    words = ("being_written:handle", "127.0.0.1:0", "--reload")
    with command("serve", *words, PYTHONPATH=path) as server:
        port = int(server.wait_for_line(r"^listening at 127\.0\.0\.1:(\d+)$")[1])
        address = ("127.0.0.1", port)
        assert exchange(address, b"") == b"one"
        (tmp_path / "part.py").write_text("WORD = no such thing\n")
        server.wait_for_line(r"part\.py has changed: the workers are replaced")
        server.wait_for_line("SyntaxError")
        assert exchange(address, b"") == b"one"  # the old one goes on
        (tmp_path / "part.py").write_text("WORD = b'two'\n")
        while exchange(address, b"") != b"two":
            pass
        server.terminate()
        assert server.wait() == 0
