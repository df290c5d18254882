"""Callbacks and await in one loop: what people say at one port is heard by all at another one.

Those who speak are connections of a Trunkline listener, which calls back with each line. Those who
listen are served by the streams of asyncio, which stand for any library that is written for it. A
queue of asyncio's is in between; when it is full, nothing is read from those who speak.

    .venv/bin/python examples/await_mixing.py --port 9999 --listeners-port 9998
    nc localhost 9998
    nc localhost 9999
"""

import asyncio
from contextlib import suppress

from supporting import PORT, add_listening_port, parser_for, port_number, run, say
from supporting_await import seconds

from trunkline import Transport, TransportProtocol, aio, listen, make_socket

LOCALHOST = "127.0.0.1"

MOST_LINES = 100
"""So many lines may wait; then those who speak wait."""


# [speakers]
class Speakers:
    """The lines of all who speak, in the order in which they come."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[str] = asyncio.Queue()
        self._transports: set[Transport] = set()
        self._waits = False

    def join(self, transport: Transport) -> None:
        self._transports.add(transport)
        if self._waits:
            transport.pause_reading()

    def leave(self, transport: Transport) -> None:
        self._transports.discard(transport)

    def say(self, line: str) -> None:
        """Queue a line. A callback cannot wait for room; but it can say that it is the last one."""
        self._lines.put_nowait(line)
        if self._lines.qsize() >= MOST_LINES and not self._waits:
            self._waits = True
            for transport in self._transports:
                transport.pause_reading()

    async def next_line(self) -> str:
        """Wait for a line, and let those who speak go on when few are left."""
        line = await self._lines.get()
        if self._waits and self._lines.qsize() <= MOST_LINES // 2:
            self._waits = False
            for transport in self._transports:
                transport.resume_reading()
        return line

    def send_away(self) -> None:
        for transport in list(self._transports):
            transport.abort()


class Speaker(TransportProtocol):
    """A connection of somebody who speaks, with callbacks."""

    transport: Transport

    def __init__(self, speakers: Speakers) -> None:
        self.speakers = speakers

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport
        self.speakers.join(transport)

    def line_received(self, line: str) -> None:
        self.speakers.say(line)

    def connection_lost(self, error: Exception | None) -> None:
        self.speakers.leave(self.transport)


# [/speakers]


# [listeners]
class Listeners:
    """Those who listen, with the streams of asyncio.

    Args:
        patience: Seconds that one of them may take nothing, and hold up the others.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._writers: set[asyncio.StreamWriter] = set()

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Have somebody listen, until the end; what such a client says is of no interest."""
        self._writers.add(writer)
        say("Somebody listens.")
        try:
            with suppress(ConnectionError):
                while await reader.read(65536):
                    pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def hear(self, line: str) -> None:
        """Send a line to all, and wait for those who are slow."""
        for writer in self._writers:
            writer.write(f"{line}\n".encode())
        await asyncio.gather(*map(self._wait_for, self._writers))

    async def _wait_for(self, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(self._patience):
                await writer.drain()
        except TimeoutError:
            say("Somebody does not listen.")
            writer.transport.abort()
        except ConnectionError:
            pass  # its own task is about to find out

    def send_away(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


# [/listeners]


# [entry]
async def mix(port: int, listeners_port: int, patience: float) -> None:
    speakers, listeners = Speakers(), Listeners(patience)
    loop = aio.running_loop()  # it is an event base, too
    speaking = make_socket(connect="passive", local_host=LOCALHOST, local_port=port)
    with listen(loop, speaking, lambda: Speaker(speakers), delivery="lines"):
        async with asyncio.TaskGroup() as visits:
            server = await asyncio.start_server(
                lambda *streams: visits.create_task(listeners.visit(*streams)),
                LOCALHOST,
                listeners_port,
            )
            async with server:
                say(f"Speak at {speaking.local_name}")
                host, heard_at = server.sockets[0].getsockname()
                say(f"Listen at {host}:{heard_at}")
                try:
                    while True:
                        await listeners.hear(await speakers.next_line())
                finally:
                    speakers.send_away()
                    listeners.send_away()


def await_mixing(port: int, listeners_port: int, patience: float) -> None:
    aio.run(mix(port, listeners_port, patience))


# [/entry]

if __name__ == "__main__":
    parser = parser_for(await_mixing)
    add_listening_port(parser, PORT)
    parser.add_argument(
        "--listeners-port",
        type=port_number,
        default=PORT - 1,
        help="the port of those who listen, 0 for any (%(default)s)",
    )
    parser.add_argument(
        "--patience",
        type=seconds,
        default=60.0,
        help="seconds for a listener to take what it gets (%(default)s)",
    )
    run(
        parser,
        lambda chosen: await_mixing(chosen.port, chosen.listeners_port, chosen.patience),
    )
