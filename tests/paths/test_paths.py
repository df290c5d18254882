"""What is at the end of a path: kinds, permissions, directories, and deleting."""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trunkline import PathNotDirectory, PathNotFound, PermissionDenied, SocketError, paths
from trunkline.paths import (
    WalkEntry,
    broken_symlink_exists,
    delete_files,
    expand_user,
    file_kind,
    file_permissions,
    good_symlink_exists,
    list_directory,
    mode_of,
    permissions_in,
    resolve_path,
    set_file_permissions,
    walk_directory,
)

is_root = os.geteuid() == 0


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A few files, directories and links."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "deep").touch()
    (tmp_path / "a" / "file").touch()
    (tmp_path / "c").mkdir()
    (tmp_path / "good").symlink_to("a")
    (tmp_path / "broken").symlink_to("nowhere")
    return tmp_path


# -- kinds -----------------------------------------------------------------------------------------


def test_every_kind_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "broken").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as sock, contextlib.chdir(tmp_path):
        sock.bind("socket")
    kinds = {
        "": ("directory", "directory"),
        "file": ("regular_file", "regular_file"),
        "link": ("symbolic_link", "regular_file"),
        "broken": ("symbolic_link", "broken_link"),
        "loop": ("symbolic_link", "broken_link"),
        "pipe": ("pipe", "pipe"),
        "socket": ("socket", "socket"),
        "nothing": (None, None),
        "file/below": (None, None),
    }
    for name, told in kinds.items():
        path = tmp_path / name
        assert (file_kind(path), file_kind(path, follow_symlinks=True)) == told, name
    assert file_kind("/dev/null") == "character_device"


def test_links_that_lead_somewhere_are_told_from_those_that_do_not(tree: Path) -> None:
    names = ("good", "broken", "a", "nothing")
    assert [good_symlink_exists(tree / name) for name in names] == [True, False, False, False]
    assert [broken_symlink_exists(tree / name) for name in names] == [False, True, False, False]


@pytest.mark.skipif(is_root, reason="root may search everything")
def test_what_nobody_can_tell_is_an_error(tree: Path) -> None:
    (tree / "a").chmod(0)
    try:
        with pytest.raises(PermissionDenied, match=r"stat .*/a/file"):
            file_kind(tree / "a" / "file")
    finally:
        (tree / "a").chmod(0o700)


def test_a_name_that_is_too_long_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SocketError) as caught:
        file_kind(tmp_path / ("x" * 300))
    assert caught.value.errno == errno.ENAMETOOLONG


# -- permissions -----------------------------------------------------------------------------------


def test_permissions_are_names_both_ways(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    set_file_permissions(file, {"user_read", "group_write", "other_exec", "sticky"})
    assert stat.S_IMODE(file.stat().st_mode) == 0o1421
    assert file_permissions(file) == {"user_read", "group_write", "other_exec", "sticky"}
    set_file_permissions(file, ())
    assert file_permissions(file) == set()
    assert permissions_in(0o100644) == {"user_read", "user_write", "group_read", "other_read"}


@pytest.mark.parametrize("mode", [0, 0o7777, 0o755, 0o4000, 0o2000, 0o1000, 0o1, 0o10, 0o100])
def test_a_mode_and_its_names_are_the_same(mode: int) -> None:
    assert mode_of(permissions_in(mode)) == mode
    assert len(permissions_in(mode)) == mode.bit_count()


def test_permissions_are_those_of_what_a_link_leads_to(tree: Path) -> None:
    assert file_permissions(tree / "good") == file_permissions(tree / "a")
    with pytest.raises(PathNotFound, match="broken"):
        file_permissions(tree / "broken")
    assert "user_read" in file_permissions(tree / "broken", follow_symlinks=False)
    with contextlib.suppress(SocketError):  # few systems have that
        set_file_permissions(tree / "good", {"user_read"}, follow_symlinks=False)
    assert "user_write" in file_permissions(tree / "a")
    with pytest.raises(PathNotFound, match="chmod"):
        set_file_permissions(tree / "broken", {"user_read"})


def test_there_is_no_such_permission(tree: Path) -> None:
    before = file_permissions(tree / "a")
    with pytest.raises(ValueError, match="user_red"):
        set_file_permissions(tree / "a", ["user_red"])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="several names"):
        set_file_permissions(tree / "a", "sticky")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="mode"):
        permissions_in(-1)
    assert file_permissions(tree / "a") == before


