cdef extern from *:
    """
    enum { MOST_EVENTS = 1023 };
    #ifdef __linux__
    #include <sys/epoll.h>
    #else /* Nobody calls it there. */
    #include <errno.h>
    #include <stdint.h>
    struct epoll_event { uint32_t events; union { int fd; } data; };
    static int epoll_wait(int set, struct epoll_event *told, int most, int timeout)
    {
        errno = ENOSYS;
        return -1;
    }
    #endif
    """
    enum: MOST_EVENTS

    union epoll_data:
        int fd

    struct epoll_event:
        unsigned int events
        epoll_data data


cdef class EpollEvents:
    cdef epoll_event _told[MOST_EVENTS]
    cdef int _count
    cdef unsigned int _turns

    cpdef int wait(self, epoll, double timeout, dict registered) except -1
    cpdef list pairs(self)
    cpdef list registrations(self, dict registered)
