"""Echo server, one: a thread for each client sends back every line that it reads.

The line "quit" ends the connection. End the server with Ctrl-C: the clients notice at once.
"""

from ex4_server import serve_in_threads
from supporting import PORT, open_listener, run_server

from trunkline import (
    ActiveSocket,
    AddressInUse,
    ConnectionReset,
    EndOfFile,
    Hangup,
    SocketClosed,
)


# [handle]
def handle_client(client: ActiveSocket) -> None:
    """Serve one client; this is what each thread does."""
    who, port = client.remote_name
    try:
        print(f"A thread is handling the connection from {who}:{port}!")
        echo_lines(client)
    except ConnectionReset:
        print(f"Client {who}:{port}: connection reset by peer.")
    except EndOfFile:
        print(f"Client {who}:{port} closed connection for a read.")
    except Hangup:
        print(f"Client {who}:{port} closed connection for a write.")
    except SocketClosed:
        pass  # the server is ending, and has closed it
    finally:
        print(f"Closing connection to {who}:{port}!")
        client.close()


# [/handle]


# [echo]
def echo_lines(client: ActiveSocket) -> None:
    """Send each line back, until the client says "quit", or an exception ends it."""
    who, port = client.remote_name
    line = ""
    while line != "quit":
        line = client.read_line()
        print(f"Read line from {who}:{port}: {line}")
        client.write_line(line)
        client.finish_output()
        print(f"Wrote line to {who}:{port}: {line}")


# [/echo]


# [entry]
def ex5_server(port: int = PORT) -> None:
    try:
        with open_listener(port) as server:
            serve_in_threads(server, handle_client, "process-ex5-client-thread")
    except AddressInUse:
        print("Bind: Address already in use, forget reuse_address=True?", end="")


# [/entry]

if __name__ == "__main__":
    run_server(ex5_server)