# -- where a path leads ----------------------------------------------------------------------------


def test_a_user_is_expanded_and_nobody_is_left_as_he_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    assert expand_user("~") == Path("/home/somebody")
    assert expand_user("~/a") == Path("/home/somebody/a")
    assert expand_user("~root/a") == Path("/root/a")
    assert expand_user("~no-such-user/a") == Path("~no-such-user/a")
    assert expand_user("/~root") == Path("/~root")
    assert expand_user("a/~") == Path("a/~")


def test_a_path_is_resolved_in_three_ways(tree: Path) -> None:
    assert resolve_path(tree / "good" / "b" / ".." / "file") == tree.resolve() / "a" / "file"
    text = os.path.join(tree, "good", ".", "x", "..", "b")
    assert resolve_path(text, canonicalize="strip_dots") == tree / "good" / "b"
    assert resolve_path(text, canonicalize=False) == Path(text)
    assert ".." in resolve_path(text, canonicalize=False).parts
    with contextlib.chdir(tree / "a"):
        assert resolve_path("file") == tree.resolve() / "a" / "file"
        assert resolve_path("b", base="..", canonicalize="strip_dots") == tree.resolve() / "b"
    assert resolve_path("b", base=tree / "good") == tree.resolve() / "a" / "b"
    assert resolve_path("/", base=tree) == Path("/")


def test_what_cannot_be_resolved_is_told(tree: Path) -> None:
    with pytest.raises(PathNotFound, match=r"resolve .*broken"):
        resolve_path(tree / "broken")
    with pytest.raises(PathNotDirectory):
        resolve_path(tree / "a" / "file" / "x")
    (tree / "loop").symlink_to("loop")
    with pytest.raises(SocketError) as caught:
        resolve_path(tree / "loop")
    assert caught.value.errno == errno.ELOOP
    with pytest.raises(ValueError, match="strip_dots"):
        resolve_path(tree, canonicalize="no")  # type: ignore[arg-type]


# -- directories -----------------------------------------------------------------------------------


def test_a_directory_is_listed_in_order(tree: Path) -> None:
    assert list_directory(tree) == [tree / name for name in ("a", "broken", "c", "good")]
    assert list_directory(tree / "c") == []
    with contextlib.chdir(tree):
        assert list_directory("a") == [Path("a/b"), Path("a/file")]
    with pytest.raises(PathNotDirectory, match=r"list .*/a/file"):
        list_directory(tree / "a" / "file")
    with pytest.raises(PathNotFound):
        list_directory(tree / "nothing")


def walked(tree: Path, **options: Any) -> list[str]:
    """Return where a walk comes to, in its order."""
    return [os.fspath(entry.path.relative_to(tree)) for entry in walk_directory(tree, **options)]


def test_a_walk_comes_to_everything_in_the_order_that_is_asked_for(tree: Path) -> None:
    assert walked(tree) == ["a", "a/b", "a/b/deep", "a/file", "broken", "c", "good"]
    assert walked(tree, order="after") == ["a/b/deep", "a/b", "a/file", "a", "broken", "c", "good"]
    assert walked(tree, order="after", min_depth=0)[-1] == "."
    assert walked(tree, min_depth=0)[0] == "."


def test_an_entry_says_what_it_is_and_where(tree: Path) -> None:
    entries = {entry.name: entry for entry in walk_directory(tree)}
    assert entries["deep"] == WalkEntry(tree / "a" / "b" / "deep", "regular_file", 3)
    assert entries["deep"].parent == tree / "a" / "b"
    assert [entries[name].kind for name in ("a", "good", "broken")] == [
        "directory",
        "symbolic_link",
        "symbolic_link",
    ]


