"""Echo of datagrams by Trunkline's blocking socket, one at a time or many."""

import sys

from bench.servers import HOST
from trunkline import make_socket

with make_socket(type="datagram", local_host=HOST) as server:
    print(server.local_port, flush=True)
    if sys.argv[1] == "many":
        while True:
            server.send_many(server.receive_many(64, timeout=None), timeout=None)
    for data, sender in server:
        server.send_to(data, sender)
