"""Daytime client, three: with the errors that every network program has to expect.

Try it while no server is running, and with a server that goes away before it has replied.
"""

import sys

from supporting import HOST, PORT, run_client

from trunkline import ConnectionRefused, EndOfFile, lookup_hostname, make_socket


# [helper]
def read_the_time(host: str, port: int) -> None:
    # Given a host, make_socket looks its name up and connects, too. It tries all of the host's
    # addresses, IPv6 and IPv4.
    with make_socket(remote_host=host, remote_port=port, external_format="utf-8/crlf") as socket:
        print(
            f"Connected to server {socket.remote_host}:{socket.remote_port} "
            f"from my local connection at {socket.local_host}:{socket.local_port}!"
        )
        try:
            line = socket.read_line()
            print(line, end="")
        except EndOfFile:
            # The server went away before it could reply. Leaving the block closes the socket.
            sys.exit("Got end-of-file. Server closed connection!")


# [/helper]


# [entry]
def ex3_client(host: str = HOST, port: int = PORT) -> None:
    try:
        read_the_time(host, port)
    except ConnectionRefused:
        address = lookup_hostname(host).address
        sys.exit(f"Connection refused to {address}:{port}. Maybe the server isn't running?")


# [/entry]

if __name__ == "__main__":
    run_client(ex3_client)
