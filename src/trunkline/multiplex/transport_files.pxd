from trunkline.multiplex.transport_writing cimport WritingTransport


cdef class FileSendingTransport(WritingTransport):
    pass
