"""Whatever is done to an event base, it calls whom a simple model of it calls.

The order in which descriptors are served is the backend's own business. So the model follows the
calls as they come: each must be one that is due at that moment, and at the end of the iteration
nothing may be left that was due. What the handlers do to each other is done to the model, too.
"""

import contextlib
import os
import select
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from multiplex.helpers import UNDER_FAULTS, wait_for
from support.timing import PATIENCE

from trunkline import Cause, EventBase
from trunkline.multiplex.handlers import Event

NAMES: tuple[Event, ...] = ("read", "write", "error")
EVENTS = st.sampled_from(NAMES)
ENOUGH_CHANNELS = 6


@dataclass(eq=False)
class Pair:
    """Two connected sockets, the nearer of which is monitored."""

    near: int
    far: int
    unread: int = 0  # bytes that the near end could read
    is_full: bool = False  # the near end cannot be written
    spares: list[int] = field(default_factory=list)  # duplicates of the near end


@dataclass(eq=False)
class Watch:
    """What is monitored under a number."""

    pair: Pair
    handlers: dict[Event, "Handler"] = field(default_factory=dict)


@dataclass(eq=False)
class Handler:
    """What is called, and what it does then."""

    one_shot: bool
    reaction: "Reaction"


Reaction = Callable[["Machine", Pair], object]


def open_sockets() -> tuple[int, int]:
    """Return two connected sockets that are soon full."""
    left, right = socket.socketpair()
    for each in (left, right):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return left.detach(), right.detach()


