cdef class OutputQueue:
    cdef public list pieces
    cdef public Py_ssize_t size

    cpdef append(self, piece)
    cpdef batch(self)
    cpdef sent(self, Py_ssize_t count)
    cpdef clear(self)
