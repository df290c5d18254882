"""Records as lines of text, which nobody forges, and as lines of JSON."""

import json
import logging
import re
import sys
from typing import Any

import pytest

from trunkline import ConnectionReset, Endpoint, IPv4Address, LocalAddress
from trunkline._core.log_record import about
from trunkline.logs import JSONFormatter, TextFormatter

PEER = Endpoint(IPv4Address("192.0.2.7"), 1)
EVIL = "no\n2026-06-01 x INFO y: all is well\x1b[2J\u202e\x85\u2028\udc80"
BEGINNING = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d ")


def record(message: object = "%s is here", *args: object, **extra: object) -> logging.LogRecord:
    """Return a record as a logger makes it."""
    logger = logging.getLogger("trunkline.servers")
    exc_info = extra.pop("exc_info", None)
    return logger.makeRecord(
        logger.name,
        logging.WARNING,
        __file__,
        1,
        message,
        args,
        exc_info,  # type: ignore[arg-type]
        extra=extra,
    )


def raised(error: Exception) -> Any:
    """Return what `logging` is told of an error that has been raised."""
    try:
        raise error
    except type(error):
        return sys.exc_info()


def told(made: logging.LogRecord) -> dict[str, Any]:
    """Return what a record is as JSON, which is one line of ASCII."""
    line = JSONFormatter().format(made)
    assert line.isascii()
    assert line.isprintable()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_of_text() -> None:
    line = TextFormatter().format(record("%s is here", PEER))
    beginning = BEGINNING.match(line)
    assert beginning
    assert line[beginning.end() :] == "WARNING trunkline.servers: 192.0.2.7:1 is here"


@pytest.mark.parametrize("made", [record("%s", EVIL), record(EVIL), record(LocalAddress(EVIL[:9]))])
def test_nobody_forges_a_line_of_text(made: logging.LogRecord) -> None:
    assert TextFormatter().format(made).isprintable()


def test_nor_by_a_traceback() -> None:
    made = record("failed", exc_info=raised(ValueError(EVIL)))
    first, *below = TextFormatter().format(made).split("\n")
    assert first.endswith(": failed")
    assert below[0] == "    Traceback (most recent call last):"
    assert "    ValueError: no" in below
    assert all(line.startswith("    ") and line.isprintable() for line in below)


def test_where_something_was_logged_is_indented_too() -> None:
    made = record("here")
    made.stack_info = "Stack (most recent call last):\n  File"
    assert TextFormatter().format(made).split("\n")[1:] == [
        "    Stack (most recent call last):",
        "      File",
    ]
    assert told(made)["traceback"] == made.stack_info


def test_json_has_the_attributes_that_there_are() -> None:
    error = ConnectionReset(operation="read_line", address=PEER)
    found = told(record("%s left", PEER, **about(server="echo", peer=PEER, worker=0, error=error)))
    assert BEGINNING.match(found.pop("time") + " ")
    assert found == {
        "level": "WARNING",
        "logger": "trunkline.servers",
        "message": "192.0.2.7:1 left",
        "server": "echo",
        "peer": "192.0.2.7:1",
        "worker": 0,
        "operation": "read_line",
        "error": {"class": "ConnectionReset", "text": str(error), "errno": "ECONNRESET"},
    }


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (True, True),
        (1.5, 1.5),
        (float("nan"), "nan"),
        ([1, (PEER, None)], [1, ["192.0.2.7:1", None]]),
        ({1: {"a": EVIL}}, {"1": {"a": EVIL}}),
        (RuntimeError("x"), {"class": "RuntimeError", "text": "x"}),
        (b"x", "b'x'"),
    ],
)
def test_json_has_whatever_else_was_given(value: object, plain: object) -> None:
    assert told(record("x", mine=value))["mine"] == plain


def test_json_is_not_deceived_by_names() -> None:
    found = told(record("x", level="DEBUG", time="never", traceback="mine"))
    assert found["level"] == "WARNING"
    assert found["time"] != "never"
    assert found["traceback"] == "mine"


def test_json_has_tracebacks() -> None:
    found = told(record("failed", exc_info=raised(ValueError(EVIL))))
    assert found["traceback"].splitlines()[0] == "Traceback (most recent call last):"
    assert found["message"] == "failed"


@pytest.mark.parametrize("formatter", [TextFormatter(), JSONFormatter()])
def test_a_call_that_is_a_mistake_is_told(formatter: logging.Formatter) -> None:
    assert "'%d' % ('x',) cannot be formatted" in formatter.format(record("%d", "x"))
