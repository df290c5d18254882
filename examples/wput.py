"""Upload a file by HTTP, and print what the server says to it.

A server may answer before it has read all of the file, because it does not want it, for example.
So what it says is read while the file is being sent, and sending ends when the server does. If that
was before the end of the file, it is told.
"""

import io
import math
import sys
from collections.abc import Iterator
from contextlib import suppress

from http10 import (
    LONGEST_HEADER,
    TIMEOUT,
    Failure,
    check_length,
    http_connect,
    read_header,
    run_transfer,
)
from supporting import show

from trunkline import BrokenPipe, ConnectionReset, NotConnected, SocketError, TimedOut
from trunkline.dialects.clisp import SocketStream, socket_status, socket_stream_shutdown

QUIET = 2.0
"""Seconds without anything from a server that has said something, and does not take the rest."""


# [program]
def wput(host: str, page: str, file: str, port: int) -> None:
    """Upload a file, and print what the server says."""
    with open(file, "rb") as source:
        data = source.read()
    answer = bytearray()
    with http_connect(host, port, "PUT", page, f"Content-length: {len(data)}") as socket:
        socket.element_type = "bytes"
        sent = send(socket, data, answer)
        if sent < len(data):
            socket.timeout = QUIET
        with suppress(BrokenPipe, ConnectionReset, NotConnected):  # it may still have said why
            # Not necessary if the server understands the length.
            socket_stream_shutdown(socket, "output")
        error = receive_rest(socket, answer)
    if answer and not show([answer]):
        print()
    is_doubtful = sent < len(data) or error is not None or not answer
    if is_doubtful:
        told = f"{sent} of {len(data)} bytes were sent"
        print(told if error is None else f"{told}: {error}", file=sys.stderr)
    check_answer(answer)
    if is_doubtful:
        sys.exit(1)


def send(socket: SocketStream, data: bytes, answer: bytearray) -> int:
    """Send data, and meanwhile receive what the server says; return how much the server took."""
    rest = memoryview(data)
    with suppress(BrokenPipe, ConnectionReset):
        while rest:
            status, _ = socket_status(socket, QUIET if answer else TIMEOUT)
            if status in (None, "append", "eof", "error"):  # it takes no more, or has said enough
                break
            if status in ("input", "io"):
                receive(socket, answer)
            if status in ("output", "io"):
                rest = rest[socket.send_to(rest) :]
    return len(data) - len(rest)


def receive_rest(socket: SocketStream, answer: bytearray) -> SocketError | None:
    """Receive all that the server has yet to say; return what has kept it from that."""
    try:
        while len(answer) < promised_size(answer) and receive(socket, answer):
            pass
    except (ConnectionReset, TimedOut) as error:
        return error
    return None


def receive(socket: SocketStream, answer: bytearray) -> bool:
    """Receive something that the server says, and return whether there was anything."""
    piece = socket.read()
    answer += piece
    check_length(len(answer))
    return bool(piece)


def promised_size(answer: bytearray) -> float:
    """Return how many bytes an answer has in all, as far as this can be known."""
    file = io.BytesIO(answer[:LONGEST_HEADER])
    try:
        length = read_header(lines_of(file)).content_length()
    except Failure:  # so far
        length = None
    return math.inf if length is None else file.tell() + length


def check_answer(answer: bytearray) -> None:
    """Raise `Failure` unless the server has done what it was asked to, and has said all of it."""
    file = io.BytesIO(answer)
    header = read_header(lines_of(file))
    header.check()
    length = header.content_length()
    count = len(answer) - file.tell()
    if length is not None and count != length:
        raise Failure(f"the server has promised {length} bytes, and sent {count}")


def lines_of(file: io.BytesIO) -> Iterator[str]:
    return (line.decode("latin-1").rstrip("\r\n") for line in file)


# [/program]


if __name__ == "__main__":
    run_transfer(wput, "what to upload")
