"""Echo client, one: send each line that is typed to the server, and print what comes back.

The line "quit" asks the server to close the connection. As this client waits for the user and for
the server in turns, it finds out about that only after one more line has been typed.
"""

import sys

from supporting import HOST, PORT, read_input_line, run_client

from trunkline import (
    ActiveSocket,
    ConnectionRefused,
    ConnectionReset,
    EndOfFile,
    Hangup,
    StreamError,
    lookup_hostname,
    make_socket,
)


# [helper]
def talk_to_server(host: str, port: int) -> None:
    with make_socket(remote_host=host, remote_port=port, external_format="utf-8/crlf") as socket:
        print(
            f"Connected to server {socket.remote_host}:{socket.remote_port} "
            f"from my local connection at {socket.local_host}:{socket.local_port}!"
        )
        try:
            echo_lines(socket)
        except ConnectionReset:
            sys.exit("Got connection reset. Server went away!")
        except Hangup:
            sys.exit("Got hangup. Server closed connection on write!")
        except EndOfFile:
            # Either the server has ended, or the user has.
            print("Got end-of-file. Server closed connection on read!")
        except StreamError as error:
            sys.exit(f"Server sent no line: {error}")


# [/helper]


# [echo]
def echo_lines(socket: ActiveSocket) -> None:
    """Send lines and print the answers, until an exception says that there is an end."""
    while True:
        socket.write_line(read_input_line())
        socket.finish_output()
        print(socket.read_line())


# [/echo]


# [entry]
def ex4_client(host: str = HOST, port: int = PORT) -> None:
    try:
        talk_to_server(host, port)
    except ConnectionRefused:
        address = lookup_hostname(host).address
        sys.exit(f"Connection refused to {address}:{port}. Maybe the server isn't running?")
    finally:
        print("Client Exited.")


# [/entry]

if __name__ == "__main__":
    run_client(ex4_client)
