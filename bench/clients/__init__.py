"""The clients that compete: programs that ask a partner for lines and bytes, and wait for them.

Each fills in, in a `Client`, what its library offers, as its documentation would have one write it.
What they are asked to do, and whether it was done right, is the same for all of them and stands
here; `client.c` does the same. The partner, `load/partner.c`, compares every byte that comes to it.
A client looks at each answer of a round trip. Of what comes in bulk it looks at the last piece of
each turn: with numbered lines, it is another one if anything was lost or doubled before.
"""

import sys
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from bench.numbered import TEXT_LINES
from bench.tasks import perform

HOST = "127.0.0.1"

Line = TypeVar("Line", str, bytes)

BULK_LINES = 4_096  # in a turn; the contests say how many bytes that is
BLOCK = 1_024  # bytes of a block
ROUND_TRIPS = 16  # in a turn


class Client(Generic[Line]):
    """What a client can do; what it does not offer it leaves as it is.

    Attributes:
        lines: The whole text in lines, as the library takes and returns them.
    """

    lines: Sequence[Line]

    def send(self, line: Line) -> None:
        """Send a line at once."""
        raise NotImplementedError

    def answers(self, lines: Sequence[Line]) -> list[Line]:
        """Send each of the lines and wait for its answer; return the answers."""
        raise NotImplementedError

    def read_lines(self, count: int) -> Line:
        """Take lines one by one, and return the last of them."""
        raise NotImplementedError

    def iterate(self, count: int) -> Line:
        """The same by iteration."""
        raise NotImplementedError

    def read_blocks(self, count: int, size: int) -> bytes:
        """Take blocks of bytes one by one, and return the last of them."""
        raise NotImplementedError

    def fill(self, buffer: bytearray, count: int) -> None:
        """Fill a buffer so many times."""
        raise NotImplementedError

    def write_lines(self, lines: Sequence[Line]) -> None:
        """Write lines one by one, and see that they are sent in the end."""
        raise NotImplementedError


class _Turns(Generic[Line]):
    """What a client is asked to do again and again, and where in the text it is."""

    def __init__(self, client: Client[Line]) -> None:
        self._client: Client[Line] = client
        self._asked = 0  # lines sent
        self._taken = 0  # lines received

    def round_trip(self) -> int:
        lines = self._next_lines(ROUND_TRIPS)
        if self._client.answers(lines) != lines:
            sys.exit("a wrong answer")
        return ROUND_TRIPS

    def read_line(self) -> int:
        self._ask()
        self._check_line(self._client.read_lines(BULK_LINES))
        return BULK_LINES

    def iterate(self) -> int:
        self._ask()
        self._check_line(self._client.iterate(BULK_LINES))
        return BULK_LINES

    def read_exactly(self) -> int:
        self._ask()
        count = BULK_LINES * 64 // BLOCK
        self._check_block(self._client.read_blocks(count, BLOCK))
        return count

    def read_into(self) -> int:
        self._ask()
        buffer, count = bytearray(BLOCK), BULK_LINES * 64 // BLOCK
        self._client.fill(buffer, count)
        self._check_block(buffer)
        return count

    def write_line(self) -> int:
        self._client.write_lines(self._next_lines(BULK_LINES))
        if self._client.read_lines(1) != self._client.lines[self._taken]:
            sys.exit("a wrong answer")
        self._taken = (self._taken + 1) % TEXT_LINES
        return BULK_LINES

    def _next_lines(self, count: int) -> Sequence[Line]:
        begin = self._asked
        self._asked = (begin + count) % TEXT_LINES
        return self._client.lines[begin : begin + count]

    def _ask(self) -> None:
        (line,) = self._next_lines(1)
        self._client.send(line)
        self._taken = (self._taken + BULK_LINES) % TEXT_LINES

    def _check_line(self, last: Line) -> None:
        if last != self._client.lines[self._taken - 1]:
            sys.exit(f"a wrong line: {last!r}")

    def _check_block(self, last: bytes | bytearray) -> None:
        numbers = [int(line) for line in last.split()]
        end = (self._taken - 1) % TEXT_LINES
        if len(last) != BLOCK or numbers != list(range(end - BLOCK // 64 + 1, end + 1)):
            sys.exit(f"a wrong block: {bytes(last)!r}")


def text_lines(newline: str = "\n") -> list[str]:
    """Return the text in lines, for a library whose lines end as is said."""
    return [f"{number:063d}{newline}" for number in range(TEXT_LINES)]


def run(make_client: Callable[[int], Client[Line]]) -> None:
    """Do what the command line says.

    Args:
        make_client: Called with the port to connect to.
    """
    service, warmup, duration, port = sys.argv[-4:]
    turns = _Turns(make_client(int(port)))
    turn = getattr(turns, service.replace("-", "_"))
    perform(turn, warmup=float(warmup), duration=float(duration))
