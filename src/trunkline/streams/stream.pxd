from trunkline._core.input_buffer cimport InputBuffer
from trunkline._core.text_writer cimport TextWriter
from trunkline._core.uncopied cimport Uncopied


cdef class Stream(Uncopied):
    cdef dict __dict__
    cdef object __weakref__
    cdef public bint sends_before_waiting, _has_obstacle
    cdef public bytearray _output
    cdef public InputBuffer _input
    cdef public int _looks_to_leave_out, _vain_look_costs
    cdef public object _channel, _fatal_error, _reading, _received, _records, _timeout, _writing
    cdef public object _written_by
    cdef public Py_ssize_t _input_buffer_size, _output_buffer_size
    cdef public TextWriter _writer
