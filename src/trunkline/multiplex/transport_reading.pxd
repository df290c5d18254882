cimport cython

from trunkline.multiplex.transport_files cimport FileSendingTransport

cdef int _RECEIVES_AT_ONCE, _TRY_TO_RECEIVE, _TRY_TO_SEND


cdef class ReadingTransport(FileSendingTransport):
    @cython.locals(count=Py_ssize_t, left=int)
    cpdef _handle_ready(self)
    cpdef _input_callback(self, str name)
    cpdef _deliver_soon(self)
