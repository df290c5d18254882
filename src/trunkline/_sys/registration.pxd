from trunkline._core.uncopied cimport Uncopied


cdef class Registration(Uncopied):
    cdef public object _number, _interest
    cdef public int _events

    cpdef _handle_ready(self)


cpdef list ready_ones(registered, ready)
