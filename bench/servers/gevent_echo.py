"""Echo by gevent's stream server, a greenlet for each connection."""

# mypy: disable-error-code="import-not-found, import-untyped"

from gevent.server import StreamServer
from gevent.socket import IPPROTO_TCP, TCP_NODELAY, socket

from bench.servers import BACKLOG, HOST, RECEIVE_LIMIT


def echo(connection: socket, address: tuple[str, int]) -> None:
    connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    while data := connection.recv(RECEIVE_LIMIT):
        connection.sendall(data)


server = StreamServer((HOST, 0), echo, backlog=BACKLOG)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
