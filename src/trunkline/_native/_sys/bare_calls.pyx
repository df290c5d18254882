"""recv(2) and send(2), called here and not by the `socket` module; see `_sys/bare_calls.py`."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno
from libc.errno cimport EBADF, EINTR, errno

from trunkline._sys.descriptor cimport Descriptor

__all__ = ("make_receive", "make_send")

# A buffer for each thread, since there are stacks that are too small for it. Who asks for more gets
# as much as it has: a stream may always give less.
cdef extern from *:
    """
    #include <sys/types.h>
    #include <sys/socket.h>
    enum { RECEIVED_AT_MOST = 65536 };
    static _Thread_local char received[RECEIVED_AT_MOST];
    """
    const Py_ssize_t RECEIVED_AT_MOST
    char *received
    int MSG_DONTWAIT
    ssize_t recv(int number, void *buffer, size_t size, int flags)
    ssize_t send(int number, const void *data, size_t size, int flags) nogil

# To let other threads run, and get the lock back, costs more than to send less than this.
cdef enum:
    MUCH = 65_536


cdef class BareCalls:
    """The system calls on a descriptor.

    Its number is looked at again for each: it is -1 from before the system gets it back. As long as
    the lock is held, no other thread comes in between. So nothing here may wait, whatever others
    who have the same socket, in another process perhaps, have set: that is what MSG_DONTWAIT is for.
    """

    def __cinit__(self, Descriptor descriptor not None):
        self._descriptor = descriptor

    cdef int _number(self) except -1:
        cdef int number = self._descriptor._number
        global errno
        if number < 0:
            errno = EBADF
            PyErr_SetFromErrno(OSError)
        return number

    cdef bint _is_to_be_repeated(self) except -1:
        """Return True after a call that a signal has interrupted; else raise its error."""
        if errno != EINTR:
            PyErr_SetFromErrno(OSError)
        PyErr_CheckSignals()
        return True

    def receive(self, Py_ssize_t size, /):
        """Return up to `size` bytes.

        Most of what comes is small, and copied out of the buffer. Where the last one was full, this
        one will be, too, and to copy it would cost more than to make room for it first.
        """
        cdef char *buffer = received
        cdef bytes room = None
        cdef ssize_t count
        if size < 0:
            raise ValueError("negative buffersize in recv")
        size = min(size, RECEIVED_AT_MOST)
        if self._comes_in_bulk:
            room = PyBytes_FromStringAndSize(NULL, size)
            buffer = PyBytes_AS_STRING(room)
        while True:
            count = recv(self._number(), buffer, size, MSG_DONTWAIT)
            if count >= 0:
                break
            self._is_to_be_repeated()
        self._comes_in_bulk = count == RECEIVED_AT_MOST
        if room is not None and count == size:
            return room
        return PyBytes_FromStringAndSize(buffer, count)

    def send(self, data, int flags=0, /):
        """Send what fits, and return how many bytes that was."""
        cdef Py_buffer view
        cdef int number
        cdef ssize_t count
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            while True:
                number = self._number()
                if view.len < MUCH:
                    count = send(number, view.buf, view.len, flags | MSG_DONTWAIT)
                else:
                    with nogil:
                        count = send(number, view.buf, view.len, flags | MSG_DONTWAIT)
                if count >= 0:
                    return count
                self._is_to_be_repeated()
        finally:
            PyBuffer_Release(&view)


def make_receive(descriptor):
    """See `_sys/bare_calls.py`."""
    return BareCalls(descriptor).receive


def make_send(descriptor):
    """See `_sys/bare_calls.py`."""
    return BareCalls(descriptor).send
