"""Event bases in several threads have nothing in common: no buffer, no list of events, no queue.

Compiled modules that keep something of the kind once for all would mix it up where the lock of the
interpreter is released.
"""

import threading

from support.timing import PATIENCE

from trunkline import EventBase, Transport, TransportProtocol, adopt, make_socket_pair

THREADS = 3
CONNECTIONS = 8  # of each
LAST = 200  # that many lines go back and forth over each connection


class Player(TransportProtocol):
    """Answers each line with the next one, up to the last; what is not as it should be is noted.

    Args:
        name: Whose lines they are.
        wrong: Where it is noted.
    """

    def __init__(self, base: EventBase, name: str, wrong: list[str]) -> None:
        self.base = base
        self.name = name
        self.wrong = wrong
        self.number = 0
        self.transport: Transport

    def connection_made(self, transport: Transport) -> None:
        self.transport = transport

    def line(self, number: int) -> str:
        """Return a line that no other connection has, some as large as a buffer may be."""
        return f"{number} {self.name * (number % 300 if number % 40 else 25_000)}"

    def line_received(self, line: str) -> None:
        self.number = int(line.partition(" ")[0])
        if line != self.line(self.number):
            self.wrong.append(f"{self.name} got {line[:50]}")
        if self.number == LAST:
            self.transport.close()
        elif self.number % 2:
            self.base.call_soon(self.send, self.number + 1)
        else:
            self.send(self.number + 1)

    def send(self, number: int) -> None:
        self.transport.write(self.line(number) + "\n")


def play(backend: str, name: str, wrong: list[str]) -> None:
    with EventBase(backend=backend, exit_when_empty=True) as base:
        players = []
        for index in range(CONNECTIONS):
            one, other = (Player(base, f"{name}{index}", wrong) for _ in range(2))
            for sock, player in zip(make_socket_pair(), (one, other), strict=True):
                adopt(base, player, sock, delivery="lines", line_limit=100_000)
            one.send(1)
            players += [one, other]
        base.dispatch(timeout=PATIENCE)
        wrong += [repr(player.transport) for player in players if player.transport.is_connected]
        wrong += [f"{player.number} is the last" for player in players if player.number < LAST - 1]


def test_what_is_one_threads_is_not_another_ones(backend: str) -> None:
    wrong: list[str] = []
    threads = [
        threading.Thread(target=play, args=(backend, name, wrong)) for name in "abc"[:THREADS]
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
