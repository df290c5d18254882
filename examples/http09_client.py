"""HTTP/0.9 client: asks a server for a file, and prints it."""

import os

from http09_server import PORT, http_send_line
from supporting import add_address, parser_for, run, show

from trunkline.dialects.port import open_socket


# [program]
def http_get(server: str, port: int, path: str) -> None:
    """Ask an HTTP/0.9 server for a file, and print what it says to standard output, byte by byte.

    Args:
        server: The server's name, or its address.
        port: The server's port.
        path: The name of the file.
    """
    if "\n" in path:
        raise ValueError(f"the name of a file cannot contain a newline here: {path!r}")
    with open_socket(server, port) as socket:
        print(f"> Sending request to {server}:{port}...")
        http_send_line(socket, b"GET %b HTTP/0.9\n\n" % os.fsencode(path))
        socket.force_output()

        print("> Received response:")
        if not show(iter(socket.read, b"")):
            print()


# [/program]


def main() -> None:
    parser = parser_for(http_get)
    parser.add_argument("path", help="the name of the file, like /hosts")
    add_address(parser, PORT)
    run(parser, lambda chosen: http_get(chosen.host, chosen.port, chosen.path))


if __name__ == "__main__":
    main()
