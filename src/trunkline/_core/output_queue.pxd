cimport cython


cdef class PieceOfFile:
    cdef public Py_ssize_t _size


cdef class OutputQueue:
    cdef public list pieces
    cdef public Py_ssize_t size

    cpdef append(self, piece)
    @cython.locals(pieces=list, joined=list, length=Py_ssize_t, most=Py_ssize_t, size=Py_ssize_t)
    cpdef batch(self)
    @cython.locals(length=Py_ssize_t)
    cpdef sent(self, Py_ssize_t count)
    cpdef clear(self)
