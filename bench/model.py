"""What a contest is and who takes part in it.

A contest names a load and a service; every contestant that offers the service takes part, in the
same way. So a new contest or contestant is one small file (see `bench.contests` and
`bench.contestants`), and nobody can be left out of a contest by forgetting to list them.
"""

from dataclasses import asdict, dataclass
from typing import Literal

Service = Literal[
    "echo",
    "lines",
    "threaded lines",
    "sink",
    "source",
    "tls echo",
    "tls sink",
    "tls source",
    "protocol echo",
    "awaited echo",
    "awaited lines",
    "datagrams",
    "round-trip",
    "read-line",
    "iterate",
    "read-exactly",
    "read-into",
    "write-line",
    "soon-chained",
    "soon-queued",
    "soon-threadsafe",
    "timer-cancelled",
    "timer-pending",
    "timer-fired",
    "sleep",
    "gather",
    "query",
    "host",
    "import",
]
"""What a contestant can do. Servers: `echo`: whatever comes is sent back. `lines`: each line is
handed to the user's code by itself and answered by itself, with the same line. `threaded lines`:
the same, by a thread for each connection. `sink`: what comes is counted, and each MiB is answered
with a line. `source`: each line is answered with a MiB. `tls ...`: the same over TLS,
with the certificate of `bench.certificate`. `protocol echo`: echo by what is called with the bytes,
on an event loop of asyncio's. `awaited echo`, `awaited lines`: echo and lines by a task for each
connection, which awaits them. `datagrams`: each datagram is sent back to whom it has come from.

Blocking clients, of which one connection is all there is: `round-trip`: send a line, wait for its
answer. `read-line`, `iterate`: take lines that the server sends many of, one by one, by a call or
by iteration. `read-exactly`, `read-into`: take as many bytes as asked for, as new bytes or into a
buffer. `write-line`: write lines one by one, many of them before anything is waited for.

Event loops that have nothing to wait for: `soon-...`: call what they are asked to. `timer-...`: set
timers, and cancel or fire them; `bench.loops` tells the whole. `sleep`, `gather`: let tasks sleep,
one for no time, over and over, or very many for some.

Resolvers: `query`: ask a name server for a record. `host`: find the addresses of a host, of both
families. `import`: be imported."""

Measure = Literal["cpu", "memory", "modules"]
"""`cpu`: the contestant's CPU time for a message, in microseconds. `memory`: what a server's memory
grows by for an idle connection, in KiB. `modules`: how many an import loads. Of all, less is
better."""

UNITS: dict[Measure, str] = {"cpu": "µs", "memory": "KiB", "modules": "modules"}


@dataclass(frozen=True, kw_only=True)
class Load:
    """What the load generator does; `load/load.c` explains each option.

    Attributes:
        mode: Messages on open connections, connections that come and go, idle connections, bulk in
            one direction, or datagrams.
        connections: How many are open at the same time; of datagrams, how many peers there are.
        size: Bytes in a message; in a line, its newline included.
        lines: Lines in a request, which is sent at once; 0 is one message of arbitrary bytes.
        answer: Bytes of the answer to a message, where that is not an echo.
        window: Requests under way on a connection at the same time; 1 is question and answer.
        sources: Addresses to connect from, for contests that need many ports.
        tls: Whether TLS is spoken.
    """

    mode: Literal["traffic", "churn", "idle", "bulk", "datagrams"] = "traffic"
    connections: int
    size: int
    lines: int = 0
    answer: int = 0
    window: int = 1
    sources: int = 1
    tls: bool = False


@dataclass(frozen=True)
class Task:
    """What a contestant does at its own pace, because it is no server: nobody puts a load on it.

    Attributes:
        request: How many bytes its partner, a C program that it connects to, waits for before it
            answers; 0 is a task that takes no such partner.
        answer: How many bytes the partner answers with.
        names: Whether its partner is a name server.
    """

    request: int = 0
    answer: int = 0
    names: bool = False


@dataclass(frozen=True, kw_only=True)
class Contest:
    """One question: what does this load cost each server?

    Attributes:
        name: A word for the command line.
        title: A line for the table and the chart; the load's values stand in braces.
        message: What is counted, in the singular: "message", "line", "connection".
        service: What a contestant must offer to take part.
        limit: The key of the contestant that the others are compared with.
        load: What the load generator does to the contestant, or what the contestant does.
        measure: What is measured.
        quick: Whether a rough impression has to have it.
    """

    name: str
    title: str
    message: str
    service: Service
    limit: str
    load: Load | Task
    measure: Measure = "cpu"
    quick: bool = True

    @property
    def headline(self) -> str:
        """The title with the load's values filled in."""
        return self.title.format(**asdict(self.load))

    @property
    def messages(self) -> str:
        """What is counted, in the plural."""
        return self.message if self.message == "MiB" else f"{self.message}s"

    @property
    def unit(self) -> str:
        """The unit of the results."""
        return UNITS[self.measure]


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A program that takes part: a server, or one that does its tasks itself.

    Attributes:
        library: Whose it is: "asyncio", "uvloop", "c".
        interface: Which of the library's interfaces it is written on: "protocol", "streams".
        services: What it offers.
        program: A module of the folder; or a C file there, or a script, as its name's end tells.
        folder: Where in `bench` that is: "servers", "clients", "loops", "resolvers" or "imports".
        arguments: What the program gets on its command line.
        requires: Modules without which it cannot start; it is then listed as absent.
        environment: Variables that choose an implementation of the library, never to tune it.
    """

    library: str
    interface: str
    services: tuple[Service, ...]
    program: str
    folder: str = "servers"
    arguments: tuple[str, ...] = ()
    requires: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """The name in tables, charts and on the command line, unique among all contestants."""
        return f"{self.library}-{self.interface}"
