"""Upload a file by HTTP, and print what the server says to it.

A server may answer before it has read all of the file, because it does not want it, for example.
So what it says is read while the file is being sent, and sending ends when the server does.
"""

from http10 import TIMEOUT, http_connect, read_header, run_transfer

from trunkline import BrokenPipe, ConnectionReset, NotConnected, TimedOut
from trunkline.dialects.clisp import SocketStream, socket_status, socket_stream_shutdown

QUIET = 2.0
"""Seconds without anything from a server that has said something, and does not take the rest."""


# [program]
def wput(host: str, page: str, file: str, port: int) -> None:
    """Upload a file, and print what the server says."""
    with open(file, "rb") as source:
        data = source.read()
    answer = bytearray()
    with http_connect(host, port, f"PUT {page}", f"Content-length: {len(data)}") as socket:
        socket.element_type = "bytes"
        try:
            if not send(socket, data, answer):
                socket.timeout = QUIET
            # Not necessary if the server understands the length.
            socket_stream_shutdown(socket, "output")
        except (BrokenPipe, ConnectionReset, NotConnected):
            """The server is gone. It may have said why."""
        receive_all(socket, answer)
    lines = answer.decode("utf-8", "backslashreplace").splitlines()
    for line in lines:
        print("".join(char if char.isprintable() else ascii(char)[1:-1] for char in line))
    read_header(lines).check()


def send(socket: SocketStream, data: bytes, answer: bytearray) -> bool:
    """Send all data, and meanwhile receive what the server says; return whether it took all."""
    rest = memoryview(data)
    while rest:
        status, _ = socket_status(socket, QUIET if answer else TIMEOUT)
        if status is None and not answer:
            raise TimedOut.expired("send", socket.remote_name, unsent=len(rest))
        if status in (None, "append", "eof", "error"):  # it says no more, or has said enough
            return False
        if status in ("input", "io"):
            answer += socket.read()
        if status in ("output", "io"):
            rest = rest[socket.send_to(rest) :]
    return True


def receive_all(socket: SocketStream, answer: bytearray) -> None:
    """Receive what the server says, until it has no more to say."""
    try:
        while piece := socket.read():
            answer += piece
    except (ConnectionReset, TimedOut):
        if not answer:
            raise


# [/program]


if __name__ == "__main__":
    run_transfer(wput, "what to upload")
