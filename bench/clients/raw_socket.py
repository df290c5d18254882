"""Python's sockets by hand: what the library of a program would be if it had none."""

import socket
from collections.abc import Sequence

from bench.clients import HOST, Client, run, text_lines

CHUNK = 65_536


class Raw(Client[bytes]):
    def __init__(self, port: int) -> None:
        self.lines = [line.encode() for line in text_lines()]
        self.socket = socket.create_connection((HOST, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, line: bytes) -> None:
        self.socket.sendall(line)

    def answers(self, lines: Sequence[bytes]) -> list[bytes]:
        answers = []
        for line in lines:
            self.socket.sendall(line)
            answer = self.socket.recv(CHUNK)
            while not answer.endswith(b"\n"):
                answer += self.socket.recv(CHUNK)
            answers.append(answer)
        return answers

    def read_lines(self, count: int) -> bytes:
        left, partial = count, b""
        while left:
            *lines, partial = (partial + self._receive()).split(b"\n")
            for line in lines:  # noqa: B007 # the last one is wanted
                left -= 1
        return line + b"\n"

    def read_blocks(self, count: int, size: int) -> bytes:
        for _ in range(count):
            block = self.socket.recv(size, socket.MSG_WAITALL)
        return block

    def fill(self, buffer: bytearray, count: int) -> None:
        for _ in range(count):
            self.socket.recv_into(buffer, len(buffer), socket.MSG_WAITALL)

    def write_lines(self, lines: Sequence[bytes]) -> None:
        for line in lines:
            self.socket.sendall(line)

    def _receive(self) -> bytes:
        data = self.socket.recv(CHUNK)
        if not data:
            raise EOFError("the partner has hung up")
        return data


run(Raw)
