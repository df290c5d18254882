"""A proxy that ends TLS: clients speak it with the proxy, which speaks plainly with a server.

    .venv/bin/python examples/ex22_proxy.py --port 9998 --to-port 9999 --try-in /tmp/certificates

What one side ends, the other one sees ended; neither is read faster than the other one takes it.
"""

import threading

from supporting import HOST, PORT, add_listening_port, parser_for, port_number, run, say
from supporting_tls import add_certificate, server_tls

from trunkline import TLS, ActiveSocket, Server, ServerConnection, SocketError, make_socket


# [entry]
def ex22_proxy(tls: TLS, port: int, to_host: str, to_port: int) -> None:
    def serve(client: ServerConnection) -> None:
        with make_socket(to_host, to_port) as server:
            # A thread for each direction: this one, and one more.
            answering = threading.Thread(target=pump_or_say, args=(server, client))
            answering.start()
            try:
                pump(client, server)
            finally:
                answering.join()

    with Server(serve, host="0.0.0.0", port=port, tls=tls) as proxy:
        print(f"Listening at {proxy.local_names[0]}, for {to_host}:{to_port}")
        proxy.serve_forever()


# [/entry]


# [pump]
def pump(source: ActiveSocket, target: ActiveSocket) -> None:
    """Hand on what comes, until its end, and hand on that."""
    try:
        while data := source.read():
            target.write(data, flush=True)
        target.shutdown(write=True)
    except BaseException:
        # Half of a conversation is no use: whoever waits at the other side is told.
        source.close(abort=True)
        target.close(abort=True)
        raise


def pump_or_say(source: ActiveSocket, target: ActiveSocket) -> None:
    try:
        pump(source, target)
    except SocketError as error:
        say(str(error))


# [/pump]

if __name__ == "__main__":
    parser = parser_for(ex22_proxy)
    add_listening_port(parser, PORT - 1)
    parser.add_argument("--to-host", default=HOST, help="the server's name (%(default)s)")
    parser.add_argument("--to-port", type=port_number, default=PORT, help="(%(default)s)")
    add_certificate(parser)
    run(
        parser,
        lambda chosen: ex22_proxy(server_tls(chosen), chosen.port, chosen.to_host, chosen.to_port),
    )
