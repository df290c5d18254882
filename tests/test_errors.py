"""The error tree and its table: each errno has its class, and no error loses what it knows."""

import builtins
import copy
import errno
import inspect
import os
import pickle
import re
import socket
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from trunkline import errors
from trunkline.addresses import Endpoint, IPv4Address, IPv6Address, LocalAddress, NetlinkAddress
from trunkline.errors import (
    BrokenPipe,
    Busy,
    ConnectFailed,
    ConnectionRefused,
    ConnectionReset,
    DecodingError,
    EndOfFile,
    Hangup,
    LineTooLong,
    NetworkUnreachable,
    NoName,
    NoRecord,
    PermissionDenied,
    QueryRefused,
    ResolverError,
    ServerFailure,
    SocketClosed,
    SocketError,
    StreamError,
    TimedOut,
    TrunklineError,
    TryAgain,
    WouldBlock,
)

E = TypeVar("E", bound=BaseException)

CLASSES: list[type[TrunklineError]] = [getattr(errors, name) for name in errors.__all__]
SOCKET_ERRORS = [each for each in CLASSES if issubclass(each, SocketError)]
RESOLVER_ERRORS = [each for each in CLASSES if issubclass(each, ResolverError)]
WITH_CODES = [each for each in SOCKET_ERRORS if "_codes" in vars(each) and each._codes]

ADDRESSES = [
    Endpoint(IPv4Address("192.0.2.1"), 80),
    Endpoint(IPv6Address("fe80::1%eth0"), 65535),
    LocalAddress("/run/server"),
    LocalAddress("name", abstract=True),
    NetlinkAddress(1, 2),
    "example.org:80",
]

WAYS_TO_TRAVEL: list[Callable[[Any], Any]] = [
    copy.copy,
    copy.deepcopy,
    *(
        lambda error, protocol=protocol: pickle.loads(pickle.dumps(error, protocol))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    ),
]


def travelled(error: E) -> list[E]:
    """Return an error as it comes out of copying and of pickling, its class and text the same."""
    twins = [travel(error) for travel in WAYS_TO_TRAVEL]
    for twin in twins:
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert repr(twin) == repr(error)
        assert twin.args == error.args
        assert twin is not error
    return twins


# ---- The table ----


@pytest.mark.parametrize("name", sorted(errno.errorcode.values()))
def test_every_errno_has_a_class_that_is_also_python_s_own(name: str) -> None:
    code = getattr(errno, name)
    error = SocketError.from_errno(code, operation="connect", address=ADDRESSES[0])
    assert isinstance(error, SocketError)
    assert isinstance(error, TrunklineError)
    assert isinstance(error, type(OSError(code, "")))
    assert error.errno == code
    assert error.strerror
    assert error.operation == "connect"
    assert error.address == ADDRESSES[0]
    for twin in travelled(error):
        assert (twin.errno, twin.strerror) == (error.errno, error.strerror)
        assert (twin.operation, twin.address) == (error.operation, error.address)


@pytest.mark.parametrize("name", sorted(errno.errorcode.values()))
def test_the_text_names_operation_address_and_errno(name: str) -> None:
    code = getattr(errno, name)
    error = SocketError.from_errno(code, operation="bind", address=ADDRESSES[1])
    assert str(error) == f"bind [fe80::1%eth0]:65535: {error.strerror} [{errno.errorcode[code]}]"


def test_no_two_classes_claim_an_errno() -> None:
    claims = [(code, kind) for kind in WITH_CODES for code in kind._codes]
    by_code = dict(claims)
    for code, kind in claims:
        assert by_code[code] is kind
        assert type(SocketError.from_errno(code)) is kind
    for code in errno.errorcode:
        if code not in by_code:
            assert type(SocketError.from_errno(code)) is SocketError


def test_an_errno_that_nobody_knows_keeps_its_number() -> None:
    error = SocketError.from_errno(99_999, operation="send")
    assert type(error) is SocketError
    assert error.errno == 99_999
    assert str(error) == f"send: {os.strerror(99_999)}"


