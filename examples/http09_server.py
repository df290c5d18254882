"""HTTP/0.9 server: sends the files of a directory to whoever asks for them.

A request is a line like `GET /pathname/to/file HTTP/0.9` and a blank line. The answer is the file,
whose lines end with CR and LF on the way, and then the connection ends.
"""

import contextlib
import functools
import os
import stat
import sys
from typing import BinaryIO

from supporting import add_listening_port, parser_for, run

from trunkline import ActiveSocket, EndOfFile, LineTooLong, Server
from trunkline.dialects.port import open_socket_server, socket_host_port, socket_server_host_port

PORT = 8080
TIMEOUT = 10.0
"""Seconds for a line of the request to arrive, and for each piece of the answer to be taken."""
LIFETIME = 30
"""How many of these times a connection lasts at most."""
CONNECTIONS = 200
"""How many clients are served at once. Others wait until one of these is done."""
LONGEST_REQUEST = 8192  # bytes
PIECE = 16_384  # bytes of a file that are in memory; a line of it may be longer


# [utilities]
def http_send_line(stream: ActiveSocket, line: bytes) -> None:
    """Send a line of text to the HTTP stream, and CR and LF behind it."""
    stream.write(line + b"\r\n")


def say(text: str) -> None:
    """Print a line. Other threads print too: it has to be a single piece."""
    sys.stdout.write(f"> {text}\n")


# [/utilities]


# [server]
def http09_server(
    port: int, root: str, *, timeout: float = TIMEOUT, connections: int = CONNECTIONS
) -> None:
    """Run an HTTP/0.9 server at a port, for the files in the directory `root`.

    Each client has a thread. The limits see to it that no client can hold up the others.
    """
    if not os.path.isdir(root):
        raise ValueError(f"not a directory: {root!r}")
    with (
        open_socket_server(port) as listener,
        Server(
            functools.partial(handle_connection, root=os.fsencode(root)),
            sockets=[listener],
            external_format="latin-1",  # each byte is a character: nothing is malformed
            max_connections=connections,
            read_timeout=timeout,
            write_timeout=timeout,
            idle_timeout=None,
            lifetime=LIFETIME * timeout,
            name="http09",
        ) as server,
    ):
        say(f"Started server on port {socket_server_host_port(listener)[1]}")
        server.serve_forever()


def handle_connection(socket: ActiveSocket, *, root: bytes) -> None:
    """Serve one client; this is what each thread does. The server then closes the connection."""
    process_request(socket, read_request(socket), root)


# [/server]


# [request]
def read_request(socket: ActiveSocket) -> bytes | None:
    """Read the first line of a request; return the name in it, or None if it is no request.

    The name is what is between the first space and the last one.
    """
    try:
        request = socket.read_line(limit=LONGEST_REQUEST).encode("latin-1")
    except (EndOfFile, LineTooLong):
        return None
    first, last = request.find(b" "), request.rfind(b" ")
    return request[first + 1 : last] if first < last else None


def process_request(socket: ActiveSocket, filename: bytes | None, root: bytes) -> None:
    """Answer a request, of which the second line is still to come."""
    say(f"Received request from host {socket_host_port(socket)[0]}")
    if filename is None:
        http_send_line(socket, b"HTTP/0.9 400 Invalid HTTP Request.")
        return
    with contextlib.suppress(EndOfFile, LineTooLong):
        socket.read_line(limit=LONGEST_REQUEST)  # the empty line, or a header of a later version
    serve_file(socket, root, filename)


def serve_file(socket: ActiveSocket, root: bytes, filename: bytes) -> None:
    """Write the contents of a file to the socket, line by line."""
    file = open_within(root, filename)
    if file is None:
        socket.write("HTTP/0.9 401 Not found.\n")
        return
    with file:
        say(f"Serving file {shown(root + filename)}...")
        # What a line consists of is nobody's business here: it may be text in any encoding.
        is_inside_line = False
        while piece := file.readline(PIECE):
            is_inside_line = not piece.endswith(b"\n")
            if is_inside_line:
                socket.write(piece)
            else:
                http_send_line(socket, piece[:-1])
        if is_inside_line:
            http_send_line(socket, b"")


# [/request]


# [root]
def open_within(root: bytes, filename: bytes) -> BinaryIO | None:
    """Open a regular file in the directory `root`, or below; return None if there is no such file.

    Links are followed as long as they stay there. Whatever leads out of it is not found, and nor
    is what is no regular file, like a named pipe, which would be waited for.
    """
    parts = filename.split(b"/")
    if b"\0" in filename or b".." in parts or parts[-1] in (b"", b"."):
        return None
    try:
        top = os.path.realpath(root, strict=True)
        found = os.path.realpath(root + filename, strict=True)
        if os.path.commonpath([top, found]) == top:
            return open_without_links(top, os.path.relpath(found, top))
    except OSError:
        pass  # it does not exist, or is not for us
    return None


def open_without_links(top: bytes, path: bytes) -> BinaryIO | None:
    """Open a regular file by a path below `top` that has no links in it any more.

    So whoever has replaced a part of it by a link, since it was looked at, gains nothing.
    """
    *directories, name = path.split(b"/")
    directory = os.open(top, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for each in directories:
            below = os.open(each, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=directory)
            os.close(directory)
            directory = below
        # Opening a device may already do something. That of a named pipe would wait.
        if not stat.S_ISREG(os.stat(name, dir_fd=directory, follow_symlinks=False).st_mode):
            return None
        number = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=directory)
    finally:
        os.close(directory)
    if not stat.S_ISREG(os.fstat(number).st_mode):  # it has just become something else
        os.close(number)
        return None
    return open(number, "rb")


def shown(name: bytes) -> str:
    """Return the name of a file for people: it comes from the network, and may have anything."""
    text = name.decode("utf-8", "backslashreplace")
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


# [/root]


def main() -> None:
    parser = parser_for(http09_server)
    parser.add_argument("root", help="the directory where the files are")
    add_listening_port(parser, PORT)
    parser.add_argument(
        "--timeout",
        type=float,
        default=TIMEOUT,
        metavar="SECONDS",
        help="for a line of a request, and for a piece of the answer (%(default)g)",
    )
    parser.add_argument(
        "--connections",
        type=int,
        default=CONNECTIONS,
        metavar="NUMBER",
        help="how many clients are served at once (%(default)s)",
    )
    run(
        parser,
        lambda chosen: http09_server(
            chosen.port, chosen.root, timeout=chosen.timeout, connections=chosen.connections
        ),
    )


if __name__ == "__main__":
    main()
