"""Lines by `socketserver`: a thread for each connection, the handler's `rfile` and `wfile`."""

import socketserver

from bench.servers import BACKLOG, HOST, RECEIVE_LIMIT


class EchoLines(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    rbufsize = RECEIVE_LIMIT

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(line)


class Server(socketserver.ThreadingTCPServer):
    request_queue_size = BACKLOG
    daemon_threads = True


with Server((HOST, 0), EchoLines) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()
