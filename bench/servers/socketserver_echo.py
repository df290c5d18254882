"""Echo by the standard library's `socketserver`, a thread for each connection."""

import socket
import socketserver

from bench.servers import BACKLOG, HOST, RECEIVE_LIMIT


class Echo(socketserver.BaseRequestHandler):
    request: socket.socket

    def setup(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)

    def handle(self) -> None:
        while data := self.request.recv(RECEIVE_LIMIT):
            self.request.sendall(data)


class Server(socketserver.ThreadingTCPServer):
    request_queue_size = BACKLOG
    daemon_threads = True


with Server((HOST, 0), Echo) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