def test_from_errno_looks_up_the_whole_table_from_any_class() -> None:
    assert type(ConnectionReset.from_errno(errno.ECONNREFUSED)) is ConnectionRefused


@pytest.mark.parametrize("kind", WITH_CODES, ids=lambda kind: kind.__name__)
def test_a_class_stands_for_its_first_errno_unless_told_otherwise(kind: type[SocketError]) -> None:
    error = kind()
    assert error.errno == kind._codes[0]
    assert error.strerror == (kind._reason or os.strerror(kind._codes[0]))
    for code in kind._codes:
        assert kind(code).errno == code


# fmt: off
NAMED = [
    "AddressInUse", "AddressNotAvailable", "BrokenPipe", "ConnectionRefused", "ConnectionReset",
    "ConnectionAborted", "HostUnreachable", "NetworkUnreachable", "NotConnected", "TimedOut",
    "SocketClosed", "TooManyOpenFiles", "WouldBlock", "PermissionDenied", "MessageTooLong",
]
# fmt: on


@pytest.mark.parametrize("name", NAMED)
def test_what_somebody_would_branch_on_has_a_class_of_its_own(name: str) -> None:
    assert getattr(errors, name) in WITH_CODES


# ---- The tree ----


def test_everything_public_is_an_error_of_ours_and_nothing_is_forgotten() -> None:
    assert list(errors.__all__) == sorted(set(errors.__all__))
    assert all(issubclass(each, TrunklineError) for each in CLASSES)
    defined = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, TrunklineError) and name[0] != "_"
    }
    assert defined == {*errors.__all__}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_each_class_says_in_one_line_what_it_means(kind: type[TrunklineError]) -> None:
    doc = vars(kind).get("__doc__")
    assert doc
    first, *others = doc.splitlines()
    assert len(first) > 10
    assert first.endswith(".")
    assert not others or not others[0].strip()


def drawn_in_the_docstring() -> dict[str, tuple[str, str]]:
    """Return for each class in the tree its parent there, and what is in brackets behind it."""
    tree = (errors.__doc__ or "").partition("::\n\n")[2].partition("\n\n")[0]
    drawn: dict[str, tuple[str, str]] = {}
    above: list[str] = []  # the way from the root to the last line
    for line in tree.splitlines():
        corner = re.search("[├└] ", line)
        depth = (corner.start() - 4) // 3 + 1 if corner else 0
        del above[depth:]
        branch = re.split(" {2,}", line[corner.end() :] if corner else line.strip())[0]
        for sibling in branch.split(" · "):
            parent = above[depth - 1] if depth else "Exception"
            for entry in sibling.split(" ─ "):
                if found := re.fullmatch(r"([A-Z]\w+)(?: \((.+)\))?", entry):
                    drawn[found[1]] = (parent, found[2] or "")
                    parent = found[1]
                    above[depth:] = [parent]
    return drawn


def test_the_tree_in_the_module_s_docstring_is_that_of_the_classes() -> None:
    drawn = drawn_in_the_docstring()
    assert {"TrunklineError", "Hangup", "ConnectFailed", "NoName", "DecodingError"} <= {*drawn}
    known = {**vars(builtins), **vars(errors), "socket.gaierror": socket.gaierror}
    for name, (parent, other) in drawn.items():
        bases = [known[base] for base in (parent, other) if base]
        assert getattr(errors, name).__bases__ == tuple(bases)
    rest = {*errors.__all__} - {*drawn}
    assert {getattr(errors, name) for name in rest} <= {*WITH_CODES}
    assert all(SocketError in getattr(errors, name).__bases__ for name in rest)


