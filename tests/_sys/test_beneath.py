"""What lies beneath a directory: links lead to nothing else, and neither does who swaps things."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trunkline._sys.beneath import Beneath
from trunkline.errors import PathNotDirectory, PathNotFound, PermissionDenied, SocketError


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Return a directory beside which there is something that is nobody's business."""
    (tmp_path / "secret").write_text("secret")
    top = tmp_path / "top"
    (top / "a" / "b").mkdir(parents=True)
    (top / "a" / "file").write_text("file")
    (top / ".hidden").write_text("hidden")
    (top / ".git").mkdir()
    (top / ".git" / "config").write_text("config")
    os.mkfifo(top / "pipe")
    return top


@contextlib.contextmanager
def looking(top: Path, *, hidden: bool = False) -> Iterator[Beneath]:
    """Look at what lies beneath a directory, and give it back."""
    with contextlib.closing(Beneath(str(top), hidden=hidden)) as beneath:
        yield beneath


@pytest.fixture
def beneath(top: Path) -> Iterator[Beneath]:
    """Look beneath the directory, as it is when it is looked at."""
    with looking(top) as beneath:
        yield beneath


def read(beneath: Beneath, path: str) -> str | None:
    """Return what a file has, or None for a directory."""
    found = beneath.open_file([name for name in path.split("/") if name])
    if found is None:
        return None
    with found.file as file:
        data = file.read()
    assert found.facts.size == len(data)
    return data.decode()


LINKS_WITHIN = [
    "file",
    "../a/file",
    "b/../file",
    "./b/.././/file",
    "{top}/a/file",
    "other",
    "{top}",
]


@pytest.mark.parametrize("target", LINKS_WITHIN)
def test_a_link_leads_to_what_lies_beneath(top: Path, beneath: Beneath, target: str) -> None:
    os.symlink("file", top / "a" / "other")
    os.symlink(target.format(top=top), top / "a" / "link")
    if target == "{top}":
        assert read(beneath, "a/link") is None
        assert read(beneath, "a/link/a/link/a/file") == "file"
    else:
        assert read(beneath, "a/link") == "file"
    assert {"file", "link"} <= {entry.name for entry in beneath.entries(["a"])}


LINKS_OUT = ["../../secret", "{top}/../secret", "/etc/passwd", "{top}x", "../../top/a/file", "link",
    "nowhere", "../.hidden", "../.git/config", "../pipe"]  # fmt: skip


@pytest.mark.parametrize("target", LINKS_OUT)
def test_a_link_leads_to_nothing_else(top: Path, beneath: Beneath, target: str) -> None:
    Path(f"{top}x").write_text("beside")
    os.symlink(target.format(top=top), top / "a" / "link")
    with pytest.raises(PathNotFound):
        beneath.open_file(["a", "link"])
    with pytest.raises((PathNotFound, PathNotDirectory)):
        beneath.open_file(["a", "link", "x"])
    assert "link" not in {entry.name for entry in beneath.entries(["a"])}


NAMES = [["..", "secret"], ["."], [""], ["a/file"], ["a", "..", "a"], ["nul\0"], ["pipe"], ["none"]]


@pytest.mark.parametrize("names", NAMES)
def test_what_is_no_name_is_not_there(top: Path, names: list[str]) -> None:
    with looking(top, hidden=True) as beneath, pytest.raises(PathNotFound):
        beneath.open_file(names)


def test_hidden_names_are_there_for_who_asks(top: Path, beneath: Beneath) -> None:
    assert {entry.name for entry in beneath.entries([])} == {"a"}
    with looking(top, hidden=True) as all_of_it:
        assert {entry.name for entry in all_of_it.entries([])} == {"a", ".hidden", ".git"}
        assert read(all_of_it, ".git/config") == "config"
    for names in ([".hidden"], [".git", "config"]):
        with pytest.raises(PathNotFound):
            beneath.open_file(names)


def test_what_the_system_says(top: Path, beneath: Beneath) -> None:
    with pytest.raises(PathNotDirectory):
        beneath.open_file(["a", "file", "x"])
    with pytest.raises(PathNotDirectory):
        beneath.entries(["a", "file"])
    with pytest.raises(SocketError, match="File name too long"):
        beneath.open_file(["x" * 1000])
    with pytest.raises(PathNotFound):
        Beneath(str(top / "none"))
    with pytest.raises(PathNotDirectory):
        Beneath(str(top / "a" / "file"))


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_what_may_not_be_read(top: Path, beneath: Beneath) -> None:
    (top / "a" / "file").chmod(0)
    with pytest.raises(PermissionDenied):
        beneath.open_file(["a", "file"])


def swap_directory(top: Path) -> None:
    (top / "a").rename(top / "moved")
    os.symlink("..", top / "a")


def swap_file(top: Path) -> None:
    (top / "a" / "file").unlink()
    os.symlink("../../secret", top / "a" / "file")


def swap_for_pipe(top: Path) -> None:
    (top / "a" / "file").unlink()
    os.mkfifo(top / "a" / "file")


def swap_for_directory(top: Path) -> None:
    (top / "a" / "file").unlink()
    (top / "a" / "file").mkdir()


@pytest.mark.parametrize(
    ("swap", "after"),
    [
        (swap_directory, "a"),
        (swap_file, "file"),
        (swap_for_pipe, "file"),
        (swap_for_directory, "file"),
    ],
)
def test_who_swaps_things_meanwhile_leads_us_nowhere(
    top: Path,
    beneath: Beneath,
    monkeypatch: pytest.MonkeyPatch,
    swap: Callable[[Path], None],
    after: str,
) -> None:
    """What was looked at becomes something else before it is opened."""
    look = beneath._status

    def look_and_swap(name: str, here: object) -> os.stat_result:
        status = look(name, here)  # type: ignore[arg-type]
        if name == after:
            monkeypatch.setattr(beneath, "_status", look)
            swap(top)
        return status

    monkeypatch.setattr(beneath, "_status", look_and_swap)
    with pytest.raises(SocketError):
        beneath.open_file(["a", "file"])


def test_it_stays_the_directory_that_it_was(top: Path, beneath: Beneath) -> None:
    top.rename(top.with_name("moved"))
    top.mkdir()
    assert read(beneath, "a/file") == "file"
