"""Whatever takes the name of a host takes a resolver, and asks that one."""

from collections.abc import Callable, Sequence
from ipaddress import IPv4Address
from typing import Any

import pytest
from support.timing import PATIENCE

from trunkline import (
    EventBase,
    IPAddress,
    NoName,
    PassiveSocket,
    Resolution,
    Server,
    Supervisor,
    ensure_hostname,
    evented,
    lookup_hostname,
    make_socket,
)
from trunkline.dialects import clisp, lispworks, port
from trunkline.multiplex import TransportProtocol, connect
from trunkline.names import CachingResolver

HERE = IPv4Address("127.0.0.1")


class Directory:
    """A resolver that knows one name, and notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def resolve(self, host: str, *, family: str = "internet", **options: Any) -> Resolution:
        self.asked.append(host)
        if family == "ipv6":
            raise NoName(strerror="no", operation="resolve", host=host)
        return Resolution((HERE,), "server.test")

    def reverse(self, address: IPAddress, **options: Any) -> str:
        self.asked.append(address)
        return "server.test"


Listener = PassiveSocket


def by_make_socket(listener: Listener, resolver: Any) -> None:
    make_socket("server.test", listener.local_port, resolver=resolver).close()


def from_a_name(listener: Listener, resolver: Any) -> None:
    make_socket(HERE, listener.local_port, local_host="server.test", resolver=resolver).close()


def by_listening(listener: Listener, resolver: Any) -> None:
    make_socket(connect="passive", local_host="server.test", resolver=resolver).close()


class Quiet(TransportProtocol):
    def connection_made(self, transport: Any) -> None:
        transport.abort()

    def data_received(self, data: bytes) -> None:
        """Nothing comes."""

    def connection_lost(self, error: Exception | None) -> None:
        assert error is None


def by_connect(listener: Listener, resolver: Any) -> None:
    with EventBase(exit_when_empty=True) as base:
        connect(
            base,
            Quiet(),
            remote_host="server.test",
            remote_port=listener.local_port,
            resolver=resolver,
        )
        base.dispatch(timeout=PATIENCE)


def by_connect_from_a_name(listener: Listener, resolver: Any) -> None:
    with EventBase(exit_when_empty=True) as base:
        connect(
            base,
            Quiet(),
            remote_host=HERE,
            remote_port=listener.local_port,
            local_host="server.test",
            resolver=resolver,
        )
        base.dispatch(timeout=PATIENCE)


def by_tcp_connect(listener: Listener, resolver: Any) -> None:
    def main() -> None:
        evented.tcp_connect(
            "server.test",
            listener.local_port,
            None,
            connect_cb=lambda sock: sock.close(),
            resolver=resolver,
        )

    evented.start_event_loop(main)


def by_dns_lookup(listener: Listener, resolver: Any) -> None:
    def main() -> None:
        evented.dns_lookup("server.test", lambda *_: None, resolver=resolver)

    evented.start_event_loop(main)


def by_a_server(listener: Listener, resolver: Any) -> None:
    with Server(lambda connection: None, host="server.test", resolver=resolver) as server:
        assert server.local_names[0].host == HERE


def by_a_supervisor(listener: Listener, resolver: Any) -> None:
    def make_server(sockets: Sequence[PassiveSocket]) -> Server:
        return Server(lambda connection: None, sockets=sockets)

    with Supervisor(make_server, host="server.test", resolver=resolver) as supervisor:
        assert supervisor.sockets[0].local_host == HERE


def by_port(listener: Listener, resolver: Any) -> None:
    port.open_socket("server.test", listener.local_port, resolver=resolver).close()


def by_clisp(listener: Listener, resolver: Any) -> None:
    clisp.socket_connect(listener.local_port, "server.test", resolver=resolver).close()


def by_clisp_without_waiting(listener: Listener, resolver: Any) -> None:
    stream = clisp.socket_connect(listener.local_port, "server.test", timeout=0, resolver=resolver)
    stream.close(abort=True)


def by_clisps_server(listener: Listener, resolver: Any) -> None:
    clisp.socket_server(interface="server.test", resolver=resolver).close()


def by_clisps_peer(listener: Listener, resolver: Any) -> None:
    with make_socket(*listener.local_name) as sock:
        assert clisp.socket_stream_peer(sock, resolver=resolver)[0] == "127.0.0.1 (server.test)"
        assert clisp.socket_stream_local(sock, resolver=resolver)[0] == "127.0.0.1 (server.test)"


def by_lispworks(listener: Listener, resolver: Any) -> None:
    with lispworks.open_tcp_stream("server.test", listener.local_port, resolver=resolver):
        pass


def by_lispworks_server(listener: Listener, resolver: Any) -> None:
    started = lispworks.start_up_server(
        function=lambda handle: None, address="server.test", wait=True, resolver=resolver
    )
    assert started.process is not None
    lispworks.server_terminate(started.process)


def by_looking_up(listener: Listener, resolver: Any) -> None:
    assert lookup_hostname("server.test", resolver=resolver).address == HERE
    assert ensure_hostname("server.test", resolver=resolver) == HERE


TAKERS = [value for name, value in list(globals().items()) if name.startswith(("by_", "from_a_"))]


@pytest.mark.exact_io("an injected refusal would be asked about again")
@pytest.mark.parametrize("cached", [False, True], ids=["plain", "cached"])
@pytest.mark.parametrize("taker", TAKERS, ids=lambda taker: taker.__name__)
def test_it_asks_the_resolver_that_it_is_given(
    taker: Callable[[Listener, Any], None], cached: bool
) -> None:
    directory = Directory()
    with make_socket(connect="passive", local_host=HERE) as listener:
        taker(listener, CachingResolver(directory) if cached else directory)
    assert directory.asked
    assert set(directory.asked) <= {"server.test", HERE}
