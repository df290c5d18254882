"""Conversations with the tutorial's programs, and comparisons of everything that they print.

A program's output is compared as a whole. Ports are no obstacle: a server says its own, and whoever
connects knows the other. Numbers that nobody can know are masked. Where threads print at the same
time, each has to say all of its words in their order, and nobody may say anything else.
"""

import contextlib
import os
import re
import signal
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NoReturn

import pytest

from support.peers import LOOPBACK, connect, receive_exactly, reset
from support.processes import Program, example
from support.timing import MS, PATIENCE

HOST = LOOPBACK[socket.AF_INET]

DAYTIME_CLIENTS = ["ex1_client", "ex2_client", "ex3_client"]
DAYTIME_SERVERS = ["ex1_server", "ex2_server", "ex3_server", "ex4_server"]
MULTIPLEXED_CLIENTS = ["ex5a_client", "ex5b_client"]
MULTIPLEXED_SERVERS = ["ex6_server", "ex7_server", "ex8_server"]
CLIENTS = [*DAYTIME_CLIENTS, "ex4_client", *MULTIPLEXED_CLIENTS]
SERVERS = [*DAYTIME_SERVERS, "ex5_server"]  # those that wait for one client after the other
ALL_SERVERS = [*SERVERS, *MULTIPLEXED_SERVERS]
PROGRAMS = [*CLIENTS, *ALL_SERVERS]

WAITING = "Waiting to accept a connection...\n"
DESTROYING = "Destroying any active client threads....\n"
READ_AND_WROTE = ["Read line from", "Wrote line to"]
IN_USE = "Bind: Address already in use, forget reuse_address=True?\n"

# A local time that is no other machine's: it is not UTC, and no whole hours away from it.
ZONE = timezone(timedelta(hours=5, minutes=45))
POSIX_ZONE = "ZZZ-5:45"

_UNKNOWABLE = [(r"\[fd=\d+\]", "[fd=N]"), (r", started \d+\)", ", started N)")]


# -- running them ----------------------------------------------------------------------------------


@contextlib.contextmanager
def listening(
    name: str, *, separate_errors: bool = False, through: Sequence[str] = ()
) -> Iterator[tuple[Program, int]]:
    """Yield a server program that listens at a port of the system's choice, and that port.

    Args:
        name: The program.
        separate_errors: Keep its standard error apart.
        through: A command that becomes the program, which it finds behind its own arguments.
    """
    server = example(name, "--port", "0", separate_errors=separate_errors)
    server.argv = [*through, *server.argv]
    with server:
        found = server.wait_for_line(r"^Listening on socket bound to: 0\.0\.0\.0:(\d+)$")
        yield server, int(found[1])


def client_of(port: int, name: str, *, host: str = HOST, separate_errors: bool = False) -> Program:
    """Return a client program, to be started, that connects to a port."""
    arguments = ("--host", host, "--port", str(port))
    return example(name, *arguments, separate_errors=separate_errors)


@contextlib.contextmanager
def plain_listener() -> Iterator[tuple[socket.socket, int]]:
    """Yield a listening socket that a test plays a server with, and its port."""
    with socket.create_server((HOST, 0)) as listener:
        listener.settimeout(PATIENCE)
        yield listener, listener.getsockname()[1]


def accept(listener: socket.socket) -> socket.socket:
    """Accept a connection whose operations fail rather than hang."""
    connection, _ = listener.accept()
    connection.settimeout(PATIENCE)
    return connection


def port_of(connection: socket.socket) -> int:
    """Return our own port of a connection."""
    port: int = connection.getsockname()[1]
    return port


def peer_port_of(connection: socket.socket) -> int:
    """Return the other side's port of a connection."""
    port: int = connection.getpeername()[1]
    return port


def wait_for_all(program: Program, *texts: str) -> None:
    """Read until a program has printed all of these, in whichever order, and as often as given."""
    while any(program.output.count(text) < count for text, count in Counter(texts).items()):
        program.read_until("\n")


