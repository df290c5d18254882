from trunkline._core.uncopied cimport Uncopied


cdef class Descriptor(Uncopied):
    cdef public int _number
    cdef public long long _generation
    cdef public bint _is_told, is_closed
    cdef public tuple _closing_callbacks
    cdef public object _reading, _writing, where
