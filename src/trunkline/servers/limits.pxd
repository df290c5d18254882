cdef class _Direction:
    cdef public double heard_at
    cdef public long long told
    cdef public object end, seconds, _deadline
    cdef public str name

    cpdef note_call(self, deadline, double now, double seconds)


cdef class LimitedChannel:
    cdef public bint was_overstayed
    cdef public dict _ends
    cdef public double _moved_at, _silence, _silent_since
    cdef public long long received, receptions, sent
    cdef public object reading, writing, _bare_send, _clock, _descriptor, _idle
    cdef public object _write_timeout
    cdef public _Direction _read, _write

    cpdef _begin_to_wait(self, _Direction direction, deadline)
    cpdef _nearest_limit(self, _Direction direction, double quiet_since, bint is_call)
    cpdef _note_silence(self, _Direction direction, double quiet_since)
