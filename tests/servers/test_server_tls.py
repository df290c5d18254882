"""Servers that speak TLS: handshakes good and bad, and what goes on inside."""

import contextlib
import logging
import os
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from servers.serving import (
    Faults,
    Gate,
    client_of,
    each_way,
    eventually,
    in_threads,
    receive_line,
    receive_to_the_end,
    serving,
    talk,
    until_it_is_over,
    visit,
)
from servers.tls_clients import (
    ask_by_tls,
    receive_to_the_word,
    secured,
    silent_clients,
    tls_client_of,
)
from sockets.tls_helpers import fill
from support.certificates import Certificates
from support.programs import require
from support.timing import MS, PATIENCE

from trunkline import (
    TLS,
    ActiveSocket,
    NotTLS,
    ServerConnection,
    TimedOut,
    TLSError,
    TLSTruncated,
    make_socket,
)
from trunkline.servers import Server, ServerStatistics, proxy_protocol

VERSIONS = ["1.2", "1.3"]
CLIENT = b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 443\r\n"


# -- what is said inside ---------------------------------------------------------------------------


@each_way
@pytest.mark.parametrize("version", VERSIONS)
def test_lines_are_echoed(certificates: Certificates, threads: Any, version: str) -> None:
    with (
        serving(tls=certificates.server_tls, threads=threads) as server,
        tls_client_of(server, certificates, version) as client,
    ):
        assert talk(client, "hello") == "hello"
        assert talk(client, "again") == "again"
        client.unwrap()
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, finished=1)


def test_a_context_of_python_s_does_as_well(certificates: Certificates) -> None:
    with serving(tls=certificates.server_context()) as server:
        assert ask_by_tls(server, certificates) == "hello"


def test_the_handler_knows_what_was_agreed_on(certificates: Certificates) -> None:
    seen: SimpleQueue[Any] = SimpleQueue()

    def look(connection: ServerConnection) -> None:
        seen.put((connection.tls_version, connection.cipher, connection.alpn_protocol))
        seen.put(connection.remote_certificate)

    tls = certificates.server.tls(
        alpn=("trunk/1",),
        client_certificate="required",
        authorities=certificates.authority.certificate,
    )
    context = certificates.client_context()
    context.set_alpn_protocols(["other", "trunk/1"])
    context.load_cert_chain(certificates.client.certificate, certificates.client.key)
    with (
        serving(look, tls=tls) as server,
        context.wrap_socket(client_of(server), server_hostname="localhost") as client,
    ):
        assert receive_to_the_word(client) == b""
        cipher = client.cipher()
        assert cipher is not None
        assert seen.get(timeout=PATIENCE) == ("TLSv1.3", cipher[0], "trunk/1")
    shown = ssl.PEM_cert_to_DER_cert(certificates.client.certificate.read_text().split("\n\n")[0])
    assert seen.get(timeout=PATIENCE) == shown


def test_half_a_connection_goes_on(certificates: Certificates) -> None:
    def answer_in_the_end(connection: ActiveSocket) -> None:
        got = b"".join(iter(connection.read, b""))
        connection.write(got * 2)

    with (
        serving(answer_in_the_end, tls=certificates.server_tls) as server,
        make_socket(
            "localhost",
            server.port,
            address_family="ipv4",
            tls=certificates.client_tls,
            timeout=PATIENCE,
        ) as client,
    ):
        client.write(b"x" * 100_000)
        client.shutdown(write=True)
        assert len(client.read_exactly(200_000)) == 200_000
        assert client.read() == b""


@pytest.mark.parametrize("how", ["tls=", "its own"])
def test_sockets_that_are_given_speak_it_too(certificates: Certificates, how: str) -> None:
    its_own = certificates.server_tls if how == "its own" else None
    listener = make_socket(connect="passive", local_host="127.0.0.1", tls=its_own)
    told = certificates.server_tls if how == "tls=" else None
    with serving(sockets=[listener], tls=told) as server:
        assert listener.speaks_tls
        assert ask_by_tls(server, certificates) == "hello"


