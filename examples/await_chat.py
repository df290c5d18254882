"""A chat room by await: what one says, all others hear. The first line from a client is its name.

A task for each client reads what that one says, and writes it to all. It waits for none of them:
who does not listen holds up nobody, and is sent away when too much is waiting.

    .venv/bin/python examples/await_chat.py --port 9999
    nc localhost 9999
"""

import sys
from contextlib import suppress

from supporting import PORT, add_listening_port, parser_for, run, say
from supporting_await import add_loop, run_on

from trunkline import AddressInUse, SocketError, StreamError, aio

MOST_UNREAD = 1_000_000
"""Who lets so many bytes wait is sent away."""

LONGEST_LINE = 1000
"""No line may have more bytes."""


# [room]
class ChatRoom:
    """The people in it, by their names."""

    def __init__(self) -> None:
        self.people: dict[str, aio.ServerStream] = {}

    def tell(self, text: str, *, but: str | None = None) -> None:
        """Send a line to everybody, or to everybody but one."""
        for name, stream in list(self.people.items()):
            if name == but or stream.closed:
                continue
            # Nobody awaits this, and so it is up to us how much that becomes.
            with suppress(SocketError):  # its own task is about to find out
                stream.write_line(text)
            if stream.buffered_output > MOST_UNREAD:
                say(f"{name} does not listen.")
                stream.abort(reset=True)

    # [/room]

    # [visit]
    async def visit(self, stream: aio.ServerStream) -> None:
        """Serve a client, from its first line to its last."""
        try:
            name = await self.ask_for_name(stream)
            self.people[name] = stream
            try:
                self.tell(f"{name} comes in.", but=name)
                await stream.write_line(f"Here are: {', '.join(self.people)}")
                while True:
                    line = await stream.read_line(limit=LONGEST_LINE)
                    self.tell(f"{name}: {line.strip()}", but=name)
            finally:
                del self.people[name]
                self.tell(f"{name} leaves.")
        except EOFError:
            pass
        except StreamError:  # it is too long, or no text
            await stream.write_line("That is no line.")

    async def ask_for_name(self, stream: aio.ServerStream) -> str:
        """Ask until it is one that nobody has."""
        await stream.write_line("Who are you?")
        while True:
            name = (await stream.read_line(limit=LONGEST_LINE)).strip()
            if name and name not in self.people:
                return name
            await stream.write_line("That name will not do. Who are you?")

    # [/visit]


# [entry]
async def serve(port: int) -> None:
    room = ChatRoom()
    # People may be silent for as long as they like.
    async with aio.serve(room.visit, host="127.0.0.1", port=port, idle_timeout=None) as server:
        say(f"Listening at {server.local_names[0]}")
        await server.wait()


def await_chat(loop: str, port: int) -> None:
    try:
        run_on(loop, serve(port))
    except AddressInUse:
        sys.exit("Bind: Address already in use")


# [/entry]

if __name__ == "__main__":
    parser = parser_for(await_chat)
    add_listening_port(parser, PORT)
    add_loop(parser)
    run(parser, lambda chosen: await_chat(chosen.loop, chosen.port))
