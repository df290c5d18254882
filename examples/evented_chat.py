"""A chat room: what one says, all others hear. The first line that a client sends is its name.

Lines are taken from a stream: half a line waits there for its other half.

    .venv/bin/python examples/evented_chat.py --port 9999
    nc localhost 9999
"""

import sys

from supporting import PORT, run_server

from trunkline import StreamError, TimedOut
from trunkline.evented import (
    AsyncSocket,
    Event,
    EventKind,
    SocketStream,
    start_event_loop,
    tcp_server,
)

MOST_UNREAD = 1_000_000
"""Who lets so many bytes wait is sent away."""


# [room]
class ChatRoom:
    """The people in it, by their names. The name of a socket's owner is its `data`."""

    def __init__(self) -> None:
        self.people: dict[str, AsyncSocket] = {}

    def tell(self, text: str, *, but: str | None = None) -> None:
        """Send a line to everybody, or to everybody but one."""
        for name, sock in list(self.people.items()):
            if name == but or sock.closed:
                continue
            sock.write(f"{text}\n")
            if sock.buffered_output > MOST_UNREAD:
                sock.close()
                self.leave(sock)

    # [/room]

    # [callbacks]
    def on_connect(self, sock: AsyncSocket) -> None:
        sock.write("Who are you?\n")

    def on_input(self, sock: AsyncSocket, stream: SocketStream) -> None:
        """Take all lines that are there."""
        try:
            while not sock.closed:
                self.on_line(sock, stream.read_line())
        except TimedOut:
            pass  # the next line is not complete yet
        except StreamError:
            sock.write("That is no line.\n")
            sock.close()
            self.leave(sock)

    def on_line(self, sock: AsyncSocket, line: str) -> None:
        line = line.strip()
        if sock.data is not None:
            self.tell(f"{sock.data}: {line}", but=sock.data)
        elif line in self.people or not line:
            sock.write("That name will not do. Who are you?\n")
        else:
            sock.data = line
            self.people[line] = sock
            sock.write(f"Here are: {', '.join(self.people)}\n")
            self.tell(f"{line} comes in.", but=line)

    def on_event(self, event: Event) -> None:
        """The connection of one of them is over."""
        if event.kind is EventKind.ACCEPT_ERROR:
            sys.exit(str(event))  # it is not one of them, but the server itself
        self.leave(event.source)

    def leave(self, sock: AsyncSocket) -> None:
        if self.people.get(sock.data) is sock:
            del self.people[sock.data]
            self.tell(f"{sock.data} leaves.")

    # [/callbacks]


# [entry]
def evented_chat(port: int = PORT) -> None:
    room = ChatRoom()

    def main() -> None:
        server = tcp_server(
            "127.0.0.1",
            port,
            room.on_input,
            room.on_event,
            connect_cb=room.on_connect,
            stream=True,
        )
        print(f"Listening at {server.local_name}")

    start_event_loop(main)


# [/entry]

if __name__ == "__main__":
    run_server(evented_chat)
