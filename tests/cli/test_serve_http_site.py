"""What `trunkline serve http` answers, without a connection."""

import contextlib
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline import SocketError, TooManyOpenFiles
from trunkline.cli.serve.http.conditions import Validators, failed_condition, may_send_part
from trunkline.cli.serve.http.content_types import content_type
from trunkline.cli.serve.http.ranges import parse_ranges
from trunkline.cli.serve.http.site import Answer, Asked, Site

# -- parts -----------------------------------------------------------------------------------------

RANGES: list[tuple[str, list[range] | None]] = [
    ("bytes=0-0", [range(1)]),
    ("bytes=2-4", [range(2, 5)]),
    ("BYTES=2-", [range(2, 10)]),
    ("bytes=-3", [range(7, 10)]),
    ("bytes=-30", [range(10)]),
    ("bytes=5-99999999999999999999999", [range(5, 10)]),
    ("bytes=0-1, 4-5 ,,-1", [range(2), range(4, 6), range(9, 10)]),
    ("bytes=8-,0-1", [range(8, 10), range(2)]),
    ("bytes=10-", []),
    ("bytes=99999999999999999999999-", []),
    ("bytes=-0", []),
    ("bytes=20-30,0-1", [range(2)]),
    ("bytes=4-2", None),
    ("bytes=0-4,2-6", None),  # they overlap
    ("bytes=" + ",".join(["0-0"] * 11), None),  # there are too many
    ("bytes=", None),
    ("bytes=-", None),
    ("bytes=x-1", None),
    ("bytes=1--2", None),
    ("bytes=\u0661-", None),
    ("bytes 0-1", None),
    ("lines=0-1", None),
    ("", None),
]


@pytest.mark.parametrize(("value", "parts"), RANGES)
def test_the_parts_that_a_field_asks_for(value: str, parts: list[range] | None) -> None:
    assert parse_ranges(value, 10) == parts


@pytest.mark.parametrize(("value", "parts"), [("bytes=0-", []), ("bytes=-1", None)])
def test_the_parts_of_nothing(value: str, parts: list[range] | None) -> None:
    assert parse_ranges(value, 0) == parts


@given(st.text("bytes=0123456789-, ", max_size=40), st.integers(0, 100))
def test_whatever_is_asked_for_lies_in_the_file(value: str, size: int) -> None:
    parts = parse_ranges("bytes=" + value, size)
    wanted = [number for part in parts or () for number in part]
    assert all(0 <= number < size for number in wanted)
    assert len(wanted) == len(set(wanted))


# -- conditions ------------------------------------------------------------------------------------

OLD = Validators('"1-a-5"', 784111777)  # Sun, 06 Nov 1994 08:49:37 GMT
NEW = Validators('W/"1-a-5"', 784111777)
DATE, BEFORE = "Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:36 GMT"
OBSOLETE = "Sunday, 06-Nov-94 08:49:37 GMT"  # RFC 9110, section 5.6.7

CONDITIONS: list[tuple[dict[str, str], Validators, int | None]] = [
    ({}, OLD, None),
    ({"if-none-match": '"1-a-5"'}, OLD, 304),
    ({"if-none-match": 'W/"1-a-5"'}, OLD, 304),
    ({"if-none-match": '"1-a-5"'}, NEW, 304),
    ({"if-none-match": '"x", "y,z" , "1-a-5"'}, OLD, 304),
    ({"if-none-match": "*"}, OLD, 304),
    ({"if-none-match": '"x"'}, OLD, None),
    ({"if-none-match": "1-a-5"}, OLD, None),
    ({"if-none-match": '"x"', "if-modified-since": DATE}, OLD, None),
    ({"if-modified-since": DATE}, OLD, 304),
    ({"if-modified-since": OBSOLETE}, OLD, 304),
    ({"if-modified-since": BEFORE}, OLD, None),
    ({"if-modified-since": "yesterday"}, OLD, None),
    ({"if-modified-since": "Sun, 06 Nov 99999999 08:49:37 GMT"}, OLD, None),
    ({"if-modified-since": "x" * 10_000}, OLD, None),
    ({"if-match": '"1-a-5"'}, OLD, None),
    ({"if-match": "*"}, OLD, None),
    ({"if-match": '"1-a-5"'}, NEW, 412),
    ({"if-match": '"x"'}, OLD, 412),
    ({"if-match": '"1-a-5"', "if-unmodified-since": BEFORE}, OLD, None),
    ({"if-unmodified-since": DATE}, OLD, None),
    ({"if-unmodified-since": BEFORE}, OLD, 412),
    ({"if-unmodified-since": BEFORE, "if-none-match": "*"}, OLD, 412),
]


@pytest.mark.parametrize(("headers", "file", "status"), CONDITIONS)
def test_what_the_client_has_already(
    headers: dict[str, str], file: Validators, status: int | None
) -> None:
    assert failed_condition(headers, file) == status


