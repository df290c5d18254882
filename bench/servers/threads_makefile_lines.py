"""Lines by hand: a thread for each connection, which reads and writes by `socket.makefile`."""

import socket
import threading

from bench.servers import BACKLOG, HOST


def echo_lines(connection: socket.socket) -> None:
    with connection, connection.makefile("rb") as reader, connection.makefile("wb") as writer:
        for line in reader:
            writer.write(line)
            writer.flush()


with socket.create_server((HOST, 0), backlog=BACKLOG) as server:
    print(server.getsockname()[1], flush=True)
    while True:
        connection, _ = server.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=echo_lines, args=(connection,), daemon=True).start()
