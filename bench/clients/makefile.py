"""`socket.makefile`, of text or binary as the command line says.

The text is one file for both directions; the bytes are two, because a binary file for both finds
its lines byte by byte. The buffers have the size that they have by themselves.
"""

import socket
import sys
from collections.abc import Sequence
from itertools import islice
from typing import IO, Any

from bench.clients import HOST, Client, Line, run, text_lines


class File(Client[Line]):
    def __init__(self, lines: Sequence[Line], reader: IO[Any], writer: IO[Any]) -> None:
        self.lines = lines
        self.reader = reader
        self.writer = writer

    def send(self, line: Line) -> None:
        self.writer.write(line)
        self.writer.flush()

    def answers(self, lines: Sequence[Line]) -> list[Line]:
        answers = []
        for line in lines:
            self.writer.write(line)
            self.writer.flush()
            answers.append(self.reader.readline())
        return answers

    def read_lines(self, count: int) -> Line:
        for _ in range(count):
            line: Line = self.reader.readline()
        return line

    def iterate(self, count: int) -> Line:
        for line in islice(self.reader, count):  # noqa: B007 # the last one is wanted
            pass
        last: Line = line
        return last

    def read_blocks(self, count: int, size: int) -> bytes:
        for _ in range(count):
            block: bytes = self.reader.read(size)
        return block

    def fill(self, buffer: bytearray, count: int) -> None:
        for _ in range(count):
            self.reader.readinto(buffer)  # type: ignore[attr-defined] # a binary one has it

    def write_lines(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self.writer.write(line)
        self.writer.flush()


def connect(port: int) -> socket.socket:
    connection = socket.create_connection((HOST, port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def text(port: int) -> File[str]:
    file = connect(port).makefile("rw", encoding="utf-8", newline="\n")
    return File(text_lines(), file, file)


def binary(port: int) -> File[bytes]:
    connection = connect(port)
    lines = [line.encode() for line in text_lines()]
    return File(lines, connection.makefile("rb"), connection.makefile("wb"))


if sys.argv[1] == "text":
    run(text)
else:
    run(binary)