@pytest.mark.parametrize(
    ("value", "file", "will_do"),
    [
        ('"1-a-5"', OLD, True),
        (DATE, OLD, True),
        (BEFORE, OLD, False),
        ('W/"1-a-5"', OLD, False),
        ('"1-a-5"', NEW, False),
        (DATE, NEW, False),
        ('"other"', OLD, False),
        ("nonsense", OLD, False),
    ],
)
def test_whether_a_part_will_do(value: str, file: Validators, will_do: bool) -> None:
    assert may_send_part({"if-range": value}, file) is will_do


def test_what_is_new_may_change_unnoticed() -> None:
    second = 1_000_000_000
    assert not Validators.of(1, 10 * second, 2, now_ns=11 * second).is_strong
    old = Validators.of(1, 10 * second, 2, now_ns=13 * second)
    assert (old.is_strong, old.modified) == (True, 10)


@pytest.mark.parametrize("modified", [-(10**18), 10**30])
def test_a_file_may_be_of_any_time(modified: int) -> None:
    now = 10**18
    assert Validators.of(1, modified, 2, now_ns=now).last_modified.endswith("GMT")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("A.JS", "text/javascript; charset=utf-8"),
        ("a.tar.gz", "application/gzip"),
        ("a.png", "image/png"),
        ("data:a.html", "text/html; charset=utf-8"),
        (".html", "application/octet-stream"),
        ("README", "application/octet-stream"),
        ("a.\udcff", "application/octet-stream"),
    ],
)
def test_the_kind_of_content_is_told_by_the_name(name: str, kind: str) -> None:
    assert content_type(name) == kind


# -- a site ----------------------------------------------------------------------------------------

EVIL = '<img src=x onerror="x">&\n\x1b\u202e'


@pytest.fixture
def top(tmp_path: Path) -> Path:
    """Return a directory to serve."""
    (tmp_path / "secret").write_text("secret")
    top = tmp_path / "top"
    (top / "sub").mkdir(parents=True)
    (top / "with index").mkdir()
    (top / "with index" / "index.html").write_text("<p>index")
    (top / "file.txt").write_text("0123456789")
    (top / ".hidden").write_text("hidden")
    os.symlink("../secret", top / "out")
    for path in [top / "file.txt", top / "sub"]:
        os.utime(path, (784111777, 784111777))
    return top


def ask(top: Path, target: str, method: str = "GET", **headers: str) -> Answer:
    fields = {key.replace("_", "-"): value for key, value in headers.items()}
    with contextlib.closing(Site(str(top))) as site:
        answer = site.answer(Asked(method, target, fields))
    names = [name for name, _ in answer.headers]
    assert len(names) == len(set(names))
    return answer


def body(answer: Answer) -> bytes:
    """Return what would be sent."""
    whole = b""
    if answer.file is not None:
        with answer.file as file:
            whole = file.read()
    return b"".join(
        piece if isinstance(piece, bytes) else whole[piece.start : piece.stop]
        for piece in answer.pieces
    )


def test_a_file(top: Path) -> None:
    answer = ask(top, "/file.txt?ignored#too")
    headers = dict(answer.headers)
    assert (answer.status, answer.size, body(answer)) == (200, 10, b"0123456789")
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Last-Modified"] == DATE
    assert re.fullmatch(r'"[^"]+"', headers["ETag"])
    assert ask(top, "/file.txt", if_none_match=headers["ETag"]).status == 304
    assert ask(top, "/file.txt", if_match='"other"').status == 412


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/file%2etxt", 200),
        ("//file.txt", 200),
        ("http://anybody.example/file.txt", 200),
        ("/file.txt/", 404),
        ("/file.txt/x", 404),
        ("/none", 404),
        ("/none/", 404),
        ("/.hidden", 404),
        ("/%2e%2e/secret", 404),
        ("/../secret", 404),
        ("/sub/../file.txt", 404),
        ("/./file.txt", 404),
        ("/..%2fsecret", 404),
        ("/sub%2f..%2ffile.txt", 404),
        ("/out", 404),
        ("/file.txt%00", 404),
        ("/" + "x" * 5000, 404),
        ("/%ff%zz", 404),
        ("file.txt", 400),
        ("*", 400),
    ],
)
def test_what_is_there_and_what_is_not(top: Path, target: str, status: int) -> None:
    answer = ask(top, target)
    assert answer.status == status
    assert body(answer) == b"0123456789" or status != 200
    assert b"secret" not in body(ask(top, target))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "CONNECT", "TRACE", "get", "PROPFIND"])
def test_nothing_else_can_be_done(top: Path, method: str) -> None:
    answer = ask(top, "/file.txt", method)
    assert (answer.status, dict(answer.headers)["Allow"]) == (405, "GET, HEAD, OPTIONS")
    assert ask(top, "*", "OPTIONS").status == 204


@pytest.mark.parametrize(
    ("target", "where"),
    [
        ("/sub", "/sub/"),
        ("/sub?a=b", "/sub/?a=b"),
        ("//sub", "/sub/"),
        ("/with%20index", "/with%20index/"),
        ("http://elsewhere.example//sub", "/sub/"),
    ],
)
def test_a_directory_without_its_slash_is_elsewhere(top: Path, target: str, where: str) -> None:
    answer = ask(top, target)
    assert (answer.status, dict(answer.headers)["Location"]) == (301, where)


