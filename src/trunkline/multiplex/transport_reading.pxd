from trunkline.multiplex.transport_files cimport FileSendingTransport


cdef class ReadingTransport(FileSendingTransport):
    cpdef _handle_ready(self)
    cpdef _input_callback(self, str name)
    cpdef _deliver_soon(self)
