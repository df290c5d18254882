cdef class ProtocolCaller:
    cdef public object context, protocol

    cpdef method(self, str name)
    cpdef nested_method(self, str name)
