"""Being told of changes to files, and directories that are made meanwhile."""

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evented.helpers import Failure, Noting, Start, fail, unwanted

from trunkline import OperationNotSupported, PathNotDirectory, PathNotFound
from trunkline.evented import (
    FsMonitor,
    current_event_loop,
    delay,
    exit_event_loop,
    fs_watch,
    mkdtemp,
)

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of changes")

Told = tuple[str, bool, bool]


def watched(
    start: Start, path: Path, deeds: list[Callable[[], object]], expected: list[set[Told]]
) -> None:
    """Watch a path, do one thing after the other, and check that each is told."""
    told: list[Told] = []

    def main() -> None:
        def callback(monitor: FsMonitor, name: str, rename: bool, change: bool) -> None:
            told.append((name, rename, change))
            if expected and expected[0] <= set(told):
                told.clear()
                expected.pop(0)
                go_on()

        def go_on() -> None:
            if deeds:
                delay(deeds.pop(0))
            elif not monitor.freed:
                monitor.free()

        monitor = fs_watch(path, callback)
        go_on()

    start(main)
    assert expected == []


@linux
def test_what_happens_in_a_directory_is_told(start: Start, tmp_path: Path) -> None:
    inside, file = tmp_path / "inside", tmp_path / "file"
    watched(
        start,
        tmp_path,
        [
            inside.mkdir,
            lambda: file.write_text("x"),
            lambda: file.chmod(0o600),
            lambda: file.rename(tmp_path / "other"),
            inside.rmdir,
        ],
        [
            {(str(inside), True, False)},
            {(str(file), True, False), (str(file), False, True)},
            {(str(file), False, True)},
            {(str(file), True, False), (str(tmp_path / "other"), True, False)},
            {(str(inside), True, False)},
        ],
    )


