from trunkline.multiplex.transport_reading cimport ReadingTransport


cdef class SecuringTransport(ReadingTransport):
    pass
