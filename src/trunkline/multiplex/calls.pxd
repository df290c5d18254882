from trunkline._core.call_queue cimport CallQueue
from trunkline._core.timer_queue cimport Timer, TimerQueue
from trunkline._core.uncopied cimport Uncopied


cdef class Calls(Uncopied):
    cdef public object _clock, _longest_callback, _waker
    cdef public CallQueue _deferred
    cdef public TimerQueue _timers
    cdef public bint _exit_requested, _is_closed

    cpdef bint remove_timer(self, Timer timer) except -1
    cpdef _check_open(self, operation)


cpdef _check_interval(seconds)
