"""A cache above another resolver: blocking, and on an event base."""

import contextlib
import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address
from types import CodeType, FrameType
from typing import Any

import pytest
from names.helpers import Way
from support.timing import MS, PATIENCE

from trunkline import (
    EventBase,
    NoName,
    Resolution,
    ServerFailure,
    SocketClosed,
    SystemResolver,
    TimedOut,
    lookup_hostname,
)
from trunkline.names import CachingResolver
from trunkline.names.questions import Questions
from trunkline.testing.clock import ManualClock

V4, V6 = IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")


class Directory:
    """A resolver that counts how many times it was asked, and can be made to wait."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.error: Exception | None = None
        self.go_on = threading.Event()
        self.go_on.set()
        self.was_asked = threading.Semaphore(0)

    def resolve(
        self, host: str, *, family: str = "internet", timeout: float | None = None
    ) -> Resolution:
        self._ask((host, family))
        found = tuple(each for each in (V6, V4) if family in ("internet", f"ipv{each.version}"))
        return Resolution(found, host)

    def reverse(self, address: Any, *, timeout: float | None = None) -> str:
        self._ask(address)
        return "host.test"

    def _ask(self, what: Any) -> None:
        self.asked.append(what)
        self.was_asked.release()
        assert self.go_on.wait(PATIENCE)
        if self.error is not None:
            raise self.error


@pytest.fixture
def directory() -> Iterator[Directory]:
    directory = Directory()
    yield directory
    directory.go_on.set()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_what_was_said_is_remembered_for_a_time(
    directory: Directory, clock: ManualClock, ask: Way
) -> None:
    resolver = CachingResolver(directory, ttl=10, clock=clock)
    for _ in range(3):
        assert ask(resolver, "resolve", "host.test") == ((V6, V4), "host.test")
        assert ask(resolver, "reverse", V4) == "host.test"
    assert directory.asked == [("host.test", "internet"), V4]
    clock.advance(9.9)
    ask(resolver, "resolve", "host.test")
    assert len(directory.asked) == 2
    clock.advance(0.2)
    ask(resolver, "resolve", "host.test")
    assert len(directory.asked) == 3


def test_each_family_is_asked_for_on_its_own(directory: Directory, ask: Way) -> None:
    resolver = CachingResolver(directory)
    for _ in range(2):
        assert ask(resolver, "resolve", "host.test", family="ipv4").addresses == (V4,)
        assert ask(resolver, "resolve", "host.test", family="ipv6").addresses == (V6,)
    assert directory.asked == [("host.test", "ipv4"), ("host.test", "ipv6")]


def test_that_there_is_nothing_is_remembered_too(
    directory: Directory, clock: ManualClock, ask: Way
) -> None:
    directory.error = NoName(strerror="no", operation="resolve", host="host.test")
    resolver = CachingResolver(directory, negative_ttl=3, clock=clock)
    caught = []
    for _ in range(2):
        with pytest.raises(NoName) as error:
            ask(resolver, "resolve", "host.test")
        caught.append(error.value)
    assert len(directory.asked) == 1
    assert caught[0] is not caught[1]
    clock.advance(3)
    with pytest.raises(NoName):
        ask(resolver, "resolve", "host.test")
    assert len(directory.asked) == 2


def test_an_error_that_says_for_how_long_is_believed(
    directory: Directory, clock: ManualClock, ask: Way
) -> None:
    directory.error = NoName(strerror="no", operation="resolve", host="host.test", ttl=60)
    resolver = CachingResolver(directory, negative_ttl=3, clock=clock)
    for _ in range(2):
        with pytest.raises(NoName):
            ask(resolver, "resolve", "host.test")
        clock.advance(50)
    assert len(directory.asked) == 1


@pytest.mark.parametrize(
    "error",
    [ServerFailure(strerror="no"), TimedOut(), RuntimeError("no"), OSError(5, "no")],
    ids=lambda error: type(error).__name__,
)
def test_other_errors_are_not(directory: Directory, ask: Way, error: Exception) -> None:
    directory.error = error
    resolver = CachingResolver(directory)
    for _ in range(2):
        with pytest.raises(type(error)):
            ask(resolver, "resolve", "host.test")
    assert len(directory.asked) == 2
    directory.error = None
    assert ask(resolver, "resolve", "host.test").addresses == (V6, V4)


def test_no_more_are_remembered_than_there_is_room_for(directory: Directory, ask: Way) -> None:
    resolver = CachingResolver(directory, cache_size=2)
    for host in ("one.test", "two.test", "three.test", "three.test", "two.test", "one.test"):
        ask(resolver, "resolve", host)
    assert [host for host, _ in directory.asked] == [
        "one.test",
        "two.test",
        "three.test",
        "one.test",
    ]
    resolver = CachingResolver(directory, cache_size=0)
    directory.asked.clear()
    for _ in range(2):
        ask(resolver, "resolve", "one.test")
    assert len(directory.asked) == 2


def test_what_is_known_can_be_looked_at_and_forgotten(
    directory: Directory, clock: ManualClock
) -> None:
    resolver = CachingResolver(directory, ttl=10, negative_ttl=5, clock=clock)
    resolver.resolve("host.test")
    resolver.reverse(V4)
    directory.error = NoName(strerror="no", operation="resolve", host="none.test")
    with pytest.raises(NoName):
        resolver.resolve("none.test")
    clock.advance(1)
    (host, found, left), (address, name, _), (none, error, negative_left) = resolver.known()
    assert (host, found, left) == ("host.test", ((V6, V4), "host.test"), 9)
    assert (address, name) == (V4, "host.test")
    assert (none, type(error), negative_left) == ("none.test", NoName, 4)
    resolver.forget()
    assert resolver.known() == []


def test_what_was_asked_before_all_was_forgotten_is_told_and_not_remembered(
    directory: Directory,
) -> None:
    resolver = CachingResolver(directory)
    directory.go_on.clear()
    told: list[Any] = []
    with EventBase(exit_when_empty=True) as base:
        resolver.resolve_on(base, "host.test", told.append, told.append)
        base.dispatch(timeout=0)
        assert directory.was_asked.acquire(timeout=PATIENCE)
        resolver.forget()
        late = resolver.resolve_on(base, "host.test", told.append, told.append)
        base.dispatch(timeout=0)
        assert directory.was_asked.acquire(timeout=PATIENCE)  # for it was asked anew
        late.cancel()
        directory.go_on.set()
        base.dispatch(timeout=PATIENCE)
    assert told == [((V6, V4), "host.test")]
    assert resolver.known() == []
    assert len(directory.asked) == 2


def test_threads_that_want_the_same_ask_once(directory: Directory) -> None:
    resolver = CachingResolver(directory)
    directory.go_on.clear()
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(resolver.resolve, "host.test") for _ in range(8)]
        assert directory.was_asked.acquire(timeout=PATIENCE)
        directory.go_on.set()
        assert {answer.result(PATIENCE) for answer in answers} == {((V6, V4), "host.test")}
    assert len(directory.asked) == 1


def test_and_so_do_look_ups_on_an_event_base(directory: Directory) -> None:
    resolver = CachingResolver(directory)
    told: list[Any] = []
    with EventBase(exit_when_empty=True) as base:
        lookups = [
            resolver.resolve_on(base, "host.test", told.append, told.append) for _ in range(8)
        ]
        lookups[0].cancel()  # who was the first to ask
        lookups[5].cancel()
        base.dispatch(timeout=PATIENCE)
    assert told == [((V6, V4), "host.test")] * 6


def test_the_time_for_all_of_it_is_kept_to(directory: Directory, ask: Way) -> None:
    directory.go_on.clear()
    with pytest.raises(TimedOut, match=r"^resolve host\.test: "):
        ask(CachingResolver(directory), "resolve", "host.test", timeout=30 * MS)


def test_what_is_known_takes_no_time(directory: Directory, ask: Way) -> None:
    resolver = CachingResolver(directory)
    for method, what in (("resolve", "host.test"), ("reverse", V4)):
        found = ask(resolver, method, what)
        assert ask(resolver, method, what, timeout=0) == found


def test_an_event_base_that_closes_ends_its_look_ups(directory: Directory) -> None:
    directory.go_on.clear()
    told: list[Any] = []
    resolver = CachingResolver(directory)
    with EventBase() as base:
        resolver.resolve_on(base, "host.test", told.append, told.append)
        base.dispatch(timeout=0)
    directory.go_on.set()
    assert told == []
    assert resolver.resolve("host.test").addresses == (V6, V4)
    with pytest.raises(SocketClosed):
        resolver.resolve_on(base, "host.test", told.append, told.append)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_child_process_asks_anew(directory: Directory) -> None:
    resolver = CachingResolver(directory)
    directory.go_on.clear()
    thread = threading.Thread(target=resolver.resolve, args=("host.test",))
    thread.start()
    assert directory.was_asked.acquire(timeout=PATIENCE)
    child = os.fork()
    if not child:  # pragma: no cover - it is not looked at there
        directory.go_on = threading.Event()
        directory.go_on.set()
        os._exit(resolver.resolve("host.test").addresses != (V6, V4))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    directory.go_on.set()
    thread.join(PATIENCE)


def test_an_answer_may_come_at_any_moment_while_somebody_else_begins_to_wait(
    directory: Directory,
) -> None:
    for line in itertools.count():
        directory.go_on.clear()
        resolver = CachingResolver(directory)
        other = threading.Thread(target=resolver.resolve, args=("host.test",))
        other.start()
        assert directory.was_asked.acquire(timeout=PATIENCE)

        def come(other: threading.Thread = other) -> None:
            directory.go_on.set()
            other.join(20 * MS)  # which cannot be where a lock is held

        with at_line(line, Questions._ask.__code__, come) as passed:
            assert resolver.resolve("host.test").addresses == (V6, V4)
        other.join(PATIENCE)
        while directory.was_asked.acquire(blocking=False):
            pass
        if line == len(passed):  # it has come at the end
            break
    assert line > 5


@contextlib.contextmanager
def at_line(number: int, code: CodeType, action: Callable[[], object]) -> Iterator[list[int]]:
    """Do something before a line that a function passes in this thread; yield those it passed.

    If it passes just as many lines, that is done at its end.
    """
    passed: list[int] = []

    def within(frame: FrameType, event: str, argument: object) -> Any:
        if event in ("line", "return") and len(passed) == number:
            action()
        if event == "line":
            passed.append(frame.f_lineno)
        return within

    def begin(frame: FrameType, event: str, argument: object) -> Any:
        return within if frame.f_code is code else None

    before = sys.gettrace()
    sys.settrace(begin)
    try:
        yield passed
    finally:
        sys.settrace(before)


def test_for_ever_is_a_time(directory: Directory, clock: ManualClock) -> None:
    resolver = CachingResolver(directory, ttl=float("inf"), clock=clock)
    for _ in range(2):
        resolver.resolve("host.test")
        clock.advance(1e9)
    assert len(directory.asked) == 1


def test_an_address_is_its_own_answer_in_whatever_form(directory: Directory, ask: Way) -> None:
    resolver = CachingResolver(SystemResolver())
    for host in (str(V4), V4, V4.packed):
        assert ask(resolver, "resolve", host).addresses == (V4,)


def test_what_was_refused_is_not_heard_of_again(directory: Directory) -> None:
    told: list[Any] = []
    with EventBase(exit_when_empty=True) as base:
        refused: list[tuple[str, Any]]
        refused = [("a b", None), ("host.test", 5), ("host.test", lambda: None)]
        for host, came in refused:
            with pytest.raises((ValueError, TypeError)):
                CachingResolver(directory).resolve_on(
                    base, host, told.append, told.append, timeout=MS, came=came
                )
        base.dispatch(timeout=PATIENCE)
    assert told == directory.asked == []


def test_what_was_interrupted_while_it_began_is_asked_anew(directory: Directory) -> None:
    class Interrupted(Directory):
        def resolve_on(self, event_base: EventBase, host: str, *args: Any, **options: Any) -> Any:
            self.asked.append(host)
            if len(self.asked) == 1:
                raise KeyboardInterrupt
            return CachingResolver(directory).resolve_on(event_base, host, *args, **options)

    resolver = CachingResolver(Interrupted())
    told: list[Any] = []
    unwanted: list[Any] = []
    with EventBase(exit_when_empty=True) as base:
        with pytest.raises(KeyboardInterrupt):
            resolver.resolve_on(base, "host.test", unwanted.append, unwanted.append, timeout=MS)
        resolver.resolve_on(base, "host.test", told.append, told.append, timeout=PATIENCE)
        base.dispatch(timeout=PATIENCE)
    assert (told, unwanted) == ([Resolution((V6, V4), "host.test")], [])


def test_it_is_a_resolver_as_any_other(directory: Directory) -> None:
    resolver = CachingResolver(directory)
    for _ in range(2):
        assert lookup_hostname("host.test", resolver=resolver).addresses == (V4,)
        assert lookup_hostname(V4, resolver=resolver).canonical_name == "host.test"
    assert len(directory.asked) == 2


def test_the_systems_resolver_is_what_it_asks_unless_told_otherwise() -> None:
    assert CachingResolver().resolve("localhost", timeout=PATIENCE).addresses[0].is_loopback


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"ttl": None}, TypeError),
        ({"ttl": -1}, ValueError),
        ({"negative_ttl": "5"}, TypeError),
        ({"negative_ttl": float("nan")}, ValueError),
        ({"cache_size": -1}, ValueError),
        ({"cache_size": 1.5}, TypeError),
        ({"clock": 5}, TypeError),
        ({"resolver": 5}, TypeError),
        ({"resolver": ""}, TypeError),
        ({"resolver": CachingResolver}, TypeError),
    ],
)
def test_what_it_cannot_be_given_is_told(options: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        CachingResolver(**options)


@pytest.mark.parametrize("host", ["", "a b", "127.1", "☕.example"])
def test_what_can_be_no_name_is_not_asked_for(directory: Directory, host: str, ask: Way) -> None:
    with pytest.raises(ValueError, match=r"not|empty"):
        ask(CachingResolver(directory), "resolve", host)
    with pytest.raises(ValueError, match="the family is one of"):
        ask(CachingResolver(directory), "resolve", "host.test", family="ipv5")
    assert directory.asked == []
