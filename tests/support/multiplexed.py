"""What the tutorial's multiplexed programs say, and conversations with them as a whole.

One thread prints all of it, so that most outputs are known to the last character. Where the system
decides in which pieces bytes arrive, what is known is what it adds up to.
"""

import contextlib
import re
import socket
from collections.abc import Iterator, Sequence

from support.peers import connect
from support.processes import Program
from support.tutorial import (
    DESTROYING,
    HOST,
    WAITING,
    assert_interleaved,
    echoing,
    head,
    masked,
    port_of,
    prints_more,
    wait_for_all,
)

LINES = [
    "Ein Gespräch über die Leitung",
    "телефонная линия",
    "電話交換機",
    "خط الهاتف",
    "📞 ☎️ \U0010ffff",
    "",
    " ",
    "\tbetween tabs\t",
    "é and e\u0301",
    "NEL \x85, LS \u2028, PS \u2029, FF \f, VT \v, FS \x1c: no ends of lines",
    "a CR \r inside and one at the end\r",
    "NUL \0 and BOM \ufeff",
    "x" * 4096,
]
RESET = "reset"
END_OF_FILE = "end of file"
HANG_UP = "hang-up"
RESET_ON_WRITE = "reset on write"

# What a server says when a client is gone, and how it has noticed. Two of them name the client.
GONE = {
    ("ex6_server", RESET): "Client's connection was reset by peer.\n",
    ("ex6_server", RESET_ON_WRITE): "Client's connection was reset by peer.\n",
    ("ex6_server", END_OF_FILE): "Client went away on a read.\n",
    ("ex6_server", HANG_UP): "Client went away on a write.\n",
    ("ex7_server", RESET): "Client {}: Connection reset by peer\n",
    ("ex7_server", RESET_ON_WRITE): "Client {}: connection reset by peer.\n",
    ("ex7_server", END_OF_FILE): "Client {} produced end-of-file on a read.\n",
    ("ex7_server", HANG_UP): "Client {} got hangup on write.\n",
    ("ex8_server", RESET): "Client {}: connection reset by peer.\n",
    ("ex8_server", RESET_ON_WRITE): "Client {}: connection reset by peer.\n",
    ("ex8_server", END_OF_FILE): "Client {} produced end-of-file on a read.\n",
    ("ex8_server", HANG_UP): "Client {} got hangup on write.\n",
}
FAREWELLS = {
    "ex6_server": ("Closing a client connection to ({} {})\n", "Server Exited\n"),
    "ex7_server": ("Force closing a client connection to ({} {})\n", "Server Exited.\n"),
    "ex8_server": ("Force closing a client connection to ({} {})\n", "Server Exited.\n"),
}


def wire(*lines: str) -> bytes:
    """Return lines as they are on the wire."""
    return "".join(f"{line}\r\n" for line in lines).encode()


# -- the servers -----------------------------------------------------------------------------------


def accepted(name: str, port: int) -> list[str]:
    """Return what a server says of a new client."""
    creating = [f"Creating line-echoer for {HOST}:{port}\n"] if name == "ex6_server" else []
    return [f"Accepted a client from {HOST}:{port}\n", *creating]


def got(name: str, port: int, line: str) -> str:
    """Return what a server says when it has read a line, or the bytes of one."""
    return _did(name, port, line, ("Read", "Read from"))


def returned(name: str, port: int, line: str) -> str:
    """Return what a server says when it has written a line, or the bytes of one."""
    return _did(name, port, line, ("Wrote", "Wrote to"))


def _did(name: str, port: int, line: str, verbs: tuple[str, str]) -> str:
    if name == "ex8_server":
        to_whom = "from" if verbs[0] == "Read" else "to"
        return f"{verbs[0]} {len(wire(line))} bytes {to_whom} {HOST}:{port}\n"
    verb = verbs[0] if name == "ex6_server" else verbs[1]
    return f"{verb} {HOST}:{port}: {line}\n"


def echoed(name: str, port: int, lines: Sequence[str]) -> list[str]:
    """Return what a server says of lines that come one after the other."""
    return [say(name, port, line) for line in lines for say in (got, returned)]


def gone(name: str, port: int, how: str) -> str:
    """Return what a server says when it notices that a client is gone."""
    return GONE[name, how].format(f"{HOST}:{port}")


def closing(port: int) -> str:
    """Return what a server says when it closes the connection to a client."""
    return f"Closing connection to {HOST}:{port}\n"


def farewells(name: str, *ports: int) -> list[str]:
    """Return what a server says when it ends, with clients at these ports."""
    to_a_client, to_all = FAREWELLS[name]
    return [*(to_a_client.format(HOST, port) for port in ports), to_all]


def interrupt(server: Program, port: int) -> None:
    """Do what Ctrl-C does, and wake the server up.

    Where there is no Linux to tell whether it waits already, it may be just about to, and would
    sleep through the signal.
    """
    server.interrupt()
    with contextlib.suppress(ConnectionError):
        connect((HOST, port)).close()


