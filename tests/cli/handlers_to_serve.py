"""Handlers for `trunkline serve`, of each kind: they turn lines round."""

from trunkline import ActiveSocket, Transport, TransportProtocol
from trunkline.aio import AsyncStream

NUMBER = 1


def by_thread(connection: ActiveSocket) -> None:
    """Turn lines round, in a thread."""
    for line in connection:
        connection.write_line(line[::-1])
        connection.finish_output()


def who(connection: ActiveSocket) -> None:
    """Say who has connected."""
    connection.write_line(str(connection.remote_name))


def two_arguments(connection: ActiveSocket, other: object) -> None:
    """Cannot be called with a connection alone."""


class _Called:
    def __call__(self, connection: ActiveSocket) -> None:
        by_thread(connection)


class _Awaited:
    async def __call__(self, stream: AsyncStream) -> None:
        await by_task(stream)


called_object = _Called()
awaited_object = _Awaited()


async def by_task(stream: AsyncStream) -> None:
    """Turn lines round, in a task."""
    async for line in stream:
        await stream.write_line(line[::-1])


class Lines(TransportProtocol):
    """Turns lines round, by callbacks."""

    transport: Transport

    def connection_made(self, transport: Transport) -> None:
        """It is there."""
        self.transport = transport

    def line_received(self, line: str) -> None:
        """Turn it round."""
        self.transport.write(f"{line[::-1]}\n")


def fails(connection: ActiveSocket) -> None:
    """Fails, and says what it has got."""
    raise ValueError(f"{connection.read_line()}\n\x1b[2J")


async def fails_in_task(stream: AsyncStream) -> None:
    """Fails, and says what it has got."""
    raise ValueError(f"{await stream.read_line()}\n\x1b[2J")


class Fails(TransportProtocol):
    """Fails, and says what it has got."""

    def line_received(self, line: str) -> None:
        """Fail."""
        raise ValueError(f"{line}\n\x1b[2J")


class Texts(TransportProtocol):
    """Takes text."""

    def text_received(self, text: str) -> None:
        """It is of no interest."""


class Inner:
    """Has another class in it."""

    class Bytes:
        """Takes bytes, and is no `TransportProtocol`."""

        def data_received(self, data: bytes) -> None:
            """They are of no interest."""


class Useless(TransportProtocol):
    """Takes nothing."""
