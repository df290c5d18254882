cdef class _Gathered:
    cdef public list parts
    cdef public Py_ssize_t count, index


cdef class TextReader:
    cdef public bint missing_newline
    cdef public Py_ssize_t _scanned
    cdef public object external_format, _buffer, _last_char
    cdef public str _eol, _errors
    cdef public _Gathered _gathered

    cpdef start_over(self)
    cpdef forget(self, Py_ssize_t count)
    cpdef begin_batch(self)


cdef class DirectTextReader(TextReader):
    cdef public object _make_decoder
    cdef public str _encoding


cdef class DecodingTextReader(TextReader):
    cdef public bint _finished
    cdef public bytearray _data
    cdef public Py_ssize_t _buffer_size, _dropped_size, _unit
    cdef public bytes _pending
    cdef public object _decoder, _flags, _newline
    cdef public str _encoding
