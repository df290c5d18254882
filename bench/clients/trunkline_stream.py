"""Trunkline's blocking stream: the socket itself."""

from collections.abc import Sequence
from itertools import islice

from bench.clients import HOST, Client, run, text_lines
from trunkline import make_socket


class Stream(Client[str]):
    def __init__(self, port: int) -> None:
        self.lines = text_lines(newline="")
        self.socket = make_socket(remote_host=HOST, remote_port=port, nodelay=True)

    def send(self, line: str) -> None:
        self.socket.write_line(line)
        self.socket.finish_output()

    def answers(self, lines: Sequence[str]) -> list[str]:
        answers = []
        for line in lines:
            self.socket.write_line(line)
            answers.append(self.socket.read_line())
        return answers

    def read_lines(self, count: int) -> str:
        for _ in range(count):
            line = self.socket.read_line()
        return line

    def iterate(self, count: int) -> str:
        for line in islice(self.socket, count):  # noqa: B007 # the last one is wanted
            pass
        return line

    def read_blocks(self, count: int, size: int) -> bytes:
        for _ in range(count):
            block = self.socket.read_exactly(size)
        return block

    def fill(self, buffer: bytearray, count: int) -> None:
        for _ in range(count):
            self.socket.read_into(buffer)

    def write_lines(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.socket.write_line(line)
        self.socket.finish_output()


run(Stream)
