"""Echo server, one: a thread for each client sends back every line that it reads.

The line "quit" ends the connection. End the server with Ctrl-C: the clients notice at once.
"""

import sys

from ex4_server import serve_in_threads
from supporting import PORT, open_listener, run_server, say

from trunkline import (
    ActiveSocket,
    AddressInUse,
    ConnectionReset,
    EndOfFile,
    Hangup,
    SocketClosed,
    SocketError,
    StreamError,
)


# [handle]
def handle_client(client: ActiveSocket) -> None:
    """Serve one client; this is what each thread does."""
    who, port = client.remote_name
    try:
        say(f"A thread is handling the connection from {who}:{port}!")
        echo_lines(client)
    except ConnectionReset:
        say(f"Client {who}:{port}: connection reset by peer.")
    except EndOfFile:
        say(f"Client {who}:{port} closed connection for a read.")
    except Hangup:
        say(f"Client {who}:{port} closed connection for a write.")
    except SocketClosed:
        pass  # the server is ending, and has closed it
    except StreamError as error:
        say(f"Client {who}:{port} sent no line: {error}")
    except SocketError as error:
        say(f"Client {who}:{port}: {error}")
    finally:
        say(f"Closing connection to {who}:{port}!")
        client.close()


# [/handle]


# [echo]
def echo_lines(client: ActiveSocket) -> None:
    """Send each line back, until the client says "quit", or an exception ends it."""
    who, port = client.remote_name
    line = ""
    while line != "quit":
        line = client.read_line()
        say(f"Read line from {who}:{port}: {line}")
        client.write_line(line)
        client.finish_output()
        say(f"Wrote line to {who}:{port}: {line}")


# [/echo]


# [entry]
def ex5_server(port: int = PORT) -> None:
    try:
        with open_listener(port) as server:
            serve_in_threads(server, handle_client, "process-ex5-client-thread")
    except AddressInUse:
        sys.exit("Bind: Address already in use, forget reuse_address=True?")


# [/entry]

if __name__ == "__main__":
    run_server(ex5_server)
