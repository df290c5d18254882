from trunkline._core.uncopied cimport Uncopied


cdef class Timer(Uncopied):
    cdef public object callback, interval
    cdef public double deadline
    cdef public TimerQueue _queue
    cdef public Py_ssize_t _entry


cdef struct Entry:
    double deadline
    long long number
    Py_ssize_t slot


cdef class TimerQueue:
    cdef readonly Py_ssize_t entries
    cdef Py_ssize_t _room
    cdef long long _numbers
    cdef Entry *_heap
    cdef Py_ssize_t *_places
    cdef list _timers

    cpdef Timer add_new(self, callback, double deadline, interval)
    cpdef add(self, timer)
    cpdef bint remove(self, timer) except -1
    cpdef next_deadline(self)
    cpdef clear(self)
    cpdef long long begin_round(self)
    cpdef take_due(self, double now, long long mark)
    cdef Py_ssize_t _push(self, timer, double deadline) except -1
    cdef int _make_room(self) except -1
    cdef _take_out(self, Py_ssize_t place)
    cdef _give_back(self)
    cdef void _put(self, Py_ssize_t place, Entry entry) noexcept
    cdef void _write(self, Py_ssize_t place, Entry entry) noexcept
