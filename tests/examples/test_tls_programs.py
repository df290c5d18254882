"""ex20 to ex22: an encrypted echo, STARTTLS, and a proxy that ends TLS, as processes."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.serving import receive_line, serving, talk
from servers.tls_clients import receive_to_the_word, secured
from support.certificates import Certificates
from support.peers import connect
from support.processes import Program, example
from support.programs import require
from support.timing import PATIENCE


@contextlib.contextmanager
def served(name: str, certificates: Certificates, *arguments: str) -> Iterator[tuple[Program, int]]:
    issued = certificates.server
    given = ("--certificate", str(issued.certificate), "--key", str(issued.key))
    with example(name, "--port", "0", *given, *arguments) as server:
        port = int(server.wait_for_line(r"^Listening at 0\.0\.0\.0:(\d+)")[1])
        yield server, port
        server.interrupt()
        assert server.wait() == 130, server.transcript


def believing(certificates: Certificates, port: int) -> tuple[str, ...]:
    return ("--port", str(port), "--authority", str(certificates.authority.certificate))


def test_lines_are_echoed(certificates: Certificates) -> None:
    with served("ex20_server", certificates) as (server, port):
        with example("ex20_client", *believing(certificates, port)) as client:
            client.wait_for_line(r"^Connected to .* by TLSv1\.3\.$")
            client.send("hello\n")
            client.wait_for_line("^hello$")
            client.close_stdin()
            client.wait_for_line(r"^It is over\.$")
            assert client.wait() == 0, client.transcript
        server.wait_for_line("speaks TLSv1.3")


def test_a_certificate_to_try_it_with(certificates: Certificates, tmp_path: Path) -> None:
    with example("ex20_server", "--port", "0", "--try-in", str(tmp_path / "new")) as server:
        authority = server.wait_for_line("^Clients have to believe: (.*)$")[1]
        port = server.wait_for_line(r"^Listening at 0\.0\.0\.0:(\d+)")[1]
        with example("ex20_client", "--port", port, "--authority", authority) as client:
            client.wait_for_line("^Connected to")
        stranger = str(certificates.authority.certificate)
        with example("ex20_client", "--port", port, "--authority", stranger) as client:
            assert client.wait() == 1
            assert "This is not localhost" in client.transcript
        server.interrupt()
        assert server.wait() == 130, server.transcript


def test_a_plain_protocol_is_upgraded(certificates: Certificates) -> None:
    with served("ex21_server", certificates) as (_, port):
        with example("ex21_client", *believing(certificates, port)) as client:
            assert client.wait() == 0, client.transcript
        lines = client.output.splitlines()
        assert lines[:3] == [
            "TIME: NO say STARTTLS first",
            "STARTTLS: OK go ahead",
            "Now it is TLSv1.3.",
        ]
        assert lines[3].startswith("TIME: OK ")
        assert lines[4] == "QUIT: OK goodbye"


def test_what_stands_behind_the_command_is_refused(certificates: Certificates) -> None:
    with (
        served("ex21_server", certificates) as (_, port),
        connect(("127.0.0.1", port)) as client,
    ):
        client.sendall(b"STARTTLS\r\nTIME\r\n")
        assert receive_line(client) == "OK go ahead\r"
        with pytest.raises(OSError):  # noqa: PT011 - whichever it finds first
            secured(client, certificates)


def test_the_proxy_ends_tls_for_openssl(certificates: Certificates) -> None:
    require("openssl")
    with serving() as behind:
        to = ("--to-host", "127.0.0.1", "--to-port", str(behind.port))
        with served("ex22_proxy", certificates, *to) as (_, port):
            command = ["openssl", "s_client", "-quiet", "-no_ign_eof", "-verify_return_error"]
            command += ["-CAfile", str(certificates.authority.certificate), "-4", "-connect"]
            with subprocess.Popen(
                [*command, f"localhost:{port}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ) as peer:
                assert peer.stdin is not None
                assert peer.stdout is not None
                peer.stdin.write(b"hello\n")
                peer.stdin.flush()
                assert peer.stdout.readline() == b"hello\n"
                peer.stdin.close()
                peer.wait(PATIENCE)
    assert behind.statistics().finished == 1


def test_the_proxy_hands_on_ends(certificates: Certificates) -> None:
    with serving(lambda connection: connection.write(b"all" * 100_000)) as behind:
        to = ("--to-host", "127.0.0.1", "--to-port", str(behind.port))
        with (
            served("ex22_proxy", certificates, *to) as (_, port),
            secured(connect(("127.0.0.1", port)), certificates) as client,
        ):
            assert receive_to_the_word(client) == b"all" * 100_000


def test_the_proxy_serves_several(certificates: Certificates) -> None:
    with serving() as behind:
        to = ("--to-host", "127.0.0.1", "--to-port", str(behind.port))
        with (
            served("ex22_proxy", certificates, *to) as (_, port),
            secured(connect(("127.0.0.1", port)), certificates) as one,
            secured(connect(("127.0.0.1", port)), certificates) as other,
        ):
            assert talk(one, "one") == "one"
            assert talk(other, "other") == "other"
            one.unwrap()
            other.unwrap()
