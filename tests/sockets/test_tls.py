"""Active sockets that speak TLS: they are streams like all others."""

import contextlib
import socket
import ssl
import threading
from typing import Any

import pytest
from sockets.helpers import Call
from sockets.tls_helpers import (
    ROLES,
    VERSIONS,
    ours_and_pythons,
    receive_all,
    receive_exactly,
    spoken,
    two_of_ours,
)
from support.certificates import Certificates
from support.peers import socket_pair
from support.timing import MS, PATIENCE

import trunkline
from trunkline import (
    ActiveSocket,
    EndOfFile,
    EndpointShutdown,
    EventBase,
    NotTLS,
    SocketClosed,
    TimedOut,
    TLSError,
    TLSTruncated,
    make_socket,
    make_socket_from_fd,
    make_socket_pair,
)
from trunkline._core.deadline import Deadline

BIG = 3_000_000  # bytes: more than all buffers on the way have

both_roles = pytest.mark.parametrize("role", ROLES)
both_versions = pytest.mark.parametrize("version", VERSIONS)


# ---- A stream like all others ----


@both_roles
@both_versions
def test_lines_go_both_ways(certificates: Certificates, role: str, version: str) -> None:
    with ours_and_pythons(certificates, role, version) as (ours, peer):
        ours.write_line("from us", flush=True)
        assert receive_exactly(peer, 8) == b"from us\n"
        peer.sendall(b"one\ntwo\nthree\n")
        assert [ours.read_line() for _ in range(3)] == ["one", "two", "three"]
        assert ours.speaks_tls
        assert ours.tls_version == f"TLSv{version}" == peer.version()
        assert ours.cipher == (peer.cipher() or ("",))[0]
        assert ours.alpn_protocol is None
        assert (ours.remote_certificate is not None) == (role == "client")


def test_all_is_read_as_it_is_without_tls(certificates: Certificates) -> None:
    with ours_and_pythons(certificates, "client", external_format="utf-8/crlf") as (ours, peer):
        peer.sendall("häh\r\nabc".encode() + bytes(range(200)) + b"END" + b"rest\r\nx")
        assert ours.read_line() == "häh"
        assert ours.peek_char() == "a"
        assert ours.read_text(2) == "ab"
        assert ours.read_char() == "c"
        assert ours.read_exactly(200) == bytes(range(200))
        assert ours.read_until(b"END") == b"END"
        buffer = bytearray(3)
        assert ours.read_into(buffer) == 3
        assert buffer == b"res"
        assert ours.skip_line() == 3
        assert ours.read() == b"x"
        ours.write_line("grüß")
        ours.finish_output()
        assert receive_exactly(peer, 8) == "grüß\r\n".encode()


def test_a_format_with_a_state(certificates: Certificates) -> None:
    with ours_and_pythons(certificates, "client", external_format="utf-16") as (ours, peer):
        peer.sendall("zwei\nZeilen\n".encode("utf-16"))
        assert next(ours) == "zwei"
        assert next(ours) == "Zeilen"
        ours.write("hin", flush=True)
        assert receive_exactly(peer, 8).decode("utf-16") == "hin"


def test_a_file_object(certificates: Certificates) -> None:
    with ours_and_pythons(certificates, "client") as (ours, peer), Call(receive_exactly, peer, BIG):
        raw = ours.raw_io()
        data, sent = memoryview(bytes(BIG)), 0
        while sent < BIG:
            sent += raw.write(data[sent:])


