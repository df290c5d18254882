"""Echo of datagrams by nothing but Python's own socket: a loop of one receive and one send."""

import socket

from bench.servers import HOST, LARGEST_DATAGRAM

with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
    server.bind((HOST, 0))
    print(server.getsockname()[1], flush=True)
    while True:
        data, sender = server.recvfrom(LARGEST_DATAGRAM)
        server.sendto(data, sender)
