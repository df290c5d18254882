"""Forks: parent and child go on with an event base of their own each.

The set of an epoll is shared by a fork. Whatever the child does to it is done to the parent's, so
it must not do anything to it; and the child keeps files open that the parent has closed.
"""

import contextlib
import os
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator

import pytest
from multiplex.helpers import (
    Channel,
    Noting,
    at_once,
    dispatch_quietly,
    looks_once,
    one_round,
    open_channel,
    quiet,
)
from sockets.helpers import Call, stream_and_peer
from support.timing import PATIENCE

from trunkline import EventBase

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")


@contextlib.contextmanager
def forked(function: Callable[[], object]) -> Iterator[None]:
    """Run a function in a child process, which must have ended well when the block ends."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads
        pid = os.fork()
    if pid == 0:
        status = 1
        try:
            function()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    try:
        yield
    finally:
        _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0, "the child has failed: see its traceback"


def run_in_child(function: Callable[[], object]) -> None:
    """Run a function in a child process, and wait for that."""
    with forked(function):
        pass


@pytest.fixture
def other() -> Iterator[Channel]:
    """A second pair of sockets."""
    with open_channel() as channel:
        yield channel


@looks_once
def test_the_child_goes_on(base: EventBase, channel: Channel) -> None:
    handler = Noting(channel.receive)
    base.set_io_handler(channel.reader, "read", handler)
    called: list[str] = []
    base.call_soon(called.append, "deferred")
    base.add_timer(lambda: called.append("timer"), 0, one_shot=True)

    def child() -> None:
        channel.send()
        one_round(base)
        base.dispatch(timeout=0)
        assert handler.calls == [(channel.reader, "read", None)]
        assert sorted(called) == ["deferred", "timer"]
        dispatch_quietly(base)

    run_in_child(child)
    assert not handler.calls
    channel.send()
    one_round(base)
    base.dispatch(timeout=0)
    assert handler.calls == [(channel.reader, "read", None)]
    assert sorted(called) == ["deferred", "timer"]


@pytest.mark.parametrize("what", ["removes", "closes", "changes", "leaves"])
def test_the_parent_goes_on_whatever_the_child_does(
    base: EventBase, pair: Channel, what: str
) -> None:
    handler = Noting()
    base.set_io_handler(pair.reader, "read", handler)

    def child() -> None:
        if what == "removes":
            base.remove_fd_handlers(pair.reader)
        elif what == "closes":
            base.close()
        elif what == "changes":
            base.remove_fd_handlers(pair.reader)
            base.set_io_handler(pair.reader, "write", Noting())
            one_round(base)

    run_in_child(child)
    dispatch_quietly(base)
    assert not handler.calls
    pair.send()
    one_round(base)
    assert handler.calls == [(pair.reader, "read", None)]


def test_what_the_child_monitors_does_not_wake_the_parent(
    base: EventBase, pair: Channel, other: Channel
) -> None:
    def child() -> None:
        base.remove_fd_handlers(pair.reader)
        base.set_io_handler(other.reader, "read", Noting(pair.send))
        one_round(base)

    base.set_io_handler(pair.reader, "read", Noting(base.exit))
    other.send()
    with forked(child), quiet(base):
        base.dispatch(timeout=PATIENCE)  # until the child's handler has been called
    pair.receive()
    dispatch_quietly(base)


def test_each_is_woken_by_itself_alone(base: EventBase, pair: Channel) -> None:
    """By what another thread defers, say, or by an exit."""

    def child() -> None:
        with at_once(), Call(base.call_soon_threadsafe, base.exit):
            base.dispatch(timeout=600)
        for _ in range(100):
            base.call_soon_threadsafe(base.is_empty.__bool__)

    run_in_child(child)
    dispatch_quietly(base)
    with at_once(), Call(base.call_soon_threadsafe, base.exit):
        base.dispatch(timeout=600)


def test_what_the_parent_is_woken_by_is_not_the_childs_business(base: EventBase) -> None:
    base.exit()
    base.dispatch()
    base.call_soon_threadsafe(lambda: None)
    base.dispatch(timeout=0)

    def child() -> None:
        dispatch_quietly(base)

    run_in_child(child)


@pytest.mark.parametrize("removed", [False, True])
@pytest.mark.parametrize("reused", ["not", "for a file", "for a file that is monitored"])
def test_a_file_that_lives_on_in_a_child_is_none_of_the_parents(
    base: EventBase, pair: Channel, other: Channel, removed: bool, reused: str
) -> None:
    """The parent has closed it, and its number may be another's."""
    handler, late = Noting(), Noting()
    number = pair.reader
    base.set_io_handler(number, "read", handler)
    told, teller = os.pipe()

    def child() -> None:
        os.close(teller)
        os.read(told, 1)

    try:
        with forked(child):
            try:
                if removed:
                    base.remove_fd_handlers(number)
                pair.close_reader()
                if reused != "not":
                    os.dup2(other.reader, number)
                    other.close_reader()
                    other.reader = number
                if reused == "for a file that is monitored":
                    base.set_io_handler(number, "read", late)
                pair.send()  # which the child could read
                dispatch_quietly(base)
                assert not handler.calls
                assert not late.calls
                if late and reused == "for a file that is monitored":
                    other.send()
                    one_round(base)
                    assert late.calls == [(number, "read", None)]
            finally:
                os.close(teller)
    finally:
        os.close(told)


