cdef class CallQueue:
    cdef list _calls
    cdef Py_ssize_t _first

    cpdef append(self, call)
    cpdef popleft(self)
