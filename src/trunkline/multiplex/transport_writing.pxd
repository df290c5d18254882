cimport cython

from trunkline._core.output_queue cimport OutputQueue
from trunkline.multiplex.event_base cimport EventBase
from trunkline.multiplex.transport_core cimport TransportCore


cdef class WritingTransport(TransportCore):
    @cython.locals(text=str)
    cpdef write(self, data)
    @cython.locals(sent=Py_ssize_t)
    cpdef _write_at_once(self, bytes data)
    cpdef _start_waiting_to_write(self)
    cpdef _wait_to_write(self)
    cpdef _stop_waiting_to_write(self)
    @cython.locals(queue=OutputQueue, base=EventBase, sent=Py_ssize_t)
    cpdef _flush(self)
