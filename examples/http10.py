"""What the programs that speak HTTP/1.0 have in common: they are those of CLISP's manual.

Text is latin-1 here, in which each byte is one character: whatever encoding a page is in, it
arrives as it is.
"""

import string
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

from supporting import parser_for, port_number, run

from trunkline.dialects.clisp import SocketStream, socket_connect, socket_status

PORT = 80
TIMEOUT = 60.0
"""Seconds that connecting may take, and each wait for the server."""
LONGEST_HEADER = 65_536
"""How many characters a header may have."""
LARGEST = 1 << 30
"""How many bytes an answer may have: they have to go somewhere, and it is the server that says."""
PIECE = 65_536
"""How many bytes of it are read at a time."""


class Failure(Exception):
    """The server does not do what it was asked to, or cannot be asked; the text says why."""


# [connect]
def http_connect(host: str, port: int, method: str, page: str, *fields: str) -> SocketStream:
    """Connect to a server, and send it a request.

    Args:
        host: The server's name or address.
        port: The server's port.
        method: What it is to do, like ``"GET"``.
        page: The name of the page, like ``"/index.html"``.
        *fields: What the request's header says, a line each.
    """
    if not page or " " in page or not (page.isascii() and page.isprintable()):
        quoted = quote(page, string.punctuation, errors="surrogateescape") or "/"
        raise Failure(f"the name of a page cannot be {page!r}; you may mean {quoted}")
    stream = socket_connect(port, host, external_format="latin-1/crlf", timeout=TIMEOUT)
    stream.timeout = TIMEOUT
    try:
        stream.write("\n".join((f"{method} {page} HTTP/1.0", *fields, "", "")))
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
        fields: What is behind the colons, by what is before them in lower case. The values of a
            field that comes several times are joined by commas, as HTTP has it.
    """

    lines: list[str]
    fields: dict[str, str]

    @property
    def status(self) -> str:
        """What became of the request: a number of three digits, and what it means."""
        return self.lines[0].partition(" ")[2]

    def check(self) -> None:
        """Raise `Failure` unless the server has done what it was asked to."""
        if self.status.startswith("3") and "location" in self.fields:
            raise Failure(f"the server says {self.status!r}, to {self.fields['location']!r}")
        code, _, _ = self.status.partition(" ")
        if not (len(code) == 3 and code.isascii() and code.isdecimal() and code[0] == "2"):
            raise Failure(f"the server says {self.status!r}")

    def content_length(self) -> int | None:
        """Return how many bytes come behind the header, or None if the server did not say."""
        coding = self.fields.get("transfer-encoding")
        if coding is not None:
            raise Failure(f"the server sends it {coding!r}, and HTTP/1.0 has nothing of the kind")
        if self.status.startswith(("204", "304")):
            return 0  # These never have anything there.
        if "content-length" not in self.fields:
            return None
        text, *others = {each.strip() for each in self.fields["content-length"].split(",")}
        if others:
            raise Failure(f"the server says several lengths: {self.fields['content-length']!r}")
        if not (text.isascii() and text.isdecimal()):
            raise Failure(f"the server says how long the file is, but not as a number: {text!r}")
        return check_length(int(text.lstrip("0")[:20] or "0"))  # which is enough to be too much


def check_length(length: int) -> int:
    if length > LARGEST:
        raise Failure(f"the server has more than {LARGEST} bytes for us, which are the limit")
    return length


def read_header(lines: Iterable[str]) -> Header:
    """Take the header, and the empty line behind it, from the lines of an answer.

    Answers that only say to wait for the next one, like "100 Continue", are passed over.
    """
    header: list[str] = []
    left = LONGEST_HEADER
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            raise Failure(f"the header has more than {LONGEST_HEADER} characters")
        if line:
            header.append(line)
            if not header[0].startswith("HTTP/"):
                raise Failure(f"the server does not speak HTTP: {line!r}")
        elif header:
            found = Header(header, fields_of(header))
            if not found.status.startswith("1"):
                return found
            header = []
    raise Failure("the header is cut short" if header else "the server has said nothing")


def fields_of(header: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in header[1:]:
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


# [/header]


# [body]
def read_body(socket: SocketStream, header: Header) -> Iterator[bytes]:
    """Yield what comes behind the header: as much as was promised, or all until the server ends.

    What has come of it is yielded before it is told that something was wrong.
    """
    length = header.content_length()
    count = 0
    while left := min(PIECE, LARGEST if length is None else length - count):
        piece = socket.read(left)
        if not piece:
            break
        count = check_length(count + len(piece))
        yield piece
    if length is None:
        print("The server did not say how long it is: who knows if this is all.", file=sys.stderr)
    elif count < length:
        raise Failure(f"the server has promised {length} bytes, and sent {count}")
    # The server ends now. If it says more instead, something is wrong with the promise.
    elif socket_status((socket, "input"), 1)[0] == "input":
        raise Failure(f"the server has promised {length} bytes, and sends more")


# [/body]


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