def test_a_socket_that_the_child_closes_stays_the_parents(backend: str) -> None:
    with EventBase(backend=backend, exit_when_empty=True) as base:
        with stream_and_peer() as (stream, peer):
            handler = Noting(lambda: stream.close(abort=True))
            base.set_io_handler(stream, "read", handler)

            def child() -> None:
                with at_once():
                    base.call_soon(lambda: stream.close(abort=True))
                    base.dispatch(timeout=600)
                assert base.is_empty

            run_in_child(child)
            assert not base.is_empty
            peer.sendall(b"x")
            base.dispatch(timeout=PATIENCE)
        assert len(handler.calls) == 1


def test_a_handler_may_fork(base: EventBase, pair: Channel) -> None:
    """The child is in the middle of an iteration, and so is the parent."""
    seen: list[str] = []

    def fork() -> None:
        def child() -> None:
            with pytest.raises(RuntimeError, match="running already"):
                base.dispatch(timeout=0)
            base.remove_fd_handlers(pair.reader)
            base.close()

        run_in_child(child)
        seen.append("forked")
        base.exit()

    base.set_io_handler(pair.reader, "read", Noting(fork))
    base.set_io_handler(pair.reader, "write", Noting(lambda: seen.append("write")))
    pair.send()
    base.dispatch(timeout=PATIENCE)
    assert seen == ["forked", "write"]
    one_round(base)
    assert len(seen) == 4


def test_a_child_forked_by_another_thread_may_dispatch(base: EventBase) -> None:
    """The thread that is dispatching does not exist in the child."""
    dispatching = threading.Event()

    def child() -> None:
        with open_channel() as channel:
            handler = Noting(base.exit)
            base.set_io_handler(channel.reader, "read", handler)
            channel.send()
            base.dispatch(timeout=PATIENCE)
            assert len(handler.calls) == 1

    def fork() -> None:
        dispatching.wait(PATIENCE)
        run_in_child(child)
        base.exit()

    base.call_soon(dispatching.set)
    with Call(fork), quiet(base):
        base.dispatch(timeout=2 * PATIENCE)


def test_generations_of_children_go_on(base: EventBase, pair: Channel) -> None:
    handler = Noting()
    base.set_io_handler(pair.reader, "read", handler)

    def child() -> None:
        run_in_child(grandchild)
        dispatch_quietly(base)

    def grandchild() -> None:
        pair.send()
        one_round(base)
        assert len(handler.calls) == 1
        pair.receive()
        base.close()

    run_in_child(child)
    dispatch_quietly(base)
    assert not handler.calls


def test_closed_event_bases_are_left_alone_by_a_fork(backend: str) -> None:
    base = EventBase(backend=backend)
    base.close()
    run_in_child(lambda: None)
    assert base.closed