@pytest.mark.parametrize(
    ("kind", "truths"),
    [
        (SocketError, (OSError,)),
        (WouldBlock, (BlockingIOError,)),
        (errors.ConnectionInProgress, (BlockingIOError,)),
        (TimedOut, (TimeoutError,)),
        (ConnectionRefused, (ConnectionRefusedError, ConnectionError)),
        (ConnectionReset, (ConnectionResetError, ConnectionError)),
        (errors.ConnectionAborted, (ConnectionAbortedError, ConnectionError)),
        (BrokenPipe, (BrokenPipeError, ConnectionError)),
        (Hangup, (BrokenPipe,)),
        (errors.EndpointShutdown, (BrokenPipeError,)),
        (PermissionDenied, (PermissionError,)),
        (errors.PathNotFound, (FileNotFoundError,)),
        (ResolverError, (socket.gaierror, OSError)),
        (EndOfFile, (StreamError, EOFError)),
        (LineTooLong, (StreamError,)),
        (errors.FrameTooLong, (StreamError,)),
        (DecodingError, (StreamError, UnicodeDecodeError, ValueError)),
    ],
)
def test_except_clauses_for_the_standard_library_s_errors_keep_working(
    kind: type[TrunklineError], truths: tuple[type[BaseException], ...]
) -> None:
    assert issubclass(kind, (TrunklineError, *truths))
    assert all(issubclass(kind, truth) for truth in truths)


def test_the_branches_are_apart() -> None:
    for kind in [*RESOLVER_ERRORS, EndOfFile, LineTooLong, DecodingError]:
        assert not issubclass(kind, SocketError)
    for kind in (EndOfFile, LineTooLong, DecodingError):
        assert not issubclass(kind, OSError)
    assert not issubclass(SocketClosed, ConnectionError)


# ---- What they know, and what they print ----


@pytest.mark.parametrize("address", ADDRESSES, ids=str)
@pytest.mark.parametrize("kind", SOCKET_ERRORS, ids=lambda kind: kind.__name__)
def test_socket_errors_keep_what_they_know(kind: type[SocketError], address: object) -> None:
    attempts = (ConnectionRefused(operation="connect", address=address), NetworkUnreachable())
    error = kind(operation="connect", address=address, attempts=attempts)
    error.__cause__ = ValueError("a cause does not travel, and is in nobody's way")
    for twin in travelled(error):
        assert (twin.errno, twin.strerror, twin.operation) == (
            error.errno,
            error.strerror,
            "connect",
        )
        assert twin.address == address
        assert type(twin.address) is type(address)
        assert [type(attempt) for attempt in twin.attempts] == [
            ConnectionRefused,
            NetworkUnreachable,
        ]
        assert twin.attempts[0].address == address


@pytest.mark.parametrize("kind", SOCKET_ERRORS, ids=lambda kind: kind.__name__)
def test_what_is_not_known_is_none_and_not_printed(kind: type[SocketError]) -> None:
    error = kind()
    assert (error.operation, error.address, error.attempts) == (None, None, ())
    assert "None" not in str(error)
    assert not str(error).startswith((":", " "))
    assert travelled(error)[0].address is None


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            ConnectionRefused(operation="connect", address=ADDRESSES[0]),
            "connect 192.0.2.1:80: Connection refused [ECONNREFUSED]",
        ),
        (ConnectionRefused(operation="connect"), "connect: Connection refused [ECONNREFUSED]"),
        (ConnectionRefused(address=ADDRESSES[2]), "/run/server: Connection refused [ECONNREFUSED]"),
        (ConnectionRefused(), "Connection refused [ECONNREFUSED]"),
        (ConnectionRefused(strerror="nobody"), "nobody [ECONNREFUSED]"),
        (PermissionDenied(errno.EPERM), "Operation not permitted [EPERM]"),
        (SocketClosed(operation="read_line"), "read_line: the socket is closed [EBADF]"),
        (Busy(operation="read"), "read: another thread is using the socket [EBUSY]"),
        (
            TimedOut.expired("accept", ADDRESSES[3]),
            "accept @name: time limit passed [ETIMEDOUT]",
        ),
        (
            NoName(-2, "unknown", operation="resolve", host="a.invalid"),
            "resolve a.invalid: unknown",
        ),
        (TryAgain(-3, "later", host="a.invalid"), "a.invalid: later"),
        (StreamError("odd"), "odd"),
        (StreamError("odd", operation="read", address="it"), "read it: odd"),
        (
            EndOfFile(operation="read_line", address=ADDRESSES[0]),
            "read_line 192.0.2.1:80: end of file",
        ),
        (EndOfFile(partial=b"abc"), "end of file after 3 bytes"),
        (
            LineTooLong(8, operation="read_line"),
            "read_line: no end within the limit of 8 bytes",
        ),
        (
            DecodingError("utf-8", b"a\xff", 1, 2, "invalid start byte", operation="read_char"),
            "read_char: 'utf-8' codec can't decode byte 0xff in position 1: invalid start byte",
        ),
    ],
)
def test_the_text_says_what_was_tried_on_what_and_what_came_of_it(
    error: TrunklineError, text: str
) -> None:
    assert str(error) == text


