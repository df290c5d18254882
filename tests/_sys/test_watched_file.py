"""A file that may change: what it says now."""

import os
from pathlib import Path

from trunkline._sys.watched_file import WatchedFile


def test_it_is_read_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    read: list[str] = []

    def parse(text: str) -> str:
        read.append(text)
        return text.upper()

    watched = WatchedFile(path, parse)
    assert watched.get() == ""
    path.write_text("one")
    assert [watched.get(), watched.get()] == ["ONE"] * 2
    assert read == ["", "one"]
    path.write_text("three")
    assert watched.get() == "THREE"
    newer = tmp_path / "newer"
    newer.write_text("seven")
    os.replace(newer, path)
    assert watched.get() == "SEVEN"
    path.unlink()
    assert [watched.get(), watched.get()] == [""] * 2
    assert len(read) == 5


def test_what_is_no_text_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\xff\n")
    assert WatchedFile(path, str).get() == "\ufffd\n"


def test_there_may_be_no_file_at_all(tmp_path: Path) -> None:
    assert WatchedFile(None, len).get() == 0
    assert WatchedFile(tmp_path, len).get() == 0  # a directory
