cdef class EpollBackend:
    cdef public dict registered
    cdef public set _suspects
    cdef public object _epoll, _lock
    cdef public long long _changes
