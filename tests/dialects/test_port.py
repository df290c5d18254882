"""PORT's functions, one after the other, as its documentation describes them."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sockets.helpers import Call
from support.peers import connect, receive_all, refusing_port, reset, unused_port
from support.programs import require
from support.timing import MS, PATIENCE

import trunkline
from trunkline import (
    DEFAULT_BUFFER_SIZE,
    ActiveSocket,
    AddressInUse,
    ConnectionRefused,
    ConnectionReset,
    EndOfFile,
    NoName,
    NotConnected,
    PassiveSocket,
    Resolution,
    SocketClosed,
    TimedOut,
    make_socket,
    make_socket_pair,
)
from trunkline.addresses import IPAddress
from trunkline.dialects import port
from trunkline.dialects.port import (
    HostEnt,
    Network,
    Servent,
    Timeout,
    dotted_to_ipaddr,
    ipaddr_closure,
    ipaddr_to_dotted,
    make_process,
    open_socket,
    open_socket_server,
    open_unix_socket,
    resolve_host_ipaddr,
    set_socket_stream_format,
    socket_accept,
    socket_host_port,
    socket_server_close,
    socket_server_host_port,
    socket_service_port,
    socket_string,
    wait_for_stream,
)

HOST = "127.0.0.1"


class Names:
    """A resolver that knows what it is told."""

    def __init__(self, name: str | None, *addresses: str) -> None:
        self.name = name
        self.addresses = tuple(map(IPv4Address, addresses))
        self.families: list[str] = []

    def resolve(
        self, host: str, *, family: str = "internet", timeout: float | None = None
    ) -> Resolution:
        self.families.append(family)
        return Resolution(self.addresses, self.name)

    def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
        if self.name is None or address not in self.addresses:
            raise NoName(operation="reverse", host=address)
        return self.name


@contextmanager
def server_and_port() -> Iterator[tuple[PassiveSocket, int]]:
    """Yield a server, and the port that it has opened."""
    with open_socket_server() as server:
        yield server, socket_server_host_port(server)[1]


@contextmanager
def connected() -> Iterator[tuple[ActiveSocket, ActiveSocket]]:
    """Yield the streams of a client and of its server."""
    with server_and_port() as (server, number):
        client = open_socket(HOST, number)
        served = socket_accept(server)
    try:
        yield client, served
    finally:
        client.close(abort=True)
        served.close(abort=True)


def test_the_text_of_a_stream_has_both_ends() -> None:
    with connected() as (client, served):
        here, there = f"{HOST}:{client.local_port}", f"{HOST}:{client.remote_port}"
        assert socket_string(client) == f"[local: {here}] [peer: {there}]"
        assert socket_string(served) == f"[local: {there}] [peer: {here}]"


# -- what its package has beside what its tutorial uses --------------------------------------------


class Cluster(Names):
    """Two hosts at three addresses, one of which both have."""

    ADDRESSES: ClassVar = {
        "a.test": ("192.0.2.1", "192.0.2.2"),
        "b.test": ("192.0.2.2", "192.0.2.3"),
    }
    NAMES: ClassVar = {"192.0.2.1": "a.test", "192.0.2.2": "b.test"}

    def __init__(self) -> None:
        super().__init__(None)

    def resolve(
        self, host: str, *, family: str = "internet", timeout: float | None = None
    ) -> Resolution:
        return Resolution(tuple(map(IPv4Address, self.ADDRESSES[host])), host)

    def reverse(self, address: IPAddress, *, timeout: float | None = None) -> str:
        name = self.NAMES.get(str(address))
        if name is None:
            raise NoName(operation="reverse", host=address)
        return name


@pytest.mark.parametrize("host", ["a.test", "192.0.2.1", 0xC0000201])
def test_what_belongs_together_is_found_from_anywhere(host: str | int) -> None:
    hosts, found = ipaddr_closure(host, resolver=Cluster())
    assert set(found) == {"a.test", "b.test", "192.0.2.1", "192.0.2.2", "192.0.2.3"}
    assert found["192.0.2.1"].name == "a.test"
    assert found["192.0.2.3"] == HostEnt("", (), ("192.0.2.3",))
    assert {each for known in hosts.values() for each in known} == set(found)
    assert all(found[each] == entry for entry, known in hosts.items() for each in known)


def test_what_has_no_name_has_nothing_that_belongs_to_it() -> None:
    with pytest.raises(NoName):
        ipaddr_closure("no-such.invalid")


def test_a_service_has_a_name_and_a_port() -> None:
    service = socket_service_port("domain")
    assert (service.name, service.port, service.proto) == ("domain", 53, "tcp")
    assert socket_service_port(53) == service
    assert socket_service_port(53, "udp").proto == "udp"
    assert service in socket_service_port()
    assert all(isinstance(each, Servent) for each in socket_service_port())


@pytest.mark.parametrize("service", ["no-such", -1])
def test_a_service_that_there_is_not_is_a_mistake(service: str | int) -> None:
    with pytest.raises(ValueError, match=r"no TCP service|not -1"):
        socket_service_port(service)


def test_a_stream_is_waited_for() -> None:
    with connected() as (client, served):
        assert not wait_for_stream(served, 0)
        client.write_line("hello", flush=True)
        assert wait_for_stream(served)
        assert served.read_line() == "hello"
        assert not wait_for_stream(served, 1 * MS)
        client.close()
        assert wait_for_stream(served, PATIENCE)


def test_a_local_socket_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "it"
    with (
        make_socket(connect="passive", address_family="local", local_filename=path) as server,
        open_unix_socket(path) as client,
    ):
        client.write_line("hello", flush=True)
        with server.accept() as served:
            assert served.read_line() == "hello"
    with pytest.raises(Network):
        open_unix_socket(tmp_path / "none")


def test_the_format_of_a_stream_is_text_or_binary() -> None:
    with connected() as (client, served):
        set_socket_stream_format(client, "binary")
        client.write("\xe9\n", flush=True)
        assert served.read_exactly(2) == b"\xe9\n"
        set_socket_stream_format(client, "text")
        client.write("\xe9\n", flush=True)
        assert served.read_line() == "\xe9"
        set_socket_stream_format(client, "utf-8/crlf")
        client.write_line("x", flush=True)
        assert served.read_exactly(3) == b"x\r\n"


def test_conditions_have_their_names() -> None:
    with refusing_port() as number, pytest.raises(Network):
        open_socket(HOST, number)
    with connected() as (client, _), pytest.raises(Timeout) as caught:
        client.read_line(timeout=0)
    assert isinstance(caught.value, Network)


# -- addresses ------------------------------------------------------------------------------------

LISP = Names("bibop.alu.org", "128.18.65.4")
PRINTED = "HostEnt(name='bibop.alu.org', aliases=(), addr_list=('128.18.65.4',), addr_type=2)"


@pytest.mark.parametrize("host", ["bibop.alu.org", "128.18.65.4", 2148679940])
def test_a_host_entry_is_found_by_name_and_by_address(host: str | int) -> None:
    assert repr(resolve_host_ipaddr(host, resolver=LISP)) == PRINTED


def test_a_name_that_is_not_the_official_one_is_an_alias() -> None:
    names = Names("official.test", "192.0.2.7", "192.0.2.1")
    assert resolve_host_ipaddr("www.test", resolver=names).aliases == ("www.test",)


def test_a_host_entry_has_all_addresses_of_a_name_in_order() -> None:
    names = Names("official.test", "192.0.2.7", "192.0.2.1", "192.0.2.3")
    entry = resolve_host_ipaddr("alias.test", resolver=names)
    assert entry.addr_list == ("192.0.2.7", "192.0.2.1", "192.0.2.3")
    assert entry.name == "official.test"
    assert names.families == ["ipv4"]


def test_a_name_is_its_own_canonical_one_where_the_resolver_knows_no_other() -> None:
    entry = resolve_host_ipaddr("some.test", resolver=Names(None, "192.0.2.7"))
    assert entry == HostEnt("some.test", (), ("192.0.2.7",), 2)


def test_an_address_without_a_name_has_an_empty_one() -> None:
    entry = resolve_host_ipaddr("192.0.2.9", resolver=LISP)
    assert entry == HostEnt("", (), ("192.0.2.9",), 2)


def test_the_system_resolver_is_asked_unless_told_otherwise() -> None:
    assert HOST in resolve_host_ipaddr("localhost").addr_list


def test_a_host_without_an_address_is_an_error() -> None:
    with pytest.raises(NoName):
        resolve_host_ipaddr("no-such-name.invalid")
    with pytest.raises(NoName):
        resolve_host_ipaddr("::1")


@pytest.mark.parametrize("host", ["128.18.65", "1", "", "a b", -1])
def test_what_is_neither_a_name_nor_an_address_is_a_mistake(host: Any) -> None:
    with pytest.raises(ValueError, match=r"host|address"):
        resolve_host_ipaddr(host, resolver=LISP)


def test_dotted_text_and_integers_become_each_other() -> None:
    assert dotted_to_ipaddr("128.18.65.4") == 2148679940
    assert ipaddr_to_dotted(2148679940) == "128.18.65.4"
    assert dotted_to_ipaddr is trunkline.dotted_to_ipaddr
    assert ipaddr_to_dotted is trunkline.ipaddr_to_dotted


# -- servers --------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [(), (None,), (0,)])
def test_the_system_chooses_a_port_where_none_is_given(arguments: tuple[Any, ...]) -> None:
    with open_socket_server(*arguments) as server:
        host, number = socket_server_host_port(server)
        assert host == "0.0.0.0"
        assert 0 < number < 65536


def test_a_server_opens_the_port_that_it_is_told() -> None:
    number = unused_port()
    with open_socket_server(number) as server:
        assert socket_server_host_port(server) == ("0.0.0.0", number)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has all of 127.0.0.0/8")
def test_a_server_is_reached_through_each_interface() -> None:
    with server_and_port() as (server, number), open_socket("127.83.1.9", number) as client:
        with socket_accept(server) as served:
            assert socket_host_port(served)[2] == "127.83.1.9"
        assert socket_host_port(client)[:2] == ("127.83.1.9", number)


def test_a_port_that_is_open_already_is_an_error() -> None:
    with server_and_port() as (_, number), pytest.raises(AddressInUse):
        open_socket_server(number)


def test_a_port_can_be_opened_again_at_once() -> None:
    with server_and_port() as (server, number):
        client = open_socket(HOST, number)
        socket_accept(server).close()  # this end closes first, and its port lingers
    with client:
        assert client.read() == b""
    open_socket_server(number).close()


# Root's privileges are given up only when everything is imported: others may not read it.
PRIVILEGED = """
import os
from trunkline import PermissionDenied
from trunkline.dialects.port import open_socket_server
if os.geteuid() == 0:
    os.setresuid(65534, 65534, 65534)
