"""Encrypted echo server: sends back the lines that clients send, by TLS.

    .venv/bin/python examples/ex20_server.py --try-in /tmp/certificates

End it with Ctrl-C.
"""

from supporting import PORT, add_listening_port, parser_for, run, say
from supporting_tls import add_certificate, server_tls

from trunkline import TLS, Server, ServerConnection


# [entry]
def ex20_server(tls: TLS, port: int = PORT) -> None:
    # The server shakes hands by itself, with all clients at once. Who fails, or says nothing,
    # never gets to the handler.
    with Server(echo, host="0.0.0.0", port=port, tls=tls) as server:
        print(f"Listening at {server.local_names[0]}")
        server.serve_forever()


# [/entry]


# [handler]
def echo(client: ServerConnection) -> None:
    say(f"{client.remote_name} speaks {client.tls_version}, {client.cipher}.")
    for line in client:
        client.write_line(line, flush=True)


# [/handler]

if __name__ == "__main__":
    parser = parser_for(ex20_server)
    add_listening_port(parser, PORT)
    add_certificate(parser)
    run(parser, lambda chosen: ex20_server(server_tls(chosen), chosen.port))
