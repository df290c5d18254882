"""Which files the HTTP/0.9 server finds: those below its root, and nothing else by any means."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from http09_server import open_within, open_without_links


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A directory with a file beside it that is nobody's business."""
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "below" / "deeper").mkdir(parents=True)
    for name in ("file", "below/file", "below/deeper/file"):
        (root / name).write_text(name)
    return root


def content(root: Path | str, name: bytes) -> str | None:
    """Return what is in the file that a request names, or None where there is none."""
    file = open_within(os.fsencode(root), name)
    if file is None:
        return None
    with file:
        return file.read().decode()


@pytest.mark.parametrize("end", ["", "/", "/.", "//", "/below/.."])
@pytest.mark.parametrize("name", ["file", "below/file", "below/deeper/file"])
def test_a_file_below_the_root_is_found(root: Path, end: str, name: str) -> None:
    assert content(f"{root}{end}", b"/" + name.encode()) == name
    assert content(f"{root}{end}", b"//./" + name.replace("/", "//").encode()) == name


def test_a_root_may_be_relative_or_a_link_or_the_root_of_all(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    (root.parent / "link").symlink_to(root)
    assert content(".", b"/file") == "file"
    assert content("below", b"/file") == "below/file"
    assert content(root.parent / "link", b"/below/file") == "below/file"
    assert content("/", os.fsencode(root / "file")) == "file"


@pytest.mark.parametrize("name", ["grün".encode(), "grün".encode("latin-1"), b"\xff\x01 \r"])
def test_a_name_is_bytes(root: Path, name: bytes) -> None:
    Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_text("found")
    assert content(root, b"/" + name) == "found"


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("link", "file"),
        ("below/link", "../file"),
        ("below/deeper/link", "../../below/file"),
        ("link", "{root}/file"),
    ],
)
def test_a_link_that_stays_below_the_root_is_followed(root: Path, link: str, target: str) -> None:
    (root / link).symlink_to(target.format(root=root))
    assert content(root, b"/" + link.encode()) == target.removeprefix("{root}/").replace("../", "")


def test_a_link_to_a_directory_below_the_root_is_followed(root: Path) -> None:
    (root / "link").symlink_to("below")
    assert content(root, b"/link/deeper/file") == "below/deeper/file"


@pytest.mark.parametrize(
    "target", ["../secret", "{root}/../secret", "below/../../secret", "nothing", "link"]
)
def test_a_link_that_leads_out_or_nowhere_is_not(root: Path, target: str) -> None:
    (root / "link").symlink_to(target.format(root=root))
    (root / "second").symlink_to("link")
    assert content(root, b"/link") is None
    assert content(root, b"/second") is None


def test_a_link_to_a_directory_outside_is_not_followed(root: Path) -> None:
    (root / "link").symlink_to("..")
    assert content(root, b"/link/secret") is None
    assert content(root, b"/link/root/file") == "file"  # where it leads is what counts


@pytest.mark.parametrize(
    "name",
    [
        b"/../secret",
        b"../secret",
        b"/below/../../secret",
        b"/below/../file",
        b"/../root/file",
        b"/..",
        b"..",
        b"",
        b"/",
        b"/.",
        b"/below",
        b"/below/",
        b"/file/",
        b"/file/.",
        b"/file/file",
        b"/nothing",
        b"/nul\0",
        b"/file\0",
        b"\0",
        b"-beside/file",
        b"/" + b"x" * 256,
        b"/x" * 3000,
    ],
)
def test_what_is_not_below_the_root_is_not_found(root: Path, name: bytes) -> None:
    beside = root.with_name("root-beside")
    beside.mkdir()
    (beside / "file").write_text("secret")
    assert content(root, name) is None


@pytest.mark.parametrize("top", ["/nothing", "", "{root}/file"])
def test_a_root_that_is_no_directory_has_no_files(root: Path, top: str) -> None:
    assert content(top.format(root=root), b"/file") is None


def test_what_is_no_regular_file_is_not_opened(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(root / "pipe")  # if it were opened, this would wait for somebody who writes
    with socket.socket(socket.AF_UNIX) as listener:
        monkeypatch.chdir(root)
        listener.bind("socket")
        assert content(root, b"/pipe") is None
        assert content(root, b"/socket") is None
    assert content("/dev", b"/zero") is None


@contextmanager
def looking_regular(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let everything look like a regular file, until it is opened."""
    status = os.stat(file)
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda *args, **kwargs: status)
        yield


def test_what_has_just_become_a_link_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "link").symlink_to("../secret")
    (root / "out").symlink_to("..")
    top = os.fsencode(root)
    assert open_without_links(top, b"link") is None
    with pytest.raises(OSError, match=r"symbolic links|Not a directory"):
        open_without_links(top, b"out/secret")
    with (
        looking_regular(root / "file", monkeypatch),
        pytest.raises(OSError, match="symbolic links"),
    ):
        open_without_links(top, b"link")


def test_what_has_just_become_a_pipe_is_not_waited_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(root / "pipe")
    with looking_regular(root / "file", monkeypatch):
        assert open_without_links(os.fsencode(root), b"pipe") is None
