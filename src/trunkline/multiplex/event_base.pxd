from trunkline._core.timer_queue cimport TimerQueue
from trunkline.multiplex.monitor cimport Monitor


cdef class EventBase(Monitor):
    cdef dict __dict__
    cdef object __weakref__
    cdef public object _ask_backend, _called_at_close, _exception_handler, _lingering, _origin
    cdef public object _signals, _thread, _time_waiting
    cdef public bint _exit_when_empty
    cdef public long long _iterations

    cpdef bint _iterate(self, limit, min_step, max_step) except -1
    cpdef _time_to_wait(self, limit, min_step, max_step)
    cpdef _call_ready(self, list ready)
    cpdef _call_due(self, TimerQueue queue)
    cpdef _call_deferred(self, Py_ssize_t count)
    cpdef now(self)


cpdef _earlier(one, other)
