"""The small objects that say what has happened."""

import dataclasses
import logging

import pytest

from trunkline import (
    ConnectFailed,
    ConnectionRefused,
    ConnectionReset,
    NoName,
    SocketClosed,
    SocketError,
    TimedOut,
    TrunklineError,
)
from trunkline.evented import Event, EventKind, HandleFreed, default_event_handler


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (TimedOut(), EventKind.TIMEOUT),
        (TimedOut.expired("connect"), EventKind.TIMEOUT),
        (ConnectionRefused(), EventKind.REFUSED),
        (ConnectionReset(), EventKind.RESET),
        (SocketError(71), EventKind.ERROR),
        (ConnectFailed(), EventKind.ERROR),
        (NoName(), EventKind.ERROR),
        (ZeroDivisionError(), EventKind.ERROR),
    ],
)
def test_an_error_has_its_kind(error: Exception, kind: EventKind) -> None:
    assert Event._from_error(error, "a socket") == Event(kind, "a socket", error)


def test_the_kinds_are_those_that_there_are() -> None:
    kinds = [kind.value for kind in EventKind]
    assert kinds == ["eof", "timeout", "refused", "reset", "accept_error", "error"]


def test_an_event_cannot_be_changed() -> None:
    event = Event(EventKind.EOF, "a socket")
    assert event.error is None
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.kind = EventKind.ERROR  # type: ignore[misc]


def test_an_event_prints_what_has_happened_to_what() -> None:
    assert str(Event(EventKind.EOF, "x")) == "eof on 'x'"
    refused = ConnectionRefused(operation="connect", address="192.0.2.1:80")
    assert str(Event._from_error(refused, "x")) == f"refused ({refused}) on 'x'"


@pytest.mark.parametrize(
    ("error", "level"),
    [
        (None, logging.DEBUG),
        (ConnectionReset(), logging.WARNING),
        (NoName(), logging.WARNING),
        (ZeroDivisionError(), logging.ERROR),
    ],
)
def test_by_default_events_are_logged(
    error: Exception | None, level: int, caplog: pytest.LogCaptureFixture
) -> None:
    kind = EventKind.EOF if error is None else EventKind.ERROR
    event = Event(kind, "a socket", error)
    with caplog.at_level(logging.DEBUG):
        default_event_handler(event)
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("trunkline.evented", level)
    assert record.getMessage() == str(event)
    assert (record.exc_info is not None) == (level == logging.ERROR)


def test_a_freed_handle_is_no_closed_socket() -> None:
    assert issubclass(HandleFreed, TrunklineError)
    assert issubclass(HandleFreed, RuntimeError)
    assert not issubclass(HandleFreed, SocketClosed)
