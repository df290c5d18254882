"""Programs with a mistake each, which both type checkers have to find; nothing runs them.

Each checker has a comment of its own on a line that is wrong, and complains of that comment where
it finds nothing wrong. What has none is right, and must not be complained of.
"""

from trunkline import (
    ActiveSocket,
    EventBase,
    PassiveSocket,
    Server,
    Supervisor,
    Transport,
    TransportProtocol,
    accept_tcp_connections_creating_async_io_states,
    adopt,
    connect,
    fd_readable,
    listen,
    make_socket,
    make_socket_pair,
    wait_until_fd_ready,
)
from trunkline.dialects.lispworks import open_tcp_stream
from trunkline.dialects.port import socket_service_port
from trunkline.evented import (
    AsyncSocket,
    Event,
    SocketStream,
    local_server,
    poll,
    start_event_loop,
    tcp_connect,
    tcp_server,
)
from trunkline.names import lookup_service

PORT = int(input())


class Lines:
    """Not a subclass of anything: any object will do that has the method."""

    def line_received(self, line: str) -> None:
        """It takes lines."""


class Deaf:
    """Nothing can be delivered to it."""

    def lines_received(self, line: str) -> None:
        """The name is not quite right."""


def serve(connection: ActiveSocket) -> None:
    """A handler."""


def sockets() -> None:
    make_socket("localhost", PORT, timeout=5.0, nodelay=False)
    make_socket("localhost", PORT, time_out=5.0)  # type: ignore[call-overload]  # pyright: ignore
    make_socket(connect="pasive")  # type: ignore[call-overload]  # pyright: ignore
    make_socket_pair(external_format="utf-8")
    make_socket_pair(encoding="utf-8")  # type: ignore[call-overload]  # pyright: ignore


def datagrams() -> None:
    one = make_socket(type="datagram", local_host="127.0.0.1", packet_info=True)
    make_socket(type="datagram", keepalive=True)  # type: ignore[call-overload]  # pyright: ignore
    make_socket(type="seqpacket")  # type: ignore[call-overload]  # pyright: ignore
    data, sender = one.receive_from(timeout=5)
    one.send_to(data.upper(), sender)
    one.send_to(data, "127.0.0.1", PORT)
    one.send_to(data, "127.0.0.1")  # type: ignore[call-overload]  # pyright: ignore
    one.send_to("text", sender)  # type: ignore[call-overload]  # pyright: ignore
    count, _ = one.receive_from(bytearray(8))
    count.upper()  # type: ignore[attr-defined]  # pyright: ignore
    one.read_line()  # type: ignore[attr-defined]  # pyright: ignore


def raw_sockets() -> None:
    one = make_socket("localhost", type="raw", protocol="icmp")
    one.send_to(b"bytes", "127.0.0.1")
    one.send_to(b"bytes", "127.0.0.1", PORT)  # type: ignore[call-arg]  # pyright: ignore
    one.set_option("icmp_types", {0})
    one.set_option("icmp_types", 1)  # type: ignore[call-overload]  # pyright: ignore
    other = make_socket(type="raw", address_family="netlink", multicast_groups=1)
    other.send_to(b"bytes", other.receive_from().sender)
    other.send_to(b"bytes", "127.0.0.1")  # type: ignore[arg-type]  # pyright: ignore
    make_socket(type="raw", multicast_groups=1)  # type: ignore[call-overload]  # pyright: ignore


def bytes_and_text(connection: ActiveSocket) -> None:
    connection.write(b"bytes")
    connection.write(memoryview(b"bytes"))
    connection.write("text")
    connection.write(3)  # type: ignore[arg-type]  # pyright: ignore
    connection.read_into(bytearray(8))
    connection.read_into("text")  # type: ignore[arg-type]  # pyright: ignore
    connection.send_to("text")  # type: ignore[arg-type]  # pyright: ignore


def names(connection: ActiveSocket) -> None:
    address, port = connection.remote_name
    print(address, port + 1, connection.local_name.port, connection.remote_filename.path)
    print(connection.remote_name.prot)  # type: ignore[union-attr]  # pyright: ignore
    print(connection.address_family == "locale")  # type: ignore[comparison-overlap]  # pyright: ignore


def services() -> None:
    print(lookup_service("http").port, lookup_service(53, "any").protocol)
    lookup_service("http", "htpp")  # type: ignore[arg-type]  # pyright: ignore


def options(connection: ActiveSocket) -> None:
    connection.set_option("keepalive", True)
    connection.set_option("keep_alive", True)  # type: ignore[call-overload]  # pyright: ignore
    connection.get_option("tcp_nodelay")  # type: ignore[call-overload]  # pyright: ignore
    connection.set_option("keepalive", "yes")  # type: ignore[call-overload]  # pyright: ignore
    connection.set_option("mtu_discovery", "no")  # type: ignore[call-overload]  # pyright: ignore
    connection.set_option("hops", None)
    connection.set_option("dscp", None)  # type: ignore[call-overload]  # pyright: ignore
    connection.set_option("mtu", 1500)  # type: ignore[call-overload]  # pyright: ignore
    print(connection.get_option("hops") + 1, connection.get_option("tcp_congestion").upper())
    print(connection.get_option("linger") + 1)  # type: ignore[operator]  # pyright: ignore