def test_a_walk_has_depths(tree: Path) -> None:
    assert walked(tree, max_depth=1) == ["a", "broken", "c", "good"]
    assert walked(tree, min_depth=2) == ["a/b", "a/b/deep", "a/file"]
    assert walked(tree, min_depth=2, max_depth=2, order="after") == ["a/b", "a/file"]
    assert walked(tree, min_depth=0, max_depth=0) == ["."]
    assert walked(tree, max_depth=0) == []


def test_a_test_leaves_out_and_does_not_enter(tree: Path) -> None:
    assert walked(tree, test=lambda entry: entry.name != "b") == [
        *("a", "a/file", "broken", "c", "good"),
    ]


def test_links_are_followed_when_asked_to_and_never_in_a_circle(tree: Path) -> None:
    (tree / "a" / "up").symlink_to("..")
    (tree / "a" / "self").symlink_to(".")
    told: list[SocketError] = []
    found = walked(tree, follow_symlinks=True, on_error=told.append)
    assert {"good/b/deep", "a/up", "a/self"} <= set(found)
    assert all(error.errno == errno.ELOOP for error in told)
    assert sorted(str(error.address) for error in told) == sorted(
        os.fspath(tree / name) for name in ("a/self", "a/up", "good/self", "good/up")
    )
    with pytest.raises(SocketError) as caught:
        walked(tree, follow_symlinks=True)
    assert caught.value.errno == errno.ELOOP


@pytest.mark.skipif(is_root, reason="root may read everything")
def test_what_cannot_be_read_is_told_and_the_walk_goes_on(tree: Path) -> None:
    (tree / "a" / "b").chmod(0)
    try:
        told: list[SocketError] = []
        assert walked(tree, on_error=told.append)[-1] == "good"
        assert [type(error) for error in told] == [PermissionDenied]
        with pytest.raises(PermissionDenied):
            walked(tree)
    finally:
        (tree / "a" / "b").chmod(0o700)