@pytest.mark.parametrize("kind", RESOLVER_ERRORS, ids=lambda kind: kind.__name__)
def test_resolver_errors_keep_the_host_and_the_resolver_s_code(kind: type[ResolverError]) -> None:
    error = kind(socket.EAI_NONAME, "unknown", operation="reverse", host=ADDRESSES[0])
    assert error.errno == socket.EAI_NONAME  # which is no errno
    for twin in travelled(error):
        assert (twin.errno, twin.strerror) == (socket.EAI_NONAME, "unknown")
        assert (twin.operation, twin.host) == ("reverse", ADDRESSES[0])
    bare = travelled(kind())[0]
    assert (bare.operation, bare.host) == (None, None)


def test_the_resolver_s_errors_are_six() -> None:
    assert {*RESOLVER_ERRORS} == {
        ResolverError,
        TryAgain,
        NoName,
        NoRecord,
        ServerFailure,
        QueryRefused,
    }


def test_resolver_errors_keep_what_was_asked_whom() -> None:
    server = Endpoint(IPv4Address("192.0.2.53"), 53)
    error = NoRecord(
        strerror="no such record",
        operation="query",
        host="www.test",
        record_type=28,
        server=server,
        ttl=60,
    )
    for twin in travelled(error):
        assert (twin.record_type, twin.server, twin.ttl) == (28, server, 60)
        assert str(twin) == "query www.test: no such record [192.0.2.53:53]"
    bare = travelled(NoName())[0]
    assert (bare.record_type, bare.server, bare.ttl) == (None, None, 0)


def test_an_end_of_file_keeps_what_there_was() -> None:
    error = EndOfFile(partial=b"abc", operation="read_exactly", address=ADDRESSES[1])
    for twin in travelled(error):
        assert twin.partial == b"abc"
        assert (twin.operation, twin.address) == ("read_exactly", ADDRESSES[1])
    assert travelled(EndOfFile())[0].partial == b""


def test_a_line_that_is_too_long_keeps_its_limit() -> None:
    for twin in travelled(LineTooLong(8, operation="read_line", address=ADDRESSES[2])):
        assert twin.limit == 8
        assert (twin.operation, twin.address) == ("read_line", ADDRESSES[2])


def test_a_decoding_error_keeps_all_that_python_knows_of_it() -> None:
    with pytest.raises(UnicodeDecodeError) as caught:
        b"ab\xe6\xbc".decode("utf-8")
    error = DecodingError.from_unicode_error(caught.value)
    error.operation, error.address = "read_line", ADDRESSES[0]
    for twin in [error, *travelled(error)]:
        assert (twin.encoding, twin.object) == ("utf-8", b"ab\xe6\xbc")
        assert (twin.start, twin.end, twin.reason) == (2, 4, "unexpected end of data")
        assert (twin.operation, twin.address) == ("read_line", ADDRESSES[0])
    assert str(error) == f"read_line 192.0.2.1:80: {caught.value}"


