"""Which of these ports take connections? Connects to all of them at once, and waits for none.

`ex14_client.py localhost 22 80 443`, for example. All attempts are under way before the first of
them is over, so that it takes no longer than the slowest one, or than the time that it is given.
"""

from collections.abc import Callable, Iterable
from contextlib import ExitStack

from supporting import parser_for, port_number, run

from trunkline import (
    ActiveSocket,
    Cause,
    EventBase,
    IPAddress,
    SocketError,
    lookup_hostname,
    make_socket,
)

SECONDS = 3.0


# [entry]
def ex14_client(host: str, ports: Iterable[int], timeout: float = SECONDS) -> None:
    address = lookup_hostname(host).address
    with EventBase(exit_when_empty=True) as event_base, ExitStack() as sockets:
        silent = set(ports)

        def tell(port: int, what: object) -> None:
            silent.discard(port)
            print(f"{port}: {what}")

        for port in sorted(silent):
            socket = sockets.enter_context(open_socket(address))
            start(event_base, socket, address, port, tell)
        event_base.dispatch(timeout=timeout)
        for port in sorted(silent):
            tell(port, f"nothing was heard in {timeout:g} s")


# [/entry]


# [start]
def open_socket(address: IPAddress) -> ActiveSocket:
    return make_socket(address_family="ipv4" if address.version == 4 else "ipv6")


def start(
    event_base: EventBase,
    socket: ActiveSocket,
    address: IPAddress,
    port: int,
    tell: Callable[[int, object], None],
) -> None:
    """Begin to connect, and tell what came of it when it is over."""

    def on_end(fd: int, event: str, cause: Cause | None) -> None:
        try:
            socket.wait_connected(timeout=0)
        except SocketError as error:
            tell(port, error)
        else:
            tell(port, f"connected to {socket.remote_name}")
        event_base.remove_fd_handlers(socket)

    # With the timeout 0 it returns at once. It may have failed by then: this machine needs no time
    # to refuse a connection to itself.
    try:
        socket.connect(address, port, timeout=0)
    except SocketError as error:
        tell(port, error)
    else:
        # A socket can be written to when it is connected, and when it cannot be connected.
        event_base.set_io_handler(socket, "write", on_end)


# [/start]

if __name__ == "__main__":
    parser = parser_for(ex14_client)
    parser.add_argument("host", help="a name or an address")
    parser.add_argument("port", nargs="+", type=port_number, help="the ports to connect to")
    parser.add_argument(
        "--timeout", type=float, default=SECONDS, help="seconds for all of them (%(default)s)"
    )
    run(parser, lambda chosen: ex14_client(chosen.host, chosen.port, chosen.timeout))