try:
    open_socket_server(1).close()
except PermissionDenied as error:
    print("denied", error.errno)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere such ports may be for everybody")
@pytest.mark.slow
def test_a_privileged_port_is_an_error_for_others() -> None:
    with open("/proc/sys/net/ipv4/ip_unprivileged_port_start") as file:
        if int(file.read()) <= 1:
            pytest.skip("on this machine no port is privileged")
    run = subprocess.run(
        [sys.executable, "-c", PRIVILEGED], capture_output=True, text=True, timeout=PATIENCE
    )
    assert (run.stdout, run.stderr) == ("denied 13\n", "")


@pytest.mark.parametrize("number", ["http", "80", 80.0, True, b"80"])
def test_a_port_is_an_integer(number: Any) -> None:
    with pytest.raises(TypeError, match="a port is an integer"):
        open_socket_server(number)
    with pytest.raises(TypeError, match="a port is an integer"):
        open_socket(HOST, number)


@pytest.mark.parametrize("number", [-1, 65536])
def test_a_port_is_in_range(number: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 65535"):
        open_socket_server(number)
    with pytest.raises(ValueError, match="from 1 to 65535"):
        open_socket(HOST, number)


def test_there_is_no_connecting_to_port_0() -> None:
    with pytest.raises(ValueError, match="from 1 to 65535"):
        open_socket(HOST, 0)


def test_a_server_that_is_closed_refuses_and_its_connections_live_on() -> None:
    with (
        server_and_port() as (server, number),
        open_socket(HOST, number) as client,
        socket_accept(server) as served,
    ):
        socket_server_close(server)
        socket_server_close(server)
        with pytest.raises(ConnectionRefused):
            open_socket(HOST, number)
        with pytest.raises(SocketClosed):
            socket_accept(server)
        client.write_line("still here")
        client.force_output()
        assert served.read_line(timeout=PATIENCE) == "still here"
        assert socket_server_host_port(server) == ("0.0.0.0", number)


# -- accepting ------------------------------------------------------------------------------------


def test_without_a_limit_a_server_waits_until_somebody_comes() -> None:
    with server_and_port() as (server, number), Call(socket_accept, server) as call:
        call._thread.join(50 * MS)
        assert call.is_running
        with connect((HOST, number)) as client, call.result() as served:
            assert socket_host_port(served)[:2] == client.getsockname()


@pytest.mark.parametrize("wait", [0, 0.0, 30 * MS])
def test_a_server_waits_no_longer_than_it_may(wait: float) -> None:
    with server_and_port() as (server, _):
        assert socket_accept(server, wait=wait) is None


@pytest.mark.parametrize("wait", [0, PATIENCE, float("inf"), None])
def test_a_connection_that_waits_is_accepted_at_once(wait: float | None) -> None:
    with server_and_port() as (server, number), connect((HOST, number)) as client:
        served = socket_accept(server, wait=wait)
        assert served is not None
        with served:
            assert socket_host_port(served)[:2] == client.getsockname()


def test_a_connection_is_accepted_that_comes_within_the_time() -> None:
    with (
        server_and_port() as (server, number),
        Call(socket_accept, server, wait=PATIENCE) as call,
        connect((HOST, number)),
    ):
        served = call.result()
        assert served is not None
        served.close()


def test_closing_the_server_ends_the_waiting() -> None:
    with server_and_port() as (server, _), Call(socket_accept, server) as call:
        socket_server_close(server)
        with pytest.raises(SocketClosed):
            call.result()


@pytest.mark.parametrize(
    ("wait", "error"), [(-1, ValueError), (float("nan"), ValueError), ("1", TypeError)]
)
def test_a_wait_is_a_number_of_seconds(wait: Any, error: type[Exception]) -> None:
    with server_and_port() as (server, _), pytest.raises(error, match="timeout"):
        socket_accept(server, wait=wait)


# -- connecting -----------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["localhost", HOST, 2130706433, IPv4Address(HOST)])
def test_a_host_is_given_in_any_form(host: Any) -> None:
    with server_and_port() as (server, number), open_socket(host, number) as client:
        assert socket_host_port(client)[:2] == (HOST, number)
        socket_accept(server).close()


def test_nobody_listening_is_an_error_at_once() -> None:
    with refusing_port() as number, pytest.raises(ConnectionRefused):
        open_socket(HOST, number)


def test_connections_are_there_before_the_server_accepts_them() -> None:
    with server_and_port() as (server, number):
        for text in ["one", "two", "three"]:
            with open_socket(HOST, number) as client:
                client.write_line(text)
        for text in ["one", "two", "three"]:
            with socket_accept(server) as served:
                assert served.read_line() == text


@pytest.mark.parametrize("host", ["::1", "127.1", "2130706433", -1, 2**32])
def test_what_is_no_host_of_ipv4_is_a_mistake(host: Any) -> None:
    with server_and_port() as (_, number), pytest.raises(ValueError, match="address"):
        open_socket(host, number)


def test_a_name_that_does_not_exist_is_an_error() -> None:
    with server_and_port() as (_, number), pytest.raises(NoName):
        open_socket("no-such-name.invalid", number)


def test_the_two_ends_have_the_same_names_the_other_way_round() -> None:
    with connected() as (client, served):
        there, here = socket_host_port(client), socket_host_port(served)
        assert there == (HOST, served.local_port, HOST, client.local_port)
        assert here == there[2:] + there[:2]
        assert [type(value) for value in there] == [str, int, str, int]


def test_the_names_are_known_after_the_end() -> None:
    with server_and_port() as (server, number), connect((HOST, number)) as client:
        name = client.getsockname()
        with socket_accept(server) as served:
            reset(client)
            with pytest.raises(ConnectionReset):
                served.read()
            assert socket_host_port(served) == (*name, HOST, number)
        assert socket_host_port(served) == (*name, HOST, number)


def test_what_is_not_connected_has_no_names() -> None:
    with make_socket() as unconnected, pytest.raises(NotConnected):
        socket_host_port(unconnected)
    one, other = make_socket_pair()
    with one, other, pytest.raises(TypeError, match="local socket"):
        socket_host_port(one)


@pytest.mark.parametrize("function", [socket_host_port, socket_string])
def test_only_streams_have_two_ends(function: Callable[[Any], object]) -> None:
    with (
        open_socket_server(0) as server,
        pytest.raises(TypeError, match=r"not a PassiveSocket; see socket_server_host_port$"),
    ):
        function(server)
    with pytest.raises(TypeError, match=r"only a stream has two ends, not a str$"):
        function("stream")


# -- communication --------------------------------------------------------------------------------


def assert_nothing_arrives(stream: ActiveSocket) -> None:
    """Check that the other end has sent nothing, for a while."""
    with pytest.raises(TimedOut):
        stream.read(timeout=30 * MS)


def test_output_stays_until_it_is_forced_out() -> None:
    with connected() as (client, served):
        client.write("Username: user1\n")
        assert_nothing_arrives(served)
        assert client.force_output()
        assert served.read_line(timeout=PATIENCE) == "Username: user1"


def test_output_goes_out_when_the_buffer_is_full() -> None:
    with connected() as (client, served):
        client.write("x" * DEFAULT_BUFFER_SIZE)
        assert_nothing_arrives(served)
        client.write("y")
        assert served.read(1, timeout=PATIENCE) == b"x"


def test_output_goes_out_when_the_stream_is_closed() -> None:
    with connected() as (client, served):
        client.write("the last words")
        assert_nothing_arrives(served)
        client.close()
        assert served.read_line(timeout=PATIENCE) == "the last words"
        with pytest.raises(EndOfFile):
            served.read_line(timeout=PATIENCE)


def test_either_party_may_close() -> None:
    with connected() as (client, served):
        served.close()
        with pytest.raises(EndOfFile):
            client.read_line(timeout=PATIENCE)


def test_a_newline_is_a_line_feed_and_a_carriage_return_is_a_character() -> None:
    with server_and_port() as (server, number), connect((HOST, number)) as peer:
        with socket_accept(server) as served:
            served.write("zwei Wörter\n")
            served.force_output()
            peer.sendall("one\r\nδύο\n".encode())
            assert [served.read_line(), served.read_line()] == ["one\r", "δύο"]
        assert receive_all(peer) == "zwei Wörter\n".encode()


def test_both_directions_work_at_once() -> None:
    # More than the system has room for: each end has to read while the other one writes.
    text = "telephone exchange " * 200_000

    def send(stream: ActiveSocket) -> None:
        stream.write_line(text, timeout=PATIENCE)
        stream.finish_output(timeout=PATIENCE)

    with (
        connected() as (client, served),
        Call(send, client),
        Call(send, served),
        Call(client.read_line, limit=None) as answer,
    ):
        assert served.read_line(limit=None, timeout=PATIENCE) == text
        assert answer.result() == text


# -- threads --------------------------------------------------------------------------------------


def test_a_process_is_a_thread_with_a_name_and_arguments() -> None:
    seen: list[Any] = []

    def work(*args: Any, **kwargs: Any) -> None:
        seen.append((threading.current_thread(), args, kwargs))

    thread = make_process("Connection handler", work, 1, "two", function=3, name=4)
    thread.join(PATIENCE)
    assert seen == [(thread, (1, "two"), {"function": 3, "name": 4})]
    assert thread.name == "Connection handler"
    assert thread is not threading.current_thread()


async def unplain() -> None:
    """Do nothing, unless somebody awaits it."""


@pytest.mark.parametrize(
    ("function", "args", "message"),
    [
        (unplain, (), "^the function is a plain function, and unplain an async one"),
        (lambda one: None, (), "missing a required argument: 'one'$"),
        (lambda: None, (1,), "too many positional arguments$"),
    ],
)
def test_a_process_is_told_at_once_what_it_cannot_call(
    function: Any, args: tuple[int, ...], message: str
) -> None:
    with pytest.raises(TypeError, match=message):
        make_process("n", function, *args)


@pytest.mark.parametrize("function", [None, "work", 1])
def test_a_process_needs_something_to_call(function: Any) -> None:
    before = threading.enumerate()
    with pytest.raises(TypeError, match=f"calls a function, not {type(function).__name__}"):
        make_process("n", function)
    assert threading.enumerate() == before


@pytest.mark.slow
def test_a_process_does_not_keep_the_program_running() -> None:
    code = (
        "import threading; from trunkline.dialects.port import make_process;"
        "make_process('for ever', threading.Event().wait)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=PATIENCE)
    assert (run.returncode, run.stderr) == (0, b"")


def test_what_a_process_raises_goes_to_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    raised = []
    monkeypatch.setattr(threading, "excepthook", lambda found: raised.append(found.exc_type))
    make_process("failing", int, "no number").join(PATIENCE)
    assert raised == [ValueError]


def accept_for_ever(server: PassiveSocket) -> None:
    """Serve each client in a thread of its own, as PORT's documentation shows it."""
    while True:
        stream = socket_accept(server)
        make_process("Connection handler", handle_connection, stream)


def handle_connection(stream: ActiveSocket) -> None:
    """Greet a client by the name that it says."""
    with stream:
        stream.write_line(f"hello {stream.read_line()}")


def test_an_accept_loop_with_a_thread_for_each_connection() -> None:
    with server_and_port() as (server, number), Call(accept_for_ever, server) as accepting:
        silent = open_socket(HOST, number)
        with silent:
            for name in ["one", "two"]:
                with open_socket(HOST, number) as client:
                    client.write_line(name)
                    client.force_output()
                    assert client.read_line(timeout=PATIENCE) == f"hello {name}"
            silent.write_line("three")
            silent.force_output()
            assert silent.read_line(timeout=PATIENCE) == "hello three"
        socket_server_close(server)
        with pytest.raises(SocketClosed):
            accepting.result()


# -- the module -----------------------------------------------------------------------------------


def test_every_name_is_documented() -> None:
    assert sorted(port.__all__) == list(port.__all__)
    assert all(getattr(port, name).__doc__ for name in port.__all__)


@pytest.mark.needs_program("nc")
def test_netcat_talks_to_a_server() -> None:
    with server_and_port() as (server, number):
        nc = subprocess.Popen(
            [require("nc"), "-N", HOST, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        with nc, socket_accept(server) as served:
            assert nc.stdin
            nc.stdin.write(b"Username: user1\n")
            nc.stdin.close()
            assert served.read_line(timeout=PATIENCE) == "Username: user1"
            served.write("welcome\n")
            served.close()
            assert nc.stdout
            assert nc.stdout.read() == b"welcome\n"
