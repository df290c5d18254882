cdef class TextWriter:
    cdef public bint _finishes_pieces
    cdef public object external_format, _encoder, _fresh
    cdef public str _encoding, _errors, _newline

    cpdef encode(self, text)
    cpdef finish(self)
