"""The servers and the client of `trunkline demo`: what it shows is the text of these, as they run.

Each server sends lines back, in one of the ways to drive a connection.
"""

from collections.abc import Iterable, Iterator

from ...aio import ServerStream
from ...multiplex import Transport, TransportProtocol
from ...sockets.active_socket import ActiveSocket
from ...sockets.make_socket import make_socket

__all__ = ("LINES", "Echo", "echo", "echo_awaited", "talk")

LINES = (
    "Hello, world!",
    "Γειά σου, Κόσμε!",
    "Привет, мир!",
    "Բարեւ, աշխարհ:",
    "გამარჯობა, მსოფლიო!",
    "שלום, עולם!",
    "مرحبا بالعالم!",
    "नमस्ते, दुनिया!",
    "สวัสดีชาวโลก!",
    "안녕, 세상!",
    "こんにちは、せかい！",
    "你好，世界！",
)
"""What is sent: a greeting in many scripts."""


def echo(connection: ActiveSocket) -> None:
    """Send lines back, in a thread of their own."""
    for line in connection:
        connection.write_line(line)
        connection.finish_output()


class Echo(TransportProtocol):
    """Sends lines back, when it is called."""

    def connection_made(self, transport: Transport) -> None:
        """Somebody has connected."""
        self.transport = transport

    def line_received(self, line: str) -> None:
        """A line has come."""
        self.transport.write(f"{line}\n")


async def echo_awaited(stream: ServerStream) -> None:
    """Send lines back, in a task."""
    async for line in stream:
        await stream.write_line(line)


def talk(host: str, port: int, lines: Iterable[str]) -> Iterator[str]:
    """Connect, send each line, and return what comes back."""
    with make_socket(host, port) as socket:
        for line in lines:
            socket.write_line(line)
            socket.finish_output()
            yield socket.read_line()
