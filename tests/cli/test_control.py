"""The control socket: for its owner only, and what it answers."""

import contextlib
import json
import os
import signal
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.peers import receive_all
from support.timing import PATIENCE

from trunkline import (
    Credentials,
    EndOfFile,
    NotConnected,
    OptionNotSupported,
    PathNotFound,
    ProtocolError,
    Supervisor,
)
from trunkline.cli import main
from trunkline.cli.control import serving as serving_module
from trunkline.cli.control.asking import Asking, servers_here
from trunkline.cli.control.place import UnsafeDirectory, control_path, make_directory
from trunkline.cli.control.serving import Control
from trunkline.cli.exit_status import ExitStatus
from trunkline.servers.inquiry import Tell


class Answering(Supervisor):
    """A supervisor that has no workers, and says so at once."""

    def ask_workers(self, tell: Tell) -> None:
        """Tell it."""
        tell(())


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "trunkline"


@contextlib.contextmanager
def controlled() -> Iterator[Path]:
    """Have this process controlled, as far as that goes without workers."""

    def never(sockets: object) -> Any:
        raise AssertionError

    with Answering(never, host="127.0.0.1") as supervisor:
        Control(supervisor, "chat:handle").listen()
        base = supervisor.event_base
        thread = threading.Thread(target=base.dispatch)
        thread.start()
        try:
            yield control_path(os.getpid())
        finally:
            base.call_soon_threadsafe(base.exit)
            thread.join(PATIENCE)


def test_it_is_for_its_owner_only(directory: Path) -> None:
    with controlled() as path:
        assert path.parent == directory
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert servers_here() == [os.getpid()]
    assert [*directory.iterdir()] == []
    assert servers_here() == []


def test_somebody_looks() -> None:
    with controlled() as path, contextlib.closing(Asking(path)) as asking:
        first, second = asking.look(), asking.look()
    assert (first.pid, first.name, first.workers) == (os.getpid(), "chat:handle", ())
    assert first.addresses[0].startswith("127.0.0.1:")
    assert 0 <= first.seconds <= second.seconds


@pytest.mark.parametrize(("wish", "number"), [("drain", signal.SIGTERM), ("reload", signal.SIGHUP)])
def test_somebody_wishes(wish: str, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr("os.kill", lambda *arguments: sent.append(arguments))
    with controlled() as path, contextlib.closing(Asking(path)) as asking:
        assert asking.ask(wish) == {"done": wish}
        asking.look()
    assert sent == [(os.getpid(), number)]


def test_what_it_does_not_know_and_what_has_no_end() -> None:
    with controlled() as path:
        with contextlib.closing(Asking(path)) as asking:
            assert asking.ask("jump") == {"error": "unknown"}
            asking._socket.write("x\n")
            with pytest.raises(ProtocolError):
                asking.look()
        with contextlib.closing(Asking(path)) as asking, pytest.raises((EndOfFile, OSError)):
            asking.ask("x" * 1000)


@pytest.mark.parametrize(
    ("who", "is_allowed"),
    [
        (Credentials(1, os.geteuid(), 1), True),
        (Credentials(1, 0, 0), True),
        (Credentials(1, 12_345, 0), False),
        (NotConnected(), False),
        (OptionNotSupported(), True),
    ],
)
def test_others_are_not_answered(
    who: Credentials | OSError, is_allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def credentials(descriptor: object) -> Credentials:
        if isinstance(who, OSError):
            raise who
        return who

    monkeypatch.setattr(serving_module, "credentials_of_peer", credentials)
    with controlled() as path, contextlib.closing(Asking(path)) as asking:
        if is_allowed:
            asking.look()
        else:
            with pytest.raises((EndOfFile, OSError)):
                asking.look()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_directory_that_others_can_use_is_not_used(directory: Path, mode: int) -> None:
    directory.mkdir()
    directory.chmod(mode)
    with pytest.raises(UnsafeDirectory, match="XDG_RUNTIME_DIR"):
        make_directory()


def test_nor_is_a_link_to_one(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir(mode=0o700)
    directory.symlink_to(tmp_path / "other")
    with pytest.raises(UnsafeDirectory):
        make_directory()


def test_a_directory_is_used_again_and_one_is_found_without_a_hint(
    directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_directory()
    make_directory()
    monkeypatch.setenv("XDG_RUNTIME_DIR", "not/absolute")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert control_path(7) == tmp_path / f"trunkline-{os.geteuid()}" / "7.socket"


def test_sockets_that_were_left_behind_are_none(directory: Path) -> None:
    with controlled() as path:
        (directory / "1.socket").write_bytes(b"")
        os.link(path, directory / "2.socket")
        (directory / "else.socket").write_bytes(b"")
        assert servers_here() == [2, os.getpid()]
    assert servers_here() == []
    with pytest.raises(PathNotFound):
        Asking(control_path(3))


# -- the command -----------------------------------------------------------------------------------


def test_without_a_server_that_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top"]) == ExitStatus.REFUSED
    assert "no server of yours is running" in capsys.readouterr().err
    assert main(["top", "3"]) == ExitStatus.REFUSED
    assert "3.socket: No such file or directory" in capsys.readouterr().err


def test_one_of_several_is_to_be_chosen(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with controlled() as path:
        os.link(path, directory / "2.socket")
        assert main(["top"]) == ExitStatus.BAD_USAGE
        assert f"say which of 2, {os.getpid()}" in capsys.readouterr().err
        for server in ("2", str(path)):
            assert main(["top", server, "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["name"] == "chat:handle"


def test_in_a_pipeline_the_table_is_printed_once(capsys: pytest.CaptureFixture[str]) -> None:
    with controlled():
        assert main(["top", "--interval", "0.001"]) == 0
    output = capsys.readouterr().out
    assert output.startswith(f"chat:handle, process {os.getpid()}, for 0.")
    assert "\x1b" not in output
    assert len(output.splitlines()) == 13


def test_what_is_no_server_of_ours_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "other"))
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"[1]\n")
                receive_all(connection)

        thread = threading.Thread(target=answer)
        thread.start()
        assert main(["top", str(tmp_path / "other"), "--json"]) == ExitStatus.BAD_ANSWER
        thread.join(PATIENCE)
    assert "Protocol error" in capsys.readouterr().err
