"""Get a file by HTTP, byte by byte as it is; nothing is written unless all of it has come."""

from http10 import Failure, Header, http_connect, read_header, run_transfer

from trunkline.dialects.clisp import SocketStream, socket_status

LARGEST = 1 << 30
"""How many bytes a file may have: it has to be in memory, and it is the server that says."""


# [program]
def wget_binary(host: str, page: str, file: str, port: int) -> None:
    """Get a file, and put it into a file."""
    with http_connect(host, port, f"GET {page}") as socket:
        header = read_header(socket)
        header.check()
        socket.element_type = "bytes"
        data = read_data(socket, content_length(header))
    with open(file, "wb") as out:
        out.write(data)


def content_length(header: Header) -> int | None:
    """Return how many bytes the server has promised, or None if it did not say."""
    text = header.fields.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise Failure(f"the server says how long the file is, but not as a number: {text!r}")
    return check_length(int(text))


def check_length(length: int) -> int:
    if length > LARGEST:
        raise Failure(f"the file has {length} bytes, and {LARGEST} are the limit")
    return length


def read_data(socket: SocketStream, length: int | None) -> bytearray:
    """Read what comes after the header: so many bytes, or all until the server ends."""
    if length is None:
        data = bytearray()
        while piece := socket.read():
            data += piece
            check_length(len(data))
        return data
    data = bytearray(length)
    count = socket.read_into(data)  # whole pieces, each in one system call
    if count < length:
        raise Failure(f"the server has promised {length} bytes, and sent {count}")
    # The server ends now. If it says more instead, something is wrong with the promise.
    if socket_status((socket, "input"), 1)[0] == "input":
        raise Failure(f"the server has promised {length} bytes, and sends more")
    return data


# [/program]


if __name__ == "__main__":
    run_transfer(wget_binary, "where to put it")
