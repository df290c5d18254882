"""IOLib's own cases of pathnames, and what `pathlib` says of each, which is the rule here.

Where the two differ, it stands in the guide, see `docs/guide/paths.md`.
"""

import os
import sys
from pathlib import Path, PurePosixPath

import pytest

from trunkline.paths import expand_user

# -- parsing ---------------------------------------------------------------------------------------


def test_no_text_is_the_current_directory_and_no_error() -> None:
    assert Path("") == Path()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("/", ("/",)),
        ("a", ("a",)),
        ("a/", ("a",)),
        ("a/b", ("a", "b")),
        ("/a", ("/", "a")),
        ("/a/", ("/", "a")),
        ("/a/b", ("/", "a", "b")),
        ("a//b/", ("a", "b")),
    ],
)
def test_a_path_has_parts(text: str, parts: tuple[str, ...]) -> None:
    assert PurePosixPath(text).parts == parts
    assert PurePosixPath(expand_user(text)).parts == parts
    assert PurePosixPath(text).drive == ""


@pytest.mark.skipif(not os.path.isdir("/root"), reason="root lives elsewhere")
@pytest.mark.parametrize(
    ("text", "plain", "expanded"),
    [
        ("~root", ("~root",), ("/", "root")),
        ("~root/", ("~root",), ("/", "root")),
        ("~root/a", ("~root", "a"), ("/", "root", "a")),
        ("/~root", ("/", "~root"), ("/", "~root")),
    ],
)
def test_a_user_is_expanded_only_when_asked_for(
    text: str, plain: tuple[str, ...], expanded: tuple[str, ...]
) -> None:
    assert PurePosixPath(text).parts == plain
    assert expand_user(text).parts == expanded


# -- text, directory and file; None where the two agree --------------------------------------------

CASES = [
    # text, IOLib's text, directory and file, and what pathlib says in place of each
    ("/", ("/", "/", "."), (None, None, "")),
    ("/.", ("/.", "/", "."), ("/", None, "")),
    ("/..", ("/..", "/", ".."), (None, None, None)),
    (".", (".", ".", "."), (None, None, "")),
    ("./", (".", ".", "."), (None, None, "")),
    ("..", ("..", ".", ".."), (None, None, None)),
    ("../", ("..", ".", ".."), (None, None, None)),
    ("../.", ("../.", "..", "."), ("..", ".", "..")),
    (".././", ("../.", "..", "."), ("..", ".", "..")),
    ("../..", ("../..", "..", ".."), (None, None, None)),
    ("../../", ("../..", "..", ".."), (None, None, None)),
    ("a/./b", ("a/./b", "a/.", "b"), ("a/b", "a", None)),
    ("a/../b", ("a/../b", "a/..", "b"), (None, None, None)),
]


@pytest.mark.parametrize(("text", "iolib", "instead"), CASES)
def test_what_pathlib_makes_of_a_path(
    text: str, iolib: tuple[str, str, str], instead: tuple[str | None, ...]
) -> None:
    path = PurePosixPath(text)
    told = (str(path), str(path.parent), path.name)
    expected = tuple(
        theirs if ours is None else ours for theirs, ours in zip(iolib, instead, strict=True)
    )
    assert told == expected
    assert all(ours != theirs for theirs, ours in zip(iolib, instead, strict=True))


@pytest.mark.parametrize(
    ("text", "stem", "suffix"),
    [
        (".", "", ""),  # IOLib has "."
        ("..", "..", ""),
        ("a", "a", ""),
        (".a", ".a", ""),
        ("a.b", "a", ".b"),  # IOLib has "b", without the dot
        ("x/a.b", "a", ".b"),
        ("/..", "..", ""),
        ("a.", "a", "."),  # IOLib has no type; before Python 3.14, the stem is "a."
    ],
)
def test_the_name_and_the_type_of_a_file(text: str, stem: str, suffix: str) -> None:
    if text == "a." and sys.version_info < (3, 14):
        stem, suffix = "a.", ""
    assert (PurePosixPath(text).stem, PurePosixPath(text).suffix) == (stem, suffix)


def test_paths_are_joined_and_told_from_each_other() -> None:
    assert Path("/a") / "b" == Path("/a/b")
    assert Path("/a") / "/b" == Path("/b")
    assert Path("/a/b").relative_to("/a") == Path("b")
    assert Path("/a").relative_to("/a") == Path()  # IOLib has "/"
    assert Path("/a").is_absolute()
    assert not Path("a").is_absolute()
