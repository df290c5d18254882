"""Formatters for logs: lines for people, and lines of JSON for programs.

They are for any handler of `logging`, and for the records of any library. Whatever a record says,
one that is written as text begins a line with its time, and nothing else does; and one that is
written as JSON is one line. So what a peer has sent cannot forge another record, nor do anything to
the terminal that shows it.
"""

import errno
import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ._printable import printable

__all__ = ("JSONFormatter", "TextFormatter")

_MARGIN = "    "  # before each line of a traceback

# What each record has; all else was given to it as `extra`.
_ALWAYS_THERE = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class TextFormatter(logging.Formatter):
    r"""Writes a record as a line, and its traceback below, indented.

    ::

        2026-06-01T12:00:00.123+02:00 WARNING trunkline.servers: supervisor: worker 0 …

    All that is not printable is escaped, like ``\n``; in tracebacks, too, line by line.
    """

    def __init__(self) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """Return the text, which does not end with a newline."""
        text = _message(record)
        head = f"{_time(record)} {record.levelname} {record.name}: {text}"
        below = _traceback(self, record).splitlines()
        return "\n".join([printable(head), *(f"{_MARGIN}{printable(line)}" for line in below)])


class JSONFormatter(logging.Formatter):
    """Writes a record as an object of JSON, in one line of ASCII.

    It has ``time`` (ISO 8601), ``level``, ``logger`` and ``message``, and whatever was given to the
    record as `extra` and is not None, by its name: of ours ``server``, ``peer``, ``local``,
    ``worker``, ``pid``, ``operation`` and ``error``. Errors are objects of their ``class``, their
    ``text`` and, if they have one, the name of their ``errno``. A traceback is the text of
    ``traceback``. What JSON has nothing for is its text.
    """

    def __init__(self) -> None:
        super().__init__()

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without a newline."""
        told: dict[str, Any] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        given = {name: value for name, value in vars(record).items() if name not in _ALWAYS_THERE}
        extra = {name: _plain(value) for name, value in given.items() if value is not None}
        traceback = _traceback(self, record)
        if traceback:
            told["traceback"] = traceback
        return json.dumps(told | extra | told)  # what others add does not take the place of these


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created).astimezone()
    return moment.isoformat(timespec="milliseconds")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception as error:  # a mistake in somebody's call, of which the log should not die
        return f"{record.msg!r} % {record.args!r} cannot be formatted: {error!r}"


def _traceback(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info else []
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "\n".join(parts)


def _plain(value: object) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else str(value)
    if isinstance(value, BaseException):
        return _plain_error(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple) and type(value).__str__ is object.__str__:
        return [_plain(each) for each in value]
    return str(value)


def _plain_error(error: BaseException) -> dict[str, Any]:
    told: dict[str, Any] = {"class": type(error).__name__, "text": str(error)}
    number = getattr(error, "errno", None)
    if isinstance(number, int) and number in errno.errorcode:
        told["errno"] = errno.errorcode[number]
    return told