def test_so_does_a_local_socket(certificates: Certificates, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with (
        serving(path=path, tls=certificates.server_tls),
        make_socket(
            address_family="local",
            remote_filename=path,
            tls=certificates.authority.client_tls(server_name="localhost"),
            timeout=PATIENCE,
        ) as client,
    ):
        client.write_line("hello")
        assert client.read_line() == "hello"


def test_what_cannot_be_is_told_at_once(certificates: Certificates) -> None:
    with pytest.raises(ValueError, match="tls=True is for clients"):
        Server(print, host="127.0.0.1", tls=True)
    with pytest.raises(TypeError, match="tls is a TLS"):
        Server(print, host="127.0.0.1", tls="example.pem")  # type: ignore[arg-type]
    broken = TLS(certificate=certificates.server.key)
    with pytest.raises(TLSError, match="no usable certificate"):
        Server(print, host="127.0.0.1", tls=broken)
    with pytest.raises(ValueError, match="handshake_timeout cannot be 0"):
        Server(print, host="127.0.0.1", tls=certificates.server_tls, handshake_timeout=0)


def test_new_connections_get_new_certificates(certificates: Certificates, tmp_path: Path) -> None:
    def put(issued: Any) -> None:
        (tmp_path / "key").write_bytes(issued.key.read_bytes())
        (tmp_path / "certificate").write_bytes(issued.certificate.read_bytes())

    put(certificates.server)
    tls = TLS(certificate=tmp_path / "certificate", key=tmp_path / "key")
    with serving(tls=tls) as server, tls_client_of(server, certificates) as old:
        put(certificates.authority.issue("localhost"))
        with tls_client_of(server, certificates) as new:
            assert old.getpeercert() != new.getpeercert()
            (tmp_path / "certificate").write_text("nothing")
            with tls_client_of(server, certificates) as newest:
                assert newest.getpeercert() == new.getpeercert()
        assert talk(old, "still here") == "still here"


# -- handshakes that fail --------------------------------------------------------------------------


@each_way
def test_who_does_not_speak_it_is_a_client_s_mistake(
    certificates: Certificates, threads: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trunkline.servers")
    faults = Faults()
    with serving(tls=certificates.server_tls, threads=threads, exception_hook=faults) as server:
        visit(server, b"GET / HTTP/1.0\r\n\r\n")
        assert ask_by_tls(server, certificates) == "hello"
    counts = server.statistics()
    assert (counts.accepted, counts.rejected, counts.failed) == (2, 1, 0)
    assert faults.is_empty
    (record,) = [each for each in caplog.records if "rejected" in each.message]
    assert record.levelno == logging.INFO
    assert isinstance(vars(record)["error"], NotTLS)
    assert "the peer speaks HTTP" in record.message


@pytest.mark.exact_io("an alert is sent at once, or not at all")
def test_a_client_without_a_certificate_is_told(certificates: Certificates) -> None:
    tls = certificates.server.tls(
        client_certificate="required", authorities=certificates.authority.certificate
    )
    with serving(tls=tls) as server:
        with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"):
            tls_client_of(server, certificates, "1.2")
        eventually(lambda: server.statistics().rejected == 1)


def test_who_leaves_in_the_middle_is_counted(certificates: Certificates) -> None:
    with serving(tls=certificates.server_tls) as server:
        with client_of(server) as client:
            client.sendall(b"\x16\x03\x01")
        eventually(lambda: server.statistics().rejected == 1)
    assert server.statistics() == ServerStatistics(accepted=1, rejected=1)


@each_way
@pytest.mark.parametrize("limit", ["handshake_timeout", "lifetime", "idle_timeout"])
def test_silence_is_limited(certificates: Certificates, threads: Any, limit: str) -> None:
    limits: Any = {limit: 50 * MS}
    with serving(tls=certificates.server_tls, threads=threads, **limits) as server:
        assert visit(server) == b""
    assert server.statistics() == ServerStatistics(accepted=1, timed_out=1)


def test_so_is_a_handshake_byte_by_byte(
    certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "trunkline.servers")
    with (
        serving(tls=certificates.server_tls, handshake_timeout=100 * MS) as server,
        client_of(server) as client,
        contextlib.suppress(ConnectionError),
    ):
        client.settimeout(1 * MS)
        for byte in b"\x16\x03\x01\x40\x00" + bytes([1, 0, 0x3F, 0]) * 5000:
            client.sendall(bytes([byte]))
            with contextlib.suppress(TimeoutError):
                if not client.recv(1):
                    break
    assert server.statistics().timed_out == 1
    (record,) = [each for each in caplog.records if "timed out" in each.message]
    assert isinstance(vars(record)["error"], TimedOut)
    assert "handshake_timeout" in record.message


# -- those who keep nobody waiting -----------------------------------------------------------------


@each_way
def test_silent_clients_take_no_room(certificates: Certificates, threads: Any) -> None:
    with (
        serving(tls=certificates.server_tls, threads=threads, max_connections=2) as server,
        contextlib.ExitStack() as undoing,
    ):
        silent_clients(server, 20, undoing)
        assert ask_by_tls(server, certificates) == "hello"
        counts = server.statistics()
        assert counts.peak == 1
        eventually(lambda: server.statistics().shaking_hands == 20)
        undoing.close()
        eventually(lambda: server.statistics().rejected == 20)


@pytest.mark.slow
def test_the_oldest_of_too_many_have_to_go(certificates: Certificates) -> None:
    with (
        serving(tls=certificates.server_tls, max_connections=1) as server,
        contextlib.ExitStack() as undoing,
    ):
        silent_clients(server, 129, undoing)
        assert ask_by_tls(server, certificates) == "hello"
        assert server.statistics().refused >= 1
        assert server.statistics().shaking_hands >= 100


@pytest.mark.slow
@pytest.mark.exact_io("a thousand clients take their time under faults")
@each_way
def test_others_are_served_beside_a_thousand(certificates: Certificates, threads: Any) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    with (
        serving(tls=certificates.server_tls, threads=threads) as server,
        contextlib.ExitStack() as undoing,
    ):
        before = threading.active_count()
        for number in range(1000):
            client = undoing.enter_context(client_of(server))
            client.sendall(hello[: number % len(hello)])
            if number % 100 == 0:
                assert ask_by_tls(server, certificates) == "hello"
        assert threading.active_count() <= before + 12
        assert ask_by_tls(server, certificates) == "hello"


@in_threads
def test_who_has_shaken_hands_waits_for_room(certificates: Certificates, threads: Any) -> None:
    gate = Gate(lambda connection: connection.write_line(connection.read_line()))
    with (
        serving(gate, tls=certificates.server_tls, threads=threads, max_connections=1) as server,
        contextlib.ExitStack() as undoing,
    ):
        plain = [undoing.enter_context(client_of(server)) for _ in range(3)]
        eventually(lambda: server.statistics().shaking_hands == 3)
        clients = [undoing.enter_context(secured(each, certificates)) for each in plain]
        gate.next()
        eventually(lambda: server.statistics().shaking_hands == 2)
        assert server.statistics().active == 1
        gate.open(3)
        for client in clients:
            client.sendall(b"hello\n")
        for client in clients:  # whichever of them comes first
            assert receive_to_the_word(client) == b"hello\n"
    assert server.statistics() == ServerStatistics(accepted=3, peak=1, finished=3)


def test_a_refusal_can_be_read(certificates: Certificates) -> None:
    gate = Gate()
    with (
        serving(
            gate,
            tls=certificates.server_tls,
            max_connections=1,
            at_limit="refuse",
            refusal=b"too busy\n" * 10_000,
        ) as server,
        tls_client_of(server, certificates) as first,
    ):
        gate.next()
        with tls_client_of(server, certificates) as second:
            assert receive_to_the_word(second) == b"too busy\n" * 10_000
        gate.open()
        assert talk(first, "hello") == "hello"
    assert server.statistics().refused == 1


def test_a_refusal_has_its_end_though_there_is_no_room_for_it_at_once(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutdown = ActiveSocket.shutdown
    late: list[ActiveSocket] = []

    def shut_down_late(connection: ActiveSocket, **options: Any) -> None:
        if connection not in late:
            late.append(connection)
            raise TimedOut.expired("shutdown", connection.remote_name)
        shutdown(connection, **options)

    gate = Gate()
    with (
        serving(
            gate,
            tls=certificates.server_tls,
            max_connections=1,
            at_limit="refuse",
            refusal=b"too busy",
        ) as server,
        tls_client_of(server, certificates) as first,
    ):
        gate.next()
        monkeypatch.setattr(ActiveSocket, "shutdown", shut_down_late)
        with tls_client_of(server, certificates) as second:
            assert receive_to_the_word(second) == b"too busy"
        assert late
        monkeypatch.undo()
        gate.open()
        assert talk(first, "hello") == "hello"


def test_too_many_of_one_client_are_not_worth_a_handshake(certificates: Certificates) -> None:
    with serving(
        tls=certificates.server_tls, max_connections_per_address=1, refusal=b"no"
    ) as server:
        with client_of(server):
            eventually(lambda: server.statistics().shaking_hands == 1)
            assert visit(server) == b""
        eventually(lambda: server.statistics().rejected == 1)
        assert ask_by_tls(server, certificates) == "hello"
    assert server.statistics().refused == 1


# -- a header before it ----------------------------------------------------------------------------


@each_way
def test_a_proxy_s_header_comes_first(certificates: Certificates, threads: Any) -> None:
    def greet(connection: ActiveSocket) -> None:
        connection.write_line(f"hello, {connection.remote_host}")

    with (
        serving(
            greet,
            tls=certificates.server_tls,
            threads=threads,
            preamble=proxy_protocol(["127.0.0.1"]),
        ) as server,
        client_of(server) as plain,
    ):
        plain.sendall(CLIENT)
        with secured(plain, certificates) as client:
            assert receive_to_the_word(client) == b"hello, 192.0.2.7\n"
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, finished=1)


def test_it_may_come_together_with_the_handshake(certificates: Certificates) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = certificates.client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with (
        serving(tls=certificates.server_tls, preamble=proxy_protocol(["127.0.0.1"])) as server,
        client_of(server) as plain,
    ):
        with pytest.raises(ssl.SSLWantReadError):
            client.do_handshake()
        plain.sendall(CLIENT + outgoing.read())
        while True:
            incoming.write(plain.recv(65_536))
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
                break
        client.write(b"hello\n")
        plain.sendall(outgoing.read())
        eventually(lambda: server.statistics().active == 1)


def test_a_client_of_its_own_needs_no_header(certificates: Certificates) -> None:
    preamble = proxy_protocol(["127.0.0.1"], required=False)
    with serving(tls=certificates.server_tls, preamble=preamble) as server:
        assert ask_by_tls(server, certificates) == "hello"


def test_behind_a_header_silent_clients_take_no_room(certificates: Certificates) -> None:
    with (
        serving(
            tls=certificates.server_tls,
            max_connections=1,
            preamble=proxy_protocol(["127.0.0.1"]),
        ) as server,
        contextlib.ExitStack() as undoing,
    ):
        for _ in range(5):
            undoing.enter_context(client_of(server)).sendall(CLIENT)
        eventually(lambda: server.statistics().shaking_hands == 5)
        with client_of(server) as plain:
            plain.sendall(CLIENT)
            with secured(plain, certificates) as client:
                assert talk(client, "hello") == "hello"


# -- waiting for input, and the end ----------------------------------------------------------------


@in_threads
def test_what_tls_says_is_no_input(certificates: Certificates, threads: Any) -> None:
    waits = threading.Event()
    found: SimpleQueue[bool] = SimpleQueue()

    def answer(connection: ServerConnection) -> None:
        waits.set()
        while connection.server.wait_for_input(connection):
            found.put(True)
            connection.write_line(connection.read_line().upper(), flush=True)
        connection.write_line("goodbye")

    with serving(answer, tls=certificates.server_tls, threads=threads) as server:
        client = make_socket(
            "localhost",
            server.port,
            address_family="ipv4",
            tls=certificates.client_tls,
            timeout=PATIENCE,
        )
        with client:
            assert waits.wait(PATIENCE)
            client.write("two\nlines\n", flush=True)
            assert [client.read_line(), client.read_line()] == ["TWO", "LINES"]
            assert found.get(timeout=PATIENCE)
            assert found.get(timeout=PATIENCE)
            assert server.shutdown(PATIENCE)
            assert client.read_line() == "goodbye"
            assert client.read() == b""  # and no truncation: the server has said so
    assert found.empty()


def test_the_end_of_file_is_input(certificates: Certificates) -> None:
    def answer(connection: ServerConnection) -> None:
        assert connection.server.wait_for_input(connection)
        assert connection.read() == b""
        assert connection.server.wait_for_input(connection)

    with (
        serving(answer, tls=certificates.server_tls) as server,
        tls_client_of(server, certificates) as client,
    ):
        client.unwrap()
    assert server.statistics().finished == 1


@pytest.mark.exact_io("what is sent past TLS is cut")
def test_a_half_record_is_none(certificates: Certificates) -> None:
    def answer(connection: ServerConnection) -> None:
        with pytest.raises(TimedOut):
            connection.server.wait_for_input(connection, timeout=50 * MS)
        connection.write_line("nothing")

    with (
        serving(answer, tls=certificates.server_tls) as server,
        tls_client_of(server, certificates) as client,
    ):
        os.write(client.fileno(), b"\x17\x03\x03\x40\x00half")
        assert receive_line(client) == "nothing"


@pytest.mark.exact_io("who looks is counted")
@in_threads
def test_who_takes_no_answers_is_not_looked_at_again_and_again(
    certificates: Certificates, threads: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """So much waits to be sent that nothing is read, and what has come stays where it is."""
    looks: list[object] = []

    def answer(connection: ServerConnection) -> None:
        has_begun.set()
        assert has_sent.wait(PATIENCE)
        channel: Any = connection._channel
        fill(channel)
        receive_into = channel.receive_into

        def look(buffer: Any) -> int | None:
            looks.append(buffer)
            count: int | None = receive_into(buffer)
            return count

        monkeypatch.setattr(channel, "receive_into", look)
        with pytest.raises(TimedOut):
            connection.server.wait_for_input(connection, timeout=50 * MS)
        has_looked.set()
        assert connection.server.wait_for_input(connection)
        assert connection.read_line() == "a line"

    has_begun, has_sent, has_looked = (threading.Event() for _ in range(3))
    path = str(tmp_path / "socket")  # for TCP the system would go on finding room
    with (
        serving(answer, path=path, tls=certificates.server_tls, threads=threads) as server,
        socket.socket(socket.AF_UNIX) as plain,
    ):
        plain.settimeout(PATIENCE)
        plain.connect(path)
        with secured(plain, certificates) as client:
            assert has_begun.wait(PATIENCE)
            client.sendall(b"a line\n")
            has_sent.set()
            assert has_looked.wait(PATIENCE)
            assert len(looks) < 10
            receive_to_the_end(client)
    assert server.statistics().finished == 1


def test_who_ends_without_a_word_has_broken_it(certificates: Certificates) -> None:
    gate = Gate(until_it_is_over)
    with (
        serving(gate, tls=certificates.server_tls) as server,
        tls_client_of(server, certificates) as client,
    ):
        gate.next()
        gate.open()
        client.shutdown(socket.SHUT_WR)
        assert isinstance(gate.next_end(), TLSTruncated)
    assert server.statistics().broken == 1


@each_way
def test_a_server_that_closes_ends_handshakes(certificates: Certificates, threads: Any) -> None:
    with (
        serving(tls=certificates.server_tls, threads=threads) as server,
        client_of(server) as client,
    ):
        eventually(lambda: server.statistics().shaking_hands == 1)
        server.close()
        assert receive_to_the_end(client) == b""
    assert server.statistics() == ServerStatistics(accepted=1, cut=1)


@in_threads
def test_a_server_that_drains_lets_handshakes_be_finished(
    certificates: Certificates, threads: Any
) -> None:
    with (
        serving(tls=certificates.server_tls, threads=threads) as server,
        client_of(server) as plain,
    ):
        eventually(lambda: server.statistics().shaking_hands == 1)
        server.shutdown(PATIENCE, wait=False)
        with secured(plain, certificates) as client:
            assert talk(client, "hello") == "hello"
            client.unwrap()
        assert server.wait(PATIENCE)
    assert server.statistics() == ServerStatistics(accepted=1, peak=1, finished=1)


# -- beginning later -------------------------------------------------------------------------------


@each_way
def test_a_handler_may_begin_with_it(certificates: Certificates, threads: Any) -> None:
    def upgrade(connection: ServerConnection) -> None:
        assert connection.read_line() == "STARTTLS"
        connection.write_line("go ahead")
        connection.start_tls(certificates.server_tls, server_side=True)
        while connection.server.wait_for_input(connection):
            line = connection.read_line()
            if line == "QUIT":
                return
            connection.write_line(line, flush=True)

    with serving(upgrade, threads=threads) as server, client_of(server) as plain:
        assert talk(plain, "STARTTLS") == "go ahead"
        with secured(plain, certificates) as client:
            assert talk(client, "hello") == "hello"
            client.sendall(b"QUIT\n")
            assert receive_to_the_word(client) == b""
    assert server.statistics().finished == 1


@pytest.mark.parametrize("limit", ["read_timeout", "idle_timeout", "lifetime"])
def test_the_limits_hold_for_that_handshake(certificates: Certificates, limit: str) -> None:
    def upgrade(connection: ServerConnection) -> None:
        connection.start_tls(certificates.server_tls, server_side=True)

    limits: Any = {limit: 50 * MS}
    with serving(upgrade, **limits) as server:
        assert visit(server) == b""
    assert server.statistics().timed_out == 1


# -- others' clients -------------------------------------------------------------------------------


@pytest.mark.exact_io("the conversation with the program is not up to faults")
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_openssl_resumes(certificates: Certificates, version: str) -> None:
    require("openssl")
    command = ["openssl", "s_client", "-reconnect", version, "-CAfile"]
    command += [str(certificates.authority.certificate), "-verify_return_error", "-connect"]
    with serving(tls=certificates.server_tls) as server:
        done = subprocess.run(
            [*command, f"localhost:{server.port}", "-4"],
            input=b"",
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    if version == "-tls1_2":  # by 1.3 it does not wait for the ticket
        assert done.stdout.count(b"Reused, TLSv1.2") == 5


@pytest.mark.exact_io("the conversation with the program is not up to faults")
def test_curl_gets_a_page(certificates: Certificates) -> None:
    require("curl")

    def answer(connection: ActiveSocket) -> None:
        while connection.read_line():
            pass
        connection.write("HTTP/1.0 200 OK\n\nhello, curl")

    with serving(answer, tls=certificates.server_tls, external_format="utf-8/crlf") as server:
        done = subprocess.run(
            [
                *("curl", "-sS", "--ipv4", "--cacert", str(certificates.authority.certificate)),
                f"https://localhost:{server.port}/",
            ],
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stdout) == (0, b"hello, curl"), done.stderr
