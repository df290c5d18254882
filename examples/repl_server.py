"""A read-eval-print loop for whoever connects: evaluates Python, one connection after the other.

Connect to the port that it prints, with netcat for example, and type an expression or a statement
at a time. What a client has sent beyond that by the time it is answered is thrown away. A line has
65,536 bytes at most: a longer one, or a statement that does not end, ends the connection. So does
``exit()``, and Ctrl-C the server.

Whoever can connect can do whatever you can do: ``os.system`` runs any command with your
permissions, and no way of taking such functions away keeps it from those who know Python well. So
it listens at 127.0.0.1, which only those who are on this machine can reach, unless it is told to
listen elsewhere.
"""

import builtins
import codeop
import contextlib
import io
import signal
import sys
import traceback
from ipaddress import ip_address
from types import FrameType

from supporting import add_listening_port, parser_for, run

from trunkline import EndOfFile, ExternalFormat, SocketError, StreamError
from trunkline.dialects.clisp import (
    SocketStream,
    socket_accept,
    socket_server,
    socket_server_close,
    socket_server_host,
    socket_server_port,
    socket_status,
    socket_stream_local,
    socket_stream_peer,
)

LOOPBACK = "127.0.0.1"
FORMAT = ExternalFormat("utf-8", eol="crlf", errors="backslashreplace")
"""What UTF-8 cannot have does not end the conversation, whoever says it."""
MOST_COMPILED = 1_000_000
"""How many characters are compiled to find the end of a statement: all of it with each line."""
WARNING = (
    "Warning: this is not a loopback address. Everybody who can reach it can run any command here, "
    "with your permissions."
)


# [program]
def repl_server(interface: str = LOOPBACK, port: int = 0) -> None:
    """Evaluate what clients send, until Ctrl-C.

    Args:
        interface: The address to listen at.
        port: The port to listen at; 0 lets the system choose.
    """
    server = socket_server(port, interface=interface)
    host = socket_server_host(server)
    if not ip_address(host).is_loopback:
        print(WARNING, file=sys.stderr)
    print(f'Waiting for a connection on "{host}":{socket_server_port(server)}')
    try:
        while True:
            with socket_accept(server, external_format=FORMAT, buffered=True) as stream:
                try:
                    greet(stream)
                    serve(stream)
                except SocketError as error:
                    print(f"The connection has ended: {error}")
                except StreamError as error:  # the client has sent too much at once
                    print(f"The connection is ended: {error}")
                    stream.write_line(f"The connection is ended: {error}")
    finally:
        socket_server_close(server)


def greet(stream: SocketStream) -> None:
    """Print who has connected."""
    remote_host, remote_port = socket_stream_peer(stream)
    local_host, local_port = socket_stream_local(stream)
    print(f'Connection: "{remote_host}":{remote_port} -- "{local_host}":{local_port}')


def serve(stream: SocketStream) -> None:
    """Evaluate what a client sends until it has no more, or calls ``exit()``."""
    names: dict[str, object] = {"__name__": "__repl__"}
    vars(builtins).pop("_", None)  # the value of the last client's last expression
    with contextlib.suppress(EndOfFile):  # in the middle of a statement
        while socket_status((stream, "input"))[0] != "eof":
            printed = Printed()
            goes_on = evaluate(read_source(stream), names, printed)
            stream.write(printed.getvalue())
            if not goes_on:
                return
            flush_input(stream)
            stream.write_line(flush=True)


def flush_input(stream: SocketStream) -> None:
    """Throw away what the client has sent meanwhile."""
    with contextlib.suppress(EndOfFile):
        while stream.read_char_no_hang():
            pass


def read_source(stream: SocketStream) -> str:
    """Read an expression or a statement, which may take several lines."""
    source = stream.read_line()
    left = MOST_COMPILED
    while is_unfinished(source):
        source += "\n" + stream.read_line()
        left -= len(source)
        if left < 0:
            raise StreamError("a statement does not end", address=stream.remote_name)
    return source


def is_unfinished(source: str) -> bool:
    try:
        return codeop.compile_command(source) is None
    except Exception:  # which the client is to see
        return False


class Printed(io.StringIO):
    """What the source prints, also if it closes its standard output."""

    def close(self) -> None:
        pass


class ControlC(KeyboardInterrupt):
    """Somebody has pressed Ctrl-C here; a KeyboardInterrupt may be what a client raises."""


def on_interrupt(number: int, frame: FrameType | None) -> None:
    raise ControlC


def evaluate(source: str, names: dict[str, object], printed: Printed) -> bool:
    """Evaluate source, and print the value of an expression, and whatever it raises.

    Returns:
        Whether the client goes on: False if it has called ``exit()``.
    """
    with contextlib.redirect_stdout(printed):
        try:
            exec(codeop.compile_command(source, "<client>") or "", names)
        except SystemExit:
            return False
        except ControlC:
            raise
        except BaseException:
            traceback.print_exc(file=printed)
    return True


# [/program]


def main() -> None:
    parser = parser_for(repl_server)
    parser.add_argument(
        "--interface",
        default=LOOPBACK,
        help="the address to listen at (%(default)s); any other than a loopback address lets "
        "everybody who can reach it run commands with your permissions",
    )
    add_listening_port(parser, 0)
    signal.signal(signal.SIGINT, on_interrupt)
    run(parser, lambda chosen: repl_server(chosen.interface, chosen.port))


if __name__ == "__main__":
    main()