def test_what_is_deleted_meanwhile_is_passed_over(tree: Path) -> None:
    found = []
    for entry in walk_directory(tree):
        found.append(entry.name)
        if entry.name == "a":
            delete_files(entry.path, recursive=True)
    assert found == ["a", "broken", "c", "good"]


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"order": "first"}, ValueError),
        ({"min_depth": -1}, ValueError),
        ({"max_depth": "3"}, TypeError),
        ({"test": lambda: True}, TypeError),
        ({"on_error": 7}, TypeError),
    ],
)
def test_a_wrong_walk_is_refused_at_once(
    tree: Path, options: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        walk_directory(tree, **options)


def test_a_walk_through_nothing_is_refused_at_once(tree: Path) -> None:
    with pytest.raises(PathNotFound):
        walk_directory(tree / "nothing")
    with pytest.raises(PathNotDirectory):
        walk_directory(tree / "a" / "file")
    with pytest.raises(TypeError):
        walk_directory(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        walk_directory(os.fsencode(tree))  # type: ignore[arg-type]


# -- deleting --------------------------------------------------------------------------------------


@pytest.mark.parametrize("recursive", [False, True])
def test_files_links_and_empty_directories_are_deleted(tree: Path, recursive: bool) -> None:
    for name in ("a/file", "c", "good", "broken"):
        delete_files(tree / name, recursive=recursive)
    assert walked(tree) == ["a", "a/b", "a/b/deep"]
    with pytest.raises(PathNotFound, match=r"delete .*/c"):
        delete_files(tree / "c", recursive=recursive)


def test_a_directory_with_something_in_it_is_deleted_when_asked_to(tree: Path) -> None:
    with pytest.raises(SocketError) as caught:
        delete_files(tree / "a")
    assert caught.value.errno == errno.ENOTEMPTY
    (tree / "a" / "b" / "out").symlink_to(tree / "c")
    (tree / "c" / "kept").touch()
    delete_files(tree / "a", recursive=True)
    assert walked(tree) == ["broken", "c", "c/kept", "good"]


def test_a_link_to_a_directory_is_deleted_and_not_the_directory(tree: Path) -> None:
    delete_files(tree / "good", recursive=True)
    assert (tree / "a" / "b" / "deep").exists()


def test_names_need_not_be_valid_in_any_encoding(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff\xfe")
    (tmp_path / name / name).mkdir(parents=True)
    assert walked(tmp_path) == [name, f"{name}/{name}"]
    delete_files(tmp_path / name, recursive=True)
    assert list_directory(tmp_path) == []


@pytest.mark.slow
def test_directories_may_be_nested_deeper_than_a_path_can_be_long(tmp_path: Path) -> None:
    import resource

    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(700):
        os.mkdir("d" * 20, dir_fd=here)
        below = os.open("d" * 20, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = max(map(int, os.listdir("/proc/self/fd")))
    resource.setrlimit(resource.RLIMIT_NOFILE, (used + 4, before[1]))
    try:
        delete_files(tmp_path / ("d" * 20), recursive=True)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert list_directory(tmp_path) == []


@pytest.mark.parametrize("path", ["/", ".", "..", "a/..", ""])
def test_what_has_no_name_of_its_own_is_not_deleted(tree: Path, path: str) -> None:
    with contextlib.chdir(tree), pytest.raises(ValueError, match="name of its own"):
        delete_files(path, recursive=True)
    assert (tree / "a").exists()


@pytest.fixture
def stubborn(tree: Path) -> Iterator[Path]:
    """A tree in which something cannot be deleted."""
    directory = tree / "a" / "b"
    rmdir, unlink = os.rmdir, os.unlink

    def refuse(name: str, **options: Any) -> None:
        if name == "deep":
            raise PermissionError(errno.EACCES, "refused")
        unlink(name, **options)

    os.unlink = refuse  # type: ignore[assignment]
    try:
        yield directory
    finally:
        os.unlink = unlink
        assert os.rmdir is rmdir


def test_what_cannot_be_deleted_is_told_once_and_the_rest_is(stubborn: Path) -> None:
    told: list[SocketError] = []
    top = stubborn.parents[1]
    (top / "a" / "c").mkdir()
    delete_files(top / "a", recursive=True, on_error=told.append)
    assert walked(top / "a") == ["b", "b/deep"]
    [error] = told
    assert isinstance(error, PermissionDenied)
    assert error.address == os.fspath(stubborn / "deep")
    with pytest.raises(PermissionDenied):
        delete_files(top / "a", recursive=True)


def test_a_directory_that_is_swapped_for_a_link_leads_nowhere(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at it and the moment when it is entered."""
    (tree / "c" / "kept").touch()
    look = os.stat

    def swap(name: Any, **options: Any) -> os.stat_result:
        found = look(name, **options)
        if name == "b" and "dir_fd" in options:
            (tree / "a" / "b").rename(tree / "moved")
            (tree / "a" / "b").symlink_to(tree / "c")
        return found

    monkeypatch.setattr(os, "stat", swap)
    delete_files(tree / "a", recursive=True)
    monkeypatch.undo()
    assert (tree / "c" / "kept").exists()
    assert (tree / "moved" / "deep").exists()
    assert not (tree / "a").exists()


def test_a_directory_that_is_moved_away_takes_nothing_with_it(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``..`` leads elsewhere by then, and what is there is not deleted."""
    victim = tree / "c" / "b"
    listing = os.listdir

    def move(where: Any) -> list[str]:
        found = listing(where)
        if "deep" in found:
            (tree / "a" / "b").rename(victim)
        return found

    (tree / "c" / "kept").touch()
    monkeypatch.setattr(os, "listdir", move)
    with pytest.raises(SocketError) as caught:
        delete_files(tree / "a", recursive=True)
    monkeypatch.undo()
    assert caught.value.errno == errno.ESTALE
    assert (tree / "c" / "kept").exists()
    assert (tree / "c" / "b").exists()


def test_what_somebody_else_deletes_meanwhile_is_no_error(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlink = os.unlink

    def unlink_twice(name: str, **options: Any) -> None:
        unlink(name, **options)
        unlink(name, **options)

    monkeypatch.setattr(os, "unlink", unlink_twice)
    delete_files(tree / "a", recursive=True)
    monkeypatch.undo()
    assert not (tree / "a").exists()


def test_all_names_are_there() -> None:
    assert all(hasattr(paths, name) for name in paths.__all__)
