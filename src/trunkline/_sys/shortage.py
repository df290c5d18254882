"""Waiting for descriptors to become free, for those who have run out of them.

Whoever closes a descriptor calls `descriptor_freed`, which costs nothing while nobody waits. A
descriptor that something else in the process closes is noticed when the waiter's own delay ends.
"""

import threading
from collections.abc import Callable

__all__ = ("descriptor_freed", "tell_when_freed", "wait_for_descriptor")

_condition = threading.Condition()
_waiting = 0
_callbacks: list[Callable[[], object]] = []


def descriptor_freed() -> None:
    """Wake those who wait for a descriptor."""
    if _waiting:
        with _condition:
            _condition.notify_all()
    while _callbacks:
        try:
            callback = _callbacks.pop()
        except IndexError:  # another thread, which closes something too, has taken the last one
            return
        callback()


def wait_for_descriptor(timeout: float) -> None:
    """Wait until something of ours has been closed, at most `timeout` seconds."""
    global _waiting
    with _condition:
        _waiting += 1
        try:
            _condition.wait(timeout)
        finally:
            _waiting -= 1


def tell_when_freed(callback: Callable[[], object]) -> None:
    """Have `callback` called once, by the thread that closes something of ours next."""
    _callbacks.append(callback)
