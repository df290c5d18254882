"""Asks a server for the time in plain text, upgrades to TLS by STARTTLS, and asks again."""

from supporting import HOST, PORT, add_address, parser_for, run
from supporting_tls import add_authority, client_tls

from trunkline import TLS, ActiveSocket, make_socket


# [entry]
def ex21_client(tls: TLS, host: str = HOST, port: int = PORT) -> None:
    with make_socket(host, port, external_format="utf-8/crlf") as server:
        ask(server, "TIME")
        if not ask(server, "STARTTLS"):
            # To go on in plain text is what somebody in between would like.
            raise SystemExit("The server does not speak TLS.")
        server.start_tls(tls)
        print(f"Now it is {server.tls_version}.")
        ask(server, "TIME")
        ask(server, "QUIT")


def ask(server: ActiveSocket, command: str) -> bool:
    """Give a command, print what is answered, and return whether that is yes."""
    server.write_line(command)
    answer = server.read_line()
    print(f"{command}: {answer}")
    return answer.startswith("OK")


# [/entry]

if __name__ == "__main__":
    parser = parser_for(ex21_client)
    add_address(parser, PORT)
    add_authority(parser)
    run(parser, lambda chosen: ex21_client(client_tls(chosen), chosen.host, chosen.port))
