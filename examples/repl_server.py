"""A read-eval-print loop for whoever connects: evaluates Python, one connection after the other.

Connect to the port that it prints, with netcat for example, and type an expression or a statement
at a time. What a client has sent beyond that by the time it is answered is thrown away. ``exit()``
ends the connection, and Ctrl-C the server.

Whoever can connect can do whatever you can do: ``os.system`` runs any command with your
permissions, and no way of taking such functions away keeps it from those who know Python well. So
it listens at 127.0.0.1, which only those who are on this machine can reach, unless it is told to
listen elsewhere.
"""

import codeop
import contextlib
import io
import sys
import traceback
from ipaddress import ip_address

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
                except (SocketError, StreamError) as error:
                    print(f"The connection has ended: {error}")
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
    with contextlib.suppress(EndOfFile, SystemExit):  # the first in the middle of a statement
        while socket_status((stream, "input"))[0] != "eof":
            stream.write(evaluate(read_source(stream), names))
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
    while is_unfinished(source):
        source += "\n" + stream.read_line()
    return source


def is_unfinished(source: str) -> bool:
    try:
        return codeop.compile_command(source) is None
    except (SyntaxError, ValueError, OverflowError):  # which the client is to see
        return False


def evaluate(source: str, names: dict[str, object]) -> str:
    """Return what it prints, the value of an expression included, and what it raises."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile(source, "<client>", "single"), names)
        except Exception:
            traceback.print_exc(file=printed)
    return printed.getvalue()


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
    run(parser, lambda chosen: repl_server(chosen.interface, chosen.port))


if __name__ == "__main__":
    main()
