"""Lines by gevent's stream server: `readline` on the file that `makefile` gives."""

# mypy: disable-error-code="import-not-found, import-untyped"

from gevent.server import StreamServer
from gevent.socket import IPPROTO_TCP, TCP_NODELAY, socket

from bench.servers import BACKLOG, HOST, RECEIVE_LIMIT


def echo_lines(connection: socket, address: tuple[str, int]) -> None:
    connection.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)
    with connection.makefile("rb", RECEIVE_LIMIT) as lines:
        while line := lines.readline():
            connection.sendall(line)


server = StreamServer((HOST, 0), echo_lines, backlog=BACKLOG)
server.start()
print(server.server_port, flush=True)
server.serve_forever()
