"""A heap of numbers that knows where each timer is, and takes it out; see `_core/timer_queue.py`.

A timer has a slot of its own for as long as it is in the queue. The list of all slots has the
timers; the heap has the numbers of the slots, and behind its end those that are free.

Whatever makes an object, lets go of one or asks one for an attribute may run other code, which may
change the queue. So nothing of that happens while the queue is in disorder.
"""

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.math cimport floor

from trunkline._core.uncopied cimport Uncopied

__all__ = ("Timer", "TimerQueue")

cdef enum:
    LEAST_ROOM = 64
    MUCH_ROOM = 1024  # more than this is given back when nothing is left


cdef class Timer(Uncopied):
    """See `_core/timer_queue.py`."""

    def __init__(self, callback, double deadline, interval):
        self.callback = callback
        self.deadline = deadline
        self.interval = interval

    @property
    def is_pending(self):
        """Whether it will be called."""
        return self._queue is not None

    def __repr__(self):
        state = f"due at {self.deadline}" if self._queue is not None else "not pending"
        return f"<Timer {state}, {self.callback!r}>"


cdef class TimerQueue:
    """See `_core/timer_queue.py`."""

    def __cinit__(self):
        self._timers = []

    def __dealloc__(self):
        PyMem_Free(self._heap)
        PyMem_Free(self._places)

    def __len__(self):
        """The number of pending timers."""
        return self.entries

    cpdef Timer add_new(self, callback, double deadline, interval):
        """See `_core/timer_queue.py`."""
        cdef Timer timer = Timer.__new__(Timer)
        timer.callback = callback
        timer.deadline = deadline
        timer.interval = interval
        timer._entry = self._push(timer, deadline)
        timer._queue = self
        return timer

    cpdef add(self, timer):
        """See `_core/timer_queue.py`."""
        cdef double deadline
        if isinstance(timer, Timer):
            (<Timer>timer)._entry = self._push(timer, (<Timer>timer).deadline)
            (<Timer>timer)._queue = self
        else:
            deadline = timer.deadline
            timer._queue = self
            timer._entry = self._push(timer, deadline)

    cpdef bint remove(self, timer) except -1:
        """See `_core/timer_queue.py`."""
        cdef Py_ssize_t slot
        if isinstance(timer, Timer):
            if (<Timer>timer)._queue is not self:
                return False
            slot = (<Timer>timer)._entry
        else:
            if timer._queue is not self:
                return False
            slot = timer._entry
        if not 0 <= slot < self._room or self._timers[slot] is not timer:
            return False  # somebody else has written into it
        self._take_out(self._places[slot])
        let_go(timer)
        return True

    cpdef next_deadline(self):
        """See `_core/timer_queue.py`."""
        return self._heap[0].deadline if self.entries else None

    cpdef clear(self):
        """See `_core/timer_queue.py`."""
        cdef list timers = self._timers
        self._give_back()
        for timer in timers:
            if timer is not None:
                let_go(timer)

    cpdef long long begin_round(self):
        """See `_core/timer_queue.py`."""
        return self._numbers

    cpdef take_due(self, double now, long long mark):
        """See `_core/timer_queue.py`."""
        cdef double deadline
        if not self.entries or self._heap[0].deadline > now or self._heap[0].number > mark:
            return None
        deadline = self._heap[0].deadline
        timer = self._take_out(0)
        let_go(timer)
        if isinstance(timer, Timer):
            if (<Timer>timer).interval is not None:
                (<Timer>timer).deadline = following(deadline, (<Timer>timer).interval, now)
                self.add(timer)
        elif timer.interval is not None:
            timer.deadline = following(deadline, timer.interval, now)
            self.add(timer)
        return timer

    cdef Py_ssize_t _push(self, timer, double deadline) except -1:
        """Add a timer, and return its slot."""
        cdef Entry entry
        while self.entries == self._room:
            self._make_room()
        self._numbers += 1
        entry.deadline = deadline
        entry.number = self._numbers
        entry.slot = self._heap[self.entries].slot
        self._timers[entry.slot] = timer
        self.entries += 1
        self._put(self.entries - 1, entry)
        return entry.slot

    cdef int _make_room(self) except -1:
        cdef list more = [None] * max(LEAST_ROOM, self._room)
        cdef Py_ssize_t room = self._room + len(more)
        cdef Py_ssize_t slot
        cdef void *memory = PyMem_Realloc(self._heap, room * sizeof(Entry))
        if memory is NULL:
            raise MemoryError
        self._heap = <Entry *>memory
        memory = PyMem_Realloc(self._places, room * sizeof(Py_ssize_t))
        if memory is NULL:
            raise MemoryError
        self._places = <Py_ssize_t *>memory
        self._timers.extend(more)
        for slot in range(self._room, room):
            self._heap[slot].slot = slot
        self._room = room
        return 0

    cdef _take_out(self, Py_ssize_t place):
        """Take out what is at a place of the heap, and return its timer."""
        cdef Py_ssize_t slot = self._heap[place].slot
        timer = self._timers[slot]
        self._timers[slot] = None
        self.entries -= 1
        if place < self.entries:
            self._put(place, self._heap[self.entries])
        self._heap[self.entries].slot = slot
        if not self.entries and self._room > MUCH_ROOM:
            self._give_back()
        return timer

    cdef _give_back(self):
        """Be empty, and have no room."""
        self._timers = []
        self.entries = self._room = 0
        PyMem_Free(self._heap)
        PyMem_Free(self._places)
        self._heap = NULL
        self._places = NULL

    cdef void _put(self, Py_ssize_t place, Entry entry) noexcept:
        """Put an entry where another one was, or as near as the order allows."""
        cdef Py_ssize_t other
        while place:
            other = (place - 1) // 2
            if not comes_before(&entry, &self._heap[other]):
                break
            self._write(place, self._heap[other])
            place = other
        while True:
            other = 2 * place + 1
            if other >= self.entries:
                break
            if other + 1 < self.entries and comes_before(&self._heap[other + 1], &self._heap[other]):
                other += 1
            if not comes_before(&self._heap[other], &entry):
                break
            self._write(place, self._heap[other])
            place = other
        self._write(place, entry)

    cdef void _write(self, Py_ssize_t place, Entry entry) noexcept:
        self._heap[place] = entry
        self._places[entry.slot] = place


cdef bint comes_before(Entry *one, Entry *other) noexcept:
    if one.deadline != other.deadline:
        return one.deadline < other.deadline
    return one.number < other.number


cdef let_go(timer):
    if isinstance(timer, Timer):
        (<Timer>timer)._entry = 0
        (<Timer>timer)._queue = None
    else:
        timer._entry = 0
        timer._queue = None


cdef double following(double deadline, double interval, double now):
    """Return when something is due next; see `_next_deadline` in `_core/timer_queue.py`."""
    cdef double result
    if now + interval <= now:
        return now
    result = deadline + (floor((now - deadline) / interval) + 1) * interval
    return result if result > now else result + interval
