from trunkline._core.timer_queue cimport Timer
from trunkline._core.uncopied cimport Uncopied


cdef class IOHandler(Uncopied):
    cdef public object callback, event, number, timeout
    cdef public bint _is_plain, one_shot
    cdef public long long _declined
    cdef public double _active_at
    cdef public Timer _timer
