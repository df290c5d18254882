"""What was typed at earlier times: what is remembered, for how long, and for whose eyes."""

import stat
from pathlib import Path

import pytest

from trunkline.cli.connect.history import KEPT, LONGEST, History, history_path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "trunkline" / "history"


def loaded(path: Path | None) -> History:
    history = History(path)
    history.load()
    return history


def test_what_is_remembered_is_there_another_time(path: Path) -> None:
    first, second = loaded(path), loaded(path)
    assert first.remember(b"one")
    assert second.remember(b"two \xff")
    assert first.remember(b"three")
    assert loaded(path).lines == [b"one", b"two \xff", b"three"]


def test_only_its_owner_can_read_it(path: Path) -> None:
    loaded(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


NOT_WORTH_IT = [b"", b"  ", b"\t", b" secret", b"last", b"a\nb", b"x" * LONGEST]


@pytest.mark.parametrize("line", NOT_WORTH_IT)
@pytest.mark.parametrize("is_kept", [True, False])
def test_what_is_not_worth_it(path: Path, line: bytes, is_kept: bool) -> None:
    history = loaded(path if is_kept else None)
    assert history.remember(b"last")
    assert not history.remember(line)
    assert loaded(path).lines == [b"last"] * is_kept


def test_the_longest_line_is_there_again_and_the_last_one_is_known(path: Path) -> None:
    longest = b"x" * (LONGEST - 1)
    assert loaded(path).remember(longest)
    again = loaded(path)
    assert again.lines == [longest]
    assert not again.remember(longest)


def test_too_many_lines_become_fewer(path: Path) -> None:
    loaded(path)
    path.write_bytes(b"".join(b"%d\n" % number for number in range(2 * KEPT)))
    last = [b"%d" % number for number in range(KEPT, 2 * KEPT)]
    assert loaded(path).lines == last
    assert path.read_bytes().count(b"\n") == 2 * KEPT
    assert loaded(path).remember(b"one more")
    assert loaded(path).lines == [*last[1:], b"one more"]
    assert path.read_bytes().count(b"\n") == KEPT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [*path.parent.iterdir()] == [path]


def test_a_file_of_something_else_does_no_harm(path: Path) -> None:
    loaded(path)
    path.write_bytes(b"\0" * 100_000 + b"\nkept\nhalf a line")
    assert loaded(path).lines[-1] == b"kept"
    assert max(map(len, loaded(path).lines)) <= LONGEST


def test_what_is_no_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, Path("/dev/null"), tmp_path / "file" / "history"):
        with pytest.raises(
            OSError, match=str(tmp_path) if path != Path("/dev/null") else "no file"
        ):
            History(path).load()


def test_a_full_disk_is_an_error() -> None:
    with pytest.raises(OSError, match="No space left"):
        History(Path("/dev/full")).remember(b"line")


def test_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert history_path() == Path("/home/me/.local/state/trunkline/history")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert history_path() == Path("/state/trunkline/history")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "relative")
    assert history_path() is None