@pytest.mark.parametrize("error", [TimedOut.expired("read", ADDRESSES[0]), TimedOut(), Hangup()])
def test_notes_travel_with_an_error(error: TrunklineError) -> None:
    error.add_note("while saying hello")
    for twin in travelled(error):
        assert twin.__notes__ == ["while saying hello"]


# ---- Time limits ----


def test_a_limit_of_the_caller_s_is_told_from_the_system_s() -> None:
    ours = TimedOut.expired("read_line", ADDRESSES[0])
    assert ours.deadline is True
    assert ours.errno == errno.ETIMEDOUT
    assert (ours.operation, ours.address) == ("read_line", ADDRESSES[0])
    for twin in travelled(ours):
        assert twin.deadline is True
    theirs = SocketError.from_errno(errno.ETIMEDOUT, operation="read_line")
    assert isinstance(theirs, TimedOut)
    assert theirs.deadline is False
    assert "time limit" not in str(theirs)
    for other in travelled(theirs):
        assert other.deadline is False


# ---- Several attempts ----


def refused(number: int) -> ConnectionRefused:
    address = Endpoint(IPv4Address(f"192.0.2.{number}"), 80)
    return ConnectionRefused(operation="connect", address=address)


def test_one_attempt_is_its_own_error() -> None:
    only = refused(1)
    assert ConnectFailed.from_attempts((only,), address="example.org:80") is only


def test_attempts_that_failed_alike_are_one_error_of_that_kind() -> None:
    attempts = (refused(1), refused(2))
    error = ConnectFailed.from_attempts(attempts, address="example.org:80")
    assert type(error) is ConnectionRefused
    assert error.attempts == attempts
    assert error.errno == errno.ECONNREFUSED
    assert (error.operation, error.address) == ("connect", "example.org:80")
    assert str(error) == (
        "connect example.org:80: Connection refused [ECONNREFUSED] "
        "(connect 192.0.2.1:80: Connection refused [ECONNREFUSED]; "
        "connect 192.0.2.2:80: Connection refused [ECONNREFUSED])"
    )


def test_attempts_that_failed_differently_are_in_the_error() -> None:
    attempts = (refused(1), NetworkUnreachable(operation="connect", address=ADDRESSES[1]))
    error = ConnectFailed.from_attempts(attempts, address="example.org:80")
    assert type(error) is ConnectFailed
    assert error.attempts == attempts
    assert not isinstance(error, ConnectionRefusedError)
    for attempt in attempts:
        assert str(attempt) in str(error)
    assert "connect example.org:80: no address could be connected to" in str(error)
    for twin in travelled(error):
        assert [str(attempt) for attempt in twin.attempts] == [str(attempt) for attempt in attempts]


def test_errors_without_a_class_are_alike_only_if_their_errno_is() -> None:
    loop, broken = (SocketError.from_errno(code) for code in (errno.ELOOP, errno.EIO))
    assert type(loop) is type(broken) is SocketError
    assert type(ConnectFailed.from_attempts((loop, broken))) is ConnectFailed
    alike = ConnectFailed.from_attempts((loop, SocketError.from_errno(errno.ELOOP)))
    assert type(alike) is SocketError
    assert alike.errno == errno.ELOOP


def test_a_subclass_is_not_the_same_kind() -> None:
    assert type(ConnectFailed.from_attempts((BrokenPipe(), Hangup()))) is ConnectFailed


@pytest.mark.parametrize(
    ("attempts", "deadline"),
    [
        ((TimedOut(), TimedOut()), False),
        ((TimedOut.expired("connect"), TimedOut()), False),
        ((TimedOut.expired("connect"), TimedOut.expired("connect")), True),
    ],
)
def test_a_time_limit_that_ended_all_attempts_is_the_caller_s(
    attempts: tuple[TimedOut, ...], deadline: bool
) -> None:
    error = ConnectFailed.from_attempts(attempts)
    assert isinstance(error, TimedOut)
    assert error.deadline is deadline
