"""A list, and the place of the first call in it; see `_core/call_queue.py`.

In front of the first there is nothing but None: what is removed there runs no other code, and so no
other thread comes in between.
"""

__all__ = ("CallQueue",)

cdef enum:
    MANY = 64  # places in front are kept, and not moved away one by one


cdef class CallQueue:
    """See `_core/call_queue.py`."""

    def __cinit__(self):
        self._calls = []

    def __len__(self):
        return len(self._calls) - self._first

    cpdef append(self, call):
        """Add a call at the end."""
        self._calls.append(call)

    cpdef popleft(self):
        """Take the first call.

        Raises:
            IndexError: There is none.
        """
        cdef list calls = self._calls
        call = calls[self._first]
        calls[self._first] = None
        self._first += 1
        if self._first > MANY and self._first * 2 > len(calls):
            del calls[: self._first]
            self._first = 0
        return call

    def clear(self):
        """Forget all calls."""
        cdef list former = self._calls, fresh = []
        self._calls = fresh
        self._first = 0
        former.clear()  # whatever that leads to finds an empty queue
