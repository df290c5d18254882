"""Echo server, four: moves bytes, as many as there are, and never waits for anybody.

It knows nothing of lines or characters. Each client has a buffer of a fixed size; half a line, a
client that does not read, and one that writes without end cost the others nothing.
"""

from ex6_server import MultiplexedServer
from ex7_server import run_multiplexed_server
from supporting import PORT, run_server

from trunkline import ActiveSocket, BrokenPipe, Cause, ConnectionReset, WouldBlock


# [buffer]
class ByteBuffer:
    """The bytes of a client that were read and not yet written, and the handlers for both.

    Bytes are read at `read_index` and written from `write_index`, which follows it. Both go back to
    the start when everything up to the end of the buffer was written.
    """

    def __init__(
        self, server: MultiplexedServer, client: ActiveSocket, max_bytes: int = 16384
    ) -> None:
        self.server = server
        self.event_base = server.event_base
        self.client = client
        self.buffer = bytearray(max_bytes)
        self.read_index = 0
        self.write_index = 0
        self.eof_seen = False
        self.peer = str(client.remote_name)
        self.event_base.set_io_handler(client, "read", self.read_some_bytes)

    # [/buffer]

    # [read]
    def read_some_bytes(self, fd: int, event: str, cause: Cause | None) -> None:
        """Read what there is room for, and try to write it at once."""
        try:
            count, _ = self.client.receive_from(self.buffer, start=self.read_index)
        except WouldBlock:
            return  # it was ready, and is not any more
        except ConnectionReset:
            print(f"Client {self.peer}: connection reset by peer.")
            self.server.disconnect(self.client)
            return
        if count == 0:
            self.on_end_of_file()
            return
        print(f"Read {count} bytes from {self.peer}")
        self.read_index += count
        if not self.event_base.fd_monitored(self.client, "write"):
            self.event_base.set_io_handler(self.client, "write", self.write_some_bytes)
        # Most of the time this works, and saves a round through the multiplexer.
        self.write_some_bytes(fd, "write", None)
        if self.read_index == len(self.buffer) and not self.client.closed:
            self.event_base.remove_fd_handlers(self.client, read=True)

    def on_end_of_file(self) -> None:
        # The client may only have ended its own half, and wait for the rest of its bytes.
        print(f"Client {self.peer} produced end-of-file on a read.")
        self.eof_seen = True
        if self.write_index < self.read_index:
            self.event_base.remove_fd_handlers(self.client, read=True)
        else:
            self.server.disconnect(self.client)

    # [/read]

    # [write]
    def write_some_bytes(self, fd: int, event: str, cause: Cause | None) -> None:
        """Write what fits, and read again if everything was written."""
        try:
            count = self.client.send_to(self.buffer, start=self.write_index, end=self.read_index)
        except WouldBlock:
            print("write_some_bytes: ewouldblock")
        except ConnectionReset:
            print(f"Client {self.peer}: connection reset by peer.")
            self.server.disconnect(self.client)
        except BrokenPipe:
            # A client that takes nothing more will not send anything either.
            print(f"Client {self.peer} got hangup on write.")
            self.server.disconnect(self.client)
        else:
            print(f"Wrote {count} bytes to {self.peer}")
            self.write_index += count
            if self.write_index == self.read_index:
                self.on_everything_written()

    def on_everything_written(self) -> None:
        if self.eof_seen:
            self.server.disconnect(self.client)
            return
        self.event_base.remove_fd_handlers(self.client, write=True)
        if self.read_index == len(self.buffer):
            self.read_index = self.write_index = 0
        if not self.event_base.fd_monitored(self.client, "read"):
            self.event_base.set_io_handler(self.client, "read", self.read_some_bytes)

    # [/write]


# [server]
class ByteEchoServer(MultiplexedServer):
    """Gives each client a buffer of its own."""

    parting_words = "Force closing a client connection to"

    def greet(self, client: ActiveSocket) -> None:
        ByteBuffer(self, client)


# [/server]


# [entry]
def ex8_server(port: int = PORT) -> None:
    run_multiplexed_server(ByteEchoServer, port)


# [/entry]

if __name__ == "__main__":
    run_server(ex8_server)
