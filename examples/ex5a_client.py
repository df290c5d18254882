"""Echo client, two: with the multiplexer, and wrong about the end of its input.

It reads what the user types when the server is ready for it, and prints what the server sends when
that arrives, in any order. When the user's input ends it closes the connection at once, though
lines may still be on their way: try it with a file as its input.
"""

import sys

from supporting import HOST, PORT, read_input_line, run_client

from trunkline import (
    ActiveSocket,
    Cause,
    ConnectionRefused,
    ConnectionReset,
    EndOfFile,
    EventBase,
    Hangup,
    StreamError,
    lookup_hostname,
    make_socket,
)


# [client]
class EchoClient:
    """A connection to an echo server, and the handlers that the multiplexer calls for it."""

    name = "ex5a"

    def __init__(self, event_base: EventBase, socket: ActiveSocket) -> None:
        self.event_base = event_base
        self.socket = socket
        event_base.set_io_handler(socket, "read", self.on_readable)
        event_base.set_io_handler(socket, "write", self.on_writable)

    # [/client]

    # [write]
    def on_writable(self, fd: int, event: str, cause: Cause | None) -> None:
        """The server can take a line: wait for the user to type one, and send it."""
        try:
            self.socket.write_line(read_input_line())
            self.socket.finish_output()
        except EndOfFile:
            print(f"{self.name} write: User performed end-of-file!")
            self.on_end_of_input()
        except Hangup:
            print(f"{self.name} write: server closed connection on write!")
            self.disconnect(close=True)

    def on_end_of_input(self) -> None:
        # The lines that are on their way, in either direction, are lost.
        self.disconnect(close=True)

    # [/write]

    # [read]
    def on_readable(self, fd: int, event: str, cause: Cause | None) -> None:
        """The server has sent something: print the line."""
        try:
            print(self.socket.read_line())
        except EndOfFile:
            print(f"{self.name} read: server closed connection on read!")
            self.disconnect(close=True)

    # [/read]

    # [disconnect]
    def disconnect(self, *, read: bool = False, write: bool = False, close: bool = False) -> None:
        """Remove the handlers that are named, or all if none is; and close the socket if told."""
        print(f"Disconnecting socket: {self.socket}")
        self.event_base.remove_fd_handlers(self.socket, read=read, write=write)
        if close:
            self.socket.close(abort=True)

    # [/disconnect]


# [helper]
def talk_to_server(client: type[EchoClient], event_base: EventBase, host: str, port: int) -> None:
    with make_socket(remote_host=host, remote_port=port, external_format="utf-8/crlf") as socket:
        print(
            f"Connected to server {socket.remote_host}:{socket.remote_port} "
            f"from my local connection at {socket.local_host}:{socket.local_port}!"
        )
        client(event_base, socket)
        try:
            # The handlers close the socket when it is time, and then there is nothing left to wait
            # for.
            event_base.dispatch()
        except ConnectionReset:
            sys.exit("Uncaught connection reset. Server went away!")
        except Hangup:
            sys.exit("Uncaught hangup. Server closed connection on write!")
        except EndOfFile:
            sys.exit("Uncaught end-of-file. Server closed connection on read!")
        except StreamError as error:
            sys.exit(f"Server sent no line: {error}")
        finally:
            print("Client safely closing open socket to server.")
            socket.close(abort=True)


# [/helper]


# [entry]
def run_echo_client(client: type[EchoClient], host: str, port: int) -> None:
    try:
        with EventBase(exit_when_empty=True) as event_base:
            talk_to_server(client, event_base, host, port)
    except ConnectionRefused:
        address = lookup_hostname(host).address
        sys.exit(f"Connection refused to {address}:{port}. Maybe the server isn't running?")
    finally:
        print("Client Exited.")


def ex5a_client(host: str = HOST, port: int = PORT) -> None:
    run_echo_client(EchoClient, host, port)


# [/entry]

if __name__ == "__main__":
    run_client(ex5a_client)
