from trunkline._sys.epoll_events cimport EpollEvents


cdef class EpollBackend:
    cdef public dict registered
    cdef public EpollEvents _events
    cdef public set _suspects
    cdef public object _epoll, _lock
    cdef public long long _changes
