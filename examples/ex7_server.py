"""Echo server, three: reads and writes when each of them is possible.

Between the two, the lines of a client wait in a queue. When the queue is full the server reads no
more from that client until some of it was written. When a client ends its half of the connection,
it still gets all of its lines.
"""

import sys
from collections import deque

from ex6_server import MultiplexedServer
from supporting import PORT, run_server

from trunkline import (
    ActiveSocket,
    AddressInUse,
    Cause,
    ConnectionReset,
    EndOfFile,
    EventBase,
    Hangup,
    StreamError,
    TimedOut,
)


# [buffer]
class LineBuffer:
    """The lines of a client that were read and not yet written, and the handlers for both.

    A handler is only registered while there is something for it to do: the read handler while there
    is room, the write handler while there are lines.
    """

    def __init__(
        self, server: MultiplexedServer, client: ActiveSocket, max_bytes: int = 4096
    ) -> None:
        self.server = server
        self.event_base = server.event_base
        self.client = client
        self.max_bytes = max_bytes
        self.lines: deque[str] = deque()
        self.bytes_left_to_write = 0
        self.eof_seen = False
        self.peer = str(client.remote_name)
        self.event_base.set_io_handler(client, "read", self.read_a_line)

    # [/buffer]

    # [read]
    def read_a_line(self, fd: int, event: str, cause: Cause | None) -> None:
        """Read a line into the queue, and stop reading if it is full."""
        try:
            line = self.client.read_line() + "\n"
        except ConnectionReset:
            print(f"Client {self.peer}: Connection reset by peer")
            self.server.disconnect(self.client)
        except EndOfFile:
            # The client may only have ended its own half, and wait for the rest of its lines.
            print(f"Client {self.peer} produced end-of-file on a read.")
            self.eof_seen = True
            if self.lines:
                self.event_base.remove_fd_handlers(self.client, read=True)
            else:
                self.server.disconnect(self.client)
        except StreamError as error:
            print(f"Client {self.peer} sent no line: {error}")
            self.server.disconnect(self.client)
        else:
            print(f"Read from {self.peer}: {line}", end="")
            self.lines.append(line)
            self.bytes_left_to_write += len(line)
            if not self.event_base.fd_monitored(self.client, "write"):
                self.event_base.set_io_handler(self.client, "write", self.write_a_line)
            if self.bytes_left_to_write >= self.max_bytes:
                self.event_base.remove_fd_handlers(self.client, read=True)

    # [/read]

    # [write]
    def write_a_line(self, fd: int, event: str, cause: Cause | None) -> None:
        """Write a line from the queue, as far as it goes, and read again if there is room."""
        try:
            if not self.client.has_buffered_output:
                self.client.write(self.lines[0], timeout=0)
            self.client.finish_output(timeout=0)
        except TimedOut:
            pass  # the rest of the line stays in the stream's buffer; go on when there is room
        except ConnectionReset:
            print(f"Client {self.peer}: connection reset by peer.")
            self.server.disconnect(self.client)
        except Hangup:
            # A client that takes nothing more will not send anything either.
            print(f"Client {self.peer} got hangup on write.")
            self.server.disconnect(self.client)
        else:
            line = self.lines.popleft()
            print(f"Wrote to {self.peer}: {line}", end="")
            self.bytes_left_to_write -= len(line)
            self.choose_handlers()

    def choose_handlers(self) -> None:
        """After a write: read again if there is room; stop writing if there is nothing left."""
        has_room = self.bytes_left_to_write < self.max_bytes
        if has_room and not self.eof_seen and not self.event_base.fd_monitored(self.client, "read"):
            self.event_base.set_io_handler(self.client, "read", self.read_a_line)
        if not self.lines:
            if self.eof_seen:
                self.server.disconnect(self.client)
            else:
                self.event_base.remove_fd_handlers(self.client, write=True)

    # [/write]


# [server]
class BufferingServer(MultiplexedServer):
    """Gives each client a buffer of its own."""

    parting_words = "Force closing a client connection to"

    def greet(self, client: ActiveSocket) -> None:
        LineBuffer(self, client)


# [/server]


# [entry]
def ex7_server(port: int = PORT) -> None:
    run_multiplexed_server(BufferingServer, port)


def run_multiplexed_server(kind: type[MultiplexedServer], port: int) -> None:
    with EventBase() as event_base:
        server = kind(event_base)
        try:
            server.serve(port)
        except AddressInUse:
            sys.exit("Bind: Address already in use, forget reuse_address=True?")
        finally:
            server.close()
            print("Server Exited.")


# [/entry]

if __name__ == "__main__":
    run_server(ex7_server)
