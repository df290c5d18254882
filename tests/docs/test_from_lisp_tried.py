"""What the page for those who come from Lisp says of behaviour is tried, row by row."""

import threading
from collections.abc import Callable

import pytest
from docs.pages import DOCS
from sockets.helpers import connected_sockets
from support.timing import MS, PATIENCE

from trunkline import (
    AddressInUse,
    EndOfFile,
    EventBase,
    ExternalFormat,
    SocketClosed,
    TimedOut,
    WouldBlock,
    ensure_address,
    fd_readable,
    make_socket,
    wait_until_fd_ready,
)

TEXT = (DOCS / "from-lisp.md").read_text(encoding="utf-8")
TRIALS: dict[str, Callable[[], None]] = {}


def tries(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Say which row of the page a function tries, by the first of the row's names."""

    def take_note(trial: Callable[[], None]) -> Callable[[], None]:
        TRIALS[name] = trial
        return trial

    return take_note


@tries("accept-connection")
def none_is_what_accepting_returns_in_the_end() -> None:
    with make_socket(connect="passive", local_host="127.0.0.1") as server:
        assert server.accept(timeout=0) is None
        with make_socket("127.0.0.1", server.local_port), server.accept() as served:
            address, port = served.remote_name
            assert (address, port) == (served.remote_host, served.remote_port)


@tries("listen")
def a_character_that_has_arrived_is_read_and_put_back() -> None:
    with connected_sockets() as (client, server):
        assert server.read_char_no_hang() is None
        client.write("é".encode()[:1])
        client.finish_output()
        assert wait_until_fd_ready(server, timeout=PATIENCE)
        assert fd_readable(server)
        assert server.read_char_no_hang() is None  # it is half a character
        assert not fd_readable(server)
        client.write("é".encode()[1:])
        client.finish_output()
        assert wait_until_fd_ready(server, timeout=PATIENCE)
        assert server.read_char_no_hang() == "é"
        server.unread_char()
        assert server.read_char() == "é"
        client.close()
        assert wait_until_fd_ready(server, timeout=PATIENCE)
        with pytest.raises(EndOfFile):
            server.read_char_no_hang()


@tries("isys:poll-timeout")
def a_wait_for_nothing_is_false_and_a_read_of_nothing_an_error() -> None:
    with connected_sockets() as (client, _):
        assert not wait_until_fd_ready(client, "read", timeout=0)
        with pytest.raises(TimedOut):
            client.read_line(timeout=1 * MS)


@tries("socket-connect")
def connecting_has_a_limit_of_its_own() -> None:
    with make_socket(connect="passive", local_host="127.0.0.1") as server:
        port = server.local_port
        with make_socket("127.0.0.1", port, connect_timeout=PATIENCE) as client:
            assert client.timeout is None
        with pytest.raises(TimedOut):
            make_socket("127.0.0.1", port, connect_timeout=0)


@tries("socket-connect` with `:timeout 0")
def connecting_is_started_and_waited_for_later() -> None:
    with make_socket(connect="passive", local_host="127.0.0.1") as server, make_socket() as client:
        client.connect("127.0.0.1", server.local_port, timeout=0)
        client.wait_connected(timeout=PATIENCE)
        assert client.is_connected


@tries("connect")
def the_end_of_waiting_to_connect_is_an_error() -> None:
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as server,
        make_socket() as client,
    ):
        client.connect("127.0.0.1", server.local_port, timeout=PATIENCE)
        assert client.is_connected


@tries("read-char-no-hang")
def the_end_is_an_error() -> None:
    with connected_sockets() as (client, server):
        client.close()
        assert wait_until_fd_ready(server, timeout=PATIENCE)
        with pytest.raises(EndOfFile):
            server.read_char_no_hang()


@tries("read-line")
def the_second_value_is_an_attribute() -> None:
    with connected_sockets() as (client, server):
        client.write("half")
        client.close()
        assert server.read_line() == "half"
        assert server.missing_newline


@tries("(:utf-8 :eol-style :crlf)")
def a_format_may_be_text() -> None:
    assert ExternalFormat("utf-8", eol="crlf") == make_format("utf-8/crlf")


def make_format(text: str) -> ExternalFormat:
    with make_socket(external_format=text) as socket:
        return socket.external_format


@tries("close")
def a_descriptor_is_always_given_back() -> None:
    with connected_sockets() as (client, _):
        client.write("never sent")
        client.close()
        assert client.closed
        assert client.fileno() == -1


@tries("socket-os-fd")
def a_closed_socket_has_no_number() -> None:
    socket = make_socket()
    assert socket.fileno() >= 0
    socket.close()
    assert socket.fileno() == -1


@tries("*default-linger-seconds*")
def lingering_is_fifteen_seconds() -> None:
    with make_socket() as socket:
        socket.set_option("linger", True)
        assert socket.get_option("linger") == 15


@tries(":local-host")
def a_local_port_needs_a_local_host() -> None:
    with pytest.raises(TypeError, match="local_host"):
        make_socket(local_port=0)


@tries("bind-address")
def the_other_spelling_is_an_error() -> None:
    with make_socket() as socket, pytest.raises(TypeError):
        socket.bind("127.0.0.1", 0, reuse_addr=True)  # type: ignore[call-arg]


@tries("unknown-service")
def a_service_that_is_unknown_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="no-such"):
        make_socket("127.0.0.1", "no-such-service")


@tries("dotted-to-vector")
def shorthand_is_refused() -> None:
    with pytest.raises(ValueError, match="127"):
        ensure_address("127.1")


@tries("socket-address-in-use-error")
def an_address_in_use_is_an_error() -> None:
    with (
        make_socket(connect="passive", local_host="127.0.0.1") as server,
        pytest.raises(AddressInUse),
    ):
        make_socket(connect="passive", local_host="127.0.0.1", local_port=server.local_port)


@tries("bt:destroy-thread")
def a_thread_that_waits_is_ended_by_closing() -> None:
    with make_socket(connect="passive", local_host="127.0.0.1") as server:
        ended: list[SocketClosed] = []

        def accept() -> None:
            try:
                server.accept()
            except SocketClosed as error:
                ended.append(error)

        thread = threading.Thread(target=accept)
        thread.start()
        server.close()
        thread.join(PATIENCE)
        assert ended


@tries("bt:interrupt-thread")
def the_thread_that_dispatches_is_called() -> None:
    with EventBase() as base:
        called: list[int] = []

        def note() -> None:
            called.append(threading.get_ident())
            base.exit()

        thread = threading.Thread(target=base.call_soon_threadsafe, args=(note,))
        thread.start()
        base.dispatch(timeout=PATIENCE)
        thread.join()
        assert called == [threading.get_ident()]


@tries("read-byte-sequence")
def bytes_are_read_to_the_last_or_as_many_as_there_are() -> None:
    with connected_sockets() as (client, server):
        client.send_to(b"abcde", timeout=PATIENCE)
        buffer = bytearray(4)
        assert server.read_into(buffer, timeout=PATIENCE) == 4
        assert buffer == b"abcd"
        assert server.read(100, timeout=PATIENCE) == b"e"
        with pytest.raises(TimedOut):
            server.read(100, timeout=0)


@tries("write-byte-sequence")
def bytes_are_sent_as_far_as_there_is_room() -> None:
    def send_on() -> None:
        while client.send_to(bytes(1 << 16)):
            pass

    with connected_sockets() as (client, _), pytest.raises(WouldBlock):
        send_on()


@pytest.mark.parametrize("name", sorted(TRIALS))
def test_a_row_is_tried(name: str) -> None:
    assert f"`{name}`" in TEXT
    TRIALS[name]()
