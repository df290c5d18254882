"""Server with a stop button: it works through its clients' lines, each of which takes a while.

An urgent byte overtakes all lines that are before it, whether they are still on their way, not read
yet, or waiting for their turn. It makes the server forget them.
"""

from collections import deque

from supporting import PORT, open_listener, run_server

from trunkline import ActiveSocket, Cause, EndOfFile, EventBase, SocketError
from trunkline.multiplex.handlers import Event

SECONDS_FOR_A_LINE = 0.05


# [client]
class Client:
    """A client, and what it wants done."""

    def __init__(self, base: EventBase, socket: ActiveSocket) -> None:
        self.base = base
        self.socket = socket
        self.name = f"{socket.remote_host}:{socket.remote_port}"
        self.jobs: deque[str] = deque()
        self.timer = base.add_timer(self.work, SECONDS_FOR_A_LINE)
        self.is_complete = False
        # The handler for what is urgent is called before the one that reads, and for nothing else.
        base.set_io_handler(socket, "urgent", self.stop)
        base.set_io_handler(socket, "read", self.read)

    # [/client]

    # [read]
    def read(self, number: int, event: Event, cause: Cause | None) -> None:
        try:
            self.jobs.append(self.socket.read_line())
        except EndOfFile:
            # There is no more to come, and what is queued is still to be done.
            self.is_complete = True
            self.base.remove_fd_handlers(self.socket)
        except SocketError as error:
            self.end(f"is gone: {error}")

    # [/read]

    # [work]
    def work(self) -> None:
        try:
            if self.jobs:
                self.socket.write_line(f"did {self.jobs.popleft()}", flush=True)
            elif self.is_complete:
                self.end("has everything")
        except SocketError as error:
            self.end(f"is gone: {error}")

    # [/work]

    # [urgent]
    def stop(self, number: int, event: Event, cause: Cause | None) -> None:
        try:
            self.socket.receive_from(1, out_of_band=True)
            # What was sent before the urgent byte is for nobody any more: what waits for its turn,
            # what the stream has received already, and what it has not, up to the mark.
            self.jobs.clear()
            self.socket.clear_input()
            while not self.socket.at_mark:
                self.socket.receive_from(4096)
            print(f"Client {self.name} wants me to stop.")
            self.socket.write_line("stopped", flush=True)
        except SocketError as error:
            self.end(f"is gone: {error}")

    # [/urgent]

    def end(self, how: str) -> None:
        print(f"Client {self.name} {how}.")
        self.base.remove_timer(self.timer)
        self.socket.close(abort=how != "has everything")


# [entry]
def ex16_server(port: int = PORT) -> None:
    with open_listener(port) as server, EventBase() as base:

        def accept(number: int, event: Event, cause: Cause | None) -> None:
            socket = server.accept(timeout=0)
            if socket is not None:
                print(f"Accepted a client from {socket.remote_host}:{socket.remote_port}")
                Client(base, socket)

        base.set_io_handler(server, "read", accept)
        base.dispatch()


# [/entry]

if __name__ == "__main__":
    run_server(ex16_server)