@linux
def test_what_happens_to_a_file_is_told_until_it_is_deleted(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    watched(
        start,
        file,
        [lambda: file.write_text("x"), file.unlink],
        [{(str(file), False, True)}, {(str(file), True, False)}],
    )


@linux
def test_a_monitor_is_freed_with_what_it_watches(start: Start, tmp_path: Path) -> None:
    monitors: list[FsMonitor] = []
    directory = tmp_path / "directory"
    directory.mkdir()

    def main() -> None:
        monitors.append(fs_watch(directory, lambda *_: None))
        delay(directory.rmdir)

    start(main)  # which would not end otherwise
    assert monitors[0].freed
    assert repr(monitors[0]) == f"<FsMonitor of {directory}, freed>"


@linux
def test_several_monitors_of_one_thing_are_all_told(start: Start, tmp_path: Path) -> None:
    told: list[str] = []

    def main() -> None:
        before = len(os.listdir("/proc/self/fd"))

        def called(name: str) -> Callable[..., None]:
            def callback(monitor: FsMonitor, *_: object) -> None:
                told.append(name)
                monitor.free()

            return callback

        (tmp_path / "link").symlink_to(tmp_path)
        monitors = [
            fs_watch(tmp_path, called("one")),
            fs_watch(tmp_path / "link", called("two")),
            fs_watch(tmp_path, unwanted),
        ]
        assert len(os.listdir("/proc/self/fd")) == before + 1
        monitors[2].free()
        delay((tmp_path / "new").touch)

    start(main)
    assert sorted(told) == ["one", "two"]


@linux
def test_a_monitor_may_be_freed_by_another_ones_callback(start: Start, tmp_path: Path) -> None:
    told: list[object] = []

    def main() -> None:
        def callback(*args: object) -> None:
            told.append(args)
            for each in monitors:
                each.free()

        monitors = [fs_watch(tmp_path, callback), fs_watch(tmp_path, callback)]
        delay((tmp_path / "new").touch)

    start(main)
    assert len(told) == 1


@linux
def test_names_need_not_be_valid_in_any_encoding(start: Start, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    directory = tmp_path / os.fsdecode(b"\xff")
    directory.mkdir()
    watched(
        start,
        directory,
        [(directory / name).touch],
        [{(os.path.join(directory, name), True, False)}],
    )


@linux
def test_too_much_at_once_is_told_as_that(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import struct

    told: list[Told] = []
    overflow = struct.pack("iIII", -1, 0x4000, 0, 0)
    read = os.read

    def main() -> None:
        def callback(monitor: FsMonitor, name: str, rename: bool, change: bool) -> None:
            told.append((name, rename, change))
            monitor.free()

        fs_watch(tmp_path, callback)
        delay((tmp_path / "new").touch)

    monkeypatch.setattr(os, "read", lambda fd, size: overflow if size == 65_536 else read(fd, size))
    start(main)
    assert told == [(str(tmp_path), True, True)]


@linux
def test_what_cannot_be_watched_is_told_at_once(start: Start, tmp_path: Path) -> None:
    def main() -> None:
        with pytest.raises(PathNotFound, match="watch /no/such"):
            fs_watch("/no/such", unwanted)
        with pytest.raises(PathNotDirectory):
            fs_watch("/etc/passwd/x", unwanted)
        with pytest.raises(TypeError):
            fs_watch(7, unwanted)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            fs_watch(tmp_path, lambda monitor: None)  # type: ignore[misc,arg-type]
        with pytest.raises(ValueError, match="NUL"):
            fs_watch("a\0b", unwanted)
        assert current_event_loop().statistics().handles == {}
        assert current_event_loop().event_base.statistics().handlers == 0

    start(main)


def test_where_the_system_tells_nothing_that_is_an_error(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def main() -> None:
        monkeypatch.setattr(sys, "platform", "darwin")
        try:
            with pytest.raises(OperationNotSupported, match="Linux only"):
                fs_watch(tmp_path, unwanted)
        finally:
            monkeypatch.undo()

    start(main)


@linux
def test_a_loop_that_ends_closes_its_monitors(start: Start, tmp_path: Path) -> None:
    made: list[FsMonitor] = []

    def main() -> None:
        made.append(fs_watch(tmp_path, unwanted))
        delay(exit_event_loop)

    start(main)
    assert made[0].freed


@linux
def test_what_a_callback_raises_is_dealt_with(start: Start, tmp_path: Path) -> None:
    def main() -> None:
        monitor = fs_watch(tmp_path, fail, event_cb=lambda event: monitor.free())
        delay((tmp_path / "new").touch)

    start(main, catch_app_errors=True)

    def begin() -> None:
        fs_watch(tmp_path, fail)
        delay((tmp_path / "newer").touch)

    with pytest.raises(Failure):
        start(begin)


# -- directories that are made ---------------------------------------------------------------------


def test_a_directory_is_made_that_nobody_else_has(start: Start, tmp_path: Path) -> None:
    made: list[str] = []

    def main() -> None:
        for _ in range(3):
            mkdtemp(tmp_path / "new-XXXXXX", made.append)
        assert made == []

    start(main)
    assert len(set(made)) == 3
    for path in map(Path, made):
        assert path.parent == tmp_path
        assert path.name.startswith("new-")
        assert len(path.name) == len("new-XXXXXX")
        assert path.name != "new-XXXXXX"
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_one_that_cannot_be_made_is_told_once(start: Start) -> None:
    events = Noting()
    start(lambda: mkdtemp("/no/such/XXXXXX", unwanted, event_cb=events))
    [event] = events
    assert isinstance(event.error, PathNotFound)
    assert "mkdtemp /no/such/XXXXXX" in str(event.error)


def test_one_that_is_freed_calls_nobody(start: Start, tmp_path: Path) -> None:
    start(lambda: mkdtemp(tmp_path / "XXXXXX", unwanted).free())


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("no template", unwanted), ValueError),
        ((7, unwanted), TypeError),
        ((b"XXXXXX", unwanted), TypeError),
        (("XXXXXX", lambda: None), TypeError),
    ],
)
def test_wrong_arguments_are_refused(
    start: Start, arguments: tuple[Any, ...], kind: type[Exception]
) -> None:
    def main() -> None:
        with pytest.raises(kind):
            mkdtemp(*arguments)
        assert current_event_loop().statistics().handles == {}

    start(main)
