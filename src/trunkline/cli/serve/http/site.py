"""A directory as a web site: what a request is answered with, without a connection.

Nothing is written, and nothing is sent that does not lie in the directory.
"""

import errno
import io
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from email.utils import formatdate
from os import fsdecode
from secrets import token_hex
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from ...._sys.beneath import Beneath, OpenFile
from ...._sys.wall_clock import unix_time_ns
from ....errors import (
    PathNotDirectory,
    PathNotFound,
    PermissionDenied,
    SocketError,
    TooManyOpenFiles,
)
from .conditions import Headers, Validators, failed_condition, may_send_part
from .content_types import content_type
from .pages import PAGE_HEADERS, directory_page, link_to, status_page
from .ranges import parse_ranges

__all__ = ("Answer", "Asked", "Piece", "Site")

Piece: TypeAlias = "bytes | range"
"""A part of a body: bytes, or a part of the file."""

_ALLOWED = "GET, HEAD, OPTIONS"

# What no link would lead to, and whoever asks for it is not told more.
_NOT_THERE = (errno.ELOOP, errno.ENAMETOOLONG)


class Asked(NamedTuple):
    """A request.

    Attributes:
        method: What to do, like ``GET``.
        target: With what: a path and perhaps a query, as it came.
        headers: See `Headers`.
    """

    method: str
    target: str
    headers: Headers


@dataclass
class Answer:
    """What a request is answered with.

    Attributes:
        status: The number.
        headers: The fields, but for those that are about the connection.
        pieces: The body.
        file: What its parts are of; whoever sends it closes it.
        error: What has gone wrong here.
    """

    status: int
    headers: list[tuple[str, str]]
    pieces: Sequence[Piece] = ()
    file: io.FileIO | None = None
    error: SocketError | None = None

    @property
    def size(self) -> int:
        """How many bytes the body has."""
        return sum(map(len, self.pieces))


class Site:
    """A directory that is served.

    Args:
        path: The directory.
        hidden: Whether to serve names that begin with a dot, too.

    Raises:
        PathNotFound, PathNotDirectory, PermissionDenied, SocketError: There is no such directory.
    """

    def __init__(self, path: str, *, hidden: bool = False) -> None:
        self._beneath = Beneath(path, hidden=hidden)

    def answer(self, asked: Asked) -> Answer:
        """Return what to answer; what goes wrong is an answer, too."""
        if asked.method == "OPTIONS":
            return _dated(Answer(204, [("Allow", _ALLOWED)]))
        if asked.method not in ("GET", "HEAD"):
            return self.refuse(405, ("Allow", _ALLOWED))
        path, mark, query = asked.target.partition("?")
        try:
            names, is_directory = _names(path)
            return _dated(self._find(asked, names, is_directory, mark + query))
        except _BadTargetError:
            return self.refuse(400)
        except SocketError as error:
            status = _status_of(error)
            answer = self.refuse(status, *((("Retry-After", "1"),) if status == 503 else ()))
            # A copy has no traceback, which would keep all that there was when it was raised.
            answer.error = copy(error) if status >= 500 else None
            return answer

    def refuse(self, status: int, *headers: tuple[str, str]) -> Answer:
        """Return a page that says that it cannot be, and why."""
        return _dated(_page_answer(status, *headers))

    def close(self) -> None:
        """Give the directory back. May be repeated."""
        self._beneath.close()

    def _find(self, asked: Asked, names: list[str], is_directory: bool, query: str) -> Answer:
        if is_directory:
            try:
                index = self._beneath.open_file([*names, "index.html"])
            except (PathNotFound, PathNotDirectory):
                index = None
            if index is not None:
                return _file_answer(asked, "index.html", index)
            page = directory_page(names, self._beneath.entries(names))
            return Answer(200, [*PAGE_HEADERS], (page,))
        found = self._beneath.open_file(names)
        if found is not None:
            return _file_answer(asked, names[-1], found)
        return _page_answer(301, ("Location", link_to(names) + query))


def _dated(answer: Answer) -> Answer:
    """Add what all answers have."""
    answer.headers[:0] = [
        ("Date", formatdate(unix_time_ns() // 1_000_000_000, usegmt=True)),
        ("Cache-Control", "no-cache"),  # which means: not without asking
        ("X-Content-Type-Options", "nosniff"),
    ]
    return answer


def _page_answer(status: int, *headers: tuple[str, str]) -> Answer:
    return Answer(status, [*PAGE_HEADERS, *headers], (status_page(status),))


class _BadTargetError(Exception):
    """What is asked for is no path."""


def _names(path: str) -> tuple[list[str], bool]:
    """Return the names in a path, and whether it ends in a slash, as that of a directory does."""
    scheme, colon, rest = path.partition("://")
    if colon and "/" not in scheme:  # it is a whole URL, as proxies are sent
        path = "/" + rest.partition("/")[2]
    if not path.startswith("/"):
        raise _BadTargetError
    names = [fsdecode(unquote_to_bytes(part)) for part in path.split("/") if part]
    return names, path.endswith("/")


def _status_of(error: SocketError) -> int:
    if isinstance(error, PathNotFound | PathNotDirectory) or error.errno in _NOT_THERE:
        return 404
    if isinstance(error, PermissionDenied):
        return 403
    return 503 if isinstance(error, TooManyOpenFiles) else 500


def _file_answer(asked: Asked, name: str, found: OpenFile) -> Answer:
    """Return a file, a part of it, or that the client has it."""
    file, facts = found
    validators = Validators.of(*facts, now_ns=unix_time_ns())
    headers = [
        ("Last-Modified", validators.last_modified),
        ("ETag", validators.tag),
        ("Accept-Ranges", "bytes"),
    ]
    status = failed_condition(asked.headers, validators)
    if status is not None:
        file.close()
        if status == 304:
            return Answer(304, headers)
        return _page_answer(status, *headers)
    whole = range(facts.size)
    kind = content_type(name)
    wanted = asked.headers.get("range")
    parts = None
    # Parts are for GET alone, and for who has the rest of the same file.
    if wanted is not None and asked.method == "GET" and may_send_part(asked.headers, validators):
        parts = parse_ranges(wanted, facts.size)
    if parts is None:
        return Answer(200, [("Content-Type", kind), *headers], (whole,), file)
    if not parts:
        file.close()
        headers.append(("Content-Range", f"bytes */{facts.size}"))
        return _page_answer(416, *headers)
    if len(parts) == 1:
        headers.append(("Content-Range", _content_range(parts[0], facts.size)))
        return Answer(206, [("Content-Type", kind), *headers], parts, file)
    boundary = token_hex(16)
    headers.append(("Content-Type", f"multipart/byteranges; boundary={boundary}"))
    return Answer(206, headers, _several(parts, boundary, kind, facts.size), file)


def _content_range(part: range, size: int) -> str:
    return f"bytes {part.start}-{part.stop - 1}/{size}"


def _several(parts: Sequence[range], boundary: str, kind: str, size: int) -> list[Piece]:
    pieces: list[Piece] = []
    for part in parts:
        head = (
            f"--{boundary}\r\nContent-Type: {kind}\r\n"
            f"Content-Range: {_content_range(part, size)}\r\n\r\n"
        )
        pieces += (head.encode("latin-1"), part, b"\r\n")
    pieces.append(f"--{boundary}--\r\n".encode())
    return pieces
