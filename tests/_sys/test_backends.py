"""The backends have one shape, and say the same; the event base's tests run on all of them."""

import inspect
import os
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from multiplex.helpers import Channel, open_channel
from sockets.helpers import no_descriptors_left
from support.peers import reset, socket_pair
from support.timing import MS, PATIENCE

from trunkline import SocketClosed, TooManyOpenFiles
from trunkline._sys.backends import Backend, available_backends, make_backend
from trunkline._sys.readiness import FAULTY, HUNG_UP, NUMBER_CLOSED, READABLE, WRITABLE
from trunkline._sys.registration import Registration


class Watched:
    """A backend that is told of numbers, each of which has a registration here."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._registrations: dict[int, Registration] = {}

    def register(self, number: int, interest: int) -> None:
        registration = self._registrations[number] = Registration(number)
        self.backend.register(registration, interest)

    def modify(self, number: int, interest: int) -> None:
        self.backend.modify(self._registrations[number], interest)

    def unregister(self, number: int) -> None:
        self.backend.unregister(self._registrations.get(number, Registration(number)))

    def wait(self, timeout: float | None) -> dict[int, int]:
        return {each._number: each._events for each in self.backend.wait(timeout)}


@pytest.fixture(params=available_backends())
def backend(request: pytest.FixtureRequest) -> Iterator[Watched]:
    watched = Watched(make_backend(request.param))
    yield watched
    watched.backend.close()


@pytest.fixture
def pair() -> Iterator[Channel]:
    with open_channel() as channel:
        yield channel


def seen(backend: Watched, timeout: float = PATIENCE) -> dict[int, str]:
    """Wait, and spell out what is ready: r(eadable), w(ritable), f(aulty), c(losed)."""
    spelling = {
        "r": READABLE | HUNG_UP,
        "w": WRITABLE | HUNG_UP,
        "f": FAULTY,
        "c": NUMBER_CLOSED,
    }
    return {
        number: "".join(letter for letter, bits in spelling.items() if events & bits)
        for number, events in backend.wait(timeout).items()
    }


def nothing(backend: Watched) -> bool:
    """Say whether nothing is ready."""
    return seen(backend, 5 * MS) == {}


# -- the shape -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", available_backends())
def test_a_backend_has_what_the_protocol_says_and_nothing_else(name: str) -> None:
    backend = make_backend(name)
    backend.close()
    assert backend.name == name
    public = {each for each in dir(backend) if not each.startswith("_")}
    described = {each for each in dir(Backend) if not each.startswith("_")}
    assert public == described | set(Backend.__annotations__)
    for each in described:
        ours, theirs = (
            inspect.signature(getattr(kind, each), eval_str=True)
            for kind in (type(backend), Backend)
        )
        assert ours.parameters == theirs.parameters


def test_every_backend_is_made_by_its_name() -> None:
    assert available_backends()
    with pytest.raises(ValueError, match=r"no such backend here: 'devpoll'"):
        make_backend("devpoll")


def test_the_environment_names_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in available_backends():
        monkeypatch.setenv("TRUNKLINE_BACKEND", name)
        backend = make_backend()
        backend.close()
        assert backend.name == name
    monkeypatch.setenv("TRUNKLINE_BACKEND", "")
    backend = make_backend()
    backend.close()
    assert backend.name == available_backends()[0]


# -- what is ready ---------------------------------------------------------------------------------


def test_a_descriptor_is_watched_for_what_it_was_registered_for(
    backend: Watched, pair: Channel
) -> None:
    backend.register(pair.reader, READABLE)
    assert nothing(backend)
    pair.send()
    assert seen(backend) == {pair.reader: "r"}
    backend.modify(pair.reader, READABLE | WRITABLE)
    assert seen(backend) == {pair.reader: "rw"}
    backend.modify(pair.reader, WRITABLE)
    assert seen(backend) == {pair.reader: "w"}
    backend.modify(pair.reader, 0)
    assert nothing(backend)
    backend.modify(pair.reader, READABLE)
    assert seen(backend) == {pair.reader: "r"}


def test_plain_input_looks_plain(backend: Watched, pair: Channel) -> None:
    backend.register(pair.reader, READABLE)
    pair.send()
    assert backend.wait(PATIENCE) == {pair.reader: READABLE}


def test_what_was_taken_out_is_not_told(backend: Watched, pair: Channel) -> None:
    backend.register(pair.reader, READABLE)
    pair.send()
    backend.unregister(pair.reader)
    assert nothing(backend)


def test_taking_out_what_is_not_there_does_nothing(backend: Watched, pair: Channel) -> None:
    backend.unregister(pair.reader)
    backend.register(pair.reader, READABLE)
    backend.unregister(pair.reader)
    backend.unregister(pair.reader)
    number = pair.reader
    backend.register(pair.reader, READABLE)
    pair.close_reader()
    backend.unregister(number)
    assert nothing(backend)


def test_a_hang_up_is_readable_and_writable(backend: Watched, pair: Channel) -> None:
    backend.register(pair.reader, READABLE | WRITABLE)
    pair.close_writer()
    assert seen(backend) == {pair.reader: "rw"}


def test_an_error_is_told_if_the_backend_can(backend: Watched) -> None:
    with socket_pair(socket.AF_INET) as (mine, peer):
        backend.register(mine.fileno(), READABLE | WRITABLE)
        assert set(seen(backend)[mine.fileno()]) == {"w"}
        reset(peer)
        backend.modify(mine.fileno(), READABLE)
        is_told = "f" in seen(backend)[mine.fileno()]
        assert is_told is (backend.backend.name != "select")


def test_what_is_told_unasked_has_a_name(backend: Watched, pair: Channel) -> None:
    """A hang-up, where nothing was asked for."""
    backend.register(pair.reader, 0)
    pair.close_writer()
    told = backend.wait(5 * MS)
    if backend.backend.name in ("epoll", "poll"):
        assert told == {pair.reader: HUNG_UP}
    else:
        assert told == {}


def test_a_wait_ends_when_its_time_is_up(backend: Watched) -> None:
    for seconds in (0, 0.0001, 20 * MS):
        start = time.monotonic()
        assert seen(backend, seconds) == {}
        assert seconds <= time.monotonic() - start < PATIENCE


def test_a_wait_may_have_no_limit_or_a_large_one(backend: Watched, pair: Channel) -> None:
    backend.register(pair.reader, READABLE)
    pair.send()
    for seconds in (None, 1e7, 1e12, 1e300):
        assert [*backend.wait(seconds)] == [pair.reader]


def test_a_signal_does_not_shorten_a_wait(backend: Watched) -> None:
    calls: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: calls.append(number))
    start = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, 5 * MS, 5 * MS)
    try:
        assert seen(backend, 40 * MS) == {}
        assert time.monotonic() - start >= 40 * MS
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert calls


# -- descriptors closed behind its back ------------------------------------------------------------


def test_a_closed_descriptor_is_told_or_silent(backend: Watched, pair: Channel) -> None:
    number = pair.reader
    backend.register(number, READABLE)
    pair.close_reader()
    tells = backend.backend.name in ("poll", "select")
    assert seen(backend, 5 * MS) == ({number: "c"} if tells else {})
    backend.unregister(number)
    assert nothing(backend)


def test_others_are_told_of_after_one_was_closed(backend: Watched, pair: Channel) -> None:
    with open_channel() as other:
        closed = other.reader
        backend.register(closed, READABLE)
        backend.register(pair.reader, READABLE)
        other.close_reader()
        pair.send()
        found = seen(backend)
        if pair.reader not in found:  # It may have to clear up first.
            assert found == {closed: "c"}
            backend.unregister(closed)
            found = seen(backend)
        assert found[pair.reader] == "r"


def test_a_descriptor_may_take_the_place_of_a_closed_one(backend: Watched, pair: Channel) -> None:
    """Registered, or changed, under the number that was another's."""
    for method in (backend.register, backend.modify):
        with open_channel() as old, open_channel() as new:
            number = old.reader
            backend.register(number, WRITABLE)
            old.close_reader()
            os.dup2(new.reader, number)
            new.close_reader()
            new.reader = number
            method(number, READABLE)
            assert nothing(backend)
            new.send()
            assert seen(backend) == {number: "r"}
            backend.unregister(number)


