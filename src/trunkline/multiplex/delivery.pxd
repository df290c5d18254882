cdef class _Buffer:
    cdef public object _receiver, _rest


cdef class _Text:
    cdef public object _bad, _collector, _receiver


cdef class _Lines:
    cdef public object _receiver, _splitter, _waiting
    cdef public Py_ssize_t _batch_size

    cpdef bint deliver(self, bytes data) except -1
    cpdef _put_back(self)


cdef class _Pieces:
    cdef public object _receiver, _splitter
    cdef public str _method