class Machine(RuleBasedStateMachine):
    """An event base, and the model of it."""

    def __init__(self, backend: str) -> None:
        super().__init__()
        self.base = EventBase(backend=backend)
        self.pairs: list[Pair] = []
        self.watches: dict[int, Watch] = {}
        self.ghosts: set[int] = set()  # numbers that were closed while they were monitored
        self.due: dict[Watch, set[Event]] = {}  # of the iteration that is being made
        self.known: set[Watch] = set()  # those that were there when it began
        self.begun: set[Handler] = set()  # and their handlers

    def teardown(self) -> None:
        self.base.close()
        for pair in self.pairs:
            for number in (pair.near, pair.far, *pair.spares):
                if number >= 0:
                    os.close(number)

    # -- what can be done outside of handlers, and in them -----------------------------------------

    @initialize(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        """Begin with a few pairs that have something to do with each other."""
        for _ in range(3):
            self.open(unread=True, full=data.draw(st.booleans()))
        for pair in list(self.pairs):
            for event in NAMES[: data.draw(st.integers(1, 3))]:
                self.do_set_handler(pair, event, False, self.some_reaction(data))

    @precondition(lambda self: len(self.pairs) < ENOUGH_CHANNELS)
    @rule(unread=st.booleans(), full=st.booleans())
    def open(self, unread: bool, full: bool) -> None:
        """Open a pair, whose numbers may be those of one that was closed."""
        pair = Pair(*open_sockets())
        self.pairs.append(pair)
        if unread:
            self.do_send(pair)
        if full:
            self.do_fill(pair)

    def some_pair(self, data: st.DataObject) -> Pair | None:
        """Choose a pair whose near end is open."""
        open_pairs = [pair for pair in self.pairs if pair.near >= 0]
        return data.draw(st.sampled_from(open_pairs)) if open_pairs else None

    @rule(data=st.data(), event=EVENTS, one_shot=st.booleans())
    def set_handler(self, data: st.DataObject, event: Event, one_shot: bool) -> None:
        """Set a handler, or find that there is one."""
        pair = self.some_pair(data)
        if pair is not None:
            self.do_set_handler(pair, event, one_shot, self.some_reaction(data))

    def do_set_handler(self, pair: Pair, event: Event, one_shot: bool, then: Reaction) -> None:
        """Set a handler."""
        watch = self.watches.get(pair.near)
        if watch is None or watch.pair is not pair:
            watch = Watch(pair)
        handler = Handler(one_shot, then)

        def called(number: int, event: Event, cause: Cause | None) -> None:
            self.check_call(watch, handler, number, event, cause)
            then(self, pair)

        if event in watch.handlers:
            with pytest.raises(ValueError, match="already monitored"):
                self.base.set_io_handler(pair.near, event, called)
            return
        self.base.set_io_handler(pair.near, event, called, one_shot=one_shot)
        watch.handlers[event] = handler
        self.watches[pair.near] = watch
        self.ghosts.discard(pair.near)

    @rule(data=st.data(), names=st.sets(EVENTS))
    def remove(self, data: st.DataObject, names: set[Event]) -> None:
        """Remove handlers, by name or all."""
        pair = self.some_pair(data)
        if pair is not None:
            self.do_remove(pair, names)

    def do_remove(self, pair: Pair, names: set[Event]) -> None:
        """Remove handlers."""
        number = pair.near
        removed = self.base.remove_fd_handlers(number, **dict.fromkeys(names, True))
        if number in self.ghosts:
            if not names:
                self.ghosts.discard(number)
                self.watches.pop(number, None)
            return
        watch = self.watches.get(number)
        before = dict(watch.handlers) if watch else {}
        if watch is not None:
            for event in names or set(before):
                watch.handlers.pop(event, None)
            if not watch.handlers:
                del self.watches[number]
        assert removed is bool(before.keys() & names if names else before)

    @rule(data=st.data())
    def send(self, data: st.DataObject) -> None:
        """Let there be something to read."""
        pair = self.some_pair(data)
        if pair is not None:
            self.do_send(pair)

    def do_send(self, pair: Pair) -> None:
        """Let there be something to read, if there is room for more: each byte takes a lot."""
        if pair.far >= 0 and wait_for(pair.far, select.POLLOUT, 0):
            os.write(pair.far, b"x")
            pair.unread += 1

    @rule(data=st.data())
    def fill(self, data: st.DataObject) -> None:
        """Let there be no room to write."""
        pair = self.some_pair(data)
        if pair is not None:
            self.do_fill(pair)

    def do_fill(self, pair: Pair) -> None:
        """Let there be no room to write."""
        if pair.near < 0 or pair.far < 0:
            return
        os.set_blocking(pair.near, False)
        while wait_for(pair.near, select.POLLOUT, 0):
            with contextlib.suppress(BlockingIOError):
                os.write(pair.near, bytes(4096))
        os.set_blocking(pair.near, True)
        pair.is_full = True

    @rule(data=st.data())
    def drain(self, data: st.DataObject) -> None:
        """Let there be room to write."""
        pair = self.some_pair(data)
        if pair is not None:
            self.do_drain(pair)

    def do_drain(self, pair: Pair) -> None:
        """Let there be room to write."""
        is_open = pair.near >= 0 and pair.far >= 0
        while is_open and pair.is_full and wait_for(pair.far, select.POLLIN, 0):
            os.read(pair.far, 65536)
        pair.is_full = False

    @rule(data=st.data())
    def receive(self, data: st.DataObject) -> None:
        """Read what there is."""
        pair = self.some_pair(data)
        if pair is not None:
            self.do_receive(pair)

    def do_receive(self, pair: Pair) -> None:
        """Read what there is."""
        while pair.near >= 0 and pair.unread:
            pair.unread -= len(os.read(pair.near, pair.unread))

    @rule(data=st.data())
    def hang_up(self, data: st.DataObject) -> None:
        """Close the far end."""
        pair = self.some_pair(data)
        if pair is not None and pair.far >= 0:
            self.do_drain(pair)  # What is not read would make it an error.
            os.close(pair.far)
            pair.far = -1

    @rule(data=st.data(), removed=st.booleans(), duplicated=st.booleans())
    def close(self, data: st.DataObject, removed: bool, duplicated: bool) -> None:
        """Close a near end, with or without telling the event base, or anybody else."""
        pair = self.some_pair(data)
        if pair is not None:
            self.do_close(pair, removed, duplicated)

    def do_close(self, pair: Pair, removed: bool, duplicated: bool = False) -> None:
        """Close a near end."""
        number = pair.near
        if number < 0:
            return
        if removed:
            self.do_remove(pair, set())
        elif number in self.watches:
            self.ghosts.add(number)
        if duplicated:
            pair.spares.append(os.dup(number))
        os.close(number)
        pair.near = -1

    def some_reaction(self, data: st.DataObject) -> Reaction:
        """Choose what a handler does when it is called."""
        other = self.some_pair(data)
        assert other is not None
        event: Event = data.draw(EVENTS)
        reactions: list[Reaction] = [
            lambda machine, pair: None,
            lambda machine, pair: machine.do_receive(pair),
            lambda machine, pair: machine.do_fill(other),
            lambda machine, pair: machine.do_drain(other),
            lambda machine, pair: machine.if_open(pair, machine.do_remove, set()),
            lambda machine, pair: machine.if_open(other, machine.do_remove, {event}),
            lambda machine, pair: machine.if_open(other, machine.do_remove, set()),
            lambda machine, pair: machine.do_close(other, True),
            lambda machine, pair: machine.do_close(other, False),
            lambda machine, pair: machine.replace(other),
            lambda machine, pair: machine.set_if_missing(other, event),
            lambda machine, pair: machine.set_if_missing(pair, event),
        ]
        return data.draw(st.sampled_from(reactions))

    def if_open(self, pair: Pair, action: Callable[..., object], *arguments: Any) -> None:
        """Do something to a pair unless it has been closed."""
        if pair.near >= 0:
            action(pair, *arguments)

    def set_if_missing(self, pair: Pair, event: Event) -> None:
        """Set a handler that does nothing."""
        if pair.near >= 0:
            self.do_set_handler(pair, event, False, lambda machine, pair: None)

    def replace(self, pair: Pair) -> None:
        """Close a near end, give its number to a new pair with input, and monitor that."""
        number = pair.near
        if number < 0 or len(self.pairs) >= 2 * ENOUGH_CHANNELS:
            return
        self.do_close(pair, False)
        near, far = open_sockets()
        if far == number:
            near, far = far, near
        if near != number:
            os.dup2(near, number)
            os.close(near)
        fresh = Pair(number, far)
        self.do_send(fresh)
        self.pairs.append(fresh)
        self.do_set_handler(fresh, "read", False, lambda machine, pair: None)

    # -- dispatching -------------------------------------------------------------------------------

    @rule()
    def dispatch(self) -> None:
        """Make one iteration, or find that there is nothing to be done in one."""
        self.due = {
            watch: due for watch in self.watches.values() if (due := self.events_due(watch))
        }
        self.known = set(self.watches.values())
        self.begun = {
            handler for watch in self.watches.values() for handler in watch.handlers.values()
        }
        if self.due:
            self.base.dispatch(one_shot=True, timeout=PATIENCE)
        else:
            self.base.dispatch(timeout=0)
        for watch, events in self.due.items():
            current = self.watches.get(watch.pair.near)
            still_there = watch.handlers if current is watch else {}
            missed = {event for event in events if still_there.get(event) in self.begun}
            # An interrupted look at a descriptor that is suspected of being another's sees nothing.
            assert not missed or UNDER_FAULTS, f"{missed} of {watch.pair} were not called"

    def events_due(self, watch: Watch) -> set[Event]:
        """Return the handlers that are due to be called, as things stand."""
        pair = watch.pair
        if pair.near < 0:
            return set()
        ready: set[Event] = {"read"} if pair.unread or pair.far < 0 else set()
        if not pair.is_full or pair.far < 0:
            ready.add("write")
        return ready & watch.handlers.keys()

    def check_call(
        self, watch: Watch, handler: Handler, number: int, event: Event, cause: Cause | None
    ) -> None:
        """Check that a handler that is called is due, and note that it has been called."""
        assert number == watch.pair.near, "called for a number that is another's"
        assert self.watches.get(number) is watch
        assert watch.handlers.get(event) is handler, "called after it was removed"
        assert cause is None
        if handler in self.begun:
            assert event in self.due.get(watch, ()), "called for nothing, or twice"
            self.due[watch].discard(event)
            if event == "write":
                assert "read" not in self.due[watch] or watch.handlers.get("read") not in self.begun
        else:
            assert watch in self.known, "called though nothing was known of it"
        if handler.one_shot:
            del watch.handlers[event]
            if not watch.handlers:
                del self.watches[number]

    @invariant()
    def agree(self) -> None:
        """The same is monitored, as far as it can be known."""
        for pair in self.pairs:
            if pair.near >= 0 and pair.near not in self.ghosts:
                watch = self.watches.get(pair.near)
                for event in NAMES:
                    found = self.base.fd_monitored(pair.near, event)
                    assert (found is not None) is (watch is not None and event in watch.handlers)
        if not self.ghosts:
            count = sum(len(watch.handlers) for watch in self.watches.values())
            assert self.base.statistics().handlers == count


@pytest.mark.slow
def test_an_event_base_calls_whom_its_model_calls(backend: str) -> None:
    machine: Any = partial(Machine, backend)
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=20 if UNDER_FAULTS else 40,
            stateful_step_count=20,
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
        ),
    )
