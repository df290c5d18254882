"""Daytime server for all: one socket takes clients by IPv6 and by IPv4.

End it with Ctrl-C.
"""

from supporting import PORT, daytime, run_server

from trunkline import IPV6_UNSPECIFIED, ConnectionReset, Hangup, IPAddress, IPv6Address, make_socket


# [entry]
def ex12_server(port: int = PORT) -> None:
    # An IPv6 socket takes what comes by IPv4, too, unless it is told not to. Whether it is told if
    # nobody says so depends on the machine, so we do; v6_only=True would leave IPv4 to another one.
    with make_socket(
        connect="passive",
        address_family="ipv6",
        external_format="utf-8/crlf",
        v6_only=False,
        local_host=IPV6_UNSPECIFIED,
        local_port=port,
    ) as server:
        print(f"Listening on socket bound to: {server.local_name}")
        for client in server:
            with client:
                print(f"Telling {how_they_came(client.remote_host)} the time.")
                try:
                    client.write_line(daytime())
                    client.finish_output()
                except (ConnectionReset, Hangup):
                    print("It did not wait for that.")


# [/entry]


# [mapped]
def how_they_came(address: IPAddress) -> str:
    """Tell a client's address as it is known to others."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        # To an IPv6 socket, each IPv4 address is one of IPv6 that begins with ::ffff.
        return f"{address.ipv4_mapped}, which came by IPv4,"
    return f"{address}, which came by IPv6,"


# [/mapped]

if __name__ == "__main__":
    run_server(ex12_server)
