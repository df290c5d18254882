"""The files of local sockets: who may remove them, and when."""

import os
import socket
from pathlib import Path

import pytest

from trunkline import LocalAddress
from trunkline._sys.socket_files import SocketFile, remove_stale_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


def leave_a_file(path: Path) -> None:
    """Bind a socket to the path, and close it: its file stays."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


def test_the_file_that_nobody_listens_to_is_removed(path: Path) -> None:
    leave_a_file(path)
    remove_stale_file(LocalAddress(path))
    assert not path.exists()


def test_the_file_of_a_socket_that_listens_stays(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        remove_stale_file(LocalAddress(path))
        assert path.is_socket()


def test_the_file_of_a_server_with_a_full_backlog_stays(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(str(path))
        listener.listen(0)
        client.connect(str(path))
        remove_stale_file(LocalAddress(path))
        assert path.is_socket()


def test_the_file_of_a_socket_of_another_type_that_is_in_use_stays(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        remove_stale_file(LocalAddress(path))
        assert path.is_socket()


@pytest.mark.parametrize("kind", ["file", "directory", "link", "nothing"])
def test_what_is_not_a_socket_stays(path: Path, kind: str, tmp_path: Path) -> None:
    if kind == "file":
        path.write_text("precious")
    elif kind == "directory":
        path.mkdir()
    elif kind == "link":
        leave_a_file(tmp_path / "real")
        path.symlink_to(tmp_path / "real")
    remove_stale_file(LocalAddress(path))
    assert os.path.lexists(path) == (kind != "nothing")


def test_an_abstract_address_has_no_file(path: Path) -> None:
    path.write_text("precious")
    address = LocalAddress(str(path), abstract=True)
    remove_stale_file(address)
    assert SocketFile.of(address) is None
    assert path.exists()


def test_a_socket_file_removes_itself(path: Path) -> None:
    leave_a_file(path)
    file = SocketFile.of(LocalAddress(path))
    assert file is not None
    file.remove()
    assert not path.exists()
    file.remove()


def test_what_was_put_in_its_place_is_not_removed(path: Path) -> None:
    leave_a_file(path)
    file = SocketFile.of(LocalAddress(path))
    assert file is not None
    path.rename(path.with_name("kept, so that its inode is not used again"))
    leave_a_file(path)
    file.remove()
    assert path.is_socket()


def test_a_process_removes_only_its_own(path: Path) -> None:
    leave_a_file(path)
    file = SocketFile.of(LocalAddress(path))
    assert file is not None
    file._replace(process=os.getppid()).remove()
    assert path.is_socket()


def test_it_is_found_again_from_another_directory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    leave_a_file(Path(path.name))
    file = SocketFile.of(LocalAddress(path.name))
    assert file is not None
    monkeypatch.chdir("/")
    file.remove()
    assert not path.exists()


def test_a_file_that_is_gone_already_has_no_identity(path: Path) -> None:
    assert SocketFile.of(LocalAddress(path)) is None
