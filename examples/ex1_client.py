"""Daytime client, one: connect to a server, read a line, print it.

It is written step by step, as it would be in C, and it handles no errors: each of them ends it. Try
it while no server is running.
"""

from supporting import HOST, PORT, run_client

from trunkline import lookup_hostname, make_socket


# [entry]
def ex1_client(host: str = HOST, port: int = PORT) -> None:
    # [/entry]
    # [socket]
    # Make an internet TCP socket under IPv4. It is an active one: it will be connected to a
    # server. Text on the wire is UTF-8, and a newline there is CR LF.
    socket = make_socket(
        connect="active",
        address_family="ipv4",
        type="stream",
        external_format="utf-8/crlf",
    )
    # [/socket]

    try:
        # [connect]
        # Look the host's name up, and connect to the first of its addresses.
        socket.connect(lookup_hostname(host, family="ipv4").address, port)
        print(
            f"Connected to server {socket.remote_host}:{socket.remote_port} "
            f"via my local connection at {socket.local_host}:{socket.local_port}!"
        )
        # [/connect]

        # [read]
        # Read the one line that a daytime server sends. This waits until the whole line is there.
        line = socket.read_line()
        print(line, end="")
        # [/read]

    # [close]
    finally:
        socket.close()
    # [/close]


if __name__ == "__main__":
    run_client(ex1_client)
