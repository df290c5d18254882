"""What the programs that speak HTTP/1.0 have in common: they are those of CLISP's manual.

Text is latin-1 here, in which each byte is one character: whatever encoding a page is in, it
arrives as it is.
"""

import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple

from supporting import parser_for, port_number, run

from trunkline.dialects.clisp import SocketStream, socket_connect

PORT = 80
TIMEOUT = 60.0
"""Seconds that connecting may take, and each wait for the server."""
MOST_LINES = 1000
"""How many lines a header may have."""


class Failure(Exception):
    """The server does not do what it was asked to, or cannot be asked; the text says why."""


# [connect]
def http_connect(host: str, port: int, request: str, *fields: str) -> SocketStream:
    """Connect to a server, and send it a request.

    Args:
        host: The server's name or address.
        port: The server's port.
        request: The request without its version, like ``"GET /"``.
        *fields: What its header says, a line each.
    """
    if not (request.isascii() and request.isprintable()):
        raise Failure(f"the name of a page cannot have such characters: {request!r}")
    stream = socket_connect(port, host, external_format="latin-1/crlf", timeout=TIMEOUT)
    stream.timeout = TIMEOUT
    try:
        stream.write("\n".join((f"{request} HTTP/1.0", *fields, "", "")))
    except BaseException:
        stream.close(abort=True)
        raise
    return stream


# [/connect]


# [header]
class Header(NamedTuple):
    """The header of an answer.

    Attributes:
        lines: All of its lines, as they came.
        fields: What is behind the colons, by what is before them in lower case.
    """

    lines: list[str]
    fields: dict[str, str]

    def check(self) -> None:
        """Raise `Failure` unless the server has done what it was asked to."""
        version, _, status = self.lines[0].partition(" ")
        if not version.startswith("HTTP/"):
            raise Failure(f"the server does not speak HTTP: {self.lines[0]!r}")
        if status.startswith("3") and "location" in self.fields:
            raise Failure(f"the server says {status!r}, to {self.fields['location']!r}")
        if not status.startswith("2"):
            raise Failure(f"the server says {status!r}")


def read_header(lines: Iterable[str]) -> Header:
    """Take the header, and the empty line behind it, from the lines of an answer."""
    header: list[str] = []
    for line in lines:
        if not line:
            break
        header.append(line)
        if len(header) > MOST_LINES:
            raise Failure(f"the header has more than {MOST_LINES} lines")
    if not header:
        raise Failure("the server has said nothing")
    fields = [line.partition(":") for line in header[1:]]
    return Header(header, {name.strip().lower(): value.strip() for name, _, value in fields})


# [/header]


def run_transfer(transfer: Callable[[str, str, str, int], None], file_help: str) -> None:
    """Run a program whose arguments are a host, a page, a file, and a port if it is not 80."""
    parser = parser_for(transfer)
    parser.add_argument("host", help="the server's name or address")
    parser.add_argument("page", help="the name of the page, like /index.html")
    parser.add_argument("file", help=file_help)
    parser.add_argument(
        "port", type=port_number, nargs="?", default=PORT, help="the server's port (%(default)s)"
    )
    try:
        run(parser, lambda chosen: transfer(chosen.host, chosen.page, chosen.file, chosen.port))
    except (Failure, OSError) as error:  # the second is about the file
        sys.exit(str(error))
