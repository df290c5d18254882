"""Lookups: answered once, or failed once, by threads that nobody waits for."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from evented.helpers import (
    Failure,
    Noting,
    ScriptedResolver,
    Start,
    fail,
    in_turn,
    unwanted,
)
from sockets.hosts import NO_ANSWERS, Misbehaving
from support.processes import ROOT
from support.timing import MS, PATIENCE

from trunkline import NoName, Resolution, ResolverError, TimedOut, TryAgain, ensure_address
from trunkline.evented import (
    Event,
    EventKind,
    HandleFreed,
    Lookup,
    current_event_loop,
    delay,
    dns_lookup,
    exit_event_loop,
    reverse_dns_lookup,
    signal_handler,
    tcp_connect,
)

SCRIPT: dict[str, str | Exception] = {
    "one.example": "192.0.2.1",
    "two.example": "192.0.2.2",
    "broken.example": NoName(operation="resolve", host="broken.example"),
    "192.0.2.1": "one.example",
    "192.0.2.99": NoName(operation="reverse", host="192.0.2.99"),
    "odd.example": ZeroDivisionError(),
}
ONE = Resolution((ensure_address("192.0.2.1"),), "ONE.EXAMPLE")


@pytest.fixture
def resolver() -> ScriptedResolver:
    """A resolver that knows the script."""
    return ScriptedResolver(SCRIPT)


# -- answers ---------------------------------------------------------------------------------------


def test_localhost_is_found_by_the_systems_resolver(start: Start) -> None:
    answers: list[Resolution] = []
    start(lambda: dns_lookup("localhost", answers.append, family="ipv4", event_cb=unwanted))
    assert [str(address) for address in answers[0].addresses] == ["127.0.0.1"]


def test_the_name_of_the_loopback_address_is_found_by_the_systems_resolver(start: Start) -> None:
    answers: list[str] = []
    start(lambda: reverse_dns_lookup("127.0.0.1", answers.append, event_cb=unwanted))
    assert answers == [socket.gethostbyaddr("127.0.0.1")[0]]


def test_an_answer_comes_from_the_loops_resolver(start: Start, resolver: ScriptedResolver) -> None:
    answers: list[object] = []

    def main() -> None:
        dns_lookup("one.example", answers.append, event_cb=unwanted)
        reverse_dns_lookup("192.0.2.1", answers.append, event_cb=unwanted)

    start(main, resolver=resolver)
    assert sorted(answers, key=str) == sorted([ONE, "one.example"], key=str)


@pytest.mark.parametrize("address", ["192.0.2.8", "2001:db8::8"])
def test_both_families_are_looked_up_in_both_directions(start: Start, address: str) -> None:
    resolver = ScriptedResolver({"host.example": address, address: "host.example"})
    found: list[Resolution] = []
    names: list[str] = []

    def main() -> None:
        dns_lookup("host.example", found.append, event_cb=unwanted)
        reverse_dns_lookup(ensure_address(address), names.append, event_cb=unwanted)

    start(main, resolver=resolver)
    assert [str(host) for host in found[0].addresses] == [address]
    assert names == ["host.example"]


def test_another_resolver_can_be_named(start: Start, resolver: ScriptedResolver) -> None:
    answers: list[object] = []

    def main() -> None:
        dns_lookup("one.example", answers.append, resolver=resolver)
        reverse_dns_lookup("192.0.2.1", answers.append, resolver=resolver)

    start(main)
    assert sorted(answers, key=str) == sorted([ONE, "one.example"], key=str)


def test_the_resolver_is_told_the_family(start: Start) -> None:
    families: list[str] = []

    class Telling(ScriptedResolver):
        def resolve(
            self, host: str, *, family: str = "internet", timeout: float | None = None
        ) -> Resolution:
            families.append(family)
            return super().resolve(host)

    def main() -> None:
        dns_lookup("one.example", lambda answer: None, family="ipv6")

    start(main, resolver=Telling(SCRIPT))
    assert families == ["ipv6"]


def test_several_lookups_are_answered_each_to_its_own(
    start: Start, resolver: ScriptedResolver
) -> None:
    answers: dict[str, str] = {}

    def look_up(name: str) -> None:
        dns_lookup(name, lambda found: answers.update({name: str(found.addresses[0])}))

    def main() -> None:
        look_up("one.example")
        look_up("two.example")

    start(main, resolver=resolver)
    assert answers == {"one.example": "192.0.2.1", "two.example": "192.0.2.2"}


def test_the_answer_comes_in_the_loops_thread_and_not_at_once(
    start: Start, resolver: ScriptedResolver
) -> None:
    seen: list[object] = []

    def main() -> None:
        dns_lookup("one.example", lambda _: seen.append(threading.get_ident()))
        dns_lookup("127.0.0.1", lambda _: seen.append(threading.get_ident()))
        seen.append("main goes on")

    start(main, resolver=resolver)
    assert seen == ["main goes on", *[threading.get_ident()] * 2]


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", ensure_address("192.0.2.7")])
def test_an_address_is_its_own_answer_and_nobody_is_asked(start: Start, address: Any) -> None:
    answers: list[Resolution] = []
    resolver = ScriptedResolver({})

    def main() -> None:
        dns_lookup(address, answers.append, event_cb=unwanted)
        assert current_event_loop().event_base._worker_threads._thread_count == 0

    start(main, resolver=resolver)
    assert answers == [Resolution((ensure_address(address),), None)]
    assert resolver.asked == []


# -- failures --------------------------------------------------------------------------------------


def test_a_failure_reaches_the_event_callback_once(
    start: Start, resolver: ScriptedResolver
) -> None:
    events = Noting()
    lookups: list[Lookup] = []

    def main() -> None:
        lookups.append(dns_lookup("broken.example", unwanted, event_cb=events))
        lookups.append(reverse_dns_lookup("192.0.2.99", unwanted, event_cb=events))

    start(main, resolver=resolver)
    events.sort(key=lambda event: lookups.index(event.source))
    assert events == [
        Event(EventKind.ERROR, lookups[0], SCRIPT["broken.example"]),  # type: ignore[arg-type]
        Event(EventKind.ERROR, lookups[1], SCRIPT["192.0.2.99"]),  # type: ignore[arg-type]
    ]


def test_a_failure_is_told_once_even_if_the_event_callback_fails(
    start: Start, resolver: ScriptedResolver
) -> None:
    events = Noting(fail)
    errors: list[Exception] = []
    start(
        lambda: dns_lookup("broken.example", unwanted, event_cb=events),
        resolver=resolver,
        catch_app_errors=errors.append,
    )
    assert len(events) == 1
    assert [type(error) for error in errors] == [Failure]


def test_without_an_event_callback_the_loop_has_a_handler(
    start: Start, resolver: ScriptedResolver
) -> None:
    events = Noting()

    def main() -> None:
        current_event_loop().default_event_handler = events
        dns_lookup("broken.example", unwanted)

    start(main, resolver=resolver)
    assert [event.error for event in events] == [SCRIPT["broken.example"]]


def test_an_address_of_another_family_is_no_answer(start: Start) -> None:
    events = Noting()
    start(lambda: dns_lookup("127.0.0.1", unwanted, family="ipv6", event_cb=events))
    assert [type(event.error) for event in events] == [NoName]


def test_what_else_a_resolver_raises_is_told_too(start: Start, resolver: ScriptedResolver) -> None:
    events = Noting()
    start(lambda: dns_lookup("odd.example", unwanted, event_cb=events), resolver=resolver)
    assert [type(event.error) for event in events] == [ZeroDivisionError]


@pytest.mark.parametrize("name", NO_ANSWERS)
def test_what_is_no_answer_is_told_as_an_error(start: Start, name: str) -> None:
    events, answer = Noting(), NO_ANSWERS[name]

    def ask() -> None:
        dns_lookup("host.example", unwanted, event_cb=events)
        if not isinstance(answer, str):  # which may be a name
            reverse_dns_lookup("192.0.2.1", unwanted, event_cb=events)

    start(ask, resolver=Misbehaving(answer))
    assert len(events) == 1 if isinstance(answer, str) else 2
    assert all(isinstance(event.error, ResolverError) for event in events)


def test_what_is_raised_past_exception_is_told_too(start: Start) -> None:
    events = Noting()
    resolver = Misbehaving(asyncio.CancelledError())
    start(lambda: dns_lookup("host.example", unwanted, event_cb=events), resolver=resolver)
    assert [type(event.error) for event in events] == [ResolverError]


@pytest.mark.parametrize(
    ("look_up", "kind"),
    [
        (lambda: dns_lookup("", unwanted), ValueError),
        (lambda: dns_lookup("80.80.80.257", unwanted), ValueError),
        (lambda: dns_lookup("a name", unwanted), ValueError),
        (lambda: dns_lookup(3.5, unwanted), TypeError),  # type: ignore[arg-type]
        (lambda: dns_lookup("name", unwanted, resolver=3), TypeError),  # type: ignore[arg-type]
        (lambda: reverse_dns_lookup("::1", unwanted, resolver=3), TypeError),  # type: ignore[arg-type]
        (lambda: dns_lookup("name", 3), TypeError),  # type: ignore[arg-type]
        (lambda: dns_lookup("name", unwanted, family="ipx"), ValueError),  # type: ignore[arg-type]
        (lambda: dns_lookup("name", unwanted, timeout=-1), ValueError),
        (lambda: dns_lookup("name", unwanted, timeout="1"), TypeError),  # type: ignore[arg-type]
        (lambda: reverse_dns_lookup("name", unwanted), ValueError),
        (lambda: reverse_dns_lookup("::1", 3), TypeError),  # type: ignore[arg-type]
    ],
)
def test_wrong_arguments_are_refused_and_leave_nothing(
    start: Start, look_up: Callable[[], object], kind: type[Exception]
) -> None:
    resolver = ScriptedResolver({})

    def main() -> None:
        with pytest.raises(kind):
            look_up()
        assert current_event_loop().statistics().handles == {}

    start(main, resolver=resolver)
    assert resolver.asked == []


@pytest.mark.parametrize("look_up", [dns_lookup, reverse_dns_lookup])
def test_outside_of_a_loop_nothing_is_looked_up(look_up: Callable[..., object]) -> None:
    with pytest.raises(RuntimeError, match="no event loop is running"):
        look_up("127.0.0.1", unwanted)


# -- while it takes long ---------------------------------------------------------------------------


def test_the_loop_is_not_blocked_and_is_kept_alive(
    start: Start, resolver: ScriptedResolver
) -> None:
    resolver.gate.clear()
    answers: list[object] = []

    def main() -> None:
        dns_lookup("one.example", answers.append)
        delay(resolver.gate.set, 2 * MS)  # the loop goes on, or there would be no answer

    start(main, resolver=resolver)
    assert answers == [ONE]


def test_when_the_time_is_up_it_has_failed_and_the_answer_is_thrown_away(
    start: Start, resolver: ScriptedResolver
) -> None:
    resolver.gate.clear()
    events = Noting(in_turn(lambda: resolver.gate.set(), lambda: delay(lambda: None, 5 * MS)))
    start(
        lambda: dns_lookup("one.example", unwanted, event_cb=events, timeout=MS), resolver=resolver
    )
    (event,) = events
    assert event.kind is EventKind.TIMEOUT
    assert isinstance(event.error, TimedOut)
    assert event.error.deadline
    assert str(event.error) == "resolve one.example: time limit passed [ETIMEDOUT]"


def test_in_time_it_has_not_failed(start: Start, resolver: ScriptedResolver) -> None:
    answers: list[object] = []

    def main() -> None:
        dns_lookup("one.example", answers.append, timeout=PATIENCE)
        base = current_event_loop().event_base
        current_event_loop().add_exit_callback(lambda: answers.append(base.statistics().timers))

    start(main, resolver=resolver)
    assert answers == [ONE, 0]


def test_a_lookup_that_is_freed_is_not_answered(start: Start, resolver: ScriptedResolver) -> None:
    resolver.gate.clear()

    def main() -> None:
        dns_lookup("broken.example", unwanted, event_cb=unwanted).free()
        lookup = dns_lookup("one.example", unwanted, event_cb=unwanted)
        for _ in range(2):
            assert resolver.begun.acquire(timeout=PATIENCE)
        lookup.free()
        assert lookup.freed
        resolver.gate.set()
        with pytest.raises(HandleFreed):
            lookup.unref()
        delay(lambda: None, 5 * MS)

    start(main, resolver=resolver)


def test_a_lookup_that_waits_for_its_turn_is_not_begun_when_it_is_freed(
    start: Start, resolver: ScriptedResolver
) -> None:
    resolver.gate.clear()
    answers: list[object] = []

    def main() -> None:
        dns_lookup("one.example", answers.append)
        assert resolver.begun.acquire(timeout=PATIENCE)
        dns_lookup("two.example", unwanted).free()
        resolver.gate.set()

    start(main, resolver=resolver, max_lookups=1)
    assert answers == [ONE]
    assert resolver.asked == ["one.example"]


def test_a_loop_that_ends_first_drops_the_answer_without_noise(
    start: Start, resolver: ScriptedResolver, caplog: pytest.LogCaptureFixture
) -> None:
    """What a thread raises fails a test here."""
    resolver.gate.clear()
    lookups: list[Lookup] = []

    def main() -> None:
        names = ("one.example", "broken.example", "two.example")
        lookups.extend(dns_lookup(name, unwanted, event_cb=unwanted) for name in names)
        for _ in range(2):
            assert resolver.begun.acquire(timeout=PATIENCE)
        exit_event_loop()

    start(main, resolver=resolver, max_lookups=2)
    assert all(lookup.freed for lookup in lookups)
    resolver.gate.set()
    for thread in threading.enumerate():
        if thread.name == "trunkline-worker":
            thread.join(PATIENCE)
    assert sorted(resolver.asked) == ["broken.example", "one.example"], "the third is not begun"
    assert not caplog.records


NEVER_ANSWERED = """
import threading
from trunkline.evented import dns_lookup, exit_event_loop, start_event_loop