@both_versions
def test_much_goes_both_ways_at_once(certificates: Certificates, version: str) -> None:
    with two_of_ours(certificates, version) as (client, server):
        data = bytes(range(256)) * (BIG // 256)
        with (
            Call(client.write, data, flush=True),
            Call(server.write, data, flush=True),
            Call(server.read_exactly, len(data)) as receiving,
        ):
            assert client.read_exactly(len(data)) == data
            assert receiving.result() == data


def test_a_read_sends_first_what_is_queued(certificates: Certificates) -> None:
    with ours_and_pythons(certificates, "client") as (ours, peer):

        def ask() -> str:
            ours.write_line("question")
            return ours.read_line()

        with Call(ask) as reading:
            assert receive_exactly(peer, 9) == b"question\n"
            peer.sendall(b"answer\n")
            assert reading.result() == "answer"


@pytest.mark.slow
def test_what_was_taken_counts_as_output_until_it_has_left(certificates: Certificates) -> None:
    size = 5 * BIG
    with ours_and_pythons(certificates, "client", output_buffer_size=size) as (ours, peer):
        ours.write(bytes(size))
        assert not ours.force_output()
        assert ours.has_buffered_output
        with pytest.raises(TimedOut):
            ours.finish_output(timeout=20 * MS)
        with Call(receive_exactly, peer, size) as receiving:
            ours.finish_output()
            assert len(receiving.result()) == size


@pytest.mark.exact_io("how much comes at a time is counted")
def test_nothing_stays_where_a_multiplexer_does_not_see_it(certificates: Certificates) -> None:
    with ours_and_pythons(certificates, "client", input_buffer_size=100) as (ours, peer):
        peer.sendall(b"x" * 1000)
        assert ours.read(10) == b"x" * 10
        assert ours.has_buffered_input
        assert ours.read(1000, timeout=0) == b"x" * 990
        assert not ours.has_buffered_input


def test_lines_of_one_record_are_a_call_of_a_handler_each(certificates: Certificates) -> None:
    lines: list[str] = []

    def read(fd: int, event: str, cause: Any) -> None:
        try:
            lines.append(ours.read_line(timeout=0))
        except TimedOut:
            return
        if len(lines) == 3:
            base.exit()

    with ours_and_pythons(certificates, "client") as (ours, peer), EventBase() as base:
        base.set_io_handler(ours, "read", read)
        peer.sendall(b"one\ntwo\nthree\n")
        base.dispatch(timeout=PATIENCE)
        assert lines == ["one", "two", "three"]


def test_with_no_time_only_what_has_come_is_read(certificates: Certificates) -> None:
    with ours_and_pythons(certificates, "client") as (ours, peer):
        with pytest.raises(TimedOut):
            ours.read(timeout=0)
        assert ours.read_char_no_hang() is None
        peer.sendall(b"half a li")
        with pytest.raises(TimedOut):
            ours.read_line(timeout=20 * MS)
        peer.sendall(b"ne\n")
        assert ours.read_line() == "half a line"


# ---- Ends ----


@both_versions
@pytest.mark.parametrize("who", ROLES)
def test_the_end_of_one_direction_leaves_the_other_one(
    certificates: Certificates, version: str, who: str
) -> None:
    with two_of_ours(certificates, version) as ends:
        one, other = ends if who == "client" else ends[::-1]
        other.write(b"on its way", flush=True)
        one.write_line("question")
        one.shutdown(write=True)
        assert not one.is_output_open
        one.shutdown(write=True)
        assert list(other) == ["question"]
        with Call(other.write, bytes(BIG), flush=True):
            assert one.read_exactly(10) == b"on its way"
            assert len(one.read_exactly(BIG)) == BIG
        other.shutdown(write=True)
        assert one.read() == b""
        with pytest.raises(EndpointShutdown):
            one.write("more")


@both_roles
def test_closing_says_so(certificates: Certificates, role: str) -> None:
    with ours_and_pythons(certificates, role) as (ours, peer):
        ours.write_line("last words")
        ours.close()
        assert receive_all(peer) == b"last words\n"


class WithoutRoom:
    """A channel that has room for nothing, until it is told otherwise."""

    def __init__(self, below: Any) -> None:
        self._below = below
        self.is_full = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._below, name)

    def send_by(self, give: Any) -> Any:
        return None if self.is_full else self._below.send_by(give)

    def wait_writable(self, deadline: Deadline, operation: str) -> None:
        if self.is_full:
            raise TimedOut.expired(operation, None)
        self._below.wait_writable(deadline, operation)


