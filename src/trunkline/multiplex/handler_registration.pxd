from trunkline._sys.registration cimport Registration
from trunkline.multiplex.handlers cimport IOHandler


cdef class HandlerRegistration(Registration):
    cdef public object _event_base, _identity, buffer, source
    cdef public long long _taken_count
    cdef public bint is_abandoned
    cdef public IOHandler error, read, urgent, write

    cpdef _handle_ready(self)
    cpdef _call_handlers(self)
    cpdef _call(self, IOHandler handler, cause)
    cpdef note_progress(self, IOHandler handler)
