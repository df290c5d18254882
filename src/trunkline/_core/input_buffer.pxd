from trunkline._core.text_reader cimport TextReader


cdef class InputBuffer:
    cdef public bint at_end, _is_direct, _looks_ahead, _takes_lines
    cdef public bytearray _data
    cdef public list _left
    cdef public long long _taken_count, _skipped, _skipped_at
    cdef public object lines_ahead, _batch
    cdef public Py_ssize_t _batch_bytes, _batch_count, _next_batch_bytes
    cdef public TextReader _text

    cpdef feed(self, data)
    cpdef feed_eof(self)
    cpdef take_line(self, limit)
    cpdef _look_ahead(self)
    cpdef _withdraw(self)
    cpdef _end_batch(self)
