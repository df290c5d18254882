"""What the tutorial's programs have in common: their defaults, their options, and little helpers.

The programs are run by a Python that has Trunkline: the README says how to install it.
"""

import argparse
import codecs
import io
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType


def tell_uncaught(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    """Tell what ends a program, unless it is Ctrl-C, as it may come while this is still loading."""
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


sys.excepthook = tell_uncaught

from trunkline import (  # noqa: E402 - it is most of what is loaded
    IPV4_UNSPECIFIED,
    DatagramSocket,
    EndOfFile,
    PassiveSocket,
    TrunklineError,
    make_socket,
)

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


# [datagrams]
def open_datagram_server(port: int) -> DatagramSocket:
    """Return a socket that receives the datagrams sent to a port of this machine, by IPv4."""
    server = make_socket(type="datagram", local_host=IPV4_UNSPECIFIED, local_port=port)
    print(f"Receiving at: {server.local_name}")
    return server


# [/datagrams]


# [output]
class Output(io.TextIOWrapper):
    """Standard output. A line that is printed is seen at once.

    On a terminal, what peers have sent is shown and not obeyed: what would move the cursor, or
    worse, is escaped. In a pipeline it stays as it is.
    """

    def write(self, text: str) -> int:
        with read_by_somebody():
            super().write(harmless(text) if self.isatty() else text)
        return len(text)

    def flush(self) -> None:
        with read_by_somebody():
            super().flush()


@contextmanager
def read_by_somebody() -> Iterator[None]:
    """End the program without a word if nobody reads its output any more, as others end there."""
    try:
        yield
    except BrokenPipeError:
        os._exit(128 + signal.SIGPIPE)


def harmless(text: str) -> str:
    """Return a text with all that is not printable escaped, except for newlines and tabs."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


def show(pieces: Iterable[bytes | bytearray]) -> bool:
    """Print what a peer sends, byte by byte as it is; or on a terminal, what can be shown of it.

    Returns:
        Whether it has ended where a line does.
    """
    output = sys.stdout
    decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")
    text_of = io.IncrementalNewlineDecoder(decoder, translate=True)
    piece: bytes | bytearray = b"\n"
    for piece in pieces:
        if output.isatty():
            output.write(text_of.decode(piece))
        else:
            with read_by_somebody():
                output.buffer.write(piece)
        output.flush()
    if output.isatty():
        output.write(text_of.decode(b"", final=True))
    return piece.endswith(b"\n")


# [/output]


def run_client(client: Callable[[str, int], object], default_port: int = PORT) -> None:
    """Run a client program with ``--host`` and ``--port`` from the command line."""
    parser = parser_for(client)
    add_address(parser, default_port)
    run(parser, lambda chosen: client(chosen.host, chosen.port))


def add_address(parser: argparse.ArgumentParser, default_port: int) -> None:
    """Let a program be told where to connect."""
    parser.add_argument("--host", default=HOST, help="the server's name or address (%(default)s)")
    parser.add_argument(
        "--port", type=port_number, default=default_port, help="the server's port (%(default)s)"
    )


def run_server(server: Callable[[int], object], default_port: int = PORT) -> None:
    """Run a server program with ``--port`` from the command line."""
    parser = parser_for(server)
    add_listening_port(parser, default_port)
    run(parser, lambda chosen: server(chosen.port))


def add_listening_port(parser: argparse.ArgumentParser, default_port: int) -> None:
    """Let a program be told where to listen."""
    parser.add_argument(
        "--port",
        type=port_number,
        default=default_port,
        help="the port to listen at, 0 for any (%(default)s)",
    )


def parser_for(program: Callable[..., object]) -> argparse.ArgumentParser:
    """Return a parser for a program's command line, which knows what the program is about."""
    text = sys.modules[program.__module__].__doc__
    return argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )


def port_number(text: str) -> int:
    """Return the port that an argument is; any other argument is a mistake of the user's."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, not {text!r}")
    return int(text)


def run(parser: argparse.ArgumentParser, program: Callable[[argparse.Namespace], object]) -> None:
    """Run a program with its command line, on UTF-8, and let it end without a fuss.

    An error that the program does not handle is told in one line, and the exit status is 1. It is 2
    if an argument is none of those that it can be; and after Ctrl-C it is 130, which is what a
    shell says of a program that SIGINT has ended.
    """
    if isinstance(sys.stdin, io.TextIOWrapper):
        # The only newline in what is typed is "\n".
        sys.stdin.reconfigure(encoding="utf-8", newline="\n")
    if sys.stdout is None or isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = Output(
            # There is none after ">&-"; what is opened now takes its place among the descriptors.
            open(os.devnull, "wb") if sys.stdout is None else sys.stdout.buffer,  # noqa: SIM115
            encoding="utf-8",
            errors="backslashreplace",
            newline="\n",
            line_buffering=True,
        )
    try:
        program(parser.parse_args())
    except KeyboardInterrupt:
        sys.exit(130)
    except TrunklineError as error:
        sys.exit(str(error))
    except UnicodeDecodeError as error:
        sys.exit(f"the input is not UTF-8: {error}")
    except ValueError as error:
        parser.error(str(error))