def test_no_name_leads_a_browser_to_another_host(top: Path) -> None:
    (top / "evil.example" / "\\x").mkdir(parents=True)
    assert dict(ask(top, "///evil.example").headers)["Location"] == "/evil.example/"
    assert dict(ask(top, "/evil.example/%5Cx").headers)["Location"] == "/evil.example/%5Cx/"


def test_an_index_stands_for_its_directory(top: Path) -> None:
    answer = ask(top, "/with%20index/")
    assert body(answer) == b"<p>index"
    assert dict(answer.headers)["Content-Type"] == "text/html; charset=utf-8"
    (top / "sub" / "index.html").mkdir()
    assert b"index.html/" in body(ask(top, "/sub/"))


def test_the_page_of_a_directory(top: Path) -> None:
    (top / "sub" / "Zz").mkdir()
    (top / "sub" / "a:b é").write_bytes(b"x" * 2048)
    (top / "sub" / os.fsdecode(b"\xff")).touch()
    for path in (top / "sub").iterdir():
        os.utime(path, (784111777, 784111777))
    page = body(ask(top, "/sub/")).decode()
    assert '<meta name="viewport" content="width=device-width' in page
    assert "color-scheme: light dark" in page
    assert '<nav><a href="/">(top)</a> <span>/</span> <b aria-current="page">sub</b></nav>' in page
    rows = re.findall(
        r'<li><a href="(.*?)">(.*?)</a><span>(.*?)</span><time datetime="(.*?)"', page
    )
    assert [row[:3] for row in rows] == [
        ("Zz/", "Zz/", ""),
        ("a%3Ab%20%C3%A9", "a:b é", "2.0 KiB"),
        ("%FF", "\\udcff", "0 bytes"),
    ]
    assert {row[3][:8] for row in rows} == {"1994-11-"}
    assert body(ask(top, "/sub/%FF")) == b""


def test_the_page_of_a_directory_shows_what_can_be_had(top: Path) -> None:
    page = body(ask(top, "/")).decode()
    assert re.findall(r'<li><a href="(.*?)">', page) == ["sub/", "with%20index/", "file.txt"]
    with contextlib.closing(Site(str(top), hidden=True)) as site:
        assert b".hidden" in body(site.answer(Asked("GET", "/", {})))
    assert b"empty" in body(ask(top, "/sub/"))


def test_names_are_text_and_nothing_else(top: Path) -> None:
    (top / EVIL).mkdir()
    (top / EVIL / EVIL).touch()
    link = re.findall(r'href="(%3C.*?)"', body(ask(top, "/")).decode())[0]
    page = body(ask(top, f"/{link}")).decode()
    assert page.count("&lt;img src=x onerror=&quot;x&quot;&gt;&amp;\\n\\x1b\\u202e") == 3
    assert "<img" not in page
    assert not set(page) & set("\x1b\u202e")


def test_parts_of_a_file(top: Path) -> None:
    one = ask(top, "/file.txt", range="bytes=2-4")
    assert (one.status, body(one)) == (206, b"234")
    assert dict(one.headers)["Content-Range"] == "bytes 2-4/10"
    none = ask(top, "/file.txt", range="bytes=10-")
    assert (none.status, dict(none.headers)["Content-Range"]) == (416, "bytes */10")
    whole = ask(top, "/file.txt", range="bytes=2-4", if_range='"other"')
    assert (whole.status, body(whole)) == (200, b"0123456789")
    only_looked_at = ask(top, "/file.txt", "HEAD", range="bytes=2-4")
    assert (only_looked_at.status, len(body(only_looked_at))) == (200, 10)


def test_several_parts_of_a_file(top: Path) -> None:
    answer = ask(top, "/file.txt", range="bytes=8-,1-2")
    kind, _, boundary = dict(answer.headers)["Content-Type"].partition("; boundary=")
    data = body(answer)
    assert (answer.status, kind, answer.size) == (206, "multipart/byteranges", len(data))
    head = "Content-Type: text/plain; charset=utf-8\r\nContent-Range: bytes"
    assert data.decode() == (
        f"--{boundary}\r\n{head} 8-9/10\r\n\r\n89\r\n"
        f"--{boundary}\r\n{head} 1-2/10\r\n\r\n12\r\n--{boundary}--\r\n"
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (PermissionError(13, "no"), 403),
        (OSError(24, "too many"), 503),
        (OSError(5, "broken"), 500),
        (OSError(40, "loop"), 404),
    ],
)
def test_what_the_system_says_becomes_a_status(
    top: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, status: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(*error.args)

    with contextlib.closing(Site(str(top))) as site:
        monkeypatch.setattr(os, "open", fail)
        answer = site.answer(Asked("GET", "/file.txt", {}))
    assert answer.status == status
    assert isinstance(answer.error, SocketError) is (status >= 500)
    assert ("Retry-After" in dict(answer.headers)) is isinstance(answer.error, TooManyOpenFiles)