def test_a_rebuilt_set_watches_the_same(backend: Watched, pair: Channel) -> None:
    with open_channel() as closed, open_channel() as removed:
        backend.register(pair.reader, READABLE)
        backend.register(removed.reader, READABLE)
        backend.unregister(removed.reader)
        backend.register(closed.reader, READABLE)
        number = closed.reader
        closed.close_reader()
        backend.backend.rebuild()
        removed.send()
        pair.send()
        if number in seen(backend, 0):
            backend.unregister(number)
        assert seen(backend) == {pair.reader: "r"}


def test_who_is_registered_is_known_and_has_an_interest(backend: Watched, pair: Channel) -> None:
    registered = backend.backend.registered
    backend.register(pair.reader, READABLE)
    registration = registered[pair.reader]
    interests = [registration._interest]
    backend.modify(pair.reader, 0)
    interests.append(registration._interest)
    backend.unregister(pair.reader)
    interests.append(registration._interest)
    assert interests == [READABLE, 0, None]
    assert registered == {}


def test_a_number_belongs_to_whoever_has_registered_it_last(
    backend: Watched, pair: Channel
) -> None:
    backend.register(pair.reader, READABLE)
    first = backend.backend.registered[pair.reader]
    backend.register(pair.reader, READABLE)
    backend.backend.unregister(first)
    pair.send()
    (found,) = backend.backend.wait(PATIENCE)
    assert found is not first


