cdef class Deadline:
    cdef public bint is_immediate
    cdef public object _clock, _moment, _timeout

    cpdef remaining(self)
