"""Echo server, two: one thread for all clients, with the multiplexer.

It sends each line back as soon as it has read it. As it waits for whole lines, a client that sends
half a line stops it for everybody: try that.
"""

import sys
from functools import partial

from supporting import PORT, open_listener, run_server

from trunkline import (
    ActiveSocket,
    AddressInUse,
    Cause,
    ConnectionReset,
    EndOfFile,
    EventBase,
    Hangup,
    PassiveSocket,
    StreamError,
    TooManyOpenFiles,
)


# [server]
class MultiplexedServer:
    """A listening socket and its clients on one event base.

    What it does with a client, a subclass says in `greet`.
    """

    parting_words = "Closing a client connection to"

    def __init__(self, event_base: EventBase) -> None:
        self.event_base = event_base
        self.clients: set[ActiveSocket] = set()

    def greet(self, client: ActiveSocket) -> None:
        """Set up the handlers of a new client."""
        raise NotImplementedError

    # [/server]

    # [serve]
    def serve(self, port: int) -> None:
        """Accept clients, and call the handlers, until an exception ends it."""
        with open_listener(port) as server:
            self.event_base.set_io_handler(server, "read", partial(self.on_client, server))
            try:
                self.event_base.dispatch()
            except ConnectionReset:
                print("Caught unexpected reset by peer! Client connection reset by peer!")
            except Hangup:
                print("Caught unexpected hangup! Client closed connection on write!")
            except EndOfFile:
                print("Caught unexpected end-of-file! Client closed connection on read!")

    # [/serve]

    # [accept]
    def on_client(self, server: PassiveSocket, fd: int, event: str, cause: Cause | None) -> None:
        """A client is waiting: accept it, and set up its handlers."""
        try:
            client = server.accept(timeout=0)
        except TooManyOpenFiles:
            self.rest(server)
            return
        if client is None:
            return  # it has gone away again
        who, port = client.remote_name
        print(f"Accepted a client from {who}:{port}")
        # Remember it, to close the connection when the server ends.
        self.clients.add(client)
        self.greet(client)

    # [/accept]

    # [rest]
    def rest(self, server: PassiveSocket) -> None:
        """No descriptor is left for another client: let clients wait for a second."""
        self.event_base.remove_fd_handlers(server)
        self.event_base.add_timer(
            lambda: self.event_base.set_io_handler(server, "read", partial(self.on_client, server)),
            1.0,
            one_shot=True,
        )

    # [/rest]

    # [disconnect]
    def disconnect(self, client: ActiveSocket) -> None:
        """Close the connection to a client, and forget it."""
        who, port = client.remote_name
        print(f"Closing connection to {who}:{port}")
        self.event_base.remove_fd_handlers(client)
        client.close(abort=True)
        self.clients.remove(client)

    # [/disconnect]

    # [close]
    def close(self) -> None:
        """Let all clients know at once that the server is gone."""
        for client in self.clients:
            who, port = client.remote_name
            print(f"{self.parting_words} ({who} {port})")
            client.close(abort=True)

    # [/close]


# [echo]
class LineEchoServer(MultiplexedServer):
    """Echoes lines, one at a time."""

    def greet(self, client: ActiveSocket) -> None:
        who, port = client.remote_name
        print(f"Creating line-echoer for {who}:{port}")
        self.event_base.set_io_handler(client, "read", partial(self.echo_a_line, client))

    def echo_a_line(self, client: ActiveSocket, fd: int, event: str, cause: Cause | None) -> None:
        """Something has arrived: read a line, waiting for the whole of it, and send it back."""
        who, port = client.remote_name
        try:
            line = client.read_line()
            print(f"Read {who}:{port}: {line}")
            client.write_line(line)
            client.finish_output()
            print(f"Wrote {who}:{port}: {line}")
        except ConnectionReset:
            print("Client's connection was reset by peer.")
        except Hangup:
            print("Client went away on a write.")
        except EndOfFile:
            print("Client went away on a read.")
        except StreamError as error:
            print(f"Client sent no line: {error}")
        else:
            if line != "quit":
                return
            print("Client requested quit!")
        self.disconnect(client)


# [/echo]


# [entry]
def ex6_server(port: int = PORT) -> None:
    with EventBase() as event_base:
        server = LineEchoServer(event_base)
        try:
            server.serve(port)
        except AddressInUse:
            sys.exit("Bind: Address already in use, forget reuse_address=True?")
        finally:
            server.close()
            print("Server Exited")


# [/entry]

if __name__ == "__main__":
    run_server(ex6_server)
