"""A line protocol that begins in plain text, and is upgraded to TLS by the command STARTTLS.

Who has not upgraded is told nothing that is worth reading. End it with Ctrl-C.
"""

from supporting import PORT, add_listening_port, daytime, parser_for, run
from supporting_tls import add_certificate, server_tls

from trunkline import TLS, Server, ServerConnection

PATIENCE = 5
"""Seconds that a client has for its handshake."""


# [entry]
def ex21_server(tls: TLS, port: int = PORT) -> None:
    def serve(client: ServerConnection) -> None:
        for line in client:
            client.write_line(answer(line, is_safe=client.speaks_tls), flush=True)
            if line == "QUIT":
                return
            if line == "STARTTLS" and not client.speaks_tls:
                # Whatever has come behind the command, and is no handshake, is refused here:
                # somebody in between may have put it there.
                client.start_tls(tls, server_side=True, timeout=PATIENCE)

    with Server(serve, host="0.0.0.0", port=port, external_format="utf-8/crlf") as server:
        print(f"Listening at {server.local_names[0]}")
        server.serve_forever()


# [/entry]


# [answers]
def answer(command: str, *, is_safe: bool) -> str:
    """Say what a command is answered."""
    if command == "QUIT":
        return "OK goodbye"
    if command == "STARTTLS":
        return "NO it is TLS already" if is_safe else "OK go ahead"
    if command == "TIME":
        return f"OK {daytime()}" if is_safe else "NO say STARTTLS first"
    return "NO there are TIME, STARTTLS and QUIT"


# [/answers]

if __name__ == "__main__":
    parser = parser_for(ex21_server)
    add_listening_port(parser, PORT)
    add_certificate(parser)
    run(parser, lambda chosen: ex21_server(server_tls(chosen), chosen.port))
