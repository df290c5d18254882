"""HTTP/0.9 client: asks a server for a file, and prints it."""

import os
import sys

from http09_server import PORT, http_send_line
from supporting import HOST, parser_for, port_number, run

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

        print("> Received response:", flush=True)
        last = b"\n"
        while data := socket.read():
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            last = data
        if not last.endswith(b"\n"):
            print()


# [/program]


def main() -> None:
    parser = parser_for(http_get)
    parser.add_argument("path", help="the name of the file, like /hosts")
    parser.add_argument("--host", default=HOST, help="the server's name or address (%(default)s)")
    parser.add_argument(
        "--port", type=port_number, default=PORT, help="the server's port (%(default)s)"
    )
    chosen = parser.parse_args()
    try:
        run(lambda: http_get(chosen.host, chosen.port, chosen.path))
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
