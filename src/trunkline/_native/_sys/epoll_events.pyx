"""epoll_wait(2), called here and not by the `select` module; see `_sys/epoll_events.py`."""

from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from cpython.ref cimport PyObject
from libc.errno cimport EINTR, errno
from libc.math cimport ceil
from libc.time cimport time_t

from trunkline._sys.registration cimport Registration

__all__ = ("EpollEvents",)

cdef extern from "Python.h":
    PyObject *PyDict_GetItemWithError(object dictionary, object key) except? NULL

cdef extern from "<time.h>" nogil:
    struct timespec:
        time_t tv_sec
        long tv_nsec
    enum: CLOCK_MONOTONIC
    int clock_gettime(int clock, timespec *now)

cdef extern from *:
    int epoll_wait(int set, epoll_event *told, int most, int timeout) nogil

cdef enum:
    LONGEST_TIMEOUT = 1_000_000  # in seconds: their milliseconds are an int

    # To let other threads run, and get the lock back, costs more than to ask without waiting. So
    # only one such question of so many does: nothing written in Python may run in between.
    HELD = 16


cdef double now():
    cdef timespec read
    clock_gettime(CLOCK_MONOTONIC, &read)
    return read.tv_sec + read.tv_nsec * 1e-9


cdef class EpollEvents:
    """There is room for what is told in each of them: two may wait at a time, in two threads."""

    cpdef int wait(self, epoll, double timeout, dict registered) except -1:
        """See `_sys/epoll_events.py`."""
        cdef int number = epoll.fileno()
        cdef int count, failure
        cdef int left = -1
        cdef double end = 0
        global errno
        if registered is None:
            raise TypeError("None has no registrations")
        if not timeout <= LONGEST_TIMEOUT:
            raise OverflowError("timeout is too large")
        if timeout >= 0:  # rounded up, or a wait for less than a millisecond would be a busy loop
            left = <int>ceil(timeout * 1000)
        if left > 0:
            end = now() + timeout
        self._count = 0
        while True:
            self._turns += 1
            if left or self._turns % HELD == 0:
                with nogil:
                    count = epoll_wait(number, self._told, MOST_EVENTS, left)
                    failure = errno
            else:
                count = epoll_wait(number, self._told, MOST_EVENTS, 0)
                failure = errno
            if count >= 0:
                self._count = count
                return count
            if failure != EINTR:
                errno = failure
                PyErr_SetFromErrno(OSError)
            PyErr_CheckSignals()
            number = -1 if epoll.closed else epoll.fileno()
            if left > 0:
                left = max(0, <int>ceil((end - now()) * 1000))

    cpdef list pairs(self):
        """See `_sys/epoll_events.py`."""
        return [(told.data.fd, told.events) for told in self._told[: self._count]]

    cpdef list registrations(self, dict registered):
        """See `_sys/epoll_events.py`."""
        cdef list found = []
        cdef Registration registration
        cdef PyObject *known
        cdef int index
        if registered is None:
            raise TypeError("None has no registrations")
        for index in range(self._count):
            known = PyDict_GetItemWithError(registered, self._told[index].data.fd)
            if known is not NULL:  # else another thread has just taken it out
                registration = <Registration?><object>known
                registration._events = self._told[index].events
                found.append(registration)
        return found
