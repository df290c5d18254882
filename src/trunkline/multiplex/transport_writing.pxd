from trunkline.multiplex.transport_core cimport TransportCore


cdef class WritingTransport(TransportCore):
    cpdef write(self, data)
    cpdef _write_at_once(self, bytes data)
    cpdef _start_waiting_to_write(self)
    cpdef _stop_waiting_to_write(self)
    cpdef _flush(self)
