"""The multiplexer: an event base with its handlers and timers, and transports that stand on it.

The path of a byte, for who reads this for the first time:

1. The event base asks the backend of the operating system (`EventBase._iterate`), which returns the
   registrations that are ready, and calls `_handle_ready` of each. Transports, listeners and the
   handlers of a descriptor are registrations.
2. That of a transport (`transport_reading`) receives, and gives what it has received to `_take_in`.
   This is the protocol's `data_received` itself if it takes bytes, and `_deliver` in all other
   forms, which calls a `DeliveryForm` (`delivery`); but into a buffer of the protocol's, it is
   received at once.
3. What the protocol writes meanwhile is queued by `write` (`transport_writing`), and leaves by
   `_flush` when it returns. At any other time, `write` sends at once.
4. What the system does not take stays in the queue, and the backend is asked to tell when there is
   room (`_start_waiting_to_write`). Then it returns the transport once more, and `_handle_ready`
   calls `_flush`. A file (`transport_files`) waits there, too, and is read when its turn comes.

With TLS, `_receive` and `_send` of a transport are not the system's own but those of a `TLSLayer`
(`tls_layer`), once a `Handshake` (`handshake`) is over.

An event base is made of layers, as is a transport: `calls` (timers and deferred calls), `monitor`
(who waits for which descriptor) and `event_base` (the loop); `transport_core` (the state, and the
end), `transport_writing`, `transport_files`, `transport_reading`, `transport_securing` (the
beginning) and `transport`. Transports come from `listener`, `connector`, `reconnector` and
`adoption`. `waits` and `many_waits` do without an event base.
"""

from .._core.framing import Blocks, Frames
from .._core.timer_queue import Timer
from .._sys.backends import available_backends
from .adoption import adopt
from .connector import connect
from .delivery import Delivery
from .event_base import EventBase
from .handlers import Cause, IOHandler
from .listener import Listener, listen
from .many_waits import IOStatus, wait_until_any_ready
from .protocol import TransportProtocol
from .reconnector import Reconnector, reconnect
from .statistics import Statistics
from .transport import DEFAULT_HIGH_WATER, Transport
from .waits import Readiness, fd_readable, fd_writable, wait_until_fd_ready

__all__ = (
    "DEFAULT_HIGH_WATER",
    "Blocks",
    "Cause",
    "Delivery",
    "EventBase",
    "Frames",
    "IOHandler",
    "IOStatus",
    "Listener",
    "Readiness",
    "Reconnector",
    "Statistics",
    "Timer",
    "Transport",
    "TransportProtocol",
    "adopt",
    "available_backends",
    "connect",
    "fd_readable",
    "fd_writable",
    "listen",
    "reconnect",
    "wait_until_any_ready",
    "wait_until_fd_ready",
)
