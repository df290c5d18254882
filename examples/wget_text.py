"""Get a page of text by HTTP, and put what the server says into a file: the header and the text.

The lines of the file end with a line feed, where they end with CR LF on the way.
"""

from collections.abc import Iterable, Iterator

from http10 import http_connect, read_body, read_header, run_transfer


# [program]
def wget_text(host: str, page: str, file: str, port: int) -> None:
    """Get a page, and put the header and the text into a file."""
    with http_connect(host, port, "GET", page) as socket:
        header = read_header(socket)
        socket.element_type = "bytes"
        # Dump the whole thing, even if it is not what was asked for, or not all of it comes.
        with open(file, "wb") as out:
            out.write("\n".join((*header.lines, "", "")).encode("latin-1"))
            out.writelines(with_line_feeds(read_body(socket, header)))
    header.check()


def with_line_feeds(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces of text with LF in the place of CR LF, and one at the end."""
    held = b""  # a CR, whose LF may be in the next piece
    end = b"\n"
    for piece in pieces:
        text = held + piece
        held = b"\r" if text.endswith(b"\r") else b""
        yield text.removesuffix(held).replace(b"\r\n", b"\n")
        end = piece
    if not end.endswith(b"\n"):
        yield b"\n"


# [/program]


if __name__ == "__main__":
    run_transfer(wget_text, "where to put it")
