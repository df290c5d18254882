"""Whether a client has already what it asks for, see RFC 9110, section 13."""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import formatdate, parsedate_to_datetime

__all__ = ("Headers", "Validators", "failed_condition", "may_send_part")

Headers = Mapping[str, str]
"""The fields of a request, by their names in small letters. Lines of the same name are one."""

_TAGS = re.compile(r'(?:[ \t,]*(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"[ \t]*(?=,|$))+[ \t,]*')
_TAG = re.compile(r'(?:W/)?"[^"]*"')
_LONGEST_DATE = 64

# How long a file has to have been as it is, for its time to tell it from what it becomes next.
_SETTLED_NS = 2_000_000_000


@dataclass(frozen=True)
class Validators:
    """What tells a file from what it was, and from what it becomes.

    Attributes:
        tag: The value of ``ETag``. It is weak while the file is so new that it may change once more
            and nobody would know by its time.
        modified: When it has changed, in whole seconds since 1970.
    """

    tag: str
    modified: int

    @classmethod
    def of(cls, size: int, modified_ns: int, inode: int, *, now_ns: int) -> "Validators":
        """Return those of a file, as it is now."""
        tag = f'"{inode:x}-{size:x}-{modified_ns:x}"'
        is_settled = modified_ns + _SETTLED_NS < now_ns
        # A file may be dated to whenever somebody likes, and an answer cannot be of the future.
        modified = max(0, min(modified_ns, now_ns)) // 1_000_000_000
        return cls(tag if is_settled else f"W/{tag}", modified)

    @property
    def is_strong(self) -> bool:
        """Whether it tells each byte."""
        return not self.tag.startswith("W/")

    @property
    def last_modified(self) -> str:
        """The value of ``Last-Modified``."""
        return formatdate(self.modified, usegmt=True)

    def matches(self, tags: str, *, strongly: bool) -> bool:
        """Whether it is one of the tags of a field."""
        if tags.strip() == "*":
            return True
        if not _TAGS.fullmatch(tags):
            return False
        listed = _TAG.findall(tags)
        if strongly:
            return self.is_strong and self.tag in listed
        own = self.tag.removeprefix("W/")
        return any(own == tag.removeprefix("W/") for tag in listed)


def failed_condition(headers: Headers, file: Validators) -> int | None:
    """Return the status to answer with because a condition is not met, or None: 304 or 412.

    Args:
        headers: The request's, which is GET or HEAD.
        file: What it asks for.
    """
    tags, when = headers.get("if-match"), _seconds(headers.get("if-unmodified-since"))
    if tags is not None:
        is_met = file.matches(tags, strongly=True)
    else:
        is_met = when is None or file.modified <= when
    if not is_met:
        return 412
    if (tags := headers.get("if-none-match")) is not None:
        return 304 if file.matches(tags, strongly=False) else None
    when = _seconds(headers.get("if-modified-since"))
    return 304 if when is not None and file.modified <= when else None


def may_send_part(headers: Headers, file: Validators) -> bool:
    """Whether a part will do, for the client has the rest of just this file: ``If-Range``."""
    value = headers.get("if-range")
    if value is None:
        return True
    value = value.strip()
    if value.startswith(('"', "W/")):
        return file.is_strong and value == file.tag
    return file.is_strong and _seconds(value) == file.modified


def _seconds(date: str | None) -> int | None:
    """Return a date as seconds since 1970; None if it is none, which is then as good as absent."""
    if date is None or len(date) > _LONGEST_DATE:
        return None
    with suppress(ValueError, TypeError, OverflowError, IndexError):
        found: datetime = parsedate_to_datetime(date)
        return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    return None
