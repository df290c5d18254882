"""TLS as LispWorks has it: its streams, in both roles."""

import threading
from typing import Any

import pytest
from support.certificates import Certificates
from support.processes import example
from support.timing import MS, PATIENCE

from trunkline import ActiveSocket, TimedOut, TLSCertificateError, TLSError, make_socket
from trunkline.dialects.lispworks import (
    create_ssl_socket_stream,
    open_tcp_stream,
    server_terminate,
    start_up_server,
)


@pytest.mark.parametrize("limits", [{}, {"read_timeout": PATIENCE}])
def test_a_server_and_a_client(certificates: Certificates, limits: dict[str, Any]) -> None:
    threads = []

    def talk(handle: ActiveSocket) -> None:
        with handle, create_ssl_socket_stream(handle, certificates.server_tls) as stream:
            for line in stream:
                stream.write_line(f"You sent: {line!r}", flush=True)

    def serve(handle: ActiveSocket) -> None:
        threads.append(threading.Thread(target=talk, args=(handle,)))
        threads[-1].start()

    process, _ = start_up_server(function=serve, address="127.0.0.1", wait=True)
    assert process is not None
    assert process.socket is not None
    port = process.socket.local_port
    tls = certificates.client_tls
    with open_tcp_stream("localhost", port, ssl_ctx=tls, ipv6=False, **limits) as stream:
        assert stream.tls_version == "TLSv1.3"
        stream.write_line("größer")
        assert stream.read_line() == "You sent: 'größer'"
    server_terminate(process)
    for thread in threads:
        thread.join(PATIENCE)


def test_why_it_could_not_be_opened(certificates: Certificates) -> None:
    stranger = certificates.stranger.client_tls()
    with make_socket(
        connect="passive", local_host="127.0.0.1", tls=certificates.server_tls
    ) as listener:

        def accept() -> None:
            with listener.accept() as client, pytest.raises(TLSError):
                client.handshake(timeout=PATIENCE)

        thread = threading.Thread(target=accept)
        thread.start()
        stream, condition = open_tcp_stream("127.0.0.1", listener.local_port, ssl_ctx=stranger)
        thread.join(PATIENCE)
        assert stream is None
        assert isinstance(condition, TLSCertificateError)
        _, condition = open_tcp_stream(
            "127.0.0.1", listener.local_port, ssl_ctx=stranger, timeout=50 * MS
        )
        assert isinstance(condition, TimedOut)  # nobody shakes hands
        with pytest.raises(ValueError, match="ssl_side is"):
            create_ssl_socket_stream(None, True, ssl_side="both")  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_example(certificates: Certificates) -> None:
    issued = certificates.server
    given = ("--certificate", str(issued.certificate), "--key", str(issued.key))
    with example("lispworks_ssl_server", "--port", "0", *given) as server:
        port = int(server.wait_for_line(r" has started at .*:(\d+)")[1])
        tls = certificates.client_tls
        with open_tcp_stream("localhost", port, ssl_ctx=tls, timeout=PATIENCE) as stream:
            stream.write_line("hello")
            assert stream.read_line() == "You sent: 'hello'"
        server.interrupt()
        assert server.wait() == 130, server.transcript
