from trunkline._core.timer_queue cimport TimerQueue
from trunkline._sys.registration cimport Registration
from trunkline.multiplex.calls cimport Calls


cdef class Monitor(Calls):
    cdef public object _backend, _last_thread, _lock
    cdef public dict _buffered, _registrations
    cdef public TimerQueue _handler_timeouts
    cdef public long long _callbacks
    cdef public double _iteration_time
    cdef public bint _fired

    cpdef _watch(self, Registration registration, interest)
    cpdef _unwatch(self, Registration registration)
    cpdef _unwatch_for_good(self, Registration registration)
    cpdef _note_call(self)
    cpdef list _with_buffered(self, ready)
