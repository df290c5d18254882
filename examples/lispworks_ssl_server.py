"""Talk server by TLS: tells each client what it has just sent.

The function of the server only makes a thread for each connection, which waits for the client's
handshake. Ctrl-C ends it.
"""

import sys
from threading import Thread

from supporting import add_listening_port, parser_for, run, say
from supporting_tls import add_certificate, server_tls

from trunkline import TLS, ActiveSocket, SocketError, StreamError
from trunkline.dialects.lispworks import (
    create_ssl_socket_stream,
    server_terminate,
    start_up_server,
)

SSL_PORT = 10245
PATIENCE = 10
"""Seconds that a client has for its handshake."""


# [program]
def lispworks_ssl_server(tls: TLS, port: int = SSL_PORT) -> None:
    """Serve until Ctrl-C."""

    def serve(handle: ActiveSocket) -> None:
        Thread(target=talk, args=(handle, tls), daemon=True).start()

    process, condition = start_up_server(function=serve, service=port, announce=True, wait=True)
    if process is None:
        sys.exit(str(condition))
    try:
        process.join()
    finally:
        server_terminate(process)


def talk(handle: ActiveSocket, tls: TLS) -> None:
    """Shake hands, and answer each line until the other end closes the connection."""
    with handle:
        try:
            stream = create_ssl_socket_stream(handle, tls, timeout=PATIENCE)
            for line in stream:
                stream.write_line(f"You sent: '{line}'", flush=True)
        except (SocketError, StreamError) as error:
            say(f"Client {handle.remote_name}: {error}")


# [/program]


if __name__ == "__main__":
    parser = parser_for(lispworks_ssl_server)
    add_listening_port(parser, SSL_PORT)
    add_certificate(parser)
    run(parser, lambda chosen: lispworks_ssl_server(server_tls(chosen), chosen.port))