def servers() -> None:
    Server(serve, host="127.0.0.1", port=PORT, keepalive=True, input_buffer_size=1024)
    Server(serve, host="127.0.0.1", keepalives=True)  # type: ignore[call-arg]  # pyright: ignore
    Server(serve, host="127.0.0.1", threads="pol")  # type: ignore[arg-type]  # pyright: ignore
    Server(serve, host="127.0.0.1", at_limit="drop")  # type: ignore[arg-type]  # pyright: ignore


def make_server(sockets: object) -> Server:
    raise NotImplementedError


def supervisors() -> None:
    Supervisor(make_server, host="127.0.0.1", workers=2, external_format="latin-1")
    Supervisor(make_server, host="127.0.0.1", worker=2)  # type: ignore[call-arg]  # pyright: ignore


def transports(base: EventBase, listener: PassiveSocket, connection: ActiveSocket) -> None:
    listen(base, listener, TransportProtocol, delivery="lines", idle_timeout=60)
    listen(base, listener, Lines, delivery="lines")
    listen(base, listener, Lines, delivery="line")  # type: ignore[arg-type]  # pyright: ignore
    listen(base, listener, Lines, idle_time=60)  # type: ignore[call-arg]  # pyright: ignore
    listen(base, listener, Deaf)  # type: ignore[arg-type]  # pyright: ignore
    listen(base, listener, Lines())  # type: ignore[arg-type]  # pyright: ignore
    adopt(base, Lines(), connection, delivery="lines")
    adopt(base, Lines(), connection, deliver="lines")  # type: ignore[call-arg]  # pyright: ignore
    adopt(base, Lines, connection)  # type: ignore[arg-type]  # pyright: ignore


def connecting(base: EventBase) -> None:
    connect(base, Lines(), remote_host="localhost", remote_port=PORT, delivery="lines")
    connect(base, Lines(), address_family="local", remote_filename="/run/it", high_water=0)
    connect(base, Lines(), remote_host="localhost")  # type: ignore[call-overload]  # pyright: ignore
    connect(  # type: ignore[call-overload]
        base,
        Lines(),
        remote_host="localhost",
        remote_port=PORT,
        attempts_delay=1.0,  # pyright: ignore
    )


def a_transport(transport: Transport) -> None:
    transport.set_delivery("text")
    transport.set_delivery("texts")  # type: ignore[arg-type]  # pyright: ignore
    transport.write("text")
    transport.write(None)  # type: ignore[arg-type]  # pyright: ignore
    transport.writelines([b"a", "b"])
    print(transport.remote_name.host)


def handlers(base: EventBase, connection: ActiveSocket) -> None:
    base.set_io_handler(connection, "read", lambda number, event, cause: None)
    base.set_io_handler(3, "reed", lambda number, event, cause: None)  # type: ignore[arg-type]  # pyright: ignore
    base.set_io_handler("3", "read", lambda number, event, cause: None)  # type: ignore[arg-type]  # pyright: ignore
    base.call_soon(print, "a")
    base.call_soon(base.exit, "a")  # type: ignore[arg-type]  # pyright: ignore
    wait_until_fd_ready(connection, "read_write", timeout=0)
    wait_until_fd_ready(connection, "both")  # type: ignore[arg-type]  # pyright: ignore
    fd_readable("connection")  # type: ignore[arg-type]  # pyright: ignore


def states(base: EventBase) -> None:
    accept_tcp_connections_creating_async_io_states(base, PORT, print, ipv6="both")
    accept_tcp_connections_creating_async_io_states(base, PORT, print, ipv6="all")  # type: ignore[arg-type]  # pyright: ignore


def read(socket: AsyncSocket, data: bytes) -> None:
    """It takes bytes."""


def read_stream(socket: AsyncSocket, stream: SocketStream) -> None:
    """It takes a stream."""


def told(event: Event) -> None:
    """It is told what happens."""


def callbacks() -> None:
    tcp_connect("localhost", PORT, read, told, data=b"hello", read_timeout=3)
    tcp_connect("localhost", PORT, read_stream, told, stream=True)
    tcp_connect("localhost", PORT, read_stream, told)  # type: ignore[arg-type]  # pyright: ignore
    tcp_connect("localhost", PORT, read, read_time=3)  # type: ignore[call-overload]  # pyright: ignore
    server = tcp_server(None, 0, read, told, keepalive=True)
    print(server.local_name.port)
    tcp_server(None, 0, read, told, stream=True)  # type: ignore[call-overload]  # pyright: ignore
    tcp_server(None, 0, read, told, keepalives=True)  # type: ignore[call-overload]  # pyright: ignore
    print(local_server("/run/it", read).local_name.path)
    poll(3, lambda event: None, readable=True)  # type: ignore[call-arg]  # pyright: ignore
    start_event_loop(callbacks, catch_errors=True)  # type: ignore[call-arg]  # pyright: ignore


def dialects() -> None:
    with open_tcp_stream("localhost", PORT) as talk:
        print(talk.read_line())
    with open_tcp_stream("localhost", PORT, errorp=True) as talk:
        print(talk.read_line())
    stream, condition = open_tcp_stream("localhost", PORT, errorp=True)
    print(stream.read_line(), condition)
    perhaps, _ = open_tcp_stream("localhost", PORT)
    perhaps.read_line()  # type: ignore[union-attr]  # pyright: ignore
    print(socket_service_port("http").port, len(socket_service_port()))