# -- the peculiarities of each ---------------------------------------------------------------------

on_epoll = pytest.mark.skipif(not hasattr(select, "epoll"), reason="no epoll here")


@pytest.fixture
def epoll() -> Iterator[Watched]:
    watched = Watched(make_backend("epoll"))
    yield watched
    watched.backend.close()


@on_epoll
def test_epoll_reports_typed_errors(epoll: Watched, pair: Channel) -> None:
    number = pair.reader
    epoll.register(number, READABLE)
    pair.close_reader()
    for call in (epoll.register, epoll.modify):
        with pytest.raises(SocketClosed, match=f"^epoll_ctl descriptor {number}: "):
            call(number, WRITABLE)


@on_epoll
@pytest.mark.parametrize("removed", [False, True])
def test_epoll_leaves_a_stale_entry_behind(epoll: Watched, pair: Channel, removed: bool) -> None:
    """The open file outlives its number, which is another's, and the entry cannot be removed."""
    with open_channel() as old:
        number = old.reader
        epoll.register(number, READABLE)
        old.reader = os.dup(number)
        os.dup2(pair.reader, number)
        pair.close_reader()
        pair.reader = number
        if removed:
            epoll.unregister(number)
            epoll.register(number, WRITABLE | READABLE)
        else:
            epoll.modify(number, WRITABLE | READABLE)
        old.send()
        for _ in range(3):
            assert seen(epoll) == {number: "w"}
        pair.send()
        assert seen(epoll) == {number: "rw"}
        epoll.unregister(number)
        assert nothing(epoll)


@on_epoll
def test_epoll_may_be_told_of_others_while_it_leaves_stale_entries_behind(epoll: Watched) -> None:
    is_over = threading.Event()
    failures: list[BaseException] = []

    def change() -> None:
        try:
            while not is_over.is_set():
                with open_channel() as changing:
                    epoll.register(changing.reader, READABLE)
                    epoll.modify(changing.reader, READABLE | WRITABLE)
                    epoll.unregister(changing.reader)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(300):
            with open_channel() as old, open_channel() as new:
                number = old.reader
                epoll.register(number, READABLE)
                old.reader = os.dup(number)
                os.dup2(new.reader, number)
                epoll.modify(number, READABLE)
                old.send()
                epoll.wait(0)
                epoll.unregister(number)
                os.close(number)
    finally:
        is_over.set()
        thread.join(PATIENCE)
    assert not failures
    assert epoll.backend.registered == {}
    assert nothing(epoll)


@on_epoll
def test_epoll_can_be_rebuilt_without_a_descriptor_to_spare(epoll: Watched, pair: Channel) -> None:
    epoll.register(pair.reader, READABLE)
    with no_descriptors_left():
        epoll.backend.rebuild()
    pair.send()
    assert seen(epoll) == {pair.reader: "r"}


@on_epoll
def test_epoll_needs_a_descriptor() -> None:
    make_backend("epoll").close()  # the module has to be loaded, which needs descriptors, too
    with no_descriptors_left(), pytest.raises(TooManyOpenFiles, match=r"^epoll_create: "):
        make_backend("epoll")


@pytest.mark.skipif(sys.platform == "win32", reason="any number will do here")
def test_select_refuses_large_numbers() -> None:
    backend = Watched(make_backend("select"))
    for number in (1024, 5000):
        with pytest.raises(TooManyOpenFiles, match=f"^select descriptor {number}: .*below 1024"):
            backend.register(number, READABLE)
    assert nothing(backend)
    backend.backend.close()
