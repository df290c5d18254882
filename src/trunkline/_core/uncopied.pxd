cdef class Uncopied:
    pass
