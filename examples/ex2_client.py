"""Daytime client, two: the same in Python's manner.

The ``with`` statement closes the socket however the block is left.
"""

from supporting import HOST, PORT, run_client

from trunkline import lookup_hostname, make_socket


# [program]
def ex2_client(host: str = HOST, port: int = PORT) -> None:
    with make_socket(
        connect="active",
        address_family="ipv4",
        type="stream",
        external_format="utf-8/crlf",
    ) as socket:
        # Look the host's name up, and connect to the first of its addresses.
        socket.connect(lookup_hostname(host, family="ipv4").address, port)
        print(
            f"Connected to server {socket.remote_host}:{socket.remote_port} "
            f"from my local connection at {socket.local_host}:{socket.local_port}!"
        )
        # Read the one line that a daytime server sends. This waits until the whole line is there.
        line = socket.read_line()
        print(line, end="")


# [/program]

if __name__ == "__main__":
    run_client(ex2_client)
