"""Daytime client for all: connects by IPv6 or by IPv4, whichever works, or by the one you want."""

from typing import Literal

from supporting import HOST, PORT, add_address, parser_for, run

from trunkline import make_socket

Family = Literal["internet", "ipv6", "ipv4"]
FAMILIES: tuple[Family, ...] = ("internet", "ipv6", "ipv4")


# [entry]
def ex12_client(host: str = HOST, port: int = PORT, family: Family = "internet") -> None:
    # A name may have addresses of both families. With "internet" they are tried in turns, IPv6
    # first, each a quarter of a second after the one before, until one of them answers.
    with make_socket(host, port, address_family=family, external_format="utf-8/crlf") as socket:
        print(f"Connected by {socket.address_family} to {socket.remote_name}.")
        print(socket.read_line())


# [/entry]

if __name__ == "__main__":
    parser = parser_for(ex12_client)
    add_address(parser, PORT)
    parser.add_argument(
        "--family", choices=FAMILIES, default="internet", help="which addresses (%(default)s)"
    )
    run(parser, lambda chosen: ex12_client(chosen.host, chosen.port, chosen.family))