def come_and_go(port: int, *, sends: bytes = b"", half_close: bool = False) -> int:
    """Connect, send, and reset the connection, at best after an end of file; return our port."""
    with connect((HOST, port)) as client:
        own_port = port_of(client)
        client.sendall(sends)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        reset(client)
    return own_port


def send_until_nothing_comes_back(server: Program, client: socket.socket) -> None:
    """Send lines to the echo server and read no answers, until it is stuck in writing one."""
    while True:
        client.sendall(b"x" * 60_000 + b"\r\n")
        if not prints_more(server, r"Wrote line to .*\n"):
            return


def prints_more(program: Program, regex: str) -> bool:
    """Say whether a program prints this, or waits instead for something that does not come."""
    while True:
        try:
            program.read_until(regex, timeout=200 * MS)
        except AssertionError:
            if program.is_idle():  # It might just have had no turn for so long.
                return False
        else:
            return True


@contextlib.contextmanager
def frozen(program: Program) -> Iterator[None]:
    """Stop a program as by Ctrl-Z; it goes on after the block, and finds what has happened.

    The kernel still accepts connections for it, and takes in what clients send.
    """
    program.process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, program.process.pid, os.WSTOPPED)
    try:
        yield
    finally:
        program.process.send_signal(signal.SIGCONT)


# -- what they say ---------------------------------------------------------------------------------


def masked(output: str) -> str:
    """Return an output with the numbers of descriptors and threads replaced."""
    for pattern, replacement in _UNKNOWABLE:
        output = re.sub(pattern, replacement, output)
    return output


def head(port: int) -> list[str]:
    """Return what each server says first, in the pieces that it prints."""
    return [
        "Created socket: <passive IPv4 stream socket, unbound>[fd=N]\n",
        f"Bound socket: <passive IPv4 stream socket bound to 0.0.0.0:{port}>\n",
        f"Listening on socket bound to: 0.0.0.0:{port}\n",
    ]


def ready(name: str, port: int) -> list[str]:
    """Return what a server says until it waits for its first client."""
    return [*head(port), *([] if name in MULTIPLEXED_SERVERS else [WAITING])]


def greeting(name: str, port: int, own_port: int) -> str:
    """Return what a client says once it is connected."""
    via = "via" if name == "ex1_client" else "from"
    where = f"{via} my local connection at {HOST}:{own_port}"
    return f"Connected to server {HOST}:{port} {where}!\n"


def destroying(name: str) -> str:
    """Return what a server says of a thread that has to end with it."""
    number = name.removeprefix("ex").removesuffix("_server")
    return f"Destroying: <Thread(process-ex{number}-client-thread, started N)>\n"


def served(name: str, port: int) -> list[str]:
    """Return what a daytime server says of a client that got the time, in pieces."""
    if name == "ex4_server":
        return [
            f"A thread is handling the connection from {HOST}:{port}!\n",
            f"Sending the time to {HOST}:{port}...\n",
            f"Sent the time to {HOST}:{port}!\n",
            f"Closing connection to {HOST}:{port}!\n",
        ]
    return [f"Got a connection from {HOST}:{port}!\n", "Sending the time...", "Sent!\n"]


def echoing(port: int, lines: Sequence[str], end: Sequence[str] = ()) -> list[str]:
    """Return what the echo server's thread for a client says, in pieces.

    Args:
        port: The client's.
        lines: What it echoes.
        end: What it says when that ends, if anything, before it closes the connection.
    """
    client = f"{HOST}:{port}"
    return [
        f"A thread is handling the connection from {client}!\n",
        *(f"{did} {client}: {line}\n" for line in lines for did in READ_AND_WROTE),
        *end,
        f"Closing connection to {client}!\n",
    ]


def without_threads_about_to_end(output: str) -> str:
    """Drop the lines about threads that had closed their connection, and were not quite gone.

    Whether a server that is being ended still finds them alive is a matter of microseconds.
    """
    return re.sub(r"Destroying: <Thread\(.*\)>\n", "", output)


