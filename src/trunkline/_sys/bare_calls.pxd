from trunkline._sys.descriptor cimport Descriptor


cdef class BareCalls:
    cdef Descriptor _descriptor
    cdef bint _comes_in_bulk

    cdef int _number(self) except -1
    cdef bint _is_to_be_repeated(self) except -1