def test_an_end_that_has_not_left_in_time_is_one_and_leaves_later(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ours_and_pythons(certificates, "server") as (ours, peer):
        ours.write_line("all of it", flush=True)
        channel: Any = ours._channel
        below = WithoutRoom(channel._below)
        monkeypatch.setattr(channel, "_below", below)
        for _ in range(2):
            with pytest.raises(TimedOut):
                ours.shutdown(write=True)
            assert not ours.is_output_open
            with pytest.raises(EndpointShutdown):
                ours.write("more")
        peer.sendall(b"an answer\n")
        assert ours.read_line() == "an answer"
        below.is_full = False
        ours.shutdown(write=True)
        assert receive_all(peer) == b"all of it\n"
        ours.shutdown(write=True)
        with pytest.raises(EndpointShutdown):
            ours.write("more")
        assert not ours.has_buffered_output


@both_versions
def test_so_does_one_that_a_close_has_to_say(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    with ours_and_pythons(certificates, "server", version) as (ours, peer):
        channel: Any = ours._channel
        below = WithoutRoom(channel._below)
        monkeypatch.setattr(channel, "_below", below)
        with pytest.raises(TimedOut):
            ours.shutdown(write=True)
        below.is_full = False
        ours.close()
        assert receive_all(peer) == b""


def test_the_peer_s_end_is_the_end_of_file(certificates: Certificates) -> None:
    with ours_and_pythons(certificates, "client") as (ours, peer):
        peer.sendall(b"all\nof it")
        with Call(peer.unwrap):
            assert list(ours) == ["all", "of it"]
            assert ours.missing_newline
            with pytest.raises(EndOfFile):
                ours.read_line()
            ours.close()


@both_roles
def test_a_connection_that_is_cut_off_is_no_end(certificates: Certificates, role: str) -> None:
    with ours_and_pythons(certificates, role) as (ours, peer):
        peer.sendall(b"a line\nand a half")
        peer.shutdown(2)  # of the connection, and not of TLS
        assert ours.read_line() == "a line"
        for _ in range(2):
            with pytest.raises(TLSTruncated) as caught:
                ours.read_line()
            assert caught.value.operation == "read_line"
            assert caught.value.address == ours.remote_name
            assert not isinstance(caught.value, EOFError)
        assert ours.has_buffered_input
        with pytest.raises(TLSTruncated):
            ours.write("data")


def talk_until(
    sock: socket.socket, peer: ssl.SSLObject, bios: tuple[ssl.MemoryBIO, ssl.MemoryBIO], most: int
) -> tuple[int, bool]:
    """Shake hands and send a line, or so many bytes of that; return how many, and if it was all."""
    incoming, outgoing = bios
    left = most
    has_written = False
    while left:
        with contextlib.suppress(ssl.SSLWantReadError):
            peer.do_handshake()
            peer.write(b"a line\n")
            has_written = True
        data = outgoing.read(left)
        sock.sendall(data)
        left -= len(data)
        if has_written or not left:
            break
        incoming.write(sock.recv(65_536))
    sock.shutdown(socket.SHUT_WR)
    while sock.recv(65_536):
        pass
    return most - left, has_written and not outgoing.pending


def read_what_is_cut(certificates: Certificates, role: str, version: str, most: int) -> Any:
    """Check what is read of a connection that is cut; return why no more is, and how much came."""

    def read() -> None:
        with ours:
            ours.start_tls(
                spoken(certificates, role, **({"resume": False} if role == "client" else {})),
                server_side=role == "server",
                server_name="localhost" if role == "client" else None,
            )
            lines.extend(ours)

    lines: list[str] = []
    bios = ssl.MemoryBIO(), ssl.MemoryBIO()
    is_client = role == "client"
    context = (certificates.server_context if is_client else certificates.client_context)(version)
    peer = context.wrap_bio(
        *bios, server_side=is_client, server_hostname=None if is_client else "localhost"
    )
    with socket_pair(socket.AF_INET) as (mine, theirs):
        ours = make_socket_from_fd(mine.detach(), dup=False, timeout=PATIENCE)
        with Call(read) as reading:
            count, is_whole = talk_until(theirs, peer, bios, most)
            with pytest.raises(TLSTruncated) as caught:
                reading.result()
    assert lines == ["a line"] * is_whole
    return caught.value, count


@both_roles
@both_versions
@pytest.mark.slow
def test_a_connection_may_be_cut_off_anywhere(
    certificates: Certificates, role: str, version: str
) -> None:
    error, size = read_what_is_cut(certificates, role, version, 10_000)
    assert error.operation == "read_line"
    record = 5 + 7 + 17  # a header, the line, and what TLS 1.3 adds to it
    for most in {*range(0, size - 1, 97), *range(size - record, size, 4), size - 1}:
        error, _ = read_what_is_cut(certificates, role, version, most)
        assert error.operation in ("start_tls", "read_line")


def test_aborting_says_nothing(certificates: Certificates) -> None:
    with ours_and_pythons(certificates, "client") as (ours, peer):
        ours.write_line("dropped")
        ours.close(abort=True)
        with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
            peer.recv(100)


@pytest.mark.exact_io("the end that is said is cut, and waits for its time limit")
def test_closing_does_not_wait_for_one_who_says_nothing(certificates: Certificates) -> None:
    with ours_and_pythons(certificates, "client") as (ours, peer):
        ours.close(timeout=0)
        assert ours.closed
        assert receive_all(peer) == b""


def test_closing_before_the_handshake_says_nothing(certificates: Certificates) -> None:
    with (
        make_socket(
            connect="passive", local_host="127.0.0.1", tls=certificates.server_tls
        ) as listener,
        make_socket("127.0.0.1", listener.local_port) as plain,
    ):
        listener.accept().close()
        assert plain.read() == b""


# ---- Handshakes ----


def test_a_client_that_says_nothing_does_not_keep_others_waiting(
    certificates: Certificates,
) -> None:
    with (
        make_socket(
            connect="passive", local_host="127.0.0.1", tls=certificates.server_tls, timeout=PATIENCE
        ) as listener,
        make_socket("127.0.0.1", listener.local_port),
        listener.accept() as silent,
    ):
        assert silent.speaks_tls
        assert silent.tls_version is None
        with pytest.raises(TimedOut) as caught:
            silent.handshake(timeout=20 * MS)
        assert caught.value.operation == "handshake"
        with pytest.raises(TimedOut):
            silent.read(timeout=0)
        with (
            Call(
                make_socket, "127.0.0.1", listener.local_port, tls=certificates.client_tls
            ) as connecting,
            listener.accept() as second,
        ):
            second.write_line("hello", flush=True)
            with connecting.result() as client:
                assert client.read_line() == "hello"


@both_roles
def test_a_limit_that_passes_in_the_handshake_loses_nothing(
    certificates: Certificates, role: str
) -> None:
    with socket_pair() as (mine, theirs), make_socket_from_fd(mine.detach(), dup=False) as ours:
        with pytest.raises(TimedOut) as caught:
            ours.start_tls(
                spoken(certificates, role, server_name="localhost" if role == "client" else None),
                server_side=role == "server",
                timeout=20 * MS,
            )
        assert caught.value.operation == "start_tls"
        with pytest.raises(TimedOut):
            ours.write("not yet", flush=True, timeout=0)
        context = (
            certificates.server_context() if role == "client" else certificates.client_context()
        )
        peer = context.wrap_socket(
            theirs,
            server_side=role == "client",
            server_hostname=None if role == "client" else "localhost",
            do_handshake_on_connect=False,
        )
        with peer:
            with Call(peer.do_handshake):
                ours.handshake(timeout=PATIENCE)
            ours.finish_output(timeout=PATIENCE)
            assert receive_exactly(peer, 7) == b"not yet"


@pytest.mark.parametrize("times", range(10))
def test_one_reads_and_another_writes_while_hands_are_shaken(
    certificates: Certificates, times: int
) -> None:
    with (
        make_socket(
            connect="passive", local_host="127.0.0.1", tls=certificates.server_tls, timeout=PATIENCE
        ) as listener,
        Call(
            make_socket,
            "127.0.0.1",
            listener.local_port,
            tls=certificates.client_tls,
            timeout=PATIENCE,
        ) as connecting,
        listener.accept() as server,
        Call(server.read_line) as reading,
        Call(server.write_line, "from the server", flush=True),
        connecting.result() as client,
    ):
        assert client.read_line() == "from the server"
        client.write_line("from the client", flush=True)
        assert reading.result() == "from the client"


def test_closing_wakes_who_shakes_hands(
    certificates: Certificates, waiting: threading.Semaphore
) -> None:
    with (
        make_socket(
            connect="passive", local_host="127.0.0.1", tls=certificates.server_tls
        ) as listener,
        make_socket("127.0.0.1", listener.local_port),
    ):
        server = listener.accept()
        with Call(server.read_line) as reading:
            assert waiting.acquire(timeout=PATIENCE)
            with Call(server.write_line, "waits for the same", flush=True) as writing:
                server.close(abort=True)
                for call in (reading, writing):
                    with pytest.raises(SocketClosed):
                        call.result()


# ---- Upgrading ----


@both_roles
def test_a_connection_is_upgraded(certificates: Certificates, role: str) -> None:
    one, other = make_socket_pair(timeout=PATIENCE)
    with one, other:
        client, server = (one, other) if role == "client" else (other, one)
        client.write_line("STARTTLS")
        client.finish_output()
        assert server.read_line() == "STARTTLS"
        server.write_line("go ahead")
        with Call(server.start_tls, certificates.server_tls, server_side=True):
            assert client.read_line() == "go ahead"
            client.start_tls(certificates.client_tls, server_name="localhost")
        client.write_line("in private", flush=True)
        assert server.read_line() == "in private"
        with pytest.raises(ValueError, match="speaks TLS already"):
            client.start_tls(certificates.client_tls, server_name="localhost")


def test_a_handshake_behind_the_command_is_taken(certificates: Certificates) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = certificates.client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    with socket_pair() as (mine, peer), make_socket_from_fd(mine.detach(), dup=False) as server:
        peer.sendall(b"STARTTLS\n" + outgoing.read())
        assert server.read_line(timeout=PATIENCE) == "STARTTLS"
        with Call(server.start_tls, certificates.server_tls, server_side=True, timeout=PATIENCE):
            while True:
                incoming.write(peer.recv(65536))
                try:
                    client.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                break
            client.write(b"line\n")
            peer.sendall(outgoing.read())
        assert server.read_line(timeout=PATIENCE) == "line"


@pytest.mark.exact_io("how much has come is counted")
@both_roles
def test_plain_text_behind_the_command_is_refused(certificates: Certificates, role: str) -> None:
    with socket_pair() as (mine, peer), make_socket_from_fd(mine.detach(), dup=False) as ours:
        peer.sendall(b"command\nDELETE everything\n")
        assert ours.read_line(timeout=PATIENCE) == "command"
        with pytest.raises(NotTLS, match="18 bytes have come before TLS began") as caught:
            ours.start_tls(
                spoken(certificates, role, server_name="localhost" if role == "client" else None),
                server_side=role == "server",
                timeout=PATIENCE,
            )
        assert caught.value.operation == "start_tls"
        for use in (ours.read_line, lambda: ours.write("data")):
            with pytest.raises(NotTLS):
                use()


def test_a_handshake_that_comes_too_early_for_a_client_is_refused(
    certificates: Certificates,
) -> None:
    with socket_pair() as (mine, peer), make_socket_from_fd(mine.detach(), dup=False) as ours:
        peer.sendall(b"go ahead\n\x16\x03\x03")
        assert ours.read_line(timeout=PATIENCE) == "go ahead"
        with pytest.raises(NotTLS):
            ours.start_tls(certificates.client_tls, server_name="localhost", timeout=PATIENCE)


def test_a_server_s_name_is_known_or_has_to_be_said(certificates: Certificates) -> None:
    one, other = make_socket_pair()
    with one, other:
        with pytest.raises(ValueError, match="say server_name"):
            one.start_tls(certificates.client_tls)
        with pytest.raises(ValueError, match="does not speak TLS"):
            one.handshake()
        with pytest.raises(TypeError, match="tls is"):
            one.start_tls(False)
        with pytest.raises(ValueError, match="clients"):
            one.start_tls(server_side=True)
        assert not one.speaks_tls
    with pytest.raises(ValueError, match="say server_name"):
        make_socket(address_family="local", remote_filename="/nowhere", tls=True)


# ---- What cannot be ----


def test_nothing_goes_round_it(certificates: Certificates) -> None:
    with two_of_ours(certificates) as (client, server):
        with pytest.raises(ValueError, match="would go round"):
            client.send_to(b"data")
        with pytest.raises(ValueError, match="would go round"):
            client.receive_from(100)
        with pytest.raises(ValueError, match="cannot be handed on"):
            client.to_socket()
        with EventBase() as base, pytest.raises(ValueError, match="cannot be handed on"):
            trunkline.adopt(base, Protocol(), client)
        client.write_line("still here", flush=True)
        assert server.read_line() == "still here"


class Protocol(trunkline.TransportProtocol):
    def data_received(self, data: bytes) -> None:
        """Nothing comes."""


@pytest.mark.exact_io("an alert, or what the peer says, is cut")
def test_a_peer_that_does_not_speak_it(certificates: Certificates) -> None:
    with make_socket(connect="passive", local_host="127.0.0.1", timeout=PATIENCE) as listener:

        def answer() -> None:
            with listener.accept() as connection:
                connection.write(b"HTTP/1.0 400 Bad Request\r\n\r\n", flush=True)
                connection.shutdown(write=True)
                connection.clear_input()

        with Call(answer), pytest.raises(NotTLS, match="speaks HTTP") as caught:
            make_socket(
                "127.0.0.1", listener.local_port, tls=certificates.client_tls, timeout=PATIENCE
            )
        assert caught.value.speaks == "HTTP"
        assert caught.value.operation == "handshake"
        assert caught.value.address is not None


@both_roles
def test_a_changed_record_ends_both_directions(certificates: Certificates, role: str) -> None:
    with ours_and_pythons(certificates, role) as (ours, peer):  # noqa: SIM117 - its end is needed
        with make_socket_from_fd(peer.fileno(), dup=True) as below:
            below.write(b"\x17\x03\x03\x00\x20" + bytes(32), flush=True)
            with pytest.raises(TLSError):
                ours.read_line()
            with pytest.raises(TLSError):
                ours.write_line("more", flush=True)
            ours.close()
            with pytest.raises(ssl.SSLError) as caught:
                peer.recv(100)
            assert caught.value.reason == "SSLV3_ALERT_BAD_RECORD_MAC"
            below.close(abort=True)


def test_a_server_in_threads_serves_it(certificates: Certificates) -> None:
    def serve(connection: ActiveSocket) -> None:
        for line in connection:
            connection.write_line(f"{connection.tls_version} {line}")

    with (
        make_socket(
            connect="passive", local_host="127.0.0.1", tls=certificates.server_tls
        ) as listener,
        trunkline.Server(serve, sockets=[listener]) as server,
    ):
        server.start()
        with make_socket(
            "127.0.0.1", listener.local_port, tls=certificates.client_tls, timeout=PATIENCE
        ) as client:
            client.write_line("hello")
            assert client.read_line() == "TLSv1.3 hello"


@pytest.mark.parametrize("has_tls", [False, True])
def test_ending_once_more_does_nothing(certificates: Certificates, has_tls: bool) -> None:
    with contextlib.ExitStack() as undoing:
        if has_tls:
            ours, other = undoing.enter_context(two_of_ours(certificates))
        else:
            pair = undoing.enter_context(socket_pair(socket.AF_INET))
            ours, other = (
                undoing.enter_context(make_socket_from_fd(each.detach(), dup=False))
                for each in pair
            )
        for each in (ours, other):
            each.shutdown(write=True)
        for each in (ours, other):
            assert each.read() == b""
        for each in (ours, other):
            each.shutdown(write=True)
            each.shutdown(write=True)
    with pytest.raises(SocketClosed):
        ours.shutdown(write=True)
