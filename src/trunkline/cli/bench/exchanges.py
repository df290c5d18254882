"""What is said to a server, and when it has answered: an echo, a line, HTTP."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

__all__ = ("EXCHANGES", "Answered", "Exchange", "exchange_maker")


class Answered(NamedTuple):
    """An answer is there.

    Attributes:
        error: What is wrong with it; empty if it is good.
        keeps: Whether the connection can be used again.
    """

    error: str = ""
    keeps: bool = True


class Exchange(Protocol):
    """What is said on a connection, again and again."""

    def request(self) -> bytes:
        """Return what is to be sent next."""

    def take(self, data: bytes) -> Answered | None:
        """Take what has come; return whether that was all of the answer. Empty is the end."""


class _Echo:
    """The same bytes should come back."""

    def __init__(self, size: int, host: str, path: str) -> None:
        pattern = bytes(range(0x20, 0x7F))
        self._message = (pattern * (size // len(pattern) + 1))[:size]
        self._come = b""

    def request(self) -> bytes:
        self._come = b""
        return self._message

    def take(self, data: bytes) -> Answered | None:
        self._come += data
        if not self._message.startswith(self._come):
            return Answered("wrong answer", keeps=False)
        return Answered() if len(self._come) == len(self._message) else None


class _Lines:
    """A line should be answered by a line."""

    def __init__(self, size: int, host: str, path: str) -> None:
        self._message = b"x" * (size - 1) + b"\n"

    def request(self) -> bytes:
        return self._message

    def take(self, data: bytes) -> Answered | None:
        newline = data.find(b"\n")
        if newline < 0:
            return None
        if newline + 1 < len(data):
            return Answered("more than one line", keeps=False)
        return Answered()


class _HTTP:
    """A request, and all of its response."""

    def __init__(self, size: int, host: str, path: str) -> None:
        import h11

        self._h11 = h11
        self._connection = h11.Connection(h11.CLIENT)
        self._path = path
        self._host = host
        self._status = 0

    def request(self) -> bytes:
        headers = [("Host", self._host), ("User-Agent", "trunkline"), ("Accept", "*/*")]
        request = self._h11.Request(method="GET", target=self._path, headers=headers)
        sent = self._connection.send(request)
        return sent + self._connection.send(self._h11.EndOfMessage())

    def take(self, data: bytes) -> Answered | None:
        try:
            self._connection.receive_data(data)
            return self._next()
        except self._h11.RemoteProtocolError:
            return Answered("wrong answer", keeps=False)

    def _next(self) -> Answered | None:
        h11 = self._h11
        while True:
            event: Any = self._connection.next_event()
            if event is h11.NEED_DATA or event is h11.PAUSED:
                return None
            if isinstance(event, h11.Response):
                self._status = event.status_code
            elif isinstance(event, h11.ConnectionClosed):
                return Answered("wrong answer", keeps=False)
            elif isinstance(event, h11.EndOfMessage):
                error = f"status {self._status}" if self._status >= 400 else ""
                keeps = self._connection.our_state is h11.DONE
                if keeps:
                    self._connection.start_next_cycle()
                return Answered(error, keeps)


EXCHANGES: Mapping[str, Callable[[int, str, str], Exchange]] = {
    "echo": _Echo,
    "lines": _Lines,
    "http": _HTTP,
}
"""The kinds of exchanges, by their names; made of a size, a host and a path."""


def exchange_maker(name: str, size: int, host: str, path: str) -> Callable[[], Exchange]:
    """Return what makes an exchange for each connection."""
    kind = EXCHANGES[name]
    return lambda: kind(size, host, path)
