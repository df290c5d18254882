"""Daytime server, four: a thread for each client.

End it with Ctrl-C: the clients notice at once.
"""

import sys
from collections.abc import Callable
from threading import Thread

from supporting import PORT, daytime, open_listener, run_server, say

from trunkline import (
    ActiveSocket,
    AddressInUse,
    ConnectionReset,
    Hangup,
    PassiveSocket,
    SocketClosed,
    SocketError,
)


# [accept]
def serve_in_threads(
    server: PassiveSocket, handle: Callable[[ActiveSocket], None], name: str
) -> None:
    """Accept clients for ever, and call `handle` with each in a thread of its own."""
    clients: dict[Thread, ActiveSocket] = {}
    try:
        while True:
            say("Waiting to accept a connection...")
            client = server.accept()
            clients = {thread: each for thread, each in clients.items() if thread.is_alive()}
            thread = Thread(target=handle, args=(client,), name=name)
            clients[thread] = client
            thread.start()
    # [/accept]
    # [destroy]
    finally:
        # A thread cannot be destroyed, but the socket that it waits for can be closed: it gets
        # SocketClosed at once, and its client an end of file.
        say("Destroying any active client threads....")
        for thread, client in clients.items():
            if thread.is_alive():
                say(f"Destroying: {thread}")
            client.close(abort=True)
            thread.join()
    # [/destroy]


# [handle]
def tell_the_time(client: ActiveSocket) -> None:
    """Tell one client the time; this is what each thread does."""
    who, port = client.remote_name
    try:
        say(f"A thread is handling the connection from {who}:{port}!")
        say(f"Sending the time to {who}:{port}...")
        client.write_line(daytime())
        client.finish_output()
        say(f"Sent the time to {who}:{port}!")
    except ConnectionReset:
        say(f"Client {who}:{port} reset the connection!")
    except Hangup:
        say(f"Client {who}:{port} closed connection.")
    except SocketClosed:
        pass  # the server is ending, and has closed it
    except SocketError as error:
        say(f"Client {who}:{port}: {error}")
    finally:
        say(f"Closing connection to {who}:{port}!")
        client.close()


# [/handle]


# [entry]
def ex4_server(port: int = PORT) -> None:
    try:
        with open_listener(port) as server:
            serve_in_threads(server, tell_the_time, "process-ex4-client-thread")
    except AddressInUse:
        sys.exit("Bind: Address already in use, forget reuse_address=True?")


# [/entry]

if __name__ == "__main__":
    run_server(ex4_server)