def assert_said(
    server: Program, name: str, port: int, said: Sequence[str], *ports: int, errors: str = ""
) -> None:
    """End a server by Ctrl-C, and compare its whole output.

    First it has to have said all that, or a busy server might find the next client waiting together
    with what it has to do before. Then one more client is served: nothing else is left to be done.

    Args:
        server: The program.
        name: Its name.
        port: Where it listens.
        said: What it says of its clients, in order.
        *ports: Those of the clients that it still has, in any order.
        errors: Its standard error, if that is kept apart.
    """
    wait_for_all(server, *said)
    with connect((HOST, port)) as last:
        last.sendall(wire("the last"))
        of_the_last = [*accepted(name, port_of(last)), *echoed(name, port_of(last), ["the last"])]
        server.read_until(re.escape(of_the_last[-1]))
        interrupt(server, port)
        assert server.wait() == 130
        ports = (*ports, port_of(last))
    before, output = "".join([*head(port), *said, *of_the_last]), masked(server.output)
    assert output[: len(before)] == before
    assert sorted(output[len(before) :].splitlines(True)) == sorted(farewells(name, *ports))
    assert output.endswith(farewells(name)[-1])
    assert server.errors == errors


def assert_threads_said(server: Program, port: int, client: list[str]) -> None:
    """Do the same with the server of threads and its only client."""
    closing_it = client[-1]
    while closing_it not in server.output or server.output.count(WAITING) < 2:
        server.read_until(r"\n")
    server.interrupt()
    assert server.wait() == 130
    output = re.sub(r"Destroying: <Thread\(.*\)>\n", "", masked(server.output))
    assert_interleaved(output, [*head(port), WAITING, WAITING, DESTROYING], client)


def conversation(name: str, port: int, lines: Sequence[str], last: str) -> list[str]:
    """Return what a server says of a client that says its last line and goes.

    Args:
        name: The server; that of threads is among them.
        port: The client's.
        lines: What it says, one line after the other is answered.
        last: What arrives together with the end.
    """
    if name == "ex5_server":
        end = f"Client {HOST}:{port} closed connection for a read.\n"
        return echoing(port, [*lines, last], [end])
    end = gone(name, port, END_OF_FILE)
    words = [got(name, port, last), returned(name, port, last)]
    # The third server looks whether there is more before it writes.
    words.insert(1 if name == "ex7_server" else 2, end)
    return [*accepted(name, port), *echoed(name, port, lines), *words, closing(port)]


# -- how much a server has taken in and not given back ---------------------------------------------


def sizes(output: str) -> Iterator[tuple[str, int]]:
    """Yield what each line of the last two servers says of sizes: "Read" or "Wrote", and how much.

    One counts the characters of a line with its newline, the other bytes.
    """
    for line in output.splitlines():
        if found := re.match(r"(Read|Wrote) (\d+) bytes ", line):
            yield found[1], int(found[2])
        elif found := re.match(r"(Read|Wrote) (?:from|to) [\d.]+:\d+: (.*)", line):
            yield found[1], len(found[2]) + 1


def most_held(output: str) -> int:
    """Return how much a server with one client has had at most that it had read and not written."""
    held = most = 0
    for did, size in sizes(output):
        held += size if did == "Read" else -size
        most = max(most, held)
    return most


def total_read(output: str) -> int:
    """Return how much a server has read."""
    return sum(size for did, size in sizes(output) if did == "Read")


def send_until_stuck(server: Program, client: socket.socket, data: bytes) -> int:
    """Send data over and over and read nothing, until the server takes no more; return how much.

    What the server prints is read meanwhile, or that would stop it.
    """
    sent = 0
    client.setblocking(False)
    while True:
        try:
            sent += client.send(data[sent % len(data) :])
        except BlockingIOError:
            if not prints_more(server, r"Read .*\n"):
                return sent


def reluctant_reader(port: int) -> socket.socket:
    """Connect a client for which the system keeps little, as over a network, and not as here."""
    client = socket.socket()
    try:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 1400)
        client.connect((HOST, port))
    except BaseException:
        client.close()
        raise
    return client


# -- the clients -----------------------------------------------------------------------------------


def remarks(name: str, port: int) -> tuple[str, str, str]:
    """Return what a client says when its input ends, when the server's does, and at the end."""
    short = name.removesuffix("_client")
    disconnecting = (
        f"Disconnecting socket: <active IPv4 stream socket connected to {HOST}:{port}>\n"
    )
    end_of_input = f"{short} write: User performed end-of-file!\n"
    if name == "ex5b_client":
        end_of_input += f"{short} write: Shutting down write end of socket!\n"
    return (
        end_of_input + disconnecting,
        f"{short} read: server closed connection on read!\n" + disconnecting,
        "Client safely closing open socket to server.\nClient Exited.\n",
    )
