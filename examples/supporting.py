"""What the tutorial's programs have in common: their defaults, their options, and little helpers.

The programs are run by a Python that has Trunkline: the README says how to install it.
"""

import argparse
import sys
from collections.abc import Callable
from datetime import datetime
from io import TextIOWrapper

from trunkline import IPV4_UNSPECIFIED, EndOfFile, PassiveSocket, TrunklineError, make_socket

HOST = "localhost"
PORT = 9999


# [daytime]
def daytime() -> str:
    """Return the local time as the daytime servers send it, like ``2/27/2010 13:53:7``."""
    now = datetime.now()
    return f"{now.month}/{now.day}/{now.year} {now.hour}:{now.minute}:{now.second}"


# [/daytime]


# [input]
def read_input_line() -> str:
    """Read a line of what the user types, without its newline; raise `EndOfFile` at its end."""
    line = sys.stdin.readline()
    if not line:
        raise EndOfFile
    return line.removesuffix("\n")


# [/input]


# [say]
def say(text: str) -> None:
    """Print a line in a single piece: `print` makes two, and another thread's may come between."""
    sys.stdout.write(f"{text}\n")


# [/say]


# [listener]
def open_listener(port: int) -> PassiveSocket:
    """Return a socket that listens on all IPv4 interfaces, saying each step of the way."""
    server = make_socket(
        connect="passive", address_family="ipv4", type="stream", external_format="utf-8/crlf"
    )
    try:
        print(f"Created socket: {server}[fd={server.fileno()}]")
        server.bind(IPV4_UNSPECIFIED, port, reuse_address=True)
        print(f"Bound socket: {server}")
        server.listen(backlog=5)
        print(f"Listening on socket bound to: {server.local_host}:{server.local_port}")
    except BaseException:
        server.close(abort=True)
        raise
    return server


# [/listener]


def run_client(client: Callable[[str, int], object]) -> None:
    """Run a client program with ``--host`` and ``--port`` from the command line."""
    parser = parser_for(client)
    parser.add_argument("--host", default=HOST, help="the server's name or address (%(default)s)")
    parser.add_argument(
        "--port", type=port_number, default=PORT, help="the server's port (%(default)s)"
    )
    arguments = parser.parse_args()
    run(lambda: client(arguments.host, arguments.port))


def run_server(server: Callable[[int], object], default_port: int = PORT) -> None:
    """Run a server program with ``--port`` from the command line."""
    parser = parser_for(server)
    parser.add_argument(
        "--port",
        type=port_number,
        default=default_port,
        help="the port to listen at, 0 for any (%(default)s)",
    )
    arguments = parser.parse_args()
    run(lambda: server(arguments.port))


def parser_for(program: Callable[..., object]) -> argparse.ArgumentParser:
    """Return a parser for a program's command line, which knows what the program is about."""
    text = sys.modules[program.__module__].__doc__
    return argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def port_number(text: str) -> int:
    """Return the port that an argument is; any other argument is a mistake of the user's."""
    if not (text.isdecimal() and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def run(program: Callable[[], object]) -> None:
    """Run a program on UTF-8 input and output, and let it end without a fuss.

    An error that the program does not handle is told in one line, and the exit status is 1; after
    Ctrl-C it is 130, which is what a shell says of a program that SIGINT has ended.
    """
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, TextIOWrapper):
            # What is printed is seen at once, and the only newline in what is typed is "\n".
            stream.reconfigure(encoding="utf-8", newline="\n", line_buffering=True)
    try:
        program()
    except KeyboardInterrupt:
        sys.exit(130)
    except TrunklineError as error:
        sys.exit(str(error))
    except UnicodeDecodeError as error:
        sys.exit(f"the input is not UTF-8: {error}")
