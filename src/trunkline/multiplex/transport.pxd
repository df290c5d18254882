from trunkline.multiplex.transport_securing cimport SecuringTransport


cdef class Transport(SecuringTransport):
    pass
