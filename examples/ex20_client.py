"""Encrypted echo client: sends the lines that you type, and prints what comes back, by TLS.

.venv/bin/python examples/ex20_client.py --authority /tmp/certificates/authority-0.pem
"""

from supporting import HOST, PORT, add_address, parser_for, read_input_line, run
from supporting_tls import add_authority, client_tls

from trunkline import TLS, EndOfFile, TLSCertificateError, make_socket


# [entry]
def ex20_client(tls: TLS, host: str = HOST, port: int = PORT) -> None:
    try:
        # When this returns, the server has proved that it is `host`.
        socket = make_socket(host, port, tls=tls)
    except TLSCertificateError as error:
        raise SystemExit(f"This is not {host}: {error.verify_message}") from None
    with socket:
        print(f"Connected to {socket.remote_name} by {socket.tls_version}.")
        try:
            while True:
                socket.write_line(read_input_line())
                print(socket.read_line())
        except EndOfFile:
            print("It is over.")


# [/entry]

if __name__ == "__main__":
    parser = parser_for(ex20_client)
    add_address(parser, PORT)
    add_authority(parser)
    run(parser, lambda chosen: ex20_client(client_tls(chosen), chosen.host, chosen.port))