# -- the time --------------------------------------------------------------------------------------


def time_in_zone() -> datetime:
    """Return the time that programs with `POSIX_ZONE` in their environment take for local."""
    return datetime.now(ZONE).replace(microsecond=0, tzinfo=None)


def daytime_text(time: datetime) -> str:
    """Return a time as daytime servers send it: nothing is padded."""
    return f"{time.month}/{time.day}/{time.year} {time.hour}:{time.minute}:{time.second}"


def assert_is_the_time(text: str, since: datetime) -> None:
    """Check that a server's text is a time in the zone, from `since` until now, and unpadded."""
    numbers = re.fullmatch(r"(\d+)/(\d+)/(\d+) (\d+):(\d+):(\d+)", text)
    assert numbers, text
    month, day, year, hour, minute, second = map(int, numbers.groups())
    time = datetime(year, month, day, hour, minute, second)
    assert since <= time <= time_in_zone()
    assert text == daytime_text(time)


# -- several threads that print --------------------------------------------------------------------


def assert_interleaved(output: str, *voices: Sequence[str]) -> None:
    r"""Check that an output is made of all that the voices say, each in its order.

    A piece is whole: no other thread may say something inside of it.

    Args:
        output: What was printed.
        *voices: What each thread says, in the pieces that it prints: with a ``"\n"`` at their end,
            or without.
    """
    pieces = [list(voice) for voice in voices]
    # How long the text is for each way to share it out: by how many pieces each voice has said.
    states = {(0,) * len(pieces): 0}
    for _ in range(sum(map(len, pieces))):
        states = dict(_next_states(output, pieces, states)) or _fail(output, voices, states)
    if len(output) not in states.values():
        _fail(output, voices, states)


def _next_states(
    output: str, pieces: list[list[str]], states: dict[tuple[int, ...], int]
) -> Iterator[tuple[tuple[int, ...], int]]:
    for state, length in states.items():
        for voice, said in enumerate(state):
            if said < len(pieces[voice]) and output.startswith(pieces[voice][said], length):
                following = (*state[:voice], said + 1, *state[voice + 1 :])
                yield following, length + len(pieces[voice][said])


def _fail(
    output: str, voices: Sequence[Sequence[str]], states: dict[tuple[int, ...], int]
) -> NoReturn:
    right = max(states.values())
    expected = "\n".join("".join(voice) for voice in voices)
    pytest.fail(
        f"unexpected after {right} characters: {output[right : right + 80]!r}\n"
        f"after {output[max(0, right - 200) : right]!r}\nwhat should be there:\n{expected}"
    )


# -- no descriptor is left -------------------------------------------------------------------------

IN_THE_QUEUE = 4  # clients: fewer than the five that the servers let wait


@contextlib.contextmanager
def without_descriptors(
    name: str, limit: int
) -> Iterator[tuple[Program, list[socket.socket], list[socket.socket]]]:
    """Yield a server that may have so many descriptors, clients that have got the last of them, and
    clients that wait.
    """
    limited = ["sh", "-c", f'ulimit -n {limit} && exec "$@"', "sh"]
    with (
        listening(name, through=limited, separate_errors=True) as (server, port),
        contextlib.ExitStack() as connections,
    ):
        server.wait_until_idle()  # It has opened everything that it needs for itself.
        room = limit - len(os.listdir(f"/proc/{server.process.pid}/fd"))
        clients = []
        for number in range(room + IN_THE_QUEUE):
            client = connections.enter_context(connect((HOST, port)))
            clients.append(client)
            client.sendall(b"here\r\n")
            if number < room:
                assert receive_exactly(client, 6) == b"here\r\n"
        yield server, clients[:room], clients[room:]


def cpu_seconds(process: int) -> float:
    """Return how much CPU time a process has used, all of its threads together."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
