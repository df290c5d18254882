"""Sockets are closed by other threads while the event base goes on, and nothing is broken by it."""

import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from typing import Any

import pytest
from multiplex.helpers import UNDER_FAULTS
from support.timing import PATIENCE

from trunkline import ActiveSocket, EventBase, SocketClosed, make_socket_pair

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(UNDER_FAULTS, reason="it takes long enough without"),
]

ROUNDS = 20
PAIRS = 100


@pytest.fixture(autouse=True)
def hasty() -> Iterator[None]:
    """Let threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def nothing(*args: Any) -> None:
    """Do nothing, as a handler."""


@pytest.mark.parametrize("one_shot", [True, False])
@pytest.mark.parametrize("event", ["read", "write"])
def test_closing_breaks_nothing_and_leaves_nothing(
    base: EventBase, event: Any, one_shot: bool
) -> None:
    closing: list[ActiveSocket] = []
    has_more = threading.Event()
    is_over = threading.Event()

    def close_what_comes() -> None:
        while not (is_over.is_set() and not closing):
            has_more.wait(PATIENCE)
            has_more.clear()
            while closing:
                closing.pop().close(abort=True)

    closer = threading.Thread(target=close_what_comes)
    closer.start()
    try:
        for _ in range(ROUNDS):
            pairs = [make_socket_pair() for _ in range(PAIRS)]
            for one, other in pairs:
                other.send_to(b"x")
                base.set_io_handler(one, event, nothing, one_shot=one_shot)
                base.set_io_handler(other, event, nothing, one_shot=one_shot, timeout=60)
            closing += (each for pair in pairs for each in pair)
            has_more.set()
            base.dispatch(timeout=0)
            base.dispatch(timeout=0)
    finally:
        is_over.set()
        has_more.set()
        closer.join()
    base.dispatch(timeout=0)
    assert base.is_empty
    assert base.statistics().handlers == 0


@pytest.mark.timeout(120)
def test_handlers_that_are_set_again_and_again_are_gone_with_their_sockets(base: EventBase) -> None:
    def set_again(sock: ActiveSocket) -> None:
        def writable(*args: Any) -> None:
            # Whoever closes the socket does it at any moment.
            with suppress(SocketClosed):
                base.set_io_handler(sock, "read", nothing)
                base.remove_fd_handlers(sock, read=True)
                set_again(sock)

        base.set_io_handler(sock, "write", writable, one_shot=True)

    for _ in range(ROUNDS // 2):
        sockets = [each for _ in range(2 * PAIRS) for each in make_socket_pair()]
        for sock in sockets:
            set_again(sock)
        begun = threading.Barrier(3)

        def close_some(share: list[ActiveSocket], begun: threading.Barrier) -> None:
            begun.wait(PATIENCE)
            for sock in share:
                sock.close(abort=True)

        shares = sockets[::2], sockets[1::2]
        closers = [threading.Thread(target=close_some, args=(share, begun)) for share in shares]
        for closer in closers:
            closer.start()
        begun.wait(PATIENCE)
        while any(closer.is_alive() for closer in closers):
            base.dispatch(timeout=0)
        for closer in closers:
            closer.join()
        base.dispatch(timeout=0)
        assert base.is_empty


def test_an_event_base_may_be_closed_while_its_sockets_are(backend: str) -> None:
    for _ in range(100):
        with ExitStack() as stack:
            base = stack.enter_context(EventBase(backend=backend))
            sockets = [each for _ in range(5) for each in make_socket_pair()]
            for sock in sockets:
                base.set_io_handler(sock, "write", nothing)
            begun = threading.Barrier(2)

            def close_all(sockets: list[ActiveSocket], begun: threading.Barrier) -> None:
                begun.wait(PATIENCE)
                for sock in sockets:
                    sock.close(abort=True)

            closer = threading.Thread(target=close_all, args=(sockets, begun))
            closer.start()
            begun.wait(PATIENCE)
            base.dispatch(timeout=0)
            base.close()
            closer.join()
            assert all(sock.closed for sock in sockets)