class Silent:
    def resolve(self, host, *, family="internet", timeout=None):
        begun.set()
        threading.Event().wait()

def main():
    dns_lookup("one.example", print)
    begun.wait()
    exit_event_loop()

begun = threading.Event()
start_event_loop(main, resolver=Silent())
print("the end")
"""


def test_a_thread_that_is_never_answered_does_not_keep_the_program_from_ending() -> None:
    argv = [sys.executable, "-Wdefault", "-c", NEVER_ANSWERED]
    run = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
    assert (run.returncode, run.stdout, run.stderr) == (0, "the end\n", "")


def test_only_so_many_names_are_looked_up_at_once(start: Start, resolver: ScriptedResolver) -> None:
    resolver.gate.clear()
    answers: list[object] = []

    def main() -> None:
        for _ in range(10):
            dns_lookup("one.example", answers.append)
        assert current_event_loop().statistics().open_lookups == 10
        for _ in range(3):
            assert resolver.begun.acquire(timeout=PATIENCE)
        resolver.gate.set()

    start(main, resolver=resolver, max_lookups=3)
    assert answers == [ONE] * 10
    assert resolver.most_at_once == 3


def test_names_to_connect_to_count_among_them(start: Start, resolver: ScriptedResolver) -> None:
    resolver.gate.clear()
    answers: list[object] = []
    events = Noting()

    def main() -> None:
        dns_lookup("one.example", answers.append)
        tcp_connect("broken.example", 9, unwanted, events)
        assert resolver.begun.acquire(timeout=PATIENCE)
        assert current_event_loop().event_base._worker_threads._thread_count == 1
        resolver.gate.set()

    start(main, resolver=resolver, max_lookups=1)
    assert answers == [ONE]
    assert len(events) == 1
    assert resolver.asked == ["one.example", "broken.example"]


def test_threads_end_when_there_is_nothing_to_do_and_begin_again(
    start: Start, resolver: ScriptedResolver
) -> None:
    answers: list[object] = []

    def again(answer: Resolution) -> None:
        answers.append(answer)
        for thread in threading.enumerate():
            if thread.name == "trunkline-worker":
                thread.join(PATIENCE)
                assert not thread.is_alive()
        if len(answers) < 3:
            dns_lookup("one.example", again)

    start(lambda: dns_lookup("one.example", again), resolver=resolver, max_lookups=1)
    assert len(answers) == 3


def test_nothing_is_left_after_an_answer_or_a_failure(
    start: Start, resolver: ScriptedResolver
) -> None:
    def main() -> None:
        def look(_: object) -> None:
            assert current_event_loop().statistics().handles == {}
            assert current_event_loop().event_base._worker_threads._open == {}

        dns_lookup("one.example", look)
        current_event_loop().default_event_handler = look

    start(main, resolver=resolver)
    start(lambda: dns_lookup("broken.example", unwanted, event_cb=lambda _: None))


def test_without_a_reference_it_does_not_keep_the_loop_alive(
    start: Start, resolver: ScriptedResolver
) -> None:
    resolver.gate.clear()
    start(lambda: dns_lookup("one.example", unwanted).unref(), resolver=resolver)
    resolver.gate.set()


def test_where_no_thread_can_be_started_the_lookup_fails(
    start: Start, resolver: ScriptedResolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    events = Noting()

    def main() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refuse)
            dns_lookup("one.example", unwanted, event_cb=events)
            dns_lookup("one.example", unwanted, event_cb=events)
        dns_lookup("two.example", lambda answer: events.append(answer))  # type: ignore[arg-type]

    start(main, resolver=resolver)
    failures = [event.error for event in events if isinstance(event, Event)]
    assert [type(error) for error in failures] == [TryAgain, TryAgain]
    assert str(failures[0]) == "resolve one.example: can't start new thread"
    assert len(events) == 3
    assert resolver.asked == ["two.example"]


# -- callbacks that do what they like --------------------------------------------------------------


def test_a_callback_that_fails_leaves_the_loop(start: Start, resolver: ScriptedResolver) -> None:
    with pytest.raises(Failure):
        start(lambda: dns_lookup("one.example", fail, event_cb=unwanted), resolver=resolver)


def test_a_callback_may_look_up_more_and_free_itself_and_others(
    start: Start, resolver: ScriptedResolver
) -> None:
    answers: list[object] = []
    lookups: list[Lookup] = []

    def first(answer: Resolution) -> None:
        answers.append(answer)
        for lookup in lookups:
            lookup.free()
        dns_lookup("one.example", answers.append)

    def main() -> None:
        lookups.extend(dns_lookup("127.0.0.1", first) for _ in range(3))

    start(main, resolver=resolver)
    assert answers == [Resolution((ensure_address("127.0.0.1"),), None), ONE]


def test_signals_do_not_disturb_a_lookup(start: Start, resolver: ScriptedResolver) -> None:
    resolver.gate.clear()
    answers: list[object] = []

    def main() -> None:
        dns_lookup("one.example", answers.append)
        handler = signal_handler(
            signal.SIGUSR1, in_turn(lambda _: handler.free(), lambda _: resolver.gate.set())
        )
        os.kill(os.getpid(), signal.SIGUSR1)

    start(main, resolver=resolver)
    assert answers == [ONE]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # that there are threads
def test_after_a_fork_both_processes_are_answered(start: Start, resolver: ScriptedResolver) -> None:
    resolver.gate.clear()
    answers: list[object] = []
    parent = os.getpid()
    children: list[int] = []

    def main() -> None:
        dns_lookup("one.example", answers.append)
        assert resolver.begun.acquire(timeout=PATIENCE)
        dns_lookup("two.example", answers.append)  # which waits for its turn
        children.append(os.fork())
        resolver.gate.set()

    status = 1
    try:
        start(main, resolver=resolver, max_lookups=1)
        assert [str(answer.addresses[0]) for answer in answers] == ["192.0.2.1", "192.0.2.2"]  # type: ignore[attr-defined]
        status = 0
    finally:
        if os.getpid() != parent:
            with contextlib.suppress(Exception):
                os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]) == 0
