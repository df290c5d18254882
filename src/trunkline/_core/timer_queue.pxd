from trunkline._core.uncopied cimport Uncopied


cdef class Timer(Uncopied):
    cdef public object callback, deadline, interval
    cdef public TimerQueue _queue
    cdef public long long _entry


cdef class TimerQueue:
    cdef public list entries
    cdef public Py_ssize_t _leftovers

    cpdef add(self, timer)
    cpdef bint remove(self, timer) except -1
    cpdef _sweep(self)
    cpdef next_deadline(self)
    cpdef begin_round(self)
    cpdef take_due(self, now, mark)


cpdef _next_deadline(double deadline, double interval, double now)
