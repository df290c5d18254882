"""The files of local sockets: who may remove them, and when."""

import contextlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sockets.helpers import Call
from support.leaks import open_descriptors
from support.signal_points import collect_what_was_lost, interrupted_at
from support.timing import PATIENCE

from trunkline import AddressInUse, LocalAddress
from trunkline._sys.socket_files import PathClaim, SocketFile, bind_to_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "socket"


def leave_a_file(path: Path) -> None:
    """Bind a socket to the path, and close it: its file stays."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))


@contextlib.contextmanager
def bound(path: Path | str, *, replaces_stale: bool = True) -> Iterator[SocketFile | None]:
    """Yield the file of a socket that is bound to a path."""
    with socket.socket(socket.AF_UNIX) as sock:
        file = bind_to_path(
            LocalAddress(path), lambda: sock.bind(str(path)), replaces_stale=replaces_stale
        )
        yield file
        if file is not None:
            file.show_life()


def is_replaced(path: Path) -> bool:
    """Return whether a socket can be bound to the path."""
    try:
        with bound(path):
            return True
    except OSError:
        return False


def test_the_file_that_nobody_listens_to_is_replaced(path: Path) -> None:
    leave_a_file(path)
    assert is_replaced(path)


def test_it_is_not_replaced_where_that_is_not_wanted(path: Path) -> None:
    leave_a_file(path)
    with pytest.raises(OSError, match="in use"), bound(path, replaces_stale=False):
        pass
    assert os.listdir(path.parent) == ["socket"]


def test_the_file_of_a_socket_that_listens_stays(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        assert not is_replaced(path)


def test_the_file_of_a_server_with_a_full_backlog_stays(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(str(path))
        listener.listen(0)
        client.connect(str(path))
        assert not is_replaced(path)


def test_the_file_of_a_socket_of_another_type_that_is_in_use_stays(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(path))
        assert not is_replaced(path)


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_is_not_a_socket_stays(path: Path, kind: str, tmp_path: Path) -> None:
    if kind == "file":
        path.write_text("precious")
    elif kind == "directory":
        path.mkdir()
    else:
        leave_a_file(tmp_path / "real")
        path.symlink_to(tmp_path / "real")
    assert not is_replaced(path)
    assert os.path.lexists(path)


def test_an_abstract_address_has_no_file(path: Path) -> None:
    path.write_text("precious")
    calls: list[None] = []
    address = LocalAddress(str(path), abstract=True)
    assert bind_to_path(address, lambda: calls.append(None), replaces_stale=True) is None
    assert calls == [None]
    assert path.exists()


# -- who is about to listen -----------------------------------------------------------------------


def test_what_is_bound_and_will_listen_later_is_not_taken_for_left_behind(path: Path) -> None:
    with bound(path):
        with pytest.raises(AddressInUse) as caught, bound(path):
            pass
        assert caught.value.address == LocalAddress(path)
        assert path.is_socket()
    assert is_replaced(path)


def test_what_can_be_seen_to_live_is_not_claimed_any_more(path: Path) -> None:
    with bound(path) as file:
        assert file is not None
        file.show_life()
        assert os.listdir(path.parent) == ["socket"]
        file.show_life()


@pytest.mark.slow
def test_of_many_that_start_at_a_stale_path_at_once_one_gets_it(path: Path) -> None:
    count = 8
    start, over = threading.Barrier(count), threading.Barrier(count)
    winners: list[int] = []

    def compete(number: int) -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            start.wait(PATIENCE)
            with contextlib.suppress(OSError):
                file = bind_to_path(
                    LocalAddress(path), lambda: sock.bind(str(path)), replaces_stale=True
                )
                sock.listen()
                winners.append(number)
                assert file is not None
                file.show_life()
            over.wait(PATIENCE)

    for _ in range(30):
        leave_a_file(path)
        winners.clear()
        with contextlib.ExitStack() as calls:
            for number in range(count):
                calls.enter_context(Call(compete, number))
        assert len(winners) == 1
        path.unlink()


def test_a_claim_of_a_process_that_has_died_is_none(path: Path) -> None:
    path.with_name("socket.lock").touch()
    leave_a_file(path)
    assert is_replaced(path)
    assert os.listdir(path.parent) == ["socket"]


def test_without_the_right_to_claim_it_binds_all_the_same(path: Path) -> None:
    path.with_name("socket.lock").mkdir()
    assert is_replaced(path)


def test_a_claim_follows_no_link(path: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("precious")
    path.with_name("socket.lock").symlink_to(tmp_path / "precious")
    assert is_replaced(path)
    assert (tmp_path / "precious").read_text() == "precious"


# -- removing -------------------------------------------------------------------------------------


def test_a_socket_file_removes_itself_and_its_claim(path: Path) -> None:
    with bound(path) as file:
        assert file is not None
        file.remove()
        assert not path.exists()
        file.remove()
    assert os.listdir(path.parent) == []


def test_what_was_put_in_its_place_is_not_removed(path: Path) -> None:
    with bound(path) as file:
        assert file is not None
        path.rename(path.with_name("kept, so that its inode is not used again"))
        leave_a_file(path)
        file.remove()
        assert path.is_socket()


def test_a_process_removes_only_its_own(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with bound(path) as file:
        assert file is not None
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)  # as in a child
            file.remove()
        assert path.is_socket()


def test_it_is_found_again_from_another_directory(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(path.parent)
    with bound(path.name) as file:
        assert file is not None
        monkeypatch.chdir("/")
        file.remove()
        assert not path.exists()


# -- exceptions of signal handlers, at each place where Python runs one ---------------------------


# What is lost on the way is closed when it is collected, and Python says so.
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_ctrl_c_leaves_no_descriptor_and_closes_none_twice(path: Path) -> None:
    def come_and_go() -> None:
        with socket.socket(socket.AF_UNIX) as sock:
            file = bind_to_path(
                LocalAddress(path), lambda: sock.bind(str(path)), replaces_stale=True
            )
            assert file is not None
            files.append(file)
            file.show_life()
            file.remove()

    for point in range(1000):
        files: list[SocketFile] = []
        before = open_descriptors()
        was_interrupted = interrupted_at(point, come_and_go)
        for file in files:
            file.remove()
        collect_what_was_lost()
        assert open_descriptors() == before
        assert is_replaced(path)
        if not was_interrupted:
            break
    assert 5 < point < 999


def test_who_gives_a_claim_up_twice_takes_nothing_from_the_next_one(path: Path) -> None:
    claim = PathClaim.take(LocalAddress(path))
    assert claim is not None
    claim.release()
    another = PathClaim.take(LocalAddress(path))
    assert another is not None
    claim.release()
    with pytest.raises(AddressInUse):
        PathClaim.take(LocalAddress(path))
    another.release()
    assert os.listdir(path.parent) == []
