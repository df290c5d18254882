cdef class DirectLineSplitter:
    cdef public bint _at_end
    cdef public Py_ssize_t _batch_bytes, _batch_start, _most_batch_bytes, _scanned, _start
    cdef public object _data, _limit
    cdef public str _encoding, _eol, _errors

    cpdef feed(self, bytes data)
    cpdef list lines(self)
    cpdef list _last_line(self)
    cpdef list _lines_one_by_one(self, Py_ssize_t end)
    cpdef str _one_line(self, Py_ssize_t start, Py_ssize_t end)
    cpdef _check_size(self, size)


cdef class DecodingLineSplitter:
    cdef public object _input, _limit
