"""Echo server that hands its connections over: it accepts, and other processes serve.

The parent listens, and never reads from a client. Each client that it accepts it sends to the next
of its workers, over a local socket: a line that says who it is, and the connection itself.
"""

import os
import subprocess
import sys
from itertools import cycle

from supporting import (
    PORT,
    add_listening_port,
    open_listener,
    parser_for,
    port_number,
    run,
)

from trunkline import (
    ActiveSocket,
    Hangup,
    SocketError,
    StreamError,
    make_socket_from_fd,
    make_socket_pair,
)


# [workers]
class Worker:
    """A process that serves, and the parent's end of the socket to it."""

    def __init__(self) -> None:
        self.socket, theirs = make_socket_pair()
        with theirs:
            # The worker is this program once more. It inherits its end, and nothing else.
            number = theirs.fileno()
            self.process = subprocess.Popen(
                [sys.executable, __file__, "--worker", str(number)], pass_fds=[number]
            )

    def hand_over(self, client: ActiveSocket) -> None:
        line = f"{client.remote_host} {client.remote_port}\n"
        self.socket.send_file_descriptors([client], line.encode())

    def end(self) -> None:
        # The worker reads the end of file, when it has served what it was given.
        self.socket.close()
        self.process.wait()


# [/workers]


# [parent]
def ex18_server(port: int = PORT, count: int = 2) -> None:
    with open_listener(port) as server:
        workers = [Worker() for _ in range(count)]
        try:
            for client, worker in zip(server, cycle(workers), strict=False):
                name = f"{client.remote_host}:{client.remote_port}"
                try:
                    worker.hand_over(client)
                    print(f"Client {name} goes to process {worker.process.pid}")
                except Hangup:
                    print(f"Process {worker.process.pid} is gone, and with it client {name}")
                finally:
                    # The worker has a duplicate. To close ours in good order would be to speak to
                    # the client; this only lets go of it.
                    client.close(abort=True)
        finally:
            for worker in workers:
                worker.end()


# [/parent]


# [worker]
def work(number: int) -> None:
    boss = make_socket_from_fd(number, dup=False, file_descriptors=True)
    with boss:
        for line in boss:
            # The descriptor has come no later than the line that it was sent with. Whatever happens
            # now, it is closed at the end of the block, and the socket works on a duplicate.
            with boss.take_file_descriptors(1) as descriptors:
                client = make_socket_from_fd(descriptors[0], external_format="utf-8/crlf")
            with client:
                serve(client, line)


def serve(client: ActiveSocket, name: str) -> None:
    try:
        client.write_line(f"Process {os.getpid()} serves {name}.", flush=True)
        for line in client:
            client.write_line(line, flush=True)
    except (SocketError, StreamError) as error:
        print(f"Client {name}: {error}")


# [/worker]

if __name__ == "__main__":
    parser = parser_for(ex18_server)
    add_listening_port(parser, PORT)
    parser.add_argument("--workers", type=port_number, default=2, help="how many (%(default)s)")
    parser.add_argument("--worker", type=int, help="serve what comes over this descriptor")
    run(
        parser,
        lambda chosen: (
            ex18_server(chosen.port, chosen.workers)
            if chosen.worker is None
            else work(chosen.worker)
        ),
    )
