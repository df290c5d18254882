from trunkline._core.output_queue cimport OutputQueue
from trunkline._sys.registration cimport Registration
from trunkline.multiplex.event_base cimport EventBase
from trunkline.multiplex.protocol_caller cimport ProtocolCaller


cdef class TransportCore(Registration):
    cdef object __weakref__
    cdef public EventBase event_base
    cdef public object descriptor, remote_name, _local_name, _where, _error, _cancel_connecting
    cdef public object _began_at, _ended_at, _files, _host, _layer, _limits, _owner, _pipe
    cdef public ProtocolCaller _caller
    cdef public int _state
    # Reading.
    cdef public long long bytes_received
    cdef public bint _eof_seen, _eof_told, _has_more, _interrupted, _is_delivering
    cdef public bint _is_delivery_due, _is_paused, _is_reading
    cdef public bytes _unread
    cdef public object _delivery, _external_format, _form, _line_limit, _receive, _take_in
    cdef public double _received_at
    # Writing.
    cdef public long long bytes_sent
    cdef public bint _eof_wanted, _is_held, _is_refusing, _is_waiting_to_write, _writes_plainly
    cdef public bint _writing_is_paused
    cdef public OutputQueue _queue
    cdef public object _high_water, _low_water, _send, _writer
    cdef public double _sent_at

    cpdef bint _update_interest(self) except -1
    cpdef _stop_reading(self)
