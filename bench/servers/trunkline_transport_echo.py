"""Echo by Trunkline's transport, delivering bytes.

With a certificate on the command line, over TLS.
"""

import sys

from bench.servers import BACKLOG, HOST
from trunkline import TLS, EventBase, make_socket
from trunkline.multiplex.listener import listen
from trunkline.multiplex.protocol import TransportProtocol
from trunkline.multiplex.transport import Transport


class Echo(TransportProtocol):
    def connection_made(self, transport: Transport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


tls = TLS(certificate=sys.argv[1]) if sys.argv[1:] else None
with (
    make_socket(connect="passive", local_host=HOST, backlog=BACKLOG) as server,
    EventBase() as base,
    listen(base, server, Echo, tls=tls),
):
    print(server.local_port, flush=True)
    base.dispatch()
